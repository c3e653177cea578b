//! What the operator demands of certificates, and of whom: the same for all sources.

use std::time::Duration;

/// The rules of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The user's labels that name an owner: a place without any of them is unowned.
    pub owners: Box<[Box<str>]>,
    /// How long endpoints may go on serving what is stored no more, and addresses of one name may differ.
    pub grace: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self { owners: ["team".into(), "owner".into()].into(), grace: Duration::from_secs(15 * 60) }
    }
}
