//! Any bytes as everything that a verdict is made of.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("verify", bytes));
