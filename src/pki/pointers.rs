//! What a certificate says about where its revocation is to be asked for (RFC 5280 sections 4.2.1.13, 4.2.1.15, 4.2.2.1).
//!
//! May touch: `model`. Bounded, because whoever writes a certificate may write hundreds of places into it: at most [`URLS`] places of a kind are
//! fetched from; names of distribution points are kept longer, to compare a list's own name with them. Of what stands twice the first counts;
//! what cannot be read counts as absent.

use super::der::{self, Malformed, Reader, Value};
use crate::model::{DistributionPoint, Pointers};

/// Places to fetch from, of one certificate and kind.
const URLS: usize = 4;
/// Bytes of a place.
const URL_BYTES: usize = 2048;
/// Distribution points of one certificate.
const POINTS: usize = 64;
/// Bytes of all that is kept of one certificate's distribution points.
const POINT_BYTES: usize = 16 << 10;
/// Bytes of a key identifier; 64 are a whole SHA-512.
const KEY_ID_BYTES: usize = 128;

/// GeneralName's directoryName and uniformResourceIdentifier.
const DIRECTORY_NAME: u8 = 0xa4;
const URI: u8 = 0x86;

/// The extensions as they stand in the certificate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw<'a> {
    crls: Option<&'a [u8]>,
    freshest: Option<&'a [u8]>,
    access: Option<&'a [u8]>,
    authority_key: Option<&'a [u8]>,
    subject_key: Option<&'a [u8]>,
    features: Option<&'a [u8]>,
    /// noRevAvail (RFC 9608) is there.
    pub no_rev_avail: bool,
}

impl<'a> Raw<'a> {
    /// Keeps the value of an extension that matters here.
    pub fn note(&mut self, id: &[u8], value: &'a [u8]) {
        let slot = match id {
            [0x55, 0x1d, 0x1f] => &mut self.crls,
            [0x55, 0x1d, 0x2e] => &mut self.freshest,
            [0x55, 0x1d, 0x23] => &mut self.authority_key,
            [0x55, 0x1d, 0x0e] => &mut self.subject_key,
            [0x55, 0x1d, 0x38] => {
                self.no_rev_avail = true;
                return;
            }
            b"\x2b\x06\x01\x05\x05\x07\x01\x01" => &mut self.access,
            b"\x2b\x06\x01\x05\x05\x07\x01\x18" => &mut self.features,
            _ => return,
        };
        slot.get_or_insert(value);
    }

    /// Authority key identifier (RFC 5280 section 4.2.1.1); one without a keyIdentifier counts as absent.
    pub fn authority_key(&self) -> Option<&'a [u8]> {
        let mut identifier = Reader::new(Reader::new(self.authority_key?).expect(der::SEQUENCE).ok()?);
        identifier.optional(0x80).ok().flatten().filter(|id| id.len() <= KEY_ID_BYTES)
    }

    /// Subject key identifier (RFC 5280 section 4.2.1.2).
    pub fn subject_key(&self) -> Option<&'a [u8]> {
        Reader::new(self.subject_key?).expect(der::OCTET_STRING).ok().filter(|id| id.len() <= KEY_ID_BYTES)
    }

    /// TLS feature status_request (RFC 7633 section 6).
    pub fn must_staple(&self) -> bool {
        let asks = |value| {
            let mut features = Reader::new(Reader::new(value).expect(der::SEQUENCE)?);
            while !features.is_empty() {
                if features.expect(der::INTEGER)? == [5] {
                    return Ok(true);
                }
            }
            Ok::<_, Malformed>(false)
        };
        self.features.is_some_and(|value| asks(value).unwrap_or(false))
    }

    /// Reads the places. `issuer` is the certificate's issuer, a DER Name.
    pub fn pointers(&self, issuer: &[u8]) -> Pointers {
        let points = |value: Option<&[u8]>| value.and_then(|value| Points::read(value, issuer).ok()).unwrap_or_default();
        let (crls, freshest) = (points(self.crls), points(self.freshest));
        let access = self.access.and_then(|value| Access::read(value).ok()).unwrap_or_default();
        let fetchable = crls.urls > 0 || !access.responders.is_empty();
        Pointers {
            unsupported: !fetchable && (crls.named || access.responder_named),
            crls: crls.points.into(),
            freshest: freshest.points.into(),
            responders: access.responders.into(),
            issuers: access.issuers.into(),
            authority_key: self.authority_key().map(Into::into),
        }
    }
}

/// Distribution points being read.
#[derive(Debug, Default)]
struct Points {
    points: Vec<DistributionPoint>,
    urls: usize,
    bytes: usize,
    /// There is at least one name.
    named: bool,
}

