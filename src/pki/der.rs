//! A small DER reader: one value at a time, nothing allocated, no recursion.
//!
//! [`encode`] is the way back. May touch: nothing. Lengths that are longer than necessary are read (BER allows them and they occur in the field);
//! indefinite lengths only by [`Reader::next_ber`], which keystores and PKCS#7 bundles need.

use std::borrow::Cow;

use crate::model::UnixTime;

/// INTEGER
pub const INTEGER: u8 = 0x02;
/// BIT STRING
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING
pub const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER
pub const OID: u8 = 0x06;
/// UTCTime
pub const UTC_TIME: u8 = 0x17;
/// GeneralizedTime
pub const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE
pub const SEQUENCE: u8 = 0x30;
/// SET
pub const SET: u8 = 0x31;

/// Constructed bit of a tag.
const CONSTRUCTED: u8 = 0x20;
/// How deep indefinite lengths may nest.
const INDEFINITE_DEPTH: usize = 32;

/// Why DER cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The bytes end before the value does.
    #[error("cut off: a value of {announced} bytes where {left} are left")]
    CutOff {
        /// What its length says.
        announced: u64,
        /// What is there.
        left: usize,
    },
    /// No byte where a value should begin.
    #[error("ends where a value should begin")]
    Ended,
    /// A tag number above 30, which nothing here uses.
    #[error("tag of several bytes")]
    LongTag,
    /// A length of more than eight bytes.
    #[error("length of several bytes too many")]
    LongLength,
    /// BER where DER is required.
    #[error("indefinite length")]
    Indefinite,
    /// BER that nests without measure.
    #[error("nested too deeply")]
    Deep,
    /// Another value than the one expected.
    #[error("tag {found:#04x} where {expected:#04x} belongs")]
    Tag {
        /// What is there.
        found: u8,
        /// What belongs there.
        expected: u8,
    },
    /// More after the last value.
    #[error("{0} bytes left over")]
    Trailing(usize),
    /// A time that no calendar has.
    #[error("not a time of the calendar")]
    Time,
    /// A number out of the range that makes sense.
    #[error("number out of range")]
    Number,
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// The identifier byte.
    pub tag: u8,
    /// Without identifier and length.
    pub contents: &'a [u8],
    /// With identifier and length.
    pub raw: &'a [u8],
}

/// Reads values one after another.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything is read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The identifier byte of the next value.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next value.
    pub fn next(&mut self) -> Result<Value<'a>, Malformed> {
        let header = Header::read(self.rest)?;
        let length = header.length.ok_or(Malformed::Indefinite)?;
        self.cut(header, length, 0)
    }

    /// The next value, of definite or indefinite length.
    pub fn next_ber(&mut self) -> Result<Value<'a>, Malformed> {
        let header = Header::read(self.rest)?;
        match header.length {
            Some(length) => self.cut(header, length, 0),
            None => {
                let length = indefinite(self.rest.get(header.size..).unwrap_or_default())?;
                self.cut(header, length as u64, 2)
            }
        }
    }

    /// The contents of the next value, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        of_tag(self.next()?, tag)
    }

    /// As [`expect`](Self::expect), of definite or indefinite length.
    pub fn expect_ber(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        of_tag(self.next_ber()?, tag)
    }

    /// The contents of the next value if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.peek() == Some(tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// Nothing may be left.
    pub fn finish(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing(self.rest.len())) }
    }

    fn cut(&mut self, header: Header, length: u64, trailer: usize) -> Result<Value<'a>, Malformed> {
        let cut_off = Malformed::CutOff { announced: length, left: self.rest.len().saturating_sub(header.size) };
        let length = usize::try_from(length).map_err(|_| cut_off)?;
        let end = header.size.checked_add(length).ok_or(cut_off)?;
        let contents = self.rest.get(header.size..end).ok_or(cut_off)?;
        let (raw, rest) = self.rest.split_at_checked(end + trailer).ok_or(cut_off)?;
        self.rest = rest;
        Ok(Value { tag: header.tag, contents, raw })
    }
}

impl<'a> Value<'a> {
    /// The octets of an OCTET STRING of whatever tag; BER cuts them into pieces.
    pub fn octets(&self) -> Result<Cow<'a, [u8]>, Malformed> {
        if self.tag & CONSTRUCTED == 0 {
            return Ok(Cow::Borrowed(self.contents));
        }
        let mut joined = Vec::with_capacity(self.contents.len());
        let mut pieces = Reader::new(self.contents);
        while !pieces.is_empty() {
            joined.extend_from_slice(of_tag(pieces.next_ber()?, OCTET_STRING)?);
        }
        Ok(Cow::Owned(joined))
    }
}

