use std::sync::Arc;

use crate::assess::fixtures::{certificate, crl, endpoint, header};
use crate::assess::{Subject, assess};
use crate::model::facts::SubjectName;
use crate::model::revocation::NoRevocations;
use crate::model::rules::{Item, Pattern, Selector, Waiver};
use crate::model::{CertRole, Content, Finding, Place, Report, Rules, SourceHeader, SourceOptions, UnixTime};

fn at(secs: i64) -> UnixTime {
    UnixTime::from_secs(secs)
}

fn waiver(findings: &[Finding], until: i64, applies: Selector) -> Waiver {
    let findings = findings.iter().copied().collect();
    Waiver { applies, findings, until: at(until), owner: format!("owner of {until}").into(), why: "it moves house".into() }
}

/// An endpoint whose leaf has ended at 200 and whose chain is out of order, with a list that is stale from 151 on.
fn judged(waivers: Vec<Waiver>, now: i64) -> Report {
    let rules = Arc::new(Rules { waivers: waivers.into(), ..Rules::default() });
    let header = SourceHeader { options: SourceOptions { rules, ..SourceOptions::default() }, ..header() };
    let mut ca = certificate("ca", 0, 10_000);
    ca.role = CertRole::Intermediate;
    let content =
        Content { certificates: [certificate("a", 100, 200), ca].into(), crls: [crl("CA", 0, Some(150))].into(), ..Content::default() };
    let mut endpoint = endpoint();
    endpoint.target = [Finding::WrongOrder].into_iter().collect();
    let place = Place::file("/a.pem");
    let subject = Subject {
        header: &header,
        place: &place,
        labels: None,
        circumstances: None,
        content: &content,
        endpoint: Some(&endpoint),
        related: None,
        history: None,
    };
    assess(&subject, &NoRevocations::default(), None, at(now))
}

fn named(name: &str) -> Selector {
    Selector { names: [Pattern::ignoring_case(name).unwrap()].into(), ..Selector::default() }
}

/// What is raised on the leaf, the list and the endpoint, and what is waived, at 300.
fn found(waivers: Vec<Waiver>) -> [Vec<Finding>; 4] {
    let report = judged(waivers, 300);
    let sets = [report.certificate(0), report.crl(0), report.target];
    let [leaf, list, target] = sets.map(|set| set.iter().collect());
    [leaf, list, target, report.waived.iter().map(|waived| waived.finding).collect()]
}

#[test]
fn what_is_waived_is_not_raised_and_what_has_ended_is_said() {
    use Finding::{Expired, RotationOverdue, Stale, WaiverEnded, WeakKey, WrongOrder};
    let any = Selector::default;
    let elsewhere = Selector { sources: [Pattern::new("edge").unwrap()].into(), ..Selector::default() };
    let by_issuer = Selector { issuers: [Pattern::ignoring_case("cn=ca").unwrap()].into(), ..Selector::default() };
    let (expired, stale, order) = (vec![Expired, RotationOverdue], vec![Stale], vec![WrongOrder]);
    for (behaviour, waivers, expected) in [
        ("nothing waived", vec![], [expired.clone(), stale.clone(), order.clone(), vec![]]),
        ("one of two", vec![waiver(&[Expired], 300, any())], [vec![RotationOverdue], stale.clone(), order.clone(), vec![Expired]]),
        (
            "all of it, the endpoint first",
            vec![waiver(&[Expired, RotationOverdue, Stale, WrongOrder], 400, any())],
            [vec![], vec![], vec![], vec![WrongOrder, Expired, RotationOverdue, Stale]],
        ),
        (
            "ended a second ago",
            vec![waiver(&[Expired], 299, any())],
            [vec![Expired, RotationOverdue, WaiverEnded], stale.clone(), order.clone(), vec![]],
        ),
        (
            "ended, and another one goes on",
            vec![waiver(&[Expired], 299, any()), waiver(&[Expired], 300, any())],
            [vec![RotationOverdue], stale.clone(), order.clone(), vec![Expired]],
        ),
        ("for what is not found", vec![waiver(&[WeakKey], 299, any())], [expired.clone(), stale.clone(), order.clone(), vec![]]),
        ("of another source", vec![waiver(&[Expired], 400, elsewhere)], [expired.clone(), stale.clone(), order.clone(), vec![]]),
        (
            "by the leaf's name",
            vec![waiver(&[Expired], 400, named("a"))],
            [vec![RotationOverdue], stale.clone(), order.clone(), vec![Expired]],
        ),
        ("by another name", vec![waiver(&[Expired], 400, named("b"))], [expired.clone(), stale.clone(), order.clone(), vec![]]),
        (
            "names are no endpoint's and no list's",
            vec![waiver(&[Stale, WrongOrder], 400, named("*"))],
            [expired.clone(), stale.clone(), order.clone(), vec![]],
        ),
        ("a list by its issuer", vec![waiver(&[Stale, WrongOrder], 400, by_issuer)], [expired.clone(), vec![], order.clone(), vec![Stale]]),
        (
            "a list whose waiver has ended",
            vec![waiver(&[Stale, WrongOrder], 200, any())],
            [expired, vec![Stale, WaiverEnded], vec![WrongOrder, WaiverEnded], vec![]],
        ),
    ] {
        assert_eq!(found(waivers), expected, "{behaviour}");
    }
}

