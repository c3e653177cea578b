//! `/api/v1/targets`: the why behind the series of each target.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use super::list::{Asked, List, Selection, envelope, list as answer_list};
use super::rows::{CertificateRow, CrlRow, EvidenceRow, FailureRow, Located, Owner, VerdictRow, WaivedRow, text, waived, words};
use crate::http::Shared;
use crate::http::query::item;
use crate::http::query::targets::{self, Key};
use crate::model::facts::{ResponseFacts, hex};
use crate::model::{CertificateFacts, EndpointFacts, Item, Problem, Renewed, RevocationView, SourceHeader, TargetState, Use};

/// What is asked.
pub static LIST: List = List {
    reads_revocation: true,
    ..List::new(&[
        "q",
        "source",
        "source_kind",
        "namespace",
        "state",
        "reason",
        "role",
        "finding",
        "revocation",
        "expires_before",
        "expires_after",
        "expires_within",
        "fingerprint",
        "owner",
        "unowned",
        "limit",
        "after",
    ])
};

#[derive(Serialize)]
struct TargetRow<'a> {
    #[serde(flatten)]
    located: Located<'a>,
    labels: BTreeMap<&'a str, &'a str>,
    #[serde(flatten)]
    owner: Owner<'a>,
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
    certificates: Vec<HeldCertificate<'a>>,
    crls: Vec<CrlRow<'a>>,
    ocsp_responses: Vec<ResponseRow<'a>>,
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

/// A certificate as this place has it.
#[derive(Serialize)]
struct HeldCertificate<'a> {
    #[serde(flatten)]
    certificate: CertificateRow<'a>,
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

#[derive(Serialize)]
struct PolicyRow<'a> {
    policy: &'a str,
    findings: Vec<&'static str>,
}

/// One page of targets, sources by name and their targets by place.
pub async fn list(state: Shared, asked: Asked) -> Response<Body> {
    answer_list(&state, &asked, &LIST, |selection: &Selection<Key<'static>>| {
        let Selection { view, revocation, filter, limit, after } = selection;
        let page = targets::page(&**view, filter, after.as_ref(), *limit);
        envelope(view.generation(), &[], "targets", &page, |(source, target)| row(source, target, &**revocation))
    })
    .await
}

/// A target as the API shows it.
pub fn describe(source: &SourceHeader, target: &TargetState, revocation: &dyn RevocationView) -> serde_json::Value {
    serde_json::to_value(row(source, target, revocation)).unwrap_or_default()
}

fn row<'a>(source: &'a SourceHeader, target: &'a TargetState, revocation: &dyn RevocationView) -> TargetRow<'a> {
    let shared = source.options.labels.0.iter();
    let own = target.labels.iter().flat_map(|labels| &labels.0);
    let known = target.circumstances.as_deref();
    let certificates = target.content.certificates.iter().enumerate();
    TargetRow {
        located: Located::of(source, target),
        // The target's own replace the source's.
        labels: shared.chain(own).map(|(name, value)| (&**name, &**value)).collect(),
        owner: Owner::of(source, target),
        used_by: known.map_or(&[], |known| &known.used_by),
        renewal_due: text(known.and_then(|known| known.renewal_due)),
        certificate: known.and_then(|known| known.certificate.as_deref()),
        failure: target.failure.as_deref().map(FailureRow::from),
        problems: &target.problems,
        findings: words(target.report.target),
        related: target.related.iter().flat_map(|related| &related.evidence).map(EvidenceRow::from).collect(),
        renewals: target.history.iter().flat_map(|history| &history.renewals).map(renewal).collect(),
        waived: waived(target.report.waived_on(Item::Target)),
        ended: waived(target.report.ended_on(Item::Target)),
        changed: target.changed_at.rfc3339(),
        endpoint: target.endpoint.as_deref().map(endpoint),
        certificates: certificates.map(|(index, facts)| certificate(target, index, facts, revocation)).collect(),
        crls: (0..target.content.crls.len()).filter_map(|index| crl(target, index)).collect(),
        ocsp_responses: target.content.responses.iter().map(response).collect(),
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

fn endpoint(facts: &EndpointFacts) -> EndpointRow<'_> {
    EndpointRow {
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
    }
}

fn certificate<'a>(
    target: &'a TargetState,
    index: usize,
    facts: &'a CertificateFacts,
    revocation: &dyn RevocationView,
) -> HeldCertificate<'a> {
    let on = item(index, Item::Certificate);
    let broken = target.report.broken.iter().filter(|broken| Item::Certificate(broken.certificate) == on);
    HeldCertificate {
        certificate: facts.into(),
        findings: words(target.report.certificate(index)),
        waived: waived(target.report.waived_on(on)),
        ended: waived(target.report.ended_on(on)),
        policies: broken.map(|broken| PolicyRow { policy: &broken.policy, findings: words(broken.findings) }).collect(),
        revocation: VerdictRow::of(target, index, revocation),
    }
}

fn crl(target: &TargetState, index: usize) -> Option<CrlRow<'_>> {
    let (facts, on) = (target.content.crls.get(index)?, item(index, Item::Crl));
    let (waivers, ended) = (waived(target.report.waived_on(on)), waived(target.report.ended_on(on)));
    Some(CrlRow::of(facts, target.report.crl(index), waivers, ended))
}

fn response(facts: &ResponseFacts) -> ResponseRow<'_> {
    ResponseRow {
        serial: &facts.serial,
        produced_at: facts.produced_at.rfc3339(),
        this_update: facts.this_update.rfc3339(),
        next_update: text(facts.next_update),
        fingerprint: hex(&facts.fingerprint),
    }
}
