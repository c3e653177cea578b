//! The contract between a source and the engine: the source looks and hands over, the engine keeps.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::BoxFuture;
use super::clock::Clock;
use super::observation::{Failure, Observation};
use super::options::Labels;
use super::place::Place;
use super::state::Circumstances;
use super::vocabulary::{KubeResource, Reason};

/// Somewhere certificates live. It touches no metric, no store and no wall clock.
pub trait Source: Send + Sync {
    /// Looks at everything once and hands each observation to `cx` as it comes.
    ///
    /// May be dropped at any await. Work that cannot be dropped (a blocking thread) holds a clone of `cx` for as long as it
    /// runs and looks at [`ScanContext::is_over`] now and then.
    ///
    /// # Errors
    /// The source could not be listed at all: everything known of it is kept.
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>>;

    /// Follows what changes between two scans; runs from the end of one (whatever came of it) to the beginning of the next, when it is dropped.
    ///
    /// It reports changes as they come: [`ScanContext::observed`], [`ScanContext::described`], [`ScanContext::gone`], [`ScanContext::retain`],
    /// and whether it can see at all: [`ScanContext::lost`], [`ScanContext::regained`]. What returns is not called again before the next scan.
    fn follow(&self, cx: ScanContext) -> BoxFuture<'_, ()> {
        drop(cx);
        Box::pin(std::future::pending())
    }
}

/// Whether a scan saw everything there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// What was not seen is gone.
    Complete,
    /// What was not seen may still be there.
    Partial,
}

/// How an unchanged file is recognised: identity and times of what its path resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds; ends in the year 2262.
    pub modified: i64,
    /// Change time in nanoseconds, likewise.
    pub changed: i64,
}

impl Stamp {
    /// The stamp of something without a file: equal for equal bytes.
    pub fn of_digest(digest: [u8; 32], size: u64) -> Self {
        let [inode, modified, changed] =
            [0, 8, 16].map(|at| digest[at..at + 8].iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte)));
        Self { device: 0, inode, size, modified: modified.cast_signed(), changed: changed.cast_signed() }
    }
}

/// Something that happened between us and a Kubernetes API server, for counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiEvent {
    /// Everything had to be listed again because the server had forgotten where the watch was.
    Resync(KubeResource),
    /// A request failed, or a watch broke off.
    Error(KubeResource, Reason),
}

/// Where observations go. Implemented by the engine (and by tests).
pub trait Sink: Send + Sync {
    /// Takes one observation; decodes, judges and keeps it.
    fn observed(&self, observation: Observation);
    /// Takes an error that belongs to the source and to no place of it (its trust anchors …): counted and logged.
    fn source_error(&self, failure: Failure);
    /// Whether the place is known with this stamp and needs no reading; then it counts as seen in this scan.
    fn is_unchanged(&self, place: &Place, stamp: Stamp) -> bool;
    /// Whether no place is known yet: then nobody needs to ask whether one has changed.
    fn knows_nothing(&self) -> bool {
        false
    }
    /// Every place that is known from before.
    fn each_known(&self, visit: &mut dyn FnMut(&Place));
    /// Whether the place is for this process to look at, and not for another that shares the work. Observations of others are ignored.
    fn is_ours(&self, place: &Place) -> bool {
        let _ = place;
        true
    }
    /// What is known of a place besides its bytes has changed; places that are not known are ignored.
    fn described(&self, place: &Place, labels: Option<Arc<Labels>>, circumstances: Option<Arc<Circumstances>>) {
        let _ = (place, labels, circumstances);
    }
    /// The place is no more.
    fn gone(&self, place: &Place) {
        let _ = place;
    }
    /// Of all known places only these are still there.
    fn retain(&self, is_kept: &mut dyn FnMut(&Place) -> bool) {
        let _ = is_kept;
    }
    /// While following: changes are not seen any more. Everything known is kept.
    fn lost(&self, failure: Failure) {
        let _ = failure;
    }
    /// While following: changes are seen again, and none was missed.
    fn regained(&self) {}
    /// For counters.
    fn api_event(&self, event: ApiEvent) {
        let _ = event;
    }
    /// The scan has been given up: whatever comes now is ignored.
    fn is_over(&self) -> bool;
}

/// All that a source may use during one scan.
#[derive(Clone)]
pub struct ScanContext {
    /// Where observations go.
    pub sink: Arc<dyn Sink>,
    /// For durations and waiting; not for the date.
    pub clock: Arc<dyn Clock>,
    /// When the scan began.
    pub started_at: SystemTime,
    /// One target, all stages.
    pub timeout: Duration,
}

impl ScanContext {
    /// See [`Sink::observed`].
    pub fn observed(&self, observation: Observation) {
        self.sink.observed(observation);
    }

    /// See [`Sink::source_error`].
    pub fn source_error(&self, failure: Failure) {
        self.sink.source_error(failure);
    }

    /// See [`Sink::is_unchanged`].
    pub fn is_unchanged(&self, place: &Place, stamp: Stamp) -> bool {
        self.sink.is_unchanged(place, stamp)
    }

    /// See [`Sink::knows_nothing`].
    pub fn knows_nothing(&self) -> bool {
        self.sink.knows_nothing()
    }

    /// See [`Sink::each_known`].
    pub fn each_known(&self, mut visit: impl FnMut(&Place)) {
        self.sink.each_known(&mut visit);
    }

    /// See [`Sink::is_ours`].
    pub fn is_ours(&self, place: &Place) -> bool {
        self.sink.is_ours(place)
    }

    /// See [`Sink::described`].
    pub fn described(&self, place: &Place, labels: Option<Arc<Labels>>, circumstances: Option<Arc<Circumstances>>) {
        self.sink.described(place, labels, circumstances);
    }

    /// See [`Sink::gone`].
    pub fn gone(&self, place: &Place) {
        self.sink.gone(place);
    }

    /// See [`Sink::retain`].
    pub fn retain(&self, mut is_kept: impl FnMut(&Place) -> bool) {
        self.sink.retain(&mut is_kept);
    }

    /// See [`Sink::lost`].
    pub fn lost(&self, failure: Failure) {
        self.sink.lost(failure);
    }

    /// See [`Sink::regained`].
    pub fn regained(&self) {
        self.sink.regained();
    }

    /// See [`Sink::api_event`].
    pub fn api_event(&self, event: ApiEvent) {
        self.sink.api_event(event);
    }

    /// See [`Sink::is_over`].
    pub fn is_over(&self) -> bool {
        self.sink.is_over()
    }
}

/// What a source may know while it is built: nothing is read or dialled yet.
#[derive(Clone, Debug, Default)]
pub struct BuildContext {
    /// The folder that relative paths of the configuration start from.
    pub base: std::path::PathBuf,
}

/// Settings that parse, but from which no source can be built.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct BuildError {
    /// The key in the source's table.
    pub key: String,
    /// What was expected.
    pub message: String,
}

impl BuildError {
    /// An error at a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}
