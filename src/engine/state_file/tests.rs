use std::sync::Arc;

use super::*;
use crate::assess::fixtures::{certificate, crl, endpoint, header};
use crate::assess::{Look, TargetEvent, carry};
use crate::engine::store::{Bucket, Entry, SourceState};
use crate::model::revocation::NoRevocations;
use crate::model::{Broken, Facts, Failure, Item, Place, Rendered, SourceHeader, SourceOptions, SourceStatus, Stamp, UnixTime, Waived};

fn snapshot(targets: usize) -> Snapshot {
    let id = SourceId { kind: SourceKind::Tls, name: "edge".into() };
    let entries = (0..targets)
        .map(|n| {
            let facts = Facts {
                certificates: vec![certificate("a", 0, 100)],
                crls: vec![crl("ca", 0, None)],
                endpoint: Some(Box::new(endpoint())),
                ..Facts::default()
            };
            let place = Place::Endpoint { target: format!("h{n}:443").into(), server_name: "h".into(), address: None };
            let stamp = Some(Stamp { device: 1, inode: 2, size: 3, modified: -4, changed: i64::MAX });
            let failure = Some(Failure::new(Stage::Handshake, Reason::Timeout, "late"));
            let look = Look { place, labels: None, circumstances: None, facts: Some(facts), failure, stamp, counted: None };
            let event = TargetEvent::Looked(Box::new(look));
            let mut state = carry(None, event, &NoRevocations::default(), &header(), UnixTime::from_secs(5)).unwrap();
            let findings = [Finding::CurveNotAllowed].into_iter().collect();
            state.report.broken = [Broken { certificate: 0, policy: "services".into(), findings }].into();
            let (until, owner) = (UnixTime::from_secs(9), "pki".into());
            state.report.waived = [Waived { on: Item::Crl(0), finding: Finding::Stale, until, owner, why: "it moves".into() }].into();
            state.report.ended = state.report.waived.clone();
            Entry { key: n as u64, state: Arc::new(state), series: 0, hidden: false }
        })
        .collect();
    let bucket = Bucket { entries: Arc::new(entries), rendered: Rendered::default() };
    let header = SourceHeader { id: id.clone(), options: SourceOptions::default() };
    let source =
        SourceState { header: header.into(), status: SourceStatus::default(), buckets: vec![bucket.into()], rendered: Rendered::default() };
    Snapshot { sources: [(id, Arc::new(source))].into(), ..Snapshot::default() }
}

fn bytes(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, snapshot).unwrap();
    out
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let dir = StateDir::open(&folder.path().join("a/b")).unwrap();
    assert!(dir.load().unwrap().is_empty(), "nothing there yet is no error");
    let snapshot = snapshot(3);
    dir.save(&snapshot).unwrap();
    let loaded = dir.load().unwrap();
    let expected: Vec<TargetState> =
        snapshot.sources.values().flat_map(|source| source.targets()).map(|target| TargetState::clone(target)).collect();
    assert_eq!(loaded.into_values().collect::<Vec<_>>(), [expected]);
}

#[test]
fn a_second_process_is_refused_and_the_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let first = StateDir::open(&path).unwrap();
    assert!(matches!(StateDir::open(&path), Err(StateError::Disk(DiskError::Locked(_)))));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    drop(first);
    StateDir::open(&path).unwrap();
}

#[test]
fn a_file_damaged_at_any_byte_is_refused_whole() {
    let good = bytes(&snapshot(1));
    assert!(read(&*good).is_ok());
    for end in 0..good.len() {
        assert!(read(&good[..end]).is_err(), "cut at {end}");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        assert!(read(&*bad).is_err(), "byte {at} changed");
    }
}

#[test]
fn a_failed_save_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = StateDir::open(folder.path()).unwrap();
    dir.save(&snapshot(2)).unwrap();
    std::fs::create_dir(folder.path().join("state.new")).unwrap();
    assert!(dir.save(&snapshot(1)).is_err());
    assert_eq!(dir.load().unwrap().into_values().map(|targets| targets.len()).sum::<usize>(), 2);
}
