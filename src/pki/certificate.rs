//! One certificate: DER to facts.
//!
//! May touch: `model`. Extensions that cannot be read count as absent: a broken alternative name must not hide an expiry date.

mod structure;

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::nom::Parser;

use super::der::{self, Malformed, Reader};
use super::extensions::Extensions;
use super::key;
use super::name::Name;
use super::pointers::{self, Raw};
use super::{authority, oid, signature};
use crate::model::{CertRole, CertificateFacts, Limits, Lookup, Signed, UnixTime};

/// RFC 5280 section 4.1.2.2 allows 20 octets; longer ones exist, absurd ones would cost quadratic time to spell in decimal.
const SERIAL_BYTES: usize = 1024;
/// A certificate of more is not checked against its issuer's key.
const SIGNED_BYTES: usize = 64 << 10;

/// Why a certificate cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not the structure of RFC 5280 section 4.1.
    #[error("not an X.509 certificate: {0}")]
    Structure(String),
    /// A name in it.
    #[error("{field} cannot be read: {error}")]
    Name {
        /// Subject or issuer.
        field: &'static str,
        /// Why.
        error: Malformed,
    },
    /// More after it.
    #[error("{0} bytes after the certificate")]
    Trailing(usize),
    /// The serial number is absurd.
    #[error("serial number of {0} bytes")]
    Serial(usize),
    /// Larger than [`Limits::certificate_bytes`].
    #[error("{size} bytes, limit {limit}")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
}

/// A certificate, read once, with what judging a chain needs besides the facts.
#[derive(Debug)]
pub struct Certificate<'a> {
    /// What is kept.
    pub facts: CertificateFacts,
    /// The parsed form, without its extensions.
    pub parsed: X509Certificate<'a>,
}

/// Reads one certificate.
///
/// The role follows basicConstraints (RFC 5280 section 4.2.1.9). A certificate of version 1 has none: it is a root when it names
/// itself as its issuer, a leaf otherwise.
///
/// # Errors
/// See [`CertificateError`].
pub fn read<'a>(der: &'a [u8], limits: &Limits) -> Result<Certificate<'a>, CertificateError> {
    if der.len() > limits.certificate_bytes {
        return Err(CertificateError::TooLarge { size: der.len(), limit: limits.certificate_bytes });
    }
    let (trailing, parsed) = X509CertificateParser::new()
        .with_deep_parse_extensions(false)
        .parse(der)
        .map_err(|error| CertificateError::Structure(structure::error(der, &error)))?;
    if !trailing.is_empty() {
        return Err(CertificateError::Trailing(trailing.len()));
    }
    let serial = parsed.raw_serial();
    if serial.len() > SERIAL_BYTES {
        return Err(CertificateError::Serial(serial.len()));
    }
    let issuer = name("issuer", parsed.issuer.as_raw())?;
    let self_issued = parsed.subject.as_raw() == parsed.issuer.as_raw();
    let subject = if self_issued { issuer.clone() } else { name("subject", parsed.subject.as_raw())? };
    let extensions = Extensions::read(&parsed, limits.names);
    let is_ca = extensions.is_ca || (parsed.version.0 == 0 && self_issued);
    let algorithm = parsed.signature_algorithm.oid().as_bytes();
    let revocation = extensions.revocation;
    let key_id = revocation.subject_key();
    let authority = is_ca.then(|| Arc::new(authority::of_certificate(&parsed, key_id, extensions.key_usage)));
    let lookup = if is_ca && self_issued && is_self_signed(&parsed, &revocation) {
        None
    } else {
        Some(Box::new(Lookup {
            serial: pointers::serial(serial).into(),
            issuer: parsed.issuer.as_raw().into(),
            pointers: Arc::new(revocation.pointers(parsed.issuer.as_raw())),
            signed: signed(der),
            must_staple: revocation.must_staple(),
            // RFC 9608 section 4: never in a CA's certificate.
            no_rev_avail: revocation.no_rev_avail && !is_ca,
            is_ca,
        }))
    };
    let facts = CertificateFacts {
        shown_to_servers: false,
        fingerprint: fingerprint(der),
        not_before: UnixTime::from_secs(parsed.validity.not_before.timestamp()),
        not_after: UnixTime::from_secs(parsed.validity.not_after.timestamp()),
        subject: Arc::from(subject.text),
        subject_cn: Arc::from(subject.common_name),
        issuer: Arc::from(issuer.text),
        issuer_cn: Arc::from(issuer.common_name),
        serial: decimal(serial).into(),
        role: match (is_ca, self_issued) {
            (false, _) => CertRole::Leaf,
            (true, true) => CertRole::Root,
            (true, false) => CertRole::Intermediate,
        },
        self_issued,
        key: key::read(parsed.subject_pki.raw),
        signature_algorithm: Arc::from(oid::signature_name(algorithm)),
        weak_signature: oid::is_weak_signature(algorithm, pss_parameters(algorithm, der).unwrap_or_default()),
        key_usage: extensions.key_usage,
        extended_key_usage: extensions.extended_key_usage,
        names: extensions.names,
        names_left_out: extensions.names_left_out,
        constraints: extensions.constraints,
        lookup,
        authority,
    };
    Ok(Certificate { facts, parsed })
}

