//! Issuers' certificates that are neither watched nor sent: fetched, and believed only for what they issued.

use super::{LOOPBACK, World, config, fetches};
use crate::support::ca::Ca;
use crate::support::exporter::Folder;
use crate::support::exporter::until;
use crate::support::issuing::{Crl, Issuing, Pointers, Status};
use crate::support::site::{Site, until_service, until_verdict, verdict};

/// No CA's certificate is watched.
fn world() -> World {
    World { ca: Issuing::new("Far CA"), site: Site::start(), folder: Folder::new(&config(LOOPBACK)) }
}

#[test]
fn a_missing_issuer_is_fetched_from_where_the_certificate_says() {
    let world = world();
    let root = Ca::root("Root");
    let issuing = Issuing::of(root.intermediate("Far CA"), "Far CA");
    world.site.page("/ca.crt", issuing.ca.der().to_vec());
    world.site.page("/ca.pem", world.ca.ca.pem().into_bytes());
    world.site.page("/a.crl", issuing.crl(&Crl::number(1).revoking(2, 1)));
    world.site.page("/ocsp", world.ca.response(3, Status::Good));
    let pointers = Pointers::crl(&[&world.url("/a.crl")]).issuer(&world.url("/ca.crt"));
    (1..=2).for_each(|serial| world.watch(&format!("{serial}.pem"), &issuing.leaf(serial, &pointers)));
    world.watch("3.pem", &world.ca.leaf(3, &Pointers::ocsp(&[&world.url("/ocsp")]).issuer(&world.url("/ca.pem"))));
    let exporter = world.folder.ready();
    until_verdict(&exporter, "1.pem", "good crl");
    until_verdict(&exporter, "2.pem", "revoked keyCompromise crl");
    until_verdict(&exporter, "3.pem", "good ocsp");
    let lines = world.site.lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines[0], "GET /a.crl");
    assert_eq!(lines[1..3], ["GET /ca.crt", "GET /ca.pem"]);
    assert_eq!(fetches(&exporter.scrape(), "issuer", "ok"), 2.0);
    exporter.terminate();

    let exporter = world.folder.ready();
    for file in ["1.pem", "2.pem", "3.pem"] {
        until("answered", || (!verdict(&exporter, file)["answers"].as_object()?.is_empty()).then_some(()));
    }
    until_verdict(&exporter, "1.pem", "good crl");
    until_verdict(&exporter, "3.pem", "good ocsp");
    until_service(&exporter, &world.url("/ocsp"), "", &[]);
    until_service(&exporter, &world.url("/a.crl"), "", &[]);
    assert_eq!(world.site.lines(), Vec::<String>::new(), "issuers are kept, too");
}

#[test]
fn a_fetched_certificate_that_did_not_issue_the_leaf_is_not_believed() {
    let world = world();
    let impostor = Issuing::new("Far CA");
    world.site.page("/ca.crt", impostor.ca.der().to_vec());
    world.site.page("/html", b"<html>".to_vec());
    world.site.page("/a.crl", impostor.crl(&Crl::number(1).revoking(1, 1)));
    world.site.page("/ocsp", impostor.response(2, Status::Revoked));
    world.watch("1.pem", &world.ca.leaf(1, &Pointers::crl(&[&world.url("/a.crl")]).issuer(&world.url("/ca.crt"))));
    world.watch("2.pem", &world.ca.leaf(2, &Pointers::ocsp(&[&world.url("/ocsp")]).issuer(&world.url("/ca.crt"))));
    world.watch("3.pem", &world.ca.leaf(3, &Pointers::crl(&[&world.url("/a.crl")]).issuer(&world.url("/html"))));
    let exporter = world.folder.ready();
    for file in ["1.pem", "2.pem", "3.pem"] {
        until_verdict(&exporter, file, "unknown issuer_unknown");
    }
    assert_eq!(world.site.lines(), ["GET /a.crl", "GET /ca.crt", "GET /html"], "no responder is asked without an issuer");

    // As soon as the true one is watched, what was fetched counts for nothing, and what it signs for everything.
    world.watch("ca.pem", &world.ca.ca.pem());
    until_verdict(&exporter, "1.pem", "unknown signature_invalid");
}
