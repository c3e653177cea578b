//! What looks like an outage and is none, and what is one although it does not look like it.

use super::*;
use crate::model::facts::{KeyAlgorithm, KeyFacts, SubjectName};
use crate::model::{Authority, History, Renewed};

fn root(name: &str) -> Issued {
    let mut params = ca_params(name);
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (day(-100), day(1000));
    crate::pki::fixtures::self_signed(params)
}

/// A place that held the old one before.
fn renewed(mut state: TargetState, old: &CertificateFacts) -> TargetState {
    let new = state.content.certificates[0].fingerprint;
    let renewal = Renewed { at: at(NOW - DAY), old: old.fingerprint, new, used: 700, same_key: false };
    state.history = Some(Box::new(History::default().with(renewal)));
    state
}

fn at_port(port: u16, facts: &CertificateFacts) -> TargetState {
    target(
        Place::Endpoint { target: format!("host.example:{port}").into(), server_name: "host.example".into(), address: None },
        [facts.clone()],
    )
}

/// The findings at the one endpoint of `edge`.
fn found(stored: Held, endpoint: TargetState) -> Vec<Finding> {
    let place = format!("edge {}", endpoint.place);
    said(&[stored, source(SourceKind::Tls, "edge", [endpoint])]).0.at(&place)
}

#[test]
fn other_services_and_machines_have_certificates_of_the_same_names() {
    let (public, own) = (root("Public CA"), root("Kubelet CA"));
    let stored = leaf(&public, "host.example", -1, 90);
    let files = || source(SourceKind::File, "files", [file("/public.pem", [stored.clone()])]);
    assert_eq!(found(files(), at_port(10250, &leaf(&own, "host.example", -30, 365))), [], "another CA's, at another port");
    let options = SourceOptions { serves: [Box::from("host.example:443")].into(), ..SourceOptions::default() };
    let said_to_serve = with(SourceKind::File, "files", options, [file("/public.pem", [stored.clone()])]);
    assert_eq!(found(said_to_serve, at_port(10250, &leaf(&public, "host.example", -30, 90))), [], "it is said to serve another endpoint");
    let wildcard = used_by(file("/wild.pem", [leaf(&public, "*.shop.example", -1, 90)]), "Ingress", "*.shop.example");
    let elsewhere = served("api.shop.example", [leaf(&own, "api.shop.example", -30, 365)]);
    assert_eq!(found(source(SourceKind::File, "files", [wildcard]), elsewhere), [], "a name of its own beside a wildcard");
}

#[test]
fn one_ca_above_two_intermediates_is_one_family() {
    let top = root("Public Root");
    let (r10, r11) = (top.intermediate("R10"), top.intermediate("R11"));
    let stored = file("/live.pem", [leaf(&r11, "host.example", -1, 90), facts(&r11)]);
    let shown = target(
        Place::Endpoint { target: "host.example:443".into(), server_name: "host.example".into(), address: None },
        [leaf(&r10, "host.example", -60, 90), facts(&r10)],
    );
    assert_eq!(found(source(SourceKind::File, "files", [stored]), shown), [Finding::StoredNotServed]);
}

#[test]
fn what_took_the_place_of_the_one_that_is_served_settles_it() {
    let (ca, other) = (root("CA"), root("Other CA"));
    let (old, new) = (leaf(&ca, "host.example", -60, 90), leaf(&other, "host.example", -1, 90));
    let rsa = CertificateFacts { key: KeyFacts { algorithm: KeyAlgorithm::Rsa, ..old.key.clone() }, ..old.clone() };
    let live = |old: &CertificateFacts| renewed(file("/live.pem", [new.clone()]), old);
    for (name, stored, shown) in [
        ("by another CA", vec![live(&old)], &old),
        ("with another sort of key", vec![live(&rsa)], &rsa),
        ("a backup of the old one is watched too", vec![live(&old), file("/archive/1.pem", [old.clone()])], &old),
    ] {
        assert_eq!(found(source(SourceKind::File, "files", stored), at_port(443, shown)), [Finding::StoredNotServed], "{name}");
    }
}

#[test]
fn a_server_whose_own_certificate_says_that_it_is_a_ca_is_compared_too() {
    let name = |facts: CertificateFacts, from: i64| CertificateFacts {
        names: [SubjectName::Dns("host.example".into())].into(),
        not_before: at(NOW + from * DAY),
        ..facts
    };
    let (old, new) = (name(facts(&root("host.example")), -90), name(facts(&root("host.example")), -1));
    assert_eq!(found(source(SourceKind::File, "files", [file("/s.pem", [new])]), at_port(443, &old)), [Finding::StoredNotServed]);
}

