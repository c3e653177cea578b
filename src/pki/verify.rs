//! The verdict on one certificate, made of bytes alone: what `notafter verify` says.
//!
//! May touch: `model`. Pure, like all of `pki`: files are bytes, the time is an argument, and the same input gives the same verdict for ever. The path is
//! judged by rustls-webpki, revocation here; `docs/VERDICTS.md` says where that differs from RFC 5280.

mod ca_path;
mod given;
mod path;
mod pool;
mod sources;
mod status;

use std::sync::Arc;

use rustls_pki_types::ServerName;

use crate::model::vocabulary::closed;
use crate::model::{CertificateFacts, Policy, RevocationReason, RevocationStatus, RevokedFor, UnixTime};

pub use given::{File, Given, Unreadable};
pub use sources::{SourceKind, Why};

use status::Judge;

closed! {
    /// What the certificate is to be used for.
    pub enum Purpose {
        /// To serve TLS: its extended key usage, if there is one, has serverAuth or anyExtendedKeyUsage.
        Server = "server",
        /// As a TLS client: likewise clientAuth.
        Client = "client",
        /// Anything.
        Any = "any",
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The moment that is judged.
    pub now: UnixTime,
    /// What it is to be used for.
    pub purpose: Purpose,
    /// The server that it has to name (RFC 9525).
    pub server_name: Option<ServerName<'static>>,
    /// How old answers may be.
    pub policy: Policy,
}

closed! {
    /// Whether there is a path from the target to an anchor.
    pub enum PathState {
        /// There is.
        Valid = "valid",
        /// There is none.
        Invalid = "invalid",
        /// No anchor was given.
        NotChecked = "not_checked",
    }
}

closed! {
    /// Why a path is invalid.
    pub enum PathError {
        /// No path ends at an anchor.
        UnknownIssuer = "unknown_issuer",
        /// A CA in the path is revoked.
        IssuerRevoked = "issuer_revoked",
        /// A CA in the path may not sign certificates: its key usage lacks keyCertSign.
        IssuerMayNotSign = "issuer_may_not_sign",
        /// An issuer is no CA.
        IssuerNotCa = "issuer_not_ca",
        /// A validity has ended.
        Expired = "expired",
        /// A validity has not begun, or ends before it begins.
        NotYetValid = "not_yet_valid",
        /// A signature is not by the issuer's key.
        SignatureInvalid = "signature_invalid",
        /// A signature or key that modern clients refuse.
        UnsupportedAlgorithm = "unsupported_algorithm",
        /// A critical extension that is not known.
        CriticalExtension = "critical_extension",
        /// A name outside of what an issuer may certify.
        NameConstraints = "name_constraints",
        /// More CAs than an issuer allows.
        PathLength = "path_length",
        /// Not for the purpose asked for, by its own or an issuer's extended key usage.
        WrongPurpose = "wrong_purpose",
        /// The certificate does not name the server.
        NameMismatch = "name_mismatch",
        /// A certificate that modern clients cannot read.
        Malformed = "malformed",
        /// Too many possible paths, or too long ones.
        TooComplex = "too_complex",
        /// Anything else.
        Refused = "refused",
    }
}

closed! {
    /// What else was found. What is wrong with single certificates is told by `assess`.
    pub enum Remark {
        /// Of a CA in the path nobody says whether it is revoked.
        IssuerRevocationUnknown = "issuer_revocation_unknown",
        /// The certificate does not name the server.
        NameMismatch = "name_mismatch",
        /// Its extended key usage does not let it serve TLS.
        MissingServerAuth = "missing_server_auth",
        /// Its extended key usage does not let it be a TLS client.
        MissingClientAuth = "missing_client_auth",
        /// A CRL or an OCSP response that counted is signed with SHA-1, or by an RSA key below 2048 bits.
        WeakAnswerSignature = "weak_answer_signature",
        /// CRLs and OCSP responses say different things about the target.
        RevocationDisagreement = "revocation_disagreement",
    }
}

/// Why the status is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// Unknown, or not applicable.
    Reason(RevocationReason),
    /// Revoked.
    Revoked {
        /// Since when.
        at: UnixTime,
        /// Why.
        reason: RevokedFor,
    },
}

