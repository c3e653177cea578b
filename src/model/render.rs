//! The exposition's pieces: made when state is published, only joined when it is scraped.

use bytes::Bytes;

use super::relations::Relations;
use super::revocation::Services;
use super::state::{SourceHeader, SourceStatus, TargetState};

/// Turns state into exposition fragments. Implemented by `metrics`, used by the engine's store.
pub trait Render: Send + Sync {
    /// The series of a bucket of targets, in the order given.
    fn targets(&self, source: &SourceHeader, targets: &mut dyn Iterator<Item = &TargetState>) -> Rendered;
    /// The series of the source itself.
    fn source(&self, source: &SourceHeader, status: &SourceStatus) -> Rendered;
    /// The series of CRLs at URLs and of responders.
    fn services(&self, services: &Services) -> Rendered;
    /// The series of CA certificates, wherever they are.
    fn relations(&self, relations: &Relations) -> Rendered;
    /// How many series a target makes, for the source's cap.
    fn series(&self, source: &SourceHeader, target: &TargetState) -> u64;
}

/// The fragments of one bucket or source, sorted by family.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// At most one per family.
    pub fragments: Box<[Fragment]>,
    /// Pairs of certificates or CRLs that only the discriminator tells apart.
    pub clashes: u64,
}

/// The lines of one family, deflated: raw DEFLATE that ends in a sync flush, without a final block.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// Index of the family in the metric table.
    pub family: u16,
    /// Number of lines.
    pub lines: u32,
    /// The deflated lines.
    pub deflated: Bytes,
    /// CRC-32 of the lines.
    pub crc: u32,
    /// Length of the lines in bytes.
    pub len: u64,
}
