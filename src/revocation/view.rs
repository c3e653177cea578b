//! What the service publishes: an immutable view in shards, so that a change copies only what lies beside it.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::core::Core;
use crate::model::revocation::Asked;
use crate::model::{Answers, BoxFuture, FindingSet, RevocationView, Revocations, Services};

const SHARDS: usize = 1024;

/// Fingerprints are hashes already.
type ByFingerprint<V> = HashMap<[u8; 32], V, BuildHasherDefault<FirstBytes>>;

/// One view.
#[derive(Clone, Debug)]
pub struct View {
    shards: Arc<[Arc<ByFingerprint<Answers>>]>,
    checked: Arc<HashMap<[u8; 32], FindingSet>>,
    services: Arc<Services>,
    generation: u64,
}

impl Default for View {
    fn default() -> Self {
        let empty: Arc<ByFingerprint<Answers>> = Arc::default();
        Self { shards: vec![empty; SHARDS].into(), checked: Arc::default(), services: Arc::default(), generation: 0 }
    }
}

/// What changes from one view to the next.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// `None`: the certificate is watched no more.
    pub(super) answers: Vec<([u8; 32], Option<Answers>)>,
    pub(super) checked: Option<HashMap<[u8; 32], FindingSet>>,
    pub(super) services: Option<Services>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.checked.is_none() && self.services.is_none()
    }
}

impl View {
    pub(super) fn has_checked(&self, checked: &HashMap<[u8; 32], FindingSet>) -> bool {
        *self.checked == *checked
    }

    pub(super) fn changed(&self, mut changes: Changes) -> Self {
        let mut shards = self.shards.to_vec();
        changes.answers.sort_unstable_by_key(|(fingerprint, _)| shard(fingerprint));
        for (fingerprint, answers) in changes.answers {
            let shard = Arc::make_mut(&mut shards[shard(&fingerprint)]);
            match answers {
                Some(answers) => drop(shard.insert(fingerprint, answers)),
                None => drop(shard.remove(&fingerprint)),
            }
        }
        Self {
            shards: shards.into(),
            checked: changes.checked.map_or_else(|| self.checked.clone(), Arc::new),
            services: changes.services.map_or_else(|| self.services.clone(), Arc::new),
            generation: self.generation + 1,
        }
    }
}

fn shard(fingerprint: &[u8; 32]) -> usize {
    usize::from(u16::from_be_bytes([fingerprint[0], fingerprint[1]])) % SHARDS
}

impl RevocationView for View {
    fn answers(&self, fingerprint: &[u8; 32]) -> Option<&Answers> {
        self.shards[shard(fingerprint)].get(fingerprint)
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn checked(&self, fingerprint: &[u8; 32]) -> Option<FindingSet> {
        self.checked.get(fingerprint).copied()
    }

    fn services(&self) -> &Services {
        &self.services
    }
}

/// The door to the newest view; the service alone writes.
pub struct Views {
    current: ArcSwap<View>,
    generation: watch::Sender<u64>,
    /// The mind of the service that runs now, for what no view holds.
    core: Mutex<Weak<Mutex<Core>>>,
}

impl Default for Views {
    fn default() -> Self {
        Self { current: ArcSwap::default(), generation: watch::Sender::new(0), core: Mutex::default() }
    }
}

impl Views {
    /// The newest view.
    pub fn view(&self) -> Arc<View> {
        self.current.load_full()
    }

    /// From now on this service is asked.
    pub(super) fn belong_to(&self, core: &Arc<Mutex<Core>>) {
        *lock(&self.core) = Arc::downgrade(core);
    }

    pub(super) fn publish(&self, changes: Changes) {
        if changes.is_empty() {
            return;
        }
        let view = self.current.load().changed(changes);
        let generation = view.generation;
        self.current.store(Arc::new(view));
        self.generation.send_replace(generation);
    }
}

impl Revocations for Views {
    fn load(&self) -> Arc<dyn RevocationView> {
        self.current.load_full()
    }

    fn newer(&self, generation: u64) -> BoxFuture<'_, ()> {
        let mut published = self.generation.subscribe();
        Box::pin(async move {
            // The sender lives as long as this borrow.
            let _ = published.wait_for(|current| *current > generation).await;
        })
    }

    fn asked(&self, fingerprint: &[u8; 32]) -> Option<Asked> {
        let core = lock(&self.core).upgrade()?;
        let core = lock(&core);
        core.asks.get(fingerprint)?.asked(core.settings.offline)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the first bytes of a fingerprint as its hash.
#[derive(Default)]
struct FirstBytes(u64);

impl std::hash::Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // The first two choose the shard.
        if let Some(first) = bytes.get(2..10).and_then(|first| first.try_into().ok()) {
            self.0 = u64::from_le_bytes(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_keeps_what_did_not_change_and_never_changes_itself() {
        let views = Views::default();
        let (a, b) = ([1; 32], [2; 32]);
        views.publish(Changes { answers: vec![(a, Some(Answers::default())), (b, Some(Answers::default()))], ..Changes::default() });
        let before = views.view();
        views.publish(Changes { answers: vec![(a, None)], ..Changes::default() });
        assert!(before.answers(&a).is_some() && before.answers(&b).is_some());
        let after = views.view();
        assert!(after.answers(&a).is_none() && after.answers(&b).is_some());
        assert_eq!((before.generation(), after.generation()), (1, 2));
        views.publish(Changes::default());
        assert_eq!(views.view().generation(), 2, "nothing changed");
    }

    #[tokio::test]
    async fn waiters_wake_for_a_newer_view_only() {
        let views = Views::default();
        let early = tokio::time::timeout(std::time::Duration::from_millis(20), views.newer(0)).await;
        assert!(early.is_err());
        views.publish(Changes { services: Some(Services::default()), ..Changes::default() });
        views.newer(0).await;
    }
}
