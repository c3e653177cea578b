//! Objects on their way from the wire to a handler: a few at a time, in one buffer that is wiped.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroize;

/// The largest object that is handed on. etcd takes 1.5 MiB by default.
pub(super) const MOST_OF_ONE: usize = 8 << 20;
const MOST_BYTES: usize = 4 << 20;
const MOST_OBJECTS: usize = 100;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is there, or has changed.
    Applied,
    /// It was deleted.
    Deleted,
}

/// Whole objects, and one that is still arriving behind them.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Wiped,
    objects: Vec<(Change, Range<usize>)>,
    /// Where the arriving one begins.
    begin: usize,
    /// The arriving one has become too large: the rest of it is dropped.
    is_skipping: bool,
}

/// What a whole line of a watch was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// An object, kept.
    Object,
    /// Something about the watch itself: its type and object.
    Control(String, Vec<u8>),
    /// Larger than any may be, and left out.
    TooLarge,
    /// Nothing on it.
    Blank,
    /// Not an event.
    Malformed,
}

impl Batch {
    /// More of the arriving object.
    pub(super) fn push(&mut self, part: &[u8]) {
        if self.is_skipping || self.bytes.0.len() - self.begin + part.len() > MOST_OF_ONE {
            self.is_skipping = true;
            self.bytes.truncate(self.begin);
        } else {
            self.bytes.push(part);
        }
    }

    /// The arriving object is whole. False: it was too large, and is left out.
    pub(super) fn end(&mut self) -> bool {
        let is_whole = !std::mem::take(&mut self.is_skipping);
        if is_whole {
            self.objects.push((Change::Applied, self.begin..self.bytes.0.len()));
        }
        self.begin = self.bytes.0.len();
        is_whole
    }

    /// What has arrived is a line of a watch, without its end.
    pub(super) fn end_line(&mut self) -> Line {
        let begin = self.begin;
        if std::mem::take(&mut self.is_skipping) {
            return Line::TooLarge;
        }
        let line = &self.bytes.0[begin..];
        if line.iter().all(u8::is_ascii_whitespace) {
            self.bytes.truncate(begin);
            return Line::Blank;
        }
        let (kind, range) = match event(line) {
            Some((kind, range)) => (kind, begin + range.start..begin + range.end),
            None => {
                self.bytes.truncate(begin);
                return Line::Malformed;
            }
        };
        match Change::of(&kind) {
            Some(change) => {
                self.objects.push((change, range));
                self.begin = self.bytes.0.len();
                Line::Object
            }
            None => {
                let object = self.bytes.0[range].to_vec();
                self.bytes.truncate(begin);
                Line::Control(kind, object)
            }
        }
    }

    /// Whether enough has come together.
    pub(super) fn is_full(&self) -> bool {
        self.objects.len() >= MOST_OBJECTS || (!self.objects.is_empty() && self.begin >= MOST_BYTES)
    }

    /// Whether there is no whole object.
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Takes the whole objects out, into what is left of another one; the arriving object stays.
    pub(super) fn take(&mut self, mut other: Self) -> Self {
        other.clear();
        std::mem::swap(self, &mut other);
        self.push(&other.bytes.0[other.begin..]);
        self.is_skipping = other.is_skipping;
        other.bytes.truncate(other.begin);
        other
    }

    /// The whole objects, in the order in which they came.
    pub(super) fn objects(&self) -> impl Iterator<Item = (Change, &[u8])> {
        self.objects.iter().map(|(change, range)| (*change, &self.bytes.0[range.clone()]))
    }

    /// The resource version of the last object.
    pub(super) fn last_version(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Object {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Metadata {
            resource_version: String,
        }
        let (_, json) = self.objects().last()?;
        serde_json::from_slice::<Object>(json).ok().map(|object| object.metadata.resource_version)
    }

    fn clear(&mut self) {
        self.objects.clear();
        self.bytes.0.clear();
        (self.begin, self.is_skipping) = (0, false);
    }
}

impl Change {
    fn of(kind: &str) -> Option<Self> {
        match kind {
            "ADDED" | "MODIFIED" => Some(Self::Applied),
            "DELETED" => Some(Self::Deleted),
            _ => None,
        }
    }
}

/// The type of a watch event, and where in it the object is.
fn event(line: &[u8]) -> Option<(String, Range<usize>)> {
    // As API servers write it: seen without reading the object.
    for kind in ["ADDED", "MODIFIED", "DELETED"] {
        let head = format!("{{\"type\":\"{kind}\",\"object\":{{");
        if line.starts_with(head.as_bytes()) && line.ends_with(b"}}") {
            return Some((kind.to_owned(), head.len() - 1..line.len() - 1));
        }
    }
    #[derive(Deserialize)]
    struct Event<'a> {
        r#type: String,
        #[serde(borrow)]
        object: &'a RawValue,
    }
    let event: Event<'_> = serde_json::from_slice(line).ok()?;
    let object = event.object.get();
    let start = (object.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    Some((event.r#type, start..start + object.len()))
}

/// Bytes that are overwritten when they are given up, those left behind by growing too.
#[derive(Default)]
struct Wiped(Vec<u8>);

impl Wiped {
    fn push(&mut self, part: &[u8]) {
        let length = self.0.len() + part.len();
        if length > self.0.capacity() {
            let mut grown = Vec::with_capacity(length.next_power_of_two().max(16 << 10));
            grown.extend_from_slice(&self.0);
            std::mem::replace(&mut self.0, grown).zeroize();
        }
        self.0.extend_from_slice(part);
    }

    fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        // The spare capacity too, where larger batches have been.
        self.0.zeroize();
    }
}
