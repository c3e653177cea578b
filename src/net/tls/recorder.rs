//! Takes down what the server shows and lets the handshake go on, whatever it is.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::identity::ClientIdentity;
use super::possession::{self, Proof};

/// One connection's notes: verifies nothing but the proof of possession, and that aside.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    seen: Mutex<Seen>,
    identity: Option<Arc<ClientIdentity>>,
}

/// The most names of CAs that are kept, and their bytes together.
const NAMES: usize = 200;
const NAMES_BYTES: usize = 64 << 10;
/// The most signature schemes that are kept; IANA knows fewer.
const SCHEMES: usize = 64;

/// What came.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// DER certificates in the order sent.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response.
    pub staple: Option<Vec<u8>>,
    /// A CertificateRequest came.
    pub requested: bool,
    /// A certificate was shown in answer to it.
    pub offered: bool,
    /// The acceptable CAs it named, each a DER Name.
    pub authorities: Vec<Vec<u8>>,
    /// There were more.
    pub authorities_cut: bool,
    /// The signature schemes it named.
    pub schemes: Vec<SignatureScheme>,
    /// The server's signature over the handshake; `None` when none came.
    pub proof: Option<Proof>,
}

impl Recorder {
    /// One that shows this certificate when it is asked for one.
    pub fn showing(identity: Option<Arc<ClientIdentity>>) -> Self {
        Self { identity, ..Self::default() }
    }

    fn notes(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a CertificateRequest came.
    pub fn requested(&self) -> bool {
        self.notes().requested
    }

    /// The notes, leaving none.
    pub fn take(&self) -> Seen {
        mem::take(&mut self.notes())
    }

    fn record_proof(&self, message: &[u8], certificate: &[u8], signed: &DigitallySignedStruct) -> HandshakeSignatureValid {
        let proof = possession::check(certificate, signed.scheme, message, signed.signature());
        self.notes().proof = Some(proof);
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        staple: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut notes = self.notes();
        notes.chain = std::iter::once(leaf).chain(others).map(|certificate| certificate.to_vec()).collect();
        notes.staple = (!staple.is_empty()).then(|| staple.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(self.record_proof(message, certificate, signed))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(self.record_proof(message, certificate, signed))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        possession::SCHEMES.to_vec()
    }
}

impl ResolvesClientCert for Recorder {
    /// Called once the server has asked, even when there is nothing to show.
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // A certificate is shown whether its CA is named or not: what the server says to it is what is to be known.
        let shown = self.identity.as_ref().map(|identity| &identity.certified).filter(|own| own.key.choose_scheme(schemes).is_some());
        let mut notes = self.notes();
        notes.requested = true;
        notes.offered = shown.is_some();
        notes.schemes = schemes.iter().take(SCHEMES).copied().collect();
        let mut bytes = 0;
        let fits = |name: &&&[u8]| {
            bytes += name.len();
            bytes <= NAMES_BYTES
        };
        notes.authorities = authorities.iter().take(NAMES).take_while(fits).map(|name| name.to_vec()).collect();
        notes.authorities_cut = notes.authorities.len() < authorities.len();
        shown.cloned()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Stands in a configuration until a connection puts its recorder there; refuses everything.
#[derive(Debug)]
pub(super) struct Blank;

impl Blank {
    fn refuse<T>() -> Result<T, rustls::Error> {
        Err(rustls::Error::General("no recorder".into()))
    }
}

impl ServerCertVerifier for Blank {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Self::refuse()
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::refuse()
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::refuse()
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Vec::new()
    }
}
