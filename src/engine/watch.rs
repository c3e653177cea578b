//! One source under watch: its ledger, its status, and their publication.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ledger::Ledger;
use super::related;
use super::relating::Board;
use super::renewals::Renewals;
use super::store::{Bucket, SnapshotStore, SourceState};
use crate::model::{Clock, Events, Render, Revocations, Shard, SourceHeader, SourceId, SourceStatus, TargetState};

/// What the engine works with, injected by `app`.
#[derive(Clone)]
pub struct Parts {
    /// Where snapshots go.
    pub store: Arc<SnapshotStore>,
    /// Turns state into exposition fragments.
    pub render: Arc<dyn Render>,
    /// Counts what happens.
    pub events: Arc<dyn Events>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Knows what became of certificates.
    pub revocations: Arc<dyn Revocations>,
    /// The part of all places that this process looks at.
    pub shard: Shard,
    /// What other places say about targets.
    pub board: Arc<Board>,
    /// Renewals that have been told.
    pub renewals: Arc<Renewals>,
}

/// One source under watch.
pub(super) struct Watch {
    pub(super) header: Arc<SourceHeader>,
    pub(super) parts: Parts,
    ledger: Mutex<Ledger>,
    status: Mutex<SourceStatus>,
    /// One publication at a time, so that an older one never overtakes a newer one. True: there are to be none any more.
    publishing: Mutex<bool>,
    revocations: AtomicU64,
    /// The latest round could not list the source.
    pub(super) unlisted: AtomicBool,
}

impl Watch {
    /// A source with what is known of it from before.
    pub(super) fn new(header: SourceHeader, parts: Parts, known: Vec<TargetState>) -> Self {
        let header = Arc::new(header);
        let mut ledger = Ledger::new(header.clone(), parts.render.clone());
        for state in known.into_iter().filter(|state| parts.shard.holds(&state.place)) {
            ledger.put(state);
        }
        Self {
            header,
            parts,
            ledger: Mutex::new(ledger),
            status: Mutex::default(),
            publishing: Mutex::default(),
            revocations: AtomicU64::new(0),
            unlisted: AtomicBool::new(false),
        }
    }

    pub(super) fn id(&self) -> &SourceId {
        &self.header.id
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(super) fn status(&self) -> MutexGuard<'_, SourceStatus> {
        lock(&self.status)
    }

    /// Everything known, for the source's successor after a reload.
    pub(super) fn known(&self) -> Vec<TargetState> {
        self.ledger().targets().map(|target| TargetState::clone(target)).collect()
    }

    /// Publishes nothing more: a successor does. Waits for a publication under way; call it off the async threads.
    pub(super) fn close(&self) {
        *lock(&self.publishing) = true;
    }

    /// The generation of the revocation service's view that was last followed.
    pub(super) fn revocations_known(&self) -> u64 {
        self.revocations.load(Ordering::Acquire)
    }

    /// Judges anew by the newest view of the revocation service, and publishes what that changed.
    pub(super) fn follow(&self) {
        let view = self.parts.revocations.load();
        // First, so that a newer one that comes meanwhile is followed again.
        self.revocations.store(view.generation(), Ordering::Release);
        self.ledger().follow(&*view, self.parts.clock.now().into());
        if self.ledger().is_dirty() {
            self.publish();
        }
    }

    /// Takes in what other places say about targets, and logs what that changes.
    fn hear(&self) {
        let told = self.parts.board.take(self.id());
        if told.is_empty() {
            return;
        }
        let (view, now) = (self.parts.revocations.load(), self.parts.clock.now().into());
        let mut changed = Vec::new();
        for (place, related) in told {
            changed.extend(self.ledger().relate(&place, related, &*view, now));
        }
        related::log(self.id(), &changed);
    }

    /// Renders what changed and swaps it in. Takes as long as the rendering; call it off the async threads.
    pub(super) fn publish(&self) {
        let is_over = lock(&self.publishing);
        if *is_over {
            return;
        }
        // Before the targets: a scan that ends while they are rendered has ended only for the publication after this one.
        let mut status = self.status().clone();
        self.hear();
        let (dirty, totals) = {
            let mut ledger = self.ledger();
            (ledger.take_dirty(), ledger.totals)
        };
        let rendered: Vec<(usize, Bucket)> = dirty.into_iter().map(|bucket| bucket.render(&self.header, &*self.parts.render)).collect();
        let buckets = {
            let mut ledger = self.ledger();
            let clashes: u64 = rendered.into_iter().map(|bucket| ledger.publish(bucket)).sum();
            if clashes > 0 {
                self.parts.events.collisions(self.id(), clashes);
            }
            ledger.published()
        };
        (status.targets, status.bundles, status.certificates) = (totals.targets, totals.bundles, totals.certificates);
        status.unowned = totals.unowned;
        let rendered = self.parts.render.source(&self.header, &status);
        self.parts.store.publish(SourceState { header: self.header.clone(), status, buckets, rendered });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
