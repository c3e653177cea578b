//! What a scan from outside cannot arrange: several readers, files that change while they are read, panics.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::read::{ReadError, is_settled, read_at};
use super::system::{folder_failure, read_failure};
use super::*;
use crate::model::clock::SystemClock;
use crate::model::{Sink, Stamp};

/// Counts what it is given, and panics at the places that are called so.
#[derive(Default)]
struct Counting {
    found: AtomicUsize,
    failed: Mutex<Vec<Reason>>,
}

impl Sink for Counting {
    fn observed(&self, observation: Observation) {
        assert!(!observation.place.to_string().ends_with("panic"), "told to");
        match observation.failure {
            None => _ = self.found.fetch_add(1, Ordering::Relaxed),
            Some(failure) => self.failed.lock().unwrap().push(failure.reason),
        }
    }

    fn source_error(&self, _: Failure) {}

    fn is_unchanged(&self, _: &Place, _: Stamp) -> bool {
        false
    }

    fn each_known(&self, _: &mut dyn FnMut(&Place)) {}

    fn is_over(&self) -> bool {
        false
    }
}

fn context(sink: &Arc<Counting>) -> ScanContext {
    let sink = Arc::clone(sink) as Arc<dyn Sink>;
    ScanContext { sink, clock: Arc::new(SystemClock::new()), started_at: SystemTime::UNIX_EPOCH, timeout: Duration::ZERO }
}

fn reading(sink: &Arc<Counting>) -> Reading {
    Reading { cx: context(sink), limit: 10, passphrases: [].into() }
}

fn open(path: &Path) -> Arc<OwnedFd> {
    Arc::new(openat(CWD, path, OFlags::PATH, Mode::empty()).unwrap())
}

#[test]
fn every_file_is_read_once_whatever_the_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "x").unwrap();
    for threads in [1, 2, 4] {
        let sink = Arc::default();
        let fd = open(dir.path());
        let listing = reading(&sink).run(threads, |read| {
            for number in 0..2_000 {
                read(&fd, c"a", &number.to_string(), false);
            }
            Listing::Complete
        });
        assert_eq!((listing, sink.found.load(Ordering::Relaxed)), (Listing::Complete, 2_000), "{threads} threads");
    }
}

#[test]
fn readers_that_panic_end_the_scan_and_do_not_hang_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "x").unwrap();
    for threads in [1, 2, 4] {
        let sink = Arc::default();
        let (reading, fd) = (reading(&sink), open(dir.path()));
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            reading.run(threads, |read| (0..2_000).for_each(|_| read(&fd, c"a", "panic", false)));
        }));
        assert!(ended.is_err(), "{threads} threads");
    }
}

#[tokio::test]
async fn a_panic_is_a_failure_of_the_scan() {
    let failure = on_own_thread("scan-test", || panic!("told to")).await.unwrap_err();
    assert_eq!((failure.stage, failure.reason), (Stage::Scan, Reason::Panicked));
}

#[test]
fn what_changed_after_it_was_listed_is_an_error_only_where_it_was_spelt_out() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    rustix::fs::mknodat(CWD, at("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    std::fs::write(at("grown"), [b'x'; 11]).unwrap();
    for (name, from_glob, literal) in [
        (c"gone", None, Reason::NotFound),
        (c"folder", None, Reason::ReadFailed),
        (c"fifo", None, Reason::ReadFailed),
        (c"dangling", Some(Reason::BrokenSymlink), Reason::BrokenSymlink),
        (c"grown", Some(Reason::TooLarge), Reason::TooLarge),
    ] {
        for (is_literal, expected) in [(false, from_glob), (true, Some(literal))] {
            let sink: Arc<Counting> = Arc::default();
            reading(&sink).run(1, |read| read(&open(dir.path()), name, "x", is_literal));
            assert_eq!(*sink.failed.lock().unwrap(), Vec::from_iter(expected), "{name:?} literal: {is_literal}");
        }
    }
}

#[test]
fn a_file_without_a_size_is_read_up_to_the_limit() {
    // Files of /proc say that they hold nothing; an endless one would fill the memory.
    let proc = open(Path::new("/proc/self"));
    use std::os::fd::AsFd;
    assert!(matches!(read_at(proc.as_fd(), c"status", 16), Err(ReadError::TooLarge(16))));
    assert!(read_at(proc.as_fd(), c"status", 1 << 20).is_ok_and(|(bytes, stamp)| stamp.size == 0 && !bytes.is_empty()));
}

#[test]
fn stamps_are_kept_two_seconds_after_the_last_change() {
    let stamp = |modified: i64, changed: i64| Stamp { device: 0, inode: 0, size: 0, modified, changed };
    let second = 1_000_000_000;
    let started_at = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
    for (modified, changed, settled) in [
        (97 * second, 97 * second, true),
        (98 * second - 1, -5, true),
        (98 * second, 97 * second, false),
        (97 * second, 98 * second, false),
        (200 * second, 97 * second, false),
    ] {
        assert_eq!(is_settled(stamp(modified, changed), started_at), settled, "{modified} {changed}");
    }
}

#[test]
fn the_systems_errors_have_a_reason_each() {
    for (error, of_file, of_folder) in [
        (Errno::ACCESS, Reason::PermissionDenied, Reason::PermissionDenied),
        (Errno::PERM, Reason::PermissionDenied, Reason::PermissionDenied),
        (Errno::NOENT, Reason::NotFound, Reason::NotFound),
        (Errno::LOOP, Reason::BrokenSymlink, Reason::BrokenSymlink),
        (Errno::IO, Reason::ReadFailed, Reason::WalkError),
        (Errno::MFILE, Reason::ReadFailed, Reason::WalkError),
        (Errno::STALE, Reason::ReadFailed, Reason::WalkError),
    ] {
        assert_eq!((read_failure(error).reason, folder_failure(error).reason), (of_file, of_folder), "{error:?}");
    }
}