impl Because {
    /// The closed word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Reason(reason) => reason.as_str(),
            Self::Revoked { reason, .. } => reason.as_str(),
        }
    }
}

/// The verdict.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The target's revocation: never pending.
    pub status: RevocationStatus,
    /// Why; `None` of a good one.
    pub because: Option<Because>,
    /// Whether there is a path.
    pub path: PathState,
    /// Why it is invalid.
    pub path_error: Option<PathError>,
    /// The same in words, for people.
    pub path_detail: Option<Box<str>>,
    /// What else was found.
    pub remarks: Vec<Remark>,
    /// Every CRL and OCSP response given, in the order given, CRLs first.
    pub sources: Vec<SourceVerdict>,
    /// The target.
    pub target: CertificateFacts,
    /// The CAs between target and anchor, of the path that counted.
    pub issuers: Vec<CertificateFacts>,
}

/// What became of one CRL or OCSP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceVerdict {
    /// What it is.
    pub kind: SourceKind,
    /// Its file.
    pub from: Arc<str>,
    /// Whether it counted, for the target or a CA in the path; else why not for the target.
    pub usable: Result<(), Why>,
    /// thisUpdate
    pub this_update: Option<UnixTime>,
    /// nextUpdate
    pub next_update: Option<UnixTime>,
    /// CRL number in decimal.
    pub number: Option<Box<str>>,
}

impl Verdict {
    /// Good or not applicable, on a path that is not invalid, and a name and a purpose as asked for.
    pub fn is_good(&self) -> bool {
        let asked = [Remark::NameMismatch, Remark::MissingServerAuth, Remark::MissingClientAuth];
        matches!(self.status, RevocationStatus::Good | RevocationStatus::NotApplicable)
            && self.path != PathState::Invalid
            && !self.remarks.iter().any(|remark| asked.contains(remark))
    }
}

/// Judges the first certificate of the target's file.
///
/// Bounded by the size of the input: at most 1,000 certificates of the chain and 2,000 checks of signatures between them.
///
/// # Errors
/// When the target, or a file of the chain or of the anchors, holds no certificate that can be read. A CRL or OCSP response that cannot be read is an unusable source.
pub fn verify(given: &Given, question: &Question) -> Result<Verdict, Unreadable> {
    let (target, pool) = given::pool(given)?;
    let judge = Judge::new(&pool, given, &target, question);
    let own = judge.certificate(&target);
    let found = path::path(&target, &judge, question);

    let mut remarks = own.remarks.clone();
    if found.issuers.iter().any(|issuer| judge.certificate(issuer).status == RevocationStatus::Unknown) && found.error.is_none() {
        remarks.push(Remark::IssuerRevocationUnknown);
    }
    if question.server_name.as_ref().is_some_and(|name| !path::names(&target, name)) {
        remarks.push(Remark::NameMismatch);
    }
    if !path::serves(&target.facts, question.purpose) {
        remarks.push(if question.purpose == Purpose::Client { Remark::MissingClientAuth } else { Remark::MissingServerAuth });
    }
    let (path, path_error) = match found.error {
        _ if pool.anchors.is_empty() => (PathState::NotChecked, None),
        None if remarks.contains(&Remark::NameMismatch) => (PathState::Invalid, Some(PathError::NameMismatch)),
        None => (PathState::Valid, None),
        Some(error) => (PathState::Invalid, Some(error)),
    };
    let counted = |index: usize| found.issuers.iter().any(|issuer| judge.certificate(issuer).counted(index));
    Ok(Verdict {
        status: own.status,
        because: own.because,
        path,
        path_error,
        path_detail: found.detail.filter(|_| path == PathState::Invalid),
        sources: judge.sources(&own, counted),
        issuers: found.issuers.iter().map(|issuer| issuer.facts.clone()).collect(),
        remarks,
        target: target.facts,
    })
}

#[cfg(test)]
mod tests;
