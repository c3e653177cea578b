//! A CRL: what it says, and what is wrong with it.

use serde::Serialize;

use super::{WaivedRow, text, words};
use crate::model::facts::hex;
use crate::model::{CrlFacts, FindingSet};

/// What it says.
#[derive(Serialize)]
pub struct CrlIdentity<'a> {
    issuer: &'a str,
    number: Option<&'a str>,
    this_update: String,
    next_update: Option<String>,
    entries: u64,
    delta: bool,
    signature_algorithm: &'a str,
    fingerprint: String,
}

impl<'a> From<&'a CrlFacts> for CrlIdentity<'a> {
    fn from(facts: &'a CrlFacts) -> Self {
        Self {
            issuer: &facts.issuer,
            number: facts.number.as_deref(),
            this_update: facts.this_update.rfc3339(),
            next_update: text(facts.next_update),
            entries: facts.entries,
            delta: facts.delta,
            signature_algorithm: &facts.signature_algorithm,
            fingerprint: hex(&facts.fingerprint),
        }
    }
}

/// The same, with what is found on it.
#[derive(Serialize)]
pub struct CrlRow<'a> {
    #[serde(flatten)]
    identity: CrlIdentity<'a>,
    findings: Vec<&'static str>,
    waived: Vec<WaivedRow<'a>>,
    ended: Vec<WaivedRow<'a>>,
}

impl<'a> CrlRow<'a> {
    /// A CRL on which this is found and waived.
    pub fn of(facts: &'a CrlFacts, findings: FindingSet, waived: Vec<WaivedRow<'a>>, ended: Vec<WaivedRow<'a>>) -> Self {
        Self { identity: facts.into(), findings: words(findings), waived, ended }
    }
}
