use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::assess::assess;
use crate::assess::fixtures::{certificate, header};
use crate::model::facts::{Curve, KeyFacts};
use crate::model::options::Labels;
use crate::model::revocation::NoRevocations;
use crate::model::rules::{DnsPattern, Pattern, Selector};
use crate::model::{Content, Place, Report, Rules, SourceKind, SourceOptions, UnixTime};

const HOUR: i64 = 3_600;

fn hours(hours: u64) -> Option<Duration> {
    Some(Duration::from_secs(hours * 3_600))
}

fn demanding(change: impl FnOnce(&mut Demands)) -> Demands {
    let mut demands = Demands::default();
    change(&mut demands);
    demands
}

fn patterns(texts: &[&str]) -> Box<[Pattern]> {
    texts.iter().map(|text| Pattern::ignoring_case(text).unwrap()).collect()
}

fn facts(change: impl FnOnce(&mut CertificateFacts)) -> CertificateFacts {
    let mut facts = certificate("a", 0, 24 * HOUR);
    facts.key_usage = Some(0b101);
    facts.extended_key_usage = Some(["clientAuth".into(), "serverAuth".into()].into());
    change(&mut facts);
    facts
}

fn key(algorithm: KeyAlgorithm, bits: u32, curve: Option<Curve>) -> CertificateFacts {
    facts(|facts| facts.key = KeyFacts { algorithm, bits, curve, digest: [0; 16] })
}

fn named(names: &[SubjectName]) -> CertificateFacts {
    facts(|facts| facts.names = names.into())
}

fn dns(name: &str) -> SubjectName {
    SubjectName::Dns(name.into())
}

fn uri(uri: &str) -> SubjectName {
    SubjectName::Uri(uri.into())
}

fn ca(path_length: Option<u32>, permitted: &[&str], excluded: &[&str]) -> CertificateFacts {
    let boxed = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
    facts(|facts| {
        facts.role = CertRole::Intermediate;
        facts.constraints = Some(Box::new(Constraints { path_length, permitted: boxed(permitted), excluded: boxed(excluded) }));
    })
}

type Row<'a> = (&'a str, &'a Demands, CertificateFacts, Option<Finding>);

fn check(rows: Vec<Row<'_>>) {
    for (behaviour, demands, facts, finding) in rows {
        let found: Vec<Finding> = broken_rules(demands, &facts).iter().collect();
        assert_eq!(found, finding.into_iter().collect::<Vec<_>>(), "{behaviour}");
    }
}

#[test]
fn keys_and_signatures_are_those_that_are_named() {
    use Finding::{CurveNotAllowed, KeyAlgorithmNotAllowed, KeySizeNotAllowed, SignatureAlgorithmNotAllowed};
    let algorithms = demanding(|demands| demands.key_algorithms = [KeyAlgorithm::Ec].into());
    let least = demanding(|demands| demands.min_rsa_bits = Some(4096));
    let exactly = demanding(|demands| demands.rsa_bits = [3072, 4096].into());
    let curves = demanding(|demands| demands.curves = [Curve::P256].into());
    let both = demanding(|demands| {
        demands.key_algorithms = [KeyAlgorithm::Ec].into();
        demands.curves = [Curve::P256].into();
        demands.min_rsa_bits = Some(4096);
    });
    let signed = demanding(|demands| demands.signature_algorithms = patterns(&["ECDSA-with-SHA256", "sha*WithRSAEncryption"]));
    let rsa = |bits| key(KeyAlgorithm::Rsa, bits, None);
    let by = |algorithm: &str| facts(|facts| facts.signature_algorithm = algorithm.into());
    check(vec![
        ("an allowed family", &algorithms, key(KeyAlgorithm::Ec, 256, Some(Curve::P256)), None),
        ("another family", &algorithms, rsa(4096), Some(KeyAlgorithmNotAllowed)),
        ("a family that nobody knows", &algorithms, key(KeyAlgorithm::Other, 0, None), Some(KeyAlgorithmNotAllowed)),
        ("long enough", &least, rsa(4096), None),
        ("longer", &least, rsa(8192), None),
        ("too short", &least, rsa(2048), Some(KeySizeNotAllowed)),
        ("of unknown length", &least, rsa(0), Some(KeySizeNotAllowed)),
        ("no RSA key", &least, key(KeyAlgorithm::Ed25519, 256, None), None),
        ("one of the sizes", &exactly, rsa(3072), None),
        ("none of the sizes", &exactly, rsa(8192), Some(KeySizeNotAllowed)),
        ("on the curve", &curves, key(KeyAlgorithm::Ec, 256, Some(Curve::P256)), None),
        ("on another curve", &curves, key(KeyAlgorithm::Ec, 384, Some(Curve::P384)), Some(CurveNotAllowed)),
        ("on a curve without a name", &curves, key(KeyAlgorithm::Ec, 256, Some(Curve::Other)), Some(CurveNotAllowed)),
        ("on a curve that was not read", &curves, key(KeyAlgorithm::Ec, 256, None), Some(CurveNotAllowed)),
        ("on no curve", &curves, rsa(2048), None),
        ("another family says it all", &both, rsa(2048), Some(KeyAlgorithmNotAllowed)),
        ("an allowed signature in other case", &signed, by("ecdsa-with-SHA256"), None),
        ("by a pattern", &signed, by("sha512WithRSAEncryption"), None),
        ("another signature", &signed, by("ecdsa-with-SHA1"), Some(SignatureAlgorithmNotAllowed)),
    ]);
}

