//! Certificate revocation lists: one pass over the DER, nothing allocated per entry.
//!
//! May touch: `model`. Version 1 lists and lists without nextUpdate are legal (RFC 5280 section 5.1.2). Signatures are not checked here.

use std::sync::Arc;

use super::certificate::{decimal, fingerprint};
use super::der::{self, Malformed, Reader};
use super::name::Name;
use super::oid;
use crate::model::{CrlFacts, UnixTime};

/// RFC 5280 section 5.2.3 allows 20 octets.
const NUMBER_BYTES: usize = 1024;

/// Why a list cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// A part of it.
    #[error("not a certificate revocation list: {part}: {error}")]
    Part {
        /// Which.
        part: &'static str,
        /// Why.
        error: Malformed,
    },
    /// A version that does not exist.
    #[error("not a certificate revocation list: version {0}")]
    Version(u64),
}

/// Reads one list (RFC 5280 section 5.1).
///
/// # Errors
/// See [`CrlError`]. A list that is cut off anywhere is an error; what its extensions mean is not judged.
pub fn read(der: &[u8]) -> Result<CrlFacts, CrlError> {
    let mut outer = Reader::new(der);
    let mut list = Reader::new(outer.expect(der::SEQUENCE).map_err(in_part("list"))?);
    outer.finish().map_err(in_part("list"))?;
    let tbs = list.expect(der::SEQUENCE).map_err(in_part("tbsCertList"))?;
    let mut algorithm = Reader::new(list.expect(der::SEQUENCE).map_err(in_part("signatureAlgorithm"))?);
    let algorithm = algorithm.expect(der::OID).map_err(in_part("signatureAlgorithm"))?;
    list.expect(der::BIT_STRING).map_err(in_part("signature"))?;
    list.finish().map_err(in_part("signature"))?;

    let mut tbs = Reader::new(tbs);
    if let Some(version) = tbs.optional(der::INTEGER).map_err(in_part("version"))? {
        match der::unsigned(version).map_err(in_part("version"))? {
            0 | 1 => {}
            version => return Err(CrlError::Version(version.saturating_add(1))),
        }
    }
    tbs.expect(der::SEQUENCE).map_err(in_part("signature algorithm"))?;
    let issuer = tbs.expect(der::SEQUENCE).and_then(Name::read).map_err(in_part("issuer"))?;
    let this_update = tbs.next().and_then(der::time).map_err(in_part("thisUpdate"))?;
    let next_update = next_update(&mut tbs).map_err(in_part("nextUpdate"))?;
    let entries = match tbs.optional(der::SEQUENCE).map_err(in_part("revokedCertificates"))? {
        Some(revoked) => count(revoked).map_err(in_part("revokedCertificates"))?,
        None => 0,
    };
    let extensions = match tbs.optional(0xa0).map_err(in_part("extensions"))? {
        Some(extensions) => Extensions::read(extensions).map_err(in_part("extensions"))?,
        None => Extensions::default(),
    };
    tbs.finish().map_err(in_part("tbsCertList"))?;
    Ok(CrlFacts {
        fingerprint: fingerprint(der),
        issuer: Arc::from(issuer.text),
        issuer_cn: Arc::from(issuer.common_name),
        this_update,
        next_update,
        number: extensions.number,
        entries,
        delta: extensions.delta,
        signature_algorithm: Arc::from(oid::signature_name(algorithm)),
        weak_signature: oid::is_weak_signature(algorithm, &[]),
    })
}

#[derive(Default)]
struct Extensions {
    number: Option<Box<str>>,
    delta: bool,
}

impl Extensions {
    fn read(contents: &[u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        let mut extensions = Reader::new(Reader::new(contents).expect(der::SEQUENCE)?);
        while !extensions.is_empty() {
            let mut extension = Reader::new(extensions.expect(der::SEQUENCE)?);
            let id = extension.expect(der::OID)?;
            extension.optional(0x01)?;
            let value = extension.expect(der::OCTET_STRING)?;
            match id {
                // cRLNumber
                [0x55, 0x1d, 0x14] if found.number.is_none() => {
                    let number = Reader::new(value).expect(der::INTEGER)?;
                    if number.len() > NUMBER_BYTES {
                        return Err(Malformed::Number);
                    }
                    found.number = Some(decimal(number).into());
                }
                // deltaCRLIndicator
                [0x55, 0x1d, 0x1b] => found.delta = true,
                _ => {}
            }
        }
        Ok(found)
    }
}

fn next_update(tbs: &mut Reader<'_>) -> Result<Option<UnixTime>, Malformed> {
    match tbs.peek() {
        Some(der::UTC_TIME | der::GENERALIZED_TIME) => tbs.next().and_then(der::time).map(Some),
        _ => Ok(None),
    }
}

fn count(revoked: &[u8]) -> Result<u64, Malformed> {
    let mut entries = Reader::new(revoked);
    let mut count = 0;
    while !entries.is_empty() {
        Reader::new(entries.expect(der::SEQUENCE)?).expect(der::INTEGER)?;
        count += 1;
    }
    Ok(count)
}

fn in_part(part: &'static str) -> impl Fn(Malformed) -> CrlError {
    move |error| CrlError::Part { part, error }
}
