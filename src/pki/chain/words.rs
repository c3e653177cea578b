//! webpki's errors in words, for people.

use webpki::Error;

/// Why there is no path.
pub fn of(error: &Error) -> String {
    let words = match error {
        Error::UnknownIssuer => "no path to a trust anchor: the issuer is unknown",
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => "there is no moment at which all certificates of a path are valid",
        Error::InvalidCertValidity => "a certificate's validity ends before it begins",
        Error::CaUsedAsEndEntity => "the leaf is a CA certificate",
        Error::EndEntityUsedAsCa => "an issuer is no CA, or may not certify TLS servers",
        Error::NameConstraintViolation => "a name is outside of what an issuer may certify (name constraints)",
        Error::PathLenConstraintViolated => "more CAs in the path than an issuer allows (path length)",
        Error::InvalidSignatureForPublicKey => "a signature is not by the issuer's key",
        Error::SignatureAlgorithmMismatch => "inner and outer signature algorithm of a certificate differ",
        Error::UnsupportedSignatureAlgorithmContext(_) => "a signature algorithm that modern clients refuse",
        Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "a key that its signature algorithm does not fit, or that modern clients refuse"
        }
        Error::UnsupportedCertVersion => "a certificate is not of version 3",
        Error::UnsupportedCriticalExtension => "a critical extension that is not known",
        Error::EmptyEkuExtension => "an extended key usage without any usage",
        Error::MaximumPathBuildCallsExceeded | Error::MaximumSignatureChecksExceeded | Error::MaximumNameConstraintComparisonsExceeded => {
            "too many possible paths"
        }
        Error::MaximumPathDepthExceeded => "the path is too long",
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => "a certificate is not DER as modern clients read it",
        Error::InvalidSerialNumber => "a serial number that modern clients refuse",
        Error::MalformedExtensions | Error::ExtensionValueInvalid => "an extension that cannot be read",
        other => return format!("refused: {other:?}"),
    };
    words.to_owned()
}
