//! Does the server hold the key of the certificate that it shows? Its signature over the handshake says so (RFC 5246 section
//! 7.4.3, RFC 8446 section 4.4.3).
//!
//! Checked on the bare key, so that certificates which stricter readers refuse (version 1, odd extensions, 1024-bit RSA) do not
//! look like a server without its key.

use aws_lc_rs::signature::{self as sig, UnparsedPublicKey, VerificationAlgorithm};
use rustls::SignatureScheme as Scheme;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// What the signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It holds.
    Holds,
    /// Its algorithm, or the certificate's key, cannot be checked here.
    Unchecked,
    /// It is not by the certificate's key.
    Bad(String),
}

/// What is offered to servers, most preferred first: what rustls offers by itself, and behind it what keeps odd servers talking.
pub(super) const SCHEMES: &[Scheme] = &[
    Scheme::ECDSA_NISTP384_SHA384,
    Scheme::ECDSA_NISTP256_SHA256,
    Scheme::ECDSA_NISTP521_SHA512,
    Scheme::ED25519,
    Scheme::RSA_PSS_SHA512,
    Scheme::RSA_PSS_SHA384,
    Scheme::RSA_PSS_SHA256,
    Scheme::RSA_PKCS1_SHA512,
    Scheme::RSA_PKCS1_SHA384,
    Scheme::RSA_PKCS1_SHA256,
    Scheme::ML_DSA_44,
    Scheme::ML_DSA_65,
    Scheme::ML_DSA_87,
    Scheme::ED448,
    RSA_PSS_PSS_SHA256,
    RSA_PSS_PSS_SHA384,
    RSA_PSS_PSS_SHA512,
    Scheme::ECDSA_SHA1_Legacy,
    Scheme::RSA_PKCS1_SHA1,
];

// RFC 8446 section 4.2.3: for keys whose algorithm is id-RSASSA-PSS.
const RSA_PSS_PSS_SHA256: Scheme = Scheme::Unknown(0x0809);
const RSA_PSS_PSS_SHA384: Scheme = Scheme::Unknown(0x080a);
const RSA_PSS_PSS_SHA512: Scheme = Scheme::Unknown(0x080b);

/// Checks a signature over `message` with the key of a DER certificate.
pub(super) fn check(certificate: &[u8], scheme: Scheme, message: &[u8], signature: &[u8]) -> Proof {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(certificate) else { return Proof::Unchecked };
    let info = certificate.public_key();
    let (Some(key), Some(family)) = (Key::of(info), Family::of(scheme)) else { return Proof::Unchecked };
    if key.family() != family {
        return Proof::Bad(format!("the server signed with {scheme:?}, but its certificate's key is {key:?}"));
    }
    let Some(algorithm) = key.algorithm(scheme) else { return Proof::Unchecked };
    match UnparsedPublicKey::new(algorithm, &info.subject_public_key.data).verify(message, signature) {
        Ok(()) => Proof::Holds,
        Err(_) => Proof::Bad(format!("the server's {scheme:?} signature is not by its certificate's key")),
    }
}

/// What can sign with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Rsa,
    Ecdsa,
    Ed25519,
    MlDsa(Scheme),
}

impl Family {
    /// `None` for a scheme that is not known here.
    fn of(scheme: Scheme) -> Option<Self> {
        Some(match scheme {
            Scheme::RSA_PKCS1_SHA1
            | Scheme::RSA_PKCS1_SHA256
            | Scheme::RSA_PKCS1_SHA384
            | Scheme::RSA_PKCS1_SHA512
            | Scheme::RSA_PSS_SHA256
            | Scheme::RSA_PSS_SHA384
            | Scheme::RSA_PSS_SHA512
            | RSA_PSS_PSS_SHA256
            | RSA_PSS_PSS_SHA384
            | RSA_PSS_PSS_SHA512 => Self::Rsa,
            Scheme::ECDSA_SHA1_Legacy | Scheme::ECDSA_NISTP256_SHA256 | Scheme::ECDSA_NISTP384_SHA384 | Scheme::ECDSA_NISTP521_SHA512 => {
                Self::Ecdsa
            }
            Scheme::ED25519 => Self::Ed25519,
            Scheme::ML_DSA_44 | Scheme::ML_DSA_65 | Scheme::ML_DSA_87 => Self::MlDsa(scheme),
            _ => return None,
        })
    }
}

/// A certificate's key, as far as it can be checked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Rsa { bits: usize },
    P256,
    P384,
    P521,
    Ed25519,
    MlDsa(Scheme),
}