#[test]
fn validity_is_wanted_allowed_or_asked_for_give_or_take_its_last_second() {
    use Finding::{ValidityAboveWanted, ValidityTooLong, ValidityTooShort};
    let both = demanding(|demands| (demands.validity, demands.max_validity) = (hours(24), hours(168)));
    let wanted = demanding(|demands| demands.validity = hours(24));
    let least = demanding(|demands| demands.min_validity = hours(24));
    let lasting = |secs: i64| facts(|facts| facts.not_after = UnixTime::from_secs(secs));
    check(vec![
        ("as wanted", &both, lasting(24 * HOUR), None),
        ("with its last second", &both, lasting(24 * HOUR + 1), None),
        ("two seconds more", &both, lasting(24 * HOUR + 2), Some(ValidityAboveWanted)),
        ("at most", &both, lasting(168 * HOUR + 1), Some(ValidityAboveWanted)),
        ("too long is not above wanted, too", &both, lasting(168 * HOUR + 2), Some(ValidityTooLong)),
        ("wanted alone", &wanted, lasting(1_000 * HOUR), Some(ValidityAboveWanted)),
        ("backwards", &both, lasting(-HOUR), None),
        ("long enough", &least, lasting(24 * HOUR), None),
        ("without its last second", &least, lasting(24 * HOUR - 1), None),
        ("too short", &least, lasting(24 * HOUR - 2), Some(ValidityTooShort)),
        ("absurd", &both, lasting(i64::MAX), Some(ValidityTooLong)),
    ]);
}

#[test]
fn usages_issuers_and_subjects_are_those_that_are_named() {
    use Finding::{ExtendedKeyUsageMissing, IssuerNotAllowed, KeyUsageMissing, SubjectNotAllowed};
    let subjects = demanding(|demands| demands.subjects = patterns(&["Prod CA *", "cn=internal ca,O=*"]));
    let called = |subject: &str, cn: &str| facts(|facts| (facts.subject, facts.subject_cn) = (subject.into(), cn.into()));
    let ca_called = |subject: &str| facts(|facts| (facts.subject, facts.role) = (subject.into(), CertRole::Intermediate));
    let usage = demanding(|demands| demands.key_usage = 0b101);
    let extended = demanding(|demands| demands.extended_key_usage = ["clientAuth".into(), "serverAuth".into()].into());
    let issuers = demanding(|demands| demands.issuers = patterns(&["Prod CA *", "cn=internal ca,O=*"]));
    let bits = |key_usage| facts(|facts| facts.key_usage = key_usage);
    let usages = |usages: Option<&[&str]>| {
        facts(|facts| facts.extended_key_usage = usages.map(|usages| usages.iter().map(|usage| Arc::from(*usage)).collect()))
    };
    let by = |issuer: &str, cn: &str| facts(|facts| (facts.issuer, facts.issuer_cn) = (issuer.into(), cn.into()));
    check(vec![
        ("both bits", &usage, bits(Some(0b101)), None),
        ("more bits", &usage, bits(Some(0b1111)), None),
        ("one of two", &usage, bits(Some(0b001)), Some(KeyUsageMissing)),
        ("without the extension", &usage, bits(None), Some(KeyUsageMissing)),
        ("both usages", &extended, usages(Some(&["serverAuth", "clientAuth"])), None),
        ("one of two usages", &extended, usages(Some(&["serverAuth"])), Some(ExtendedKeyUsageMissing)),
        ("for anything names none", &extended, usages(Some(&["anyExtendedKeyUsage"])), Some(ExtendedKeyUsageMissing)),
        ("without that extension", &extended, usages(None), Some(ExtendedKeyUsageMissing)),
        ("by common name", &issuers, by("CN=Prod CA 3,O=X", "Prod CA 3"), None),
        ("by the whole name", &issuers, by("CN=Internal CA,O=Example Corp", "Internal CA"), None),
        ("called by common name", &subjects, called("CN=Prod CA 3,O=X", "Prod CA 3"), None),
        ("called by the whole name", &subjects, ca_called("CN=Internal CA,O=Example Corp"), None),
        ("a CA called otherwise", &subjects, ca_called("CN=rogue CA,O=X"), Some(SubjectNotAllowed)),
        ("called otherwise", &subjects, called("", ""), Some(SubjectNotAllowed)),
        ("by nobody named", &issuers, by("CN=Stage CA,O=X", "Stage CA"), Some(IssuerNotAllowed)),
    ]);
}

