//! What all sources together say: which certificates hang on which CA.

use std::sync::Arc;

use serde::Serialize;

use super::facts::CertificateFacts;
use super::time::UnixTime;
use super::vocabulary::CertRole;

/// The CA certificates of all sources, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relations {
    /// Those with most hanging on them first.
    pub authorities: Vec<AuthorityRow>,
    /// How many more there are than are kept.
    pub left_out: u64,
    /// Leaves that are in several places, those in most first; at most a hundred.
    pub copies: Vec<CopiedRow>,
    /// How many leaves are in several places.
    pub copied: u64,
}

/// A leaf in several places.
#[derive(Clone, Debug, PartialEq)]
pub struct CopiedRow {
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// RFC 4514.
    pub subject: Arc<str>,
    /// End of its validity.
    pub not_after: UnixTime,
    /// In how many places it is.
    pub places: u64,
}

/// One CA certificate, wherever it is.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthorityRow {
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// Root or intermediate.
    pub role: CertRole,
    /// RFC 4514.
    pub subject: Arc<str>,
    /// First common name of the subject, or empty.
    pub subject_cn: Arc<str>,
    /// RFC 4514.
    pub issuer: Arc<str>,
    /// First common name of the issuer, or empty.
    pub issuer_cn: Arc<str>,
    /// In decimal.
    pub serial: Box<str>,
    /// End of its validity.
    pub not_after: UnixTime,
    /// In how many places it is.
    pub places: u64,
    /// How many different leaves have a path through its key.
    pub dependants: u64,
    /// How many of these have no path that outlasts it.
    pub stranded: u64,
    /// How many other CA certificates there are for the same name and key.
    pub cross_signs: u64,
}

impl AuthorityRow {
    /// The row of a CA certificate that nothing hangs on.
    pub fn of(facts: &CertificateFacts) -> Self {
        Self {
            fingerprint: facts.fingerprint,
            role: facts.role,
            subject: facts.subject.clone(),
            subject_cn: facts.subject_cn.clone(),
            issuer: facts.issuer.clone(),
            issuer_cn: facts.issuer_cn.clone(),
            serial: facts.serial.clone(),
            not_after: facts.not_after,
            places: 0,
            dependants: 0,
            stranded: 0,
            cross_signs: 0,
        }
    }
}

/// Answers that are put together when somebody asks. Each may take as long as a walk over everything; not for the async threads.
pub trait TrustQueries: Send + Sync {
    /// The leaves that hang on a CA certificate, those first that end first, equal ends by fingerprint; at most `limit`, behind `after`. `None`: no
    /// such CA certificate.
    fn hanging(&self, authority: &[u8; 32], after: Option<(UnixTime, [u8; 32])>, limit: usize) -> Option<Hanging>;

    /// Whether a certificate verifies against the CA certificates of a place, by names and signatures alone. `None`: no such certificate or place.
    fn verifies(&self, certificate: &[u8; 32], source: &str, place: &str) -> Option<Verifies>;

    /// A certificate with those above it, as far as they are watched; bounded. `None`: no such certificate, or
    /// nothing is known of who stands above whom.
    fn above(&self, certificate: &[u8; 32]) -> Option<Above> {
        let _ = certificate;
        None
    }
}

/// A certificate, and the CA certificates that issued it: several where its CA was renewed or cross-signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Above {
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// RFC 4514.
    pub subject: Arc<str>,
    /// RFC 4514.
    pub issuer: Arc<str>,
    /// Leaf, intermediate or root.
    pub role: CertRole,
    /// End of its validity.
    pub not_after: UnixTime,
    /// In how many places it is.
    pub places: u64,
    /// Its signature by the key of those above it was checked and holds.
    pub proved: bool,
    /// Why nobody is told above it; `None` where somebody is.
    pub top: Option<Top>,
    /// The CA certificates that issued it, those first that end last.
    pub issuers: Vec<Above>,
    /// How many more of these there are than are told.
    pub left_out: u64,
}

/// Why nobody is told above a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    /// It is signed by its own key.
    Root,
    /// Its issuer is among the trust anchors of this machine, and in no place that is watched.
    Anchor,
    /// Its issuer is already told below it: CAs that signed each other.
    Circle,
    /// Nobody that is watched has signed it.
    Unknown,
}

/// What hangs on a CA certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct Hanging {
    /// Of which snapshot this is so.
    pub generation: u64,
    /// How many leaves in all.
    pub total: u64,
    /// Some of them.
    pub leaves: Vec<HangingLeaf>,
    /// Whether more come behind these.
    pub more: bool,
}

/// A leaf that hangs on a CA certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct HangingLeaf {
    /// RFC 4514.
    pub subject: Arc<str>,
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// End of its validity.
    pub not_after: UnixTime,
    /// Whether no path of it outlasts the CA certificate.
    pub stranded: bool,
    /// One of its places.
    pub place: String,
    /// In how many places it is.
    pub places: u64,
}

/// Whether a certificate verifies against a place's CA certificates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verifies {
    /// Whether it does.
    pub verifies: bool,
    /// The subjects on the way, from the certificate to the anchor; as far as the way is known.
    pub path: Vec<Arc<str>>,
    /// Why it does not.
    pub why: Option<String>,
}
