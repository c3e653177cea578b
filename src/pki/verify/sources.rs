//! The CRLs and OCSP responses given, read once, and what became of each.
//!
//! May touch: `model`.

use std::sync::Arc;

use super::given::{File, Given};
use super::pool::{Member, Pool};
use crate::model::vocabulary::closed;
use crate::model::{CrlFacts, Limits, Lookup, RevocationReason, UnixTime};
use crate::pki::crl::{self, Checked, Scanner, Serials};
use crate::pki::{certificate, container, ocsp};

closed! {
    /// What a source is.
    pub enum SourceKind {
        /// A complete CRL.
        Crl = "crl",
        /// A delta CRL.
        DeltaCrl = "delta_crl",
        /// An OCSP response.
        Ocsp = "ocsp",
    }
}

closed! {
    /// Why a source did not count.
    pub enum Why {
        /// Past its nextUpdate, or older than allowed.
        Stale = "stale",
        /// Its thisUpdate is still to come.
        NotYetValid = "not_yet_valid",
        /// The signature does not hold.
        SignatureInvalid = "signature_invalid",
        /// By nobody who may speak about the certificate.
        WrongIssuer = "wrong_issuer",
        /// It says nothing about the certificate.
        NotForCertificate = "not_for_certificate",
        /// For other certificates of the issuer.
        ScopeMismatch = "scope_mismatch",
        /// A critical extension that is not understood.
        CriticalExtension = "critical_extension",
        /// Its signer may not answer: no delegate of the issuer, expired, or itself revoked.
        ResponderUnauthorized = "responder_unauthorized",
        /// The signature cannot be checked here.
        UnsupportedAlgorithm = "unsupported_algorithm",
        /// It cannot be read.
        Malformed = "malformed",
        /// The responder answered with an error.
        ResponderStatus = "responder_status",
    }
}

impl From<RevocationReason> for Why {
    fn from(reason: RevocationReason) -> Self {
        match reason {
            RevocationReason::Stale => Self::Stale,
            RevocationReason::NotYetValid => Self::NotYetValid,
            RevocationReason::SignatureInvalid => Self::SignatureInvalid,
            RevocationReason::NotForCertificate => Self::NotForCertificate,
            RevocationReason::ScopeMismatch => Self::ScopeMismatch,
            RevocationReason::CriticalExtension => Self::CriticalExtension,
            RevocationReason::ResponderUnauthorized => Self::ResponderUnauthorized,
            RevocationReason::UnsupportedAlgorithm => Self::UnsupportedAlgorithm,
            RevocationReason::ResponderStatus => Self::ResponderStatus,
            RevocationReason::Malformed | RevocationReason::TooLarge => Self::Malformed,
            // Among them issuer_unknown: nobody at hand has the name that the list is signed in.
            _ => Self::WrongIssuer,
        }
    }
}

/// A CRL.
#[derive(Debug)]
pub(super) struct List {
    pub from: Arc<str>,
    pub facts: Option<CrlFacts>,
    /// Signed by somebody at hand; whether that is somebody to believe depends on the certificate.
    pub checked: Result<Checked, RevocationReason>,
}

/// An OCSP response.
#[derive(Debug)]
pub(super) struct Response {
    pub from: Arc<str>,
    pub der: Vec<u8>,
    pub error: Option<RevocationReason>,
    pub this_update: Option<UnixTime>,
    pub next_update: Option<UnixTime>,
}

/// Reads the responses.
pub(super) fn responses(given: &Given) -> Vec<Response> {
    each(&given.responses, |contents| std::mem::take(&mut contents.responses))
        .into_iter()
        .map(|(from, der)| {
            let der = der.unwrap_or_default();
            let facts = ocsp::facts(&der).ok();
            Response {
                from,
                error: ocsp::read(&der).err().map(|error| error.reason()),
                this_update: facts.as_ref().map(|facts| facts.this_update),
                next_update: facts.and_then(|facts| facts.next_update),
                der,
            }
        })
        .collect()
}

/// Reads the lists. The signers of OCSP responses are looked up in them like everybody else.
pub(super) fn lists(given: &Given, pool: &Pool, target: &Member, responses: &[Response]) -> Vec<List> {
    let lookups = pool.members.iter().chain([target]).filter_map(|member| member.facts.lookup.as_deref());
    let delegates: Vec<Lookup> = responses.iter().flat_map(signers).collect();
    let serials: Serials = lookups.chain(&delegates).map(|lookup| lookup.serial.clone()).collect();
    let signers = pool.list_signers();
    each(&given.crls, |contents| std::mem::take(&mut contents.crls))
        .into_iter()
        .map(|(from, der)| {
            let scanned = der.ok_or(RevocationReason::Malformed).and_then(|der| {
                let mut scanner = Scanner::new(&serials, crl::Limits::default());
                scanner.feed(&der).and_then(|()| scanner.finish()).map_err(|error| error.reason())
            });
            let facts = scanned.as_ref().ok().map(|scanned| scanned.facts.clone());
            let checked = scanned.and_then(|scanned| {
                let signer = crl::authorities_check(&scanned, &signers)?;
                let by = signers.get(signer.index).ok_or(RevocationReason::IssuerUnknown)?;
                Ok(Checked { list: Arc::new(scanned.list), signer: Arc::clone(by), weak: signer.weak, from: Arc::clone(&from) })
            });
            List { from, facts, checked }
        })
        .collect()
}

/// By what the revocation of those who may have signed a response is looked up.
fn signers(response: &Response) -> Vec<Lookup> {
    let Ok(response) = ocsp::read(&response.der) else { return Vec::new() };
    let read = |der: &&[u8]| certificate::read(der, &Limits::default()).ok()?.facts.lookup.map(|lookup| *lookup);
    response.certificates().iter().filter_map(read).collect()
}

/// What the files hold of a kind; a file that holds none of it, or something that cannot be read, is there once more, without bytes.
fn each(files: &[File], of: fn(&mut container::Contents) -> Vec<Vec<u8>>) -> Vec<(Arc<str>, Option<Vec<u8>>)> {
    let mut found = Vec::with_capacity(files.len());
    for file in files {
        let mut contents = file.bytes.as_ref().map(|bytes| container::open(bytes, &[], &Limits::default())).unwrap_or_default();
        let ders = of(&mut contents);
        if ders.is_empty() || !contents.problems.is_empty() {
            found.push((Arc::clone(&file.name), None));
        }
        found.extend(ders.into_iter().map(|der| (Arc::clone(&file.name), Some(der))));
    }
    found
}
