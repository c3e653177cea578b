//! The certificate extensions that facts are made of (RFC 5280 section 4.2.1).
//!
//! May touch: `model`. Of an extension that stands twice, the first counts; one that cannot be read counts as absent. Names are
//! another matter: of a second extension, or one that cannot be read, there is one more than is kept.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use x509_parser::certificate::X509Certificate;

use super::constraints;
use super::der::{self, Malformed, Reader, Value};
use super::name::lossless;
use super::oid;
use super::pointers::Raw;
use crate::model::facts::{Constraints, SubjectName};

/// What was found.
#[derive(Debug, Default)]
pub struct Extensions<'a> {
    /// basicConstraints says CA.
    pub is_ca: bool,
    /// As [`CertificateFacts::key_usage`](crate::model::CertificateFacts::key_usage).
    pub key_usage: Option<u16>,
    /// As [`CertificateFacts::extended_key_usage`](crate::model::CertificateFacts::extended_key_usage).
    pub extended_key_usage: Option<Arc<[Arc<str>]>>,
    /// Subject alternative names, up to the limit.
    pub names: Box<[SubjectName]>,
    /// How many more there are.
    pub names_left_out: u32,
    /// Path length and name constraints.
    pub constraints: Option<Box<Constraints>>,
    /// What revocation is looked up by, still to be read.
    pub revocation: Raw<'a>,
}

/// More usages than anyone writes into a certificate.
const USAGES: usize = 64;

impl<'a> Extensions<'a> {
    /// Reads them; at most `names` alternative names are kept.
    pub fn read(certificate: &X509Certificate<'a>, names: usize) -> Self {
        let mut found = Self::default();
        let (mut constraints, mut alternative_names, mut name_constraints) = (None, None, None);
        for extension in certificate.extensions() {
            match extension.oid.as_bytes() {
                [0x55, 0x1d, 0x13] if constraints.is_none() => constraints = basic_constraints(extension.value).ok(),
                [0x55, 0x1d, 0x0f] if found.key_usage.is_none() => found.key_usage = key_usage(extension.value).ok(),
                [0x55, 0x1d, 0x25] if found.extended_key_usage.is_none() => {
                    found.extended_key_usage = extended_key_usage(extension.value).ok()
                }
                [0x55, 0x1d, 0x11] => match &mut alternative_names {
                    // Names that cannot be read are names that are not known.
                    None => alternative_names = Some(subject_names(extension.value, names).unwrap_or((Box::default(), 1))),
                    // RFC 5280 section 4.2 allows no second one; who reads that one instead sees other names.
                    Some((_, left_out)) => *left_out = left_out.saturating_add(1),
                },
                [0x55, 0x1d, 0x1e] if name_constraints.is_none() => name_constraints = constraints::read(extension.value).ok(),
                id => found.revocation.note(id, extension.value),
            }
        }
        let (is_ca, path_length) = constraints.unwrap_or_default();
        let (permitted, excluded) = name_constraints.unwrap_or_default();
        found.is_ca = is_ca;
        if is_ca && (path_length.is_some() || !permitted.is_empty() || !excluded.is_empty()) {
            found.constraints = Some(Box::new(Constraints { path_length, permitted, excluded }));
        }
        (found.names, found.names_left_out) = alternative_names.unwrap_or_default();
        found
    }
}

/// Whether it is a CA, and its path length.
fn basic_constraints(value: &[u8]) -> Result<(bool, Option<u32>), Malformed> {
    let mut constraints = Reader::new(Reader::new(value).expect(der::SEQUENCE)?);
    // BOOLEAN; encoders that write 1 instead of 255 exist.
    let is_ca = constraints.optional(0x01)?.is_some_and(|flag| flag.iter().any(|byte| *byte != 0));
    let length = constraints.optional(der::INTEGER).ok().flatten().and_then(|number| der::unsigned(number).ok());
    Ok((is_ca, length.map(|length| u32::try_from(length).unwrap_or(u32::MAX))))
}

