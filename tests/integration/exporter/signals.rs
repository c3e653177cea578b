//! Reloads and ends.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder, PLENTY, get, until};
use crate::support::scrape::Scrape;
use crate::support::servers::{Servers, closed_port};
use crate::support::tls_server::Mode;

/// Sends SIGHUP and waits until the reload went so.
fn reload(exporter: &Exporter, well: bool) {
    let count = |text: &str| text.matches("configuration reloaded").count() + text.matches("configuration not reloaded").count();
    let before = count(&exporter.stderr());
    exporter.signal(Signal::HUP);
    until("the reload", || (count(&exporter.stderr()) > before).then_some(()));
    assert_eq!(exporter.scrape().value("notafter_config_last_reload_successful", &[]), Some(f64::from(u8::from(well))));
}

fn scans(scrape: &Scrape, source: &str) -> Option<f64> {
    scrape.value("x509_source_scan_duration_seconds_count", &[("source_name", source)])
}

fn file_source(name: &str, more: &str) -> String {
    format!("[sources.{name}]\ntype = \"file\"\nschedule = \"@yearly\"\npaths = [\"DIR/{name}.pem\"]\n{more}\n")
}

#[test]
fn a_reload_adds_removes_and_changes_sources_and_leaves_the_others_alone() {
    let mut servers = Servers::new();
    let ca = Ca::root("Root");
    let edge = format!(
        "[sources.edge]\ntype = \"tls\"\nschedule = \"@yearly\"\nroots = [\"DIR/same.pem\"]\ntargets = [\"{}\"]\n",
        servers.tls(&ca.leaf(&["127.0.0.1"]).issue())
    );
    let folder = Folder::new(&(file_source("same", "") + &file_source("changed", "") + &file_source("gone", "") + &edge));
    folder.write("same.pem", ca.pem());
    for name in ["changed", "gone", "new"] {
        folder.write(&format!("{name}.pem"), ca.leaf(&[name]).issue().chain_pem());
    }
    let exporter = folder.ready();
    let before = exporter.scrape();
    folder.config(&(file_source("same", "") + &file_source("changed", "labels = { team = \"new\" }") + &file_source("new", "") + &edge));
    reload(&exporter, true);
    let after = exporter.scrape_until("the new ones are scanned", |scrape| {
        let is_scanned = |name| scrape.value("x509_source_up", &[("source_name", name)]) == Some(1.0);
        (is_scanned("new") && is_scanned("changed") && scans(scrape, "changed")? >= 1.0).then(|| scrape.clone())
    });
    assert!(after.with("source_name", "gone").is_empty(), "{:#?}", after.with("source_name", "gone"));
    assert_eq!(after.all("x509_cert_not_after", &[("source_name", "new")]).len(), 1);
    let changed = after.all("x509_cert_not_after", &[("source_name", "changed")]);
    assert_eq!(changed.iter().map(|sample| sample.label("team")).collect::<Vec<_>>(), ["new"]);
    for name in ["same", "edge"] {
        assert_eq!(before.with("source_name", name), after.with("source_name", name), "{name}: nothing happened to it");
    }
}

#[test]
fn a_bad_configuration_changes_nothing_and_says_why() {
    let folder = Folder::new(&file_source("same", ""));
    folder.write("same.pem", Ca::root("Root").pem());
    let exporter = folder.ready();
    let before = exporter.scrape();
    for (bad, line) in [
        ("[sources.new]\ntype = \"file\"\npath = [\"/x\"]\n", "notafter.toml:3:1"),
        ("[sources.new\n", "notafter.toml:1:"),
        ("[sources.new]\ntype = \"tls\"\ntargets = [\"a:1\"]\nroots = [\"DIR/none.pem\", 3]\n", "notafter.toml:4:"),
    ] {
        folder.config(bad);
        reload(&exporter, false);
        let after = exporter.scrape();
        assert_eq!(before.with("source_name", "same"), after.with("source_name", "same"));
        assert!(after.with("source_name", "new").is_empty());
        assert!(exporter.stderr().contains(line), "{line}: {}", exporter.stderr());
    }
    std::fs::remove_file(folder.at("notafter.toml")).unwrap();
    reload(&exporter, false);
    folder.config(&file_source("same", ""));
    reload(&exporter, true);
    let time = |scrape: &Scrape| scrape.value("notafter_config_last_reload_success_timestamp_seconds", &[]).unwrap();
    assert!(time(&exporter.scrape()) >= time(&before));
    assert_eq!(scans(&exporter.scrape(), "same"), Some(1.0), "it was never scanned anew");
}

