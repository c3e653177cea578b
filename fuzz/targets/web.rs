//! Any bytes as the web configuration.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("web", bytes));