#[test]
fn by_names_only_what_has_no_other_name_is_waived() {
    let dns = |name: &str| SubjectName::Dns(name.into());
    let (legacy, evil) = (|| dns("Legacy.example.com."), || dns("www.bank.example"));
    let applies = Selector {
        names: ["legacy.example.com", "10.0.0.*", "a"].map(|name| Pattern::ignoring_case(name).unwrap()).into(),
        ..Selector::default()
    };
    for (behaviour, names, left_out, covered) in [
        ("its only name", vec![legacy()], 0, true),
        ("each by one of the patterns", vec![legacy(), SubjectName::Ip([10, 0, 0, 7].into())], 0, true),
        ("a DNS name more", vec![legacy(), evil()], 0, false),
        ("an address more", vec![legacy(), SubjectName::Ip([192, 0, 2, 1].into())], 0, false),
        ("a URI more", vec![legacy(), SubjectName::Uri("spiffe://example.com/pay".into())], 0, false),
        ("the common name of one that has others", vec![evil()], 0, false),
        ("the common name alone", vec![], 0, true),
        ("names that were left out", vec![legacy()], 1, false),
        ("mail is no name of a host", vec![legacy(), SubjectName::Email("a@b.example".into())], 0, true),
    ] {
        let mut facts = certificate("a", 100, 200);
        (facts.names, facts.names_left_out) = (names.into(), left_out);
        assert_eq!(applies.covers_certificate(&facts), covered, "{behaviour}");
    }
}

#[test]
fn of_several_waivers_the_last_end_counts_and_the_facts_stay() {
    let all = || Selector::default();
    let report = judged(vec![waiver(&[Finding::Expired], 500, all()), waiver(&[Finding::Expired], 400, all())], 300);
    let waived = &report.waived[0];
    assert_eq!((waived.on, waived.until, &*waived.owner, &*waived.why), (Item::Certificate(0), at(500), "owner of 500", "it moves house"));
    assert!(!report.certificate(0).contains(Finding::Expired) && report.is_so_of_certificate(0, Finding::Expired));
    assert!(!report.is_so_of_certificate(1, Finding::Expired) && report.is_so_of_crl(0, Finding::Stale));
}

#[test]
fn a_waiver_that_has_ended_says_of_what_and_whose_it_was() {
    let all = || Selector::default();
    let both = [Finding::Expired, Finding::Stale];
    let report = judged(
        vec![waiver(&both, 200, all()), waiver(&[Finding::Expired], 250, all()), waiver(&[Finding::RotationOverdue], 400, all())],
        300,
    );
    let ended: Vec<_> = report.ended.iter().map(|ended| (ended.on, ended.finding, &*ended.owner, &*ended.why)).collect();
    let why = "it moves house";
    assert_eq!(ended, [(Item::Certificate(0), Finding::Expired, "owner of 250", why), (Item::Crl(0), Finding::Stale, "owner of 200", why)]);
    assert_eq!(report.ended_on(Item::Crl(0)).map(|ended| ended.until).collect::<Vec<_>>(), [at(200)]);
    assert_eq!(report.waived.len(), 1);
}

#[test]
fn time_alone_ends_a_waiver() {
    let waivers = || vec![waiver(&[Finding::Expired, Finding::RotationOverdue, Finding::Stale], 300, Selector::default())];
    for (now, due, ended) in [(201, Some(301), false), (300, Some(301), false), (301, Some(10_001), true)] {
        let report = judged(waivers(), now);
        assert_eq!(report.due, due.map(at), "at {now}");
        assert_eq!(report.certificate(0).contains(Finding::WaiverEnded), ended, "at {now}");
        assert_eq!(report.waived.is_empty(), ended, "at {now}");
    }
}

#[test]
fn waivers_of_other_places_waive_nothing() {
    let elsewhere = |at: usize| Selector {
        places: [Pattern::new(&format!("secret shop-{at}/*")).unwrap()].into(),
        names: [Pattern::ignoring_case(&format!("*.n{at}.example")).unwrap()].into(),
        ..Selector::default()
    };
    let rules =
        Rules { waivers: (0..50).map(|at| waiver(&[Finding::Expired, Finding::Stale], 400, elsewhere(at))).collect(), ..Rules::default() };
    let header = SourceHeader { options: SourceOptions { rules: Arc::new(rules), ..SourceOptions::default() }, ..header() };
    let place = Place::file("/a.pem");
    let content = Content { certificates: [certificate("a", 100, 200)].into(), ..Content::default() };
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
    let report = assess(&subject, &NoRevocations::default(), None, at(300));
    assert!(report.waived.is_empty() && report.certificate(0).contains(Finding::Expired));
}