impl Key {
    fn of(info: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        Some(match info.algorithm.algorithm.to_id_string().as_str() {
            // rsaEncryption, id-RSASSA-PSS
            "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => {
                let (_, key) = RSAPublicKey::from_der(&info.subject_public_key.data).ok()?;
                Self::Rsa { bits: key.key_size() }
            }
            "1.2.840.10045.2.1" => match info.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string().as_str() {
                "1.2.840.10045.3.1.7" => Self::P256,
                "1.3.132.0.34" => Self::P384,
                "1.3.132.0.35" => Self::P521,
                _ => return None,
            },
            "1.3.101.112" => Self::Ed25519,
            "2.16.840.1.101.3.4.3.17" => Self::MlDsa(Scheme::ML_DSA_44),
            "2.16.840.1.101.3.4.3.18" => Self::MlDsa(Scheme::ML_DSA_65),
            "2.16.840.1.101.3.4.3.19" => Self::MlDsa(Scheme::ML_DSA_87),
            _ => return None,
        })
    }

    fn family(self) -> Family {
        match self {
            Self::Rsa { .. } => Family::Rsa,
            Self::P256 | Self::P384 | Self::P521 => Family::Ecdsa,
            Self::Ed25519 => Family::Ed25519,
            Self::MlDsa(scheme) => Family::MlDsa(scheme),
        }
    }

    /// How to check, `None` where the library cannot. In TLS 1.2 the scheme's name does not bind the curve; in TLS 1.3 it does, but
    /// a signature by the right key on another curve proves possession all the same.
    fn algorithm(self, scheme: Scheme) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match (self, scheme) {
            (Self::Rsa { bits: 1024..=8192 }, Scheme::RSA_PKCS1_SHA1) => &sig::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (Self::Rsa { bits: 1024..=8192 }, Scheme::RSA_PKCS1_SHA256) => &sig::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            (Self::Rsa { bits: 1024..=8192 }, Scheme::RSA_PKCS1_SHA512) => &sig::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
            (Self::Rsa { bits: 2048..=8192 }, Scheme::RSA_PKCS1_SHA384) => &sig::RSA_PKCS1_2048_8192_SHA384,
            (Self::Rsa { bits: 2048..=8192 }, Scheme::RSA_PSS_SHA256 | RSA_PSS_PSS_SHA256) => &sig::RSA_PSS_2048_8192_SHA256,
            (Self::Rsa { bits: 2048..=8192 }, Scheme::RSA_PSS_SHA384 | RSA_PSS_PSS_SHA384) => &sig::RSA_PSS_2048_8192_SHA384,
            (Self::Rsa { bits: 2048..=8192 }, Scheme::RSA_PSS_SHA512 | RSA_PSS_PSS_SHA512) => &sig::RSA_PSS_2048_8192_SHA512,
            (Self::P256, Scheme::ECDSA_SHA1_Legacy) => &sig::ECDSA_P256_SHA1_ASN1,
            (Self::P256, Scheme::ECDSA_NISTP256_SHA256) => &sig::ECDSA_P256_SHA256_ASN1,
            (Self::P256, Scheme::ECDSA_NISTP384_SHA384) => &sig::ECDSA_P256_SHA384_ASN1,
            (Self::P256, Scheme::ECDSA_NISTP521_SHA512) => &sig::ECDSA_P256_SHA512_ASN1,
            (Self::P384, Scheme::ECDSA_NISTP256_SHA256) => &sig::ECDSA_P384_SHA256_ASN1,
            (Self::P384, Scheme::ECDSA_NISTP384_SHA384) => &sig::ECDSA_P384_SHA384_ASN1,
            (Self::P384, Scheme::ECDSA_NISTP521_SHA512) => &sig::ECDSA_P384_SHA512_ASN1,
            (Self::P521, Scheme::ECDSA_SHA1_Legacy) => &sig::ECDSA_P521_SHA1_ASN1,
            (Self::P521, Scheme::ECDSA_NISTP256_SHA256) => &sig::ECDSA_P521_SHA256_ASN1,
            (Self::P521, Scheme::ECDSA_NISTP384_SHA384) => &sig::ECDSA_P521_SHA384_ASN1,
            (Self::P521, Scheme::ECDSA_NISTP521_SHA512) => &sig::ECDSA_P521_SHA512_ASN1,
            (Self::Ed25519, Scheme::ED25519) => &sig::ED25519,
            (Self::MlDsa(Scheme::ML_DSA_44), Scheme::ML_DSA_44) => &sig::ML_DSA_44,
            (Self::MlDsa(Scheme::ML_DSA_65), Scheme::ML_DSA_65) => &sig::ML_DSA_65,
            (Self::MlDsa(Scheme::ML_DSA_87), Scheme::ML_DSA_87) => &sig::ML_DSA_87,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
