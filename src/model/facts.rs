//! What bytes say, once read: no judgement, no private key, small enough to keep for every certificate.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::finding::FindingSet;
use super::revocation::{Answer, Authority, Lookup, RevocationReason};
use super::time::UnixTime;
use super::vocabulary::{CertRole, Method, Reason, closed};

/// What one place holds, as decoded.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Certificates in the order found; an identical one twice is here once.
    pub certificates: Vec<CertificateFacts>,
    /// CRLs in the order found.
    pub crls: Vec<CrlFacts>,
    /// OCSP responses in the order found.
    pub responses: Vec<ResponseFacts>,
    /// Parts that could not be read.
    pub problems: Vec<Problem>,
    /// What the TLS server showed.
    pub endpoint: Option<Box<EndpointFacts>>,
}

impl Facts {
    /// The problem that makes the whole place an error: it gives nothing, and something is wrong with it.
    pub fn failure(&self) -> Option<&Problem> {
        if self.certificates.is_empty() && self.crls.is_empty() && self.responses.is_empty() { self.problems.first() } else { None }
    }
}

/// A part of a place that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// For labels.
    pub reason: Reason,
    /// For logs and the API.
    pub detail: String,
}

/// What is kept of a place between scans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Certificates in the order found.
    pub certificates: Box<[CertificateFacts]>,
    /// CRLs in the order found.
    pub crls: Box<[CrlFacts]>,
    /// OCSP responses in the order found.
    pub responses: Box<[ResponseFacts]>,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// Start of validity.
    pub not_before: UnixTime,
    /// End of validity, inclusive.
    pub not_after: UnixTime,
    /// Subject in RFC 4514 form.
    pub subject: Arc<str>,
    /// First common name of the subject, or empty.
    pub subject_cn: Arc<str>,
    /// Issuer in RFC 4514 form.
    pub issuer: Arc<str>,
    /// First common name of the issuer, or empty.
    pub issuer_cn: Arc<str>,
    /// Serial number in decimal (negative ones exist).
    pub serial: Box<str>,
    /// Leaf, intermediate or root.
    pub role: CertRole,
    /// Subject and issuer are the same name.
    pub self_issued: bool,
    /// The public key.
    pub key: KeyFacts,
    /// The signature's algorithm by its usual name (`sha256WithRSAEncryption`), else its OID.
    pub signature_algorithm: Arc<str>,
    /// MD2, MD4, MD5 or SHA-1.
    pub weak_signature: bool,
    /// Key usage bits as RFC 5280 section 4.2.1.3 numbers them (bit 0 is digitalSignature); `None` without the extension.
    pub key_usage: Option<u16>,
    /// Extended key usages by their usual names, else OIDs; `None` without the extension.
    pub extended_key_usage: Option<Arc<[Arc<str>]>>,
    /// Subject alternative names, as many as are kept.
    pub names: Box<[SubjectName]>,
    /// How many more there are.
    pub names_left_out: u32,
    /// How far a CA may go: basicConstraints' path length and nameConstraints; `None` where it says neither.
    pub constraints: Option<Box<Constraints>>,
    /// What its revocation is looked up by; `None` of a self-signed CA certificate.
    pub lookup: Option<Box<Lookup>>,
    /// It is shown to servers, as a source's own client certificate.
    #[serde(default)]
    pub shown_to_servers: bool,
    /// What signatures by it are checked with; CA certificates only.
    pub authority: Option<Arc<Authority>>,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFacts {
    /// Which family.
    pub algorithm: KeyAlgorithm,
    /// Modulus or field size in bits; 0 when unknown.
    pub bits: u32,
    /// The named curve of an elliptic curve key.
    pub curve: Option<Curve>,
    /// The first 16 bytes of the SHA-256 of the SubjectPublicKeyInfo: equal for equal keys.
    pub digest: [u8; 16],
}

