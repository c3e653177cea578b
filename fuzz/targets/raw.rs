//! Any bytes as a server's answer to the hand-made hello, at once and in parts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::net::Reading;

fuzz_target!(|bytes: &[u8]| {
    let mut whole = Reading::new(0x0303);
    let outcome = whole.feed(bytes);
    let mut parts = Reading::new(0x0303);
    let mut last = Ok(false);
    for part in bytes.chunks(7) {
        last = parts.feed(part);
        if last != Ok(false) {
            break;
        }
    }
    if outcome == Ok(true) {
        assert_eq!(last, outcome);
        assert_eq!(parts.into_shown(), whole.into_shown());
    }
});
