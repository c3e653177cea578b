//! What a source hands back: a place with the bytes found there, or why there are none.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::TrustAnchor;

use super::BoxError;
use super::facts::ClientCertificate;
use super::options::Labels;
use super::place::Place;
use super::scan::Stamp;
use super::state::Circumstances;
use super::time::UnixTime;
use super::vocabulary::{Method, Reason, Stage};

/// One look at one place. A broken endpoint may give both: its chain and the failure.
#[derive(Debug)]
pub struct Observation {
    /// Where.
    pub place: Place,
    /// The user's labels of this target alone.
    pub labels: Option<Arc<Labels>>,
    /// What is known of it besides its bytes.
    pub circumstances: Option<Arc<Circumstances>>,
    /// What was found.
    pub material: Option<Material>,
    /// What went wrong.
    pub failure: Option<Failure>,
    /// How an unchanged thing is recognised at the next scan; `None` when it must be read again.
    pub stamp: Option<Stamp>,
    /// How long it took, all stages together.
    pub elapsed: Duration,
    /// How long the TLS handshake alone took, whether it ended well or not; `None` when none was begun.
    pub handshake: Option<Duration>,
    /// How it went, stage by stage; endpoints only.
    pub trace: Trace,
}

/// How a look went, stage by stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The stages in their order; one that was tried several times (address by address) is there as often.
    pub steps: Vec<Step>,
    /// The address that was connected to.
    pub peer: Option<IpAddr>,
}

/// One stage of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub stage: Stage,
    /// How long it took.
    pub elapsed: Duration,
    /// What it was about: an address, or nothing.
    pub detail: Box<str>,
    /// How it ended, where that is neither well nor a failure.
    pub ended: Option<Box<str>>,
    /// Why it failed, in words.
    pub failure: Option<Box<str>>,
}

impl Observation {
    /// Something was read.
    pub fn found(place: Place, material: Material) -> Self {
        Self {
            place,
            labels: None,
            circumstances: None,
            material: Some(material),
            failure: None,
            stamp: None,
            elapsed: Duration::ZERO,
            handshake: None,
            trace: Trace::default(),
        }
    }

    /// Nothing could be read.
    pub fn failed(place: Place, failure: Failure) -> Self {
        Self {
            place,
            labels: None,
            circumstances: None,
            material: None,
            failure: Some(failure),
            stamp: None,
            elapsed: Duration::ZERO,
            handshake: None,
            trace: Trace::default(),
        }
    }
}

/// Raw bytes, and what is needed to read them.
#[derive(Debug)]
pub enum Material {
    /// A file's or key's bytes, in any container format.
    Blob {
        /// The bytes.
        bytes: Vec<u8>,
        /// Passphrases to try on a keystore, in order.
        passphrases: Arc<[Secret]>,
    },
    /// The same of a certificate that a source shows to servers, with the certificates behind it.
    ClientCertificate {
        /// The bytes.
        bytes: Vec<u8>,
        /// Passphrases to try on a keystore, in order.
        passphrases: Arc<[Secret]>,
    },
    /// What a TLS server showed.
    Handshake(Box<Handshake>),
}

impl Material {
    /// Overwrites bytes that may hold a private key, once they are decoded.
    pub fn wipe(&mut self) {
        match self {
            Self::Blob { bytes, .. } | Self::ClientCertificate { bytes, .. } => zeroize::Zeroize::zeroize(bytes),
            Self::Handshake(_) => (),
        }
    }
}

