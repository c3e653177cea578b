//! A certificate: who it is, and what it says.

use serde::Serialize;

use crate::model::CertificateFacts;
use crate::model::facts::{Curve, SubjectName};

/// Enough to know which one it is.
#[derive(Serialize)]
pub struct CertificateIdentity<'a> {
    fingerprint: String,
    role: &'static str,
    subject: &'a str,
    issuer: &'a str,
    serial: &'a str,
    not_after: String,
}

impl<'a> From<&'a CertificateFacts> for CertificateIdentity<'a> {
    fn from(facts: &'a CertificateFacts) -> Self {
        Self {
            fingerprint: facts.fingerprint_hex(),
            role: facts.role.as_str(),
            subject: &facts.subject,
            issuer: &facts.issuer,
            serial: &facts.serial,
            not_after: facts.not_after.rfc3339(),
        }
    }
}

/// What it says.
#[derive(Serialize)]
pub struct CertificateRow<'a> {
    #[serde(flatten)]
    identity: CertificateIdentity<'a>,
    not_before: String,
    key: &'static str,
    key_bits: u32,
    /// Of elliptic curve keys.
    curve: Option<&'static str>,
    signature_algorithm: &'a str,
    names: Vec<String>,
    /// How many more names there are.
    names_left_out: u32,
}

impl<'a> From<&'a CertificateFacts> for CertificateRow<'a> {
    fn from(facts: &'a CertificateFacts) -> Self {
        Self {
            identity: facts.into(),
            not_before: facts.not_before.rfc3339(),
            key: facts.key.algorithm.as_str(),
            key_bits: facts.key.bits,
            curve: facts.key.curve.map(Curve::as_str),
            signature_algorithm: &facts.signature_algorithm,
            names: facts.names.iter().map(SubjectName::prefixed).collect(),
            names_left_out: facts.names_left_out,
        }
    }
}
