//! The engine as a whole, with scripted sources and real, short times.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::schedule::Schedule;
use super::store::SnapshotStore;
use super::testing::{Change, CountingRender, Recorded, Scripted, Step};
use super::{Parts, SourceSpec, Supervisor};
use crate::model::clock::SystemClock;
use crate::model::revocation::NoRevocations;
use crate::model::{Place, Shard, SnapshotView, SourceHeader, SourceId, SourceKind, SourceOptions};

struct Bench {
    parts: Parts,
    render: Arc<CountingRender>,
    events: Arc<Recorded>,
    supervisor: Supervisor,
}

fn bench() -> Bench {
    let (events, render) = (Arc::new(Recorded::default()), Arc::new(CountingRender::default()));
    let parts = Parts {
        store: Arc::new(SnapshotStore::default()),
        render: render.clone(),
        events: events.clone(),
        clock: Arc::new(SystemClock::new()),
        revocations: Arc::new(NoRevocations::default()),
        shard: Shard::default(),
        board: Arc::default(),
        renewals: Arc::default(),
    };
    Bench { supervisor: Supervisor::new(parts.clone(), HashMap::new()), parts, render, events }
}

fn spec(name: &str, revision: u64, schedule: &str, steps: impl IntoIterator<Item = Step>) -> SourceSpec {
    let id = SourceId { kind: SourceKind::File, name: name.into() };
    let options = SourceOptions { deadline: Some(Duration::from_millis(150)), ..SourceOptions::default() };
    SourceSpec {
        header: SourceHeader { id, options },
        schedule: Schedule::parse(schedule).unwrap(),
        source: Scripted::new(steps),
        revision,
    }
}

impl Bench {
    /// The places known of a source, sorted; `None` when the source is not there.
    fn places(&self, name: &str) -> Option<Vec<String>> {
        let snapshot = self.parts.store.load();
        let source = snapshot.sources.iter().find(|(id, _)| &*id.name == name)?.1;
        let mut places: Vec<String> = source.targets().map(|target| target.place.to_string()).collect();
        places.sort();
        Some(places)
    }

    fn up(&self, name: &str) -> Option<bool> {
        self.parts.store.load().sources.iter().find(|(id, _)| &*id.name == name)?.1.status.up
    }

    fn failure(&self, name: &str) -> Option<String> {
        let store = self.parts.store.load();
        let failure = store.sources.iter().find(|(id, _)| &*id.name == name)?.1.status.failure.as_ref()?;
        Some(failure.detail.to_string())
    }

    /// Waits until it holds; fails after ten seconds.
    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never: {what}; events {:?}", self.events.0.lock().unwrap());
    }
}

#[tokio::test]
async fn a_failed_scan_keeps_what_was_known_and_a_complete_one_drops_what_is_gone() {
    let mut bench = bench();
    let steps = [Step::Sees(&["/a", "/b"]), Step::Fails, Step::Panics, Step::Hangs("/c"), Step::SeesPartOf(&["/a"]), Step::Sees(&["/b"])];
    bench.supervisor.apply(vec![spec("s", 1, "@every 300ms", steps)]).await;
    for (scans, up, places) in [
        (1, true, vec!["/a", "/b"]),
        (2, false, vec!["/a", "/b"]),
        (3, false, vec!["/a", "/b"]),
        (4, false, vec!["/a", "/b", "/c"]),
        (5, true, vec!["/a", "/b", "/c"]),
        (6, true, vec!["/b"]),
    ] {
        bench.until(&format!("scan {scans}"), |bench| bench.events.count("scans") >= scans).await;
        bench
            .until(&format!("{places:?} after scan {scans}"), |bench| bench.places("s").unwrap() == places && bench.up("s") == Some(up))
            .await;
    }
    for reason in ["walk_error", "panicked", "deadline_exceeded"] {
        assert_eq!(bench.events.count(reason), 1, "{reason}");
    }
    bench.supervisor.drain().await;
}

