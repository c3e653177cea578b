//! Responders: GET and POST, statuses, and answers that are none.

use base64::Engine;

use super::{LOOPBACK, World, fetches, until_all};
use crate::support::issuing::{Crl, Pointers, Status, ocsp_error, serial_bytes};
use crate::support::site::{until_service, until_verdict, verdict};
use crate::support::web::{Asked, Reply};

/// The request in the path of a GET.
fn in_path(asked: &Asked) -> Vec<u8> {
    let path = asked.line.split(' ').nth(1).unwrap();
    let (_, encoded) = path.rsplit_once('/').unwrap();
    let text = encoded.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn a_responder_is_asked_by_get_and_by_post_when_that_fails() {
    let world = World::new(LOOPBACK);
    let response = world.ca.response(2, Status::Revoked);
    world.site.answer(
        "/post-only",
        move |asked| {
            if asked.line.starts_with("POST") { Reply::ok(&response) } else { Reply::new(405, &[], b"no") }
        },
    );
    world.site.page("/both", world.ca.response(1, Status::Good));
    let long = format!("/both/{}", "x".repeat(200));
    world.site.page(&long, world.ca.response(3, Status::Good));
    let by_get = world.leaf_ocsp(1, "/both");
    let by_post = world.leaf_ocsp(2, "/post-only");
    let too_long = world.leaf_ocsp(3, &long);
    let exporter = world.folder.ready();
    until_verdict(&exporter, &by_get, "good ocsp");
    until_verdict(&exporter, &by_post, "revoked keyCompromise ocsp");
    until_verdict(&exporter, &too_long, "good ocsp");

    let asked = world.site.asked();
    let of = |path: &str| -> Vec<&Asked> { asked.iter().filter(|asked| asked.line.split(' ').nth(1).unwrap().starts_with(path)).collect() };
    let about = |request: &[u8], serial: u32| {
        let serial = serial_bytes(serial);
        request.windows(serial.len()).any(|window| window == serial)
    };
    let both: Vec<_> = of("/both").into_iter().filter(|asked| !asked.line.contains("xxx")).collect();
    assert_eq!(both.len(), 1, "{asked:#?}");
    assert!(about(&in_path(both[0]), 1) && both[0].header("content-type").is_none());
    let [get, post] = of("/post-only")[..] else { panic!("{asked:#?}") };
    assert!(get.line.starts_with("GET /post-only/") && post.line == "POST /post-only");
    assert_eq!(in_path(get), post.body, "the same question");
    assert!(about(&post.body, 2));
    assert_eq!(post.header("content-type"), Some("application/ocsp-request"));
    assert_eq!(post.header("accept"), Some("application/ocsp-response"));
    let [post] = of(&long)[..] else { panic!("{asked:#?}") };
    assert_eq!((post.line.as_str(), about(&post.body, 3)), (&*format!("POST {long}"), true), "RFC 5019: no GET beyond 255 octets");
    assert_eq!(asked.len(), 4);
    assert_eq!(fetches(&exporter.scrape(), "ocsp", "ok"), 3.0);
}

#[test]
fn a_responder_that_does_not_answer_has_its_reason() {
    let world = World::new(LOOPBACK);
    let html = b"<html>We are sorry</html>".to_vec();
    let foreign = crate::support::issuing::Issuing::new("Revoking CA").response(60, Status::Revoked);
    let rows: Vec<(&str, Said, &str, &[&str])> = vec![
        ("/later", Said(200, ocsp_error(3)), "responder_status", &["unreachable"]),
        ("/unauthorized", Said(200, ocsp_error(6)), "responder_status", &["unreachable"]),
        ("/internal", Said(200, ocsp_error(2)), "responder_status", &["unreachable"]),
        ("/html", Said(200, html), "malformed", &["unreachable"]),
        ("/down", Said(503, Vec::new()), "http_error", &["unreachable"]),
        ("/foreign", Said(200, foreign), "wrong_issuer|signature_invalid|responder_unauthorized|not_for_certificate", &[]),
        ("/large", Said(200, vec![0x30; 100 << 10]), "too_large", &["unreachable"]),
    ];
    // Two each: one failure alone does not make a responder unreachable.
    let mut files = Vec::new();
    for (at, (path, Said(status, body), _, _)) in (0..).zip(&rows) {
        let (status, body) = (*status, body.clone());
        world.site.answer(path, move |_| Reply::new(status, &[], &body));
        files.push([world.leaf_ocsp(10 * (at + 1), path), world.leaf_ocsp(10 * (at + 1) + 1, path)]);
    }
    let exporter = world.folder.ready();
    for ((path, _, reason, findings), files) in rows.iter().zip(&files) {
        if reason.contains('|') {
            crate::support::exporter::until("judged", || (verdict(&exporter, &files[0])["status"] == "unknown").then_some(()));
            let found = verdict(&exporter, &files[0])["reason"].as_str().unwrap_or_default().to_owned();
            assert!(reason.split('|').any(|reason| reason == found), "{path}: {found}");
            continue;
        }
        until_all(&exporter, files, &format!("unknown {reason}"));
        until_service(&exporter, &world.url(path), reason, findings);
    }
    let lines = world.site.lines();
    for (path, _, _, _) in rows.iter().filter(|row| row.0 != "/foreign") {
        let of = |start: String| lines.iter().filter(|line| line.starts_with(&start)).count();
        assert_eq!(
            (of(format!("GET {path}/")), of(format!("POST {path}"))),
            (2, 2),
            "{path}: each question by GET, then by POST, and no more"
        );
    }
    let scrape = exporter.scrape();
    let found = scrape.value("x509_responder_finding", &[("url", &world.url("/html")), ("finding", "unreachable")]);
    assert_eq!(found, Some(1.0));
}

struct Said(u16, Vec<u8>);

#[test]
fn unknown_to_the_responder_is_not_good() {
    let world = World::new(LOOPBACK);
    world.site.page("/ocsp", world.ca.response(1, Status::Unknown));
    let file = world.leaf_ocsp(1, "/ocsp");
    let exporter = world.folder.ready();
    until_verdict(&exporter, &file, "unknown unknown_to_responder");
}

#[test]
fn no_responder_is_asked_while_the_list_answers() {
    let world = World::new(LOOPBACK);
    world.site.page("/ca.crl", world.ca.crl(&Crl::number(1)));
    world.site.page("/ocsp", world.ca.response(2, Status::Good));
    let pointers = |crl: &str| Pointers { ocsp: vec![world.url("/ocsp")], ..Pointers::crl(&[&world.url(crl)]) };
    world.watch("1.pem", &world.ca.leaf(1, &pointers("/ca.crl")));
    world.watch("2.pem", &world.ca.leaf(2, &pointers("/gone.crl")));
    let exporter = world.folder.ready();
    until_verdict(&exporter, "1.pem", "good crl");
    until_verdict(&exporter, "2.pem", "good ocsp");
    let lines = world.site.lines();
    assert_eq!(lines.iter().filter(|line| line.contains("/ocsp")).count(), 1, "about the second alone: {lines:?}");
}

#[test]
fn a_response_in_a_file_answers_for_watched_certificates() {
    let world = World::new("");
    let file = |name: &str, serial, status| {
        world.folder.write(&format!("certs/{name}"), world.ca.response(serial, status));
        world.watch(&format!("{serial}.pem"), &world.ca.leaf(serial, &Pointers::ocsp(&["http://10.0.0.1/"])));
    };
    file("a.ocsp", 1, Status::Good);
    file("b.ocsp", 2, Status::Revoked);
    let fake = crate::support::issuing::Issuing::new("Revoking CA");
    world.folder.write("certs/c.ocsp", fake.response(1, Status::Revoked));
    let exporter = world.folder.ready();
    until_verdict(&exporter, "1.pem", "good staple");
    until_verdict(&exporter, "2.pem", "revoked keyCompromise staple");
}

#[test]
fn a_second_responder_is_asked_when_the_first_fails() {
    let world = World::new(LOOPBACK);
    world.site.page("/second", world.ca.response(1, Status::Good));
    let pointers = Pointers::ocsp(&[&world.url("/first"), &world.url("/second")]);
    world.watch("1.pem", &world.ca.leaf(1, &pointers));
    let exporter = world.folder.ready();
    until_verdict(&exporter, "1.pem", "good ocsp");
    let lines = world.site.lines();
    let kinds: Vec<String> = lines.iter().map(|line| line.split('/').take(2).collect::<Vec<_>>().join("/")).collect();
    assert_eq!(kinds, ["GET /first", "GET /second", "POST /first"]);
}
