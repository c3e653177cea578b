//! What is cached: the index in memory, and the order in which files and records change.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::body::{Body, file_name, id_of};
use super::log::{self, CrlRecord, Document, Ending, FRAME, Record, Span};
use super::writer::{LOG, Writer};
use super::{CacheError, CrlCopy, DocumentKey};
use crate::disk::{self, DiskError, Folder};
use crate::model::UnixTime;
use crate::net::Validators;

/// A log this small is not worth a rewrite.
const SLACK: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Store {
    limit: u64,
    crls: HashMap<Arc<str>, Crl>,
    documents: HashMap<DocumentKey, Slot>,
    /// What counts against the limit.
    held: u64,
    /// Of that, what lies in the log.
    live: u64,
    next_id: u64,
    writer: Option<Writer>,
}

#[derive(Debug)]
struct Crl {
    copy: CrlCopy,
    body: Body,
    /// Of its record, with the frame; 0 where none is written.
    record: u64,
    cost: u64,
    is_used: bool,
}

#[derive(Debug)]
struct Slot {
    place: Place,
    cost: u64,
    fetched_at: UnixTime,
    is_used: bool,
}

/// Where a document is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Log(Arc<File>, Span),
    Memory(Arc<[u8]>),
}

impl Store {
    /// Of a process that keeps everything in memory.
    pub(super) fn empty(limit: u64) -> Self {
        Self { limit, crls: HashMap::new(), documents: HashMap::new(), held: 0, live: 0, next_id: 1, writer: None }
    }

    /// Of the process that writes; reads what is there, and clears away what is left of writes that never ended.
    pub(super) fn own(folder: &Arc<Folder>, limit: u64) -> Result<(Self, Option<String>), CacheError> {
        let mut store = Self::empty(limit);
        let path = folder.path().join(LOG);
        let (file, ending) = match open_plain(&path, OpenOptions::new().read(true).write(true)).map_err(disk::at(&path))? {
            Some(file) => {
                let file = Arc::new(file);
                let ending = store.load(&file, folder.path()).map_err(disk::at(&path))?;
                (file, Some(ending))
            }
            None => (Arc::new(File::open(folder.path()).map_err(disk::at(folder.path()))?), None),
        };
        let length = match ending {
            Some(Ending::Whole) => Some(file.metadata().map_err(disk::at(&path))?.len()),
            _ => None,
        };
        store.writer = Some(Writer::new(folder.clone(), file, length));
        store.clear_away(folder.path()).map_err(disk::at(folder.path()))?;
        let is_mostly_dead = length.is_some_and(|length| length > 2 * store.live + SLACK);
        if length.is_none() || is_mostly_dead {
            store.rewrite()?;
        }
        let notice = match ending {
            Some(Ending::Damaged) => Some("its log was cut short or damaged, and what is sound in it is used"),
            Some(Ending::Foreign) => Some("its log was written by another version of this program, and is begun anew"),
            Some(Ending::Whole) | None => None,
        };
        Ok((store, notice.map(|words| format!("{}: {words}", folder.path().display()))))
    }

    /// Of a process that may not write. `None`: there is nothing to read.
    pub(super) fn read_only(folder: &Path, limit: u64) -> Option<Self> {
        let mut store = Self::empty(limit);
        let file = open_plain(&folder.join(LOG), OpenOptions::new().read(true)).ok().flatten()?;
        store.load(&Arc::new(file), folder).ok()?;
        // What the other process keeps is not ours to count.
        store.crls.values_mut().for_each(|crl| crl.cost = 0);
        store.documents.values_mut().for_each(|slot| slot.cost = 0);
        (store.held, store.live) = (0, 0);
        Some(store)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.held
    }

    pub(super) fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// The log's records, the later over the earlier.
    fn load(&mut self, file: &Arc<File>, folder: &Path) -> io::Result<Ending> {
        log::read(BufReader::with_capacity(256 << 10, &**file), &mut |record, span| match record {
            Record::Crl(record) => {
                self.next_id = self.next_id.max(record.id.saturating_add(1));
                let body = Body::File { folder: folder.to_owned(), id: record.id, size: record.size, crc: record.crc };
                // Without its body a record says nothing; an earlier one may still have its own.
                if body.is_there() {
                    let copy = CrlCopy {
                        url: record.url.into(),
                        validators: record.validators,
                        fetched_at: record.fetched_at,
                        fresh_until: record.fresh_until,
                        size: record.size,
                    };
                    self.insert_crl(Crl { cost: copy.size + span.whole(), copy, body, record: span.whole(), is_used: false });
                }
            }
            Record::CrlGone(url) => {
                self.remove_crl(&url);
            }
            Record::Document(document) => {
                let place = Place::Log(file.clone(), span);
                let slot = Slot { place, cost: span.whole(), fetched_at: document.fetched_at, is_used: false };
                self.insert_document(document.key, slot);
            }
            Record::DocumentGone(key) => self.remove_document(&key),
        })
    }