#[tokio::test]
async fn one_sources_panic_and_hanging_change_nothing_for_another() {
    let mut bench = bench();
    let bad = [spec("panics", 1, "@every 200ms", [Step::Panics]), spec("hangs", 1, "@every 200ms", [Step::Hangs("/x")])];
    let mut specs = Vec::from(bad);
    specs.push(spec("good", 1, "@every 200ms", [Step::Sees(&["/a"]), Step::Sees(&["/b"])]));
    bench.supervisor.apply(specs).await;
    bench.until("the good one goes on", |bench| bench.places("good").unwrap() == ["/b"]).await;
    bench.until("every first round has ended", |bench| bench.parts.store.load().ready()).await;
    bench.supervisor.drain().await;
}

#[tokio::test]
async fn ready_means_that_every_first_round_has_ended() {
    let mut bench = bench();
    assert!(!bench.parts.store.load().ready());
    bench.supervisor.apply(vec![spec("a", 1, "@daily", [Step::Fails]), spec("b", 1, "@daily", [Step::Hangs("/x")])]).await;
    assert!(!bench.parts.store.load().ready());
    bench.until("the hanging one is given up", |bench| bench.parts.store.load().ready()).await;
    bench.supervisor.drain().await;
}

#[tokio::test]
async fn no_source_is_ready_at_once() {
    let mut bench = bench();
    bench.supervisor.apply(Vec::new()).await;
    assert!(bench.parts.store.load().ready());
}

#[tokio::test]
async fn a_reload_leaves_the_unchanged_alone_and_the_changed_with_what_they_know() {
    let mut bench = bench();
    let sees = |path: &'static [&'static str]| [Step::Sees(path)];
    let first = ["same", "changed", "gone"].map(|name| spec(name, 1, "@daily", sees(&["/a"])));
    bench.supervisor.apply(first.into()).await;
    bench.until("first rounds", |bench| bench.events.count("scans") == 3).await;
    let second = vec![
        spec("same", 1, "@daily", sees(&["/never"])),
        spec("changed", 2, "@daily", [Step::Fails]),
        spec("new", 1, "@daily", sees(&["/n"])),
    ];
    bench.supervisor.apply(second).await;
    bench.until("first rounds of two", |bench| bench.events.count("scans") == 5 && bench.up("changed") == Some(false)).await;
    bench.until("the new one", |bench| bench.places("new").unwrap() == ["/n"]).await;
    assert_eq!(bench.places("same").unwrap(), ["/a"]);
    assert_eq!(bench.places("changed").unwrap(), ["/a"], "its predecessor's, as its own scan failed");
    assert_eq!(bench.places("gone"), None);
    assert_eq!(bench.events.count("removed"), 1);
    bench.supervisor.drain().await;
}

#[tokio::test]
async fn the_first_scan_renders_each_target_about_once() {
    const FILES: usize = 10_000;
    let mut bench = bench();
    let mut first = spec("big", 1, "@daily", [Step::SeesMany(FILES)]);
    first.header.options.deadline = Some(Duration::from_secs(60));
    let started = tokio::time::Instant::now();
    bench.supervisor.apply(vec![first]).await;
    bench.until("scanned", |bench| bench.up("big") == Some(true)).await;
    // While a scan runs, what changed is published once a second: every target at most once for each.
    let publications = 2 + started.elapsed().as_secs() as usize;
    let rendered = bench.render.targets.load(std::sync::atomic::Ordering::Relaxed);
    assert!((FILES..=FILES * publications).contains(&rendered), "{rendered} targets rendered in {publications} publications");
    assert_eq!(bench.places("big").unwrap().len(), FILES);
    bench.supervisor.drain().await;
}

#[tokio::test]
async fn a_source_never_overlaps_itself() {
    let mut bench = bench();
    bench.supervisor.apply(vec![spec("slow", 1, "@every 100ms", [Step::Blocks(Duration::from_millis(800)), Step::Sees(&["/a"])])]).await;
    bench.until("rounds were skipped", |bench| bench.events.count("skipped") >= 3).await;
    assert_eq!(bench.events.count("scans"), 1, "nothing is started while the thread still runs");
    let failure = bench.failure("slow").expect("told");
    assert!(failure.contains("hangs or is busy"), "which of both nobody knows: {failure}");
    bench.until("it goes on afterwards", |bench| bench.places("slow").unwrap() == ["/a"] && bench.up("slow") == Some(true)).await;
    bench.supervisor.drain().await;
}

