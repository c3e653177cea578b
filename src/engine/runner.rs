//! The life of one source: its first round at once, then by its schedule; judgement again when time alone changes it.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::sync::watch::Receiver;
use tracing::{error, warn};

use super::once::{CloseOnDrop, follow, publish, round};
use super::schedule::Schedule;
use super::sink::ScanSink;
use super::watch::{Parts, Watch};
use crate::model::{FailureFacts, Reason, ScanContext, Source, Stage, UnixTime};

/// Views of the revocation service are followed at most so often.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Changes between scans are published at most so often.
const CHANGES_EVERY: Duration = Duration::from_millis(250);

/// Runs one source until it is told to stop.
pub(super) struct Runner {
    pub(super) watch: Arc<Watch>,
    pub(super) source: Arc<dyn Source>,
    pub(super) schedule: Schedule,
    pub(super) stop: Receiver<bool>,
}

impl Runner {
    /// Returns when stopped. What is known stays published.
    pub(super) async fn run(&self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => (),
            () = self.rounds() => (),
        }
    }

    async fn rounds(&self) {
        let clock = self.watch.parts.clock.clone();
        let mut former: Weak<ScanSink> = Weak::new();
        // Every first round runs at once, whatever the schedule says.
        let mut fire = clock.now();
        let mut scanned = false;
        loop {
            self.wait(fire, scanned).await;
            scanned = true;
            let started = clock.now();
            if former.strong_count() > 0 {
                self.still_running().await;
                fire = self.plan(started).await;
                continue;
            }
            let deadline = deadline(self.watch.header.options.deadline, &self.schedule, started);
            (_, former) = round(&self.watch, &*self.source, deadline).await;
            for _ in 0..self.schedule.fires_between(started, clock.now()) {
                self.watch.parts.events.scan_skipped(self.watch.id());
            }
            fire = self.plan(clock.now()).await;
        }
    }

    /// Waits for the next round; follows what changes before it, and judges anew what becomes due.
    async fn wait(&self, fire: SystemTime, scanned: bool) {
        let sink = Arc::new(ScanSink::following(self.watch.clone()));
        let _closed = CloseOnDrop(&sink);
        let following = async {
            if scanned {
                let clock = self.watch.parts.clock.clone();
                let (started_at, timeout) = (clock.now(), self.watch.header.options.timeout);
                let cx = ScanContext { sink: sink.clone(), clock, started_at, timeout };
                if AssertUnwindSafe(self.source.follow(cx)).catch_unwind().await.is_err() {
                    error!(source = %self.watch.id(), "a defect of this program, caught: changes are not seen before the next scan; please report it");
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            () = following => (),
            () = self.judge(fire, &sink) => (),
        }
    }

    async fn judge(&self, fire: SystemTime, sink: &ScanSink) {
        let Parts { clock, revocations, .. } = &self.watch.parts;
        loop {
            let due = self.watch.ledger().due().map(|due| due.system_time()).filter(|due| *due < fire);
            let known = self.watch.revocations_known();
            tokio::select! {
                () = clock.sleep_until(due.unwrap_or(fire)) => {
                    if due.is_none() {
                        return;
                    }
                    self.watch.ledger().reassess(&*revocations.load(), UnixTime::from(clock.now()));
                    publish(&self.watch).await;
                }
                () = self.watch.parts.board.posted(self.watch.id()) => publish(&self.watch).await,
                () = sink.changed() => {
                    self.publish_changes(fire).await;
                    if sink.wants_round() {
                        return;
                    }
                }
                () = revocations.newer(known) => {
                    follow(&self.watch).await;
                    // Answers come in crowds; changes do not wait for them.
                    let rested = fire.min(clock.now() + FOLLOW_EVERY);
                    loop {
                        tokio::select! {
                            () = clock.sleep_until(rested) => break,
                            () = sink.changed() => self.publish_changes(rested).await,
                        }
                    }
                }
            }
        }
    }

    /// Publishes what has changed, then rests for a moment: changes come in crowds too.
    async fn publish_changes(&self, at_most: SystemTime) {
        let clock = &self.watch.parts.clock;
        let started = clock.monotonic();
        publish(&self.watch).await;
        let rest = (4 * clock.monotonic().saturating_sub(started)).clamp(CHANGES_EVERY, FOLLOW_EVERY);
        clock.sleep_until(at_most.min(clock.now() + rest)).await;
    }

    /// The time of the next round, published with everything else.
    async fn plan(&self, now: SystemTime) -> SystemTime {
        let fire = self.schedule.next(now);
        let fire = fire + self.schedule.splay(&self.watch.id().name, fire);
        self.watch.status().next_scan_at = Some(fire);
        publish(&self.watch).await;
        fire
    }

    /// A scan that passed its deadline still hangs in a system call, or is busy: this round is skipped.
    async fn still_running(&self) {
        self.watch.parts.events.scan_skipped(self.watch.id());
        let detail =
            "the scan before hangs or is busy (a dead network file system, too much to read?); nothing new is started until it ends";
        warn!(source = %self.watch.id(), "{detail}");
        let now = UnixTime::from(self.watch.parts.clock.now());
        let mut status = self.watch.status();
        let since = status.failure.as_ref().map_or(now, |known| known.since);
        status.up = Some(false);
        status.failure = Some(FailureFacts { stage: Stage::Scan, reason: Reason::DeadlineExceeded, detail: detail.into(), since });
    }
}

/// A whole scan's deadline: as configured, else the larger of a minute and the period.
pub(super) fn deadline(configured: Option<Duration>, schedule: &Schedule, now: SystemTime) -> Duration {
    configured.unwrap_or_else(|| schedule.period(now).max(Duration::from_secs(60)))
}