closed! {
    /// A named curve, by the name that NIST, SEC 2 or RFC 5639 gives it.
    pub enum Curve {
        /// secp224r1
        P224 = "P-224",
        /// secp256r1, prime256v1
        P256 = "P-256",
        /// secp384r1
        P384 = "P-384",
        /// secp521r1
        P521 = "P-521",
        /// SEC 2
        Secp256k1 = "secp256k1",
        /// RFC 5639
        BrainpoolP256r1 = "brainpoolP256r1",
        /// RFC 5639
        BrainpoolP384r1 = "brainpoolP384r1",
        /// RFC 5639
        BrainpoolP512r1 = "brainpoolP512r1",
        /// Any other, or parameters instead of a name.
        Other = "other",
    }
}

/// What a CA certificate allows below it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraints {
    /// How many CA certificates may follow in a path (RFC 5280 section 4.2.1.9); `None`: as many as you like.
    pub path_length: Option<u32>,
    /// Names that are permitted, such as `DNS:.example.com`, `IP:10.0.0.0/8` (RFC 5280 section 4.2.1.10).
    pub permitted: Box<[Box<str>]>,
    /// Names that are excluded, spelled likewise.
    pub excluded: Box<[Box<str>]>,
}

impl Constraints {
    /// Names of each list that are kept; of a list that is full nobody knows what else is on it.
    pub const KEPT: usize = 256;
}

/// The names of signature algorithms; any other is known by its OID.
pub const SIGNATURE_ALGORITHMS: &[&str] = &[
    "md2WithRSAEncryption",
    "md4WithRSAEncryption",
    "md5WithRSAEncryption",
    "sha1WithRSAEncryption",
    "rsassaPss",
    "sha256WithRSAEncryption",
    "sha384WithRSAEncryption",
    "sha512WithRSAEncryption",
    "sha224WithRSAEncryption",
    "sha512-224WithRSAEncryption",
    "sha512-256WithRSAEncryption",
    "dsa_with_SHA224",
    "dsa_with_SHA256",
    "dsa_with_SHA384",
    "dsa_with_SHA512",
    "ecdsa_with_SHA3-224",
    "ecdsa_with_SHA3-256",
    "ecdsa_with_SHA3-384",
    "ecdsa_with_SHA3-512",
    "RSA-SHA3-224",
    "RSA-SHA3-256",
    "RSA-SHA3-384",
    "RSA-SHA3-512",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
    "ecdsa-with-SHA1",
    "ecdsa-with-SHA224",
    "ecdsa-with-SHA256",
    "ecdsa-with-SHA384",
    "ecdsa-with-SHA512",
    "Ed25519",
    "Ed448",
    "dsaWithSHA1",
    "dsaWithSHA1-old",
    "md5WithRSA",
    "shaWithRSAEncryption",
    "sha1WithRSA",
];

/// Key usages by the bits of RFC 5280 section 4.2.1.3.
pub const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

closed! {
    /// A public key's family.
    pub enum KeyAlgorithm {
        /// RSA, RSASSA-PSS too.
        Rsa = "RSA",
        /// Elliptic curve.
        Ec = "EC",
        /// Ed25519.
        Ed25519 = "Ed25519",
        /// Ed448.
        Ed448 = "Ed448",
        /// DSA.
        Dsa = "DSA",
        /// ML-DSA (FIPS 204).
        MlDsa = "ML-DSA",
        /// Anything else.
        Other = "other",
    }
}

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubjectName {
    /// dNSName
    Dns(Box<str>),
    /// iPAddress
    Ip(IpAddr),
    /// uniformResourceIdentifier
    Uri(Box<str>),
    /// rfc822Name
    Email(Box<str>),
    /// Any other kind, by its tag's name.
    Other(Box<str>),
}

impl SubjectName {
    /// `DNS:example.com`, `IP:192.0.2.1`, `URI:…`, `email:…`.
    pub fn prefixed(&self) -> String {
        match self {
            Self::Dns(name) => format!("DNS:{name}"),
            Self::Ip(address) => format!("IP:{address}"),
            Self::Uri(uri) => format!("URI:{uri}"),
            Self::Email(mailbox) => format!("email:{mailbox}"),
            Self::Other(kind) => format!("other:{kind}"),
        }
    }
}

impl CertificateFacts {
    /// The SPIFFE ID: the one URI name with the scheme `spiffe` (SPIFFE X.509-SVID section 2).
    pub fn spiffe_id(&self) -> Option<&str> {
        self.names.iter().find_map(|name| match name {
            SubjectName::Uri(uri) if uri.starts_with("spiffe://") => Some(&**uri),
            _ => None,
        })
    }

