//! Exactly which requests are made, with which headers, and when none is.

use super::{EVERY_SECOND, LOOPBACK, World, fetches, revoked, until_all};
use crate::support::issuing::{Crl, Status};
use crate::support::site::{until_service, until_verdict};
use crate::support::web::Reply;

const OK_NO_FINDING: &[&str] = &[];

#[test]
fn each_list_is_fetched_once_for_all_its_certificates_and_not_again_for_new_ones_or_after_a_restart() {
    let world = World::new(LOOPBACK);
    world.site.page("/a.crl", world.ca.crl(&Crl::number(1).revoking(7, 1).revoking(99, 4)));
    world.site.page("/b.crl", world.ca.crl(&Crl::number(1).revoking(7, 1)));
    let response = world.ca.response(77, Status::Good);
    world.site.page("/ocsp", response);
    let of_a: Vec<String> = (1..=20).filter(|serial| *serial != 7).map(|serial| world.leaf(serial, "/a.crl")).collect();
    let of_b: Vec<String> = (21..=40).map(|serial| world.leaf(serial, "/b.crl")).collect();
    let bad = world.leaf(7, "/a.crl");
    let asked_about = world.leaf_ocsp(77, "/ocsp");

    let exporter = world.folder.ready();
    until_all(&exporter, &of_a, "good crl");
    until_all(&exporter, &of_b, "good crl");
    until_verdict(&exporter, &bad, "revoked keyCompromise crl");
    until_verdict(&exporter, &asked_about, "good ocsp");
    let asked = world.site.asked();
    let mut crls: Vec<_> = asked.iter().filter(|asked| asked.line.ends_with(".crl")).collect();
    crls.sort_by(|a, b| a.line.cmp(&b.line));
    assert_eq!(crls.iter().map(|asked| &*asked.line).collect::<Vec<_>>(), ["GET /a.crl", "GET /b.crl"]);
    let headers = |(accept, host): (&str, String)| {
        let mut headers = vec![
            ("accept".to_owned(), accept.to_owned()),
            ("accept-encoding".to_owned(), "identity".to_owned()),
            ("host".to_owned(), host),
            ("user-agent".to_owned(), concat!("notafter/", env!("CARGO_PKG_VERSION")).to_owned()),
        ];
        headers.sort();
        headers
    };
    for asked in crls {
        let mut found = asked.headers.clone();
        found.sort();
        assert_eq!(found, headers(("application/pkix-crl", world.site.host())), "{}", asked.line);
    }
    assert_eq!(asked.len(), 3, "and the responder once: {asked:#?}");
    let ocsp = asked.iter().find(|asked| asked.line.starts_with("GET /ocsp/")).unwrap();
    let mut found = ocsp.headers.clone();
    found.sort();
    assert_eq!(found, headers(("application/ocsp-response", world.site.host())));

    // The list at hand answers for a certificate that comes later, though its entry was of no interest before.
    let later = world.leaf(99, "/a.crl");
    let later_good = world.leaf(98, "/a.crl");
    until_verdict(&exporter, &later, "revoked superseded crl");
    until_verdict(&exporter, &later_good, "good crl");
    assert_eq!(world.site.lines(), Vec::<String>::new());
    exporter.terminate();

    let connections = world.site.connections();
    let exporter = world.folder.ready();
    until_all(&exporter, &of_a, "good crl");
    until_all(&exporter, &of_b, "good crl");
    for (file, words, value) in [
        (&bad, "revoked keyCompromise crl", 1.0),
        (&later, "revoked superseded crl", 1.0),
        (&later_good, "good crl", 0.0),
        (&asked_about, "good ocsp", 0.0),
    ] {
        until_verdict(&exporter, file, words);
        assert_eq!(revoked(&exporter.scrape(), file), Some(value), "{file}");
    }
    // Not the verdicts of the state file alone: the answers behind them are there, too.
    until_service(&exporter, &world.url("/a.crl"), "", OK_NO_FINDING);
    until_service(&exporter, &world.url("/ocsp"), "", OK_NO_FINDING);
    let newer = world.leaf(97, "/a.crl");
    until_verdict(&exporter, &newer, "good crl");
    assert_eq!((world.site.lines(), world.site.connections()), (Vec::new(), connections), "no request, not even a connection");
}

