//! What follows for a target from other places: made by [`assess::relate`](crate::assess), kept with the target.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::finding::{Finding, FindingSet};
use super::time::UnixTime;

/// What other places say about a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// About the target.
    pub target: FindingSet,
    /// About its certificates, by fingerprint.
    pub certificates: Box<[([u8; 32], FindingSet)]>,
    /// Why, for the API, the page and the log; bounded.
    pub evidence: Box<[Evidence]>,
}

/// Why something was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was found.
    pub finding: Finding,
    /// On which certificate; `None`: on the target.
    pub certificate: Option<[u8; 32]>,
    /// Since when it is so; it was found when the grace time was over.
    pub since: UnixTime,
    /// The source of the other place.
    pub source: Arc<str>,
    /// The other place, as it is called in logs.
    pub place: Box<str>,
    /// The rest, in words.
    pub detail: Box<str>,
}

impl Related {
    /// Findings of the certificate with this fingerprint.
    pub fn certificate(&self, fingerprint: &[u8; 32]) -> FindingSet {
        self.certificates.iter().find(|(known, _)| known == fingerprint).map(|(_, findings)| *findings).unwrap_or_default()
    }
}
