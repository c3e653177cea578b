//! What goes wrong around the program, on purpose. What each fault must not do, and which test shows it, is in `docs/FAULTS.md`.

mod clock;
mod descriptors;
mod disk;
mod dns;
mod killed;
mod reloads;
mod rotation;
mod scrapers;

use crate::support::exporter::Exporter;
use crate::support::scrape::{Sample, Scrape};

/// What is known of a source's certificates.
fn certificates<'a>(scrape: &'a Scrape, source: &str) -> Vec<&'a Sample> {
    let of_source = scrape.samples.iter().filter(|sample| sample.label("source_name") == source);
    of_source.filter(|sample| sample.name.starts_with("x509_cert_")).collect()
}

/// It is alive, can be scraped, and knows of this source's certificates exactly what it knew.
fn undisturbed(exporter: &Exporter, before: &Scrape, source: &str) -> Scrape {
    assert_eq!(exporter.get("/-/healthy").status, 200);
    let scrape = exporter.scrape();
    assert!(!certificates(before, source).is_empty(), "{source} is watched");
    assert_eq!(certificates(&scrape, source), certificates(before, source), "{source}");
    scrape
}

/// A file source that looks every second at `DIR/<name>.pem`.
fn file_source(name: &str) -> String {
    format!("[sources.{name}]\ntype = \"file\"\nschedule = \"@every 1s\"\npaths = [\"DIR/{name}.pem\"]\n")
}

/// How many descriptors the process has open.
fn descriptors(exporter: &Exporter) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", exporter.id())).unwrap().count()
}

/// A line of `/proc/<id>/status`: a number, kB where it is a size.
fn status(exporter: &Exporter, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", exporter.id())).unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':')).unwrap();
    value.split_whitespace().next().unwrap().parse().unwrap()
}
