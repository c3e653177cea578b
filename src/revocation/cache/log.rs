//! The log's format: a header line, then records. Pure; any bytes may be read.

use std::borrow::Cow;
use std::io::{self, Read};

use serde::{Deserialize, Serialize, Serializer};

use super::DocumentKey;
use crate::model::UnixTime;
use crate::net::Validators;

/// The first line; its number grows when the layout of a record changes.
pub const HEADER: &[u8] = b"notafter cache, layout 1\n";
/// Before each record: its length and its CRC-32, both little-endian.
pub const FRAME: usize = 8;
/// No record is larger; what claims to be is damage.
const RECORD_MAX: u32 = 1 << 20;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DocumentKind {
    /// An OCSP response.
    Ocsp,
    /// An issuer's certificate.
    Issuer,
}

/// Something small that was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document<'a> {
    /// What it is.
    pub kind: DocumentKind,
    /// What it answers.
    pub key: DocumentKey,
    /// Where it is from.
    #[serde(borrow)]
    pub url: Cow<'a, str>,
    /// For the next conditional request.
    pub validators: Validators,
    /// When it was fetched, or last confirmed.
    pub fetched_at: UnixTime,
    /// Until when HTTP calls it fresh.
    pub fresh_until: Option<UnixTime>,
    /// The body, at most 1 MiB less the rest of the record.
    #[serde(borrow, serialize_with = "as_bytes")]
    pub body: Cow<'a, [u8]>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// The newest list of a URL.
    Crl(#[serde(borrow)] CrlRecord<'a>),
    /// The URL has none any more.
    CrlGone(Cow<'a, str>),
    /// The newest document of its key.
    Document(#[serde(borrow)] Document<'a>),
    /// The key has none any more.
    DocumentGone(DocumentKey),
}

/// Of a list everything but its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlRecord<'a> {
    /// Where it is from.
    #[serde(borrow)]
    pub url: Cow<'a, str>,
    /// The number in its file's name.
    pub id: u64,
    /// Of the body, in bytes.
    pub size: u64,
    /// CRC-32 of the body.
    pub crc: u32,
    /// For the next conditional request.
    pub validators: Validators,
    /// When it was fetched, or last confirmed.
    pub fetched_at: UnixTime,
    /// Until when HTTP calls it fresh.
    pub fresh_until: Option<UnixTime>,
}

/// Where a record lies: its frame begins at `offset`, `length` is without the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From the beginning of the file.
    pub offset: u64,
    /// Of the record itself.
    pub length: u32,
}

impl Span {
    /// With its frame.
    pub fn whole(self) -> u64 {
        u64::from(self.length) + FRAME as u64
    }
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every byte was understood.
    Whole,
    /// Some record was not, or the last one is incomplete. What was shown is sound.
    Damaged,
    /// Not a log of this layout.
    Foreign,
}

impl Document<'_> {
    /// Holding its own bytes.
    pub fn into_owned(self) -> Document<'static> {
        Document { url: Cow::Owned(self.url.into_owned()), body: Cow::Owned(self.body.into_owned()), ..self }
    }
}

/// Appends a record with its frame; returns its length without it.
///
/// # Errors
/// It is larger than a record may be.
pub fn append(record: &Record<'_>, out: &mut Vec<u8>) -> io::Result<u32> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME]);
    let filled = postcard::to_extend(record, std::mem::take(out)).map_err(io::Error::other)?;
    *out = filled;
    let body = out.get(start + FRAME..).unwrap_or_default();
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= RECORD_MAX);
    let Some(length) = length else {
        out.truncate(start);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too large for the cache"));
    };
    let crc = crc32fast::hash(body);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + FRAME].copy_from_slice(&crc.to_le_bytes());
    Ok(length)
}

/// A record of its bytes, frame included. `None`: damaged.
pub fn record(framed: &[u8]) -> Option<Record<'_>> {
    let (length, rest) = framed.split_first_chunk::<4>()?;
    let (crc, body) = rest.split_first_chunk::<4>()?;
    let is_sound = u32::from_le_bytes(*length) as usize == body.len() && u32::from_le_bytes(*crc) == crc32fast::hash(body);
    if !is_sound {
        return None;
    }
    let (record, rest) = postcard::take_from_bytes(body).ok()?;
    rest.is_empty().then_some(record)
}

/// Reads a log from its beginning and shows the sound records in order. A damaged one is skipped where the next can be told.
///
/// # Errors
/// The reader's own. Damage is none: see [`Ending`].
pub fn read(mut input: impl Read, visit: &mut dyn FnMut(Record<'_>, Span)) -> io::Result<Ending> {
    let mut buffer = Vec::new();
    if !fill(&mut input, HEADER.len() as u64, &mut buffer)? || buffer != HEADER {
        return Ok(Ending::Foreign);
    }
    let (mut offset, mut ending) = (HEADER.len() as u64, Ending::Whole);
    loop {
        buffer.clear();
        if !fill(&mut input, FRAME as u64, &mut buffer)? {
            return Ok(if buffer.is_empty() { ending } else { Ending::Damaged });
        }
        let length = buffer.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
        // With a length like this there is no telling where the next one begins.
        if length > RECORD_MAX || !fill(&mut input, length.into(), &mut buffer)? {
            return Ok(Ending::Damaged);
        }
        let span = Span { offset, length };
        match record(&buffer) {
            Some(record) => visit(record, span),
            None => ending = Ending::Damaged,
        }
        offset += span.whole();
    }
}

/// Adds so many bytes; `false` when there are fewer. Memory grows with what is there, not with what a length claims.
fn fill(input: &mut impl Read, length: u64, buffer: &mut Vec<u8>) -> io::Result<bool> {
    #[expect(clippy::disallowed_methods, reason = "limited by take")]
    let read = input.take(length).read_to_end(buffer)?;
    Ok(read as u64 == length)
}

fn as_bytes<S: Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(body)
}
