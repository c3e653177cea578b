//! What somebody answers for, and until when.

use serde::Serialize;

use crate::model::Waived;

/// A finding that is waived, or was.
#[derive(Serialize)]
pub struct WaivedRow<'a> {
    finding: &'static str,
    until: String,
    owner: &'a str,
    why: &'a str,
}

impl<'a> From<&'a Waived> for WaivedRow<'a> {
    fn from(waived: &'a Waived) -> Self {
        Self { finding: waived.finding.as_str(), until: waived.until.rfc3339(), owner: &waived.owner, why: &waived.why }
    }
}

/// Several of them.
pub fn waived<'a>(all: impl Iterator<Item = &'a Waived>) -> Vec<WaivedRow<'a>> {
    all.map(WaivedRow::from).collect()
}
