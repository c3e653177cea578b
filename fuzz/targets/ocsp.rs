//! Any bytes as an OCSP response about a certificate.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("ocsp", bytes));
