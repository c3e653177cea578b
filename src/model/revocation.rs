//! Revocation: what a certificate says about where to ask, what was answered, and what follows.
//!
//! Verdicts are made in two steps. `pki` makes an [`Answer`] of bytes whose signature holds; `assess` makes a [`Verdict`] of all answers about a
//! certificate, by the source's choice of methods and the time. So the passing of time needs no bytes again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::facts::CrlFacts;
use super::finding::FindingSet;
use super::time::UnixTime;
use super::vocabulary::closed;

closed! {
    /// What is known of a certificate's revocation.
    #[derive(Default)]
    pub enum RevocationStatus {
        /// A fresh, authenticated answer says that it is not revoked.
        Good = "good",
        /// An authenticated answer says that it is revoked, or on hold.
        Revoked = "revoked",
        /// Nobody could say.
        Unknown = "unknown",
        /// Its issuer does not say, and need not.
        NotApplicable = "not_applicable",
        /// Not asked yet.
        #[default]
        Pending = "pending",
    }
}

closed! {
    /// How a certificate's revocation is looked up.
    pub enum RevocationMethod {
        /// The OCSP response that the server staples, or that a file holds.
        Staple = "staple",
        /// Asking the responder (RFC 6960).
        Ocsp = "ocsp",
        /// The issuer's list (RFC 5280 section 5).
        Crl = "crl",
    }
}

closed! {
    /// Why an answer is not usable, or why there is none.
    pub enum RevocationReason {
        /// Its nextUpdate has passed, or it is older than it may be.
        Stale = "stale",
        /// Its thisUpdate is still to come.
        NotYetValid = "not_yet_valid",
        /// The signature does not hold.
        SignatureInvalid = "signature_invalid",
        /// It is not by the certificate's issuer.
        WrongIssuer = "wrong_issuer",
        /// It says nothing about this certificate.
        NotForCertificate = "not_for_certificate",
        /// The list is for other certificates: its issuing distribution point says so (RFC 5280 section 6.3.3 (b)).
        ScopeMismatch = "scope_mismatch",
        /// A critical extension that is not understood.
        CriticalExtension = "critical_extension",
        /// The response's signer may not answer for the issuer (RFC 6960 section 4.2.2.2).
        ResponderUnauthorized = "responder_unauthorized",
        /// The signature's algorithm cannot be checked here.
        UnsupportedAlgorithm = "unsupported_algorithm",
        /// It cannot be read.
        Malformed = "malformed",
        /// The responder answers with an error status (RFC 6960 section 4.2.1).
        ResponderStatus = "responder_status",
        /// The response holds another nonce than the one sent (RFC 9654): it may be an old one, sent again.
        NonceMismatch = "nonce_mismatch",
        /// The responder does not know the certificate.
        UnknownToResponder = "unknown_to_responder",
        /// A list that covers some revocation reasons only, and the others are missing.
        ReasonsIncomplete = "reasons_incomplete",
        /// No certificate of the issuer was found, so no signature can be checked.
        IssuerUnknown = "issuer_unknown",
        /// The certificate does not say where to ask, and nothing is configured.
        NoSource = "no_source",
        /// It points to places that are not fetched from (LDAP).
        UnsupportedScheme = "unsupported_scheme",
        /// The egress policy denies the place.
        EgressDenied = "egress_denied",
        /// `offline` is set.
        Offline = "offline",
        /// The place does not resolve, refuses, or does not answer in time.
        Unreachable = "unreachable",
        /// The place answers with an HTTP error.
        HttpError = "http_error",
        /// The answer is larger than it may be.
        TooLarge = "too_large",
        /// The source's `revocation` leaves the method out.
        NotWanted = "not_wanted",
        /// Not applicable: the issuer says that it never revokes (RFC 9608).
        NoRevAvail = "no_rev_avail",
        /// Not applicable: a trust anchor, which nobody stands above.
        SelfSigned = "self_signed",
        /// Not applicable: so short-lived that its issuer publishes nothing.
        ShortLived = "short_lived",
    }
}

