//! Runs the sources: schedule, scan, keep, publish; reload and restart without losing what is known.
//!
//! May touch: `model`, `pki`, `assess`, tokio's tasks and timers, the state file. Must not: know metrics, HTTP or the configuration file.

mod clock;
mod interner;
mod ledger;
mod once;
mod plan;
mod related;
mod relating;
mod renewals;
mod runner;
pub mod schedule;
mod sink;
pub mod state_file;
pub mod store;
mod supervisor;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod watch;

pub use clock::SteadyClock;
pub use once::{Round, look_once};
pub use plan::{Plan, plan};
pub use relating::{Board, Relating};
pub use renewals::Renewals;
pub use supervisor::{Parts, SourceSpec, Supervisor};
