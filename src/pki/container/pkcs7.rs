//! PKCS#7 and CMS bundles (RFC 5652 section 5.1): the certificates and CRLs beside whatever is signed.
//!
//! Indefinite lengths are read around the certificates; signatures are not checked.

use super::super::der::{self, Malformed, Reader};
use super::Filling;
use crate::model::Reason;

const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const CERTIFICATES: u8 = 0xa0;
const CRLS: u8 = 0xa1;

/// Reads one bundle.
pub fn read(der: &[u8], into: &mut Filling<'_>) {
    if let Err(error) = signed_data(der, into) {
        into.problem(Reason::BadPkcs7, format!("PKCS#7: {error}"));
    }
}

#[derive(Debug, thiserror::Error)]
enum Pkcs7Error {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("content type {0} holds no certificates")]
    ContentType(String),
    #[error("no certificates and no CRLs in it")]
    Empty,
}

fn signed_data(der: &[u8], into: &mut Filling<'_>) -> Result<(), Pkcs7Error> {
    let mut info = Reader::new(Reader::new(der).expect_ber(der::SEQUENCE)?);
    let content_type = info.expect_ber(der::OID)?;
    if content_type != SIGNED_DATA {
        return Err(Pkcs7Error::ContentType(super::super::oid::dotted(content_type)));
    }
    let mut signed = Reader::new(Reader::new(info.expect_ber(0xa0)?).expect_ber(der::SEQUENCE)?);
    signed.expect_ber(der::INTEGER)?;
    signed.expect_ber(der::SET)?;
    signed.expect_ber(der::SEQUENCE)?;
    let mut found = false;
    while let Some(tag @ (CERTIFICATES | CRLS)) = signed.peek() {
        let mut members = Reader::new(signed.expect_ber(tag)?);
        while !members.is_empty() {
            let member = members.next_ber()?;
            match (tag, member.tag) {
                (CERTIFICATES, der::SEQUENCE) => into.certificate(member.raw.to_vec()),
                (CRLS, der::SEQUENCE) => into.crl(member.raw.to_vec()),
                // Attribute certificates and other revocation information.
                _ => continue,
            }
            found = true;
        }
    }
    if found { Ok(()) } else { Err(Pkcs7Error::Empty) }
}
