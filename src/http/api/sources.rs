//! `/api/v1/sources`: every source and how its latest scan went.

use std::time::SystemTime;

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use super::list::{Asked, List, Selection, envelope, list as answer_list};
use super::parameters::{MAX_LIMIT, OF_SCANS};
use super::rows::FailureRow;
use crate::http::Shared;
use crate::http::query::sources::{self, Key};
use crate::model::{SourceHeader, SourceStatus, UnixTime};

/// What is asked. Sources are few: a page has as many of them as a page may have.
pub static LIST: List =
    List { outcomes: OF_SCANS, limit: MAX_LIMIT, walks: false, ..List::new(&["q", "source", "source_kind", "state", "limit", "after"]) };

#[derive(Serialize)]
struct SourceRow<'a> {
    name: &'a str,
    kind: &'static str,
    up: Option<bool>,
    targets: u64,
    bundles: u64,
    /// Places with a leaf whose owner no label names.
    unowned: u64,
    certificates: u64,
    last_scan: Option<String>,
    last_success: Option<String>,
    next_scan: Option<String>,
    failure: Option<FailureRow<'a>>,
}

/// One page of them, by name.
pub async fn list(state: Shared, asked: Asked) -> Response<Body> {
    answer_list(&state, &asked, &LIST, |selection: &Selection<Key<'static>>| {
        let Selection { view, filter, limit, after, .. } = selection;
        let page = sources::page(&**view, filter, after.as_ref(), *limit);
        envelope(view.generation(), &[("ready", view.ready())], "sources", &page, |(source, status)| row(source, status))
    })
    .await
}

fn row<'a>(source: &'a SourceHeader, status: &'a SourceStatus) -> SourceRow<'a> {
    let time = |at: Option<SystemTime>| at.map(|at| UnixTime::from(at).rfc3339());
    SourceRow {
        name: &source.id.name,
        kind: source.id.kind.as_str(),
        up: status.up,
        targets: status.targets,
        bundles: status.bundles,
        unowned: status.unowned,
        certificates: status.certificates,
        last_scan: time(status.last_scan_at),
        last_success: time(status.last_success_at),
        next_scan: time(status.next_scan_at),
        failure: status.failure.as_ref().map(FailureRow::from),
    }
}
