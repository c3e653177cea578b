//! What is stored against what is served.

use super::*;
use crate::model::facts::{KeyAlgorithm, SubjectName};
use crate::model::{FailureFacts, Reason, Stage};

const STORED: &[Finding] = &[Finding::StoredNotServed];

#[test]
fn a_renewal_that_is_not_served_is_found_after_the_grace_time_and_gone_when_it_is() {
    let ca = Issued::root("CA");
    let (old, new) = (leaf(&ca, "api.example", -30, 90), leaf(&ca, "api.example", 0, 90));
    let grace = 15 * 60;
    let mut relate = Relate::default();
    let mut said = Said::default();
    let mut pass = |stored: TargetState, shown: TargetState, now: i64| {
        let outcome =
            relate.pass(seen(&[source(SourceKind::File, "files", [stored]), source(SourceKind::Tls, "edge", [shown])], now), at(now));
        said.hear(&outcome);
        (said.0.get("edge api.example:443").cloned(), outcome.due)
    };
    let endpoint = |facts: &CertificateFacts| served("api.example", [facts.clone()]);
    assert_eq!(pass(file("/a.pem", [old.clone()]), endpoint(&old), NOW), (None, None), "the same");
    let renewed = || changed(file("/a.pem", [new.clone()]), NOW + 10);
    assert_eq!(pass(renewed(), endpoint(&old), NOW + 10), (None, None), "nobody has looked at the endpoint since");
    assert_eq!(pass(renewed(), endpoint(&old), NOW + 20), (None, Some(at(NOW + 10 + grace))), "it has time");
    let (found, due) = pass(renewed(), endpoint(&old), NOW + 10 + grace);
    let found = found.expect("the time is over");
    assert_eq!((found.target.iter().collect::<Vec<_>>(), due), (STORED.to_vec(), None));
    let evidence = &found.evidence[0];
    assert_eq!((&*evidence.source, &*evidence.place, evidence.since), ("files", "/a.pem", at(NOW + 10)));
    assert!(evidence.detail.contains(&*new.serial) && evidence.detail.contains(&*old.serial), "{}", evidence.detail);
    let mut failing = endpoint(&old);
    let failure = FailureFacts { stage: Stage::Connect, reason: Reason::Timeout, detail: "x".into(), since: at(NOW) };
    (failing.failure, failing.related) = (Some(Box::new(failure)), Some(Arc::new(found.clone())));
    assert_eq!(pass(renewed(), failing, NOW + 2 * grace).0, Some(found.clone()), "a failing endpoint has not been reloaded");
    let reloaded = TargetState { related: Some(Arc::new(found)), ..endpoint(&new) };
    assert_eq!(pass(renewed(), reloaded, NOW + 3 * grace).0, None, "reloaded");
}

#[test]
fn places_and_endpoints_belong_together_by_what_says_most() {
    let ca = Issued::root("CA");
    let named = |name: &str, from, names: &[&str]| {
        let names = names.iter().map(|name| SubjectName::Dns((*name).into())).collect();
        CertificateFacts { names, ..leaf(&ca, name, from, 90) }
    };
    let old = named("a", -30, &["a.example"]);
    let new = named("b", 0, &["a.example"]);
    let wider = named("c", 0, &["www.example", "A.example"]);
    let other = named("d", 0, &["other.example"]);
    let wildcard = named("e", 0, &["*.example"]);
    let rsa = CertificateFacts { key: crate::model::facts::KeyFacts { algorithm: KeyAlgorithm::Rsa, ..new.key.clone() }, ..new.clone() };
    let store = |facts: &CertificateFacts| vec![file("/s.pem", [facts.clone()])];
    let plain = SourceOptions::default();
    let serves = SourceOptions { serves: [Box::from("a.example:443")].into(), ..SourceOptions::default() };
    let trusted = SourceOptions { trust_store: true, ..SourceOptions::default() };
    for (name, options, stored, expected) in [
        ("of the same names", &plain, store(&new), STORED),
        ("of one name more", &plain, store(&wider), STORED),
        ("older than what is served", &plain, store(&named("x", -60, &["a.example"])), &[]),
        ("of another name", &plain, store(&other), &[]),
        ("of a wildcard, for others too", &plain, store(&wildcard), &[]),
        ("with another sort of key", &plain, store(&rsa), &[]),
        ("in a trust store", &trusted, store(&new), &[]),
        ("newer, but what is served is stored elsewhere", &plain, [store(&new), vec![file("/t.pem", [old.clone()])]].concat(), &[]),
        ("another name, but said to be served", &serves, store(&other), STORED),
        ("said to be served beside what is served", &serves, [store(&other), vec![file("/t.pem", [old.clone()])]].concat(), &[]),
        ("another name, but used for the host", &plain, vec![used_by(file("/s.pem", [other.clone()]), "Ingress", "A.example")], STORED),
        ("used for the host at the port", &plain, vec![used_by(file("/s.pem", [other.clone()]), "nginx_certificate", "a.example")], STORED),
        ("used for another port", &plain, vec![used_by(file("/s.pem", [other.clone()]), "nginx_certificate", "a.example:8443")], &[]),
        ("used for its wildcard", &plain, vec![used_by(file("/s.pem", [wildcard.clone()]), "Gateway", "*.example")], &[]),
        ("used for any host, of the same names", &plain, vec![used_by(file("/s.pem", [new.clone()]), "nginx_certificate", "*")], STORED),
        ("used for any host, of another name", &plain, vec![used_by(file("/s.pem", [other.clone()]), "nginx_certificate", "*")], &[]),
        ("used for something else", &plain, vec![used_by(file("/s.pem", [other.clone()]), "nginx_upstream_certificate", "a.example")], &[]),
    ] {
        let sources = [
            with(SourceKind::File, "files", options.clone(), stored),
            source(SourceKind::Tls, "edge", [served("a.example", [old.clone()])]),
        ];
        assert_eq!(said(&sources).0.at("edge a.example:443"), expected, "{name}");
    }
}

