//! Any bytes as the cache's log: records that lie inside the file, or damage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("cache", bytes));
