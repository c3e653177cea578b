//! A certificate authority in this process: what it issues may be as wrong as a test wants it.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    SanType, SignatureAlgorithm,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

/// A root or an intermediate.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate first, then those above it; the root is the last.
    chain: Vec<CertificateDer<'static>>,
}

impl Ca {
    /// A root, signed by itself.
    pub fn root(name: &str) -> Self {
        let (params, key) = (ca_params(name), key(&PKCS_ECDSA_P256_SHA256));
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), chain: vec![certificate] }
    }

    /// A CA below this one.
    pub fn intermediate(&self, name: &str) -> Self {
        let (params, key) = (ca_params(name), key(&PKCS_ECDSA_P256_SHA256));
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let chain = std::iter::once(certificate).chain(self.chain.iter().cloned()).collect();
        Self { issuer: Issuer::new(params, key), chain }
    }

    /// A certificate for a server of these names: DNS names, or IP addresses. Valid from an hour ago for 90 days.
    pub fn leaf(&self, names: &[&str]) -> Leaf<'_> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names
            .iter()
            .map(|name| name.parse().map_or_else(|_| SanType::DnsName((*name).try_into().unwrap()), SanType::IpAddress))
            .collect();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("nameless"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (now() - Duration::HOUR, now() + Duration::days(90));
        Leaf { ca: self, params, algorithm: &PKCS_ECDSA_P256_SHA256 }
    }

    /// Its own certificate.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.chain[0]
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.der())
    }

    /// Its key.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }
}

/// A certificate about to be issued.
pub struct Leaf<'a> {
    ca: &'a Ca,
    /// All that rcgen lets one set.
    pub params: CertificateParams,
    algorithm: &'static SignatureAlgorithm,
}

impl Leaf<'_> {
    /// Valid until yesterday.
    pub fn expired(self) -> Self {
        self.valid(now() - Duration::days(30), now() - Duration::DAY)
    }

    /// Valid from tomorrow.
    pub fn not_yet_valid(self) -> Self {
        self.valid(now() + Duration::DAY, now() + Duration::days(90))
    }

    /// Valid in this time.
    pub fn valid(mut self, not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        (self.params.not_before, self.params.not_after) = (not_before, not_after);
        self
    }

    /// For clients only, or whatever is given; none at all leaves the extension out.
    pub fn extended_key_usages(mut self, usages: &[ExtendedKeyUsagePurpose]) -> Self {
        self.params.extended_key_usages = usages.to_vec();
        self
    }

    /// With a key of this kind.
    pub fn key(mut self, algorithm: &'static SignatureAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Issues it.
    pub fn issue(self) -> Issued {
        let key = key(self.algorithm);
        let certificate = self.params.signed_by(&key, &self.ca.issuer).unwrap().der().clone();
        Issued { certificate, above: self.ca.chain.clone(), key }
    }

    /// Signs it with its own key instead of the CA's.
    pub fn self_signed(self) -> Issued {
        let key = key(self.algorithm);
        Issued { certificate: self.params.self_signed(&key).unwrap().der().clone(), above: Vec::new(), key }
    }
}

/// A certificate with its key.
pub struct Issued {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// The CAs above it; the root is the last.
    pub above: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Issued {
    /// What a server ought to send: the certificate and the intermediates, in order, without the root.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        let intermediates = self.above.len().saturating_sub(1);
        std::iter::once(&self.certificate).chain(&self.above[..intermediates]).cloned().collect()
    }

    /// The key.
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// The key.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The chain as [`Issued::chain`] has it.
    pub fn chain_pem(&self) -> String {
        self.chain().iter().map(|certificate| pem("CERTIFICATE", certificate)).collect()
    }
}

/// A PEM block.
pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (now() - Duration::DAY, now() + Duration::days(3650));
    params
}