/// What a TLS server showed, before any judgement.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// DER certificates in the order sent.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response, DER.
    pub staple: Option<Vec<u8>>,
    /// The name that the leaf must carry: a DNS name or an IP address.
    pub server_name: Box<str>,
    /// The trust anchors that the source was told to use; `None` when they cannot be read: then nothing is known about trust.
    pub roots: Option<Arc<Roots>>,
    /// `TLS 1.3`, `TLS 1.2`, older ones by the raw method alone; `None` when the handshake did not come so far.
    pub version: Option<&'static str>,
    /// IANA name of the cipher suite.
    pub cipher: Option<&'static str>,
    /// IANA name of the key exchange group.
    pub group: Option<&'static str>,
    /// The application protocol agreed on.
    pub alpn: Option<Box<str>>,
    /// Whether the server asked for a client certificate.
    pub client_certificate_requested: bool,
    /// Whether the server proved that it holds the leaf's key.
    pub possession: Possession,
    /// How it was made to show this.
    pub method: Method,
    /// Whether the server accepts a version below TLS 1.2; as of the last time it was tried.
    pub old_tls_accepted: bool,
    /// What it wants of client certificates, and what it said of ours.
    pub client: ClientAuth,
    /// The time that it showed (HTTP Date).
    pub clock: Option<ShownTime>,
}

/// A server's clock, as read a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownTime {
    /// What it showed.
    pub at: UnixTime,
    /// How long ago that was: half the round trip and what came after.
    pub ago: Duration,
}

/// What a server wants of client certificates, before any judgement.
#[derive(Clone, Debug, Default)]
pub struct ClientAuth {
    /// What became of ours.
    pub outcome: ClientCertificate,
    /// Names of acceptable CAs, each a DER Name.
    pub authorities: Vec<Vec<u8>>,
    /// There were more than are kept.
    pub authorities_cut: bool,
    /// Acceptable signature schemes by their IANA names.
    pub schemes: Vec<Box<str>>,
    /// Our own chain, DER, leaf first; empty when none is configured.
    pub own: Arc<[Vec<u8>]>,
    /// How many intermediates behind ours the server is said to follow; `None`: nothing is said.
    pub verify_depth: Option<u32>,
    /// What the source's owner expects.
    pub expectation: Expectation,
    /// What a probe without a certificate has shown.
    pub without: Admission,
}

/// What the owner of a source says about client certificates at its endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// Nothing.
    #[default]
    Tls,
    /// Nobody is let in without one.
    MutualTls,
    /// Clients are let in with and without one.
    MutualTlsOptional,
}

/// Whether a client without a certificate is let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// Not tried, or not to be seen.
    #[default]
    Unknown,
    /// It is.
    LetIn,
    /// It is refused.
    Refused,
}

/// The server's proof of possession of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Possession {
    /// The signature over the handshake holds.
    Proved,
    /// The algorithm cannot be checked here.
    Unchecked,
    /// It did not come so far, or the signature is bad (the failure says which).
    Missing,
}

/// Trust anchors of a source.
#[derive(Debug, Default)]
pub struct Roots {
    /// The anchors, as webpki reads them.
    pub anchors: Vec<TrustAnchor<'static>>,
}

/// A passphrase. Its text never appears in logs.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

/// Wiped when nobody needs it any more.
impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// Why an observation failed: closed words for labels, the open text for logs and the API.
#[derive(Debug)]
pub struct Failure {
    /// How far it came.
    pub stage: Stage,
    /// Why.
    pub reason: Reason,
    /// The error behind it.
    pub detail: BoxError,
}

impl Failure {
    /// A failure with its error or message.
    pub fn new(stage: Stage, reason: Reason, detail: impl Into<BoxError>) -> Self {
        Self { stage, reason, detail: detail.into() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.stage, self.reason, self.detail)
    }
}

/// What decoding may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most certificates and CRLs taken from one place; more is [`Reason::TooLarge`].
    pub items: usize,
    /// The largest certificate in bytes.
    pub certificate_bytes: usize,
    /// The most key derivation rounds that a keystore may ask for.
    pub kdf_iterations: u64,
    /// The most subject alternative names kept of one certificate.
    pub names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { items: 10_000, certificate_bytes: 1 << 20, kdf_iterations: 2_000_000, names: 1_000 }
    }
}
