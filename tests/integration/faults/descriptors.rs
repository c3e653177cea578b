//! No descriptor left.

use rustix::process::Signal;

use super::{certificates, descriptors, file_source, undisturbed};
use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder, until};
use crate::support::namespace::wrapped;
use crate::support::scrape::{Sample, Scrape};

/// Far fewer than there are targets.
const DESCRIPTORS: usize = 96;
const TARGETS: usize = 400;

#[test]
fn without_descriptors_nothing_that_is_known_is_lost_and_it_goes_on_when_there_are_some() {
    // Connections are taken by the kernel, and nobody ever says a word: each holds its descriptor until the look times out.
    let silent = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let targets: Vec<String> = (0..TARGETS).map(|n| format!("\"127.77.{}.{}:{port}\"", n / 200, n % 200 + 1)).collect();
    let files = file_source("files");
    let folder = Folder::new(&files);
    folder.write("files.pem", Ca::root("Root").pem());
    let exporter = {
        let config = folder.at("notafter.toml");
        let plain = folder.command(["--config", &config, "--listen", "127.0.0.1:0"]);
        Exporter::spawn(wrapped(&["prlimit", &format!("--nofile={DESCRIPTORS}:{DESCRIPTORS}"), "--"], &plain))
    };
    exporter.until_ready();
    let (before, few) = (exporter.scrape(), descriptors(&exporter));

    folder.config(&format!(
        "{files}[sources.edge]\ntype = \"tls\"\nschedule = \"@every 1s\"\ntimeout = \"1s\"\ntargets = [{}]\n",
        targets.join(", ")
    ));
    exporter.signal(Signal::HUP);
    let during = exporter.scrape_until("some targets have no descriptor", |scrape| {
        let failed = scrape.all("tls_probe_failure_info", &[("reason", "local_resources")]).len();
        (failed > 0).then(|| scrape.clone())
    });
    assert!(during.all("tls_probe_success", &[]).iter().all(|sample| sample.value == 0.0));
    exporter.scans("files", 2.0);
    // A file that cannot be opened is an error of that file; what is known of it stays.
    assert_eq!(exporter.get("/-/healthy").status, 200);
    let during = exporter.scrape();
    let known = |scrape: &Scrape| -> Vec<Sample> {
        let facts = certificates(scrape, "files").into_iter().filter(|sample| sample.name != "x509_cert_error");
        facts.cloned().collect()
    };
    assert_eq!(known(&during), known(&before));

    folder.config(&files);
    exporter.signal(Signal::HUP);
    exporter.scrape_until("the targets are gone", |scrape| scrape.with("source_name", "edge").is_empty().then_some(()));
    exporter
        .scrape_until("files are read", |scrape| (scrape.value("x509_cert_error", &[("source_name", "files")]) == Some(0.0)).then_some(()));
    let after = undisturbed(&exporter, &before, "files");
    assert_eq!(after.value("x509_source_up", &[("source_name", "files")]), Some(1.0));
    until("the descriptors are back", || (descriptors(&exporter) <= few + 2).then_some(()));
    let log = exporter.terminate();
    assert!(log.len() < 256 << 10, "the log does not run away: {} bytes", log.len());
}
