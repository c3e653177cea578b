//! What a web configuration asks for, as plain values: read by `config`, made real by the other files of this folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::Secret;
use crate::model::vocabulary::closed;

use super::users::PasswordHash;

/// A web configuration. Equal ones serve alike, as far as the files that they name do.
#[derive(Clone, Debug, PartialEq)]
pub struct WebSettings {
    /// `tls_server_config`; without it connections are plain.
    pub tls: Option<TlsSettings>,
    /// `http_server_config.http2`: offered where TLS is.
    pub http2: bool,
    /// `http_server_config.headers`
    pub headers: Vec<(Header, String)>,
    /// `basic_auth_users`; none: nobody is asked who he is.
    pub users: BTreeMap<String, PasswordHash>,
    /// `rate_limit`
    pub rate: Option<RateSettings>,
}

/// Plain connections, open to everybody.
impl Default for WebSettings {
    fn default() -> Self {
        Self { tls: None, http2: true, headers: Vec::new(), users: BTreeMap::new(), rate: None }
    }
}

/// `tls_server_config`
#[derive(Clone, Debug, PartialEq)]
pub struct TlsSettings {
    /// `cert_file` or `cert`: the chain, leaf first.
    pub certificate: Pem,
    /// `key_file` or `key`
    pub key: Pem,
    /// `client_auth_type`
    pub client_auth: ClientAuth,
    /// `client_ca_file` or `client_ca`; there whenever clients are verified.
    pub client_ca: Option<Pem>,
    /// `client_allowed_sans`; none: all that verify.
    pub client_allowed_sans: Vec<String>,
    /// `min_version`
    pub min_version: TlsVersion,
    /// `max_version`
    pub max_version: TlsVersion,
    /// `cipher_suites`, the best first; none of a version: all of it.
    pub cipher_suites: Vec<Suite>,
    /// `curve_preferences`, the best first; none: the library's.
    pub curve_preferences: Vec<Curve>,
    /// `prefer_server_cipher_suites`
    pub prefer_server_cipher_suites: bool,
}

/// PEM in a file or in the configuration itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Pem {
    /// A file's path.
    File(PathBuf),
    /// The text.
    Inline(Secret),
}

impl Pem {
    /// The file, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) => None,
        }
    }
}

/// `rate_limit`: a bucket of `burst` requests into which one falls back each `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSettings {
    /// The time in which one more request is allowed.
    pub interval: Duration,
    /// So many at once; at least 1.
    pub burst: u32,
}

closed! {
    /// What is asked of clients in the handshake.
    #[derive(Default)]
    pub enum ClientAuth {
        /// Nothing.
        #[default]
        No = "NoClientCert",
        /// A certificate, which may be missing and is not verified.
        Request = "RequestClientCert",
        /// A certificate, which is not verified.
        RequireAny = "RequireAnyClientCert",
        /// A certificate, which may be missing and is verified where there is one.
        VerifyIfGiven = "VerifyClientCertIfGiven",
        /// A certificate that verifies.
        RequireAndVerify = "RequireAndVerifyClientCert",
    }
}

impl ClientAuth {
    /// Whether certificates are held against the client CAs.
    pub const fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }

    /// Whether a client without a certificate is refused.
    pub const fn requires(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }
}

closed! {
    /// A version of TLS, by its name in exporter-toolkit.
    pub enum TlsVersion {
        /// TLS 1.2
        Tls12 = "TLS12",
        /// TLS 1.3
        Tls13 = "TLS13",
    }
}

closed! {
    /// A cipher suite, by its name in Go.
    pub enum Suite {
        /// TLS 1.3
        Aes128 = "TLS_AES_128_GCM_SHA256",
        /// TLS 1.3
        Aes256 = "TLS_AES_256_GCM_SHA384",
        /// TLS 1.3
        Chacha20 = "TLS_CHACHA20_POLY1305_SHA256",
        /// TLS 1.2
        EcdsaAes128 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        /// TLS 1.2
        EcdsaAes256 = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        /// TLS 1.2
        EcdsaChacha20 = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        /// TLS 1.2
        RsaAes128 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        /// TLS 1.2
        RsaAes256 = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        /// TLS 1.2
        RsaChacha20 = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    }
}

impl Suite {
    /// The only version that has it.
    pub const fn version(self) -> TlsVersion {
        match self {
            Self::Aes128 | Self::Aes256 | Self::Chacha20 => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        }
    }
}

closed! {
    /// A group for the key exchange, by its name in Go.
    pub enum Curve {
        /// Curve25519
        X25519 = "X25519",
        /// NIST P-256
        P256 = "CurveP256",
        /// NIST P-384
        P384 = "CurveP384",
        /// Curve25519 together with ML-KEM-768
        X25519MlKem768 = "X25519MLKEM768",
    }
}

closed! {
    /// A header that answers may be given.
    pub enum Header {
        /// Content-Security-Policy
        ContentSecurityPolicy = "Content-Security-Policy",
        /// Strict-Transport-Security
        StrictTransportSecurity = "Strict-Transport-Security",
        /// X-Content-Type-Options
        ContentTypeOptions = "X-Content-Type-Options",
        /// X-Frame-Options
        FrameOptions = "X-Frame-Options",
        /// X-XSS-Protection
        XssProtection = "X-XSS-Protection",
    }
}

impl Header {
    /// The only values that it has; none: any.
    pub const fn values(self) -> &'static [&'static str] {
        match self {
            Self::ContentTypeOptions => &["nosniff"],
            Self::FrameOptions => &["deny", "sameorigin"],
            _ => &[],
        }
    }
}
