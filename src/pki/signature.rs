//! Signatures: by the identifier of the algorithm, over a message or over its digest.
//!
//! May touch: `model`. The old algorithms that occur in the field are checked and called weak; what cannot be checked is said to be
//! unsupported, never guessed. An absent parameter equals NULL (RFC 4055 section 5, RFC 5758 section 3.2): both occur.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, VerificationAlgorithm};

use super::der::{self, Malformed, Reader};
use super::oid;
use crate::model::Signed;

/// What became of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The key made it.
    Holds {
        /// SHA-1, or RSA below 2048 bits.
        weak: bool,
    },
    /// The key did not make it.
    Fails,
    /// The algorithm, its parameters or the kind of key cannot be checked here.
    Unsupported,
}

/// Checks a signature over a message. `algorithm` is a DER AlgorithmIdentifier, `key` a DER SubjectPublicKeyInfo.
pub fn verify(algorithm: &[u8], key: &[u8], message: &[u8], signature: &[u8]) -> Check {
    match Scheme::read(algorithm) {
        Some(Scheme::Whole(whole)) => whole.check(key, message, signature),
        Some(Scheme::Hashed(_, hash)) => verify_digest(algorithm, key, digest::digest(hash, message).as_ref(), signature),
        None => Check::Unsupported,
    }
}

/// Checks a signature over a message of which only the digest by [`digest_for`] is at hand.
pub fn verify_digest(algorithm: &[u8], key: &[u8], digest: &[u8], signature: &[u8]) -> Check {
    let Some(Scheme::Hashed(family, hash)) = Scheme::read(algorithm) else { return Check::Unsupported };
    if digest.len() != hash.output_len() {
        return Check::Fails;
    }
    let Ok(key) = Key::read(key) else { return Check::Unsupported };
    match (family, key.algorithm) {
        (Family::Pkcs1 | Family::Pss, RSA_ENCRYPTION | oid::RSASSA_PSS) => rsa(family, hash, &key, digest, signature),
        (Family::Ecdsa, EC_PUBLIC_KEY) => ecdsa(hash, &key, digest, signature),
        // A key of another kind cannot have made it.
        _ => Check::Fails,
    }
}

/// Checks what was kept of a signature.
pub fn check(signed: &Signed, key: &[u8]) -> Check {
    let check = if signed.is_digest { verify_digest } else { verify };
    check(&signed.algorithm, key, signed.message(), signed.signature())
}

/// What to hash the message with; `None` when the algorithm is unknown, or needs the whole message.
pub fn digest_for(algorithm: &[u8]) -> Option<&'static digest::Algorithm> {
    match Scheme::read(algorithm)? {
        Scheme::Hashed(_, hash) => Some(hash),
        Scheme::Whole(_) => None,
    }
}

/// Whether the algorithm cannot do with a digest (Ed25519, ML-DSA).
pub fn needs_whole_message(algorithm: &[u8]) -> bool {
    matches!(Scheme::read(algorithm), Some(Scheme::Whole(_)))
}

/// Whether two AlgorithmIdentifiers mean the same; an absent parameter equals NULL.
pub fn same_algorithm(a: &[u8], b: &[u8]) -> bool {
    a == b
        || match (identifier(a), identifier(b)) {
            (Ok((a, left)), Ok((b, right))) => a == b && (left == right || (is_empty(left) && is_empty(right))),
            _ => false,
        }
}

const RSA_ENCRYPTION: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const MGF1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08";
const ED25519: &[u8] = b"\x2b\x65\x70";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Pkcs1,
    Pss,
    Ecdsa,
}

