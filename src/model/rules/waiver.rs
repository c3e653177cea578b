//! `[[waiver]]`: findings that somebody answers for until a date.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::selector::Selector;
use crate::model::{Finding, FindingSet, UnixTime};

/// One waiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// What it is for.
    pub applies: Selector,
    /// Which findings.
    pub findings: FindingSet,
    /// The last second in which it is in force.
    pub until: UnixTime,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// Why.
    pub why: Arc<str>,
}

/// A finding that is waived, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waived {
    /// On what.
    pub on: Item,
    /// What would have been found.
    pub finding: Finding,
    /// Until when, of several waivers the last end.
    pub until: UnixTime,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// Why.
    pub why: Arc<str>,
}

/// What a finding of a target is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Item {
    /// The target itself.
    Target,
    /// A certificate, by its index.
    Certificate(u32),
    /// A CRL, by its index.
    Crl(u32),
}
