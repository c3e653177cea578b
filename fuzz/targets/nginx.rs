//! Any bytes as a configuration of nginx.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::source::nginx;

fuzz_target!(|bytes: &[u8]| {
    let Ok(named) = nginx::named(bytes, 10_000) else { return };
    for (path, users) in named {
        assert!(path.starts_with("/") && users.len() <= 32 && users.is_sorted());
    }
});
