//! The keys that every source has, whatever its kind.

use std::sync::Arc;
use std::time::Duration;

use super::revocation::RevocationMethod;
use super::rules::Rules;

/// The user's own labels, sorted by name: on every series of a source or target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Labels(pub Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// The value of the label of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }
}

/// Which certificates of a place are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainScope {
    /// Leaf, intermediates, roots.
    #[default]
    All,
    /// Leaves only.
    Leaf,
}

/// What the engine and the exposition need to know of a source besides its kind's own settings.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceOptions {
    /// One target, all stages.
    pub timeout: Duration,
    /// A whole scan; `None`: the larger of 60 s and the schedule's period.
    pub deadline: Option<Duration>,
    /// On every series of the source.
    pub labels: Arc<Labels>,
    /// How long the certificates of a failing target are kept; `None`: for ever.
    pub retain: Option<Duration>,
    /// The most series that targets of this source may make.
    pub max_series: u64,
    /// Which certificates of a place are kept.
    pub chain: ChainScope,
    /// A public trust store: each place is folded into one series.
    pub trust_store: bool,
    /// The part of the lifetime after which a leaf should have been renewed; `None`: as its renewals show, else
    /// [`ROTATE_AT`](super::renewal::ROTATE_AT).
    pub rotate_at: Option<f64>,
    /// The endpoints that leaves of this source are for, as their targets are written.
    pub serves: Arc<[Box<str>]>,
    /// Endpoints of this source must serve what is stored in a place that is watched.
    pub must_be_stored: bool,
    /// What holds for certificates of all sources.
    pub rules: Arc<Rules>,
    /// How revocation is looked up, most preferred first; empty: not at all.
    pub revocation: Arc<[RevocationMethod]>,
    /// Whether all of them are asked, and not only until one answers.
    pub compare: bool,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            deadline: None,
            labels: Arc::default(),
            retain: None,
            max_series: 5_000_000,
            chain: ChainScope::All,
            trust_store: false,
            rotate_at: None,
            serves: Arc::from([]),
            must_be_stored: false,
            rules: Arc::default(),
            revocation: Arc::from([RevocationMethod::Staple, RevocationMethod::Crl, RevocationMethod::Ocsp]),
            compare: false,
        }
    }
}
