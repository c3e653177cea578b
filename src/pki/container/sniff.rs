//! Which kind of thing a DER value is, by its first elements.

use super::super::der::{self, Reader, Value};

/// A kind of DER value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 5280 section 4.1
    Certificate,
    /// RFC 5280 section 5.1
    Crl,
    /// RFC 6960 section 4.2.1, successful or not.
    OcspResponse,
    /// RFC 5652 section 3, of any content type.
    Pkcs7,
    /// RFC 7292 section 4
    Pkcs12,
    /// A key, a certificate request, Diffie-Hellman parameters.
    Other,
}

/// `1.2.840.113549.1.7`, what PKCS#7 content types begin with.
const PKCS7: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07";

/// The kind of the value that the bytes begin with. Looks at a few values only, whatever the size.
pub fn kind(bytes: &[u8]) -> Option<Kind> {
    let outer = Reader::new(bytes).next_ber().ok().filter(|value| value.tag == der::SEQUENCE)?;
    let mut values = Reader::new(outer.contents);
    let first = values.next_ber().ok()?;
    let second = values.next_ber().ok();
    match (first.tag, second) {
        (der::OID, _) => Some(Kind::Pkcs7),
        // An ENUMERATED status, and what is answered when it is a success.
        (0x0a, None | Some(Value { tag: 0xa0, .. })) if first.contents.len() == 1 => Some(Kind::OcspResponse),
        // PKCS#12 has its version and a ContentInfo, PKCS#8 its version and an AlgorithmIdentifier.
        (der::INTEGER, Some(Value { tag: der::SEQUENCE, contents, .. })) => {
            let id = Reader::new(contents).next_ber().ok().filter(|id| id.tag == der::OID)?;
            Some(if id.contents.starts_with(PKCS7) { Kind::Pkcs12 } else { Kind::Other })
        }
        // PKCS#1, SEC 1 and DSA keys, DH parameters.
        (der::INTEGER, Some(Value { tag: der::INTEGER | der::OCTET_STRING, .. })) => Some(Kind::Other),
        // An encrypted private key, or a public key: an AlgorithmIdentifier and the key.
        (der::SEQUENCE, Some(Value { tag: der::OCTET_STRING | der::BIT_STRING, .. })) => Some(Kind::Other),
        (der::SEQUENCE, Some(Value { tag: der::SEQUENCE, .. })) => signed(first.contents),
        _ => None,
    }
}

/// Whether the bytes could be meant as DER: a SEQUENCE that announces at least 128 bytes. (`0` in a text is 0x30 as well.)
pub fn looks_like_der(bytes: &[u8]) -> bool {
    matches!(bytes, [der::SEQUENCE, 0x80..=0x88, ..])
}

/// What is signed: certificates, lists and requests differ in their first four elements.
fn signed(tbs: &[u8]) -> Option<Kind> {
    let mut values = Reader::new(tbs);
    let mut tag = || values.next_ber().ok().map(|value| value.tag);
    match (tag()?, tag()?, tag()?, tag()) {
        (0xa0, ..) => Some(Kind::Certificate),
        (der::SEQUENCE, der::SEQUENCE, der::UTC_TIME | der::GENERALIZED_TIME, _) => Some(Kind::Crl),
        (der::INTEGER, der::SEQUENCE, der::SEQUENCE, Some(der::UTC_TIME | der::GENERALIZED_TIME)) => Some(Kind::Crl),
        (der::INTEGER, der::SEQUENCE, der::SEQUENCE, Some(der::SEQUENCE)) => Some(Kind::Certificate),
        (der::INTEGER, der::SEQUENCE, der::SEQUENCE, Some(0xa0) | None) => Some(Kind::Other),
        _ => None,
    }
}
