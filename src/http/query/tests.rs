//! The lists over the example of everything, and over what changes between two pages.

use std::collections::BTreeSet;

use super::crls::Origin;
use super::*;
use crate::metrics::Renderer;
use crate::metrics::example::{self, DAY, START, View, Watched, certificate, source, target};
use crate::model::facts::hex;
use crate::model::{CertRole, CertificateFacts, Finding, Noun, Place, Reason, RevocationStatus, SourceKind, SourceStatus, UnixTime};

fn rich() -> View {
    View::new(example::rich(), &Renderer::default())
}

fn of(watched: Vec<Watched>) -> View {
    View::new(watched, &Renderer::default())
}

fn files(targets: Vec<TargetState>) -> Watched {
    Watched { header: source(SourceKind::File, "files"), status: SourceStatus::default(), targets }
}

fn ending(seed: u8, days: i64) -> CertificateFacts {
    let mut facts = certificate(CertRole::Leaf, &format!("host-{seed}"), "CA", seed);
    facts.not_after = UnixTime::from_secs(START.secs() + days * DAY);
    facts
}

fn text(text: &str) -> Filter {
    Filter { text: Needle::new(text), ..Filter::default() }
}

#[test]
fn certificates_come_by_their_ends_each_once_with_all_its_places() {
    let at = |path: &str, all| target(Place::file(path), all, vec![]);
    let view = of(vec![files(vec![
        at("/late.pem", vec![ending(1, 90)]),
        at("/soon.pem", vec![ending(2, 3), ending(1, 90)]),
        at("/both.pem", vec![ending(3, 3)]),
    ])]);
    let page = certificates::page(&view, &Filter::default(), None, 10);
    let rows: Vec<_> = page.values().map(|row| (row.facts.fingerprint[0], row.count, row.places.len())).collect();
    assert_eq!(rows, [(2, 1, 1), (3, 1, 1), (1, 2, 2)], "equal ends by fingerprint");
    assert_eq!((page.total, page.next()), (3, None));
}

#[test]
fn places_beyond_a_bound_are_only_counted() {
    let many = (0..250).map(|n| target(Place::file(format!("/{n}.pem")), vec![ending(1, 1)], vec![])).collect();
    let view = of(vec![files(many)]);
    let page = certificates::page(&view, &Filter::default(), None, 1);
    assert_eq!((page.rows[0].1.count, page.rows[0].1.places.len()), (250, certificates::PLACES));
}

#[test]
fn a_certificate_fits_when_one_of_its_places_fits_the_whole_filter() {
    let view = rich();
    let count = |filter: &Filter| certificates::page(&view, filter, None, 1000).total;
    let all = count(&Filter::default());
    for (behaviour, filter, expected) in [
        ("by a source's name", Filter { source: Some("edge".into()), ..Filter::default() }, 6),
        ("by a source that is not there", Filter { source: Some("nobody".into()), ..Filter::default() }, 0),
        ("by kind", Filter { kind: Some(SourceKind::Kubeconfig), ..Filter::default() }, 1),
        ("by namespace", Filter { namespace: Some("shop".into()), ..Filter::default() }, 1),
        ("by a finding", Filter { finding: Some(Finding::WeakKey), ..Filter::default() }, 1),
        ("by a finding that is waived", Filter { finding: Some(Finding::IpNameNotAllowed), ..Filter::default() }, 0),
        ("by its revocation", Filter { revocation: Some(RevocationStatus::Revoked), ..Filter::default() }, 1),
        ("by its end", Filter { expires_before: Some(START), ..Filter::default() }, 2),
        ("by its end, not before", Filter { expires_after: Some(START), ..Filter::default() }, all - 2),
        ("by its fingerprint", Filter { fingerprint: Some([91; 32]), ..Filter::default() }, 1),
        ("by the owner of its place", Filter { owner: Some("search".into()), ..Filter::default() }, 3),
        ("by a failing place", Filter { outcome: Some(Outcome::Failing), ..Filter::default() }, 3),
        ("by text of its own", text("spiffe://example.org/web"), all - 1),
        ("by text of its place", text("/srv/own"), 3),
        (
            "a finding of one place and the name of another",
            Filter { finding: Some(Finding::WeakKey), source: Some("edge".into()), ..Filter::default() },
            0,
        ),
        ("in several places", Filter { min_places: 2, ..Filter::default() }, 3),
    ] {
        assert_eq!(count(&filter), expected, "{behaviour}");
    }
}

