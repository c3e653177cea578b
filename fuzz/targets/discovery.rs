//! Any bytes as a list of targets of `file_sd` and `http_sd`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("discovery", bytes));
