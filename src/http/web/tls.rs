//! From settings and the bytes of their files to what shakes hands. Keys live on in the library's own form alone.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};
use zeroize::{Zeroize, Zeroizing};

use super::WebError;
use super::client;
use super::settings::{Curve, Suite, TlsSettings, TlsVersion};

/// More certificates of one file are a bundle of somebody else's.
const MOST_CERTIFICATES: usize = 1000;

/// The bytes behind [`TlsSettings`]: PEM, as read.
#[derive(Default)]
pub struct Material {
    /// Of `cert_file` or `cert`.
    pub certificate: Vec<u8>,
    /// Of `key_file` or `key`; wiped when dropped.
    pub key: Zeroizing<Vec<u8>>,
    /// Of `client_ca_file` or `client_ca`.
    pub client_ca: Vec<u8>,
}

/// Makes what accepts connections.
///
/// # Errors
/// A part cannot be used, or they do not fit together.
pub fn config(settings: &TlsSettings, material: &Material, http2: bool) -> Result<Arc<ServerConfig>, WebError> {
    let provider = Arc::new(provider(settings));
    let certified = identity(material)?;
    fits(settings, &certified)?;
    let verifier = verifier(settings, material, &provider)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(settings))
        .map_err(|error| WebError::Together(error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.ignore_client_order = settings.prefer_server_cipher_suites;
    // A resumed session would let a client in by what was so when it came first.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(Arc::new(config))
}

/// The client CAs as they stand in the material.
pub fn client_cas(material: &Material) -> Result<Vec<CertificateDer<'static>>, WebError> {
    certificates(&material.client_ca).map_err(|why| WebError::Part { key: "client_ca", why })
}

fn verifier(
    settings: &TlsSettings,
    material: &Material,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, WebError> {
    let cas = if settings.client_auth.verifies() { client_cas(material)? } else { Vec::new() };
    client::verifier(settings.client_auth, &cas, &settings.client_allowed_sans, provider)
        .map_err(|why| WebError::Part { key: "client_ca", why })
}

/// Certificate and key, that belong together.
fn identity(material: &Material) -> Result<CertifiedKey, WebError> {
    let of = |key: &'static str| move |why: String| WebError::Part { key, why };
    let chain = certificates(&material.certificate).map_err(of("cert"))?;
    let mut key = PrivateKeyDer::from_pem_slice(&material.key).map_err(|_| of("key")(no_key(&material.key).to_owned()))?;
    let loaded = aws_lc_rs::sign::any_supported_type(&key);
    key.zeroize();
    let loaded = loaded.map_err(|_| of("key")("a private key of a kind that is not known: expected RSA, ECDSA or Ed25519".to_owned()))?;
    let certified = CertifiedKey::new(chain, loaded);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(WebError::Together("the key does not belong to the certificate".to_owned())),
        Err(error) => Err(of("cert")(format!("the first certificate cannot be used: {error}"))),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        if certificates.len() == MOST_CERTIFICATES {
            return Err(format!("more than {MOST_CERTIFICATES} certificates in it"));
        }
        certificates.push(certificate.map_err(|error| format!("not the PEM of certificates: {error}"))?);
    }
    if certificates.is_empty() { Err("no certificate in it (PEM is expected)".to_owned()) } else { Ok(certificates) }
}

fn no_key(pem: &[u8]) -> &'static str {
    let encrypted = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
    let is_encrypted = encrypted.iter().any(|mark| pem.windows(mark.len()).any(|window| window == *mark));
    if is_encrypted { "the private key is encrypted: expected one that is not" } else { "no private key in it (PEM is expected)" }
}

/// Whether a handshake can succeed at all.
fn fits(settings: &TlsSettings, certified: &CertifiedKey) -> Result<(), WebError> {
    if settings.max_version != TlsVersion::Tls12 {
        return Ok(());
    }
    let algorithm = certified.key.algorithm();
    let mut suites = suites(settings).into_iter().filter_map(|suite| match suite {
        SupportedCipherSuite::Tls12(suite) => Some(suite),
        SupportedCipherSuite::Tls13(_) => None,
    });
    if suites.any(|suite| suite.sign.iter().any(|scheme| certified.key.choose_scheme(&[*scheme]).is_some())) {
        return Ok(());
    }
    Err(WebError::Together(format!("none of the cipher suites is for a certificate with a key of kind {algorithm:?}")))
}

fn provider(settings: &TlsSettings) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = suites(settings);
    if !settings.curve_preferences.is_empty() {
        provider.kx_groups = settings.curve_preferences.iter().map(|curve| group(*curve)).collect();
    }
    provider
}

/// What is named of each version, all of a version of which nothing is.
fn suites(settings: &TlsSettings) -> Vec<SupportedCipherSuite> {
    let named = |version| settings.cipher_suites.iter().filter(move |suite| suite.version() == version);
    let of = |version: TlsVersion| -> Vec<SupportedCipherSuite> {
        match named(version).next() {
            Some(_) => named(version).map(|asked| suite(*asked)).collect(),
            // One who names suites of TLS 1.3 alone wants no other version.
            None if version == TlsVersion::Tls12 && !settings.cipher_suites.is_empty() => Vec::new(),
            None => aws_lc_rs::DEFAULT_CIPHER_SUITES.iter().filter(|suite| version_of(suite) == version).copied().collect(),
        }
    };
    [of(TlsVersion::Tls13), of(TlsVersion::Tls12)].concat()
}

fn version_of(suite: &SupportedCipherSuite) -> TlsVersion {
    match suite {
        SupportedCipherSuite::Tls12(_) => TlsVersion::Tls12,
        SupportedCipherSuite::Tls13(_) => TlsVersion::Tls13,
    }
}

fn versions(settings: &TlsSettings) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)];
    let wanted = settings.min_version..=settings.max_version;
    all.into_iter().filter(|(version, _)| wanted.contains(version)).map(|(_, version)| version).collect()
}

fn suite(suite: Suite) -> SupportedCipherSuite {
    match suite {
        Suite::Aes128 => cipher_suite::TLS13_AES_128_GCM_SHA256,
        Suite::Aes256 => cipher_suite::TLS13_AES_256_GCM_SHA384,
        Suite::Chacha20 => cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        Suite::EcdsaAes128 => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        Suite::EcdsaAes256 => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        Suite::EcdsaChacha20 => cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        Suite::RsaAes128 => cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        Suite::RsaAes256 => cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        Suite::RsaChacha20 => cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    }
}

fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::X25519 => kx_group::X25519,
        Curve::P256 => kx_group::SECP256R1,
        Curve::P384 => kx_group::SECP384R1,
        Curve::X25519MlKem768 => kx_group::X25519MLKEM768,
    }
}

#[cfg(test)]
mod tests;
