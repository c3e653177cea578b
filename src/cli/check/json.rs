//! The answer for programs: the API's form of each target.

use crate::app::sources::Seen;
use crate::http;

/// A JSON array, one element a place, sorted by source and place.
pub(super) fn json(seen: &Seen) -> String {
    let mut targets = Vec::new();
    for source in seen.snapshot.sources.values() {
        let mut of_source: Vec<_> = source.targets().collect();
        of_source.sort_by(|a, b| a.place.cmp(&b.place));
        targets.extend(of_source.into_iter().map(|target| http::describe(&source.header, target, &*seen.revocation)));
    }
    format!("{:#}\n", serde_json::Value::Array(targets))
}
