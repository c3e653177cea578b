//! Any bytes as a file, keystores included.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("container", bytes));