#[test]
fn a_reload_moves_to_another_address_and_one_that_is_taken_changes_nothing() {
    let (first, second) = (closed_port(), closed_port());
    let listening = |address| format!("[server]\nlisten = [\"{address}\"]\n{}", file_source("same", ""));
    let folder = Folder::new(&listening(first));
    folder.write("same.pem", Ca::root("Root").pem());
    let exporter = folder.start_with(&[]);
    exporter.until_ready();
    assert_eq!(exporter.address, first);

    folder.config(&listening(second));
    exporter.signal(Signal::HUP);
    until("the second address answers", || (get(second, "/-/ready", "").status == 200).then_some(()));
    until("the first address is given up", || TcpStream::connect(first).is_err().then_some(()));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    folder.config(&listening(taken.local_addr().unwrap()));
    exporter.signal(Signal::HUP);
    exporter.until_logged("configuration not reloaded");
    let text = get(second, "/metrics", "").text();
    assert_eq!(Scrape::parse(&text).value("notafter_config_last_reload_successful", &[]), Some(0.0));
}

/// Many certificates in one place: a scrape that no socket buffer holds.
fn large() -> Folder {
    let ca = Ca::root("Root");
    let folder = Folder::new("[sources.large]\ntype = \"file\"\npaths = [\"DIR/files\"]\n");
    let pem = ca.leaf(&["www.example.com"]).issue().chain_pem();
    for file in 0..6_000 {
        folder.write(&format!("files/{file}.pem"), &pem);
    }
    folder
}

#[test]
fn sigterm_lets_a_slow_scrape_end_well_and_exits_0() {
    let folder = large();
    let mut exporter = folder.ready();
    let mut slow = TcpStream::connect(exporter.address).unwrap();
    slow.set_read_timeout(Some(PLENTY)).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut text = vec![0; 1_000];
    slow.read_exact(&mut text).unwrap();
    exporter.signal(Signal::TERM);
    exporter.until_logged("draining");
    until("nobody new is let in", || (get(exporter.address, "/-/healthy", "").status == 0).then_some(()));
    slow.read_to_end(&mut text).unwrap();
    let body = crate::support::exporter::answer(&text).unwrap().text();
    assert_eq!(Scrape::parse(&body).all("x509_cert_not_after", &[]).len(), 6_000, "the whole scrape came");
    assert_eq!(exporter.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let folder = large();
    let mut exporter = folder.ready();
    let mut slow = TcpStream::connect(exporter.address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    slow.read_exact(&mut [0; 1_000]).unwrap();
    exporter.signal(Signal::INT);
    exporter.until_logged("draining");
    exporter.signal(Signal::HUP);
    let told = std::time::Instant::now();
    exporter.signal(Signal::INT);
    assert_eq!(exporter.wait().code(), Some(130));
    assert!(told.elapsed().as_secs() < 8, "it did not wait for the slow one: {:?}", told.elapsed());
}

#[test]
fn sigterm_does_not_wait_for_a_reload() {
    let folder = large();
    let mut exporter = folder.ready();
    // Every target is rendered anew: that takes its time.
    folder.config("[sources.large]\ntype = \"file\"\npaths = [\"DIR/files\"]\nlabels = { team = \"new\" }\n");
    exporter.signal(Signal::HUP);
    std::thread::sleep(std::time::Duration::from_millis(20));
    exporter.signal(Signal::TERM);
    assert_eq!(exporter.wait().code(), Some(0));
    assert!(!exporter.stderr().contains("configuration reloaded"), "{}", exporter.stderr());
}

#[test]
fn sigterm_does_not_wait_for_an_endpoint_that_stalls() {
    let mut servers = Servers::new();
    let stalls = servers.start(Mode::StallAfterAccept);
    let folder = Folder::new(&format!("[sources.edge]\ntype = \"tls\"\ntimeout = \"10m\"\ntargets = [\"{stalls}\"]\n"));
    let exporter = folder.start();
    until("alive", || (exporter.get("/-/healthy").status == 200).then_some(()));
    assert_ne!(exporter.get("/-/ready").status, 200, "its first round has not ended");
    let told = std::time::Instant::now();
    exporter.terminate();
    assert!(told.elapsed().as_secs() < 8, "{:?}", told.elapsed());
}

#[test]
fn an_address_in_use_is_exit_69_and_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = Folder::new("").run(&["--config", "notafter.toml", "--listen", &address]);
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.stderr.contains(&address), "{}", ran.stderr);
}