    /// SHA-256 of the DER in lower case hexadecimal.
    pub fn fingerprint_hex(&self) -> String {
        hex(&self.fingerprint)
    }
}

/// One certificate revocation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlFacts {
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// Issuer in RFC 4514 form.
    pub issuer: Arc<str>,
    /// First common name of the issuer, or empty.
    pub issuer_cn: Arc<str>,
    /// thisUpdate
    pub this_update: UnixTime,
    /// nextUpdate; a list without it is legal.
    pub next_update: Option<UnixTime>,
    /// CRL number in decimal; a version 1 list has none.
    pub number: Option<Box<str>>,
    /// How many certificates it revokes.
    pub entries: u64,
    /// A delta CRL.
    pub delta: bool,
    /// The signature's algorithm by its usual name, else its OID.
    pub signature_algorithm: Arc<str>,
    /// MD2, MD4, MD5 or SHA-1.
    pub weak_signature: bool,
}

/// An OCSP response found in a file (nginx's ssl_stapling_file, Envoy's ocsp_staple).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseFacts {
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// Serial number of the certificate that it is about (the first, when about several), in decimal.
    pub serial: Box<str>,
    /// producedAt
    pub produced_at: UnixTime,
    /// thisUpdate
    pub this_update: UnixTime,
    /// nextUpdate
    pub next_update: Option<UnixTime>,
    /// The response itself, DER: the service checks it against the certificates that it is about. At most 64 KiB.
    pub der: Arc<[u8]>,
}

/// What a TLS server showed besides its certificates, and what follows from the bytes alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointFacts {
    /// `TLS 1.3`, `TLS 1.2`, older ones by the raw method alone.
    pub version: Option<Arc<str>>,
    /// IANA name of the cipher suite.
    pub cipher: Option<Arc<str>>,
    /// IANA name of the key exchange group.
    pub group: Option<Arc<str>>,
    /// The application protocol agreed on.
    pub alpn: Option<Arc<str>>,
    /// Whether the server asked for a client certificate.
    pub client_certificate_requested: bool,
    /// What the server wants of client certificates, and what it said of ours.
    pub client: ClientAuthFacts,
    /// The endpoint's clock minus ours in whole seconds; `None` where it shows none. Within a second it is 0.
    pub clock_skew: Option<i64>,
    /// Whether an OCSP response was stapled.
    pub stapled: bool,
    /// What the stapled response says about the leaf; `None` when nothing was stapled.
    pub staple: Option<Box<Result<Answer, RevocationReason>>>,
    /// How the server was made to show this.
    pub method: Method,
    /// Findings about the leaf that no passing of time changes: trust, name, usage.
    pub leaf: FindingSet,
    /// Findings about the endpoint.
    pub target: FindingSet,
    /// Why there is no path, in words; for the API and `check`.
    pub path_error: Option<Box<str>>,
    /// The leaf is itself one of the trust anchors: trusted without its issuer.
    #[serde(default)]
    pub leaf_is_anchor: bool,
}

/// Client certificates, as the server sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAuthFacts {
    /// What became of ours.
    pub outcome: ClientCertificate,
    /// The names of the CAs that the server takes, RFC 4514; empty when it names none. Bounded: see `acceptable_cas_cut`.
    pub acceptable_cas: Arc<[Arc<str>]>,
    /// There were more names than are kept.
    pub acceptable_cas_cut: bool,
    /// The signature schemes that the server takes, by their IANA names.
    pub signature_schemes: Arc<[Arc<str>]>,
}

closed! {
    /// What a server makes of our client certificate, as far as it says so.
    #[derive(Default)]
    pub enum ClientCertificate {
        /// The server did not ask, or the handshake broke off before it could.
        #[default]
        NotRequested = "not_requested",
        /// Ours was shown, and the server went on.
        Accepted = "accepted",
        /// The server refuses ours, or that there is none.
        Rejected = "rejected",
        /// None was shown, and an HTTP request was answered all the same.
        NotRequired = "not_required",
        /// The server asked, and has not said what it makes of the answer.
        Unconfirmed = "unconfirmed",
    }
}

/// Lower case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
