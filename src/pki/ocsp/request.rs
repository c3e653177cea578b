//! The question (RFC 6960 section 4.1).

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY as SHA1, SHA256, SHA384, SHA512};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::authority;
use super::super::der::{self, encode};
use crate::model::{Authority, Lookup};

/// id-pkix-ocsp-nonce
pub(super) const NONCE: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x02";
/// AlgorithmIdentifier of SHA-1 with its NULL, as every responder expects it.
const SHA1_IDENTIFIER: &[u8] = b"\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00";
/// RFC 5019 section 5: scheme, host and everything.
const GET_BYTES: usize = 255;

/// Which certificate is asked about, in SHA-1: pre-produced answers exist for no other hash (RFC 5019 section 2.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertId {
    /// Hash of the issuer field of the certificate that is asked about.
    pub issuer_name: [u8; 20],
    /// Hash of the bits of its issuer's key.
    pub issuer_key: [u8; 20],
    /// As in [`Lookup::serial`].
    pub serial: Box<[u8]>,
}

impl CertId {
    /// Of a certificate and its issuer.
    pub fn new(lookup: &Lookup, authority: &Authority) -> Self {
        let sha1 = |bytes: &[u8]| digest::digest(&SHA1, bytes).as_ref().try_into().unwrap_or_default();
        Self {
            issuer_name: sha1(&lookup.issuer),
            issuer_key: sha1(authority::key_bits(&authority.key).unwrap_or_default()),
            serial: lookup.serial.clone(),
        }
    }
}

/// An OCSPRequest, DER, for one certificate; not signed. A nonce has 32 octets (RFC 9654 section 2.1); most public responders have their answers
/// produced beforehand and ignore it.
pub fn request(lookup: &Lookup, authority: &Authority, nonce: Option<&[u8]>) -> Vec<u8> {
    let id = CertId::new(lookup, authority);
    let hashes = [encode(der::OCTET_STRING, &id.issuer_name), encode(der::OCTET_STRING, &id.issuer_key)].concat();
    // An empty INTEGER is none; nobody issues such a serial number.
    let serial = encode(der::INTEGER, if id.serial.is_empty() { &[0] } else { &id.serial });
    let id = encode(der::SEQUENCE, &[SHA1_IDENTIFIER, &hashes, &serial].concat());
    let list = encode(der::SEQUENCE, &encode(der::SEQUENCE, &id));
    let extensions = nonce.map(|nonce| {
        let value = encode(der::OCTET_STRING, &encode(der::OCTET_STRING, nonce));
        let extension = encode(der::SEQUENCE, &[encode(der::OID, NONCE), value].concat());
        encode(0xa2, &encode(der::SEQUENCE, &extension))
    });
    encode(der::SEQUENCE, &encode(der::SEQUENCE, &[list, extensions.unwrap_or_default()].concat()))
}

/// A request as the last part of a URL's path: base64, then URL-encoded (RFC 6960 appendix A.1).
pub fn get_path(request: &[u8]) -> String {
    let mut path = String::with_capacity(request.len() * 3 / 2);
    for character in STANDARD.encode(request).chars() {
        match character {
            '+' => path.push_str("%2B"),
            '/' => path.push_str("%2F"),
            '=' => path.push_str("%3D"),
            plain => path.push(plain),
        }
    }
    path
}

/// The URL to GET the answer from; `None` when it is over 255 bytes: then the request is posted (RFC 5019 section 5).
pub fn get_url(responder: &str, request: &[u8]) -> Option<String> {
    let url = format!("{}/{}", responder.strip_suffix('/').unwrap_or(responder), get_path(request));
    (url.len() <= GET_BYTES).then_some(url)
}

/// The hash of this OID's contents, as CertIDs use it.
pub(super) fn hash(oid: &[u8]) -> Option<&'static digest::Algorithm> {
    match oid {
        b"\x2b\x0e\x03\x02\x1a" => Some(&SHA1),
        b"\x60\x86\x48\x01\x65\x03\x04\x02\x01" => Some(&SHA256),
        b"\x60\x86\x48\x01\x65\x03\x04\x02\x02" => Some(&SHA384),
        b"\x60\x86\x48\x01\x65\x03\x04\x02\x03" => Some(&SHA512),
        _ => None,
    }
}
