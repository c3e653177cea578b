//! A list, read as it arrives.
//!
//! May touch: `model`. Chunks may be of any size; what is kept between two of them is bounded: what stands before the entries, one
//! entry that is cut by the chunks, what stands behind the entries. The hash that the signature is about is known from the inner
//! AlgorithmIdentifier before the first entry, and runs along.

use aws_lc_rs::digest::{self, Context};

use super::entry::Entries;
use super::head::Head;
use super::list::CrlList;
use super::sniff::{self, sniff};
use super::watched::Watched;
use super::{CrlError, in_part};
use crate::model::{CrlFacts, RevocationReason, Signed};
use crate::pki::certificate::decimal;
use crate::pki::der::{self, Header, Malformed, Reader};
use crate::pki::name::Name;
use crate::pki::{oid, signature};

/// Hash and scan take turns on pieces that stay in the cache.
const WINDOW: usize = 32 << 10;
/// How much is taken at once while it is not known where the entries begin.
const HEAD_STEP: usize = 4 << 10;
const ENTRIES: &str = "revokedCertificates";

/// How much of a list is kept at most while it is read, and what is made of it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes before the entries.
    pub head: usize,
    /// Bytes of one entry.
    pub entry: usize,
    /// Bytes behind the entries: extensions and signature.
    pub tail: usize,
    /// Bytes of the whole, where the algorithm of the signature cannot do with a digest.
    pub whole_message: usize,
    /// Entries about watched serial numbers.
    pub matches: usize,
    /// Make [`CrlFacts::fingerprint`] the SHA-256 of the list, as documented. Otherwise it is made of the digest that the signature needs and of the bytes outside of
    /// what is signed: as good for telling lists apart, and half the work.
    pub fingerprint: bool,
    /// Make what [`authorities_check`](super::authorities_check) needs.
    pub signature: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 << 10,
            entry: 64 << 10,
            tail: 128 << 10,
            whole_message: 16 << 20,
            matches: 1 << 17,
            fingerprint: true,
            signature: true,
        }
    }
}

/// A list that has been read to its end. Nothing in it is to be believed before its signature has been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Scanned {
    /// What is shown of it.
    pub facts: CrlFacts,
    /// What verdicts are made of.
    pub list: CrlList,
    /// What the signature covers; the message is empty where the algorithm is not known, or [`Limits::signature`] is off.
    pub signed: Signed,
}

/// Reads one list (RFC 5280 section 5.1) piece by piece.
pub struct Scanner<'w> {
    watched: &'w dyn Watched,
    limits: Limits,
    fingerprint: Context,
    message: Message,
    entries: Entries,
    /// Bytes that wait for more: the head, an entry, or the tail.
    waiting: Vec<u8>,
    /// What was read of the head.
    opened: Option<Opened>,
    /// Bytes of entries that are still to come.
    entries_left: u64,
    failed: Option<CrlError>,
}

/// What stands before the entries, and what follows from it.
struct Opened {
    head: Head,
    bytes: Box<[u8]>,
    /// How many bytes stand behind the entries.
    tail: usize,
    /// How many of them are signed.
    tail_signed: usize,
}

enum Message {
    Digest(Context),
    Whole(Vec<u8>),
    None,
}

impl Message {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Digest(context) => context.update(bytes),
            Self::Whole(whole) => whole.extend_from_slice(bytes),
            Self::None => {}
        }
    }
}

impl<'w> Scanner<'w> {
    /// Nothing has arrived yet.
    pub fn new(watched: &'w dyn Watched, limits: Limits) -> Self {
        Self {
            watched,
            limits,
            fingerprint: Context::new(&digest::SHA256),
            message: Message::None,
            entries: Entries::default(),
            waiting: Vec::new(),
            opened: None,
            entries_left: 0,
            failed: None,
        }
    }