#[test]
fn names_of_leaves_are_those_that_are_allowed() {
    use Finding::{DnsNameNotAllowed, IpNameNotAllowed, SpiffeIdMissing, TrustDomainNotAllowed};
    let spiffe = demanding(|demands| demands.require_spiffe = true);
    let domain = demanding(|demands| demands.spiffe_trust_domains = ["example.com".into()].into());
    let hosts = demanding(|demands| {
        demands.dns_patterns = ["*.prod.internal", "*.prod.svc.cluster.local"].map(|text| DnsPattern::new(text).unwrap()).into();
    });
    let no_addresses = demanding(|demands| demands.allow_ip_sans = false);
    let id = || uri("spiffe://example.com/ns/prod/sa/payment");
    let address = || SubjectName::Ip([10, 0, 0, 7].into());
    let cut = |name: SubjectName| facts(|facts| (facts.names, facts.names_left_out) = ([name].into(), 1));
    let subject = |text: &str, names: &[SubjectName]| facts(|facts| (facts.subject, facts.names) = (text.into(), names.into()));
    let of_ca = |name: SubjectName| facts(|facts| (facts.names, facts.role) = ([name].into(), CertRole::Intermediate));
    check(vec![
        ("one SPIFFE ID", &spiffe, named(&[dns("a"), id()]), None),
        ("none", &spiffe, named(&[dns("a")]), Some(SpiffeIdMissing)),
        ("two", &spiffe, named(&[id(), uri("spiffe://example.com/other")]), Some(SpiffeIdMissing)),
        ("beside another URI", &spiffe, named(&[id(), uri("https://example.com/")]), Some(SpiffeIdMissing)),
        ("a trust domain alone", &spiffe, named(&[uri("spiffe://example.com")]), Some(SpiffeIdMissing)),
        ("no SPIFFE ID by its letters", &spiffe, named(&[uri("spiffe://example.com/ns//payment")]), Some(SpiffeIdMissing)),
        ("perhaps several", &spiffe, cut(id()), Some(SpiffeIdMissing)),
        ("a CA needs none", &spiffe, of_ca(dns("a")), None),
        ("of the trust domain", &domain, named(&[id()]), None),
        ("without an ID there is nothing to say", &domain, named(&[dns("a")]), None),
        ("of another trust domain", &domain, named(&[uri("spiffe://evil.example/ns/prod/sa/payment")]), Some(TrustDomainNotAllowed)),
        ("one of two is of another", &domain, named(&[id(), uri("SPIFFE://evil.example/x")]), Some(TrustDomainNotAllowed)),
        ("its prefix is no trust domain", &domain, named(&[uri("spiffe://example.com.evil/x")]), Some(TrustDomainNotAllowed)),
        (
            "what is no ID is of another one, too",
            &domain,
            named(&[uri("spiffe://example.com@evil.example/x")]),
            Some(TrustDomainNotAllowed),
        ),
        ("perhaps others", &domain, cut(id()), Some(TrustDomainNotAllowed)),
        ("all fit", &hosts, named(&[dns("a.prod.internal"), dns("b.prod.svc.cluster.local"), address()]), None),
        ("none to fit", &hosts, named(&[]), None),
        ("one does not fit", &hosts, named(&[dns("a.prod.internal"), dns("a.dev.internal")]), Some(DnsNameNotAllowed)),
        ("a common name instead of names", &hosts, subject("CN=evil.example,O=X", &[]), Some(DnsNameNotAllowed)),
        ("its dot and its star", &hosts, subject("CN=*.evil.example.", &[]), Some(DnsNameNotAllowed)),
        ("the second common name", &hosts, subject("CN=a.prod.internal,CN=evil.example", &[address()]), Some(DnsNameNotAllowed)),
        ("in one part with another", &hosts, subject("OU=a+CN=evil.example", &[]), Some(DnsNameNotAllowed)),
        ("a common name that fits", &hosts, subject("CN=a.prod.internal", &[]), None),
        ("a common name of no host", &hosts, subject("CN=Payment Service v1.2", &[]), None),
        ("a common name of one label", &hosts, subject("CN=payment", &[]), None),
        ("an address as common name", &hosts, subject("CN=10.0.0.7", &[]), None),
        ("a comma in a common name", &hosts, subject("CN=a\\,CN=evil.example", &[]), None),
        ("nobody reads it beside a DNS name", &hosts, subject("CN=evil.example", &[dns("a.prod.internal")]), None),
        ("some are not known", &hosts, cut(dns("a.prod.internal")), Some(DnsNameNotAllowed)),
        ("no address", &no_addresses, named(&[dns("a")]), None),
        ("an address", &no_addresses, named(&[address()]), Some(IpNameNotAllowed)),
        ("perhaps an address", &no_addresses, cut(dns("a")), Some(IpNameNotAllowed)),
    ]);
}

