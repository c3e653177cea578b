//! The published state: one immutable snapshot behind one pointer, swapped, never mutated.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::model::snapshot::{PieceVisitor, SnapshotView, Snapshots};
use crate::model::{Relations, Rendered, Services, SourceHeader, SourceId, SourceStatus, TargetState};

/// All that is known, at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Grows with every publication.
    pub generation: u64,
    /// The sources.
    pub sources: BTreeMap<SourceId, Arc<SourceState>>,
    /// CRLs at URLs and responders.
    pub services: Arc<ServicesState>,
    /// What all sources together say.
    pub relations: Arc<RelationsState>,
    pub(super) ready: bool,
}

/// CRLs at URLs and responders, and their rendering.
#[derive(Debug, Default)]
pub struct ServicesState {
    services: Arc<Services>,
    rendered: Rendered,
}

/// What all sources together say, and its rendering.
#[derive(Debug, Default)]
pub struct RelationsState {
    relations: Relations,
    rendered: Rendered,
}

/// One source, at one moment.
#[derive(Debug)]
pub struct SourceState {
    /// Which source.
    pub header: Arc<SourceHeader>,
    /// The source as a whole.
    pub status: SourceStatus,
    /// Its targets, in buckets of about a thousand.
    pub buckets: Vec<Arc<Bucket>>,
    /// The series of the source itself.
    pub rendered: Rendered,
}

impl SourceState {
    /// How many lines its exposition has.
    pub fn rendered_lines(&self) -> u64 {
        let pieces = std::iter::once(&self.rendered).chain(self.buckets.iter().map(|bucket| &bucket.rendered));
        pieces.flat_map(|rendered| rendered.fragments.iter()).map(|fragment| u64::from(fragment.lines)).sum()
    }

    /// Every target, bucket by bucket.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<TargetState>> {
        self.buckets.iter().flat_map(|bucket| bucket.entries.iter().map(|entry| &entry.state))
    }
}

/// Targets and their rendering; the two change together.
#[derive(Debug)]
pub struct Bucket {
    pub(super) entries: Arc<Vec<Entry>>,
    /// The series of these targets.
    pub rendered: Rendered,
}

/// A target in a bucket.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its number in the ledger's index.
    pub(super) key: u64,
    pub(super) state: Arc<TargetState>,
    /// Series that it makes.
    pub(super) series: u32,
    /// Left out of the exposition because of the source's cap.
    pub(super) hidden: bool,
}

/// Holds the current [`Snapshot`].
#[derive(Debug, Default)]
pub struct SnapshotStore {
    current: ArcSwap<Snapshot>,
    writing: Mutex<()>,
    open: AtomicBool,
}

impl SnapshotStore {
    /// The current snapshot.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Every source of the configuration is in: from now on the snapshot can be ready.
    pub fn open(&self) {
        self.open.store(true, Ordering::Release);
        self.change(|_| ());
    }

    /// CRLs at URLs and responders as they are now, with their series.
    pub fn publish_services(&self, services: Arc<Services>, rendered: Rendered) {
        self.edit(|next| next.services = Arc::new(ServicesState { services, rendered }));
    }

    /// What all sources together say as of now, with its series.
    pub(super) fn publish_relations(&self, relations: Relations, rendered: Rendered) {
        self.edit(|next| next.relations = Arc::new(RelationsState { relations, rendered }));
    }

    pub(super) fn publish(&self, state: SourceState) {
        self.change(|sources| {
            sources.insert(state.header.id.clone(), Arc::new(state));
        });
    }

    pub(super) fn remove(&self, id: &SourceId) {
        self.change(|sources| {
            sources.remove(id);
        });
    }

    fn change(&self, edit: impl FnOnce(&mut BTreeMap<SourceId, Arc<SourceState>>)) {
        self.edit(|next| edit(&mut next.sources));
    }

    fn edit(&self, edit: impl FnOnce(&mut Snapshot)) {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load();
        let (sources, services, relations) = (current.sources.clone(), current.services.clone(), current.relations.clone());
        let mut next = Snapshot { generation: current.generation + 1, sources, services, relations, ready: current.ready };
        edit(&mut next);
        // Ready once every first round has ended; a source that a reload adds does not take it back.
        let every_round_ended = || next.sources.values().all(|source| source.status.up.is_some());
        next.ready = next.ready || (self.open.load(Ordering::Acquire) && every_round_ended());
        self.current.store(Arc::new(next));
    }
}

impl Snapshots for SnapshotStore {
    fn load(&self) -> Arc<dyn SnapshotView> {
        self.current.load_full()
    }
}

impl SnapshotView for Snapshot {
    fn rendered(&self, visit: &mut dyn FnMut(&Rendered)) {
        for source in self.sources.values() {
            visit(&source.rendered);
            source.buckets.iter().for_each(|bucket| visit(&bucket.rendered));
        }
        visit(&self.services.rendered);
        visit(&self.relations.rendered);
    }

    fn sources<'a>(&'a self, visit: &mut dyn FnMut(&'a SourceHeader, &'a SourceStatus)) {
        self.sources.values().for_each(|source| visit(&source.header, &source.status));
    }

    fn targets<'a>(&'a self, source: &SourceId, visit: &mut dyn FnMut(&'a TargetState)) {
        self.sources.get(source).into_iter().flat_map(|source| source.targets()).for_each(|target| visit(target));
    }

    fn pieces<'a>(&'a self, source: &SourceId, visit: PieceVisitor<'_, 'a>) {
        for bucket in self.sources.get(source).into_iter().flat_map(|source| &source.buckets) {
            // The entries' address: a bucket that is only rendered anew keeps them.
            visit(Arc::as_ptr(&bucket.entries).addr(), &mut bucket.entries.iter().map(|entry| &entry.state));
        }
    }

    fn services(&self) -> &Services {
        &self.services.services
    }

    fn relations(&self) -> &Relations {
        &self.relations.relations
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn ready(&self) -> bool {
        self.ready
    }
}
