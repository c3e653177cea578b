//! Any bytes as a list or watch of an API server, in chunks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("kubernetes", bytes));
