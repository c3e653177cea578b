//! `/api/v1/certificates?source=&role=&finding=&unowned=&min_places=&limit=&after=`: every certificate once, with all places that hold it.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::extract::Query;
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::model::facts::{SubjectName, hex};
use crate::model::{CertRole, CertificateFacts, Finding, SnapshotView, SourceHeader, TargetState};

use super::targets::words;
use super::{Shared, json, page_limit, refused};

/// Places of one certificate that are listed; the rest is counted.
const PLACES: usize = 100;

/// The query.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    source: Option<String>,
    role: Option<String>,
    finding: Option<String>,
    /// `true`: those that a place without an owner holds.
    unowned: Option<bool>,
    min_places: Option<u64>,
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    generation: u64,
    /// How many fit the query, on all pages.
    total: u64,
    certificates: Vec<Row<'a>>,
    /// For `after=` of the next page; absent on the last.
    next: Option<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    fingerprint: String,
    role: &'static str,
    subject: &'a str,
    issuer: &'a str,
    serial: &'a str,
    not_before: String,
    not_after: String,
    names: Vec<String>,
    /// Of all places together.
    findings: Vec<&'static str>,
    /// In how many places it is.
    count: u64,
    /// At most 100 of them.
    places: Vec<PlaceRow<'a>>,
}

#[derive(Serialize)]
struct PlaceRow<'a> {
    source: &'a str,
    kind: &'static str,
    place: String,
    /// The user's label that names who owns it, with its value; absent where none does.
    owner: Option<String>,
    findings: Vec<&'static str>,
}

/// What a query selects.
struct Selected<'p> {
    parameters: &'p Parameters,
    finding: Option<Finding>,
    role: Option<CertRole>,
}

/// One page of certificates, by fingerprint.
pub async fn list(state: Shared, Query(parameters): Query<Parameters>) -> Response<Body> {
    let limit = match page_limit(parameters.limit) {
        Ok(limit) => limit,
        Err(refusal) => return *refusal,
    };
    let after = match parameters.after.as_deref().map(fingerprint) {
        Some(None) => return refused(StatusCode::BAD_REQUEST, "after: expected the value of \"next\" of the page before"),
        after => after.flatten(),
    };
    let finding = match parameters.finding.as_deref().map(|word| Finding::ALL.iter().find(|finding| finding.as_str() == word)) {
        Some(None) => return refused(StatusCode::BAD_REQUEST, "finding: no finding has this name"),
        finding => finding.flatten().copied(),
    };
    let role = match parameters.role.as_deref().map(|word| CertRole::ALL.iter().find(|role| role.as_str() == word)) {
        Some(None) => return refused(StatusCode::BAD_REQUEST, "role: expected leaf, intermediate or root"),
        role => role.flatten().copied(),
    };
    let view = state.snapshots.load();
    // A walk over everything: not for the async threads, and few at a time.
    state.walk(move || page(&*view, &Selected { parameters: &parameters, finding, role }, after, limit)).await
}

fn page(view: &dyn SnapshotView, selected: &Selected<'_>, after: Option<[u8; 32]>, limit: usize) -> Response<Body> {
    // Which they are, in memory of one fingerprint each; then the places of those on this page.
    let fitting = selected.fingerprints(view);
    let behind = fitting.iter().filter(|(fingerprint, _)| after.is_none_or(|after| **fingerprint > after));
    let page: BTreeSet<[u8; 32]> = behind.clone().take(limit).map(|(fingerprint, _)| *fingerprint).collect();
    let next = (behind.count() > limit).then(|| page.last().map(|last| hex(last))).flatten();
    let certificates = rows(view, &page);
    json(StatusCode::OK, &Answer { generation: view.generation(), total: fitting.len() as u64, certificates, next })
}

impl Selected<'_> {
    /// The certificates that fit, with their numbers of places.
    fn fingerprints(&self, view: &dyn SnapshotView) -> BTreeMap<[u8; 32], u64> {
        let mut found: BTreeMap<[u8; 32], (u64, bool)> = BTreeMap::new();
        each(view, &mut |source, target, index, facts| {
            let entry = found.entry(facts.fingerprint).or_default();
            entry.0 += 1;
            entry.1 |= self.fits(source, target, index, facts);
        });
        let least = self.parameters.min_places.unwrap_or(0);
        let fitting = found.into_iter().filter(|(_, (places, fits))| *fits && *places >= least);
        fitting.map(|(fingerprint, (places, _))| (fingerprint, places)).collect()
    }

    fn fits(&self, source: &SourceHeader, target: &TargetState, index: usize, facts: &CertificateFacts) -> bool {
        self.parameters.source.as_deref().is_none_or(|name| *source.id.name == *name)
            && self.role.is_none_or(|role| facts.role == role)
            && self.finding.is_none_or(|finding| target.report.certificate(index).contains(finding))
            && self.parameters.unowned.is_none_or(|wanted| target.is_unowned(&source.options) == wanted)
    }
}

fn rows<'a>(view: &'a dyn SnapshotView, page: &BTreeSet<[u8; 32]>) -> Vec<Row<'a>> {
    let mut rows: BTreeMap<[u8; 32], (Row<'a>, crate::model::FindingSet)> = BTreeMap::new();
    each(view, &mut |source, target, index, facts| {
        if !page.contains(&facts.fingerprint) {
            return;
        }
        let (row, all) = rows.entry(facts.fingerprint).or_insert_with(|| (row(facts), Default::default()));
        let findings = target.report.certificate(index);
        all.extend(findings);
        row.count += 1;
        if row.places.len() < PLACES {
            row.places.push(PlaceRow {
                source: &source.id.name,
                kind: source.id.kind.as_str(),
                place: target.place.to_string(),
                owner: target.owner(&source.options).map(|(label, owner)| format!("{label}={owner}")),
                findings: words(findings),
            });
        }
    });
    rows.into_values().map(|(row, all)| Row { findings: words(all), ..row }).collect()
}

fn row(facts: &CertificateFacts) -> Row<'_> {
    Row {
        fingerprint: facts.fingerprint_hex(),
        role: facts.role.as_str(),
        subject: &facts.subject,
        issuer: &facts.issuer,
        serial: &facts.serial,
        not_before: facts.not_before.rfc3339(),
        not_after: facts.not_after.rfc3339(),
        names: facts.names.iter().map(SubjectName::prefixed).collect(),
        findings: Vec::new(),
        count: 0,
        places: Vec::new(),
    }
}

/// Every certificate of every place.
fn each<'a>(view: &'a dyn SnapshotView, visit: &mut dyn FnMut(&'a SourceHeader, &'a TargetState, usize, &'a CertificateFacts)) {
    let mut sources: Vec<&SourceHeader> = Vec::new();
    view.sources(&mut |source, _| sources.push(source));
    for source in sources {
        view.targets(&source.id, &mut |target| {
            target.content.certificates.iter().enumerate().for_each(|(index, facts)| visit(source, target, index, facts));
        });
    }
}

/// A SHA-256 in hexadecimal.
pub fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