#[test]
fn cas_reach_no_further_than_they_may() {
    use Finding::{NameConstraintsMissing, PathLengthNotAllowed};
    let subtrees = |texts: &[&str]| texts.iter().map(|text| Subtree::written(text).unwrap()).collect();
    let path = demanding(|demands| demands.max_path_length = Some(1));
    let permitted = demanding(|demands| demands.permitted_names = subtrees(&[".prod.internal", ".prod.svc.cluster.local"]));
    let with_networks = demanding(|demands| demands.permitted_names = subtrees(&[".prod.internal", "10.0.0.0/8"]));
    let excluded = demanding(|demands| demands.excluded_names = subtrees(&[".stage.internal", ".dev.internal"]));
    let full: Vec<String> = (0..Constraints::KEPT).map(|at| format!("DNS:n{at}.prod.internal")).collect();
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    let leaf = facts(|facts| facts.constraints = None);
    check(vec![
        ("shorter", &path, ca(Some(0), &[], &[]), None),
        ("as long", &path, ca(Some(1), &[], &[]), None),
        ("longer", &path, ca(Some(2), &[], &[]), Some(PathLengthNotAllowed)),
        ("without an end", &path, ca(None, &[], &[]), Some(PathLengthNotAllowed)),
        ("a leaf has no path", &path, leaf.clone(), None),
        ("both", &permitted, ca(None, &["DNS:.prod.internal", "DNS:prod.svc.cluster.local"], &[]), None),
        ("narrower", &permitted, ca(None, &["DNS:pay.prod.internal"], &[]), None),
        ("none at all", &permitted, ca(None, &[], &[]), Some(NameConstraintsMissing)),
        ("wider", &permitted, ca(None, &["DNS:internal"], &[]), Some(NameConstraintsMissing)),
        ("one more", &permitted, ca(None, &["DNS:.prod.internal", "DNS:.dev.internal"], &[]), Some(NameConstraintsMissing)),
        ("other kinds alone", &permitted, ca(None, &["IP:10.0.0.0/8"], &[]), Some(NameConstraintsMissing)),
        ("any DNS name", &permitted, ca(None, &["DNS:"], &[]), Some(NameConstraintsMissing)),
        ("cannot be read", &permitted, ca(None, &["DNS:.prod.internal", "IP:"], &[]), Some(NameConstraintsMissing)),
        ("more than are kept", &permitted, ca(None, &full, &[]), Some(NameConstraintsMissing)),
        ("a leaf has no constraints", &permitted, leaf, None),
        ("both kinds", &with_networks, ca(None, &["DNS:.prod.internal", "IP:10.1.0.0/16"], &[]), None),
        ("one kind is open", &with_networks, ca(None, &["DNS:.prod.internal"], &[]), Some(NameConstraintsMissing)),
        ("all excluded", &excluded, ca(None, &[], &["DNS:.stage.internal", "DNS:.dev.internal", "DNS:.x"]), None),
        ("more than all", &excluded, ca(None, &[], &["DNS:internal"]), None),
        ("every name is excluded", &excluded, ca(None, &[], &["DNS:"]), None),
        ("every name of another kind is", &excluded, ca(None, &[], &["URI:"]), Some(NameConstraintsMissing)),
        ("one is not", &excluded, ca(None, &[], &["DNS:.stage.internal"]), Some(NameConstraintsMissing)),
        ("a part of it is", &excluded, ca(None, &[], &["DNS:a.stage.internal", "DNS:.dev.internal"]), Some(NameConstraintsMissing)),
    ]);
}

