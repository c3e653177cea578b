//! Reloads in a crowd, and of a file that is still being written.

use rustix::process::Signal;

use super::{descriptors, file_source, status, undisturbed};
use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder, until};

fn with_team(team: usize) -> String {
    format!("{}{}labels = {{ team = \"t{team}\" }}\n", file_source("same"), file_source("changed"))
}

fn folder(config: &str) -> Folder {
    let folder = Folder::new(config);
    for name in ["same", "changed"] {
        folder.write(&format!("{name}.pem"), Ca::root(name).pem());
    }
    folder
}

/// Replaces the configuration as one should: whole.
fn replace(folder: &Folder, text: &str) {
    let written = folder.write("new.toml", text.replace("DIR", folder.path().to_str().unwrap()));
    std::fs::rename(written, folder.at("notafter.toml")).unwrap();
}

fn gauge(exporter: &Exporter) -> Option<f64> {
    exporter.scrape().value("notafter_config_last_reload_successful", &[])
}

#[test]
fn after_hundreds_of_reloads_the_last_configuration_holds_and_nothing_has_piled_up() {
    let folder = folder(&with_team(0));
    let exporter = folder.ready();
    let (before, few) = (exporter.scrape(), descriptors(&exporter));
    let storm = |from: usize| {
        for team in from..from + 300 {
            replace(&folder, &with_team(team));
            exporter.signal(Signal::HUP);
        }
        let last = format!("t{}", from + 299);
        exporter.scrape_until("the last configuration holds", |scrape| {
            let teams = scrape.all("x509_cert_not_after", &[("source_name", "changed")]);
            (teams.len() == 1 && teams[0].label("team") == last).then_some(())
        });
    };
    storm(1);
    let (threads, memory) = (status(&exporter, "Threads"), status(&exporter, "VmRSS"));
    storm(301);
    exporter.scans("changed", 2.0);
    undisturbed(&exporter, &before, "same");
    assert_eq!(gauge(&exporter), Some(1.0));
    until("the descriptors are back", || (descriptors(&exporter) <= few + 2).then_some(()));
    // Threads for blocking work come and go by the machine's load.
    until("threads do not pile up", || (status(&exporter, "Threads") <= threads + 16).then_some(()));
    let grown = status(&exporter, "VmRSS").saturating_sub(memory);
    assert!(grown < 32 << 10, "{grown} kB more");
    exporter.terminate();
}

#[test]
fn a_configuration_in_mid_write_changes_nothing_and_is_taken_once_it_is_whole() {
    let folder = folder(&with_team(0));
    let exporter = folder.ready();
    let before = exporter.scrape();
    let said = |text: &str| exporter.stderr().matches(text).count();
    let whole = with_team(1);
    let inside = |word: &str| whole.rfind(word).unwrap() + word.len();
    for (reload, cut) in
        [inside("[sources.cha"), inside("type = \"fi"), inside("paths = ["), inside("team = "), inside("\"t1\"")].into_iter().enumerate()
    {
        folder.config(&whole[..cut]);
        exporter.signal(Signal::HUP);
        until("refused", || (said("configuration not reloaded") > reload).then_some(()));
        assert_eq!(gauge(&exporter), Some(0.0), "cut at {cut}");
        for name in ["same", "changed"] {
            undisturbed(&exporter, &before, name);
        }
    }
    folder.config(&whole);
    exporter.signal(Signal::HUP);
    until("taken", || (said("configuration reloaded") == 1).then_some(()));
    assert_eq!(gauge(&exporter), Some(1.0));
    undisturbed(&exporter, &before, "same");
    exporter.scrape_until("the new label", |scrape| (scrape.all("x509_cert_not_after", &[("team", "t1")]).len() == 1).then_some(()));
    exporter.terminate();
}
