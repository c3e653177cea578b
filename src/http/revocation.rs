//! `/api/v1/revocation?limit=&after=`: the CRLs and OCSP responders that verdicts come from, in bounded pages; and a certificate's verdict as
//! the API shows it.

use axum::body::Body;
use axum::extract::Query;
use axum::http::{Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::model::revocation::{CrlService, Responder};
use crate::model::{Answer, RevocationReason, RevocationView, RevokedFor, Says, TargetState, UnixTime};

use super::targets::{CrlRow, crl, words};
use super::{Shared, json, page_limit, refused};

/// The query.
#[derive(Deserialize)]
pub struct Parameters {
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Serialize)]
struct Page<'a> {
    generation: u64,
    crls: Vec<CrlServiceRow<'a>>,
    responders: Vec<ResponderRow<'a>>,
    /// For `after=` of the next page; absent on the last.
    next: Option<String>,
}

#[derive(Serialize)]
struct CrlServiceRow<'a> {
    url: &'a str,
    findings: Vec<&'static str>,
    failure: Option<FailureRow<'a>>,
    checked: Option<String>,
    next_check: Option<String>,
    certificates: u64,
    revoked: u64,
    crl: Option<CrlRow<'a>>,
}

#[derive(Serialize)]
struct ResponderRow<'a> {
    url: &'a str,
    findings: Vec<&'static str>,
    failure: Option<FailureRow<'a>>,
    certificate_not_after: Option<String>,
    oldest_this_update: Option<String>,
    certificates: u64,
}

#[derive(Serialize)]
struct FailureRow<'a> {
    reason: &'static str,
    detail: &'a str,
}

/// What a page is sorted by: CRLs before responders, then the URL; lists at one URL by their fingerprints.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    is_responder: bool,
    url: String,
    list: Option<[u8; 32]>,
}

enum Item<'a> {
    Crl(&'a CrlService),
    Responder(&'a Responder),
}

impl Item<'_> {
    fn key(&self) -> Key {
        match self {
            Self::Crl(service) => {
                Key { is_responder: false, url: service.url.to_string(), list: service.list.as_ref().map(|list| list.fingerprint) }
            }
            Self::Responder(responder) => Key { is_responder: true, url: responder.url.to_string(), list: None },
        }
    }
}

impl Key {
    fn encode(&self) -> String {
        // This type always serializes.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

/// One page of CRLs and, behind them, responders.
pub async fn list(state: Shared, Query(parameters): Query<Parameters>) -> Response<Body> {
    let limit = match page_limit(parameters.limit) {
        Ok(limit) => limit,
        Err(refusal) => return *refusal,
    };
    let after = match parameters.after.as_deref().map(Key::decode) {
        Some(None) => return refused(StatusCode::BAD_REQUEST, "after: expected the value of \"next\" of the page before"),
        Some(key) => key,
        None => None,
    };
    let view = state.snapshots.load();
    let services = view.services();
    let all = services.crls.iter().map(Item::Crl).chain(services.responders.iter().map(Item::Responder));
    let mut items: Vec<(Key, Item<'_>)> =
        all.map(|item| (item.key(), item)).filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).collect();
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|(key, _)| key.encode());
    let mut page = Page { generation: view.generation(), crls: Vec::new(), responders: Vec::new(), next };
    for (_, item) in items {
        match item {
            Item::Crl(service) => page.crls.push(crl_service(service)),
            Item::Responder(service) => page.responders.push(responder(service)),
        }
    }
    json(StatusCode::OK, &page)
}

fn crl_service(service: &CrlService) -> CrlServiceRow<'_> {
    CrlServiceRow {
        url: &service.url,
        findings: words(service.findings),
        failure: failure(service.failure.as_ref()),
        checked: text(service.checked_at),
        next_check: text(service.next_at),
        certificates: service.certificates,
        revoked: service.revoked,
        crl: service.list.as_deref().map(|list| crl(list, service.findings)),
    }
}

fn responder(service: &Responder) -> ResponderRow<'_> {
    ResponderRow {
        url: &service.url,
        findings: words(service.findings),
        failure: failure(service.failure.as_ref()),
        certificate_not_after: text(service.certificate_not_after),
        oldest_this_update: text(service.oldest_this_update),
        certificates: service.certificates,
    }
}

fn failure(failure: Option<&(RevocationReason, Box<str>)>) -> Option<FailureRow<'_>> {
    failure.map(|(reason, detail)| FailureRow { reason: reason.as_str(), detail })
}

fn text(at: Option<UnixTime>) -> Option<String> {
    at.map(UnixTime::rfc3339)
}

/// A certificate's verdict, and the answers behind it.
#[derive(Serialize)]
pub struct VerdictRow {
    status: &'static str,
    reason: Option<&'static str>,
    method: Option<&'static str>,
    revoked_at: Option<String>,
    revocation_reason: Option<&'static str>,
    until: Option<String>,
    answers: AnswersRow,
}

/// By method; absent what is not known.
#[derive(Serialize)]
struct AnswersRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    staple: Option<AnswerRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ocsp: Option<AnswerRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crl: Option<AnswerRow>,
}

/// What one method came to: an answer, or the reason why there is none.
#[derive(Default, Serialize)]
struct AnswerRow {
    says: Option<&'static str>,
    reason: Option<&'static str>,
    revoked_at: Option<String>,
    revocation_reason: Option<&'static str>,
    this_update: Option<String>,
    until: Option<String>,
    produced_at: Option<String>,
    from: Option<String>,
}

impl VerdictRow {
    /// That on the certificate at this index; `None` where it is not looked up.
    pub fn of(target: &TargetState, index: usize, view: &dyn RevocationView) -> Option<Self> {
        let verdict = target.report.verdict(index)?;
        let answers = target.content.certificates.get(index).and_then(|facts| view.answers(&facts.fingerprint));
        let stapled = target.endpoint.as_ref().filter(|_| index == 0).and_then(|facts| facts.staple.as_deref());
        Some(Self {
            status: verdict.status.as_str(),
            reason: verdict.reason.map(RevocationReason::as_str),
            method: verdict.method.map(crate::model::RevocationMethod::as_str),
            revoked_at: verdict.revoked.as_ref().map(|revoked| revoked.0.rfc3339()),
            revocation_reason: verdict.revoked.as_ref().map(|revoked| revoked.1.as_str()),
            until: text(verdict.until),
            answers: AnswersRow {
                staple: stapled.or_else(|| answers?.staple.as_ref()).map(answer),
                ocsp: answers.and_then(|answers| answers.ocsp.as_ref()).map(answer),
                crl: answers.and_then(|answers| answers.crl.as_ref()).map(answer),
            },
        })
    }
}

fn answer(outcome: &Result<Answer, RevocationReason>) -> AnswerRow {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(reason) => return AnswerRow { reason: Some(reason.as_str()), ..AnswerRow::default() },
    };
    let (says, revoked) = match answer.says {
        Says::Good => ("good", None),
        Says::Revoked { at, reason } => ("revoked", Some((at, reason))),
    };
    AnswerRow {
        says: Some(says),
        reason: None,
        revoked_at: revoked.map(|(at, _)| at.rfc3339()),
        revocation_reason: revoked.map(|(_, reason): (_, RevokedFor)| reason.as_str()),
        this_update: Some(answer.this_update.rfc3339()),
        until: Some(answer.until.rfc3339()),
        produced_at: text(answer.produced_at),
        from: Some(answer.from.to_string()),
    }
}