enum Scheme {
    Hashed(Family, &'static digest::Algorithm),
    Whole(Whole),
}

struct Whole {
    key_algorithm: &'static [u8],
    scheme: &'static dyn VerificationAlgorithm,
}

impl Scheme {
    fn read(algorithm: &[u8]) -> Option<Self> {
        let (id, parameters) = identifier(algorithm).ok()?;
        let plain = is_empty(parameters);
        let hashed = |family, hash| plain.then_some(Self::Hashed(family, hash));
        let whole = |key_algorithm, scheme| plain.then_some(Self::Whole(Whole { key_algorithm, scheme }));
        match id {
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05" | b"\x2b\x0e\x03\x02\x1d" => hashed(Family::Pkcs1, &digest::SHA1_FOR_LEGACY_USE_ONLY),
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b" => hashed(Family::Pkcs1, &digest::SHA256),
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c" => hashed(Family::Pkcs1, &digest::SHA384),
            b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d" => hashed(Family::Pkcs1, &digest::SHA512),
            oid::RSASSA_PSS => pss(parameters).ok().flatten().map(|hash| Self::Hashed(Family::Pss, hash)),
            b"\x2a\x86\x48\xce\x3d\x04\x01" => hashed(Family::Ecdsa, &digest::SHA1_FOR_LEGACY_USE_ONLY),
            b"\x2a\x86\x48\xce\x3d\x04\x03\x01" => hashed(Family::Ecdsa, &digest::SHA224),
            b"\x2a\x86\x48\xce\x3d\x04\x03\x02" => hashed(Family::Ecdsa, &digest::SHA256),
            b"\x2a\x86\x48\xce\x3d\x04\x03\x03" => hashed(Family::Ecdsa, &digest::SHA384),
            b"\x2a\x86\x48\xce\x3d\x04\x03\x04" => hashed(Family::Ecdsa, &digest::SHA512),
            ED25519 => whole(ED25519, &lc::ED25519),
            b"\x60\x86\x48\x01\x65\x03\x04\x03\x11" => whole(b"\x60\x86\x48\x01\x65\x03\x04\x03\x11", &lc::ML_DSA_44),
            b"\x60\x86\x48\x01\x65\x03\x04\x03\x12" => whole(b"\x60\x86\x48\x01\x65\x03\x04\x03\x12", &lc::ML_DSA_65),
            b"\x60\x86\x48\x01\x65\x03\x04\x03\x13" => whole(b"\x60\x86\x48\x01\x65\x03\x04\x03\x13", &lc::ML_DSA_87),
            _ => None,
        }
    }
}

impl Whole {
    fn check(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Check {
        let Ok(key) = Key::read(key) else { return Check::Unsupported };
        if key.algorithm != self.key_algorithm {
            return Check::Fails;
        }
        let Ok(key) = ParsedPublicKey::new(self.scheme, key.bits) else { return Check::Unsupported };
        outcome(key.verify_sig(message, signature).is_ok(), false)
    }
}

/// A SubjectPublicKeyInfo, taken apart.
struct Key<'a> {
    algorithm: &'a [u8],
    parameters: &'a [u8],
    bits: &'a [u8],
}

impl<'a> Key<'a> {
    fn read(info: &'a [u8]) -> Result<Self, Malformed> {
        let mut info = Reader::new(Reader::new(info).expect(der::SEQUENCE)?);
        let (algorithm, parameters) = identifier(info.next()?.raw)?;
        Ok(Self { algorithm, parameters, bits: whole_bytes(info.expect(der::BIT_STRING)?)? })
    }
}

/// The contents of a BIT STRING that holds whole bytes.
pub fn whole_bytes(bit_string: &[u8]) -> Result<&[u8], Malformed> {
    match bit_string.split_first() {
        Some((0, bytes)) => Ok(bytes),
        _ => Err(Malformed::Number),
    }
}

fn rsa(family: Family, hash: &'static digest::Algorithm, key: &Key<'_>, digest: &[u8], signature: &[u8]) -> Check {
    // RFC 4055 section 3.1: a key for PSS alone signs nothing else.
    if family == Family::Pkcs1 && key.algorithm == oid::RSASSA_PSS {
        return Check::Fails;
    }
    let Ok(bits) = modulus_bits(key.bits) else { return Check::Unsupported };
    let old = bits < 2048;
    let sha1 = *hash == digest::SHA1_FOR_LEGACY_USE_ONLY;
    let scheme: &'static dyn VerificationAlgorithm = if family == Family::Pkcs1 && sha1 {
        &lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY
    } else if family == Family::Pkcs1 && *hash == digest::SHA256 {
        &lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
    } else if family == Family::Pkcs1 && *hash == digest::SHA512 {
        &lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
    } else if old {
        return Check::Unsupported;
    } else if family == Family::Pkcs1 && *hash == digest::SHA384 {
        &lc::RSA_PKCS1_2048_8192_SHA384
    } else if *hash == digest::SHA256 {
        &lc::RSA_PSS_2048_8192_SHA256
    } else if *hash == digest::SHA384 {
        &lc::RSA_PSS_2048_8192_SHA384
    } else if *hash == digest::SHA512 {
        &lc::RSA_PSS_2048_8192_SHA512
    } else {
        return Check::Unsupported;
    };
    if !(1024..=8192).contains(&bits) {
        return Check::Unsupported;
    }
    let (Ok(key), Ok(digest)) = (ParsedPublicKey::new(scheme, key.bits), Digest::import_less_safe(digest, hash)) else {
        return Check::Unsupported;
    };
    outcome(key.verify_digest_sig(&digest, signature).is_ok(), old || sha1)
}

