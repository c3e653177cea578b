//! Any bytes as a client's certificate and key, and as a passphrase file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("identity", bytes));
