//! Whom an HTTP client trusts, and in words why it did not.

use std::error::Error;
use std::sync::Arc;

use rustls::pki_types::TrustAnchor;
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::super::ClientIdentity;
use crate::model::UnixTime;

/// TLS that trusts these anchors alone, and shows the identity to servers that ask for one.
///
/// # Errors
/// The provider lacks a version; does not happen with the one built in.
pub fn trust(anchors: &[TrustAnchor<'static>], identity: Option<&ClientIdentity>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore { roots: anchors.to_vec() });
    Ok(match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified.clone()))),
        None => builder.with_no_client_auth(),
    })
}

/// Why the server's certificate was refused, if that is what an error comes from.
pub(super) fn refused(error: &(dyn Error + 'static)) -> Option<String> {
    match error.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(error)) => return Some(words(error)),
        Some(_) => return None,
        None => {}
    }
    // An I/O error's source is the source of what it wraps, which would be left out.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => refused(wrapped),
        None => error.source().and_then(refused),
    }
}

fn words(error: &CertificateError) -> String {
    let date = |time: &rustls::pki_types::UnixTime| UnixTime::from_secs(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    match error {
        CertificateError::UnknownIssuer => "no chain leads from it to one of the trusted roots".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => format!("it expired at {}", date(not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => format!("it is not valid before {}", date(not_before)),
        CertificateError::NotValidForNameContext { expected, .. } => format!("it is not for the name {}", expected.to_str()),
        CertificateError::BadSignature => "its signature is not by its issuer's key".to_owned(),
        CertificateError::BadEncoding => "it cannot be read".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "it is not for servers".to_owned(),
        CertificateError::UnhandledCriticalExtension => "it has a critical extension that is not known here".to_owned(),
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => "it is the certificate of a CA, not of a server".to_owned(),
            Some(webpki::Error::UnsupportedCertVersion) => "it is of a version before 3".to_owned(),
            _ => other.to_string(),
        },
        other => other.to_string(),
    }
}
