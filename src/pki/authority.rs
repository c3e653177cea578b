//! Who signs: what checking needs of a CA certificate or a trust anchor, and whether it issued a certificate.
//!
//! May touch: `model`. Several CAs of one name and other keys exist (rollovers, namesakes, forgeries): [`issued`] tells them apart.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY as SHA1, SHA256, SHA384, SHA512};
use rustls_pki_types::TrustAnchor;
use x509_parser::certificate::X509Certificate;

use super::der::{self, Reader};
use super::name;
use super::signature::{self, Check};
use crate::model::{Authority, Lookup};

/// Of a certificate that says it is a CA; `key_id` and `key_usage` are its extensions'.
pub fn of_certificate(certificate: &X509Certificate<'_>, key_id: Option<&[u8]>, key_usage: Option<u16>) -> Authority {
    Authority {
        subject: certificate.subject.as_raw().into(),
        key: certificate.subject_pki.raw.into(),
        key_id: key_id.map(Into::into),
        key_usage,
    }
}

/// Of a trust anchor, which says nothing about usages.
pub fn of_anchor(anchor: &TrustAnchor<'_>) -> Authority {
    // Anchors hold both without identifier and length.
    let whole = |contents: &[u8]| Arc::from(der::encode(der::SEQUENCE, contents));
    Authority { subject: whole(&anchor.subject), key: whole(&anchor.subject_public_key_info), key_id: None, key_usage: None }
}

/// Its name in RFC 4514 form, as certificates say it; empty when it cannot be read.
pub fn subject(authority: &Authority) -> String {
    let name = Reader::new(&authority.subject).expect(der::SEQUENCE).and_then(name::Name::read);
    name.map(|name| name.text).unwrap_or_default()
}

/// Whether this authority's key issued the certificate.
///
/// The names are equal, and the certificate's own signature is by this key. Its authority key identifier proves nothing: whoever writes a
/// certificate writes that too.
pub fn issued(authority: &Authority, lookup: &Lookup) -> bool {
    name::same(&authority.subject, &lookup.issuer)
        && lookup.signed.as_ref().is_some_and(|signed| matches!(signature::check(signed, &authority.key), Check::Holds { .. }))
}

/// Whether a key identifier is a hash of a key (DER SubjectPublicKeyInfo): RFC 5280 section 4.2.1.2 (1), RFC 7093 section 2, and the same
/// hashes uncut.
pub fn identifies(id: &[u8], key: &[u8]) -> bool {
    let Some(bits) = key_bits(key) else { return false };
    let is = |by: &'static digest::Algorithm, over: &[u8]| digest::digest(by, over).as_ref().get(..id.len()) == Some(id);
    match id.len() {
        20 => {
            is(&SHA1, bits)
                || is(&SHA256, bits)
                || is(&SHA384, bits)
                || is(&SHA512, bits)
                || [&SHA1, &SHA256, &SHA384, &SHA512].into_iter().any(|by| is(by, key))
        }
        32 => is(&SHA256, bits) || is(&SHA256, key),
        48 => is(&SHA384, bits) || is(&SHA384, key),
        64 => is(&SHA512, bits) || is(&SHA512, key),
        _ => false,
    }
}

/// The bits of a DER SubjectPublicKeyInfo's key: what key identifiers and OCSP hash.
pub fn key_bits(key: &[u8]) -> Option<&[u8]> {
    let mut parts = Reader::new(Reader::new(key).expect(der::SEQUENCE).ok()?);
    parts.expect(der::SEQUENCE).ok()?;
    signature::whole_bytes(parts.expect(der::BIT_STRING).ok()?).ok()
}
