//! Answers that are no lists, or not to be believed: a reason each, and the last good list stays.

use std::time::{Duration as Pause, Instant};

use super::{EVERY_SECOND, World, until_all};
use crate::support::ca::pem;
use crate::support::exporter::until;
use crate::support::issuing::{Crl, Issuing, tlv};
use crate::support::site::{service, until_service, until_verdict};
use crate::support::web::Reply;
use time::Duration;

type Answer = Box<dyn Fn() -> Reply + Send + Sync>;

#[test]
fn a_bad_list_has_its_reason_and_the_last_good_one_stays() {
    let world = World::new(&format!("{EVERY_SECOND}max_crl_size = \"1MiB\"\n"));
    let good = Crl { entries: (1000..1030).map(|serial| (serial, 0)).collect(), ..Crl::number(5) };
    // Each of them revokes all that is watched here: whoever believes one is seen.
    let evil = Crl { entries: (1..20).map(|serial| (serial, 1)).collect(), ..Crl::number(6) };
    let next = world.ca.crl(&evil);
    let namesake = Issuing::new("Revoking CA");
    let reply = |body: Vec<u8>| -> Answer { Box::new(move || Reply::ok(&body)) };
    let entries = tlv(0x30, &[tlv(2, &[1]), tlv(0x17, b"240101000000Z")].concat()).repeat(1000);
    let endless = world.ca.endless();
    let half = &next[..next.len() / 2];
    let mut flipped = next.clone();
    flipped[60] ^= 1;
    let cut = [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", next.len()).as_bytes(), half].concat();
    let base64: String = pem("X", &next).lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n");
    let rows: Vec<(&str, Answer, &str, &[&str])> = vec![
        ("an HTML page", reply(b"<!DOCTYPE html><html>login</html>".to_vec()), "malformed", &["unreachable"]),
        ("PEM", reply(pem("X509 CRL", &next).into_bytes()), "malformed", &["unreachable"]),
        ("base64", reply(base64.into_bytes()), "malformed", &["unreachable"]),
        ("nothing", reply(Vec::new()), "malformed", &["unreachable"]),
        ("truncated DER", reply(half.to_vec()), "malformed", &["unreachable"]),
        ("trailing bytes", reply([&next[..], b"x"].concat()), "malformed", &["unreachable"]),
        ("a connection cut", Box::new(move || Reply::raw(&cut)), "unreachable", &["unreachable"]),
        ("signed by a namesake", reply(namesake.crl(&evil)), "signature_invalid", &["signature_invalid"]),
        ("one bit flipped", reply(flipped), "signature_invalid", &["signature_invalid"]),
        ("another CA's", reply(Issuing::new("Other CA").crl(&evil)), "issuer_unknown", &[]),
        ("an older number", reply(world.ca.crl(&Crl { number: 4, ..evil.clone() })), "", &["regressed"]),
        ("an older thisUpdate", reply(world.ca.crl(&evil.clone().from(-Duration::DAY, Duration::DAY))), "", &["regressed"]),
        ("one from the future", reply(world.ca.crl(&evil.clone().from(Duration::DAY, Duration::DAY * 2))), "not_yet_valid", &[]),
        ("gigantic, and says so", reply(vec![0x30; 2 << 20]), "too_large", &["unreachable"]),
        (
            "gigantic while it comes",
            Box::new(move || Reply::endless(&entries, Pause::ZERO).beginning(&endless)),
            "too_large",
            &["unreachable"],
        ),
    ];
    let files: Vec<String> = (1..)
        .zip(&rows)
        .map(|(serial, _)| {
            world.site.page(&format!("/{serial}.crl"), world.ca.crl(&good));
            world.leaf(serial, &format!("/{serial}.crl"))
        })
        .collect();
    let exporter = world.folder.ready();
    until_all(&exporter, &files, "good crl");
    let mut expected = Vec::new();
    for (serial, (name, answer, reason, findings)) in (1..).zip(rows) {
        world.site.answer(&format!("/{serial}.crl"), move |_| answer());
        expected.push((serial, name, reason, findings));
    }
    for (serial, name, reason, findings) in expected {
        eprintln!("{serial} {name}");
        let url = world.url(&format!("/{serial}.crl"));
        until_service(&exporter, &url, reason, findings);
        assert_eq!(service(&exporter, &url)["crl"]["number"], "5", "{name}: the last good one stays");
    }
    until_all(&exporter, &files, "good crl");
    exporter.terminate();

    // And it is the last good one that was kept.
    (1..=files.len()).for_each(|serial| world.site.answer(&format!("/{serial}.crl"), |_| Reply::new(503, &[], b"")));
    let exporter = world.folder.ready();
    until_all(&exporter, &files, "good crl");
}

#[test]
fn a_body_that_never_ends_is_given_up_and_delays_nobody() {
    let world = World::new(EVERY_SECOND);
    let list = world.ca.crl(&Crl::number(1));
    world.site.answer("/slow.crl", move |_| Reply::slow(&list, Pause::from_millis(300)));
    world.site.page("/good.crl", world.ca.crl(&Crl::number(1)));
    let (slow, good) = (world.leaf(1, "/slow.crl"), world.leaf(2, "/good.crl"));
    let started = Instant::now();
    let exporter = world.folder.ready();
    until_verdict(&exporter, &good, "good crl");
    exporter.scans("certs", 2.0);
    assert!(started.elapsed() < Pause::from_secs(25), "nothing waits for it");
    until_verdict(&exporter, &slow, "pending");
    until_verdict(&exporter, &slow, "unknown unreachable");
}

#[test]
fn a_list_at_the_first_look_that_cannot_be_used_leaves_its_certificates_unknown() {
    let world = World::new(EVERY_SECOND);
    let namesake = Issuing::new("Revoking CA");
    let all = Crl { entries: (1..20).map(|serial| (serial, 1)).collect(), ..Crl::number(1) };
    let of_another_point = world.ca.crl(&Crl::number(1).scope("http://other.example/shard.crl", None));
    let rows: Vec<(Vec<u8>, &str, &[&str])> = vec![
        (b"<html>".to_vec(), "unknown malformed", &["unreachable"]),
        (namesake.crl(&all), "unknown signature_invalid", &["signature_invalid"]),
        (of_another_point, "unknown scope_mismatch", &["scope_mismatch"]),
        (world.ca.crl(&Crl::number(1).from(-Duration::WEEK, -Duration::DAY)), "unknown stale", &["stale"]),
        (world.ca.crl(&Crl::number(1).from(Duration::DAY, Duration::WEEK)), "unknown not_yet_valid", &[]),
        (world.ca.crl(&Crl::number(1).from(-Duration::WEEK, -Duration::DAY).revoking(6, 1)), "revoked stale keyCompromise crl", &["stale"]),
        (world.ca.crl(&Crl::number(2).delta_of(1)), "unknown not_for_certificate", &[]),
    ];
    let files: Vec<String> = (1..)
        .zip(&rows)
        .map(|(serial, (body, _, _))| {
            world.site.page(&format!("/{serial}.crl"), body.clone());
            world.leaf(serial, &format!("/{serial}.crl"))
        })
        .collect();
    let exporter = world.folder.ready();
    for (file, (serial, (_, words, findings))) in files.iter().zip((1..).zip(&rows)) {
        until_verdict(&exporter, file, words);
        let url = world.url(&format!("/{serial}.crl"));
        until("the row", || (service(&exporter, &url)["findings"] == serde_json::json!(findings)).then_some(()));
    }
}

#[test]
fn a_list_that_lost_many_entries_is_said_to_have_shrunk() {
    let world = World::new(EVERY_SECOND);
    world.site.page("/a.crl", world.ca.crl(&Crl { entries: (100..140).map(|serial| (serial, 0)).collect(), ..Crl::number(1) }));
    let file = world.leaf(1, "/a.crl");
    let exporter = world.folder.ready();
    until_verdict(&exporter, &file, "good crl");
    world.site.page("/a.crl", world.ca.crl(&Crl::number(2).revoking(100, 0)));
    until_service(&exporter, &world.url("/a.crl"), "", &["shrunk"]);
    until_verdict(&exporter, &file, "good crl");
}
