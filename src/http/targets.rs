//! `/api/v1/targets?source=&unowned=&limit=&after=`: the why behind the series of each target, in bounded pages.

use std::collections::{BTreeMap, BinaryHeap};

use axum::body::Body;
use axum::extract::Query;
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::model::facts::{ResponseFacts, SubjectName, hex};
use crate::model::{
    CertificateFacts, CrlFacts, Evidence, Finding, FindingSet, Item, Place, Problem, Renewed, RevocationView, SourceHeader, SourceId,
    TargetState, Use, Waived,
};

use super::cursor::Cursor;
use super::revocation::VerdictRow;
use super::sources::FailureRow;
use super::{Shared, json, page_limit, refused};

/// A page ends early after so many certificates and CRLs: one place may hold thousands.
const MAX_ITEMS: usize = 10_000;

/// The query.
#[derive(Deserialize)]
pub struct Parameters {
    source: Option<String>,
    /// Only places with a leaf whose owner no label names.
    unowned: Option<bool>,
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    generation: u64,
    targets: Vec<TargetRow<'a>>,
    /// For `after=` of the next page; absent on the last.
    next: Option<String>,
}

#[derive(Serialize)]
struct TargetRow<'a> {
    source: &'a str,
    kind: &'static str,
    place: BTreeMap<&'static str, String>,
    labels: BTreeMap<&'a str, &'a str>,
    /// Who owns it, by the first label that says so; absent where none does.
    owner: Option<&'a str>,
    used_by: &'a [Use],
    /// When the owner means to renew it; absent where nobody says.
    renewal_due: Option<String>,
    /// The Certificate of cert-manager that it belongs to.
    certificate: Option<&'a str>,
    failure: Option<FailureRow<'a>>,
    problems: &'a [Problem],
    findings: Vec<&'static str>,
    /// What other places have to do with its findings.
    related: Vec<EvidenceRow<'a>>,
    /// The renewals seen in this place, oldest first.
    renewals: Vec<RenewalRow>,
    waived: Vec<WaivedRow<'a>>,
    /// What was waived until a time that has passed: the why behind `waiver_ended`.
    ended: Vec<WaivedRow<'a>>,
    changed: String,
    endpoint: Option<EndpointRow<'a>>,
    certificates: Vec<CertificateRow<'a>>,
    crls: Vec<CrlRow<'a>>,
    ocsp_responses: Vec<ResponseRow<'a>>,
}

#[derive(Serialize)]
struct EvidenceRow<'a> {
    finding: &'static str,
    /// Fingerprint; absent when it is about the place.
    certificate: Option<String>,
    since: String,
    /// The source of the other place; absent where there is none.
    source: Option<&'a str>,
    place: Option<&'a str>,
    detail: &'a str,
}

#[derive(Serialize)]
struct RenewalRow {
    at: String,
    old_fingerprint: String,
    new_fingerprint: String,
    /// The part of the old one's lifetime that was left.
    margin: f64,
    same_key: bool,
}

#[derive(Serialize)]
struct EndpointRow<'a> {
    version: Option<&'a str>,
    cipher: Option<&'a str>,
    group: Option<&'a str>,
    alpn: Option<&'a str>,
    client_certificate_requested: bool,
    client_certificate: &'static str,
    acceptable_cas: &'a [std::sync::Arc<str>],
    acceptable_cas_cut: bool,
    signature_schemes: &'a [std::sync::Arc<str>],
    clock_skew_seconds: Option<i64>,
    ocsp_stapled: bool,
    path_error: Option<&'a str>,
}

#[derive(Serialize)]
struct CertificateRow<'a> {
    role: &'static str,
    subject: &'a str,
    issuer: &'a str,
    serial: &'a str,
    not_before: String,
    not_after: String,
    fingerprint: String,
    key: &'static str,
    key_bits: u32,
    signature_algorithm: &'a str,
    names: Vec<String>,
    findings: Vec<&'static str>,
    waived: Vec<WaivedRow<'a>>,
    ended: Vec<WaivedRow<'a>>,
    /// Policies that it breaks, with what is waived.
    policies: Vec<PolicyRow<'a>>,
    /// Absent where it is not looked up.
    revocation: Option<VerdictRow>,
}

