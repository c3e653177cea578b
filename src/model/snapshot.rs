//! The published state as its readers see it. Implemented by the engine's store, read by `http` and `cli`.

use std::sync::Arc;

use super::id::SourceId;
use super::relations::Relations;
use super::render::Rendered;
use super::revocation::Services;
use super::state::{SourceHeader, SourceStatus, TargetState};

/// The door to the newest snapshot.
pub trait Snapshots: Send + Sync {
    /// The newest snapshot. Does no I/O and waits for nothing.
    fn load(&self) -> Arc<dyn SnapshotView>;
}

/// Takes the number of a piece, and its targets.
pub type PieceVisitor<'v, 'a> = &'v mut dyn FnMut(usize, &mut dyn Iterator<Item = &'a Arc<TargetState>>);

/// One snapshot; it never changes.
pub trait SnapshotView: Send + Sync {
    /// All fragments: sources by name, each source's own first, then its buckets, always in the same order; those of the services last.
    fn rendered(&self, visit: &mut dyn FnMut(&Rendered));
    /// All sources, by name.
    fn sources<'a>(&'a self, visit: &mut dyn FnMut(&'a SourceHeader, &'a SourceStatus));
    /// The targets of one source, in any order; none when there is no such source.
    fn targets<'a>(&'a self, source: &SourceId, visit: &mut dyn FnMut(&'a TargetState));
    /// The targets of one source in pieces that are replaced as a whole. A piece's number is its own for as long as this snapshot is held: who holds
    /// the former one too knows by it what has not changed.
    fn pieces<'a>(&'a self, source: &SourceId, visit: PieceVisitor<'_, 'a>);
    /// CRLs at URLs and responders.
    fn services(&self) -> &Services;
    /// What all sources together say.
    fn relations(&self) -> &Relations;
    /// Grows with every publication.
    fn generation(&self) -> u64;
    /// Whether the first round of every source has ended.
    fn ready(&self) -> bool;
}
