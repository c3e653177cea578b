//! Distribution points and their names (RFC 5280 section 4.2.1.13), as lists name them.
//!
//! May touch: `model`.

use crate::model::DistributionPoint;
use crate::pki::der::{self, Malformed, Reader};

/// More places than anyone needs.
const POINTS: usize = 64;
/// More names than anyone needs.
const NAMES: usize = 64;
/// More addresses than anyone needs (REVOCATION: at most 4 are asked).
const URLS: usize = 4;

/// CRLDistributionPoints. `issuer` is the DER Name that relative names are relative to.
pub(super) fn read(value: &[u8], issuer: &[u8]) -> Result<Vec<DistributionPoint>, Malformed> {
    let mut outer = Reader::new(value);
    let mut sequence = Reader::new(outer.expect(der::SEQUENCE)?);
    outer.finish()?;
    let mut points = Vec::with_capacity(1);
    while !sequence.is_empty() && points.len() < POINTS {
        let mut fields = Reader::new(sequence.expect(der::SEQUENCE)?);
        let name = fields.optional(0xa0)?;
        let reasons = fields.optional(0x81)?.map(reasons).transpose()?;
        let crl_issuer = fields.optional(0xa2)?.map(directory_name).transpose()?.flatten();
        fields.finish()?;
        let names = name.map(|name| names(name, crl_issuer.unwrap_or(issuer))).transpose()?.unwrap_or_default();
        let urls = names.iter().filter_map(|name| url(name)).take(URLS).collect();
        points.push(DistributionPoint { names: names.into(), urls, reasons, crl_issuer: crl_issuer.map(Into::into) });
    }
    Ok(points)
}

/// The contents of a DistributionPointName's outer tag: full names, or one that is relative to the issuer.
pub(super) fn names(contents: &[u8], issuer: &[u8]) -> Result<Vec<Box<[u8]>>, Malformed> {
    let mut choice = Reader::new(contents);
    let choice_value = choice.next()?;
    choice.finish()?;
    match choice_value.tag {
        0xa0 => {
            let mut names = Vec::with_capacity(1);
            let mut all = Reader::new(choice_value.contents);
            while !all.is_empty() && names.len() < NAMES {
                names.push(all.next()?.raw.into());
            }
            Ok(names)
        }
        0xa1 => {
            let rdns = Reader::new(issuer).expect(der::SEQUENCE)?;
            let name = value(der::SEQUENCE, &[rdns, &value(der::SET, &[choice_value.contents])]);
            Ok(vec![value(0xa4, &[&name]).into()])
        }
        found => Err(Malformed::Tag { found, expected: 0xa0 }),
    }
}

/// ReasonFlags: bit 0 is the first bit of the first byte.
pub(super) fn reasons(bits: &[u8]) -> Result<u16, Malformed> {
    let (_, bits) = bits.split_first().ok_or(Malformed::Ended)?;
    let byte = |at: usize| u16::from(bits.get(at).copied().unwrap_or_default().reverse_bits());
    Ok(byte(0) | (byte(1) & 1) << 8)
}

/// A directoryName of its own around a DER Name.
pub(super) fn as_general_name(name: &[u8]) -> Vec<u8> {
    value(0xa4, &[name])
}

/// The first directoryName of GeneralNames' contents, as DER Name.
pub(super) fn directory_name(names: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut names = Reader::new(names);
    let mut found = None;
    while !names.is_empty() {
        let name = names.next()?;
        if name.tag == 0xa4 && found.is_none() {
            let mut inner = Reader::new(name.contents);
            let value = inner.next()?;
            inner.finish()?;
            found = (value.tag == der::SEQUENCE).then_some(value.raw);
        }
    }
    Ok(found)
}

/// The address of a GeneralName that can be fetched from.
fn url(name: &[u8]) -> Option<Box<str>> {
    let text = std::str::from_utf8(Reader::new(name).expect(0x86).ok()?).ok()?;
    let is = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    (is("http://") || is("https://")).then(|| text.into())
}

/// One DER value.
fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let mut value = vec![tag];
    match u8::try_from(contents.len()) {
        Ok(length @ 0..0x80) => value.push(length),
        _ => {
            let length = contents.len().to_be_bytes();
            let length = length.get(length.iter().take_while(|byte| **byte == 0).count()..).unwrap_or_default();
            value.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            value.extend_from_slice(length);
        }
    }
    value.extend_from_slice(&contents);
    value
}
