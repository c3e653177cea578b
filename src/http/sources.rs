//! `/api/v1/sources`: every source and how its latest scan went.

use std::time::SystemTime;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;

use crate::model::{FailureFacts, SourceHeader, SourceKind, SourceStatus, UnixTime};

use super::{Shared, json};

#[derive(Serialize)]
struct Answer<'a> {
    generation: u64,
    ready: bool,
    sources: Vec<SourceRow<'a>>,
}

#[derive(Serialize)]
struct SourceRow<'a> {
    name: &'a str,
    kind: SourceKind,
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

/// A failure, as the API shows it.
#[derive(Serialize)]
pub struct FailureRow<'a> {
    stage: &'static str,
    reason: &'static str,
    detail: &'a str,
    since: String,
}

impl<'a> From<&'a FailureFacts> for FailureRow<'a> {
    fn from(failure: &'a FailureFacts) -> Self {
        Self { stage: failure.stage.as_str(), reason: failure.reason.as_str(), detail: &failure.detail, since: failure.since.rfc3339() }
    }
}

/// All sources, by name.
pub async fn list(state: Shared) -> Response<Body> {
    let view = state.snapshots.load();
    let mut sources = Vec::new();
    view.sources(&mut |source, status| sources.push(row(source, status)));
    json(StatusCode::OK, &Answer { generation: view.generation(), ready: view.ready(), sources })
}

fn row<'a>(source: &'a SourceHeader, status: &'a SourceStatus) -> SourceRow<'a> {
    let time = |at: Option<SystemTime>| at.map(|at| UnixTime::from(at).rfc3339());
    SourceRow {
        name: &source.id.name,
        kind: source.id.kind,
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