#[test]
fn of_several_files_that_are_said_to_serve_the_one_of_its_names_is_named() {
    let ca = root("CA");
    let (old, new, other) = (leaf(&ca, "host.example", -60, 90), leaf(&ca, "host.example", -2, 90), leaf(&ca, "www.example", -1, 90));
    let serves = [Box::from("host.example:443"), Box::from("www.example:443")].into();
    let options = SourceOptions { serves, ..SourceOptions::default() };
    let files = with(SourceKind::File, "files", options, [file("/host.pem", [new]), file("/www.pem", [other])]);
    let (said, _) = said(&[files, source(SourceKind::Tls, "edge", [at_port(443, &old)])]);
    assert_eq!(&*said.0["edge host.example:443"].evidence[0].place, "/host.pem");
}

#[test]
fn one_stale_backend_behind_a_balanced_address_is_found() {
    let ca = root("CA");
    let (old, new) = (leaf(&ca, "host.example", -60, 90), leaf(&ca, "host.example", -1, 90));
    let files = source(SourceKind::File, "files", [changed(file("/live.pem", [new.clone()]), NOW)]);
    let mut relate = Relate::default();
    let mut found = 0;
    for n in 1..100 {
        let t = NOW + n * 30;
        let shown = changed(at_port(443, if n % 2 == 0 { &old } else { &new }), t);
        let mut said = Said::default();
        said.hear(&relate.pass(seen(&[files.clone(), source(SourceKind::Tls, "edge", [shown])], t), at(t)));
        found += said.0.len();
    }
    assert!(found > 30, "every other look shows the old one: {found}");
}

#[test]
fn a_look_from_before_the_change_proves_nothing_and_takes_nothing_back() {
    let ca = root("CA");
    let (old, new) = (leaf(&ca, "host.example", -60, 90), leaf(&ca, "host.example", -1, 90));
    let files = source(SourceKind::File, "files", [changed(file("/live.pem", [new]), NOW + 10)]);
    let mut relate = Relate::default();
    let mut said = Said::default();
    let mut pass = |shown: TargetState, seen_at, now| {
        // What was told is kept with the target.
        let shown = TargetState { related: said.0.get("edge host.example:443").cloned().map(Arc::new), ..shown };
        said.hear(&relate.pass(seen(&[files.clone(), source(SourceKind::Tls, "edge", [shown])], seen_at), at(now)));
        said.at("edge host.example:443")
    };
    assert_eq!(pass(at_port(443, &old), NOW, NOW + 20), []);
    assert_eq!(pass(at_port(443, &old), NOW, NOW + 2000), [], "nobody has looked since the change");
    assert_eq!(pass(at_port(443, &old), NOW + 2000, NOW + 2001), [Finding::StoredNotServed]);
    assert_eq!(pass(at_port(443, &old), 0, NOW + 2002), [Finding::StoredNotServed], "a source that was not looked at yet after a reload");
}

#[test]
fn settings_that_a_reload_takes_away_leave_nothing_behind() {
    let ca = root("CA");
    let (stored, shown) = (leaf(&ca, "other.example", -1, 90), leaf(&ca, "host.example", -30, 90));
    let files = |serves: &[&str]| {
        let serves = serves.iter().map(|target| Box::from(*target)).collect();
        with(SourceKind::File, "files", SourceOptions { serves, ..SourceOptions::default() }, [file("/s", [stored.clone()])])
    };
    let mut relate = Relate::default();
    let mut said = Said::default();
    for (serves, expected) in [(&["host.example:443"][..], &[Finding::StoredNotServed][..]), (&[], &[])] {
        let mut endpoint = at_port(443, &shown);
        endpoint.related = said.0.get("edge host.example:443").cloned().map(Arc::new);
        said.hear(&relate.pass(view(&[files(serves), source(SourceKind::Tls, "edge", [endpoint])]), at(NOW)));
        assert_eq!(said.at("edge host.example:443"), expected, "{serves:?}");
    }
}

