//! Any bytes as the cache's log: records that lie inside the file, or damage.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::revocation::cache::log;

fuzz_target!(|bytes: &[u8]| {
    let mut end = log::HEADER.len() as u64;
    let _ = log::read(bytes, &mut |_, span| {
        assert!(span.offset >= end);
        end = span.offset + span.whole();
        assert!(end <= bytes.len() as u64);
    });
    let _ = log::record(bytes);
});
