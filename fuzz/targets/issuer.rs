//! Any bytes as what the URL of an issuer's certificate (caIssuers) brings.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("issuer", bytes));