closed! {
    /// Why a certificate was revoked (RFC 5280 section 5.3.1).
    #[derive(Default)]
    pub enum RevokedFor {
        /// 0, and when no reason is given.
        #[default]
        Unspecified = "unspecified",
        /// 1
        KeyCompromise = "keyCompromise",
        /// 2
        CaCompromise = "cACompromise",
        /// 3
        AffiliationChanged = "affiliationChanged",
        /// 4
        Superseded = "superseded",
        /// 5
        CessationOfOperation = "cessationOfOperation",
        /// 6: may be released again.
        CertificateHold = "certificateHold",
        /// 8: only in delta CRLs.
        RemoveFromCrl = "removeFromCRL",
        /// 9
        PrivilegeWithdrawn = "privilegeWithdrawn",
        /// 10
        AaCompromise = "aACompromise",
    }
}

/// What a certificate's revocation is looked up by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// The serial number's INTEGER contents without redundant leading bytes.
    pub serial: Box<[u8]>,
    /// The issuer's DER Name, as it stands in this certificate.
    pub issuer: Arc<[u8]>,
    /// Where to ask; certificates of one issuer mostly share it.
    pub pointers: Arc<Pointers>,
    /// The certificate's own signature, so that its issuer can be told from others of the same name. `None` when it is larger than anything sensible.
    pub signed: Option<Signed>,
    /// TLS feature status_request (RFC 7633): the server must staple.
    pub must_staple: bool,
    /// noRevAvail (RFC 9608).
    pub no_rev_avail: bool,
    /// basicConstraints says CA.
    pub is_ca: bool,
}

/// Where a certificate says that revocation is to be asked for. Bounded: a certificate may name hundreds of places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pointers {
    /// CRL distribution points (RFC 5280 section 4.2.1.13).
    pub crls: Box<[DistributionPoint]>,
    /// Freshest CRL, for deltas (RFC 5280 section 4.2.1.15).
    pub freshest: Box<[DistributionPoint]>,
    /// OCSP responders (RFC 5280 section 4.2.2.1), http and https only.
    pub responders: Box<[Box<str>]>,
    /// Places of the issuer's certificate (caIssuers), http and https only.
    pub issuers: Box<[Box<str>]>,
    /// Authority key identifier (RFC 5280 section 4.2.1.1).
    pub authority_key: Option<Box<[u8]>>,
    /// There were places, but none with http or https.
    pub unsupported: bool,
}

/// One distribution point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DistributionPoint {
    /// Its names, each a DER GeneralName; one that is relative to the issuer is written out in full (as directoryName).
    pub names: Box<[Box<[u8]>]>,
    /// Those of its names that can be fetched from: http and https. They are alternatives.
    pub urls: Box<[Box<str>]>,
    /// The reasons it covers, as bits of RFC 5280's ReasonFlags (bit 1 is keyCompromise); `None`: all.
    pub reasons: Option<u16>,
    /// DER Name of who signs the list, when that is not the certificate's issuer.
    pub crl_issuer: Option<Box<[u8]>>,
}

/// A signature and what it covers. Message and signature share one allocation: there is one of these for every watched certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// DER AlgorithmIdentifier.
    pub algorithm: Arc<[u8]>,
    /// Whether the message is a digest.
    pub is_digest: bool,
    /// Where the message ends and the signature begins.
    split: u32,
    bytes: Box<[u8]>,
}

impl Signed {
    /// `message` is the digest of what is signed, where the algorithm allows that; else the whole of it. `signature` is without the count of
    /// unused bits. `None` when they are larger than 4 GiB.
    pub fn new(algorithm: Arc<[u8]>, message: &[u8], is_digest: bool, signature: &[u8]) -> Option<Self> {
        let split = u32::try_from(message.len()).ok()?;
        Some(Self { algorithm, is_digest, split, bytes: [message, signature].concat().into() })
    }

    /// What is signed, or its digest.
    pub fn message(&self) -> &[u8] {
        self.parts().0
    }

