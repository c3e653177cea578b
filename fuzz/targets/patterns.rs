//! Patterns of paths, and a path.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("patterns", bytes));
