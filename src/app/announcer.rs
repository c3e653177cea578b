//! What is said of the first round, to a person and to the log; and of policies and waivers, each time a configuration is taken and when a waiver ends.
//!
//! May touch: the snapshot store, `app::policies`. Must not: change anything.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tracing::{info, warn};

use super::banner::Banner;
use super::policies::{self, meant};
use super::progress::Progress;
use crate::engine::store::{Snapshot, SnapshotStore};
use crate::model::{Clock, Finding, Rules, SnapshotView, UnixTime, Waiver};

/// So many rules that are for nothing are named.
const NAMED: usize = 50;

/// Follows the rules that are in force.
pub(super) struct Announcer {
    /// Until the first round has been told.
    banner: Option<Banner>,
    is_ready: bool,
    store: Arc<SnapshotStore>,
    clock: Arc<dyn Clock>,
}

impl Announcer {
    pub(super) fn new(banner: Option<Banner>, store: Arc<SnapshotStore>, clock: Arc<dyn Clock>) -> Self {
        Self { banner, is_ready: false, store, clock }
    }

    /// Runs for ever. Each configuration that is taken sends its rules, after its sources have begun.
    pub(super) async fn run(mut self, mut taken: Receiver<Arc<Rules>>) {
        loop {
            let rules = taken.borrow_and_update().clone();
            tokio::select! {
                () = self.follow(rules) => (),
                changed = taken.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
            }
        }
    }

    /// Says what there is to say of these rules, as it comes; does not end.
    async fn follow(&mut self, rules: Arc<Rules>) {
        let now = self.now();
        for waiver in rules.waivers.iter().filter(|waiver| policies::is_far(waiver, now)).take(NAMED) {
            warn!(owner = %waiver.owner, until = %waiver.until, "a waiver ends more than two years from now: {}", waiver.why);
        }
        self.first_round().await;
        let snapshot = self.settled().await;
        let of = rules.clone();
        // Every rule is held against every place: not between the tasks that answer scrapes.
        let _ = tokio::task::spawn_blocking(move || say_idle(&of, &snapshot)).await;
        let mut from = UnixTime::from_secs(i64::MIN);
        loop {
            let now = self.now();
            policies::ended(&rules, now).filter(|waiver| waiver.until >= from).for_each(say_ended);
            from = now;
            let next = rules.waivers.iter().map(|waiver| waiver.until).filter(|until| *until >= now).min();
            let Some(next) = next else { return std::future::pending().await };
            self.clock.sleep_until(UnixTime::from_secs(next.secs().saturating_add(1)).system_time()).await;
        }
    }

    fn now(&self) -> UnixTime {
        UnixTime::from(self.clock.now())
    }

    /// Waits until every source's first round has ended, and says once what it found.
    async fn first_round(&mut self) {
        if self.is_ready {
            return;
        }
        let mut progress = Progress::new();
        while !self.store.load().ready() {
            progress.show(&self.store.load());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        progress.clear();
        self.is_ready = true;
        let snapshot = self.store.load();
        self.banner.take().iter().for_each(|banner| banner.print_found(&snapshot));
        let certificates: u64 = snapshot.sources.values().map(|source| source.status.certificates).sum();
        info!(sources = snapshot.sources.len(), certificates, "ready: every source's first round has ended");
    }

    /// What is known when every source has a round behind it; one that a reload has replaced has none at first.
    async fn settled(&self) -> Arc<Snapshot> {
        loop {
            let snapshot = self.store.load();
            if snapshot.sources.values().all(|source| source.status.up.is_some()) {
                return snapshot;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn say_idle(rules: &Rules, snapshot: &Snapshot) {
    let idle = policies::idle(rules, snapshot);
    for policy in idle.policies.iter().take(NAMED) {
        warn!(policy = %policy.name, "the policy matches no certificate that is watched now");
    }
    for waiver in idle.waivers.iter().take(NAMED) {
        let (of, on) = (words(waiver), meant(&waiver.applies, "anything"));
        warn!(owner = %waiver.owner, until = %waiver.until, of, on, "the waiver is for nothing that is watched now: {}", waiver.why);
    }
    let unsaid = idle.policies.len().saturating_sub(NAMED) + idle.waivers.len().saturating_sub(NAMED);
    if unsaid > 0 {
        warn!("{unsaid} more policies and waivers are for nothing that is watched now: `notafter config check --matches` lists them");
    }
}

fn say_ended(waiver: &Waiver) {
    let (of, on) = (words(waiver), meant(&waiver.applies, "anything"));
    warn!(owner = %waiver.owner, until = %waiver.until, of, on, "a waiver has ended: {}", waiver.why);
}

/// What is waived.
fn words(waiver: &Waiver) -> String {
    waiver.findings.iter().map(Finding::as_str).collect::<Vec<_>>().join(", ")
}
