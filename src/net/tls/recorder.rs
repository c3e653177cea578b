//! Takes down what the server shows and lets the handshake go on, whatever it is.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::possession::{self, Proof};

/// One connection's notes: verifies nothing but the proof of possession, and that aside.
#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<Seen>);

/// What came.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// DER certificates in the order sent.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response.
    pub staple: Option<Vec<u8>>,
    /// A CertificateRequest came.
    pub requested: bool,
    /// The server's signature over the handshake; `None` when none came.
    pub proof: Option<Proof>,
}

impl Recorder {
    fn notes(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.notes().requested = true;
        None
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
