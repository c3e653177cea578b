//! Any bytes as one DER certificate.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::model::Limits;
use notafter::pki::certificate;

fuzz_target!(|bytes: &[u8]| {
    let _ = certificate::read(bytes, &Limits::default());
});