#[derive(Serialize)]
struct ResponseRow<'a> {
    serial: &'a str,
    produced_at: String,
    this_update: String,
    next_update: Option<String>,
    fingerprint: String,
}

/// A CRL, as the API shows it.
#[derive(Serialize)]
pub struct CrlRow<'a> {
    issuer: &'a str,
    number: Option<&'a str>,
    this_update: String,
    next_update: Option<String>,
    entries: u64,
    delta: bool,
    fingerprint: String,
    findings: Vec<&'static str>,
    waived: Vec<WaivedRow<'a>>,
    ended: Vec<WaivedRow<'a>>,
}

#[derive(Serialize)]
struct WaivedRow<'a> {
    finding: &'static str,
    until: String,
    owner: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct PolicyRow<'a> {
    policy: &'a str,
    findings: Vec<&'static str>,
}

/// One page of targets, sources by name and their targets by place.
pub async fn list(state: Shared, Query(parameters): Query<Parameters>) -> Response<Body> {
    let limit = match page_limit(parameters.limit) {
        Ok(limit) => limit,
        Err(refusal) => return *refusal,
    };
    let after = match parameters.after.as_deref().map(Cursor::decode) {
        Some(None) => return refused(StatusCode::BAD_REQUEST, "after: expected the value of \"next\" of the page before"),
        Some(cursor) => cursor,
        None => None,
    };
    let view = state.snapshots.load();
    let mut sources: Vec<&SourceHeader> = Vec::new();
    view.sources(&mut |source, _| sources.push(source));
    if let Some(name) = &parameters.source {
        sources.retain(|source| *source.id.name == **name);
        if sources.is_empty() {
            return refused(StatusCode::NOT_FOUND, "source: no source has this name");
        }
    }
    let revocation = state.revocations.load();
    let mut page = Page { revocation: &*revocation, limit, items: 0, last: None, more: false, targets: Vec::new() };
    for source in sources {
        let after = match &after {
            Some(cursor) if source.id < cursor.source => continue,
            Some(cursor) if source.id == cursor.source => Some(&cursor.place),
            _ => None,
        };
        let wanted = page.limit + 1 - page.targets.len();
        let is_wanted = |target: &TargetState| parameters.unowned != Some(true) || target.is_unowned(&source.options);
        let found = first_after(after, wanted, |visit| {
            view.targets(&source.id, &mut |target| {
                if is_wanted(target) {
                    visit(target)
                }
            });
        });
        if !found.into_iter().all(|target| page.take(source, target)) {
            break;
        }
    }
    let next = page.last.filter(|_| page.more).map(|(source, place)| Cursor { source: source.clone(), place: place.clone() }.encode());
    json(StatusCode::OK, &Answer { generation: view.generation(), targets: page.targets, next })
}

struct Page<'a> {
    revocation: &'a dyn RevocationView,
    limit: usize,
    items: usize,
    last: Option<(&'a SourceId, &'a Place)>,
    more: bool,
    targets: Vec<TargetRow<'a>>,
}

impl<'a> Page<'a> {
    /// Whether the page took it; when it is full there is more.
    fn take(&mut self, source: &'a SourceHeader, target: &'a TargetState) -> bool {
        let items = target.content.certificates.len() + target.content.crls.len();
        self.more = self.targets.len() == self.limit || (!self.targets.is_empty() && self.items + items > MAX_ITEMS);
        if !self.more {
            self.items += items;
            self.last = Some((&source.id, &target.place));
            self.targets.push(row(source, target, self.revocation));
        }
        !self.more
    }
}

struct ByPlace<'a>(&'a TargetState);