    /// The signature, without the count of unused bits.
    pub fn signature(&self) -> &[u8] {
        self.parts().1
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at_checked(self.split as usize).unwrap_or_default()
    }
}

/// Who may sign certificates, lists and answers: of a CA certificate or a trust anchor what checking needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Authority {
    /// DER Name.
    pub subject: Arc<[u8]>,
    /// DER SubjectPublicKeyInfo.
    pub key: Arc<[u8]>,
    /// Subject key identifier.
    pub key_id: Option<Box<[u8]>>,
    /// As [`CertificateFacts::key_usage`](super::CertificateFacts::key_usage).
    pub key_usage: Option<u16>,
}

/// How much age and clock difference an answer may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How far clocks may be apart.
    pub skew: Duration,
    /// How long after its thisUpdate an answer without nextUpdate is believed.
    pub max_age_without_next_update: Duration,
    /// How long after its thisUpdate any answer is believed, even before its nextUpdate.
    pub max_age: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { skew: Duration::from_secs(300), max_age_without_next_update: Duration::from_secs(7 * 86_400), max_age: None }
    }
}

impl Policy {
    /// Until when an answer may be believed, inclusive.
    pub fn until(&self, this_update: UnixTime, next_update: Option<UnixTime>) -> UnixTime {
        let until = next_update.unwrap_or_else(|| this_update.plus(self.max_age_without_next_update)).plus(self.skew);
        self.max_age.map_or(until, |age| until.min(this_update.plus(age)))
    }

    /// Whether thisUpdate has come.
    pub fn has_begun(&self, this_update: UnixTime, now: UnixTime) -> bool {
        this_update <= now.plus(self.skew)
    }
}

/// What one method answers about one certificate. Its signature holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What it says.
    pub says: Says,
    /// thisUpdate
    pub this_update: UnixTime,
    /// Until when it may be believed, inclusive: nextUpdate, or what the policy says of answers without one.
    pub until: UnixTime,
    /// producedAt of an OCSP answer.
    pub produced_at: Option<UnixTime>,
    /// Where it comes from: a URL, a file, a target.
    pub from: Arc<str>,
}

/// The word of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Says {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// Since when.
        at: UnixTime,
        /// Why.
        reason: RevokedFor,
    },
}

/// All that the revocation service knows of one certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// By CRL; an error says why there is no answer. `None`: not known yet.
    pub crl: Option<Result<Answer, RevocationReason>>,
    /// By asking a responder.
    pub ocsp: Option<Result<Answer, RevocationReason>>,
    /// By an OCSP response in a file.
    pub staple: Option<Result<Answer, RevocationReason>>,
}

/// The overall verdict on one certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The state.
    pub status: RevocationStatus,
    /// Why it is unknown or not applicable; of a revocation `stale`, once the answer that tells of it has run out.
    pub reason: Option<RevocationReason>,
    /// Which method decided.
    pub method: Option<RevocationMethod>,
    /// When and why it was revoked.
    pub revoked: Option<Box<(UnixTime, RevokedFor)>>,
    /// Until when the deciding answer holds; a revocation outlives it.
    pub until: Option<UnixTime>,
}

/// The door to what the revocation service knows.
pub trait Revocations: Send + Sync {
    /// The newest view. Does no I/O and waits for nothing.
    fn load(&self) -> Arc<dyn RevocationView>;
    /// Waits until there is a view newer than this generation. Cancel safe.
    fn newer(&self, generation: u64) -> super::BoxFuture<'_, ()>;
    /// How a responder is asked about the certificate with this fingerprint; `None` where none is. Not for the async threads: the service may
    /// be busy.
    fn asked(&self, fingerprint: &[u8; 32]) -> Option<Asked> {
        let _ = fingerprint;
        None
    }
}

