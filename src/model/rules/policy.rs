//! `[policy.*]`: what certificates must be like.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pattern::{DnsPattern, Pattern};
use super::selector::Selector;
use super::subtree::Subtree;
use crate::model::FindingSet;
use crate::model::facts::{Curve, KeyAlgorithm};

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePolicy {
    /// The name of its table.
    pub name: Arc<str>,
    /// For people: what no certificate shows.
    pub note: Option<Box<str>>,
    /// What it is for.
    pub applies: Selector,
    /// What it asks for.
    pub demands: Demands,
}

/// The rules of a policy. An empty list and `None` ask for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demands {
    /// The key is of one of these families.
    pub key_algorithms: Box<[KeyAlgorithm]>,
    /// An RSA key has one of these sizes, in bits.
    pub rsa_bits: Box<[u32]>,
    /// An RSA key has at least so many bits.
    pub min_rsa_bits: Option<u32>,
    /// An elliptic curve key is on one of these curves.
    pub curves: Box<[Curve]>,
    /// It is signed with one of these, as `x509_cert_info` spells them; without regard to case.
    pub signature_algorithms: Box<[Pattern]>,
    /// It is valid for so long; more is a finding of its own as long as it is within `max_validity`.
    pub validity: Option<Duration>,
    /// It is valid for no longer.
    pub max_validity: Option<Duration>,
    /// It is valid for at least so long.
    pub min_validity: Option<Duration>,
    /// Key usage bits that it must have (RFC 5280 section 4.2.1.3).
    pub key_usage: u16,
    /// Extended key usages that it must have, by name or OID.
    pub extended_key_usage: Box<[Box<str>]>,
    /// A leaf has exactly one URI name, and that is a SPIFFE ID.
    pub require_spiffe: bool,
    /// SPIFFE IDs of leaves are of one of these trust domains.
    pub spiffe_trust_domains: Box<[Box<str>]>,
    /// Every DNS name of a leaf fits one of these.
    pub dns_patterns: Box<[DnsPattern]>,
    /// Leaves may have IP addresses as names.
    pub allow_ip_sans: bool,
    /// It is issued by one of these: the whole issuer in RFC 4514 form, or its common name; without regard to case.
    pub issuers: Box<[Pattern]>,
    /// It is called like one of these: the whole subject in RFC 4514 form, or its common name; without regard to case.
    pub subjects: Box<[Pattern]>,
    /// At most so many CA certificates may follow below a CA (RFC 5280 section 4.2.1.9).
    pub max_path_length: Option<u32>,
    /// A CA is constrained to names within these.
    pub permitted_names: Box<[Subtree]>,
    /// A CA is kept from these names.
    pub excluded_names: Box<[Subtree]>,
}

/// It asks for nothing.
impl Default for Demands {
    fn default() -> Self {
        Self {
            key_algorithms: Box::default(),
            rsa_bits: Box::default(),
            min_rsa_bits: None,
            curves: Box::default(),
            signature_algorithms: Box::default(),
            validity: None,
            max_validity: None,
            min_validity: None,
            key_usage: 0,
            extended_key_usage: Box::default(),
            require_spiffe: false,
            spiffe_trust_domains: Box::default(),
            dns_patterns: Box::default(),
            allow_ip_sans: true,
            issuers: Box::default(),
            subjects: Box::default(),
            max_path_length: None,
            permitted_names: Box::default(),
            excluded_names: Box::default(),
        }
    }
}

/// A policy that a certificate breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Which certificate of the place, by its index.
    pub certificate: u32,
    /// The policy's name.
    pub policy: Arc<str>,
    /// A finding for each broken rule, waived ones too.
    pub findings: FindingSet,
}
