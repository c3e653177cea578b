//! Policies: which rules of the operator's a certificate breaks.
//!
//! What cannot be known for sure (names that were left out, a key of unknown size) does not pass a rule about it. Trust stores are not judged:
//! nobody here decides what is in them.

mod spiffe;

use super::findings::Subject;
use crate::model::facts::{Constraints, KeyAlgorithm, SubjectName};
use crate::model::rules::{Broken, CertificatePolicy, Demands, Spot, Subtree};
use crate::model::{CertRole, CertificateFacts, Finding, FindingSet, SourceHeader, TargetState};

/// A validity of 24 hours may be written with or without its last second, which counts (RFC 5280 section 4.1.2.5).
const TOLERANCE: i64 = 1;

/// The policies that are for the certificate at this index.
pub fn policies<'a>(
    header: &'a SourceHeader,
    target: &'a TargetState,
    facts: &'a CertificateFacts,
) -> impl Iterator<Item = &'a CertificatePolicy> {
    let spot = Spot::new(header, target.labels.as_deref(), &target.place);
    let all: &[CertificatePolicy] = if header.options.trust_store { &[] } else { &header.options.rules.policies };
    all.iter().filter(move |policy| policy.applies.fits_certificate(facts) && policy.applies.fits_place(&spot))
}

/// Adds a finding for every broken rule, and says whose.
pub(super) fn judge(subject: &Subject<'_>, certificates: &mut [FindingSet]) -> Box<[Broken]> {
    let options = &subject.header.options;
    if options.trust_store || options.rules.policies.is_empty() {
        return Box::default();
    }
    let spot = Spot::new(subject.header, subject.labels, subject.place);
    let mut broken = Vec::new();
    for policy in options.rules.policies.iter().filter(|policy| policy.applies.fits_place(&spot)) {
        for (index, (findings, facts)) in (0..).zip(certificates.iter_mut().zip(&subject.content.certificates)) {
            if !policy.applies.fits_certificate(facts) {
                continue;
            }
            let found = broken_rules(&policy.demands, facts);
            if !found.is_empty() {
                findings.extend(found);
                broken.push(Broken { certificate: index, policy: policy.name.clone(), findings: found });
            }
        }
    }
    broken.sort_by_key(|broken| broken.certificate);
    broken.into()
}

/// A finding for each rule that the certificate breaks.
pub fn broken_rules(demands: &Demands, facts: &CertificateFacts) -> FindingSet {
    let mut findings = FindingSet::EMPTY;
    key(demands, facts, &mut findings);
    let is_signed_so = demands.signature_algorithms.iter().any(|pattern| pattern.fits(&facts.signature_algorithm));
    findings.insert_if(!demands.signature_algorithms.is_empty() && !is_signed_so, Finding::SignatureAlgorithmNotAllowed);
    validity(demands, facts, &mut findings);
    let has_bits = facts.key_usage.unwrap_or_default() & demands.key_usage == demands.key_usage;
    findings.insert_if(!has_bits, Finding::KeyUsageMissing);
    let usages = facts.extended_key_usage.as_deref().unwrap_or_default();
    let has_usages = demands.extended_key_usage.iter().all(|wanted| usages.iter().any(|usage| **usage == **wanted));
    findings.insert_if(!has_usages, Finding::ExtendedKeyUsageMissing);
    let is_issued_so = demands.issuers.iter().any(|pattern| pattern.fits(&facts.issuer) || pattern.fits(&facts.issuer_cn));
    findings.insert_if(!demands.issuers.is_empty() && !is_issued_so, Finding::IssuerNotAllowed);
    let is_called_so = demands.subjects.iter().any(|pattern| pattern.fits(&facts.subject) || pattern.fits(&facts.subject_cn));
    findings.insert_if(!demands.subjects.is_empty() && !is_called_so, Finding::SubjectNotAllowed);
    if facts.role == CertRole::Leaf {
        names(demands, facts, &mut findings);
    } else {
        reach(demands, facts, &mut findings);
    }
    findings
}

fn key(demands: &Demands, facts: &CertificateFacts, findings: &mut FindingSet) {
    let key = &facts.key;
    let is_of_family = demands.key_algorithms.is_empty() || demands.key_algorithms.contains(&key.algorithm);
    findings.insert_if(!is_of_family, Finding::KeyAlgorithmNotAllowed);
    // A key of another family has no size or curve to speak of.
    if key.algorithm == KeyAlgorithm::Rsa && is_of_family {
        let is_too_short = demands.min_rsa_bits.is_some_and(|least| key.bits < least);
        let is_other = !demands.rsa_bits.is_empty() && !demands.rsa_bits.contains(&key.bits);
        findings.insert_if(is_too_short || is_other, Finding::KeySizeNotAllowed);
    }
    if key.algorithm == KeyAlgorithm::Ec && is_of_family && !demands.curves.is_empty() {
        findings.insert_if(!key.curve.is_some_and(|curve| demands.curves.contains(&curve)), Finding::CurveNotAllowed);
    }
}

