//! Revocation: fetches what certificates point to, once for all of them, and keeps it over restarts.
//!
//! May touch: `model`, `pki`, `net`, `disk`. Must not: know sources, the engine, metrics. Verdicts on bytes are `pki`'s, verdicts on
//! certificates are `assess`'s.

pub mod cache;
pub mod schedule;
