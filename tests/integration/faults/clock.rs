//! Clocks that jump, and a process that sleeps. Ten minutes of doubt and all steps of the belief are unit tests of `engine::clock`.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{certificates, file_source, undisturbed};
use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder};
use crate::support::scrape::Scrape;

/// Debian's libfaketime, for programs with threads.
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";

fn library() -> String {
    let found = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"].map(|folder| format!("{folder}/{FAKETIME}"));
    found.into_iter().find(|path| std::path::Path::new(path).exists()).expect("faketime is installed")
}

fn watched() -> Folder {
    let folder = Folder::new(&file_source("files"));
    let ca = Ca::root("Root");
    folder.write("files.pem", ca.leaf(&["www.example.com"]).issue().chain_pem() + &ca.pem());
    folder
}

fn scans(scrape: &Scrape) -> f64 {
    scrape.value("x509_source_scan_duration_seconds_count", &[("source_name", "files")]).unwrap()
}

#[test]
fn a_clock_that_jumps_a_year_changes_no_certificate_and_stops_no_scan() {
    let folder = watched();
    let set = |offset: &str| {
        let written = folder.write("offset.new", offset);
        std::fs::rename(written, folder.at("offset")).unwrap();
    };
    set("+0d");
    let config = folder.at("notafter.toml");
    let mut command = folder.command(["--config", &config, "--listen", "127.0.0.1:0"]);
    command.env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", folder.at("offset"));
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    let exporter = Exporter::spawn(command);
    exporter.until_ready();
    let before = exporter.scrape();
    for (round, offset) in [(1, "+365d"), (2, "-365d")] {
        set(offset);
        let told = |text: &str| {
            crate::support::exporter::until(text, || (exporter.stderr().matches(text).count() >= round).then_some(()));
        };
        told("the machine's clock jumped to");
        exporter.scans("files", 3.0);
        undisturbed(&exporter, &before, "files");
        set("+0d");
        told("the machine's clock has jumped back");
        exporter.scans("files", 2.0);
        undisturbed(&exporter, &before, "files");
    }
    exporter.terminate();
}

#[test]
fn a_process_that_slept_makes_up_for_no_scan_and_goes_on() {
    let folder = watched();
    let started = Instant::now();
    let exporter = folder.ready();
    let before = exporter.scrape();
    exporter.scans("files", 1.0);
    let mut slept = Duration::ZERO;
    for _ in 0..2 {
        exporter.signal(Signal::STOP);
        // Not a measurement: the longer it sleeps, the more scans there would be to make up for.
        let told = Instant::now();
        std::thread::sleep(Duration::from_secs(3));
        slept += told.elapsed();
        exporter.signal(Signal::CONT);
        exporter.scans("files", 2.0);
    }
    let after = undisturbed(&exporter, &before, "files");
    // One a second while it was awake, the first one, and one at once after each sleep.
    let most = (started.elapsed() - slept).as_secs_f64() + 5.0;
    assert!(scans(&after) <= most, "{} scans, at most {most}", scans(&after));
    assert!(!certificates(&after, "files").is_empty());
    exporter.terminate();
}
