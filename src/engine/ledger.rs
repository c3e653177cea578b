//! The targets of one source as its runner keeps them: buckets of about a thousand, filled in the order of arrival.
//!
//! A bucket that is full and unchanged is never touched or rendered again, so work follows what changed and a first scan
//! renders every target once.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::interner::Interner;
use super::store::{Bucket, Entry};
use crate::assess::{TargetEvent, carry};
use crate::model::options::Labels;
use crate::model::{Circumstances, FailureFacts, Place, Related, Render, RevocationView, SourceHeader, Stamp, TargetState, UnixTime};

const BUCKET: usize = 1_000;

/// A source's targets, mutable.
pub(super) struct Ledger {
    header: Arc<SourceHeader>,
    render: Arc<dyn Render>,
    buckets: Vec<Shelf>,
    /// Key of a place to where it stands. The key is the place's hash, or the next number that is free.
    index: HashMap<u64, Slot, BuildHasherDefault<Unhashed>>,
    /// Keys of what the scan under way has seen.
    seen: Vec<u64>,
    scanning: bool,
    hidden: usize,
    /// Some place has another key than its hash.
    displaced: bool,
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
    pub(super) unowned: u64,
}

/// Bucket and position in it.
#[derive(Clone, Copy)]
struct Slot {
    bucket: u32,
    at: u32,
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
            scanning: false,
            hidden: 0,
            displaced: false,
            interner: Interner::default(),
            totals: Totals::default(),
        }
    }

    /// The target at a place.
    pub(super) fn get(&self, place: &Place) -> Option<&Arc<TargetState>> {
        self.find(place).ok().map(|slot| &self.entry(slot).state)
    }

    /// Whether the place is known with this stamp; then it counts as seen.
    pub(super) fn is_unchanged(&mut self, place: &Place, stamp: Stamp) -> bool {
        let Ok(slot) = self.find(place) else { return false };
        let entry = self.entry(slot);
        let (key, unchanged) = (entry.key, entry.state.stamp == Some(stamp));
        if unchanged {
            self.see(key);
        }
        unchanged
    }

    /// A scan begins: nothing has been seen yet.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
        self.scanning = true;
    }

    /// The scan has ended: what is seen from now on was not seen by it.
    pub(super) fn end(&mut self) {
        self.seen = Vec::new();
        self.scanning = false;
    }

    /// Puts a target in, in place of its former state, and counts it as seen.
    pub(super) fn put(&mut self, state: TargetState) -> Applied {
        let found = self.find(&state.place);
        let key = found.map_or_else(|free| free, |slot| self.entry(slot).key);
        self.see(key);
        self.replace(found, state)
    }

    fn see(&mut self, key: u64) {
        if self.scanning {
            self.seen.push(key);
        }
    }

    /// Takes one target out.
    pub(super) fn remove(&mut self, place: &Place) {
        if let Ok(slot) = self.find(place) {
            let key = self.entry(slot).key;
            self.drop_of_bucket(slot.bucket, &|entry| entry.key != key);
            self.rekey_if_displaced();
        }
    }

    /// Of all targets only these stay. Returns how many are gone.
    pub(super) fn retain(&mut self, is_kept: &mut dyn FnMut(&Place) -> bool) -> usize {
        let gone: Vec<Place> = self.targets().filter(|target| !is_kept(&target.place)).map(|target| target.place.clone()).collect();
        let keys: HashSet<u64> = gone.iter().filter_map(|place| self.find(place).ok()).map(|slot| self.entry(slot).key).collect();
        if !keys.is_empty() {
            self.drop_all(&|entry| !keys.contains(&entry.key));
        }
        keys.len()
    }

    /// Gives a target other labels and circumstances.
    pub(super) fn describe(
        &mut self,
        place: &Place,
        labels: Option<Arc<Labels>>,
        circumstances: Option<Arc<Circumstances>>,
        revocation: &dyn RevocationView,
        now: UnixTime,
    ) {
        let Ok(slot) = self.find(place) else { return };
        let state = &self.entry(slot).state;
        if state.labels == labels && state.circumstances == circumstances {
            return;
        }
        let event = TargetEvent::Described(labels, circumstances);
        let state = carry(Some(state), event, revocation, &self.header, now);
        if let Some(state) = state {
            self.replace(Ok(slot), state);
        }
    }

    /// Gives a target what other places say about it. Returns it as it was and as it is, when that changed anything.
    pub(super) fn relate(
        &mut self,
        place: &Place,
        related: Option<Arc<Related>>,
        revocation: &dyn RevocationView,
        now: UnixTime,
    ) -> Option<(Arc<TargetState>, Arc<TargetState>)> {
        let slot = self.find(place).ok()?;
        let before = self.entry(slot).state.clone();
        if before.related == related {
            return None;
        }
        let after = carry(Some(&before), TargetEvent::Related(related), revocation, &self.header, now)?;
        self.replace(Ok(slot), after);
        Some((before, self.entry(slot).state.clone()))
    }

    /// Judges everything anew: the settings may be others than those that it was judged by.
    pub(super) fn judge_all(&mut self, revocation: &dyn RevocationView, now: UnixTime) {
        let header = self.header.clone();
        self.each_changed(|state| {
            let after = carry(Some(state), TargetEvent::TimePassed, revocation, &header, now);
            after.filter(|after| after.report != state.report)
        });
    }

    /// Ends a complete scan: drops what was not seen. Returns how many.
    pub(super) fn sweep(&mut self) -> usize {
        let mut seen = std::mem::take(&mut self.seen);
        seen.sort_unstable();
        let gone = self.drop_all(&|entry| seen.binary_search(&entry.key).is_ok());
        self.interner.shrink();
        gone
    }

    fn drop_all(&mut self, is_kept: &dyn Fn(&Entry) -> bool) -> usize {
        let gone = (0..self.buckets.len() as u32).map(|bucket| self.drop_of_bucket(bucket, is_kept)).sum();
        if gone > 0 {
            self.rekey_if_displaced();
        }
        gone
    }

    /// Drops what is not kept of one bucket. Returns how many.
    fn drop_of_bucket(&mut self, bucket: u32, is_kept: &dyn Fn(&Entry) -> bool) -> usize {
        let shelf = &mut self.buckets[bucket as usize];
        if shelf.entries.iter().all(is_kept) {
            return 0;
        }
        shelf.dirty = true;
        let entries = Arc::make_mut(&mut shelf.entries);
        let before = entries.len();
        entries.retain(|entry| {
            let kept = is_kept(entry);
            if !kept {
                self.totals.take(entry, &self.header);
                self.hidden -= usize::from(entry.hidden);
                self.index.remove(&entry.key);
            }
            kept
        });
        for (at, entry) in (0..).zip(entries.iter()) {
            self.index.insert(entry.key, Slot { bucket, at });
        }
        before - entries.len()
    }

    fn rekey_if_displaced(&mut self) {
        if self.displaced {
            self.rekey();
        }
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
    pub(super) fn reassess(&mut self, revocation: &dyn RevocationView, now: UnixTime) {
        let header = self.header.clone();
        self.each_changed(|state| {
            let is_due = state.report.due.is_some_and(|due| due <= now);
            is_due.then(|| carry(Some(state), TargetEvent::TimePassed, revocation, &header, now)).flatten()
        });
    }

    /// Judges anew what a view of the revocation service is about. One that says the same as before changes nothing.
    pub(super) fn follow(&mut self, revocation: &dyn RevocationView, now: UnixTime) {
        let header = self.header.clone();
        self.each_changed(|state| {
            let content = &state.content;
            let is_about =
                content.certificates.iter().any(|facts| facts.lookup.is_some() && revocation.answers(&facts.fingerprint).is_some())
                    || content.crls.iter().any(|list| revocation.checked(&list.fingerprint).is_some())
                    || content.responses.iter().any(|response| revocation.checked(&response.fingerprint).is_some());
            let after = is_about.then(|| carry(Some(state), TargetEvent::TimePassed, revocation, &header, now)).flatten();
            after.filter(|after| after.report != state.report)
        });
    }

    /// The source has failed for longer than it retains: certificates go, the failure stays.
    pub(super) fn forget_certificates(&mut self, failure: &FailureFacts) {
        self.each_changed(|state| {
            is_bundle(state).then(|| TargetState {
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

    /// Whether anything changed since it was last published.
    pub(super) fn is_dirty(&self) -> bool {
        self.buckets.iter().any(|shelf| shelf.dirty)
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

    /// Where the place stands, or the key that it would get.
    fn find(&self, place: &Place) -> Result<Slot, u64> {
        let mut key = place.hash64();
        while let Some(slot) = self.index.get(&key) {
            if self.entry(*slot).state.place == *place {
                return Ok(*slot);
            }
            key = key.wrapping_add(1);
        }
        Err(key)
    }

    fn entry(&self, slot: Slot) -> &Entry {
        &self.buckets[slot.bucket as usize].entries[slot.at as usize]
    }

    fn replace(&mut self, found: Result<Slot, u64>, state: TargetState) -> Applied {
        let series = u32::try_from(self.render.series(&self.header, &state)).unwrap_or(u32::MAX);
        let former = found.ok().map(|slot| self.entry(slot).clone());
        if let Some(former) = &former {
            self.totals.take(former, &self.header);
            self.hidden -= usize::from(former.hidden);
        }
        let hidden = self.totals.series + u64::from(series) > self.header.options.max_series;
        let key = former.as_ref().map_or_else(|| found.err().unwrap_or_default(), |former| former.key);
        let entry = Entry { key, state: Arc::new(state), series, hidden };
        self.totals.add(&entry, &self.header);
        self.hidden += usize::from(hidden);
        let newly_hidden = hidden && !former.as_ref().is_some_and(|former| former.hidden);
        match found {
            Ok(slot) => {
                // A scan that finds what is known changes nothing, so nothing is rendered anew.
                let same = former.is_some_and(|former| former.hidden == hidden && *former.state == *entry.state);
                if !same {
                    let shelf = &mut self.buckets[slot.bucket as usize];
                    shelf.dirty = true;
                    Arc::make_mut(&mut shelf.entries)[slot.at as usize] = entry;
                }
            }
            Err(key) => {
                self.displaced |= key != entry.state.place.hash64();
                self.push(entry);
            }
        }
        Applied { dropped: if newly_hidden { u64::from(series) } else { 0 } }
    }

    fn push(&mut self, entry: Entry) {
        if self.buckets.last().is_none_or(|shelf| shelf.entries.len() >= BUCKET) {
            self.buckets.push(Shelf::default());
        }
        let bucket = self.buckets.len() - 1;
        let shelf = &mut self.buckets[bucket];
        shelf.dirty = true;
        self.index.insert(entry.key, Slot { bucket: bucket as u32, at: shelf.entries.len() as u32 });
        Arc::make_mut(&mut shelf.entries).push(entry);
    }

    /// Gives every place the key that [`Ledger::find`] looks under first, now that others have gone.
    fn rekey(&mut self) {
        self.index.clear();
        self.displaced = false;
        for bucket in 0..self.buckets.len() {
            for at in 0..self.buckets[bucket].entries.len() {
                let place = &self.buckets[bucket].entries[at].state.place;
                let (hash, Err(key)) = (place.hash64(), self.find(place)) else { continue };
                self.displaced |= key != hash;
                Arc::make_mut(&mut self.buckets[bucket].entries)[at].key = key;
                self.index.insert(key, Slot { bucket: bucket as u32, at: at as u32 });
            }
        }
    }

    fn each_changed(&mut self, change: impl Fn(&TargetState) -> Option<TargetState>) {
        for bucket in 0..self.buckets.len() {
            for at in 0..self.buckets[bucket].entries.len() {
                let entry = &self.buckets[bucket].entries[at];
                if let Some(state) = change(&entry.state) {
                    self.replace(Ok(Slot { bucket: bucket as u32, at: at as u32 }), state);
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
                self.push(entry.clone());
            }
        }
    }
}

impl Totals {
    fn add(&mut self, entry: &Entry, header: &SourceHeader) {
        let state = &entry.state;
        self.targets += 1;
        self.bundles += u64::from(is_bundle(state));
        self.unowned += u64::from(state.is_unowned(&header.options));
        self.certificates += state.content.certificates.len() as u64;
        self.series += if entry.hidden { 0 } else { u64::from(entry.series) };
    }

    fn take(&mut self, entry: &Entry, header: &SourceHeader) {
        let state = &entry.state;
        self.targets -= 1;
        self.bundles -= u64::from(is_bundle(state));
        self.unowned -= u64::from(state.is_unowned(&header.options));
        self.certificates -= state.content.certificates.len() as u64;
        self.series -= if entry.hidden { 0 } else { u64::from(entry.series) };
    }
}

fn is_bundle(state: &TargetState) -> bool {
    !state.content.certificates.is_empty() || !state.content.crls.is_empty() || !state.content.responses.is_empty()
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
