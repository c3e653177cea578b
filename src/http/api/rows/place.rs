//! Where something is, whose it is, and why it could not be looked at.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{FailureFacts, SourceHeader, TargetState};

/// The place of a row.
#[derive(Serialize)]
pub struct Located<'a> {
    source: &'a str,
    kind: &'static str,
    /// Its labels, as the metrics have them.
    place: BTreeMap<&'static str, String>,
    /// What it is called in the log, and by `place` of `/api/v1/trust/verify`.
    place_text: String,
}

impl<'a> Located<'a> {
    /// Where a target is.
    pub fn of(source: &'a SourceHeader, target: &TargetState) -> Self {
        let mut place = BTreeMap::new();
        target.place.each_label(|name, value| {
            place.insert(name, value.to_owned());
        });
        Self { source: &source.id.name, kind: source.id.kind.as_str(), place, place_text: target.place.to_string() }
    }
}

/// Who owns a place: by the first label that says so, and which one that is; both absent where none does.
#[derive(Serialize)]
pub struct Owner<'a> {
    owner: Option<&'a str>,
    owner_label: Option<&'a str>,
}

impl<'a> Owner<'a> {
    /// Who owns a target.
    pub fn of(source: &'a SourceHeader, target: &'a TargetState) -> Self {
        let known = target.owner(&source.options);
        Self { owner: known.map(|(_, owner)| owner), owner_label: known.map(|(label, _)| label) }
    }
}

/// Why a look or a scan failed.
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
