//! One round of a source: scan with a deadline, panics caught, publication on the way. Used by the runner and by the commands
//! that look only once.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tracing::{debug, warn};

use super::relating::Relating;
use super::sink::ScanSink;
use super::supervisor::SourceSpec;
use super::watch::{Parts, Watch};
use crate::model::{Failure, FailureFacts, Listing, Reason, ScanContext, Source, Stage, UnixTime};

/// Published at most so often while a scan runs.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// How a round ended.
#[derive(Debug)]
pub struct Round {
    /// `None` when the source was listed.
    pub failure: Option<Failure>,
    /// What went wrong with the source as a whole though it was listed: trust anchors or a passphrase that cannot be read.
    pub errors: Vec<Failure>,
    /// Targets that are gone since the round before.
    pub gone: usize,
}

/// Scans once and keeps what was found; publishes at the end, and on the way at most once a second.
pub(super) async fn round(watch: &Arc<Watch>, source: &dyn Source, deadline: Duration) -> (Round, Weak<ScanSink>) {
    let clock = watch.parts.clock.clone();
    let (started_at, started) = (clock.now(), clock.monotonic());
    let sink = Arc::new(ScanSink::new(watch.clone()));
    let alive = Arc::downgrade(&sink);
    let cx = ScanContext { sink: sink.clone(), clock: clock.clone(), started_at, timeout: watch.header.options.timeout };
    let result = {
        // Given up, by the deadline or because the runner is dropped, it must not report any more.
        let _closed = CloseOnDrop(&sink);
        let scan = AssertUnwindSafe(source.scan(cx)).catch_unwind();
        let timed = tokio::time::timeout(deadline, scan);
        tokio::pin!(timed);
        let mut publication = None;
        loop {
            tokio::select! {
                ended = &mut timed => break ended,
                () = pause(publication.take()) => publication = Some(start_publication(watch.clone())),
            }
        }
    };
    let listed = match result {
        Ok(Ok(listed)) => listed,
        Ok(Err(_)) => Err(panicked()),
        Err(_) => Err(Failure::new(Stage::Scan, Reason::DeadlineExceeded, format!("the scan did not end within {deadline:?}"))),
    };
    sink.summarize();
    let finisher = watch.clone();
    let (failure, gone) = match tokio::task::spawn_blocking(move || finish(&finisher, listed, started_at)).await {
        Ok(ended) => ended,
        Err(_) => (Some(panicked()), 0),
    };
    let round = Round { failure, errors: sink.take_errors(), gone };
    watch.parts.events.scan_ended(watch.id(), clock.monotonic().saturating_sub(started));
    debug!(source = %watch.id(), elapsed = ?clock.monotonic().saturating_sub(started), gone = round.gone, "scan ended");
    (round, alive)
}

fn panicked() -> Failure {
    Failure::new(Stage::Scan, Reason::Panicked, "a defect of this program, caught; please report it")
}

/// Makes the ledger and the status say how the scan ended. Returns its failure, and how many targets are gone.
fn finish(watch: &Watch, listed: Result<Listing, Failure>, started_at: SystemTime) -> (Option<Failure>, usize) {
    let at = watch.parts.clock.now();
    let now = UnixTime::from(at);
    let mut gone = 0;
    let failure = match listed {
        Ok(listing) => {
            let mut ledger = watch.ledger();
            if listing == Listing::Complete {
                gone = ledger.sweep();
            }
            ledger.admit();
            None
        }
        Err(failure) => Some(failure),
    };
    watch.ledger().end();
    watch.unlisted.store(failure.is_some(), std::sync::atomic::Ordering::Release);
    let since = watch.status().failure.as_ref().map_or(now, |known| known.since);
    let facts = failure.as_ref().map(|failure| FailureFacts {
        stage: failure.stage,
        reason: failure.reason,
        detail: failure.detail.to_string().into(),
        since,
    });
    if let Some(facts) = &facts {
        watch.parts.events.source_error(watch.id(), facts.reason);
        warn!(source = %watch.id(), stage = %facts.stage, reason = %facts.reason, "scan failed, all that is known is kept: {}", facts.detail);
        if watch.header.options.retain.is_some_and(|retain| now.since(since) > retain) {
            watch.ledger().forget_certificates(facts);
        }
    }
    let mut status = watch.status();
    status.up = Some(facts.is_none());
    status.last_scan_at = Some(at);
    if facts.is_none() {
        status.last_success_at = Some(at);
        status.looked_at = Some(started_at);
    }
    status.failure = facts;
    (failure, gone)
}

/// Waits until the next publication may start: the former one has ended, and so much time has passed that publishing
/// takes at most about a fifth of it.
async fn pause(former: Option<tokio::task::JoinHandle<()>>) {
    let Some(former) = former else { return tokio::time::sleep(PUBLISH_EVERY).await };
    let started = tokio::time::Instant::now();
    let _ = former.await;
    tokio::time::sleep(PUBLISH_EVERY.max(4 * started.elapsed())).await;
}

fn start_publication(watch: Arc<Watch>) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(move || watch.publish())
}

/// Publishes and waits for it.
pub(super) async fn publish(watch: &Arc<Watch>) {
    if start_publication(watch.clone()).await.is_err() {
        warn!(source = %watch.id(), "publishing failed: a defect of this program, caught; please report it");
    }
}

/// Judges anew by the newest view of the revocation service, and publishes what that changed.
pub(super) async fn follow(watch: &Arc<Watch>) {
    let follower = watch.clone();
    if tokio::task::spawn_blocking(move || follower.follow()).await.is_err() {
        warn!(source = %watch.id(), "judging failed: a defect of this program, caught; please report it");
    }
}

/// Looks at each source once, one after the other, and publishes what was found; then waits for `settled`, and judges anew by what the
/// revocation service has learnt until then, and by what the places say together.
pub async fn look_once(specs: Vec<SourceSpec>, parts: &Parts, relating: &Relating, settled: impl Future<Output = ()>) -> Vec<Round> {
    let (mut rounds, mut watches) = (Vec::new(), Vec::new());
    for spec in specs {
        parts.events.source_added(&spec.header.id);
        let deadline = spec.deadline(parts.clock.now());
        let watch = Arc::new(Watch::new(spec.header, parts.clone(), Vec::new()));
        let (round, _) = round(&watch, &*spec.source, deadline).await;
        publish(&watch).await;
        rounds.push(round);
        watches.push(watch);
    }
    settled.await;
    for watch in &watches {
        follow(watch).await;
    }
    relating.once().await;
    for watch in &watches {
        publish(watch).await;
    }
    parts.store.open();
    rounds
}

/// Closes a sink when whoever reports to it is done, or dropped.
pub(super) struct CloseOnDrop<'a>(pub(super) &'a ScanSink);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