    /// The next bytes. However they are cut, the outcome is the same.
    ///
    /// # Errors
    /// As soon as they cannot become a list any more; and then always.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), CrlError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let fed = bytes.chunks(WINDOW).try_for_each(|window| {
            if self.limits.fingerprint {
                self.fingerprint.update(window);
            }
            self.window(window)
        });
        self.failed = fed.err();
        fed
    }

    /// All bytes have arrived.
    ///
    /// # Errors
    /// Also when they are not all of the list.
    pub fn finish(mut self) -> Result<Scanned, CrlError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Some(opened) = self.opened.take() else {
            sniff(&self.waiting).map_err(CrlError::NotDer)?;
            return Err(in_part("list")(Malformed::CutOff { announced: 0, left: self.waiting.len() }));
        };
        if self.entries_left > 0 || self.waiting.len() < opened.tail {
            let announced = self.entries_left.saturating_add(opened.tail as u64);
            return Err(in_part("list")(Malformed::CutOff { announced, left: self.waiting.len() }));
        }
        self.scanned(&opened)
    }

    fn window(&mut self, mut bytes: &[u8]) -> Result<(), CrlError> {
        while self.opened.is_none() {
            if bytes.is_empty() {
                return Ok(());
            }
            let (step, rest) = bytes.split_at(bytes.len().min(HEAD_STEP));
            bytes = rest;
            self.waiting.extend_from_slice(step);
            self.open()?;
        }
        self.body(bytes)
    }

    fn open(&mut self) -> Result<(), CrlError> {
        if self.waiting.first().is_some_and(|first| *first != der::SEQUENCE) {
            if self.waiting.len() >= sniff::ENOUGH {
                sniff(&self.waiting).map_err(CrlError::NotDer)?;
            }
            return Ok(());
        }
        let limit = self.limits.head;
        let too_large = CrlError::TooLarge { part: "what stands before the entries", limit };
        let head = match Head::read(self.waiting.get(..limit).unwrap_or(&self.waiting))? {
            Some(head) => head,
            None if self.waiting.len() >= limit => return Err(too_large),
            None => return Ok(()),
        };
        let bytes = std::mem::take(&mut self.waiting);
        let (first, rest) = bytes.split_at_checked(head.size).ok_or(too_large)?;
        let entries_end = head.size as u64 + head.entries.unwrap_or_default();
        let tail = usize::try_from(head.list_end - entries_end).ok().filter(|tail| *tail <= self.limits.tail);
        let tail = tail.ok_or(CrlError::TooLarge { part: "what stands behind the entries", limit: self.limits.tail })?;
        let tail_signed = usize::try_from(head.tbs_end - entries_end).unwrap_or(tail);
        let signed = first.get(head.tbs..).unwrap_or_default();
        if self.limits.signature {
            let algorithm = first.get(head.algorithm.clone()).unwrap_or_default();
            let size = head.tbs_end - head.tbs as u64;
            self.message = match signature::digest_for(algorithm) {
                Some(hash) => Message::Digest(Context::new(hash)),
                None if !signature::needs_whole_message(algorithm) => Message::None,
                None if size > self.limits.whole_message as u64 => {
                    return Err(CrlError::TooLarge { part: "a list whose signature needs all of it", limit: self.limits.whole_message });
                }
                None => Message::Whole(Vec::new()),
            };
            self.message.update(signed);
        }
        self.entries_left = head.entries.unwrap_or_default();
        self.opened = Some(Opened { bytes: first.into(), head, tail, tail_signed });
        self.body(rest)
    }

    /// Entries, and what stands behind them.
    fn body(&mut self, bytes: &[u8]) -> Result<(), CrlError> {
        let count = usize::try_from(self.entries_left).unwrap_or(usize::MAX).min(bytes.len());
        let (entries, behind) = bytes.split_at(count);
        if !entries.is_empty() {
            self.message.update(entries);
            self.entries(entries)?;
            self.entries_left -= count as u64;
            if self.entries.matches.len() > self.limits.matches {
                return Err(CrlError::TooMany { limit: self.limits.matches });
            }
            if self.entries_left == 0 && !self.waiting.is_empty() {
                return Err(in_part(ENTRIES)(Malformed::CutOff { announced: 0, left: self.waiting.len() }));
            }
        }
        if behind.is_empty() {
            return Ok(());
        }
        let tail = self.opened.as_ref().map_or(0, |opened| opened.tail);
        let room = tail.saturating_sub(self.waiting.len());
        let (kept, trailing) = behind.split_at(behind.len().min(room));
        self.waiting.extend_from_slice(kept);
        if trailing.is_empty() { Ok(()) } else { Err(in_part("list")(Malformed::Trailing(trailing.len()))) }
    }

    fn entries(&mut self, mut bytes: &[u8]) -> Result<(), CrlError> {
        if !self.waiting.is_empty() {
            bytes = self.complete(bytes)?;
        }
        loop {
            // The usual entry has less than 128 bytes.
            let (contents, rest) = match bytes {
                [] => return Ok(()),
                [der::SEQUENCE, length @ 0..0x80, rest @ ..] if rest.len() >= usize::from(*length) => rest.split_at(usize::from(*length)),
                _ => match self.extent(bytes)? {
                    Some((header, size)) if size <= bytes.len() => {
                        let (entry, rest) = bytes.split_at(size);
                        (entry.get(header..).unwrap_or_default(), rest)
                    }
                    _ => {
                        self.waiting.extend_from_slice(bytes);
                        return Ok(());
                    }
                },
            };
            self.entries.read(contents, self.watched).map_err(in_part(ENTRIES))?;
            bytes = rest;
        }
    }

    /// Completes the entry that waits; gives what is left behind it.
    fn complete<'b>(&mut self, mut bytes: &'b [u8]) -> Result<&'b [u8], CrlError> {
        loop {
            let extent = self.extent(&self.waiting)?;
            let missing = match extent {
                // Its header is cut: byte by byte, it has ten at most.
                None => 1,
                Some((_, size)) => size.saturating_sub(self.waiting.len()),
            };
            let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
            self.waiting.extend_from_slice(taken);
            bytes = rest;
            if taken.len() < missing {
                return Ok(bytes);
            }
            if let Some((header, _)) = extent {
                let entry = std::mem::take(&mut self.waiting);
                self.entries.read(entry.get(header..).unwrap_or_default(), self.watched).map_err(in_part(ENTRIES))?;
                self.waiting = entry;
                self.waiting.clear();
                return Ok(bytes);
            }
        }
    }

    /// How long the header of the entry at the start is, and how long all of it; `None`: its header is cut.
    fn extent(&self, bytes: &[u8]) -> Result<Option<(usize, usize)>, CrlError> {
        if let Some(found) = bytes.first().filter(|tag| **tag != der::SEQUENCE) {
            return Err(in_part(ENTRIES)(Malformed::Tag { found: *found, expected: der::SEQUENCE }));
        }
        let Some((header, length)) = Header::arriving(bytes).map_err(in_part(ENTRIES))? else { return Ok(None) };
        let size = usize::try_from(length).ok().and_then(|length| length.checked_add(header.size));
        let too_large = CrlError::TooLarge { part: "an entry", limit: self.limits.entry };
        size.filter(|size| *size <= self.limits.entry).map(|size| Some((header.size, size))).ok_or(too_large)
    }

    fn scanned(mut self, opened: &Opened) -> Result<Scanned, CrlError> {
        let Opened { head, bytes, tail_signed, .. } = opened;
        let (signed, behind) = self.waiting.split_at(*tail_signed);
        self.message.update(signed);
        self.entries.matches.sort_by(|a, b| a.serial.cmp(&b.serial));
        let issuer = bytes.get(head.issuer.clone()).unwrap_or_default();
        let inner = bytes.get(head.algorithm.clone()).unwrap_or_default();
        let mut list = CrlList {
            issuer: issuer.into(),
            this_update: head.this_update,
            next_update: head.next_update,
            unusable: self.entries.unusable,
            entries: self.entries.count,
            matches: self.entries.matches,
            ..CrlList::default()
        };

        let mut rest = Reader::new(signed);
        let extensions = rest.optional(0xa0).map_err(in_part("extensions"))?;
        if let Some(extensions) = extensions {
            list.read_extensions(extensions).map_err(in_part("extensions"))?;
        }
        rest.finish().map_err(in_part("tbsCertList"))?;
        let mut rest = Reader::new(behind);
        let algorithm = rest.next().map_err(in_part("signatureAlgorithm"))?;
        let mut identifier = Reader::new(algorithm.raw).expect(der::SEQUENCE).map(Reader::new).map_err(in_part("signatureAlgorithm"))?;
        let id = identifier.expect(der::OID).map_err(in_part("signatureAlgorithm"))?;
        let bits = rest.expect(der::BIT_STRING).and_then(signature::whole_bytes).map_err(in_part("signature"))?;
        rest.finish().map_err(in_part("signature"))?;

        // RFC 5280 section 5.1.2.1: extensions are of version 2.
        let out_of_version = head.version_1 && (extensions.is_some() || self.entries.extended);
        // Section 5.1.2.6: revokedCertificates is absent rather than empty.
        let is_empty = head.entries == Some(0);
        // Section 5.1.1.2.
        let differs = !signature::same_algorithm(inner, algorithm.raw);
        // Section 5.3.3: certificateIssuer is for indirect lists.
        let astray = self.entries.foreign && !list.is_indirect();
        if out_of_version || is_empty || differs || astray {
            list.spoil(RevocationReason::Malformed);
        }

        let (message, is_digest) = match self.message {
            Message::Digest(context) => (Box::<[u8]>::from(context.finish().as_ref()), true),
            Message::Whole(whole) => (whole.into(), false),
            Message::None => (Box::default(), false),
        };
        let outside = || [bytes.get(..head.tbs).unwrap_or_default(), &message, behind].concat();
        let fingerprint = if self.limits.fingerprint { self.fingerprint.finish() } else { digest::digest(&digest::SHA256, &outside()) };
        let name = Reader::new(issuer).expect(der::SEQUENCE).and_then(Name::read).map_err(in_part("issuer"))?;
        let facts = CrlFacts {
            fingerprint: fingerprint.as_ref().try_into().unwrap_or_default(),
            issuer: name.text.into(),
            issuer_cn: name.common_name.into(),
            this_update: list.this_update,
            next_update: list.next_update,
            number: list.number.as_deref().map(|number| decimal(number).into()),
            entries: list.entries,
            delta: list.is_delta(),
            signature_algorithm: oid::signature_name(id).into(),
            weak_signature: oid::is_weak_signature(id, identifier.rest()),
        };
        let signed = Signed::new(algorithm.raw.into(), &message, is_digest, bits)
            .ok_or(CrlError::TooLarge { part: "signed part", limit: u32::MAX as usize })?;
        Ok(Scanned { facts, list, signed })
    }
}