/// How a responder is asked about one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The responder whose turn it is.
    pub url: Arc<str>,
    /// When it was last asked, or its answer was fetched by an earlier process; `None`: not yet.
    pub at: Option<UnixTime>,
    /// When it is asked next; `None`: never, as fetching is turned off.
    pub next_at: Option<UnixTime>,
    /// Why the last attempt brought nothing usable.
    pub failure: Option<RevocationReason>,
}

/// What is known of the watched certificates' revocation at one moment; it never changes.
pub trait RevocationView: Send + Sync {
    /// What is known of the certificate with this fingerprint; `None`: the service does not know the certificate yet.
    fn answers(&self, fingerprint: &[u8; 32]) -> Option<&Answers>;
    /// Grows with every publication.
    fn generation(&self) -> u64;
    /// Findings about a CRL or an OCSP response that a source found, by its fingerprint; `None`: not checked yet.
    fn checked(&self, fingerprint: &[u8; 32]) -> Option<FindingSet>;
    /// The CRLs and responders themselves.
    fn services(&self) -> &Services;
}

/// CRLs fetched from URLs, and responders, each as a thing that is watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Services {
    /// By URL.
    pub crls: Vec<CrlService>,
    /// By URL.
    pub responders: Vec<Responder>,
}

/// A CRL at a URL.
#[derive(Clone, Debug, PartialEq)]
pub struct CrlService {
    /// Where.
    pub url: Arc<str>,
    /// The newest list whose signature holds.
    pub list: Option<Arc<CrlFacts>>,
    /// What is wrong.
    pub findings: FindingSet,
    /// Why the last fetch brought nothing usable, in closed words and open ones.
    pub failure: Option<(RevocationReason, Box<str>)>,
    /// When it was last fetched or confirmed.
    pub checked_at: Option<UnixTime>,
    /// When it is fetched next.
    pub next_at: Option<UnixTime>,
    /// How many watched certificates it answers for.
    pub certificates: u64,
    /// How many of them it revokes.
    pub revoked: u64,
}

/// An OCSP responder.
#[derive(Clone, Debug, PartialEq)]
pub struct Responder {
    /// Where.
    pub url: Arc<str>,
    /// What is wrong.
    pub findings: FindingSet,
    /// End of the earliest ending delegate certificate that it signs with now.
    pub certificate_not_after: Option<UnixTime>,
    /// The oldest thisUpdate of its current answers.
    pub oldest_this_update: Option<UnixTime>,
    /// Why the last request brought nothing usable.
    pub failure: Option<(RevocationReason, Box<str>)>,
    /// How many watched certificates it is asked about.
    pub certificates: u64,
}

/// A view that knows nothing: where revocation is not looked up.
#[derive(Debug, Default)]
pub struct NoRevocations {
    services: Services,
}

impl RevocationView for NoRevocations {
    fn answers(&self, _: &[u8; 32]) -> Option<&Answers> {
        None
    }

    fn generation(&self) -> u64 {
        0
    }

    fn checked(&self, _: &[u8; 32]) -> Option<FindingSet> {
        None
    }

    fn services(&self) -> &Services {
        &self.services
    }
}

impl Revocations for NoRevocations {
    fn load(&self) -> Arc<dyn RevocationView> {
        Arc::new(Self::default())
    }

    fn newer(&self, _: u64) -> super::BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// A view made of a plain map; for whoever looks only once, and for tests.
#[derive(Clone, Debug, Default)]
pub struct FixedRevocations {
    /// By fingerprint.
    pub answers: HashMap<[u8; 32], Answers>,
    /// By fingerprint of the CRL or response.
    pub checked: HashMap<[u8; 32], FindingSet>,
    /// CRLs and responders.
    pub services: Services,
}

impl RevocationView for FixedRevocations {
    fn answers(&self, fingerprint: &[u8; 32]) -> Option<&Answers> {
        self.answers.get(fingerprint)
    }

    fn generation(&self) -> u64 {
        1
    }

    fn checked(&self, fingerprint: &[u8; 32]) -> Option<FindingSet> {
        self.checked.get(fingerprint).copied()
    }

    fn services(&self) -> &Services {
        &self.services
    }
}