impl PartialEq for ByPlace<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.place == other.0.place
    }
}
impl Eq for ByPlace<'_> {}
impl PartialOrd for ByPlace<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for ByPlace<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.place.cmp(&other.0.place)
    }
}

/// The first targets behind a place, in order, from an unordered walk in memory bounded by `wanted`.
fn first_after<'a>(after: Option<&Place>, wanted: usize, walk: impl FnOnce(&mut dyn FnMut(&'a TargetState))) -> Vec<&'a TargetState> {
    let mut first = BinaryHeap::with_capacity(wanted + 1);
    walk(&mut |target| {
        if after.is_some_and(|after| target.place <= *after) {
            return;
        }
        if first.len() == wanted && first.peek().is_some_and(|last: &ByPlace<'_>| last.0.place <= target.place) {
            return;
        }
        first.push(ByPlace(target));
        if first.len() > wanted {
            first.pop();
        }
    });
    first.into_sorted_vec().into_iter().map(|ByPlace(target)| target).collect()
}

/// A target as the API shows it.
pub fn describe(source: &SourceHeader, target: &TargetState, revocation: &dyn RevocationView) -> serde_json::Value {
    serde_json::to_value(row(source, target, revocation)).unwrap_or_default()
}

fn row<'a>(source: &'a SourceHeader, target: &'a TargetState, revocation: &dyn RevocationView) -> TargetRow<'a> {
    let mut place = BTreeMap::new();
    target.place.each_label(|name, value| {
        place.insert(name, value.to_owned());
    });
    let shared = source.options.labels.0.iter();
    let own = target.labels.iter().flat_map(|labels| &labels.0);
    let certificates = target.content.certificates.iter().enumerate();
    let crls = target.content.crls.iter().enumerate();
    let known = target.circumstances.as_deref();
    TargetRow {
        source: &source.id.name,
        kind: source.id.kind.as_str(),
        place,
        // The target's own replace the source's.
        labels: shared.chain(own).map(|(name, value)| (&**name, &**value)).collect(),
        owner: target.owner(&source.options).map(|(_, name)| name),
        used_by: known.map_or(&[], |known| &known.used_by),
        renewal_due: known.and_then(|known| known.renewal_due).map(|due| due.rfc3339()),
        certificate: known.and_then(|known| known.certificate.as_deref()),
        failure: target.failure.as_deref().map(FailureRow::from),
        problems: &target.problems,
        findings: words(target.report.target),
        related: target.related.iter().flat_map(|related| &related.evidence).map(evidence).collect(),
        renewals: target.history.iter().flat_map(|history| &history.renewals).map(renewal).collect(),
        waived: waived(target.report.waived_on(Item::Target)),
        ended: waived(target.report.ended_on(Item::Target)),
        changed: target.changed_at.rfc3339(),
        endpoint: target.endpoint.as_deref().map(|facts| EndpointRow {
            version: facts.version.as_deref(),
            cipher: facts.cipher.as_deref(),
            group: facts.group.as_deref(),
            alpn: facts.alpn.as_deref(),
            client_certificate_requested: facts.client_certificate_requested,
            client_certificate: facts.client.outcome.as_str(),
            acceptable_cas: &facts.client.acceptable_cas,
            acceptable_cas_cut: facts.client.acceptable_cas_cut,
            signature_schemes: &facts.client.signature_schemes,
            clock_skew_seconds: facts.clock_skew,
            ocsp_stapled: facts.stapled,
            path_error: facts.path_error.as_deref(),
        }),
        certificates: certificates
            .map(|(index, facts)| {
                let revocation = VerdictRow::of(target, index, revocation);
                let on = item(index, Item::Certificate);
                CertificateRow {
                    revocation,
                    waived: waived(target.report.waived_on(on)),
                    ended: waived(target.report.ended_on(on)),
                    policies: policies(target, index),
                    ..certificate(facts, target.report.certificate(index))
                }
            })
            .collect(),
        crls: crls
            .map(|(index, facts)| {
                let on = item(index, Item::Crl);
                let (waived, ended) = (waived(target.report.waived_on(on)), waived(target.report.ended_on(on)));
                CrlRow { waived, ended, ..crl(facts, target.report.crl(index)) }
            })
            .collect(),
        ocsp_responses: target.content.responses.iter().map(response).collect(),
    }
}

