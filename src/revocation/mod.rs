//! Revocation for every watched certificate: what is needed is collected from published snapshots, fetched once, verified, cached, and published
//! as an immutable view that judging reads. A slow responder never delays a scan.
//!
//! May touch: `model`, `pki`, `net`, its cache folder. Must not: know sources, the engine, the exposition.

mod authorities;
mod view;
mod watched;

pub use view::{View, Views};
