//! Any bytes as what the URL of an issuer's certificate (caIssuers) brings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::model::Limits;
use notafter::pki::{certificate, container};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    for der in container::open(bytes, &[], &limits).certificates {
        let _ = certificate::read(&der, &limits);
    }
});
