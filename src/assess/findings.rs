//! The rules: what is wrong with a certificate, a CRL, an endpoint, at a given time.

use super::due::Due;
use super::{policy, revocation, rotation, waiver};
use crate::model::facts::{KeyAlgorithm, ResponseFacts};
use crate::model::{
    CertRole, CertificateFacts, Circumstances, Content, CrlFacts, EndpointFacts, Finding, FindingSet, History, Labels, Noun, Place,
    Related, Report, RevocationView, SourceHeader, TargetState, UnixTime,
};

/// NIST SP 800-57 part 1 table 2: below these sizes a key gives less than 112 bits of security.
const RSA_BITS: u32 = 2048;
const EC_BITS: u32 = 224;

/// What is judged: a place with all that is known of it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The source that it is of.
    pub header: &'a SourceHeader,
    /// Where.
    pub place: &'a Place,
    /// The user's labels of this target alone.
    pub labels: Option<&'a Labels>,
    /// What is known of it besides its bytes.
    pub circumstances: Option<&'a Circumstances>,
    /// What it holds.
    pub content: &'a Content,
    /// What the TLS server showed.
    pub endpoint: Option<&'a EndpointFacts>,
    /// What other places say about it.
    pub related: Option<&'a Related>,
    /// Its renewals.
    pub history: Option<&'a History>,
}

impl<'a> Subject<'a> {
    /// A target as it is kept.
    pub fn of(header: &'a SourceHeader, state: &'a TargetState) -> Self {
        Self {
            header,
            place: &state.place,
            labels: state.labels.as_deref(),
            circumstances: state.circumstances.as_deref(),
            content: &state.content,
            endpoint: state.endpoint.as_deref(),
            related: state.related.as_deref(),
            history: state.history.as_deref(),
        }
    }
}

/// Judges what a place holds at `now`. The report says when time alone will change it.
///
/// `previous` is the report on the same content from before: its verdicts stand while `view` does not know a certificate.
pub fn assess(subject: &Subject<'_>, view: &dyn RevocationView, previous: Option<&Report>, now: UnixTime) -> Report {
    let Subject { header, content, endpoint, related, .. } = *subject;
    let options = &header.options;
    let mut due = Due::new(now);
    let mut certificates: Vec<FindingSet> = content.certificates.iter().map(|facts| judge_certificate(facts, &mut due)).collect();
    for (findings, facts) in certificates.iter_mut().zip(&content.certificates) {
        rotation::judge(subject, facts, findings, &mut due);
        findings.extend(related.map(|related| related.certificate(&facts.fingerprint)).unwrap_or_default());
    }
    let judged = revocation::judge(content, endpoint, view, options, previous, &mut due);
    for (findings, disagrees) in certificates.iter_mut().zip(judged.disagreements) {
        findings.insert_if(disagrees, Finding::RevocationDisagreement);
    }
    let mut target = FindingSet::EMPTY;
    if let Some(endpoint) = endpoint {
        let (of_staple, staple_missing) =
            if revocation::is_wanted(options) { revocation::staple(content, endpoint, &mut due) } else { Default::default() };
        target = endpoint.target.iter().chain(of_staple.iter()).collect();
        if let Some(leaf) = certificates.first_mut() {
            endpoint.leaf.iter().for_each(|finding| leaf.insert(finding));
            leaf.insert_if(staple_missing, Finding::MustStapleMissing);
        }
    }
    target.extend(related.map(|related| related.target).unwrap_or_default());
    for finding in content.responses.iter().flat_map(|facts| response(facts, view, &mut due).iter()) {
        target.insert(finding);
    }
    let mut crls: Vec<FindingSet> = content.crls.iter().map(|facts| crl(facts, view, &mut due)).collect();
    let broken = policy::judge(subject, &mut certificates);
    // Last: a waiver may be for anything.
    let found = waiver::Found { target: &mut target, certificates: &mut certificates, crls: &mut crls };
    let waiver::Applied { waived, ended } = waiver::apply(subject, found, &mut due);
    Report {
        certificates: unless_clean(certificates),
        crls: unless_clean(crls),
        target,
        revocation: judged.verdicts,
        broken,
        waived,
        ended,
        due: due.next(),
    }
}

/// Judges one certificate by itself.
pub fn certificate(facts: &CertificateFacts, now: UnixTime) -> FindingSet {
    judge_certificate(facts, &mut Due::new(now))
}

fn judge_certificate(facts: &CertificateFacts, due: &mut Due) -> FindingSet {
    let mut findings = FindingSet::EMPTY;
    // RFC 5280 section 4.1.2.5: the validity period runs through notAfter, inclusive.
    findings.insert_if(!due.holds_until(facts.not_after), Finding::Expired);
    findings.insert_if(!due.begins(facts.not_before), Finding::NotYetValid);
    findings.insert_if(has_weak_key(facts), Finding::WeakKey);
    // Nobody checks the signature of a trust anchor (RFC 5280 section 6.1.1 (d)).
    findings.insert_if(facts.weak_signature && facts.role != CertRole::Root, Finding::WeakSignature);
    findings.insert_if(facts.shown_to_servers && !serves_clients(facts), Finding::MissingClientAuth);
    findings
}

fn serves_clients(facts: &CertificateFacts) -> bool {
    let serves = |usage: &std::sync::Arc<str>| matches!(&**usage, "clientAuth" | "anyExtendedKeyUsage");
    facts.extended_key_usage.as_ref().is_none_or(|usages| usages.iter().any(serves))
}

