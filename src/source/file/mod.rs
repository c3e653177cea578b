//! `type = "file"`: globs to observations.
//!
//! May touch: `model`, the file system. Must not: metrics, the store, the clock's date.
//!
//! Patterns are compiled once (`patterns`), walked at each scan (`walk`), and what changed is read (`read`).

use std::sync::{Arc, Mutex, PoisonError};

use super::{Built, Settings};
use crate::model::{
    BoxFuture, BuildContext, BuildError, Failure, Listing, Observation, Place, Reason, ScanContext, Secret, Source, SourceKind, Stage,
};

pub(super) mod blocked;
pub(super) mod patterns;
pub(super) mod read;
mod settings;
pub(super) mod system;
pub(super) mod walk;

pub use patterns::{escape, fits};
pub use read::read_bounded;
pub use settings::{FileSettings, passphrase_in};

use blocked::BlockedFolders;
use patterns::{Folders, Patterns};
use read::{ReadFile, Reading};
pub(in crate::source) use settings::Passphrases;
use walk::{Found, Visitor, walk};

/// The lowest of the niceties that a scan runs at: a scrape that wants the core gets it.
const SCAN_NICENESS: i32 = 10;

impl Settings for FileSettings {
    const KIND: SourceKind = SourceKind::File;

    fn build(&self, cx: &BuildContext) -> Result<Built, BuildError> {
        let source = FileSource(Arc::new(Watched {
            patterns: compile(cx, &self.paths, &self.exclude, Folders::Certificates)?,
            limit: self.max_size.0,
            passphrases: self.passphrases(&cx.base)?,
            tried: Mutex::new(None),
        }));
        Ok(vec![(Self::KIND, Box::new(source))])
    }
}

/// The patterns of a source; there is at least one.
pub(super) fn compile(cx: &BuildContext, paths: &[String], exclude: &[String], folders: Folders) -> Result<Patterns, BuildError> {
    if paths.is_empty() {
        return Err(BuildError::new("paths", "expected at least one path"));
    }
    Patterns::new(&cx.base, paths, exclude, folders).map_err(|(key, message)| BuildError::new(key, message))
}

struct FileSource(Arc<Watched>);

struct Watched {
    patterns: Patterns,
    limit: u64,
    passphrases: Passphrases,
    /// What the last complete scan tried on keystores.
    tried: Mutex<Option<Arc<[Secret]>>>,
}

impl Source for FileSource {
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        let watched = Arc::clone(&self.0);
        Box::pin(on_own_thread("scan-file", move || watched.scan(cx)))
    }
}

impl Watched {
    fn scan(&self, cx: ScanContext) -> Listing {
        let passphrases = self.passphrases.now(&cx);
        let tried = || self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        // An unchanged keystore may open with another passphrase than last time.
        let everything = cx.knows_nothing() || self.passphrases.may_change() && tried().as_ref() != Some(&passphrases);
        let reading = Reading { cx, limit: self.limit, passphrases };
        let listing = reading.run(read::threads(), |read| {
            let mut scan = Scan { cx: &reading.cx, everything, read, blocked: BlockedFolders::default() };
            let listing = walk(&self.patterns, &mut scan);
            scan.blocked.keep_known(&reading.cx);
            listing
        });
        if listing == Listing::Complete {
            *tried() = Some(reading.passphrases);
        }
        listing
    }
}

/// One scan under way.
struct Scan<'a> {
    cx: &'a ScanContext,
    everything: bool,
    read: &'a mut ReadFile<'a>,
    blocked: BlockedFolders,
}

impl Visitor for Scan<'_> {
    fn file(&mut self, found: Found<'_>) {
        let place = Place::file(found.path);
        let is_unchanged = |stamp| self.cx.is_unchanged(&place, stamp);
        if !self.cx.is_ours(&place) {
            return;
        }
        if self.everything || !found.stamp.is_some_and(is_unchanged) {
            (self.read)(found.dir, found.name, found.path, found.literal);
        }
    }

    fn failed(&mut self, path: &str, failure: Failure) {
        self.cx.observed(Observation::failed(Place::file(path), failure));
    }

    fn blocked(&mut self, path: &str, failure: Failure, reached: Vec<String>) {
        self.blocked.add(self.cx, path, failure, reached);
    }

    fn reads_all(&self) -> bool {
        self.everything
    }

    fn is_over(&self) -> bool {
        self.cx.is_over()
    }
}

/// Runs a scan that blocks on a thread of its own, not on the runtime's: its priority is lowered, and an unprivileged thread
/// cannot raise it again. Cancel safe: the thread goes on until it sees that the scan is over.
pub(super) async fn on_own_thread<T: Send + 'static>(name: &str, scan: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let (ended, end) = tokio::sync::oneshot::channel();
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // On Linux this is the thread's own, and that of the threads it starts. Without it the scan is only less polite.
        let niceness = rustix::process::getpriority_process(None).unwrap_or(0);
        _ = rustix::process::setpriority_process(None, niceness.max(SCAN_NICENESS));
        _ = ended.send(scan());
    });
    spawned.map_err(|error| Failure::new(Stage::Scan, Reason::LocalResources, error))?;
    end.await.map_err(|_| Failure::new(Stage::Scan, Reason::Panicked, "the scan's thread panicked"))
}

#[cfg(test)]
mod tests;
