//! Whether there is a path to an anchor: rustls-webpki's word, and what RFC 5280 asks of issuers beyond it.
//!
//! May touch: `model`. Every path that webpki finds is a candidate; the best of them counts.

use std::cell::RefCell;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, VerifiedPath};

use super::ca_path;
use super::pool::Member;
use super::status::Judge;
use super::{PathError, Purpose, Question};
use crate::model::facts::SubjectName;
use crate::model::{CertificateFacts, RevocationStatus, UnixTime};
use crate::pki::chain::{dns_matches, words};

/// Paths that are looked at.
const CANDIDATES: usize = 32;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found<'p> {
    /// `None`: a path, if there are anchors.
    pub error: Option<PathError>,
    /// Why, in words.
    pub detail: Option<Box<str>>,
    /// The CAs between target and anchor.
    pub issuers: Vec<&'p Member>,
}

/// Looks for a path at the moment asked for.
pub(super) fn path<'p>(target: &Member, judge: &Judge<'p>, question: &Question) -> Found<'p> {
    let pool = judge.pool;
    if pool.anchors.is_empty() {
        return Found::default();
    }
    let mut candidates: Vec<Vec<&'p Member>> = Vec::new();
    let outcome = if pool.is_anchor(&target.authority) || target.is_ca() {
        // webpki judges end entities alone.
        ca_path::paths(target, pool, question, CANDIDATES).map(|paths| candidates = paths).map_err(|error| (error, None))
    } else {
        by_webpki(target, judge, question, &mut candidates).map_err(|error| (kind(&error), Some(words::of(&error).into())))
    };
    let best = candidates.into_iter().map(|issuers| (worst(&issuers, judge), issuers)).min_by_key(|(worst, _)| *worst);
    match best {
        Some((worst, issuers)) => {
            let error = match worst {
                Worst::Fine | Worst::Unknown => None,
                Worst::Revoked => Some(PathError::IssuerRevoked),
                Worst::MayNotSign => Some(PathError::IssuerMayNotSign),
            };
            Found { error, detail: error.map(|error| error.as_str().replace('_', " ").into()), issuers }
        }
        None => {
            let (error, detail): (_, Option<Box<str>>) = outcome.err().unwrap_or((PathError::UnknownIssuer, None));
            Found { error: Some(error), detail, issuers: Vec::new() }
        }
    }
}

/// RFC 5280 section 4.2.1.12: no extension, the purpose, or anyExtendedKeyUsage.
pub(super) fn serves(facts: &CertificateFacts, purpose: Purpose) -> bool {
    let wanted = match purpose {
        Purpose::Any => return true,
        Purpose::Server => "serverAuth",
        Purpose::Client => "clientAuth",
    };
    facts
        .extended_key_usage
        .as_ref()
        .is_none_or(|usages| usages.iter().any(|usage| **usage == *wanted || **usage == *"anyExtendedKeyUsage"))
}

/// RFC 9525: alternative names only.
pub(super) fn names(target: &Member, server: &ServerName<'_>) -> bool {
    let der = CertificateDer::from(target.der.as_slice());
    match EndEntityCert::try_from(&der) {
        Ok(leaf) => leaf.verify_is_valid_for_subject_name(server).is_ok(),
        Err(_) => target.facts.names.iter().any(|name| match (name, server) {
            (SubjectName::Dns(pattern), ServerName::DnsName(server)) => dns_matches(pattern, server.as_ref()),
            (SubjectName::Ip(address), ServerName::IpAddress(server)) => std::net::IpAddr::from(*server) == *address,
            _ => false,
        }),
    }
}

/// What is wrong with the CAs of a path, the lesser first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worst {
    Fine,
    Unknown,
    Revoked,
    MayNotSign,
}

fn worst(issuers: &[&Member], judge: &Judge<'_>) -> Worst {
    let of = |issuer: &&Member| match judge.certificate(issuer).status {
        // RFC 5280 section 6.1.4 (n), which webpki leaves out.
        _ if !issuer.may_sign_certificates() => Worst::MayNotSign,
        RevocationStatus::Revoked => Worst::Revoked,
        RevocationStatus::Good | RevocationStatus::NotApplicable => Worst::Fine,
        RevocationStatus::Unknown | RevocationStatus::Pending => Worst::Unknown,
    };
    issuers.iter().map(of).max().unwrap_or(Worst::Fine)
}

