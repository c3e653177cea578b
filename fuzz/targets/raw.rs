//! Any bytes as a server's answer to the hand-made hello, at once and in parts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("raw", bytes));
