//! The second pass at work: follows snapshots, has [`assess::relate`](crate::assess::relate) say what they say together, and hands each target's
//! part to the source that keeps it. Everything slow runs on threads for blocking work; a scrape waits for none of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::warn;

use super::watch::Parts;
use crate::assess::relate::{Outcome, Relate};
use crate::model::relations::{Above, Hanging, Verifies};
use crate::model::{Place, Related, SnapshotView, SourceId, TrustQueries, UnixTime};

/// How often a new snapshot is looked for.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

/// What other places say about targets of one source; `None`: nothing.
pub(super) type Told = HashMap<Place, Option<Arc<Related>>>;

/// What other places say about targets, on its way to the sources that keep them.
#[derive(Debug)]
pub struct Board {
    post: Mutex<HashMap<SourceId, Told>>,
    posted: watch::Sender<u64>,
}

impl Default for Board {
    fn default() -> Self {
        Self { post: Mutex::default(), posted: watch::Sender::new(0) }
    }
}

impl Board {
    fn put(&self, told: Vec<(SourceId, Place, Option<Arc<Related>>)>) {
        if told.is_empty() {
            return;
        }
        let mut post = lock(&self.post);
        for (source, place, related) in told {
            post.entry(source).or_default().insert(place, related);
        }
        drop(post);
        self.posted.send_modify(|number| *number += 1);
    }

    /// Takes what there is for a source.
    pub(super) fn take(&self, source: &SourceId) -> Told {
        lock(&self.post).remove(source).unwrap_or_default()
    }

    /// Waits until there is something for a source. Cancel safe.
    pub(super) async fn posted(&self, source: &SourceId) {
        let mut posted = self.posted.subscribe();
        while !lock(&self.post).contains_key(source) {
            if posted.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Relates all sources to each other.
pub struct Relating {
    core: Arc<Mutex<Relate>>,
    fresh: Box<dyn Fn() -> Relate + Send + Sync>,
    parts: Parts,
}

impl Relating {
    /// Has seen nothing yet. `fresh` makes what relates.
    pub fn new(fresh: impl Fn() -> Relate + Send + Sync + 'static, parts: Parts) -> Self {
        Self { core: Arc::new(Mutex::new(fresh())), fresh: Box::new(fresh), parts }
    }

    /// Whom to ask what hangs on what.
    pub fn queries(&self) -> Arc<dyn TrustQueries> {
        Arc::new(Queries(self.core.clone()))
    }

    /// Works for ever. Cancel safe: what is cut off is said again.
    pub async fn run(&self) {
        let (mut followed, mut due, mut unfinished) = (None, None, false);
        loop {
            let snapshot = self.parts.store.load();
            let now = UnixTime::from(self.parts.clock.now());
            let is_due = unfinished || followed != Some(snapshot.generation) || due.is_some_and(|due| due <= now);
            // Before every source has been scanned most places are missing, and everything would seem unknown; after a reload too.
            let is_scanned = snapshot.ready() && snapshot.sources.values().all(|source| source.status.up.is_some());
            if is_scanned && is_due {
                followed = Some(snapshot.generation);
                (due, unfinished) = match self.pass(snapshot).await {
                    Some(outcome) => {
                        let next = (outcome.due, outcome.unfinished);
                        self.deliver(outcome);
                        next
                    }
                    None => (None, false),
                };
            }
            tokio::time::sleep(FOLLOW_EVERY).await;
        }
    }

    /// One pass over what is known now, for whoever looks only once.
    pub async fn once(&self) {
        if let Some(outcome) = self.pass(self.parts.store.load()).await {
            self.deliver(outcome);
        }
    }

    async fn pass(&self, snapshot: Arc<super::store::Snapshot>) -> Option<Outcome> {
        let (core, now) = (self.core.clone(), UnixTime::from(self.parts.clock.now()));
        let passed = tokio::task::spawn_blocking(move || lock(&core).pass(snapshot, now)).await;
        if passed.is_err() {
            warn!("relating places failed: a defect of this program, caught; it begins anew; please report it");
            *lock(&self.core) = (self.fresh)();
        }
        passed.ok()
    }

    fn deliver(&self, outcome: Outcome) {
        self.parts.board.put(outcome.told);
        if let Some(relations) = outcome.relations.filter(|relations| relations != self.parts.store.load().relations()) {
            let rendered = self.parts.render.relations(&relations);
            self.parts.store.publish_relations(relations, rendered);
        }
    }
}

struct Queries(Arc<Mutex<Relate>>);

impl TrustQueries for Queries {
    fn hanging(&self, authority: &[u8; 32], after: Option<(UnixTime, [u8; 32])>, limit: usize) -> Option<Hanging> {
        lock(&self.0).hanging(authority, after, limit)
    }

    fn verifies(&self, certificate: &[u8; 32], source: &str, place: &str) -> Option<Verifies> {
        lock(&self.0).verifies(certificate, source, place)
    }

    fn above(&self, certificate: &[u8; 32]) -> Option<Above> {
        lock(&self.0).above(certificate)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
