//! The published state as readers see it. Implemented by the engine's store, read by `http` and `metrics`.

use std::sync::Arc;

use super::id::SourceId;
use super::render::Rendered;
use super::state::{SourceHeader, SourceStatus, TargetState};

/// Where the current state is had.
pub trait Snapshots: Send + Sync {
    /// The state as of now; it never changes afterwards.
    fn load(&self) -> Arc<dyn SnapshotView>;
}

/// All that is known, at one moment.
pub trait SnapshotView: Send + Sync {
    /// Every rendered piece, source by source.
    fn rendered(&self, visit: &mut dyn FnMut(&Rendered));
    /// Every source.
    fn sources(&self, visit: &mut dyn FnMut(&SourceHeader, &SourceStatus));
    /// Every target of a source.
    fn targets(&self, source: &SourceId, visit: &mut dyn FnMut(&TargetState));
    /// Grows with every publication.
    fn generation(&self) -> u64;
    /// Whether every source's first round has ended.
    fn ready(&self) -> bool;
}
