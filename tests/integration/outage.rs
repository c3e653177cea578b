//! Renewed and not reloaded: the outage that automation leaves over, played through with a real nginx.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use super::support::ca::Ca;
use super::support::exporter::{Exporter, Folder};
use super::support::nginx::Nginx;
use super::support::scrape::Scrape;

const FINDING: &str = "tls_target_finding";

fn stored_not_served(scrape: &Scrape) -> Option<f64> {
    scrape.value(FINDING, &[("source_name", "edge"), ("finding", "stored_not_served")])
}

fn write(folder: &Folder, ca: &Ca, names: &[&str], days: i64) -> String {
    let mut leaf = ca.leaf(&["shop.example"]);
    leaf.params.subject_alt_names = names.iter().map(|name| rcgen::SanType::DnsName((*name).try_into().unwrap())).collect();
    let now = leaf.params.not_before;
    leaf = leaf.valid(now + time::Duration::hours(days - 90), now + time::Duration::days(days));
    let issued = leaf.issue();
    folder.write("cert.pem", issued.chain_pem());
    folder.write("key.pem", issued.key_pem());
    let chain = issued.chain();
    let read = notafter::pki::certificate::read(&chain[0], &notafter::model::Limits::default()).unwrap();
    read.facts.serial.to_string()
}

fn config(nginx: &Nginx, stored: &str) -> String {
    format!(
        "[relations]\ngrace = \"3s\"\n[defaults]\nschedule = \"* * * * * *\"\nrevocation = []\n\
         {stored}\n\
         [sources.edge]\ntype = \"tls\"\ntargets = [{{ target = \"{}\", server_name = \"shop.example\" }}]\nroots = [\"DIR/ca.pem\"]\n",
        nginx.address
    )
}

/// Plays it through with the certificate stored where `stored` says, and found by what that says.
fn outage(names: [&[&str]; 2], stored: impl Fn(&Nginx) -> String) {
    let folder = Folder::new("");
    let ca = Ca::root("Shop CA");
    folder.write("ca.pem", ca.pem());
    let old = write(&folder, &ca, names[0], 30);
    let nginx = Nginx::reloadable(folder.path(), "server_name shop.example; return 200;");
    folder.config(&config(&nginx, &stored(&nginx)));
    let exporter = folder.ready();
    exporter.scans("edge", 2.0);
    assert_eq!(stored_not_served(&exporter.scrape()), None, "A is stored and served");

    let new = write(&folder, &ca, names[1], 90);
    let found = exporter.scrape_until("B is stored, A is served", stored_not_served);
    assert_eq!(found, 1.0);
    let target = the_target(&exporter);
    let evidence = &target["related"][0];
    assert_eq!(evidence["finding"], "stored_not_served");
    assert_eq!(evidence["place_text"], folder.at("cert.pem"), "the file is named");
    assert_eq!(target["place"]["target"], nginx.address.to_string(), "and the endpoint");
    let detail = evidence["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("stored: serial {new}")) && detail.contains(&format!("served: serial {old}")), "{detail}");
    let page = exporter.get("/").text();
    assert!(page.contains("stored_not_served") && page.contains(&folder.at("cert.pem")), "{page}");
    exporter.until_logged("finding=stored_not_served");

    nginx.reload();
    exporter.scrape_until("B is served", |scrape| stored_not_served(scrape).is_none().then_some(()));
    exporter.until_logged("well again");
    exporter.scans("edge", 2.0);
    std::thread::sleep(Duration::from_millis(500));
    let renewed: Vec<String> = exporter.stderr().lines().filter(|line| line.contains("renewed")).map(str::to_owned).collect();
    assert_eq!(renewed.len(), 1, "logged once, although file and endpoint changed: {renewed:#?}");
    let serials = [format!("old_serial=\"{old}\""), format!("new_serial=\"{new}\"")];
    for part in [&*serials[0], &serials[1], "margin=", "cert.pem", "team=shop"] {
        assert!(renewed[0].contains(part), "{part}: {}", renewed[0]);
    }
    let margins = exporter.scrape();
    let of_files = margins.all("x509_renewal_margin_ratio_count", &[]).into_iter().filter(|sample| sample.label("source_name") != "edge");
    assert_eq!(of_files.map(|sample| sample.value).sum::<f64>(), 1.0, "its margin is counted");
}

fn the_target(exporter: &Exporter) -> serde_json::Value {
    let answer: serde_json::Value = serde_json::from_str(&exporter.get("/api/v1/targets?source=edge").text()).unwrap();
    answer["targets"][0].clone()
}

#[test]
fn a_restart_in_the_middle_resolves_nothing_and_tells_nothing_twice() {
    let folder = Folder::new("");
    let ca = Ca::root("Shop CA");
    folder.write("ca.pem", ca.pem());
    write(&folder, &ca, &["shop.example"], 30);
    let nginx = Nginx::reloadable(folder.path(), "server_name shop.example; return 200;");
    folder.config(&config(&nginx, "[sources.files]\ntype = \"file\"\npaths = [\"DIR/cert.pem\"]"));
    let exporter = folder.ready();
    exporter.scans("edge", 2.0);
    write(&folder, &ca, &["shop.example"], 90);
    exporter.scrape_until("B is stored, A is served", stored_not_served);
    let told = exporter.terminate();
    assert_eq!(told.lines().filter(|line| line.contains("INFO renewed")).count(), 1, "{told}");

    let exporter = folder.start();
    let first = exporter.scrape_until("what was known is shown", |scrape| {
        let is_shown = !scrape.all("tls_probe_success", &[]).is_empty();
        is_shown.then(|| scrape.clone())
    });
    assert_eq!(stored_not_served(&first), Some(1.0), "from the first scrape on that shows anything");
    exporter.until_ready();
    exporter.scans("edge", 2.0);
    assert_eq!(stored_not_served(&exporter.scrape()), Some(1.0));
    nginx.reload();
    exporter.scrape_until("B is served", |scrape| stored_not_served(scrape).is_none().then_some(()));
    let told = exporter.terminate();
    assert!(!told.contains("INFO renewed"), "{told}");
}

#[test]
fn a_renewed_file_that_nginx_does_not_serve_is_found_by_its_names() {
    let names: &[&str] = &["shop.example", "www.shop.example"];
    outage([names, names], |_| "[sources.files]\ntype = \"file\"\npaths = [\"DIR/cert.pem\"]\nlabels = { team = \"shop\" }".to_owned());
}

#[test]
fn a_renewed_file_that_nginx_does_not_serve_is_found_by_nginx_own_configuration() {
    // The new certificate has another name: only the configuration says that they belong together.
    outage([&["shop.example"], &["new-shop.example"]], |nginx| {
        format!("[sources.web]\ntype = \"nginx\"\nconfig = \"{}\"\nlabels = {{ team = \"shop\" }}", nginx.config.display())
    });
}

#[test]
fn a_renewed_file_that_nginx_does_not_serve_is_found_where_it_is_said_to_serve() {
    outage([&["shop.example"], &["new-shop.example"]], |nginx| {
        format!(
            "[sources.files]\ntype = \"file\"\npaths = [\"DIR/cert.pem\"]\nserves = [\"{}\"]\nlabels = {{ team = \"shop\" }}",
            nginx.address
        )
    });
}
