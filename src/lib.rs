//! notafter: watches X.509 certificates wherever they live and tells Prometheus what is about to break.
//!
//! The way of a certificate: a [`source`] finds bytes, [`pki`] makes facts of them, [`assess`] judges the facts, the
//! [`engine`] keeps and publishes them as one immutable snapshot, [`metrics`] renders that snapshot when it is published, and
//! [`http`] hands it out. [`model`] holds the nouns that they share, [`net`] the way to an endpoint, [`revocation`] what is fetched to know
//! whether a certificate still counts, [`disk`] the folders that outlast a process, [`config`] the settings, [`cli`]
//! the commands, [`app`] the wiring.

pub mod app;
pub mod assess;
pub mod cli;
pub mod config;
pub mod disk;
pub mod engine;
pub mod http;
pub mod metrics;
pub mod model;
pub mod net;
pub mod pki;
pub mod revocation;
pub mod source;
#[cfg(test)]
mod testing;