/// One value: identifier, length, contents.
pub fn encode(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let length = length.get(contents.len().leading_zeros() as usize / 8..).unwrap_or_default();
    let mut value = Vec::with_capacity(contents.len() + length.len() + 2);
    value.push(tag);
    match length {
        [] => value.push(0),
        [short @ 0..0x80] => value.push(*short),
        // At most eight bytes.
        _ => {
            value.push(0x80 | length.len() as u8);
            value.extend_from_slice(length);
        }
    }
    value.extend_from_slice(contents);
    value
}

/// The first nine bits of a BIT STRING's contents, bit 0 being the first: KeyUsage and ReasonFlags have no more.
pub fn named_bits(contents: &[u8]) -> u16 {
    let first = contents.get(1).copied().unwrap_or(0).reverse_bits();
    let second = contents.get(2).copied().unwrap_or(0).reverse_bits();
    u16::from(first) | u16::from(second & 1) << 8
}

/// A small INTEGER that is not negative.
pub fn unsigned(contents: &[u8]) -> Result<u64, Malformed> {
    match contents {
        [] => Err(Malformed::Number),
        [first, ..] if *first >= 0x80 => Err(Malformed::Number),
        _ => contents.iter().try_fold(0_u64, |number, byte| {
            let shifted = number.checked_mul(256).ok_or(Malformed::Number)?;
            Ok(shifted | u64::from(*byte))
        }),
    }
}

/// UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5), also with the offsets and missing seconds that X.680 allows.
pub fn time(value: Value<'_>) -> Result<UnixTime, Malformed> {
    let text = value.contents;
    let (year, rest) = match value.tag {
        UTC_TIME => {
            let (year, rest) = digits(text, 2)?;
            // RFC 5280 section 4.1.2.5.1: 50 and above are of the last century.
            (if year >= 50 { 1900 + year } else { 2000 + year }, rest)
        }
        GENERALIZED_TIME => digits(text, 4)?,
        found => return Err(Malformed::Tag { found, expected: UTC_TIME }),
    };
    let (month, rest) = digits(rest, 2)?;
    let (day, rest) = digits(rest, 2)?;
    let (hour, rest) = digits(rest, 2)?;
    let (minute, rest) = digits(rest, 2)?;
    let (second, rest) = if rest.first().is_some_and(u8::is_ascii_digit) { digits(rest, 2)? } else { (0, rest) };
    let rest = match rest {
        [b'.' | b',', fraction @ ..] => {
            fraction.get(fraction.iter().take_while(|byte| byte.is_ascii_digit()).count()..).unwrap_or_default()
        }
        other => other,
    };
    let offset = match rest {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), zone @ ..] => {
            let (hours, minutes) = digits(zone, 2)?;
            let (minutes, end) = digits(minutes, 2)?;
            if !end.is_empty() || hours > 23 || minutes > 59 {
                return Err(Malformed::Time);
            }
            (hours * 3600 + minutes * 60) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return Err(Malformed::Time),
    };
    let days_of_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return Err(Malformed::Time),
    };
    if !(1..=days_of_month).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return Err(Malformed::Time);
    }
    Ok(UnixTime::from_secs(days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset))
}

/// Identifier and length of a value.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// The identifier byte.
    pub tag: u8,
    /// How many bytes identifier and length take.
    pub size: usize,
    /// How many bytes follow. `None`: indefinite.
    pub length: Option<u64>,
}

impl Header {
    /// The header of a value of definite length whose bytes may not all have arrived; `None`: not even the header has.
    pub fn arriving(bytes: &[u8]) -> Result<Option<(Self, u64)>, Malformed> {
        match Self::read(bytes) {
            Ok(header) => Ok(Some((header, header.length.ok_or(Malformed::Indefinite)?))),
            Err(Malformed::Ended | Malformed::CutOff { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let (tag, first) = match bytes {
            [] => return Err(Malformed::Ended),
            [tag, ..] if tag & 0x1f == 0x1f => return Err(Malformed::LongTag),
            [_] => return Err(Malformed::CutOff { announced: 1, left: 0 }),
            [tag, first, ..] => (*tag, *first),
        };
        match first {
            0..0x80 => Ok(Self { tag, size: 2, length: Some(u64::from(first)) }),
            0x80 if tag & CONSTRUCTED != 0 => Ok(Self { tag, size: 2, length: None }),
            0x80 | 0x89.. => Err(Malformed::LongLength),
            _ => {
                let size = 2 + usize::from(first & 0x7f);
                let length = bytes.get(2..size).ok_or(Malformed::CutOff { announced: size as u64, left: bytes.len() })?;
                Ok(Self { tag, size, length: Some(length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))) })
            }
        }
    }
}

/// How many bytes there are before the end-of-contents that closes an indefinite length. One pass, whatever the nesting.
fn indefinite(bytes: &[u8]) -> Result<usize, Malformed> {
    let (mut at, mut depth) = (0_usize, 1_usize);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.starts_with(&[0, 0]) {
            depth -= 1;
            if depth == 0 {
                return Ok(at);
            }
            at += 2;
            continue;
        }
        let header = Header::read(rest)?;
        at += header.size;
        match header.length {
            None if depth == INDEFINITE_DEPTH => return Err(Malformed::Deep),
            None => depth += 1,
            Some(length) => {
                let cut_off = Malformed::CutOff { announced: length, left: rest.len() };
                at = usize::try_from(length)
                    .ok()
                    .and_then(|length| at.checked_add(length))
                    .filter(|at| *at <= bytes.len())
                    .ok_or(cut_off)?;
            }
        }
    }
}

