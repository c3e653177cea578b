//! Any bytes as the records of the state file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("state", bytes));
