//! The targets of one source as its runner keeps them: buckets of about a thousand, filled in the order of arrival.
//!
//! A bucket that is full and unchanged is never touched or rendered again, so work follows what changed and a first scan
//! renders every target once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::interner::Interner;
use super::store::{Bucket, Entry};
use crate::assess::{TargetEvent, carry};
use crate::model::{FailureFacts, Place, Render, SourceHeader, Stamp, TargetState, UnixTime};

const BUCKET: usize = 1_000;

/// A source's targets, mutable.
pub(super) struct Ledger {
    header: Arc<SourceHeader>,
    render: Arc<dyn Render>,
    buckets: Vec<Shelf>,
    /// Hash of a place to its bucket. Places of equal hash share a bucket.
    index: HashMap<u64, u32, BuildHasherDefault<Unhashed>>,
    seen: Vec<u64>,
    hidden: usize,
    pub(super) interner: Interner,
    pub(super) totals: Totals,
}

/// Sums over all targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) targets: u64,
    pub(super) bundles: u64,
    pub(super) certificates: u64,
    pub(super) series: u64,
}

/// One bucket at work.
#[derive(Default)]
struct Shelf {
    entries: Arc<Vec<Entry>>,
    dirty: bool,
    due: Option<UnixTime>,
    published: Option<Arc<Bucket>>,
}

/// A bucket to be rendered.
pub(super) struct Dirty {
    index: usize,
    entries: Arc<Vec<Entry>>,
}

/// What a change did to the source's series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Applied {
    /// Series newly left out because of the cap.
    pub(super) dropped: u64,
}

impl Ledger {
    pub(super) fn new(header: Arc<SourceHeader>, render: Arc<dyn Render>) -> Self {
        Self {
            header,
            render,
            buckets: Vec::new(),
            index: HashMap::default(),
            seen: Vec::new(),
            hidden: 0,
            interner: Interner::default(),
            totals: Totals::default(),
        }
    }

    /// The target at a place.
    pub(super) fn get(&self, place: &Place) -> Option<&Arc<TargetState>> {
        let (bucket, at) = self.find(place, place.hash64())?;
        Some(&self.buckets[bucket].entries[at].state)
    }

    /// Whether the place is known with this stamp; then it counts as seen.
    pub(super) fn is_unchanged(&mut self, place: &Place, stamp: Stamp) -> bool {
        let hash = place.hash64();
        let Some((bucket, at)) = self.find(place, hash) else { return false };
        let unchanged = self.buckets[bucket].entries[at].state.stamp == Some(stamp);
        if unchanged {
            self.seen.push(hash);
        }
        unchanged
    }

