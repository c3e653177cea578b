//! The rules: what is wrong with a certificate, a CRL, an endpoint, at a given time.

use crate::model::facts::KeyAlgorithm;
use crate::model::{CertRole, CertificateFacts, Content, CrlFacts, EndpointFacts, Finding, FindingSet, Report, UnixTime};

/// NIST SP 800-57 part 1 table 2: below these sizes a key gives less than 112 bits of security.
const RSA_BITS: u32 = 2048;
const EC_BITS: u32 = 224;

/// Judges what a place holds at `now`. The report says when time alone will change it.
pub fn assess(content: &Content, endpoint: Option<&EndpointFacts>, now: UnixTime) -> Report {
    let mut certificates: Vec<FindingSet> = content.certificates.iter().map(|facts| certificate(facts, now)).collect();
    if let (Some(endpoint), Some(leaf)) = (endpoint, certificates.first_mut()) {
        for finding in endpoint.leaf.iter() {
            leaf.insert(finding);
        }
    }
    let crls: Vec<FindingSet> = content.crls.iter().map(|facts| crl(facts, now)).collect();
    let due = content
        .certificates
        .iter()
        .flat_map(|facts| [facts.not_before, after(facts.not_after)])
        .chain(content.crls.iter().filter_map(|facts| facts.next_update.map(after)))
        .filter(|at| *at > now)
        .min();
    Report {
        certificates: unless_clean(certificates),
        crls: unless_clean(crls),
        target: endpoint.map_or(FindingSet::EMPTY, |facts| facts.target),
        revocation: Box::default(),
        due,
    }
}

/// Judges one certificate by itself.
pub fn certificate(facts: &CertificateFacts, now: UnixTime) -> FindingSet {
    let mut findings = FindingSet::EMPTY;
    // RFC 5280 section 4.1.2.5: the validity period runs through notAfter, inclusive.
    findings.insert_if(now > facts.not_after, Finding::Expired);
    findings.insert_if(now < facts.not_before, Finding::NotYetValid);
    findings.insert_if(has_weak_key(facts), Finding::WeakKey);
    // Nobody checks the signature of a trust anchor (RFC 5280 section 6.1.1 (d)).
    findings.insert_if(facts.weak_signature && facts.role != CertRole::Root, Finding::WeakSignature);
    findings
}

fn has_weak_key(facts: &CertificateFacts) -> bool {
    match facts.key.algorithm {
        KeyAlgorithm::Rsa => facts.key.bits != 0 && facts.key.bits < RSA_BITS,
        KeyAlgorithm::Ec => facts.key.bits != 0 && facts.key.bits < EC_BITS,
        KeyAlgorithm::Dsa => true,
        KeyAlgorithm::Ed25519 | KeyAlgorithm::Ed448 | KeyAlgorithm::MlDsa | KeyAlgorithm::Other => false,
    }
}

fn crl(facts: &CrlFacts, now: UnixTime) -> FindingSet {
    let mut findings = FindingSet::EMPTY;
    // RFC 5280 section 5.1.2.5: the next list is issued no later than nextUpdate.
    findings.insert_if(facts.next_update.is_some_and(|next| now > next), Finding::Stale);
    findings
}

fn after(at: UnixTime) -> UnixTime {
    UnixTime::from_secs(at.secs().saturating_add(1))
}

fn unless_clean(sets: Vec<FindingSet>) -> Box<[FindingSet]> {
    if sets.iter().all(|set| set.is_empty()) { Box::default() } else { sets.into_boxed_slice() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::fixtures::{certificate, crl};
    use crate::model::facts::KeyFacts;

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    /// The findings of one certificate valid from 100 to 200.
    fn found(change: impl FnOnce(&mut CertificateFacts), now: i64) -> Vec<Finding> {
        let mut facts = certificate("a", 100, 200);
        change(&mut facts);
        let content = Content { certificates: [facts].into(), crls: Box::default(), ..Content::default() };
        assess(&content, None, at(now)).certificate(0).iter().collect()
    }

    fn key(algorithm: KeyAlgorithm, bits: u32) -> impl FnOnce(&mut CertificateFacts) {
        move |facts| facts.key = KeyFacts { algorithm, bits }
    }

    #[test]
    fn validity_is_inclusive_at_both_ends() {
        let cases = [(99, vec![Finding::NotYetValid]), (100, vec![]), (200, vec![]), (201, vec![Finding::Expired])];
        for (now, expected) in cases {
            assert_eq!(found(|_| (), now), expected, "at {now}");
        }
    }

    #[test]
    fn keys_below_112_bits_of_security_are_weak() {
        let cases = [
            (KeyAlgorithm::Rsa, 1024, true),
            (KeyAlgorithm::Rsa, 2047, true),
            (KeyAlgorithm::Rsa, 2048, false),
            (KeyAlgorithm::Rsa, 0, false),
            (KeyAlgorithm::Ec, 192, true),
            (KeyAlgorithm::Ec, 224, false),
            (KeyAlgorithm::Dsa, 2048, true),
            (KeyAlgorithm::Ed25519, 256, false),
            (KeyAlgorithm::Other, 0, false),
        ];
        for (algorithm, bits, weak) in cases {
            assert_eq!(found(key(algorithm, bits), 150) == [Finding::WeakKey], weak, "{algorithm} {bits}");
        }
    }

    #[test]
    fn a_weak_signature_counts_except_on_a_root() {
        for (role, weak) in [(CertRole::Leaf, true), (CertRole::Intermediate, true), (CertRole::Root, false)] {
            let findings = found(
                |facts| {
                    facts.weak_signature = true;
                    facts.role = role;
                },
                150,
            );
            assert_eq!(findings == [Finding::WeakSignature], weak, "{role}");
        }
    }

    #[test]
    fn a_crl_is_stale_only_past_its_next_update() {
        for (next_update, now, stale) in [(Some(200), 200, false), (Some(200), 201, true), (None, 9_999, false)] {
            let content = Content { crls: [crl("ca", 100, next_update)].into(), ..Content::default() };
            assert_eq!(assess(&content, None, at(now)).crl(0).contains(Finding::Stale), stale, "{next_update:?} at {now}");
        }
    }

    #[test]
    fn the_report_says_when_time_alone_changes_it() {
        let content =
            Content { certificates: [certificate("a", 100, 200)].into(), crls: [crl("ca", 100, Some(150))].into(), ..Content::default() };
        for (now, due) in [(50, Some(100)), (100, Some(151)), (151, Some(201)), (201, None)] {
            assert_eq!(assess(&content, None, at(now)).due, due.map(at), "at {now}");
        }
    }

    #[test]
    fn what_an_endpoint_shows_is_found_on_its_leaf_and_on_itself() {
        let endpoint = EndpointFacts {
            leaf: [Finding::Untrusted].into_iter().collect(),
            target: [Finding::WrongOrder].into_iter().collect(),
            ..crate::assess::fixtures::endpoint()
        };
        let content = Content {
            certificates: [certificate("leaf", 100, 200), certificate("ca", 100, 200)].into(),
            crls: Box::default(),
            ..Content::default()
        };
        let report = assess(&content, Some(&endpoint), at(150));
        assert_eq!(report.certificate(0).iter().collect::<Vec<_>>(), [Finding::Untrusted]);
        assert!(report.certificate(1).is_empty());
        assert_eq!(report.target.iter().collect::<Vec<_>>(), [Finding::WrongOrder]);
    }
}