#[tokio::test]
async fn restored_facts_stand_until_the_source_has_been_scanned() {
    let mut first = bench();
    first.supervisor.apply(vec![spec("s", 1, "@daily", [Step::Sees(&["/a"])])]).await;
    first.until("first round", |bench| bench.places("s").unwrap() == ["/a"]).await;
    let snapshot = first.parts.store.load();
    let known =
        snapshot.sources.iter().map(|(id, source)| (id.clone(), source.targets().map(|target| (**target).clone()).collect())).collect();

    let mut second = bench();
    second.supervisor = Supervisor::new(second.parts.clone(), known);
    second.supervisor.apply(vec![spec("s", 1, "@every 300ms", [Step::Hangs("/b"), Step::Sees(&["/c"])])]).await;
    assert_eq!(second.places("s").unwrap(), ["/a"], "published before any scan");
    second.until("the first scan failed", |bench| bench.up("s") == Some(false)).await;
    assert!(second.places("s").unwrap().contains(&"/a".to_owned()));
    second.until("scanned", |bench| bench.places("s").unwrap() == ["/c"]).await;
}

#[tokio::test]
async fn what_changes_between_scans_is_published_at_once() {
    let mut bench = bench();
    let changes =
        &[Change::Comes("/c"), Change::Goes("/a"), Change::Goes("/never"), Change::Labelled("/b", "shop"), Change::Labelled("/none", "x")];
    bench.supervisor.apply(vec![spec("s", 1, "@daily", [Step::Follows(&["/a", "/b"], changes)])]).await;
    let is_labelled = |bench: &Bench| {
        let snapshot = bench.parts.store.load();
        let targets: Vec<_> = snapshot.sources.values().flat_map(|source| source.targets()).cloned().collect();
        targets.iter().any(|target| target.place == Place::file("/b") && target.labels.is_some())
    };
    bench.until("the changes are seen", |bench| bench.places("s") == Some(vec!["/b".into(), "/c".into()]) && is_labelled(bench)).await;
    assert_eq!(bench.up("s"), Some(true));
}

#[tokio::test]
async fn what_is_not_seen_any_more_is_kept_and_said() {
    let mut bench = bench();
    bench
        .supervisor
        .apply(vec![
            spec("lost", 1, "@daily", [Step::Follows(&["/a"], &[Change::Lost])]),
            spec("back", 1, "@daily", [Step::Follows(&["/a", "/b"], &[Change::Lost, Change::Only("/b"), Change::Regained])]),
            spec("broken", 1, "@daily", [Step::Follows(&["/a"], &[Change::Comes("/b"), Change::Panics])]),
        ])
        .await;
    bench.until("the loss is seen", |bench| bench.up("lost") == Some(false)).await;
    assert_eq!(bench.places("lost"), Some(vec!["/a".into()]));
    bench.until("the rest is there", |bench| bench.places("back") == Some(vec!["/b".into()]) && bench.up("back") == Some(true)).await;
    bench.until("a panic harms nothing", |bench| bench.places("broken") == Some(vec!["/a".into(), "/b".into()])).await;
}

#[tokio::test]
async fn a_scan_after_following_drops_what_only_following_saw() {
    let mut bench = bench();
    let steps = [Step::Follows(&["/a"], &[Change::Comes("/late")]), Step::Sees(&["/a"])];
    bench.supervisor.apply(vec![spec("s", 1, "@every 1s", steps)]).await;
    bench.until("it comes", |bench| bench.places("s") == Some(vec!["/a".into(), "/late".into()])).await;
    bench.until("it goes with the next scan", |bench| bench.places("s") == Some(vec!["/a".into()])).await;
}

#[tokio::test]
async fn every_place_is_in_exactly_one_shard() {
    let mut seen = Vec::new();
    for index in 0..3 {
        let mut bench = bench();
        bench.parts.shard = Shard::new(index, 3).unwrap();
        bench.supervisor = Supervisor::new(bench.parts.clone(), HashMap::new());
        bench.supervisor.apply(vec![spec("s", 1, "@daily", [Step::SeesMany(300)])]).await;
        bench.until("the round ends", |bench| bench.up("s") == Some(true)).await;
        let places = bench.places("s").unwrap();
        assert!((60..140).contains(&places.len()), "shard {index} has {}", places.len());
        seen.extend(places);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 300);
}