#[test]
fn a_target_fits_by_where_it_is_how_it_does_and_what_it_holds() {
    let view = rich();
    for (behaviour, filter, expected) in [
        ("everything", Filter::default(), 21),
        ("by how the look ended", Filter { outcome: Some(Outcome::Failing), ..Filter::default() }, 7),
        ("by the reason", Filter { reason: Some(Reason::NotFound), ..Filter::default() }, 1),
        ("by a finding on it", Filter { finding: Some(Finding::WrongOrder), ..Filter::default() }, 1),
        ("by a finding on a certificate in it", Filter { finding: Some(Finding::WeakKey), ..Filter::default() }, 1),
        ("by a finding on a CRL in it", Filter { finding: Some(Finding::Stale), ..Filter::default() }, 1),
        (
            "what is asked of certificates holds of one and the same",
            Filter { finding: Some(Finding::WeakKey), role: Some(CertRole::Root), ..Filter::default() },
            0,
        ),
        ("by a verdict", Filter { revocation: Some(RevocationStatus::Unknown), ..Filter::default() }, 1),
        ("by nobody who owns it", Filter { unowned: Some(true), ..Filter::default() }, 3),
        ("by the issuer of a CRL", text("CN=CA,O=Example"), 1),
        ("by an endpoint's name", text("old.example.com"), 1),
        ("by anything that is wrong", Filter { troubled: true, ..Filter::default() }, 11),
        ("by a part that cannot be read", Filter { unreadable: true, ..Filter::default() }, 0),
        ("without trust stores and requests", Filter { dated: true, ..Filter::default() }, 16),
    ] {
        assert_eq!(targets::page(&view, &filter, None, 1000).total, expected, "{behaviour}");
    }
}

#[test]
fn crls_are_listed_wherever_they_come_from() {
    let view = rich();
    let all = crls::page(&view, &Filter::default(), None, 1000);
    let is_stored: Vec<bool> = all.values().map(|row| matches!(row, crls::Row::Stored { .. })).collect();
    assert_eq!((all.total, is_stored), (6, vec![true, true, false, false, false, false]));
    for (behaviour, filter, expected) in [
        ("in places alone", Filter { origin: Some(Origin::Stored), ..Filter::default() }, 2),
        ("fetched ones alone", Filter { origin: Some(Origin::Fetched), ..Filter::default() }, 4),
        ("what is fetched is of no source", Filter { source: Some("files".into()), ..Filter::default() }, 2),
        ("stale ones", Filter { finding: Some(Finding::Stale), ..Filter::default() }, 2),
        ("those that could not be fetched", Filter { outcome: Some(Outcome::Failing), ..Filter::default() }, 1),
        (
            "by their ends; those without one never end",
            Filter { expires_before: Some(UnixTime::from_secs(i64::MAX)), ..Filter::default() },
            3,
        ),
        ("by URL", text("crl.example/a"), 2),
        ("by issuer", text("Issuing CA"), 2),
    ] {
        assert_eq!(crls::page(&view, &filter, None, 1000).total, expected, "{behaviour}");
    }
}

#[test]
fn findings_are_listed_with_what_they_are_on_and_since_when_where_that_is_known() {
    let view = rich();
    let rows = |filter: &Filter| {
        let of_row = |row: &findings::Row<'_>| {
            let on = match row.on {
                findings::On::Target(_, target) => target.place.to_string(),
                findings::On::Certificate(_, target, facts) => format!("{} {}", target.place, facts.serial),
                findings::On::Crl(_, target, facts) => format!("{} CRL {}", target.place, hex(&facts.fingerprint[..1])),
                findings::On::Fetched(service) => service.url.to_string(),
                findings::On::Responder(responder) => responder.url.to_string(),
            };
            format!("{} {on} {:?} {:?}", row.finding, row.since.map(|at| at.rfc3339()), row.waived.map(|waived| waived.until.rfc3339()))
        };
        findings::page(&view, filter, None, 1000).values().map(of_row).collect::<Vec<_>>()
    };
    let www = "/etc/ssl/www.pem 1001";
    for (behaviour, filter, expected) in [
        (
            "of an expired certificate it is known since when",
            Filter { finding: Some(Finding::Expired), source: Some("files".into()), ..Filter::default() },
            vec![format!("expired {www} Some(\"2026-04-11T00:00:00Z\") None")],
        ),
        (
            "of a weak key it is not",
            Filter { finding: Some(Finding::WeakKey), ..Filter::default() },
            vec![format!("weak_key {www} None None")],
        ),
        (
            "waived ones have an end",
            Filter { waived: Some(true), noun: Some(Noun::Certificate), ..Filter::default() },
            vec!["ip_name_not_allowed /srv/own.pem 1010 None Some(\"2026-01-30T23:59:59Z\")".to_owned()],
        ),
        (
            "stale lists: since their nextUpdate; those in places first",
            Filter { finding: Some(Finding::Stale), ..Filter::default() },
            vec![
                "stale /etc/ssl/crls.pem CRL 08 Some(\"2026-01-08T00:00:00Z\") None".to_owned(),
                "stale http://crl.example/a.crl Some(\"2026-01-08T00:00:00Z\") None".to_owned(),
            ],
        ),
        (
            "on responders",
            Filter { noun: Some(Noun::Responder), ..Filter::default() },
            vec!["expiring http://ocsp.example/ None None".to_owned(), "unreachable http://ocsp.gone.example/ None None".to_owned()],
        ),
        (
            "on endpoints",
            Filter { noun: Some(Noun::Target), kind: Some(SourceKind::Tls), waived: Some(false), ..Filter::default() },
            vec!["wrong_order api.example.com:443 None None".to_owned()],
        ),
    ] {
        assert_eq!(rows(&filter), expected, "{behaviour}");
    }
}