fn by_webpki<'p>(target: &Member, judge: &Judge<'p>, question: &Question, found: &mut Vec<Vec<&'p Member>>) -> Result<(), Error> {
    let pool = judge.pool;
    let der = CertificateDer::from(target.der.as_slice());
    let leaf = EndEntityCert::try_from(&der)?;
    let anchors: Vec<_> = pool.anchors.iter().map(|anchor| anchor.trusted.clone()).collect();
    let others: Vec<_> = pool.members.iter().map(|member| CertificateDer::from(member.der.as_slice())).collect();
    let at = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds(question.now)));
    let candidates = RefCell::new(Vec::new());
    // A path that is not fine is refused, so that the search goes on: webpki's own budget ends it.
    let look = |path: &VerifiedPath<'_>| {
        let member = |der: CertificateDer<'_>| pool.members.iter().find(|member| member.der == der.as_ref());
        let Some(issuers) = path.intermediate_certificates().map(|issuer| member(issuer.der())).collect::<Option<Vec<&'p Member>>>() else {
            return Err(Error::UnknownIssuer);
        };
        let is_enough = worst(&issuers, judge) == Worst::Fine || candidates.borrow().len() + 1 >= CANDIDATES;
        candidates.borrow_mut().push(issuers);
        if is_enough { Ok(()) } else { Err(Error::UnknownIssuer) }
    };
    let outcome = leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &others, at, For(question.purpose), None, Some(&look));
    let outcome = outcome.map(|_| ());
    *found = candidates.into_inner();
    outcome
}

fn seconds(at: UnixTime) -> u64 {
    u64::try_from(at.secs()).unwrap_or(0)
}

/// webpki's form of [`serves`], asked about issuers too.
struct For(Purpose);

impl ExtendedKeyUsageValidator for For {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        const ANY: KeyPurposeId<'static> = KeyPurposeId::new(b"\x55\x1d\x25\x00");
        let wanted = match self.0 {
            Purpose::Any => return Ok(()),
            Purpose::Server => KeyPurposeId::new(b"\x2b\x06\x01\x05\x05\x07\x03\x01"),
            Purpose::Client => KeyPurposeId::new(b"\x2b\x06\x01\x05\x05\x07\x03\x02"),
        };
        let mut is_restricted = false;
        for usage in usages {
            let usage = usage?;
            if usage == wanted || usage == ANY {
                return Ok(());
            }
            is_restricted = true;
        }
        if is_restricted { Err(Error::EmptyEkuExtension) } else { Ok(()) }
    }
}

/// webpki's errors as closed words.
fn kind(error: &Error) -> PathError {
    match error {
        Error::UnknownIssuer => PathError::UnknownIssuer,
        Error::CertExpired { .. } => PathError::Expired,
        Error::CertNotValidYet { .. } | Error::InvalidCertValidity => PathError::NotYetValid,
        Error::InvalidSignatureForPublicKey => PathError::SignatureInvalid,
        Error::EndEntityUsedAsCa => PathError::IssuerNotCa,
        // What `For` says.
        Error::EmptyEkuExtension => PathError::WrongPurpose,
        Error::NameConstraintViolation => PathError::NameConstraints,
        Error::PathLenConstraintViolated => PathError::PathLength,
        Error::UnsupportedCriticalExtension => PathError::CriticalExtension,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::SignatureAlgorithmMismatch => PathError::UnsupportedAlgorithm,
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathDepthExceeded => PathError::TooComplex,
        Error::BadDer
        | Error::BadDerTime
        | Error::TrailingData(_)
        | Error::InvalidSerialNumber
        | Error::MalformedExtensions
        | Error::ExtensionValueInvalid
        | Error::UnsupportedCertVersion => PathError::Malformed,
        _ => PathError::Refused,
    }
}
