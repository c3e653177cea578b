//! When sources are looked at, and what is kept of what they said.

pub mod schedule;