    /// A scan begins: nothing has been seen yet.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
    }

    /// Puts a target in, in place of its former state, and counts it as seen.
    pub(super) fn put(&mut self, state: TargetState) -> Applied {
        let hash = state.place.hash64();
        self.seen.push(hash);
        self.replace(hash, state)
    }

    /// Ends a complete scan: drops what was not seen. Returns how many.
    pub(super) fn sweep(&mut self) -> usize {
        let mut seen = std::mem::take(&mut self.seen);
        seen.sort_unstable();
        let mut gone = 0;
        for shelf in &mut self.buckets {
            let is_kept = |entry: &Entry| seen.binary_search(&entry.hash).is_ok();
            if shelf.entries.iter().all(is_kept) {
                continue;
            }
            shelf.dirty = true;
            let entries = Arc::make_mut(&mut shelf.entries);
            entries.retain(|entry| {
                let kept = is_kept(entry);
                if !kept {
                    gone += 1;
                    self.totals.take(entry);
                    self.hidden -= usize::from(entry.hidden);
                    self.index.remove(&entry.hash);
                }
                kept
            });
        }
        // Entries of equal hash share the index slot of the one that stayed.
        for (bucket, shelf) in self.buckets.iter().enumerate() {
            if gone > 0 && shelf.dirty {
                for entry in shelf.entries.iter() {
                    self.index.insert(entry.hash, bucket as u32);
                }
            }
        }
        self.interner.shrink();
        gone
    }

    /// Gives room that has become free to targets that the cap had left out.
    pub(super) fn admit(&mut self) {
        if self.hidden == 0 {
            return;
        }
        let room = self.header.options.max_series;
        for shelf in &mut self.buckets {
            for at in 0..shelf.entries.len() {
                let entry = &shelf.entries[at];
                if entry.hidden && self.totals.series + u64::from(entry.series) <= room {
                    self.totals.series += u64::from(entry.series);
                    self.hidden -= 1;
                    shelf.dirty = true;
                    Arc::make_mut(&mut shelf.entries)[at].hidden = false;
                }
            }
        }
    }

    /// When the passing of time next changes a report.
    pub(super) fn due(&self) -> Option<UnixTime> {
        self.buckets.iter().filter_map(|shelf| shelf.due).min()
    }

    /// Judges anew what is due by `now`.
    pub(super) fn reassess(&mut self, now: UnixTime) {
        self.each_changed(|state| {
            let is_due = state.report.due.is_some_and(|due| due <= now);
            is_due.then(|| carry(Some(state), TargetEvent::TimePassed, None, now)).flatten()
        });
    }

    /// The source has failed for longer than it retains: certificates go, the failure stays.
    pub(super) fn forget_certificates(&mut self, failure: &FailureFacts) {
        self.each_changed(|state| {
            (!state.content.certificates.is_empty() || !state.content.crls.is_empty()).then(|| TargetState {
                content: Arc::default(),
                endpoint: None,
                report: Default::default(),
                problems: Box::default(),
                failure: Some(state.failure.clone().unwrap_or_else(|| Box::new(failure.clone()))),
                stamp: None,
                ..state.clone()
            })
        });
    }

    /// Takes out the buckets that changed since they were last taken, for rendering.
    ///
    /// Only one publication may be under way: this is also where buckets are refilled, and so renumbered.
    pub(super) fn take_dirty(&mut self) -> Vec<Dirty> {
        self.compact();
        let mut dirty = Vec::new();
        for (index, shelf) in self.buckets.iter_mut().enumerate() {
            if std::mem::take(&mut shelf.dirty) {
                shelf.due = shelf.entries.iter().filter_map(|entry| entry.state.report.due).min();
                dirty.push(Dirty { index, entries: shelf.entries.clone() });
            }
        }
        dirty
    }

    /// Puts a rendered bucket back. Returns the clashes that are new in it.
    pub(super) fn publish(&mut self, bucket: (usize, Bucket)) -> u64 {
        let (index, bucket) = bucket;
        let Some(shelf) = self.buckets.get_mut(index) else { return 0 };
        let before = shelf.published.as_ref().map_or(0, |known| known.rendered.clashes);
        let clashes = bucket.rendered.clashes.saturating_sub(before);
        shelf.published = (!bucket.entries.is_empty()).then(|| Arc::new(bucket));
        clashes
    }

    /// The rendered buckets.
    pub(super) fn published(&self) -> Vec<Arc<Bucket>> {
        self.buckets.iter().filter_map(|shelf| shelf.published.clone()).collect()
    }

    /// Every target.
    pub(super) fn targets(&self) -> impl Iterator<Item = &Arc<TargetState>> {
        self.buckets.iter().flat_map(|shelf| shelf.entries.iter().map(|entry| &entry.state))
    }

    fn find(&self, place: &Place, hash: u64) -> Option<(usize, usize)> {
        let bucket = *self.index.get(&hash)? as usize;
        let entries = &self.buckets.get(bucket)?.entries;
        let first = entries.partition_point(|entry| entry.hash < hash);
        let same = entries[first..].iter().take_while(|entry| entry.hash == hash).position(|entry| entry.state.place == *place)?;
        Some((bucket, first + same))
    }

    fn replace(&mut self, hash: u64, state: TargetState) -> Applied {
        let series = u32::try_from(self.render.series(&self.header, &state)).unwrap_or(u32::MAX);
        let found = self.find(&state.place, hash);
        let former = found.map(|(bucket, at)| self.buckets[bucket].entries[at].clone());
        if let Some(former) = &former {
            self.totals.take(former);
            self.hidden -= usize::from(former.hidden);
        }
        let hidden = self.totals.series + u64::from(series) > self.header.options.max_series;
        let entry = Entry { hash, state: Arc::new(state), series, hidden };
        self.totals.add(&entry);
        self.hidden += usize::from(hidden);
        let newly_hidden = hidden && !former.as_ref().is_some_and(|former| former.hidden);
        match found {
            Some((bucket, at)) => {
                // A scan that finds what is known changes nothing, so nothing is rendered anew.
                let same = former.is_some_and(|former| former.hidden == hidden && *former.state == *entry.state);
                if !same {
                    self.buckets[bucket].dirty = true;
                    Arc::make_mut(&mut self.buckets[bucket].entries)[at] = entry;
                }
            }
            None => self.insert(entry),
        }
        Applied { dropped: if newly_hidden { u64::from(series) } else { 0 } }
    }

    fn insert(&mut self, entry: Entry) {
        let bucket = match self.index.get(&entry.hash) {
            Some(bucket) => *bucket as usize,
            None => {
                if self.buckets.last().is_none_or(|shelf| shelf.entries.len() >= BUCKET) {
                    self.buckets.push(Shelf { entries: Arc::new(Vec::with_capacity(BUCKET.min(16))), ..Shelf::default() });
                }
                self.buckets.len() - 1
            }
        };
        self.index.insert(entry.hash, bucket as u32);
        let shelf = &mut self.buckets[bucket];
        shelf.dirty = true;
        let entries = Arc::make_mut(&mut shelf.entries);
        let at = entries.partition_point(|known| known.hash < entry.hash);
        entries.insert(at, entry);
    }

    fn each_changed(&mut self, change: impl Fn(&TargetState) -> Option<TargetState>) {
        for bucket in 0..self.buckets.len() {
            for at in 0..self.buckets[bucket].entries.len() {
                let entry = &self.buckets[bucket].entries[at];
                if let Some(state) = change(&entry.state) {
                    let hash = entry.hash;
                    self.replace(hash, state);
                }
            }
        }
    }

    /// Refills the buckets when most of their room is empty.
    fn compact(&mut self) {
        let entries: usize = self.buckets.iter().map(|shelf| shelf.entries.len()).sum();
        if self.buckets.len() <= 1 + 2 * entries.div_ceil(BUCKET) {
            return;
        }
        self.index.clear();
        for shelf in std::mem::take(&mut self.buckets) {
            for entry in shelf.entries.iter() {
                self.insert(entry.clone());
            }
        }
    }
}