fn key_usage(value: &[u8]) -> Result<u16, Malformed> {
    // Bit 8, decipherOnly, is the last one defined.
    Ok(der::named_bits(Reader::new(value).expect(der::BIT_STRING)?))
}

fn extended_key_usage(value: &[u8]) -> Result<Arc<[Arc<str>]>, Malformed> {
    let mut usages = Reader::new(Reader::new(value).expect(der::SEQUENCE)?);
    let mut names = Vec::with_capacity(2);
    while !usages.is_empty() && names.len() < USAGES {
        names.push(Arc::from(oid::usage_name(usages.expect(der::OID)?)));
    }
    Ok(names.into())
}

/// As many as the limit allows, and how many more there are.
fn subject_names(value: &[u8], limit: usize) -> Result<(Box<[SubjectName]>, u32), Malformed> {
    let mut values = Reader::new(Reader::new(value).expect(der::SEQUENCE)?);
    let mut names = Vec::new();
    while !values.is_empty() && names.len() < limit {
        names.push(subject_name(values.next()?));
    }
    let mut left_out = 0;
    while !values.is_empty() {
        left_out += 1;
        // What cannot be read on is one more, whatever it is.
        if values.next().is_err() {
            break;
        }
    }
    Ok((names.into(), left_out))
}

// RFC 5280 section 4.2.1.6
fn subject_name(value: Value<'_>) -> SubjectName {
    let text = || lossless(value.contents).into_boxed_str();
    let kind = match value.tag & 0x1f {
        0 => "otherName",
        1 => return SubjectName::Email(text()),
        2 => return SubjectName::Dns(text()),
        3 => "x400Address",
        4 => "directoryName",
        5 => "ediPartyName",
        6 => return SubjectName::Uri(text()),
        7 => match address(value.contents) {
            Some(address) => return SubjectName::Ip(address),
            None => "iPAddress",
        },
        8 => "registeredID",
        _ => "unknown",
    };
    SubjectName::Other(kind.into())
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(|octets| IpAddr::V4(Ipv4Addr::from(octets)))
        .or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| IpAddr::V6(Ipv6Addr::from(octets))))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_usage_bits_are_numbered_from_the_left() {
        for (value, bits) in [
            (&[3, 2, 7, 0x80][..], Some(0b1)),
            (&[3, 2, 5, 0xa0], Some(0b101)),
            (&[3, 2, 1, 0x06], Some(0b110_0000)),
            (&[3, 3, 7, 0x00, 0x80], Some(0b1_0000_0000)),
            (&[3, 1, 0], Some(0)),
            (&[4, 1, 0], None),
        ] {
            assert_eq!(key_usage(value).ok(), bits, "{value:x?}");
        }
    }

    #[test]
    fn alternative_names_of_every_kind() {
        let value = b"\x30\x2a\x82\x01a\x81\x01b\x86\x01c\x87\x04\x7f\x00\x00\x01\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x87\x01x\xa4\x00\x82\x02\xffz";
        let (names, left_out) = subject_names(value, 100).unwrap();
        assert_eq!(left_out, 0);
        let prefixed: Vec<_> = names.iter().map(SubjectName::prefixed).collect();
        assert_eq!(
            prefixed,
            ["DNS:a", "email:b", "URI:c", "IP:127.0.0.1", "IP:::1", "other:iPAddress", "other:directoryName", "DNS:\\FFz"]
        );
        let (names, left_out) = subject_names(value, 2).unwrap();
        assert_eq!((names.len(), left_out), (2, 6), "what is left out is counted");
        let (names, left_out) = subject_names(b"\x30\x08\x82\x01a\x82\x01b\x82\x05", 2).unwrap();
        assert_eq!((names.len(), left_out), (2, 1), "a rest that cannot be read is one more");
        let (names, left_out) = subject_names(b"\x30\x0b\x82\x01a\x82\x01b\x82\x01c\x82\x05", 2).unwrap();
        assert_eq!((names.len(), left_out), (2, 2), "behind others, too");
    }
}
