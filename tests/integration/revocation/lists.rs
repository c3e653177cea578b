//! Lists of every shape: alternatives, parts by reason, deltas, configured ones, files; and whose word counts.

use super::{EVERY_SECOND, LOOPBACK, World, config, revoked};
use crate::support::exporter::Folder;
use crate::support::issuing::{COMPROMISE, Crl, Issuing, OTHER_REASONS, Pointers};
use crate::support::site::{Site, until_service, until_verdict, verdict};

#[test]
fn the_names_of_one_distribution_point_are_alternatives() {
    let world = World::new(LOOPBACK);
    world.site.page("/there.crl", world.ca.crl(&Crl::number(1)));
    world.site.page("/first.crl", world.ca.crl(&Crl::number(1)));
    let urls = |first: &str| Pointers::crl(&[&world.url(first), &world.url("/there.crl"), &world.url("/never.crl")]);
    world.watch("1.pem", &world.ca.leaf(1, &urls("/gone.crl")));
    let exporter = world.folder.ready();
    until_verdict(&exporter, "1.pem", "good crl");
    assert_eq!(world.site.lines(), ["GET /gone.crl", "GET /there.crl"]);
    until_service(&exporter, &world.url("/gone.crl"), "http_error", &["unreachable"]);

    world.watch("2.pem", &world.ca.leaf(2, &Pointers::crl(&[&world.url("/first.crl"), &world.url("/second.crl")])));
    until_verdict(&exporter, "2.pem", "good crl");
    assert_eq!(world.site.lines(), ["GET /first.crl"], "the first one serves");
}

#[test]
fn lists_for_some_reasons_are_good_only_together() {
    let world = World::new(EVERY_SECOND);
    let (a, b) = (world.url("/a.crl"), world.url("/b.crl"));
    world.site.page("/a.crl", world.ca.crl(&Crl::number(1).scope(&a, Some(COMPROMISE)).revoking(2, 1)));
    let both = Pointers::default().point(&[&a], Some(COMPROMISE)).point(&[&b], Some(OTHER_REASONS));
    (1..=3).for_each(|serial| world.watch(&format!("{serial}.pem"), &world.ca.leaf(serial, &both)));
    let exporter = world.folder.ready();
    until_verdict(&exporter, "2.pem", "revoked keyCompromise crl");
    until_verdict(&exporter, "1.pem", "unknown reasons_incomplete");
    assert_eq!(world.site.lines()[..2], ["GET /a.crl", "GET /b.crl"]);
    world.site.page("/b.crl", world.ca.crl(&Crl::number(1).scope(&b, Some(OTHER_REASONS)).revoking(3, 4)));
    until_verdict(&exporter, "1.pem", "good crl");
    until_verdict(&exporter, "2.pem", "revoked keyCompromise crl");
    until_verdict(&exporter, "3.pem", "revoked superseded crl");
}

#[test]
fn deltas_are_found_by_the_base_and_by_the_certificate() {
    let world = World::new(EVERY_SECOND);
    world.site.page("/base.crl", world.ca.crl(&Crl::number(5).freshest(&world.url("/delta.crl")).revoking(2, 6)));
    world.site.page("/delta.crl", world.ca.crl(&Crl::number(6).delta_of(5).revoking(1, 1).revoking(2, 8)));
    world.site.page("/plain.crl", world.ca.crl(&Crl::number(5)));
    world.site.page("/fresh.crl", world.ca.crl(&Crl::number(7).delta_of(4).revoking(4, 3)));
    world.site.page("/late.crl", world.ca.crl(&Crl::number(8).delta_of(6).revoking(5, 1)));
    for serial in 1..=3 {
        world.leaf(serial, "/base.crl");
    }
    let with_freshest = |path: &str| Pointers { freshest: vec![world.url(path)], ..Pointers::crl(&[&world.url("/plain.crl")]) };
    world.watch("4.pem", &world.ca.leaf(4, &with_freshest("/fresh.crl")));
    world.watch("5.pem", &world.ca.leaf(5, &with_freshest("/late.crl")));
    let exporter = world.folder.ready();
    until_verdict(&exporter, "1.pem", "revoked keyCompromise crl");
    until_verdict(&exporter, "2.pem", "good crl");
    until_verdict(&exporter, "3.pem", "good crl");
    until_verdict(&exporter, "4.pem", "revoked affiliationChanged crl");
    // A delta of a base that is not there says nothing; the base does.
    until_verdict(&exporter, "5.pem", "good crl");
    let mut lines = world.site.lines();
    lines.dedup();
    assert_eq!(lines, ["GET /base.crl", "GET /delta.crl", "GET /fresh.crl", "GET /late.crl", "GET /plain.crl"]);
    world.site.page("/delta.crl", world.ca.crl(&Crl::number(7).delta_of(5).revoking(3, 1)));
    until_verdict(&exporter, "3.pem", "revoked keyCompromise crl");
}

