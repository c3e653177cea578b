//! The series of a source as a whole.

use std::time::SystemTime;

use crate::metrics::table;
use crate::model::SourceStatus;

use super::page::{Labels, Page};

/// Writes them all.
pub fn write(page: &mut Page, labels: &Labels, status: &SourceStatus) {
    let place = [labels.place()];
    if let Some(up) = status.up {
        page.line(table::SOURCE_UP, &place, up);
    }
    page.line(table::SOURCE_BUNDLES, &place, status.bundles);
    page.line(table::SOURCE_UNOWNED, &place, status.unowned);
    for (id, at) in [
        (table::SOURCE_LAST_SCAN, status.last_scan_at),
        (table::SOURCE_LAST_SUCCESS, status.last_success_at),
        (table::SOURCE_NEXT_SCAN, status.next_scan_at),
    ] {
        if let Some(at) = at {
            page.line(id, &place, seconds(at));
        }
    }
}

/// Unix seconds, to the millisecond.
fn seconds(at: SystemTime) -> f64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (since.as_secs_f64() * 1000.0).floor() / 1000.0
}
