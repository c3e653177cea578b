//! What the program wrote itself, and may find damaged.

use std::collections::BTreeMap;

use notafter::engine::state_file;
use notafter::revocation::cache::log;

/// The cache's log: records that lie inside the file, or damage.
pub(super) fn cache(bytes: &[u8]) {
    let mut end = log::HEADER.len() as u64;
    let _ = log::read(bytes, &mut |_, span| {
        assert!(span.offset >= end);
        end = span.offset + span.whole();
        assert!(end <= bytes.len() as u64);
    });
    let _ = log::record(bytes);
}

/// The records of the state file: what can be read is written again, and reads back to the same.
pub(super) fn state(bytes: &[u8]) {
    let Ok(read) = state_file::replay(bytes) else { return };
    let read: BTreeMap<_, _> = read.into_iter().collect();
    let written = state_file::records(read.iter().map(|(id, targets)| (id, &**targets))).expect("records");
    let again: BTreeMap<_, _> = state_file::replay(&written).expect("what was written can be read").into_iter().collect();
    let shown = |sources: &BTreeMap<_, _>| format!("{sources:?}");
    assert_eq!(shown(&again), shown(&read));
}