#[test]
fn addresses_of_one_name_that_serve_different_certificates_are_found() {
    let ca = Issued::root("CA");
    let (old, new) = (leaf(&ca, "api.example", -30, 90), leaf(&ca, "api.example", 0, 90));
    let behind = |last: u8, facts: &CertificateFacts| {
        let address = Some([192, 0, 2, last].into());
        target(Place::Endpoint { target: "api.example:443".into(), server_name: "api.example".into(), address }, [facts.clone()])
    };
    let sources = [source(SourceKind::Tls, "edge", [behind(1, &old), behind(2, &new), behind(3, &new)])];
    let (said, _) = said(&sources);
    for last in 1..=3 {
        assert_eq!(said.at(&format!("edge api.example:443 at 192.0.2.{last}")), [Finding::AddressesDiffer]);
    }
    let evidence = &said.0["edge api.example:443 at 192.0.2.1"].evidence[0];
    assert_eq!(&*evidence.place, "api.example:443 at 192.0.2.2");
    assert!(evidence.detail.contains("192.0.2.1: serial"), "{}", evidence.detail);
    let same = [source(SourceKind::Tls, "edge", [behind(1, &new), behind(2, &new)])];
    assert_eq!(super::said(&same).0.0.len(), 0);
    let fresh = [source(SourceKind::Tls, "edge", [behind(1, &old), changed(behind(2, &new), NOW - 60)])];
    let (said, outcome) = super::said(&fresh);
    assert_eq!((said.0.len(), outcome.due), (0, Some(at(NOW - 60 + 15 * 60))), "a rolling reload takes its time");
}

#[test]
fn what_is_served_and_stored_nowhere_is_found_only_where_it_is_asked_for() {
    let ca = Issued::root("CA");
    let facts = leaf(&ca, "api.example", -30, 90);
    let asked = SourceOptions { must_be_stored: true, ..SourceOptions::default() };
    let edge = |options: &SourceOptions| with(SourceKind::Tls, "edge", options.clone(), [served("api.example", [facts.clone()])]);
    assert_eq!(said(&[edge(&asked)]).0.at("edge api.example:443"), [Finding::ServedUnknown]);
    assert_eq!(said(&[edge(&SourceOptions::default())]).0.0.len(), 0);
    let stored = source(SourceKind::File, "files", [file("/a.pem", [facts.clone()])]);
    assert_eq!(said(&[edge(&asked), stored]).0.0.len(), 0);
}

#[test]
fn a_certificate_of_ten_thousand_names_costs_bounded_work() {
    let ca = Issued::root("CA");
    let many = |from: i64, count: usize| {
        let names = (0..count).map(|n| SubjectName::Dns(format!("n{n}.example").into())).collect();
        CertificateFacts { names, ..leaf(&ca, "n0.example", from, 90) }
    };
    let stored: Vec<TargetState> = (0..300).map(|n| file(&format!("/{n}.pem"), [many(n, 10_000)])).collect();
    let endpoints = (0..100).map(|n| served(&format!("n{n}.example"), [many(-30, 10_000)]));
    let (said, _) = said(&[source(SourceKind::File, "files", stored), source(SourceKind::Tls, "edge", endpoints)]);
    assert_eq!(said.0.len(), 100, "and it is found all the same");
}
