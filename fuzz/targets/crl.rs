//! Any bytes as one DER certificate revocation list.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::pki::crl;

fuzz_target!(|bytes: &[u8]| {
    let _ = crl::read(bytes);
});
