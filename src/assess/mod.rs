//! Facts to judgement: findings, and what is carried from one scan to the next.
//!
//! May touch: `model`, `pki`. Must not: the network, tokio, the clock; the time is an argument.

mod carry;
mod due;
mod failed;
mod findings;
#[cfg(test)]
pub(crate) mod fixtures;
mod policy;
pub mod relate;
mod renewal;
mod revocation;
mod rotation;
mod waiver;

pub use carry::{Look, TargetEvent, carry};
pub use findings::{Subject, assess, certificate};
pub use policy::{broken_rules, policies};
pub use renewal::{Renewal, renewals};
