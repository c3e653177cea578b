//! Any bytes as the header lines of a fetched list or response.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("fetched", bytes));
