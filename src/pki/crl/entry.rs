//! One entry of a list: the inner loop.
//!
//! May touch: `model`. Nearly every entry is a serial number, a UTCTime, and no extension or one reason: that shape is recognised by
//! comparing bytes, everything else is read with care.

use std::sync::Arc;

use super::list::{Entry, Extension, revoked_for};
use super::points;
use super::watched::{Watched, normalised};
use crate::model::{RevocationReason, RevokedFor, UnixTime};
use crate::pki::der::{self, Malformed, Reader, Value};

/// crlEntryExtensions with a reasonCode alone, without the code.
const REASON_ALONE: &[u8; 13] = b"\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01";

/// What is known while the entries pass.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub count: u64,
    /// Those that are watched.
    pub matches: Vec<Entry>,
    /// Why the whole list is not to be used.
    pub unusable: Option<RevocationReason>,
    /// Any entry had extensions.
    pub extended: bool,
    /// Any entry named a certificate's issuer.
    pub foreign: bool,
    /// The certificate issuer that the last entry naming one named: it holds until another is named (RFC 5280 section 5.3.3).
    issuer: Option<Arc<[u8]>>,
}

impl Entries {
    /// Reads the contents of one entry.
    pub(super) fn read(&mut self, contents: &[u8], watched: &dyn Watched) -> Result<(), Malformed> {
        self.count += 1;
        let (serial, rest) = match contents {
            [der::INTEGER, length @ 1..0x80, rest @ ..] if rest.len() >= usize::from(*length) => rest.split_at(usize::from(*length)),
            _ => careful_serial(contents)?,
        };
        let (time, extensions) = match rest {
            [der::UTC_TIME, 0x0d, rest @ ..] if rest.len() >= 13 => {
                let (time, extensions) = rest.split_at(13);
                (Value { tag: der::UTC_TIME, contents: time, raw: time }, extensions)
            }
            _ => careful_time(rest)?,
        };
        let mut detail = Detail::default();
        match extensions {
            [] => {}
            [alone @ .., code] if alone == REASON_ALONE => {
                self.extended = true;
                detail.code = Some(*code);
            }
            _ => {
                self.extended = true;
                self.read_extensions(extensions, &mut detail)?;
            }
        }
        let serial = normalised(serial);
        if watched.wants(serial) { self.keep(serial, time, &detail) } else { Ok(()) }
    }

    #[cold]
    fn keep(&mut self, serial: &[u8], time: Value<'_>, detail: &Detail) -> Result<(), Malformed> {
        let reason = match detail.code {
            None => RevokedFor::Unspecified,
            Some(code) => revoked_for(&[code])?,
        };
        self.matches.push(Entry {
            serial: serial.into(),
            issuer: self.issuer.clone(),
            at: der::time(time)?,
            reason,
            invalid_since: detail.invalid_since,
        });
        Ok(())
    }

    /// RFC 5280 section 5.3.
    fn read_extensions(&mut self, extensions: &[u8], detail: &mut Detail) -> Result<(), Malformed> {
        let mut outer = Reader::new(extensions);
        let mut extensions = Reader::new(outer.expect(der::SEQUENCE)?);
        outer.finish()?;
        while !extensions.is_empty() {
            let extension = Extension::read(&mut extensions)?;
            match extension.id {
                // reasonCode
                [0x55, 0x1d, 21] => match Reader::new(extension.value).expect(0x0a)? {
                    [code] => detail.code = Some(*code),
                    _ => return Err(Malformed::Number),
                },
                // holdInstructionCode, which RFC 5280 took out again.
                [0x55, 0x1d, 23] => {}
                // invalidityDate
                [0x55, 0x1d, 24] => detail.invalid_since = Reader::new(extension.value).next().and_then(der::time).ok(),
                // certificateIssuer
                [0x55, 0x1d, 29] => {
                    self.foreign = true;
                    let issuer = points::directory_name(Reader::new(extension.value).expect(der::SEQUENCE)?)?.ok_or(Malformed::Ended)?;
                    if self.issuer.as_deref() != Some(issuer) {
                        self.issuer = Some(issuer.into());
                    }
                }
                _ if extension.critical => {
                    self.unusable.get_or_insert(RevocationReason::CriticalExtension);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Detail {
    code: Option<u8>,
    invalid_since: Option<UnixTime>,
}

#[cold]
fn careful_serial(contents: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut fields = Reader::new(contents);
    match fields.expect(der::INTEGER)? {
        [] => Err(Malformed::Number),
        serial => Ok((serial, fields.rest())),
    }
}

#[cold]
fn careful_time(rest: &[u8]) -> Result<(Value<'_>, &[u8]), Malformed> {
    let mut fields = Reader::new(rest);
    let time = fields.next()?;
    match time.tag {
        der::UTC_TIME | der::GENERALIZED_TIME => Ok((time, fields.rest())),
        found => Err(Malformed::Tag { found, expected: der::UTC_TIME }),
    }
}
