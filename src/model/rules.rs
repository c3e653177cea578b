//! What the operator demands of certificates, and of whom: the same for all sources.

use std::time::Duration;

pub mod pattern;
pub mod policy;
pub mod selector;
pub mod subtree;
pub mod waiver;

pub use pattern::{DnsPattern, Pattern};
pub use policy::{Broken, CertificatePolicy, Demands};
pub use selector::{Selector, Spot};
pub use subtree::Subtree;
pub use waiver::{Item, Waived, Waiver};

/// The rules of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The user's labels that name an owner: a place without any of them is unowned.
    pub owners: Box<[Box<str>]>,
    /// How long endpoints may go on serving what is stored no more, and addresses of one name may differ.
    pub grace: Duration,
    /// `[policy.*]`, sorted by name.
    pub policies: Box<[CertificatePolicy]>,
    /// `[[waiver]]`, in the order of the file.
    pub waivers: Box<[Waiver]>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            owners: ["team".into(), "owner".into()].into(),
            grace: Duration::from_secs(15 * 60),
            policies: Box::default(),
            waivers: Box::default(),
        }
    }
}