#[test]
fn a_configured_list_answers_for_certificates_that_point_nowhere() {
    let site = Site::start();
    let world = World { ..World::new(&format!("{LOOPBACK}crls = [\"{}\"]\n", site.url("/ca.crl"))) };
    site.page("/ca.crl", world.ca.crl(&Crl::number(1).revoking(2, 1)));
    (1..=2).for_each(|serial| world.watch(&format!("{serial}.pem"), &world.ca.leaf(serial, &Pointers::default())));
    let exporter = world.folder.ready();
    until_verdict(&exporter, "1.pem", "good crl");
    until_verdict(&exporter, "2.pem", "revoked keyCompromise crl");
    world.watch("3.pem", &world.ca.leaf(3, &Pointers::default()));
    until_verdict(&exporter, "3.pem", "good crl");
    assert_eq!(site.lines(), ["GET /ca.crl"]);
}

#[test]
fn a_list_in_a_file_answers_for_watched_certificates() {
    let world = World::new("");
    let pem = |crl: &Crl| crate::support::ca::pem("X509 CRL", &world.ca.crl(crl));
    world.watch("list.pem", &pem(&Crl::number(1).revoking(2, 1)));
    (1..=2).for_each(|serial| world.watch(&format!("{serial}.pem"), &world.ca.leaf(serial, &Pointers::default())));
    let exporter = world.folder.ready();
    until_verdict(&exporter, "1.pem", "good crl");
    until_verdict(&exporter, "2.pem", "revoked keyCompromise crl");
    let from = verdict(&exporter, "2.pem")["answers"]["crl"]["from"].clone();
    assert_eq!(from, world.folder.at("certs/list.pem").as_str());
    let scrape = exporter.scrape();
    assert_eq!((revoked(&scrape, "1.pem"), revoked(&scrape, "2.pem")), (Some(0.0), Some(1.0)));

    world.watch("list.pem", &pem(&Crl::number(2).revoking(1, 4)));
    until_verdict(&exporter, "1.pem", "revoked superseded crl");
    until_verdict(&exporter, "2.pem", "good crl");
    // A namesake's list beside it changes nothing, and is told as what it is.
    let namesake = Issuing::new("Revoking CA").crl(&Crl::number(9).revoking(2, 1));
    world.watch("fake.pem", &crate::support::ca::pem("X509 CRL", &namesake));
    exporter.scrape_until("told", |scrape| {
        let found = scrape.all("x509_crl_finding", &[("filename", "fake.pem"), ("finding", "signature_invalid")]);
        (found.len() == 1).then_some(())
    });
    until_verdict(&exporter, "2.pem", "good crl");
}

#[test]
fn a_namesake_of_the_ca_that_is_watched_too_has_no_say() {
    let world = World::new(EVERY_SECOND);
    let fake = Issuing::new("Revoking CA");
    world.site.page("/ca.crl", world.ca.crl(&Crl::number(1).revoking(2, 1)));
    world.site.page("/ocsp", fake.response(3, crate::support::issuing::Status::Revoked));
    // It is seen first, and so are certificates of its own that point to the same place.
    world.watch("0-fake.pem", &fake.ca.pem());
    world.watch("0-of-fake.pem", &fake.leaf(9, &Pointers::crl(&[&world.url("/ca.crl")])));
    let (good, bad, asked_about) = (world.leaf(1, "/ca.crl"), world.leaf(2, "/ca.crl"), world.leaf_ocsp(3, "/ocsp"));
    let exporter = world.folder.ready();
    until_verdict(&exporter, &good, "good crl");
    until_verdict(&exporter, &bad, "revoked keyCompromise crl");
    until_verdict(&exporter, "0-of-fake.pem", "unknown wrong_issuer");
    exporter.scrape_until("asked", |_| {
        let found = verdict(&exporter, &asked_about);
        let words = crate::support::site::words(&found);
        words.starts_with("unknown").then_some(())
    });

    // The fake's list in place of the real one: neither believed nor kept, whoever of its name is watched.
    world.site.page("/ca.crl", fake.crl(&Crl::number(7).revoking(1, 1)));
    until_service(&exporter, &world.url("/ca.crl"), "signature_invalid", &["signature_invalid"]);
    until_verdict(&exporter, &good, "good crl");
    until_verdict(&exporter, &bad, "revoked keyCompromise crl");
}

#[test]
fn an_unreadable_folder_for_the_cache_costs_the_cache_alone() {
    let site = Site::start();
    let ca = Issuing::new("CA");
    site.page("/ca.crl", ca.crl(&Crl::number(1)));
    let folder = Folder::new(&config(LOOPBACK).replace("DIR/cache", "DIR/notafter.toml/cache"));
    folder.write("certs/all.pem", ca.leaf(1, &Pointers::crl(&[&site.url("/ca.crl")])) + &ca.ca.pem());
    let exporter = folder.ready();
    until_verdict(&exporter, "all.pem", "good crl");
    assert!(exporter.stderr().contains("will not outlast this process"), "{}", exporter.stderr());
}