#[test]
fn pages_of_any_size_are_the_whole_list_in_order() {
    let view = rich();
    let filter = Filter::default();
    let whole: Vec<_> = findings::page(&view, &filter, None, 1000).values().map(|row| format!("{row:?}")).collect();
    assert!(whole.len() > 15, "{}", whole.len());
    for limit in [1, 2, 7, whole.len()] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = findings::page(&view, &filter, after.as_ref(), limit);
            assert_eq!(page.total, whole.len() as u64);
            seen.extend(page.values().map(|row| format!("{row:?}")));
            let Some(next) = page.next().cloned() else { break };
            after = Some(next);
        }
        assert_eq!(seen, whole, "limit {limit}");
    }
}

/// Certificates come and go between pages: those that stay are each on exactly one of them.
#[test]
fn what_stays_is_on_exactly_one_page_whatever_comes_and_goes() {
    let snapshot = |seeds: &BTreeSet<u8>| {
        let each = seeds.iter().map(|seed| target(Place::file(format!("/{seed}.pem")), vec![ending(*seed, i64::from(*seed % 7))], vec![]));
        of(vec![files(each.collect())])
    };
    let stays: BTreeSet<u8> = (0..60).filter(|seed| seed % 3 != 0).collect();
    for limit in [1, 3, 10] {
        let (mut seen, mut after, mut round) = (Vec::new(), None, 0_u8);
        loop {
            // Every time others are there besides.
            let guests = (0..60).filter(|seed| seed % 3 == 0 && (seed / 3 + round).is_multiple_of(4));
            let view = snapshot(&stays.iter().copied().chain(guests).collect());
            let page = certificates::page(&view, &Filter::default(), after.as_ref(), limit);
            seen.extend(page.values().map(|row| row.facts.fingerprint[0]));
            round = round.wrapping_add(1);
            let Some(next) = page.next().cloned() else { break };
            after = Some(next);
        }
        let of_them: Vec<u8> = seen.iter().copied().filter(|seed| stays.contains(seed)).collect();
        assert_eq!(of_them.len(), stays.len(), "limit {limit}");
        assert_eq!(of_them.into_iter().collect::<BTreeSet<_>>(), stays, "limit {limit}");
    }
}

#[test]
fn authorities_come_by_what_hangs_on_them() {
    let view = rich();
    let rows = |filter: &Filter| {
        authorities::page(&view, filter, None, 10).values().map(|row| (row.dependants, row.subject_cn.to_string())).collect::<Vec<_>>()
    };
    let (issuing, old) = ((12, "Example Issuing CA".to_owned()), (0, "Example \"Root\"".to_owned()));
    let ends = example::relations().authorities[0].not_after;
    for (behaviour, filter, expected) in [
        ("those first that most hangs on", Filter::default(), vec![issuing.clone(), old.clone()]),
        ("by role", Filter { role: Some(CertRole::Root), ..Filter::default() }, vec![old.clone()]),
        ("by text of subject or issuer", text("example root"), vec![issuing.clone(), old.clone()]),
        ("by text of the subject alone", text("issuing"), vec![issuing.clone()]),
        ("by its end", Filter { expires_before: Some(ends), ..Filter::default() }, vec![]),
        ("by its end, not before", Filter { expires_after: Some(ends), ..Filter::default() }, vec![issuing, old]),
    ] {
        assert_eq!(rows(&filter), expected, "{behaviour}");
    }
}

#[test]
fn services_are_lists_and_responders() {
    let view = rich();
    for (behaviour, filter, expected) in [
        ("everything", Filter::default(), 6),
        ("what cannot be fetched or asked", Filter { outcome: Some(Outcome::Failing), ..Filter::default() }, 2),
        ("what can", Filter { outcome: Some(Outcome::Ok), ..Filter::default() }, 4),
        ("by a finding", Filter { finding: Some(Finding::Unreachable), ..Filter::default() }, 2),
        ("by URL", text("OCSP"), 2),
    ] {
        assert_eq!(services::page(&view, &filter, None, 10).total, expected, "{behaviour}");
    }
}
