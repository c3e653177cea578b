//! Doubles for the engine's tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::model::{
    ApiEvent, BoxFuture, Events, Failure, FetchKind, FetchOutcome, Labels, Listing, Observation, Place, Reason, Relations, Render,
    Rendered, RevocationReason, ScanContext, Services, Source, SourceHeader, SourceId, SourceStatus, Stage, TargetState, UnixTime,
};

/// Counts the targets it was given; two series for each.
#[derive(Debug, Default)]
pub(crate) struct CountingRender {
    pub(crate) targets: AtomicUsize,
}

impl Render for CountingRender {
    fn targets(&self, _: &SourceHeader, targets: &mut dyn Iterator<Item = &TargetState>) -> Rendered {
        self.targets.fetch_add(targets.count(), Ordering::Relaxed);
        Rendered::default()
    }

    fn source(&self, _: &SourceHeader, _: &SourceStatus) -> Rendered {
        Rendered::default()
    }

    fn services(&self, _: &Services) -> Rendered {
        Rendered::default()
    }

    fn relations(&self, _: &Relations) -> Rendered {
        Rendered::default()
    }

    fn series(&self, _: &SourceHeader, _: &TargetState) -> u64 {
        2
    }
}

/// Counts events by name.
#[derive(Debug, Default)]
pub(crate) struct Recorded(pub(crate) Mutex<BTreeMap<String, u64>>);

impl Recorded {
    pub(crate) fn count(&self, event: &str) -> u64 {
        self.0.lock().unwrap().get(event).copied().unwrap_or(0)
    }

    fn add(&self, event: impl Into<String>, by: u64) {
        *self.0.lock().unwrap().entry(event.into()).or_default() += by;
    }
}

impl Events for Recorded {
    fn source_added(&self, _: &SourceId) {
        self.add("added", 1);
    }
    fn source_removed(&self, _: &SourceId) {
        self.add("removed", 1);
    }
    fn scan_ended(&self, _: &SourceId, _: Duration) {
        self.add("scans", 1);
    }
    fn scan_skipped(&self, _: &SourceId) {
        self.add("skipped", 1);
    }
    fn source_error(&self, _: &SourceId, reason: Reason) {
        self.add(reason.as_str(), 1);
    }
    fn passphrase_failed(&self, _: &SourceId, java: bool) {
        self.add(if java { "jks passphrase" } else { "pkcs12 passphrase" }, 1);
    }
    fn handshake(&self, _: &SourceId, _: Duration) {
        self.add("handshakes", 1);
    }
    fn series_dropped(&self, _: &SourceId, series: u64) {
        self.add("dropped", series);
    }
    fn collisions(&self, _: &SourceId, pairs: u64) {
        self.add("collisions", pairs);
    }
    fn renewed(&self, _: &SourceId, _: f64) {
        self.add("renewed", 1);
    }
    fn reloaded(&self, _: bool, _: UnixTime) {
        self.add("reloaded", 1);
    }
    fn api_event(&self, _: &SourceId, event: ApiEvent) {
        self.add(format!("{event:?}"), 1);
    }
    fn fetched(&self, kind: FetchKind, outcome: FetchOutcome, _: Option<RevocationReason>) {
        self.add(format!("{kind} {outcome}"), 1);
    }
}

/// What a scripted source does in one scan.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sees these files, each with a failure, and is complete.
    Sees(&'static [&'static str]),
    /// Sees so many files, one by one, and is complete.
    SeesMany(usize),
    /// Sees these and says that there may be more.
    SeesPartOf(&'static [&'static str]),
    /// Cannot list.
    Fails,
    Panics,
    /// Sees this file, then never ends.
    Hangs(&'static str),
    /// Goes on in a thread of its own for so long, whatever the deadline.
    Blocks(Duration),
    /// Sees these files and is complete; then follows what happens.
    Follows(&'static [&'static str], &'static [Change]),
}

/// What happens between two scans.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// This file comes, or is looked at again.
    Comes(&'static str),
    /// This one goes.
    Goes(&'static str),
    /// Only this one stays.
    Only(&'static str),
    /// This one gets a label.
    Labelled(&'static str, &'static str),
    /// Nothing can be seen any more.
    Lost,
    /// Or can be seen again.
    Regained,
    Panics,
}

/// A source that follows a script; the last step repeats.
pub(crate) struct Scripted(pub(crate) Mutex<VecDeque<Step>>, Mutex<&'static [Change]>);

impl Scripted {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(steps.into_iter().collect()), Mutex::default()))
    }
}

impl Source for Scripted {
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        Box::pin(async move {
            let step = {
                let mut steps = self.0.lock().unwrap();
                if steps.len() > 1 { steps.pop_front() } else { steps.front().cloned() }
            };
            let see =
                |path: &str| cx.observed(Observation::failed(Place::file(path), Failure::new(Stage::Read, Reason::ReadFailed, "test")));
            match step.unwrap() {
                Step::SeesMany(files) => {
                    for file in 0..files {
                        see(&format!("/{file}"));
                        // Whoever publishes meanwhile gets a turn.
                        tokio::task::yield_now().await;
                    }
                    Ok(Listing::Complete)
                }
                Step::Sees(paths) => {
                    paths.iter().for_each(|path| see(path));
                    Ok(Listing::Complete)
                }
                Step::Follows(paths, changes) => {
                    paths.iter().for_each(|path| see(path));
                    *self.1.lock().unwrap() = changes;
                    Ok(Listing::Complete)
                }
                Step::SeesPartOf(paths) => {
                    paths.iter().for_each(|path| see(path));
                    Ok(Listing::Partial)
                }
                Step::Fails => Err(Failure::new(Stage::Scan, Reason::WalkError, "test")),
                Step::Panics => panic!("a test's panic"),
                Step::Hangs(path) => {
                    see(path);
                    std::future::pending().await
                }
                Step::Blocks(duration) => {
                    let held = cx.clone();
                    let _ = tokio::task::spawn_blocking(move || {
                        std::thread::sleep(duration);
                        held.is_over()
                    })
                    .await;
                    Ok(Listing::Complete)
                }
            }
        })
    }

    fn follow(&self, cx: ScanContext) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let changes = std::mem::take(&mut *self.1.lock().unwrap());
            for change in changes {
                let failure = || Failure::new(Stage::Read, Reason::ReadFailed, "test");
                match change {
                    Change::Comes(path) => cx.observed(Observation::failed(Place::file(*path), failure())),
                    Change::Goes(path) => cx.gone(&Place::file(*path)),
                    Change::Only(path) => cx.retain(|place| *place == Place::file(*path)),
                    Change::Labelled(path, team) => {
                        let labels = Labels([("team".into(), (*team).into())].into());
                        cx.described(&Place::file(*path), Some(Arc::new(labels)), None);
                    }
                    Change::Lost => cx.lost(failure()),
                    Change::Regained => cx.regained(),
                    Change::Panics => panic!("a test's panic"),
                }
            }
            std::future::pending().await
        })
    }
}
