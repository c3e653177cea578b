//! The shapes that the lists share: one noun per file.

mod certificate;
mod crl;
mod place;
mod related;
mod revocation;
mod waived;

pub use certificate::{CertificateIdentity, CertificateRow};
pub use crl::{CrlIdentity, CrlRow};
pub use place::{FailureRow, Located, Owner};
pub use related::EvidenceRow;
pub use revocation::{CrlServiceRow, FetchFailureRow, ResponderRow, VerdictRow};
pub use waived::{WaivedRow, waived};

use crate::model::{Finding, FindingSet, UnixTime};

/// Findings by their spelling.
pub fn words(findings: FindingSet) -> Vec<&'static str> {
    findings.iter().map(Finding::as_str).collect()
}

/// A time that may not be known.
pub fn text(at: Option<UnixTime>) -> Option<String> {
    at.map(UnixTime::rfc3339)
}
