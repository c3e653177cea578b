//! The overview's figures, kept from one snapshot to the next: what a page costs follows what has changed, and not what is watched.
//!
//! Each piece of a source is looked through once and remembered by its number; a snapshot with one changed piece takes one look at a thousand
//! targets and a merge of what is remembered. It is made by the first request that asks for a newer snapshot, on a thread for blocking work and
//! once for all that ask meanwhile. While somebody looks, [`Digests::keep`] has the newest ready; when nobody has looked for a while, it lets
//! everything go, with the snapshot that numbers are only good for as long as it is held.

mod merge;
mod piece;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::model::{Clock, SnapshotView, Snapshots, SourceHeader, SourceId, UnixTime};

pub use merge::{Overview, Wrongs};
use piece::Piece;
pub use piece::{End, Ending, NAMED, Named};

/// How long after the last request the newest overview is kept ready.
const WATCHED_FOR: Duration = Duration::from_secs(120);
/// How long after the last request everything is let go.
const KEPT_FOR: Duration = Duration::from_secs(300);
/// How often it is made anew meanwhile.
const EVERY: Duration = Duration::from_secs(2);

/// What is kept for the overview.
#[derive(Default)]
pub struct Digests {
    newest: ArcSwapOption<Overview>,
    /// Whose turn it is to make a newer one.
    turn: tokio::sync::Mutex<()>,
    kept: Mutex<Kept>,
    /// When an overview was last asked for, by the clock that never goes back, in seconds and one more; 0: never.
    asked_at: AtomicU64,
}

/// The pieces of the snapshot that was looked through last.
#[derive(Default)]
struct Kept {
    /// Numbers of pieces are good for as long as this is held.
    view: Option<Arc<dyn SnapshotView>>,
    sources: BTreeMap<SourceId, KeptSource>,
}

struct KeptSource {
    /// Another configuration judges, and shows, otherwise.
    header: SourceHeader,
    pieces: HashMap<usize, Arc<Piece>>,
}

impl Digests {
    /// The overview of the newest snapshot. `None`: a defect of this program, caught.
    pub async fn overview(self: &Arc<Self>, snapshots: &Arc<dyn Snapshots>, clock: &dyn Clock) -> Option<Arc<Overview>> {
        self.asked_at.store(clock.monotonic().as_secs() + 1, Ordering::Relaxed);
        self.newest(snapshots, clock.now().into()).await
    }

    async fn newest(self: &Arc<Self>, snapshots: &Arc<dyn Snapshots>, now: UnixTime) -> Option<Arc<Overview>> {
        if let Some(ready) = self.ready(snapshots) {
            return Some(ready);
        }
        let _turn = self.turn.lock().await;
        if let Some(ready) = self.ready(snapshots) {
            return Some(ready);
        }
        let (this, view) = (self.clone(), snapshots.load());
        let (overview, replaced) = tokio::task::spawn_blocking(move || this.follow(view, now)).await.ok()?;
        // It may be the last to hold a snapshot of everything, and taking that apart takes longer than the overview: nobody waits for it.
        drop(tokio::task::spawn_blocking(move || drop(replaced)));
        Some(overview)
    }

    fn ready(&self, snapshots: &Arc<dyn Snapshots>) -> Option<Arc<Overview>> {
        let generation = snapshots.load().generation();
        self.newest.load_full().filter(|overview| overview.generation == generation)
    }

    /// The overview of a snapshot, and what was kept before, for whoever has time to let go of it.
    fn follow(&self, view: Arc<dyn SnapshotView>, now: UnixTime) -> (Arc<Overview>, (Kept, Option<Arc<Overview>>)) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = kept.follow(view.clone(), now);
        let overview = Arc::new(kept.merge(view.generation()));
        let before = self.newest.swap(Some(overview.clone()));
        (overview, (replaced, before))
    }

    /// Works for ever: keeps the newest overview ready while somebody looks, and lets it go when nobody does. Cancel safe.
    pub async fn keep(self: &Arc<Self>, snapshots: &Arc<dyn Snapshots>, clock: &dyn Clock) {
        loop {
            tokio::time::sleep(EVERY).await;
            let asked_at = self.asked_at.load(Ordering::Relaxed);
            let silent_for = Duration::from_secs((clock.monotonic().as_secs() + 1).saturating_sub(asked_at));
            if asked_at > 0 && silent_for < WATCHED_FOR {
                let _ = self.newest(snapshots, clock.now().into()).await;
            } else if asked_at > 0 && silent_for > KEPT_FOR {
                self.let_go();
            }
        }
    }

    fn let_go(&self) {
        self.newest.store(None);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }
}

impl Kept {
    /// Looks through the pieces that are not known yet. Gives what was kept before.
    fn follow(&mut self, view: Arc<dyn SnapshotView>, now: UnixTime) -> Self {
        let before = std::mem::take(self);
        let mut headers: Vec<&SourceHeader> = Vec::new();
        view.sources(&mut |header, _| headers.push(header));
        for header in headers {
            let known = before.sources.get(&header.id).filter(|known| known.header == *header).map(|known| &known.pieces);
            let mut pieces = HashMap::with_capacity(known.map_or(0, HashMap::len));
            view.pieces(&header.id, &mut |number, targets| {
                let piece =
                    known.and_then(|known| known.get(&number)).cloned().unwrap_or_else(|| Arc::new(Piece::of(header, targets, now)));
                pieces.insert(number, piece);
            });
            self.sources.insert(header.id.clone(), KeptSource { header: header.clone(), pieces });
        }
        self.view = Some(view);
        before
    }

    fn merge(&self, generation: u64) -> Overview {
        let of_each = self.sources.iter().map(|(id, source)| (id, source.pieces.values().map(|piece| &**piece).collect::<Vec<_>>()));
        Overview::of(generation, of_each)
    }
}
