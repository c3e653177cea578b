//! The way to an endpoint: DNS, TCP, TLS, with a stage for each failure and a bound on each step.
//!
//! May touch: `model`, the network. Must not: judge certificates, know sources.
