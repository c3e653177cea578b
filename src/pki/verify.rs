//! Signatures by OID on aws-lc-rs.
//!
//! May touch: nothing. NULL and absent parameters are equal; what is not known here is never guessed.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self as lc, UnparsedPublicKey, VerificationAlgorithm};

use super::der::{self, Reader};

/// What became of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It holds.
    Holds {
        /// SHA-1, or RSA below 2048 bits.
        weak: bool,
    },
    /// It does not.
    Fails,
    /// The algorithm cannot be checked here.
    Unsupported,
}

/// Checks a signature over a message. `algorithm` is a DER AlgorithmIdentifier, `key` a DER SubjectPublicKeyInfo.
pub fn verify(algorithm: &[u8], key: &[u8], message: &[u8], signature: &[u8]) -> Check {
    check(algorithm, key, |algorithm, key| UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok())
}

/// As [`verify`], where the message's digest by [`digest_for`] is all that is left of it.
pub fn verify_digest(algorithm: &[u8], key: &[u8], digest: &[u8], signature: &[u8]) -> Check {
    let Some(digest) = digest_for(algorithm).and_then(|by| Digest::import_less_safe(digest, by).ok()) else { return Check::Unsupported };
    check(algorithm, key, |algorithm, key| UnparsedPublicKey::new(algorithm, key).verify_digest(&digest, signature).is_ok())
}

/// The digest that the algorithm signs; `None` when it is unknown or needs the whole message.
pub fn digest_for(algorithm: &[u8]) -> Option<&'static digest::Algorithm> {
    match hash(oid(algorithm)?)? {
        1 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        256 => Some(&digest::SHA256),
        384 => Some(&digest::SHA384),
        _ => Some(&digest::SHA512),
    }
}

/// Whether the algorithm is known and signs the message itself.
pub fn needs_whole_message(algorithm: &[u8]) -> bool {
    oid(algorithm) == Some(ED25519)
}

const ED25519: &[u8] = b"\x2b\x65\x70";
const PKCS1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01";
const ECDSA_SHA1: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x01";
const ECDSA: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03";

fn oid(algorithm: &[u8]) -> Option<&[u8]> {
    Reader::new(Reader::new(algorithm).expect(der::SEQUENCE).ok()?).expect(der::OID).ok()
}

fn hash(oid: &[u8]) -> Option<u16> {
    match oid {
        ECDSA_SHA1 => Some(1),
        [prefix @ .., last] if prefix == PKCS1 => match last {
            5 => Some(1),
            11 => Some(256),
            12 => Some(384),
            13 => Some(512),
            _ => None,
        },
        [prefix @ .., last] if prefix == ECDSA => match last {
            2 => Some(256),
            3 => Some(384),
            4 => Some(512),
            _ => None,
        },
        _ => None,
    }
}

fn check(algorithm: &[u8], key: &[u8], holds: impl Fn(&'static dyn VerificationAlgorithm, &[u8]) -> bool) -> Check {
    let (Some(oid), Some((key_oid, curve, bits))) = (oid(algorithm), key_parts(key)) else { return Check::Unsupported };
    let is_rsa = key_oid == b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    let by: &'static dyn VerificationAlgorithm = match (hash(oid), curve) {
        (None, _) if oid == ED25519 && key_oid == ED25519 => &lc::ED25519,
        (Some(1), _) if is_rsa => &lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (Some(256), _) if is_rsa => &lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (Some(384), _) if is_rsa => &lc::RSA_PKCS1_2048_8192_SHA384,
        (Some(512), _) if is_rsa => &lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (Some(1), 256) => &lc::ECDSA_P256_SHA1_ASN1,
        (Some(256), 256) => &lc::ECDSA_P256_SHA256_ASN1,
        (Some(384), 256) => &lc::ECDSA_P256_SHA384_ASN1,
        (Some(512), 256) => &lc::ECDSA_P256_SHA512_ASN1,
        (Some(256), 384) => &lc::ECDSA_P384_SHA256_ASN1,
        (Some(384), 384) => &lc::ECDSA_P384_SHA384_ASN1,
        (Some(512), 384) => &lc::ECDSA_P384_SHA512_ASN1,
        (Some(256), 521) => &lc::ECDSA_P521_SHA256_ASN1,
        (Some(384), 521) => &lc::ECDSA_P521_SHA384_ASN1,
        (Some(512), 521) => &lc::ECDSA_P521_SHA512_ASN1,
        _ => return Check::Unsupported,
    };
    let weak = hash(oid) == Some(1) || is_rsa && super::key::read(key).bits < 2048;
    if holds(by, bits) { Check::Holds { weak } } else { Check::Fails }
}

fn key_parts(key: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let mut parts = Reader::new(Reader::new(key).expect(der::SEQUENCE).ok()?);
    let mut identifier = Reader::new(parts.expect(der::SEQUENCE).ok()?);
    let id = identifier.expect(der::OID).ok()?;
    let curve = identifier.optional(der::OID).ok().flatten().map_or(0, super::oid::curve_bits);
    Some((id, curve, der::whole_bits(parts.expect(der::BIT_STRING).ok()?)?))
}
