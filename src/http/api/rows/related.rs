//! What another place has to do with a finding.

use serde::Serialize;

use crate::model::Evidence;
use crate::model::facts::hex;

/// Why something was found.
#[derive(Serialize)]
pub struct EvidenceRow<'a> {
    finding: &'static str,
    /// Fingerprint; absent when it is about the place.
    certificate: Option<String>,
    since: String,
    /// The source of the other place; absent where there is none.
    source: Option<&'a str>,
    /// The other place, as it is called in the log.
    place_text: Option<&'a str>,
    detail: &'a str,
}

impl<'a> From<&'a Evidence> for EvidenceRow<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
        Self {
            finding: evidence.finding.as_str(),
            certificate: evidence.certificate.as_ref().map(|fingerprint| hex(fingerprint)),
            since: evidence.since.rfc3339(),
            source: some(&evidence.source),
            place_text: some(&evidence.place),
            detail: &evidence.detail,
        }
    }
}