fn has_weak_key(facts: &CertificateFacts) -> bool {
    match facts.key.algorithm {
        KeyAlgorithm::Rsa => facts.key.bits != 0 && facts.key.bits < RSA_BITS,
        KeyAlgorithm::Ec => facts.key.bits != 0 && facts.key.bits < EC_BITS,
        KeyAlgorithm::Dsa => true,
        KeyAlgorithm::Ed25519 | KeyAlgorithm::Ed448 | KeyAlgorithm::MlDsa | KeyAlgorithm::Other => false,
    }
}

fn crl(facts: &CrlFacts, view: &dyn RevocationView, due: &mut Due) -> FindingSet {
    let checked = view.checked(&facts.fingerprint).unwrap_or_default();
    let mut findings: FindingSet = checked.iter().filter(|finding| finding.is_about(Noun::Crl)).collect();
    // RFC 5280 section 5.1.2.5: the next list is issued no later than nextUpdate.
    findings.insert_if(facts.next_update.is_some_and(|next| !due.holds_until(next)), Finding::Stale);
    findings.insert_if(facts.weak_signature, Finding::WeakSignature);
    findings
}

/// What is wrong with an OCSP response in a file: a server is going to staple it.
fn response(facts: &ResponseFacts, view: &dyn RevocationView, due: &mut Due) -> FindingSet {
    let mut findings = FindingSet::EMPTY;
    findings.insert_if(facts.next_update.is_some_and(|next| !due.holds_until(next)), Finding::StapleStale);
    let checked = view.checked(&facts.fingerprint).unwrap_or_default();
    let is_invalid =
        [Finding::StapleInvalid, Finding::SignatureInvalid, Finding::Unauthorized].iter().any(|finding| checked.contains(*finding));
    findings.insert_if(is_invalid, Finding::StapleInvalid);
    findings
}

fn unless_clean(sets: Vec<FindingSet>) -> Box<[FindingSet]> {
    if sets.iter().all(|set| set.is_empty()) { Box::default() } else { sets.into_boxed_slice() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::fixtures;
    use crate::assess::fixtures::{certificate, crl};
    use crate::model::SourceOptions;
    use crate::model::facts::KeyFacts;
    use crate::model::revocation::NoRevocations;

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn judged(content: &Content, endpoint: Option<&EndpointFacts>, now: UnixTime) -> Report {
        fixtures::judged(content, endpoint, &NoRevocations::default(), &SourceOptions::default(), None, now)
    }

    /// The findings of one certificate valid from 100 to 200.
    fn found(change: impl FnOnce(&mut CertificateFacts), now: i64) -> Vec<Finding> {
        let mut facts = certificate("a", 100, 200);
        change(&mut facts);
        let content = Content { certificates: [facts].into(), crls: Box::default(), ..Content::default() };
        judged(&content, None, at(now)).certificate(0).iter().collect()
    }

    fn key(algorithm: KeyAlgorithm, bits: u32) -> impl FnOnce(&mut CertificateFacts) {
        move |facts| facts.key = KeyFacts { algorithm, bits, curve: None, digest: [0; 16] }
    }

    #[test]
    fn validity_is_inclusive_at_both_ends() {
        // It is due for renewal at 175, and so overdue from 181 on.
        let overdue = Finding::RotationOverdue;
        let cases =
            [(99, vec![Finding::NotYetValid]), (100, vec![]), (180, vec![]), (200, vec![overdue]), (201, vec![Finding::Expired, overdue])];
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
    fn a_client_certificate_is_for_clients() {
        for (behaviour, shown, usages, missing) in [
            ("for servers", true, Some(&["serverAuth"][..]), true),
            ("for nothing", true, Some(&[]), true),
            ("for both", true, Some(&["serverAuth", "clientAuth"]), false),
            ("for anything", true, Some(&["anyExtendedKeyUsage"]), false),
            ("without the extension", true, None, false),
            ("for servers, and shown to none", false, Some(&["serverAuth"]), false),
        ] {
            let findings = found(
                |facts| {
                    facts.shown_to_servers = shown;
                    facts.extended_key_usage = usages.map(|usages| usages.iter().map(|usage| std::sync::Arc::from(*usage)).collect());
                },
                150,
            );
            assert_eq!(findings == [Finding::MissingClientAuth], missing, "{behaviour}: {findings:?}");
        }
    }

    #[test]
    fn a_crl_is_stale_only_past_its_next_update() {
        for (next_update, now, stale) in [(Some(200), 200, false), (Some(200), 201, true), (None, 9_999, false)] {
            let content = Content { crls: [crl("ca", 100, next_update)].into(), ..Content::default() };
            assert_eq!(judged(&content, None, at(now)).crl(0).contains(Finding::Stale), stale, "{next_update:?} at {now}");
        }
    }

    #[test]
    fn the_report_says_when_time_alone_changes_it() {
        let content =
            Content { certificates: [certificate("a", 100, 200)].into(), crls: [crl("ca", 100, Some(150))].into(), ..Content::default() };
        for (now, due) in [(50, Some(100)), (100, Some(151)), (151, Some(181)), (181, Some(201)), (201, None)] {
            assert_eq!(judged(&content, None, at(now)).due, due.map(at), "at {now}");
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
        let report = judged(&content, Some(&endpoint), at(150));
        assert_eq!(report.certificate(0).iter().collect::<Vec<_>>(), [Finding::Untrusted]);
        assert!(report.certificate(1).is_empty());
        assert_eq!(report.target.iter().collect::<Vec<_>>(), [Finding::WrongOrder]);
    }
}
