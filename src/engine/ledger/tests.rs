use super::*;
use crate::assess::Look;
use crate::assess::fixtures::{certificate, header};
use crate::engine::testing::CountingRender;
use crate::model::revocation::NoRevocations;
use crate::model::{Facts, SourceId, SourceKind, SourceOptions};

fn ledger(max_series: u64) -> Ledger {
    let id = SourceId { kind: SourceKind::File, name: "t".into() };
    let options = SourceOptions { max_series, ..SourceOptions::default() };
    Ledger::new(Arc::new(SourceHeader { id, options }), Arc::new(CountingRender::default()))
}

fn state(path: usize, not_after: i64) -> TargetState {
    let facts = Facts { certificates: vec![certificate("a", 0, not_after)], ..Facts::default() };
    let stamp = Some(Stamp { device: 0, inode: path as u64, size: 0, modified: 0, changed: not_after });
    let look = Look {
        place: Place::file(format!("/{path}")),
        labels: None,
        circumstances: None,
        facts: Some(facts),
        failure: None,
        stamp,
        counted: None,
    };
    carry(None, TargetEvent::Looked(Box::new(look)), &NoRevocations::default(), &header(), UnixTime::from_secs(1)).unwrap()
}

fn publish(ledger: &mut Ledger) -> usize {
    let dirty = ledger.take_dirty();
    let count = dirty.len();
    for bucket in dirty {
        let rendered = bucket.render(&ledger.header.clone(), &*ledger.render.clone());
        ledger.publish(rendered);
    }
    count
}

fn shown(ledger: &Ledger) -> usize {
    ledger.published().iter().map(|bucket| bucket.entries.iter().filter(|entry| !entry.hidden).count()).sum()
}

#[test]
fn a_scan_renders_only_the_buckets_that_changed() {
    let mut ledger = ledger(u64::MAX);
    ledger.begin();
    for path in 0..3_500 {
        ledger.put(state(path, 100));
    }
    assert_eq!(publish(&mut ledger), 4);
    ledger.begin();
    for path in 0..3_500 {
        ledger.put(state(path, if path == 1_700 { 200 } else { 100 }));
    }
    assert_eq!((ledger.sweep(), publish(&mut ledger), shown(&ledger)), (0, 1, 3_500));
}

#[test]
fn an_unchanged_target_counts_as_seen_and_another_stamp_does_not() {
    let mut ledger = ledger(u64::MAX);
    ledger.begin();
    for path in 0..2 {
        ledger.put(state(path, 100));
    }
    ledger.begin();
    let stamp = state(0, 100).stamp.unwrap();
    assert!(ledger.is_unchanged(&Place::file("/0"), stamp));
    assert!(!ledger.is_unchanged(&Place::file("/1"), Stamp { changed: 1, ..stamp }));
    assert!(!ledger.is_unchanged(&Place::file("/unknown"), stamp));
    assert_eq!(ledger.sweep(), 1);
    assert!(ledger.get(&Place::file("/0")).is_some() && ledger.get(&Place::file("/1")).is_none());
}

#[test]
fn totals_follow_every_change() {
    let mut ledger = ledger(u64::MAX);
    ledger.begin();
    for path in 0..10 {
        ledger.put(state(path, 100));
    }
    ledger.put(TargetState { content: Arc::default(), ..state(3, 100) });
    assert_eq!(ledger.totals, Totals { targets: 10, bundles: 9, certificates: 9, series: 20, unowned: 9 });
    ledger.begin();
    assert_eq!(ledger.sweep(), 10);
    assert_eq!(ledger.totals, Totals::default());
}

#[test]
fn the_cap_leaves_targets_out_and_lets_them_in_when_there_is_room() {
    let mut ledger = ledger(5);
    ledger.begin();
    let dropped: u64 = (0..3).map(|path| ledger.put(state(path, 100)).dropped).sum();
    assert_eq!(dropped, 2, "two series each, room for five");
    publish(&mut ledger);
    assert_eq!(shown(&ledger), 2);
    ledger.begin();
    assert_eq!((1..3).map(|path| ledger.put(state(path, 100)).dropped).sum::<u64>(), 0, "counted once");
    ledger.sweep();
    ledger.admit();
    publish(&mut ledger);
    assert_eq!((shown(&ledger), ledger.totals.series), (2, 4));
}

#[test]
fn many_removals_refill_the_buckets() {
    let mut ledger = ledger(u64::MAX);
    ledger.begin();
    for path in 0..10_000 {
        ledger.put(state(path, 100));
    }
    publish(&mut ledger);
    ledger.begin();
    for path in (0..10_000).step_by(50) {
        assert!(ledger.is_unchanged(&Place::file(format!("/{path}")), state(path, 100).stamp.unwrap()));
    }
    ledger.sweep();
    publish(&mut ledger);
    assert_eq!((ledger.published().len(), shown(&ledger)), (1, 200));
    assert!(ledger.get(&Place::file("/9950")).is_some());
}

#[test]
fn what_is_due_is_judged_anew() {
    let mut ledger = ledger(u64::MAX);
    ledger.begin();
    ledger.put(state(0, 100));
    ledger.put(state(1, 300));
    publish(&mut ledger);
    // A renewal is overdue before the certificate ends.
    assert_eq!(ledger.due(), Some(UnixTime::from_secs(81)));
    ledger.reassess(&NoRevocations::default(), UnixTime::from_secs(81));
    assert_eq!(publish(&mut ledger), 1);
    assert_eq!(ledger.due(), Some(UnixTime::from_secs(101)));
    ledger.reassess(&NoRevocations::default(), UnixTime::from_secs(101));
    assert_eq!(publish(&mut ledger), 1);
    assert_eq!(ledger.due(), Some(UnixTime::from_secs(243)));
    assert!(!ledger.get(&Place::file("/0")).unwrap().report.certificate(0).is_empty());
}

#[test]
fn places_of_equal_hash_stay_apart_when_one_of_them_goes() {
    let mut ledger = ledger(u64::MAX);
    ledger.begin();
    ledger.put(state(0, 100));
    // As if "/1" had the hash of "/0".
    let taken = Place::file("/1").hash64();
    let slot = ledger.index[&Place::file("/0").hash64()];
    ledger.index.insert(taken, slot);
    ledger.put(state(1, 100));
    assert!(ledger.displaced && ledger.get(&Place::file("/1")).is_some());
    ledger.begin();
    assert!(ledger.is_unchanged(&Place::file("/1"), state(1, 100).stamp.unwrap()));
    assert_eq!(ledger.sweep(), 1);
    assert!(ledger.get(&Place::file("/0")).is_none() && ledger.get(&Place::file("/1")).is_some());
    assert!(!ledger.displaced);
}
