//! Any bytes as what a server says before TLS; the first one chooses the protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("starttls", bytes));