fn validity(demands: &Demands, facts: &CertificateFacts, findings: &mut FindingSet) {
    let lasts = facts.not_after.secs().saturating_sub(facts.not_before.secs());
    let secs = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let is_above = |limit: Option<std::time::Duration>| limit.is_some_and(|limit| lasts > secs(limit).saturating_add(TOLERANCE));
    let is_too_long = is_above(demands.max_validity);
    findings.insert_if(is_too_long, Finding::ValidityTooLong);
    findings.insert_if(!is_too_long && is_above(demands.validity), Finding::ValidityAboveWanted);
    let is_too_short = demands.min_validity.is_some_and(|least| lasts < secs(least).saturating_sub(TOLERANCE));
    findings.insert_if(is_too_short, Finding::ValidityTooShort);
}

/// What a leaf is called.
fn names(demands: &Demands, facts: &CertificateFacts, findings: &mut FindingSet) {
    let is_cut = facts.names_left_out > 0;
    let uris = || {
        facts.names.iter().filter_map(|name| match name {
            SubjectName::Uri(uri) => Some(&**uri),
            _ => None,
        })
    };
    if demands.require_spiffe {
        // SPIFFE X.509-SVID section 2: exactly one URI; a leaf's has a path.
        let has_one = uris().count() == 1 && uris().all(|uri| spiffe::id(uri).is_some_and(|id| !id.path.is_empty()));
        findings.insert_if(!has_one || is_cut, Finding::SpiffeIdMissing);
    }
    if !demands.spiffe_trust_domains.is_empty() {
        let is_known = |domain: &str| demands.spiffe_trust_domains.iter().any(|known| known.eq_ignore_ascii_case(domain));
        let is_foreign = uris().filter_map(spiffe::claimed_domain).any(|domain| !is_known(domain));
        findings.insert_if(is_foreign || (is_cut && !demands.require_spiffe), Finding::TrustDomainNotAllowed);
    }
    if !demands.dns_patterns.is_empty() {
        let fits = |name: &str| demands.dns_patterns.iter().any(|pattern| pattern.fits(name));
        let dns = || {
            facts.names.iter().filter_map(|name| match name {
                SubjectName::Dns(name) => Some(&**name),
                _ => None,
            })
        };
        // Without a DNS name there are clients that take a common name for one: OpenSSL takes each of them.
        let all_fit =
            if dns().next().is_some() { dns().all(fits) } else { common_names(&facts.subject).filter(|name| is_host(name)).all(fits) };
        findings.insert_if(is_cut || !all_fit, Finding::DnsNameNotAllowed);
    }
    let has_address = || facts.names.iter().any(|name| matches!(name, SubjectName::Ip(_)));
    findings.insert_if(!demands.allow_ip_sans && (is_cut || has_address()), Finding::IpNameNotAllowed);
}

/// The common names of an RFC 4514 name, still escaped: what had to be escaped is no host's name.
fn common_names(subject: &str) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    let attributes = subject.split(move |c: char| {
        let splits = !is_escaped && matches!(c, ',' | '+');
        is_escaped = !is_escaped && c == '\\';
        splits
    });
    attributes.filter_map(|attribute| attribute.strip_prefix("CN="))
}

/// Whether a common name may be meant as a host's: two labels at least of what host names are made of, and no address.
fn is_host(name: &str) -> bool {
    let bare = name.strip_suffix('.').unwrap_or(name);
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
    bare.contains('.') && bare.bytes().all(is_of_names) && bare.parse::<std::net::IpAddr>().is_err()
}

/// How far a CA goes.
fn reach(demands: &Demands, facts: &CertificateFacts, findings: &mut FindingSet) {
    let nothing = Constraints::default();
    let constraints = facts.constraints.as_deref().unwrap_or(&nothing);
    if let Some(most) = demands.max_path_length {
        findings.insert_if(constraints.path_length.is_none_or(|length| length > most), Finding::PathLengthNotAllowed);
    }
    let is_missing =
        !keeps_within(&demands.permitted_names, &constraints.permitted) || !keeps_out(&demands.excluded_names, &constraints.excluded);
    findings.insert_if(is_missing, Finding::NameConstraintsMissing);
}

/// Whether a CA is permitted nothing beyond what is wanted. A kind of names that it is not constrained in is permitted as a whole.
fn keeps_within(wanted: &[Subtree], said: &[Box<str>]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let permitted: Option<Vec<Subtree>> = said.iter().map(|text| Subtree::of(text)).collect();
    let Some(permitted) = permitted.filter(|_| said.len() < Constraints::KEPT) else { return false };
    wanted.iter().all(|wanted| permitted.iter().any(|subtree| subtree.is_like(wanted)))
        && permitted.iter().all(|subtree| wanted.iter().any(|wanted| subtree.is_within(wanted)))
}

/// Whether a CA is kept from all that is wanted.
fn keeps_out(wanted: &[Subtree], said: &[Box<str>]) -> bool {
    wanted.iter().all(|wanted| said.iter().filter_map(|text| Subtree::of(text)).any(|excluded| wanted.is_within(&excluded)))
}

#[cfg(test)]
mod tests;
