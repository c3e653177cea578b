//! Any bytes as an endpoint's answer to an HTTP request.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("http", bytes));
