//! What is fetched for revocation, what came of it, and what follows for a certificate.

use serde::Serialize;

use super::{CrlRow, text, words};
use crate::model::revocation::{CrlService, Responder};
use crate::model::{Answer, RevocationMethod, RevocationReason, RevocationView, RevokedFor, Says, TargetState};

/// Why a fetch brought nothing usable.
#[derive(Serialize)]
pub struct FetchFailureRow<'a> {
    reason: &'static str,
    detail: &'a str,
}

impl<'a> FetchFailureRow<'a> {
    /// A failure, where there is one.
    pub fn of(failure: Option<&'a (RevocationReason, Box<str>)>) -> Option<Self> {
        failure.map(|(reason, detail)| Self { reason: reason.as_str(), detail })
    }
}

/// A CRL at a URL.
#[derive(Serialize)]
pub struct CrlServiceRow<'a> {
    url: &'a str,
    findings: Vec<&'static str>,
    failure: Option<FetchFailureRow<'a>>,
    /// When it was last fetched or confirmed.
    checked: Option<String>,
    next_check: Option<String>,
    /// Watched certificates that it answers for, and how many of them it revokes.
    certificates: u64,
    revoked: u64,
    /// The newest list whose signature holds; absent where there never was one.
    crl: Option<CrlRow<'a>>,
}

impl<'a> From<&'a CrlService> for CrlServiceRow<'a> {
    fn from(service: &'a CrlService) -> Self {
        Self {
            url: &service.url,
            findings: words(service.findings),
            failure: FetchFailureRow::of(service.failure.as_ref()),
            checked: text(service.checked_at),
            next_check: text(service.next_at),
            certificates: service.certificates,
            revoked: service.revoked,
            crl: service.list.as_deref().map(|list| CrlRow::of(list, service.findings, Vec::new(), Vec::new())),
        }
    }
}

/// An OCSP responder.
#[derive(Serialize)]
pub struct ResponderRow<'a> {
    url: &'a str,
    findings: Vec<&'static str>,
    failure: Option<FetchFailureRow<'a>>,
    /// End of the certificate that it signs with.
    certificate_not_after: Option<String>,
    oldest_this_update: Option<String>,
    /// Watched certificates that it is asked about.
    certificates: u64,
}

impl<'a> From<&'a Responder> for ResponderRow<'a> {
    fn from(service: &'a Responder) -> Self {
        Self {
            url: &service.url,
            findings: words(service.findings),
            failure: FetchFailureRow::of(service.failure.as_ref()),
            certificate_not_after: text(service.certificate_not_after),
            oldest_this_update: text(service.oldest_this_update),
            certificates: service.certificates,
        }
    }
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
            method: verdict.method.map(RevocationMethod::as_str),
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
