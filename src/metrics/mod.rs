//! What Prometheus reads: one table of all families, the rendering of published state, per-source counters, generated docs.
//!
//! May touch: `model`. Must not: know sources, the network, or HTTP; ask the time; parse certificates.
//!
//! [`Renderer`] makes deflated fragments of a bucket when it is published, [`Exposition`] only joins them when it is scraped, and
//! [`Counters`] holds what happens between snapshots.

mod compat;
mod counters;
mod deflate;
pub mod docs;
mod exposition;
mod labels;
mod probe;
mod render;
pub mod table;
mod text;

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod example;

pub use counters::Counters;
pub use exposition::{CONTENT_TYPE, Exposition, GzipBody, PlainBody, Scrape};
pub use labels::{Group, LabelSet};
pub use probe::{ProbeFacts, probe_page};
pub use render::Renderer;