impl Totals {
    fn add(&mut self, entry: &Entry) {
        let state = &entry.state;
        self.targets += 1;
        self.bundles += u64::from(is_bundle(state));
        self.certificates += state.content.certificates.len() as u64;
        self.series += if entry.hidden { 0 } else { u64::from(entry.series) };
    }

    fn take(&mut self, entry: &Entry) {
        let state = &entry.state;
        self.targets -= 1;
        self.bundles -= u64::from(is_bundle(state));
        self.certificates -= state.content.certificates.len() as u64;
        self.series -= if entry.hidden { 0 } else { u64::from(entry.series) };
    }
}

fn is_bundle(state: &TargetState) -> bool {
    !state.content.certificates.is_empty() || !state.content.crls.is_empty()
}

impl Dirty {
    /// Renders the bucket. The slow part; no lock is held.
    pub(super) fn render(self, header: &SourceHeader, render: &dyn Render) -> (usize, Bucket) {
        let mut shown: Vec<&TargetState> = self.entries.iter().filter(|entry| !entry.hidden).map(|entry| &*entry.state).collect();
        shown.sort_unstable_by(|a, b| a.place.cmp(&b.place));
        let rendered = render.targets(header, &mut shown.into_iter());
        (self.index, Bucket { entries: self.entries, rendered })
    }
}

/// The keys are hashes already.
#[derive(Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
