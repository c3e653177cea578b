//! Any bytes as what an HTTP or SOCKS5 proxy answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("proxy", bytes));
