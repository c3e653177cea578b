//! Any bytes as a kubeconfig.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| notafter_fuzz::run("kubeconfig", bytes));