fn of_tag(value: Value<'_>, tag: u8) -> Result<&[u8], Malformed> {
    if value.tag == tag { Ok(value.contents) } else { Err(Malformed::Tag { found: value.tag, expected: tag }) }
}

fn digits(text: &[u8], count: usize) -> Result<(i64, &[u8]), Malformed> {
    let (number, rest) = text.split_at_checked(count).ok_or(Malformed::Time)?;
    let number = number.iter().try_fold(0, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + i64::from(byte - b'0')),
        _ => Err(Malformed::Time),
    })?;
    Ok((number, rest))
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; years count from March so that the leap day comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tag: u8, text: &str) -> Result<i64, Malformed> {
        time(Value { tag, contents: text.as_bytes(), raw: &[] }).map(UnixTime::secs)
    }

    #[test]
    fn times() {
        for (tag, text, secs) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "2401010000Z", Some(1_704_067_200)),
            (UTC_TIME, "240101010000+0100", Some(1_704_067_200)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "20240229120000.5Z", Some(1_709_208_000)),
            (GENERALIZED_TIME, "19000228000000Z", Some(-2_203_977_600)),
            (GENERALIZED_TIME, "00000101000000Z", Some(-62_167_219_200)),
            (UTC_TIME, "230229000000Z", None),
            (UTC_TIME, "231301000000Z", None),
            (UTC_TIME, "230100000000Z", None),
            (UTC_TIME, "230101240000Z", None),
            (UTC_TIME, "230101000000", None),
            (UTC_TIME, "", None),
            (GENERALIZED_TIME, "2023010100000\u{ff}Z", None),
            (INTEGER, "230101000000Z", None),
        ] {
            assert_eq!(at(tag, text).ok(), secs, "{text}");
        }
    }

    #[test]
    fn lengths_are_checked_against_what_is_there() {
        for (bytes, error) in [
            (&[][..], Malformed::Ended),
            (&[0x30], Malformed::CutOff { announced: 1, left: 0 }),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], Malformed::CutOff { announced: 0xffff_ffff, left: 0 }),
            (&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Malformed::CutOff { announced: u64::MAX, left: 0 }),
            (&[0x30, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0], Malformed::LongLength),
            (&[0x1f, 0x81, 0x00], Malformed::LongTag),
            (&[0x30, 0x80, 0, 0], Malformed::Indefinite),
        ] {
            assert_eq!(Reader::new(bytes).next().map(|value| value.raw.len()), Err(error), "{bytes:x?}");
        }
        assert_eq!(Reader::new(&[0x30, 0x81, 0x01, 0x05]).next().map(|value| value.contents.len()), Ok(1));
    }

    #[test]
    fn indefinite_lengths_end_at_their_own_end() {
        let nested = [0x30, 0x80, 0x30, 0x80, 2, 1, 7, 0, 0, 4, 1, 9, 0, 0, 0xff];
        let mut reader = Reader::new(&nested);
        assert_eq!(reader.next_ber().map(|value| value.contents), Ok(&nested[2..12]));
        assert_eq!(reader.rest(), [0xff]);
        assert_eq!(Reader::new(&[0x30, 0x80].repeat(1000)).next_ber().map(|value| value.tag), Err(Malformed::Deep));
        assert!(Reader::new(&[0x30, 0x80, 2, 1]).next_ber().is_err());
    }

    #[test]
    fn what_is_encoded_reads_back() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let value = encode(OCTET_STRING, &vec![7; length]);
            let mut reader = Reader::new(&value);
            assert_eq!(reader.expect(OCTET_STRING).map(<[u8]>::len), Ok(length));
            assert!(reader.is_empty());
        }
        assert_eq!(encode(OCTET_STRING, &[7; 0x80])[..3], [OCTET_STRING, 0x81, 0x80]);
    }

    #[test]
    fn small_numbers() {
        assert_eq!(unsigned(&[0x00, 0xff]), Ok(255));
        assert_eq!(unsigned(&[0xff]), Err(Malformed::Number));
        assert_eq!(unsigned(&[]), Err(Malformed::Number));
        assert_eq!(unsigned(&[1; 9]), Err(Malformed::Number));
    }
}
