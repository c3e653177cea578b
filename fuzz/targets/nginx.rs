//! Any bytes as a configuration of nginx.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("nginx", bytes));
