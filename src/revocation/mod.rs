//! Revocation for every watched certificate: what is needed is collected from published snapshots, fetched once, verified, cached, and published
//! as an immutable view that judging reads. A slow responder never delays a scan.
//!
//! May touch: `model`, `pki`, `net`, `disk`. Must not: know sources, the engine, metrics. Verdicts on bytes are `pki`'s, verdicts on
//! certificates are `assess`'s.
//!
//! [`Service`] follows snapshots and runs jobs; its core, which does no I/O, says which.

pub mod cache;
pub mod schedule;

mod asks;
mod authorities;
mod core;
mod issuers;
mod jobs;
mod lists;
mod rows;
mod service;
mod settings;
mod view;
mod watched;

pub use service::{Parts, Service};
pub use settings::Settings;
pub use view::{View, Views};