#[test]
fn a_reload_keeps_the_client_certificate() {
    let (ca, other) = (root("CA"), root("Other"));
    let mut client = leaf(&ca, "client", -1, 90);
    client.shown_to_servers = true;
    let bundle = source(SourceKind::Nginx, "web", [used_by(file("/bundle.pem", [facts(&other)]), "nginx_client_ca", "api.example")]);
    let cas = source(SourceKind::File, "cas", [file("/ca", [facts(&ca)])]);
    let mut relate = Relate::default();
    let mut said = Said::default();
    for seconds in [1, 2] {
        let options = SourceOptions { timeout: Duration::from_secs(seconds), ..SourceOptions::default() };
        let mut endpoint = served("api.example", [leaf(&ca, "api.example", -1, 90)]);
        endpoint.related = said.0.get("edge api.example:443").cloned().map(Arc::new);
        let edge = with(SourceKind::Tls, "edge", options, [file("/client.pem", [client.clone()]), endpoint]);
        said.hear(&relate.pass(view(&[bundle.clone(), edge, cas.clone()]), at(NOW)));
        assert_eq!(said.at("edge api.example:443"), [Finding::ClientNotTrusted], "{seconds}");
    }
}

#[test]
fn what_is_stored_nowhere_for_a_moment_has_time() {
    let ca = root("CA");
    let facts = leaf(&ca, "host.example", -30, 90);
    let asked = SourceOptions { must_be_stored: true, ..SourceOptions::default() };
    let edge = with(SourceKind::Tls, "edge", asked, [at_port(443, &facts)]);
    let mut relate = Relate::default();
    let mut said = Said::default();
    let mut pass = |stored: &[TargetState], now: i64| {
        said.hear(&relate.pass(view(&[source(SourceKind::File, "files", stored.to_vec()), edge.clone()]), at(now)));
        said.at("edge host.example:443")
    };
    assert_eq!(pass(&[file("/a", [facts.clone()])], NOW), []);
    assert_eq!(pass(&[], NOW + 60), [], "the file is being written anew");
    assert_eq!(pass(&[], NOW + 60 + 15 * 60), [Finding::ServedUnknown]);
}

#[test]
fn an_authority_is_a_name_and_a_key_whatever_its_certificates_say_besides() {
    let ca = root("CA");
    let below = leaf(&ca, "a.example", -1, 3000);
    let bare = Arc::new(Authority { key_id: None, key_usage: None, ..Authority::clone(facts(&ca).authority.as_ref().unwrap()) });
    let mut again = facts(&ca);
    (again.fingerprint, again.authority) = ([9; 32], Some(bare.clone()));
    for targets in [[file("/ca", [facts(&ca)]), file("/a", [below.clone()])], [file("/a", [below.clone()]), file("/ca", [facts(&ca)])]] {
        let mut relate = Relate::new(vec![(facts(&ca).subject.clone(), bare.clone())]);
        let mut said = Said::default();
        let outcome = relate.pass(view(&[source(SourceKind::File, "files", targets)]), at(NOW));
        said.hear(&outcome);
        assert_eq!(outcome.relations.unwrap().authorities[0].dependants, 1, "an anchor of the machine, in either order");
        assert!(relate.verifies(&below.fingerprint, "files", "/ca").unwrap().verifies);
        assert_eq!(said.at("files /a"), [Finding::OutlivesIssuer], "its end is known, as the operator keeps it");
    }
    let (said, outcome) =
        said(&[source(SourceKind::File, "files", [file("/ca", [facts(&ca)]), file("/again", [again]), file("/a", [below])])]);
    let rows: Vec<_> = outcome.relations.unwrap().authorities.iter().map(|row| (row.dependants, row.cross_signs)).collect();
    assert_eq!(rows, [(1, 1), (1, 1)], "issued again for the same key");
    assert_eq!([said.at("files /ca"), said.at("files /again")], [[]; 2]);
}

#[test]
fn forged_namesakes_do_not_stand_in_the_way_of_the_real_one() {
    let real = root("CA");
    let below = leaf(&real, "a.example", -1, 30);
    let id = facts(&real).authority.unwrap().key_id.clone();
    let forged: Vec<_> = (0..40_u8)
        .map(|n| {
            let mut facts = facts(&root("CA"));
            facts.authority = Some(Arc::new(Authority { key_id: id.clone(), ..Authority::clone(facts.authority.as_ref().unwrap()) }));
            facts.fingerprint[0] = n;
            facts
        })
        .collect();
    let evil = source(SourceKind::Tls, "evil", [served("evil.example", forged)]);
    let mut relate = Relate::default();
    relate.pass(view(std::slice::from_ref(&evil)), at(NOW));
    let real_ca = source(SourceKind::File, "files", [file("/ca", [facts(&real)]), file("/a", [below])]);
    let outcome = relate.pass(view(&[evil, real_ca]), at(NOW));
    let row = |row: &&crate::model::AuthorityRow| row.fingerprint == facts(&real).fingerprint;
    assert_eq!(outcome.relations.unwrap().authorities.iter().find(row).unwrap().dependants, 1);
}
