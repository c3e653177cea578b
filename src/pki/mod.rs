//! Bytes to facts: containers, certificates, chains, CRLs. Pure, bounded and panic-free: the fuzz surface.
//!
//! May touch: `model`. Must not: tokio, the network, files, the clock.

pub mod container;
mod decode;

pub use decode::decode;