/// SHA-256.
pub fn fingerprint(der: &[u8]) -> [u8; 32] {
    digest(&SHA256, der).as_ref().try_into().unwrap_or_default()
}

/// A two's complement INTEGER in decimal.
pub fn decimal(bytes: &[u8]) -> String {
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let fill = if negative { 0xff } else { 0 };
    if bytes.len() <= 16 {
        let mut wide = [fill; 16];
        wide[16 - bytes.len()..].copy_from_slice(bytes);
        return i128::from_be_bytes(wide).to_string();
    }
    let mut limbs: Vec<u32> = bytes
        .rchunks(4)
        .rev()
        .map(|chunk| {
            let mut wide = [fill; 4];
            wide[4 - chunk.len()..].copy_from_slice(chunk);
            u32::from_be_bytes(wide)
        })
        .collect();
    if negative {
        let mut carry = true;
        for limb in limbs.iter_mut().rev() {
            (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
        }
    }
    let mut groups = Vec::with_capacity(limbs.len() + limbs.len() / 8 + 1);
    while limbs.iter().any(|limb| *limb != 0) {
        let mut remainder = 0_u64;
        for limb in &mut limbs {
            let dividend = remainder << 32 | u64::from(*limb);
            // Below 2^32, because the remainder is below the divisor.
            *limb = u32::try_from(dividend / 1_000_000_000).unwrap_or(u32::MAX);
            remainder = dividend % 1_000_000_000;
        }
        groups.push(remainder);
    }
    let mut text = String::with_capacity(groups.len() * 9 + 1);
    if negative {
        text.push('-');
    }
    let mut groups = groups.into_iter().rev();
    text.push_str(&groups.next().unwrap_or_default().to_string());
    groups.for_each(|group| text.push_str(&format!("{group:09}")));
    text
}

fn name(field: &'static str, raw: &[u8]) -> Result<Name, CertificateError> {
    Reader::new(raw).expect(der::SEQUENCE).and_then(Name::read).map_err(|error| CertificateError::Name { field, error })
}

/// The signature algorithm's parameters with identifier and length; only RSASSA-PSS needs them.
fn pss_parameters<'a>(algorithm: &[u8], der: &'a [u8]) -> Option<&'a [u8]> {
    if algorithm != oid::RSASSA_PSS {
        return None;
    }
    let mut certificate = Reader::new(Reader::new(der).expect(der::SEQUENCE).ok()?);
    certificate.next().ok()?;
    let mut algorithm = Reader::new(certificate.expect(der::SEQUENCE).ok()?);
    algorithm.next().ok()?;
    Some(algorithm.rest())
}

/// Whether a self-issued CA certificate is signed by its own key, as far as its identifiers say (RFC 5280 section 3.2: at a change of keys
/// the old key certifies the new one in the same name). Without an authority key identifier it counts as self-signed: no signature is checked
/// while reading.
fn is_self_signed(certificate: &X509Certificate<'_>, extensions: &Raw<'_>) -> bool {
    let Some(by) = extensions.authority_key() else { return true };
    extensions.subject_key() == Some(by) || authority::identifies(by, certificate.subject_pki.raw)
}

/// The certificate's own signature, when the algorithm is known and it is not absurdly large.
fn signed(der: &[u8]) -> Option<Signed> {
    let mut parts = Reader::new(Reader::new(der).expect(der::SEQUENCE).ok()?);
    let message = parts.next().ok()?.raw;
    let algorithm = parts.next().ok()?.raw;
    let signature = signature::whole_bytes(parts.expect(der::BIT_STRING).ok()?).ok()?;
    if message.len() + algorithm.len() + signature.len() > SIGNED_BYTES {
        return None;
    }
    match signature::digest_for(algorithm) {
        Some(by) => Signed::new(algorithm.into(), digest(by, message).as_ref(), true, signature),
        None if signature::needs_whole_message(algorithm) => Signed::new(algorithm.into(), message, false, signature),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_spelled_in_decimal_whatever_their_length() {
        for (bytes, text) in [
            (&[][..], "0"),
            (&[0], "0"),
            (&[0x7f], "127"),
            (&[0x00, 0xff], "255"),
            (&[0xff], "-1"),
            (&[0x80], "-128"),
            (&[0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "340282366920938463463374607431768211456"),
            (&[0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "-340282366920938463463374607431768211456"),
            (&[0; 20], "0"),
            (&[0xff; 20], "-1"),
            (&[0x7f; 20], "727885129180488904360266563744972327436484050815"),
        ] {
            assert_eq!(decimal(bytes), text, "{bytes:x?}");
        }
    }
}