/// A policy that asks for RSA keys, which no certificate here has.
fn policy(name: &str, applies: Selector) -> CertificatePolicy {
    let demands = demanding(|demands| demands.key_algorithms = [KeyAlgorithm::Rsa].into());
    CertificatePolicy { name: name.into(), note: None, applies, demands }
}

fn judged(policies: Vec<CertificatePolicy>, options: SourceOptions, labels: Option<&Labels>, content: &Content) -> Report {
    let rules = Arc::new(Rules { policies: policies.into(), ..Rules::default() });
    let header = SourceHeader { options: SourceOptions { rules, ..options }, ..header() };
    let place = Place::Secret { namespace: "shop".into(), name: "web".into(), key: "tls.crt".into() };
    let subject =
        Subject { header: &header, place: &place, labels, circumstances: None, content, endpoint: None, related: None, history: None };
    assess(&subject, &NoRevocations::default(), None, UnixTime::from_secs(HOUR))
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
}

#[test]
fn a_policy_is_for_what_all_of_its_keys_fit() {
    let of_source = SourceOptions { labels: Arc::new(labels(&[("team", "web"), ("tier", "1")])), ..SourceOptions::default() };
    let own = labels(&[("team", "payments")]);
    let mut leaf = named(&[dns("API.shop.example"), uri("spiffe://example.com/pay"), SubjectName::Ip([10, 0, 0, 7].into())]);
    (leaf.issuer, leaf.issuer_cn) = ("CN=Prod CA,O=Example".into(), "Prod CA".into());
    let content = Content { certificates: [leaf].into(), ..Content::default() };
    let one = |text: &str| -> Box<[Pattern]> { [Pattern::new(text).unwrap()].into() };
    for (behaviour, applies, fits) in [
        ("nothing asked", Selector::default(), true),
        ("its source", Selector { sources: one("fil*"), ..Selector::default() }, true),
        ("another source", Selector { sources: one("edge"), ..Selector::default() }, false),
        ("its kind", Selector { kinds: [SourceKind::File].into(), ..Selector::default() }, true),
        ("a cluster's kinds", Selector { kinds: [SourceKind::Kubernetes].into(), ..Selector::default() }, false),
        ("a label of its own", Selector { labels: labels(&[("team", "payments")]), ..Selector::default() }, true),
        ("what its own label replaces", Selector { labels: labels(&[("team", "web")]), ..Selector::default() }, false),
        ("a label of its source", Selector { labels: labels(&[("team", "payments"), ("tier", "1")]), ..Selector::default() }, true),
        ("a label that nobody sets", Selector { labels: labels(&[("other", "")]), ..Selector::default() }, false),
        ("its place", Selector { places: one("secret shop/* tls.crt"), ..Selector::default() }, true),
        ("another place", Selector { places: one("secret other/*"), ..Selector::default() }, false),
        ("its role", Selector { roles: [CertRole::Root, CertRole::Leaf].into(), ..Selector::default() }, true),
        ("another role", Selector { roles: [CertRole::Root].into(), ..Selector::default() }, false),
        ("a DNS name in other case", Selector { names: patterns(&["api.*.example"]), ..Selector::default() }, true),
        ("a SPIFFE ID", Selector { names: patterns(&["spiffe://example.com/*"]), ..Selector::default() }, true),
        ("an address", Selector { names: patterns(&["10.0.0.*"]), ..Selector::default() }, true),
        ("its common name", Selector { names: patterns(&["a"]), ..Selector::default() }, true),
        ("a name that it has not", Selector { names: patterns(&["*.other.example"]), ..Selector::default() }, false),
        ("its subject", Selector { subjects: patterns(&["cn=a"]), ..Selector::default() }, true),
        ("its issuer", Selector { issuers: patterns(&["*o=example"]), ..Selector::default() }, true),
        (
            "its issuer and another subject",
            Selector { issuers: patterns(&["*"]), subjects: patterns(&["CN=b"]), ..Selector::default() },
            false,
        ),
    ] {
        let report = judged(vec![policy("p", applies)], of_source.clone(), Some(&own), &content);
        assert_eq!(report.certificate(0).contains(Finding::KeyAlgorithmNotAllowed), fits, "{behaviour}");
        assert_eq!(report.broken.len(), usize::from(fits), "{behaviour}");
    }
}

