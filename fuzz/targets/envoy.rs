//! Any bytes as a configuration of Envoy, in YAML and JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("envoy", bytes));
