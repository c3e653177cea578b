//! Any bytes as a configuration of Envoy, in YAML and JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::source::envoy_config;

fuzz_target!(|bytes: &[u8]| {
    let _ = envoy_config::named("a.yaml", bytes);
    let _ = envoy_config::named("a.json", bytes);
});