impl Points {
    fn read(value: &[u8], issuer: &[u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        let mut points = Reader::new(Reader::new(value).expect(der::SEQUENCE)?);
        while !points.is_empty() && found.points.len() < POINTS {
            let point = points.expect(der::SEQUENCE)?;
            if !found.point(Reader::new(point), issuer)? {
                break;
            }
        }
        Ok(found)
    }

    /// Adds one; `false` when there is no room for it.
    fn point(&mut self, mut point: Reader<'_>, issuer: &[u8]) -> Result<bool, Malformed> {
        let name = point.optional(0xa0)?;
        let reasons = point.optional(0x81)?.map(der::named_bits);
        let crl_issuer = point.optional(0xa2)?.map(crl_issuer).transpose()?;
        let mut names = Vec::new();
        if let Some(name) = name {
            let name = Reader::new(name).next()?;
            match name.tag {
                0xa0 => {
                    let mut values = Reader::new(name.contents);
                    while !values.is_empty() {
                        names.push(values.next()?);
                    }
                }
                0xa1 => {
                    let full = relative(name.contents, crl_issuer.unwrap_or(issuer))?;
                    return Ok(self.push(&[Value { tag: DIRECTORY_NAME, contents: &[], raw: &full }], reasons, crl_issuer));
                }
                found => return Err(Malformed::Tag { found, expected: 0xa0 }),
            }
        }
        Ok(self.push(&names, reasons, crl_issuer))
    }

    fn push(&mut self, names: &[Value<'_>], reasons: Option<u16>, crl_issuer: Option<&[u8]>) -> bool {
        self.named |= !names.is_empty();
        let mut urls: Vec<Box<str>> = Vec::new();
        for name in names {
            if let Some(url) = url(*name).filter(|_| self.urls < URLS)
                && !urls.iter().any(|known| **known == *url)
            {
                urls.push(url.into());
                self.urls += 1;
            }
        }
        self.bytes += names.iter().map(|name| name.raw.len()).sum::<usize>() + crl_issuer.map_or(0, <[u8]>::len);
        if self.bytes > POINT_BYTES {
            return false;
        }
        self.points.push(DistributionPoint {
            names: names.iter().map(|name| name.raw.into()).collect(),
            urls: urls.into(),
            reasons,
            crl_issuer: crl_issuer.map(Into::into),
        });
        true
    }
}

/// cRLIssuer's DER Name; empty, which is nobody's name, when it is of another kind.
fn crl_issuer(names: &[u8]) -> Result<&[u8], Malformed> {
    let mut names = Reader::new(names);
    while !names.is_empty() {
        let name = names.next()?;
        if name.tag == DIRECTORY_NAME {
            return Ok(name.contents);
        }
    }
    Ok(&[])
}

/// nameRelativeToCRLIssuer, written out: the issuer's name and one RDN more.
fn relative(rdn: &[u8], issuer: &[u8]) -> Result<Vec<u8>, Malformed> {
    let above = Reader::new(issuer).expect(der::SEQUENCE)?;
    let name = der::encode(der::SEQUENCE, &[above, &der::encode(der::SET, rdn)].concat());
    Ok(der::encode(DIRECTORY_NAME, &name))
}

/// Authority information access.
#[derive(Debug, Default)]
struct Access {
    responders: Vec<Box<str>>,
    issuers: Vec<Box<str>>,
    responder_named: bool,
}

impl Access {
    fn read(value: &[u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        let mut descriptions = Reader::new(Reader::new(value).expect(der::SEQUENCE)?);
        while !descriptions.is_empty() {
            let mut description = Reader::new(descriptions.expect(der::SEQUENCE)?);
            let method = description.expect(der::OID)?;
            let location = description.next()?;
            let places = match method {
                b"\x2b\x06\x01\x05\x05\x07\x30\x01" => {
                    found.responder_named = true;
                    &mut found.responders
                }
                b"\x2b\x06\x01\x05\x05\x07\x30\x02" => &mut found.issuers,
                _ => continue,
            };
            if let Some(url) = url(location).filter(|url| places.len() < URLS && !places.iter().any(|known| **known == **url)) {
                places.push(url.into());
            }
        }
        Ok(found)
    }
}

/// A place that can be fetched from.
fn url(name: Value<'_>) -> Option<&str> {
    if name.tag != URI || name.contents.len() > URL_BYTES || !name.contents.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let text = std::str::from_utf8(name.contents).ok()?;
    let (scheme, rest) = text.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    (is_web && !rest.is_empty()).then_some(text)
}

/// The INTEGER contents of a serial number without redundant leading bytes.
pub fn serial(mut contents: &[u8]) -> &[u8] {
    while let [first @ (0 | 0xff), rest @ ..] = contents
        && rest.first().is_some_and(|next| (next ^ first) & 0x80 == 0)
    {
        contents = rest;
    }
    contents
}

#[cfg(test)]
mod tests;