    /// Removes files that nothing names.
    fn clear_away(&mut self, folder: &Path) -> io::Result<()> {
        let named: HashSet<u64> = self.crls.values().filter_map(|crl| crl.body.id()).collect();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let id = id_of(name.strip_suffix(".new").unwrap_or(name));
            if let Some(id) = id {
                self.next_id = self.next_id.max(id.saturating_add(1));
            }
            let is_left_over = match id {
                Some(id) => name != file_name(id) || !named.contains(&id),
                None => name == "log.new",
            };
            if is_left_over {
                // A folder of that name, say: it is in nobody's way.
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    pub(super) fn keep_crl(&mut self, copy: CrlCopy, body: Body) -> Result<(), CacheError> {
        let mut crl = Crl { cost: copy.size, copy, body, record: 0, is_used: true };
        match self.write_crl(&mut crl) {
            Ok(()) => {
                let old = self.insert_crl(crl);
                // A reader that has the old one open reads on.
                if let Some(old) = old {
                    self.discard(&old.body);
                }
                self.tidy();
                Ok(())
            }
            Err(error) => {
                self.discard(&crl.body);
                Err(error)
            }
        }
    }

    fn write_crl(&mut self, crl: &mut Crl) -> Result<(), CacheError> {
        let url = crl.copy.url.clone();
        let mut frames = Vec::new();
        if self.writer.is_some() {
            crl.record = append(&crl.record(), &mut frames)?.whole();
            crl.cost += crl.record;
        }
        if let Some(old) = self.crls.get_mut(&url) {
            old.is_used = true;
        }
        let old = self.crls.get(&url).map_or(0, |old| old.cost);
        let gone = self.make_room(crl.cost.saturating_sub(old))?;
        self.write(&gone, &frames)?;
        Ok(())
    }

    pub(super) fn confirm_crl(
        &mut self,
        url: &str,
        validators: &Validators,
        fetched_at: UnixTime,
        fresh_until: Option<UnixTime>,
    ) -> Result<bool, CacheError> {
        let Some(known) = self.crls.get(url) else { return Ok(false) };
        let mut copy = CrlCopy { fetched_at, fresh_until, ..known.copy.clone() };
        copy.validators.etag = validators.etag.clone().or(copy.validators.etag);
        copy.validators.last_modified = validators.last_modified.clone().or(copy.validators.last_modified);
        // Unwritten it costs what it did: the body is counted, or the other process's.
        let cost = known.cost.saturating_sub(known.record);
        let mut crl = Crl { copy, body: known.body.clone(), record: 0, cost, is_used: true };
        self.write_crl(&mut crl)?;
        self.insert_crl(crl);
        self.tidy();
        Ok(true)
    }

    pub(super) fn crl(&mut self, url: &str) -> Option<CrlCopy> {
        let crl = self.crls.get_mut(url)?;
        crl.is_used = true;
        Some(crl.copy.clone())
    }

    pub(super) fn crls(&self) -> Vec<CrlCopy> {
        let mut copies: Vec<_> = self.crls.values().map(|crl| crl.copy.clone()).collect();
        copies.sort_by(|a, b| a.url.cmp(&b.url));
        copies
    }

    pub(super) fn body(&mut self, url: &str) -> Option<Body> {
        let crl = self.crls.get_mut(url)?;
        crl.is_used = true;
        Some(crl.body.clone())
    }

    pub(super) fn forget_crl(&mut self, url: &str) -> Result<(), CacheError> {
        let Some(crl) = self.remove_crl(url) else { return Ok(()) };
        if self.writer.is_none() {
            return Ok(());
        }
        self.discard(&crl.body);
        let mut frames = Vec::new();
        append(&Record::CrlGone(Cow::Borrowed(url)), &mut frames)?;
        self.write(&[], &frames)?;
        Ok(())
    }

    pub(super) fn keep_documents(&mut self, documents: &[Document<'_>]) -> Result<(), CacheError> {
        let mut frames = Vec::new();
        let mut spans = Vec::with_capacity(documents.len());
        let mut more = 0u64;
        for document in documents {
            let span = append(&Record::Document(document.clone()), &mut frames)?;
            spans.push(span);
            let old = self.documents.get_mut(&document.key).map_or(0, |slot| {
                slot.is_used = true;
                slot.cost
            });
            more = more.saturating_add(span.whole().saturating_sub(old));
        }
        let gone = self.make_room(more)?;
        let offset = self.write(&gone, &frames)?;
        for (document, span) in documents.iter().zip(spans) {
            let place = match &self.writer {
                Some(writer) => Place::Log(writer.file(), Span { offset: offset + span.offset, ..span }),
                None => {
                    let start = usize::try_from(span.offset).unwrap_or(usize::MAX);
                    let framed = frames.get(start..start.saturating_add(FRAME + span.length as usize)).unwrap_or_default();
                    Place::Memory(framed.into())
                }
            };
            self.insert_document(document.key, Slot { place, cost: span.whole(), fetched_at: document.fetched_at, is_used: true });
        }
        self.tidy();
        Ok(())
    }

    pub(super) fn place(&mut self, key: &DocumentKey) -> Option<Place> {
        let slot = self.documents.get_mut(key)?;
        slot.is_used = true;
        Some(slot.place.clone())
    }

    pub(super) fn places(&self) -> Vec<Place> {
        let mut places: Vec<_> = self.documents.values().map(|slot| slot.place.clone()).collect();
        places.sort_by_key(Place::offset);
        places
    }

    pub(super) fn forget_documents(&mut self, keys: &[DocumentKey]) -> Result<(), CacheError> {
        let mut frames = Vec::new();
        for key in keys.iter().filter(|key| self.documents.contains_key(*key)) {
            append(&Record::DocumentGone(*key), &mut frames)?;
        }
        keys.iter().for_each(|key| self.remove_document(key));
        if !frames.is_empty() {
            self.write(&[], &frames)?;
        }
        self.tidy();
        Ok(())
    }

    pub(super) fn mark(&mut self, crl: &dyn Fn(&str) -> bool, document: &dyn Fn(&DocumentKey) -> bool) {
        self.crls.iter_mut().for_each(|(url, found)| found.is_used = crl(url));
        self.documents.iter_mut().for_each(|(key, found)| found.is_used = document(key));
    }

    /// Evicts what nobody uses, oldest first, until so much more fits; returns the records that say so.
    fn make_room(&mut self, more: u64) -> Result<Vec<u8>, CacheError> {
        enum What {
            Crl(Arc<str>),
            Document(DocumentKey),
        }
        let mut frames = Vec::new();
        if self.held.saturating_add(more) <= self.limit {
            return Ok(frames);
        }
        let crls = self.crls.iter().filter(|(_, crl)| !crl.is_used && crl.cost > 0);
        let crls = crls.map(|(url, crl)| (crl.copy.fetched_at, crl.cost, What::Crl(url.clone())));
        let documents = self.documents.iter().filter(|(_, slot)| !slot.is_used && slot.cost > 0);
        let documents = documents.map(|(key, slot)| (slot.fetched_at, slot.cost, What::Document(*key)));
        let mut unused: Vec<_> = crls.chain(documents).collect();
        let most = self.held.saturating_sub(unused.iter().map(|(_, cost, _)| cost).sum());
        if most.saturating_add(more) > self.limit {
            return Err(CacheError::Full { limit: self.limit });
        }
        unused.sort_by_key(|(fetched_at, ..)| *fetched_at);
        // A little more than needed, so that not every newcomer sorts anew.
        let goal = self.limit - self.limit / 8;
        for (_, _, what) in unused {
            if self.held.saturating_add(more) <= goal {
                break;
            }
            match what {
                What::Crl(url) => {
                    if let Some(crl) = self.remove_crl(&url) {
                        self.discard(&crl.body);
                    }
                    append(&Record::CrlGone(Cow::Borrowed(&url)), &mut frames)?;
                }
                What::Document(key) => {
                    self.remove_document(&key);
                    append(&Record::DocumentGone(key), &mut frames)?;
                }
            }
        }
        Ok(frames)
    }

    /// Appends to the log, where there is one; returns where `frames` begin.
    fn write(&mut self, gone: &[u8], frames: &[u8]) -> Result<u64, CacheError> {
        if self.writer.as_ref().is_some_and(Writer::is_broken) {
            self.rewrite()?;
        }
        let Some(writer) = &mut self.writer else { return Ok(0) };
        Ok(writer.append(&[gone, frames].concat())? + gone.len() as u64)
    }

    /// Rewrites the log when half of it is dead.
    fn tidy(&mut self) {
        if self.writer.as_ref().is_some_and(|writer| writer.length() > 2 * self.live + SLACK) {
            // What was asked for is done; a rewrite that fails is tried again with the next write.
            let _ = self.rewrite();
        }
    }

    fn rewrite(&mut self) -> Result<(), CacheError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let mut crls = self.crls.values_mut();
        let mut documents: Vec<_> = self.documents.iter().map(|(key, slot)| (*key, slot.place.clone())).collect();
        documents.sort_by_key(|(_, place)| place.offset());
        let mut documents = documents.into_iter();
        let mut moved = Vec::new();
        let mut damaged = Vec::new();
        let mut offset = log::HEADER.len() as u64;
        writer.rewrite(&mut || {
            let mut frames = Vec::new();
            if let Some(crl) = crls.next() {
                let length = log::append(&crl.record(), &mut frames)?;
                crl.record = Span { offset, length }.whole();
                crl.cost = crl.copy.size + crl.record;
                offset += frames.len() as u64;
                return Ok(Some(frames));
            }
            for (key, place) in documents.by_ref() {
                match place.framed()? {
                    Some(framed) if log::record(&framed).is_some() => {
                        let length = u32::try_from(framed.len() - FRAME).map_err(io::Error::other)?;
                        moved.push((key, Span { offset, length }));
                        offset += framed.len() as u64;
                        return Ok(Some(framed.into_owned()));
                    }
                    _ => damaged.push(key),
                }
            }
            Ok(None)
        })?;
        let file = writer.file();
        for (key, span) in moved {
            if let Some(slot) = self.documents.get_mut(&key) {
                (slot.place, slot.cost) = (Place::Log(file.clone(), span), span.whole());
            }
        }
        damaged.iter().for_each(|key| self.remove_document(key));
        self.live = offset - log::HEADER.len() as u64;
        self.held = self.live + self.crls.values().map(|crl| crl.copy.size).sum::<u64>();
        Ok(())
    }

    /// Removes a body's file, where it is ours.
    fn discard(&self, body: &Body) {
        if self.writer.is_some() {
            body.remove();
        }
    }

    fn insert_crl(&mut self, crl: Crl) -> Option<Crl> {
        let old = self.remove_crl(&crl.copy.url);
        self.held += crl.cost;
        self.live += crl.record;
        self.crls.insert(crl.copy.url.clone(), crl);
        old
    }

    fn remove_crl(&mut self, url: &str) -> Option<Crl> {
        let old = self.crls.remove(url)?;
        self.held = self.held.saturating_sub(old.cost);
        self.live = self.live.saturating_sub(old.record);
        Some(old)
    }

    fn insert_document(&mut self, key: DocumentKey, slot: Slot) {
        self.remove_document(&key);
        self.held += slot.cost;
        self.live += slot.cost;
        self.documents.insert(key, slot);
    }

    fn remove_document(&mut self, key: &DocumentKey) {
        if let Some(old) = self.documents.remove(key) {
            self.held = self.held.saturating_sub(old.cost);
            self.live = self.live.saturating_sub(old.cost);
        }
    }
}

impl Crl {
    fn record(&self) -> Record<'_> {
        let (id, crc) = self.body.identity();
        Record::Crl(CrlRecord {
            url: Cow::Borrowed(&self.copy.url),
            id,
            size: self.copy.size,
            crc,
            validators: self.copy.validators.clone(),
            fetched_at: self.copy.fetched_at,
            fresh_until: self.copy.fresh_until,
        })
    }
}

impl Place {
    /// The document; `None` when it is damaged.
    pub(super) fn read(&self) -> Result<Option<Document<'static>>, CacheError> {
        let framed = self.framed().map_err(|error| DiskError::Io { path: LOG.into(), error })?;
        Ok(framed.and_then(|framed| match log::record(&framed)? {
            Record::Document(document) => Some(document.into_owned()),
            _ => None,
        }))
    }

    fn framed(&self) -> io::Result<Option<Cow<'_, [u8]>>> {
        match self {
            Self::Memory(framed) => Ok(Some(Cow::Borrowed(framed))),
            Self::Log(file, span) => {
                // The span was read or written by this process, so it is no larger than a record.
                let mut framed = vec![0; FRAME + span.length as usize];
                match file.read_exact_at(&mut framed, span.offset) {
                    Ok(()) => Ok(Some(Cow::Owned(framed))),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    }

    fn offset(&self) -> u64 {
        match self {
            Self::Log(_, span) => span.offset,
            Self::Memory(_) => 0,
        }
    }
}

/// Adds a frame; its span counts from the beginning of `frames`.
fn append(record: &Record<'_>, frames: &mut Vec<u8>) -> Result<Span, CacheError> {
    let offset = frames.len() as u64;
    let length = log::append(record, frames).map_err(|error| DiskError::Io { path: LOG.into(), error })?;
    Ok(Span { offset, length })
}

/// Opens a plain file. `None`: nothing is there, or something else that a rewrite may replace.
fn open_plain(path: &Path, options: &OpenOptions) -> io::Result<Option<File>> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => options.open(path).map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
