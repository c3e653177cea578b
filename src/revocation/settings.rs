//! What the operator says about revocation as a whole.

use std::sync::Arc;
use std::time::Duration;

use crate::model::Authority;

/// The settings of the service, built.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Nothing is fetched.
    pub offline: bool,
    /// Lists to be fetched although no certificate may point to them.
    pub lists: Vec<Arc<str>>,
    /// Responders to be asked about the certificates of an issuer, before those that the certificates name.
    pub responders: Vec<(Arc<Authority>, Arc<str>)>,
    /// Issuers that the operator trusts.
    pub trusted: Vec<Arc<Authority>>,
    /// The largest list, in bytes.
    pub list_bytes: u64,
    /// Send a nonce (RFC 9654).
    pub nonce: bool,
    /// The longest time between two looks at a list.
    pub refresh: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            offline: false,
            lists: Vec::new(),
            responders: Vec::new(),
            trusted: Vec::new(),
            list_bytes: 64 << 20,
            nonce: false,
            refresh: Duration::from_secs(1800),
        }
    }
}
