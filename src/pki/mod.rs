//! Bytes to facts: containers, certificates, chains, CRLs. Pure, bounded and panic-free: the fuzz surface.
//!
//! May touch: `model`. Must not: tokio, the network, files, the clock.

pub mod authority;
pub mod certificate;
mod chain;
mod constraints;
pub mod container;
pub mod crl;
mod decode;
mod der;
mod extensions;
#[cfg(test)]
pub(crate) mod fixtures;
mod key;
pub mod name;
pub mod ocsp;
mod oid;
mod pointers;
pub mod signature;
pub mod verify;

pub use chain::verified_until;
pub use decode::decode;