#[test]
fn a_refresh_is_conditional_and_a_failed_one_keeps_what_was_known() {
    let world = World::new(EVERY_SECOND);
    let (etag, modified) = ("\"v1\"", "Tue, 01 Sep 2026 10:00:00 GMT");
    world.site.validated("/ca.crl", world.ca.crl(&Crl::number(1).revoking(2, 6)), etag, modified);
    let (good, held) = (world.leaf(1, "/ca.crl"), world.leaf(2, "/ca.crl"));
    let exporter = world.folder.ready();
    until_verdict(&exporter, &good, "good crl");
    until_verdict(&exporter, &held, "revoked certificateHold crl");
    exporter.scrape_until("confirmed", |scrape| (fetches(scrape, "crl", "not_modified") >= 2.0).then_some(()));
    assert_eq!(fetches(&exporter.scrape(), "crl", "ok"), 1.0, "the body travels once");
    let asked = world.site.asked();
    let validators: Vec<_> = asked.iter().map(|asked| (asked.header("if-none-match"), asked.header("if-modified-since"))).collect();
    assert_eq!(validators[0], (None, None), "nothing was at hand");
    assert!(validators[1..].iter().all(|sent| *sent == (Some(etag), Some(modified))), "{validators:?}");
    assert!(asked.iter().all(|asked| asked.line == "GET /ca.crl"));
    until_service(&exporter, &world.url("/ca.crl"), "", OK_NO_FINDING);

    // Published: revoked, and the hold is released.
    world.site.validated("/ca.crl", world.ca.crl(&Crl::number(2).revoking(1, 1)), "\"v2\"", modified);
    until_verdict(&exporter, &good, "revoked keyCompromise crl");
    until_verdict(&exporter, &held, "good crl");

    world.site.answer("/ca.crl", |_| Reply::new(500, &[], b"no"));
    until_service(&exporter, &world.url("/ca.crl"), "http_error", &["unreachable"]);
    let scrape = exporter.scrape_until("shown", |scrape| {
        let is_shown = scrape.value("x509_crl_finding", &[("url", &world.url("/ca.crl")), ("finding", "unreachable")]) == Some(1.0);
        is_shown.then(|| scrape.text.clone())
    });
    assert!(scrape.contains("reason=\"http_error\""), "the counter says why");
    until_verdict(&exporter, &good, "revoked keyCompromise crl");
    until_verdict(&exporter, &held, "good crl");
    exporter.terminate();

    // While its place is down, a restart knows what was known, and asks with the validators it had.
    world.site.asked();
    let exporter = world.folder.ready();
    until_verdict(&exporter, &good, "revoked keyCompromise crl");
    until_verdict(&exporter, &held, "good crl");
    until_service(&exporter, &world.url("/ca.crl"), "http_error", &["unreachable"]);
    assert_eq!(world.site.asked()[0].header("if-none-match"), Some("\"v2\""));
    world.site.validated("/ca.crl", world.ca.crl(&Crl::number(2).revoking(1, 1)), "\"v2\"", modified);
    until_service(&exporter, &world.url("/ca.crl"), "", OK_NO_FINDING);
}

#[test]
fn a_place_that_the_policy_denies_is_not_connected_to() {
    let world = World::new("");
    let (denied, asked_about) = (world.leaf(1, "/a.crl"), world.leaf_ocsp(2, "/ocsp"));
    let exporter = world.folder.ready();
    until_verdict(&exporter, &denied, "unknown egress_denied");
    until_verdict(&exporter, &asked_about, "unknown egress_denied");
    until_service(&exporter, &world.url("/a.crl"), "egress_denied", &[]);
    assert!(exporter.stderr().contains("127.0.0.1"), "the log names what would have to be allowed");
    assert_eq!(world.site.connections(), 0);
}

#[test]
fn a_redirect_is_followed_only_to_where_the_policy_lets_it() {
    let world = World::new("allow = [\"127.0.0.1\"]\n");
    world.site.page("/real.crl", world.ca.crl(&Crl::number(1)));
    let real = world.url("/real.crl");
    world.site.answer("/moved.crl", move |_| Reply::redirect(301, &real));
    let moved = world.leaf(1, "/moved.crl");
    let inside = world.url("/real.crl").replace("127.0.0.1", "127.0.0.2");
    let places = [inside.as_str(), "http://169.254.169.254/latest", "http://2130706434/", "http://[::ffff:10.0.0.1]/"];
    let denied: Vec<String> = (2..)
        .zip(places)
        .map(|(serial, to)| {
            let (path, to) = (format!("/{serial}.crl"), to.to_owned());
            world.site.answer(&path, move |_| Reply::redirect(302, &to));
            world.leaf(serial, &path)
        })
        .collect();
    let exporter = world.folder.ready();
    until_verdict(&exporter, &moved, "good crl");
    until_all(&exporter, &denied, "unknown egress_denied");
    let mut expected: Vec<String> = (2..6).map(|serial| format!("GET /{serial}.crl")).collect();
    expected.extend(["GET /moved.crl".to_owned(), "GET /real.crl".to_owned()]);
    assert_eq!(world.site.lines(), expected);
}

#[test]
fn offline_nothing_is_asked_and_what_was_cached_still_counts() {
    let world = World::new(LOOPBACK);
    world.site.page("/a.crl", world.ca.crl(&Crl::number(1).revoking(2, 1)));
    let (good, bad) = (world.leaf(1, "/a.crl"), world.leaf(2, "/a.crl"));
    let exporter = world.folder.ready();
    until_verdict(&exporter, &good, "good crl");
    until_verdict(&exporter, &bad, "revoked keyCompromise crl");
    exporter.terminate();
    world.site.asked();
    let connections = world.site.connections();

    world.folder.config(&super::config("offline = true\n"));
    std::fs::remove_dir_all(world.folder.at("state")).unwrap();
    let (other, asked_about) = (world.leaf(3, "/b.crl"), world.leaf_ocsp(4, "/ocsp"));
    let exporter = world.folder.ready();
    until_verdict(&exporter, &good, "good crl");
    until_verdict(&exporter, &bad, "revoked keyCompromise crl");
    until_verdict(&exporter, &other, "unknown offline");
    until_verdict(&exporter, &asked_about, "unknown offline");
    assert_eq!((world.site.lines(), world.site.connections()), (Vec::new(), connections));
}

#[test]
fn a_mirror_is_asked_in_place_of_what_certificates_say() {
    let site = crate::support::site::Site::start();
    let mirror = format!("{LOOPBACK}mirror = {{ \"http://crl.example/\" = \"{}\" }}\n", site.url("/mirror/"));
    let world = World { site, ..World::new(&mirror) };
    world.site.page("/mirror/ca.crl", world.ca.crl(&Crl::number(1)));
    let pem = world.ca.leaf(1, &crate::support::issuing::Pointers::crl(&["http://crl.example/ca.crl"]));
    world.watch("1.pem", &pem);
    let exporter = world.folder.ready();
    until_verdict(&exporter, "1.pem", "good crl");
    until_service(&exporter, "http://crl.example/ca.crl", "", OK_NO_FINDING);
    assert_eq!(world.site.lines(), ["GET /mirror/ca.crl"]);
}