/// ECDSA takes the leftmost bits of the digest, as many as the order has, as a number (FIPS 186-5 section 6.4.2): so a digest of any length is cut, or filled up with
/// zeroes on the left, to the length that belongs to the curve.
fn ecdsa(hash: &'static digest::Algorithm, key: &Key<'_>, digest: &[u8], signature: &[u8]) -> Check {
    let Ok(curve) = Reader::new(key.parameters).expect(der::OID) else { return Check::Unsupported };
    let (scheme, length): (&'static lc::EcdsaVerificationAlgorithm, &'static digest::Algorithm) = match curve {
        b"\x2a\x86\x48\xce\x3d\x03\x01\x07" => (&lc::ECDSA_P256_SHA256_ASN1, &digest::SHA256),
        b"\x2b\x81\x04\x00\x22" => (&lc::ECDSA_P384_SHA384_ASN1, &digest::SHA384),
        b"\x2b\x81\x04\x00\x23" => (&lc::ECDSA_P521_SHA512_ASN1, &digest::SHA512),
        b"\x2b\x81\x04\x00\x0a" => (&lc::ECDSA_P256K1_SHA256_ASN1, &digest::SHA256),
        _ => return Check::Unsupported,
    };
    let mut fitted = [0; digest::MAX_OUTPUT_LEN];
    let Some(fitted) = fitted.get_mut(..length.output_len()) else { return Check::Unsupported };
    let kept = digest.len().min(fitted.len());
    let (from, to) = (digest.get(..kept), fitted.len() - kept);
    if let (Some(from), Some(to)) = (from, fitted.get_mut(to..)) {
        to.copy_from_slice(from);
    }
    let (Ok(key), Ok(digest)) = (ParsedPublicKey::new(scheme, key.bits), Digest::import_less_safe(fitted, length)) else {
        return Check::Unsupported;
    };
    outcome(key.verify_digest_sig(&digest, signature).is_ok(), *hash == digest::SHA1_FOR_LEGACY_USE_ONLY)
}

fn outcome(holds: bool, weak: bool) -> Check {
    if holds { Check::Holds { weak } } else { Check::Fails }
}

fn modulus_bits(key: &[u8]) -> Result<usize, Malformed> {
    let modulus = Reader::new(Reader::new(key).expect(der::SEQUENCE)?).expect(der::INTEGER)?;
    let zeroes = modulus.iter().take_while(|byte| **byte == 0).count();
    let modulus = modulus.get(zeroes..).unwrap_or_default();
    Ok(modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize))
}

/// An AlgorithmIdentifier: its OID, and its parameters with identifier and length.
fn identifier(algorithm: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut whole = Reader::new(algorithm);
    let mut algorithm = Reader::new(whole.expect(der::SEQUENCE)?);
    whole.finish()?;
    Ok((algorithm.expect(der::OID)?, algorithm.rest()))
}

fn is_empty(parameters: &[u8]) -> bool {
    matches!(parameters, [] | [0x05, 0x00])
}

/// RFC 4055 section 3.1. Only what is in use: MGF1 with the same hash, and a salt as long as the hash. SHA-1, which is the default, is not among it.
fn pss(parameters: &[u8]) -> Result<Option<&'static digest::Algorithm>, Malformed> {
    let mut parameters = Reader::new(Reader::new(parameters).expect(der::SEQUENCE)?);
    let (Some(hash), Some(mask), Some(salt)) = (parameters.optional(0xa0)?, parameters.optional(0xa1)?, parameters.optional(0xa2)?) else {
        return Ok(None);
    };
    if let Some(trailer) = parameters.optional(0xa3)?
        && Reader::new(trailer).expect(der::INTEGER)? != [1]
    {
        return Ok(None);
    }
    parameters.finish()?;
    let (hash, hash_parameters) = identifier(hash)?;
    let (generator, mask) = identifier(mask)?;
    let (mask, mask_parameters) = identifier(mask)?;
    let salt = der::unsigned(Reader::new(salt).expect(der::INTEGER)?)?;
    let hash_algorithm = match hash {
        b"\x60\x86\x48\x01\x65\x03\x04\x02\x01" => &digest::SHA256,
        b"\x60\x86\x48\x01\x65\x03\x04\x02\x02" => &digest::SHA384,
        b"\x60\x86\x48\x01\x65\x03\x04\x02\x03" => &digest::SHA512,
        _ => return Ok(None),
    };
    let usual = generator == MGF1
        && mask == hash
        && is_empty(hash_parameters)
        && is_empty(mask_parameters)
        && salt == hash_algorithm.output_len() as u64;
    Ok(usual.then_some(hash_algorithm))
}

#[cfg(test)]
mod tests;
