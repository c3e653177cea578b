//! The log's lines about what places say together: one when something is found, one when it is no more.

use std::sync::Arc;

use tracing::{info, warn};

use crate::model::{Finding, Related, SourceId, TargetState};

/// After so many lines of one publication the rest is only counted.
const LINES: usize = 50;

/// Logs what was found, and what is no more, at targets as they were and as they are.
pub(super) fn log(source: &SourceId, changed: &[(Arc<TargetState>, Arc<TargetState>)]) {
    let mut left = LINES;
    let mut unsaid = 0;
    for (before, after) in changed {
        let (old, new) = (before.related.as_deref(), after.related.as_deref());
        for evidence in
            new.iter().flat_map(|related| &related.evidence).filter(|evidence| !has(old, evidence.finding, evidence.certificate))
        {
            if left == 0 {
                unsaid += 1;
                continue;
            }
            left -= 1;
            let since = evidence.since.rfc3339();
            warn!(%source, place = %after.place, finding = %evidence.finding, other_source = &*evidence.source, other_place = &*evidence.place, since, "{}", evidence.detail);
        }
        for evidence in
            old.iter().flat_map(|related| &related.evidence).filter(|evidence| !has(new, evidence.finding, evidence.certificate))
        {
            if left == 0 {
                unsaid += 1;
                continue;
            }
            left -= 1;
            info!(%source, place = %after.place, finding = %evidence.finding, "well again");
        }
    }
    if unsaid > 0 {
        warn!(%source, "{unsaid} more findings came or went; all of them stand in /api/v1/targets");
    }
}

fn has(related: Option<&Related>, finding: Finding, certificate: Option<[u8; 32]>) -> bool {
    related.is_some_and(|related| match certificate {
        None => related.target.contains(finding),
        Some(fingerprint) => related.certificate(&fingerprint).contains(finding),
    })
}