fn evidence(evidence: &Evidence) -> EvidenceRow<'_> {
    let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
    EvidenceRow {
        finding: evidence.finding.as_str(),
        certificate: evidence.certificate.as_ref().map(|fingerprint| hex(fingerprint)),
        since: evidence.since.rfc3339(),
        source: some(&evidence.source),
        place: some(&evidence.place),
        detail: &evidence.detail,
    }
}

fn renewal(renewed: &Renewed) -> RenewalRow {
    RenewalRow {
        at: renewed.at.rfc3339(),
        old_fingerprint: hex(&renewed.old),
        new_fingerprint: hex(&renewed.new),
        margin: f64::from(1000 - renewed.used) / 1000.0,
        same_key: renewed.same_key,
    }
}

fn certificate(facts: &CertificateFacts, findings: FindingSet) -> CertificateRow<'_> {
    CertificateRow {
        role: facts.role.as_str(),
        subject: &facts.subject,
        issuer: &facts.issuer,
        serial: &facts.serial,
        not_before: facts.not_before.rfc3339(),
        not_after: facts.not_after.rfc3339(),
        fingerprint: facts.fingerprint_hex(),
        key: facts.key.algorithm.as_str(),
        key_bits: facts.key.bits,
        signature_algorithm: &facts.signature_algorithm,
        names: facts.names.iter().map(SubjectName::prefixed).collect(),
        findings: words(findings),
        waived: Vec::new(),
        ended: Vec::new(),
        policies: Vec::new(),
        revocation: None,
    }
}

fn response(facts: &ResponseFacts) -> ResponseRow<'_> {
    ResponseRow {
        serial: &facts.serial,
        produced_at: facts.produced_at.rfc3339(),
        this_update: facts.this_update.rfc3339(),
        next_update: facts.next_update.map(|at| at.rfc3339()),
        fingerprint: hex(&facts.fingerprint),
    }
}

/// A CRL with what is wrong with it.
pub fn crl(facts: &CrlFacts, findings: FindingSet) -> CrlRow<'_> {
    CrlRow {
        issuer: &facts.issuer,
        number: facts.number.as_deref(),
        this_update: facts.this_update.rfc3339(),
        next_update: facts.next_update.map(|at| at.rfc3339()),
        entries: facts.entries,
        delta: facts.delta,
        fingerprint: hex(&facts.fingerprint),
        findings: words(findings),
        waived: Vec::new(),
        ended: Vec::new(),
    }
}

fn waived<'a>(all: impl Iterator<Item = &'a Waived>) -> Vec<WaivedRow<'a>> {
    let row = |waived: &'a Waived| WaivedRow {
        finding: waived.finding.as_str(),
        until: waived.until.rfc3339(),
        owner: &waived.owner,
        why: &waived.why,
    };
    all.map(row).collect()
}

fn policies(target: &TargetState, index: usize) -> Vec<PolicyRow<'_>> {
    let broken = target.report.broken.iter().filter(|broken| usize::try_from(broken.certificate) == Ok(index));
    broken.map(|broken| PolicyRow { policy: &broken.policy, findings: words(broken.findings) }).collect()
}

/// A certificate or CRL of a place by its index.
fn item(index: usize, of: fn(u32) -> Item) -> Item {
    of(u32::try_from(index).unwrap_or(u32::MAX))
}

/// Findings by their spelling.
pub fn words(findings: FindingSet) -> Vec<&'static str> {
    findings.iter().map(Finding::as_str).collect()
}