#[test]
fn names_that_are_written_otherwise_or_not_known_still_fit() {
    let names = |text: &str| Selector { names: patterns(&[text]), ..Selector::default() };
    let cut = facts(|facts| facts.names_left_out = 1);
    for (behaviour, facts, applies, fits) in [
        ("the dot of the root", named(&[dns("api.prod.internal.")]), names("*.prod.internal"), true),
        ("a pattern with that dot", named(&[dns("api.prod.internal.")]), names("*.prod.internal."), true),
        ("the dot behind a common name", facts(|facts| facts.subject_cn = "api.prod.internal.".into()), names("*.prod.internal"), true),
        ("two dots are no name", named(&[dns("api.prod.internal..")]), names("*.prod.internal"), false),
        ("perhaps one that was left out", cut.clone(), names("*.prod.internal"), true),
        ("of another role all the same", cut.clone(), Selector { roles: [CertRole::Root].into(), ..names("*.prod.internal") }, false),
        ("known to have none", facts(|_| ()), names("*.prod.internal"), false),
    ] {
        assert_eq!(applies.fits_certificate(&facts), fits, "{behaviour}");
    }
}

#[test]
fn who_is_broken_is_kept_and_the_expired_are_judged_too() {
    let mut expired = facts(|facts| facts.not_after = UnixTime::from_secs(1));
    expired.role = CertRole::Root;
    let content = Content { certificates: [facts(|_| ()), expired].into(), ..Content::default() };
    let leaves = Selector { roles: [CertRole::Leaf].into(), ..Selector::default() };
    let both = || vec![policy("all", Selector::default()), policy("leaves", leaves.clone())];
    let report = judged(both(), SourceOptions::default(), None, &content);
    let broken: Vec<(u32, &str)> = report.broken.iter().map(|broken| (broken.certificate, &*broken.policy)).collect();
    assert_eq!(broken, [(0, "all"), (0, "leaves"), (1, "all")]);
    assert!(report.certificate(1).contains(Finding::Expired));
    let store = SourceOptions { trust_store: true, ..SourceOptions::default() };
    assert!(judged(both(), store, None, &content).broken.is_empty(), "a trust store is not judged");
}

#[test]
fn many_names_fit_no_pattern_and_policies_of_other_sources_judge_nothing() {
    let demands = demanding(|demands| {
        demands.dns_patterns = (0..200).map(|at| DnsPattern::new(&format!("**.n{at}.example")).unwrap()).collect();
    });
    let many = named(&(0..1_000).map(|at| dns(&format!("{}n{at}.invalid", "a.".repeat(60)))).collect::<Vec<_>>());
    assert_eq!(broken_rules(&demands, &many).iter().collect::<Vec<_>>(), [Finding::DnsNameNotAllowed]);

    let content = Content { certificates: [facts(|_| ())].into(), ..Content::default() };
    let elsewhere = |at: usize| Selector { sources: [Pattern::new(&format!("other-{at}*")).unwrap()].into(), ..Selector::default() };
    let policies: Vec<_> = (0..20).map(|at| policy(&format!("p{at}"), elsewhere(at))).collect();
    let rules = Arc::new(Rules { policies: policies.into(), ..Rules::default() });
    let header = SourceHeader { options: SourceOptions { rules, ..SourceOptions::default() }, ..header() };
    let place = Place::file("/a");
    let subject = Subject {
        header: &header,
        place: &place,
        labels: None,
        circumstances: None,
        content: &content,
        endpoint: None,
        related: None,
        history: None,
    };
    assert!(judge(&subject, &mut [FindingSet::EMPTY]).is_empty());
}
