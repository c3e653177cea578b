//! Any bytes as one DER certificate revocation list, whole and in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("crl", bytes));
