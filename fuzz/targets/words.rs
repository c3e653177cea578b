//! The small languages of the configuration: patterns, names, sizes, networks, selectors.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("words", bytes));
