//! What stands before the entries of a list.
//!
//! May touch: `model`. Read again from the start as long as it has not arrived as a whole; it is short.

use std::ops::Range;

use super::{CrlError, in_part};
use crate::model::UnixTime;
use crate::pki::der::{self, Header, Malformed, Value};

/// What stands before the entries. Offsets count from the list's first byte.
#[derive(Debug)]
pub(super) struct Head {
    /// Where tbsCertList begins, with identifier and length.
    pub tbs: usize,
    /// Where it ends.
    pub tbs_end: u64,
    /// Where the list ends.
    pub list_end: u64,
    /// No version number, or 0.
    pub version_1: bool,
    /// The AlgorithmIdentifier inside what is signed.
    pub algorithm: Range<usize>,
    /// The Name.
    pub issuer: Range<usize>,
    pub this_update: UnixTime,
    pub next_update: Option<UnixTime>,
    /// How many bytes of entries follow; `None` without revokedCertificates.
    pub entries: Option<u64>,
    /// How many bytes all this took.
    pub size: usize,
}

impl Head {
    /// `None`: more bytes are needed.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, CrlError> {
        let Some((list, list_end)) = opened(bytes, 0, u64::MAX).map_err(in_part("list"))? else { return Ok(None) };
        let Some((tbs_size, tbs_end)) = opened(bytes, list, list_end).map_err(in_part("tbsCertList"))? else { return Ok(None) };
        let mut fields = Fields { bytes, at: tbs_size, end: tbs_end };
        macro_rules! field {
            ($part:literal, $read:expr) => {
                match $read.map_err(in_part($part))? {
                    Some(value) => value,
                    None => return Ok(None),
                }
            };
        }
        let mut version_1 = true;
        if field!("version", fields.peek()) == Some(der::INTEGER) {
            let version = field!("version", fields.next());
            version_1 = match der::unsigned(version.contents).map_err(in_part("version"))? {
                0 => true,
                1 => false,
                version => return Err(CrlError::Version(version.saturating_add(1))),
            };
        }
        let algorithm = field!("signature algorithm", fields.range(der::SEQUENCE));
        let issuer = field!("issuer", fields.range(der::SEQUENCE));
        let this_update = der::time(field!("thisUpdate", fields.next())).map_err(in_part("thisUpdate"))?;
        let next_update = match field!("nextUpdate", fields.peek()) {
            Some(der::UTC_TIME | der::GENERALIZED_TIME) => {
                Some(der::time(field!("nextUpdate", fields.next())).map_err(in_part("nextUpdate"))?)
            }
            _ => None,
        };
        let mut entries = None;
        if field!("revokedCertificates", fields.peek()) == Some(der::SEQUENCE) {
            let (size, end) = field!("revokedCertificates", opened(bytes, fields.at, tbs_end));
            entries = Some(end - size as u64);
            fields.at = size;
        }
        let size = fields.at;
        Ok(Some(Self { tbs: list, tbs_end, list_end, version_1, algorithm, issuer, this_update, next_update, entries, size }))
    }
}

/// Where the contents of the SEQUENCE at `at` begin and end; they must end by `limit`.
fn opened(bytes: &[u8], at: usize, limit: u64) -> Result<Option<(usize, u64)>, Malformed> {
    if at as u64 >= limit {
        return Err(Malformed::Ended);
    }
    if let Some(found) = bytes.get(at).filter(|tag| **tag != der::SEQUENCE) {
        return Err(Malformed::Tag { found: *found, expected: der::SEQUENCE });
    }
    let Some((header, length)) = Header::arriving(bytes.get(at..).unwrap_or_default())? else { return Ok(None) };
    let start = at + header.size;
    let left = limit.saturating_sub(start as u64);
    match (start as u64).checked_add(length) {
        Some(end) if length <= left => Ok(Some((start, end))),
        _ => Err(Malformed::CutOff { announced: length, left: usize::try_from(left).unwrap_or(usize::MAX) }),
    }
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end: u64,
}

impl<'a> Fields<'a> {
    /// The next identifier byte; `Some(None)` at the end.
    fn peek(&self) -> Result<Option<Option<u8>>, Malformed> {
        if self.at as u64 >= self.end {
            return Ok(Some(None));
        }
        Ok(self.bytes.get(self.at).map(|tag| Some(*tag)))
    }

    fn next(&mut self) -> Result<Option<Value<'a>>, Malformed> {
        if self.at as u64 >= self.end {
            return Err(Malformed::Ended);
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some((header, length)) = Header::arriving(rest)? else { return Ok(None) };
        let left = self.end.saturating_sub((self.at + header.size) as u64);
        let cut_off = Malformed::CutOff { announced: length, left: usize::try_from(left).unwrap_or(usize::MAX) };
        if length > left {
            return Err(cut_off);
        }
        let size = usize::try_from(length).ok().and_then(|length| length.checked_add(header.size)).ok_or(cut_off)?;
        let Some(raw) = rest.get(..size) else { return Ok(None) };
        self.at += size;
        Ok(Some(Value { tag: header.tag, contents: raw.get(header.size..).unwrap_or_default(), raw }))
    }

    fn range(&mut self, tag: u8) -> Result<Option<Range<usize>>, Malformed> {
        let start = self.at;
        match self.next()? {
            Some(value) if value.tag == tag => Ok(Some(start..self.at)),
            Some(value) => Err(Malformed::Tag { found: value.tag, expected: tag }),
            None => Ok(None),
        }
    }
}
