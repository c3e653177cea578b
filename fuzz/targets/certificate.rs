//! Any bytes as one DER certificate.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("certificate", bytes));
