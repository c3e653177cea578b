//! What outlasts the process.

use rustix::process::Signal;

use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder, until};
use crate::support::scrape::Scrape;
use crate::support::servers::Servers;

/// An endpoint at this address and a file, with a state folder.
fn config(target: &str) -> String {
    format!(
        "[storage]\nstate_dir = \"DIR/state\"\n\
         [sources.edge]\ntype = \"tls\"\ntimeout = \"10m\"\ndeadline = \"10m\"\ntargets = [\"{target}\"]\nroots = [\"DIR/ca.pem\"]\n\
         [sources.files]\ntype = \"file\"\npaths = [\"DIR/ca.pem\"]\n"
    )
}

fn certificates(scrape: &Scrape, source: &str) -> usize {
    scrape.all("x509_cert_not_after", &[("source_name", source)]).len()
}

/// Runs once to the end, so that the state is saved.
fn saved() -> (Folder, std::net::SocketAddr) {
    let ca = Ca::root("Root");
    let mut servers = Servers::new();
    let address = servers.tls(&ca.leaf(&["127.0.0.1"]).issue());
    let folder = Folder::new(&config(&address.to_string()));
    folder.write("ca.pem", ca.pem());
    let exporter = folder.ready();
    assert_eq!(certificates(&exporter.scrape(), "edge"), 1);
    exporter.terminate();
    drop(servers);
    (folder, address)
}

/// Takes the connections of an address and says nothing.
fn stall(address: std::net::SocketAddr) -> std::net::TcpListener {
    until("the address is free again", || std::net::TcpListener::bind(address).ok())
}

fn until_files_are_read(exporter: &Exporter) -> Scrape {
    exporter.scrape_until("the file is read", |scrape| {
        (scrape.value("x509_source_up", &[("source_name", "files")]) == Some(1.0)).then(|| scrape.clone())
    })
}

#[test]
fn after_a_restart_the_certificates_are_there_before_the_first_scan_has_ended() {
    let (folder, address) = saved();
    let _silent = stall(address);
    let exporter = folder.start();
    let scrape = exporter.scrape_until("restored", |scrape| (certificates(scrape, "edge") == 1).then(|| scrape.clone()));
    assert_eq!(scrape.value("x509_source_up", &[("source_name", "edge")]), None, "no scan has ended yet");
    assert_ne!(exporter.get("/-/ready").status, 200);
    assert!(scrape.value("tls_probe_success", &[("source_name", "edge")]).is_some());
    exporter.until_logged("last-known facts restored");
}

#[test]
fn after_a_restart_a_target_that_fails_keeps_its_certificates_and_shows_the_failure() {
    let (folder, _) = saved();
    let exporter = folder.ready();
    let scrape = exporter.scrape();
    assert_eq!((certificates(&scrape, "edge"), scrape.value("tls_probe_success", &[])), (1, Some(0.0)));
    assert_eq!(scrape.all("tls_probe_failure_info", &[("reason", "refused")]).len(), 1);
}

#[test]
fn a_corrupted_state_is_said_and_left_aside() {
    let (folder, address) = saved();
    let state = folder.at("state/state");
    let good = std::fs::read(&state).unwrap();
    let _silent = stall(address);
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 0xff;
    for (damage, bytes) in [
        ("cut", &good[..good.len() / 2]),
        ("flipped", &flipped),
        ("empty", &[]),
        ("garbage", &[0xff; 4_096]),
        ("another build's", b"notafter state, layout 0\n"),
    ] {
        std::fs::write(&state, bytes).unwrap();
        let exporter = folder.start();
        let scrape = until_files_are_read(&exporter);
        assert_eq!((certificates(&scrape, "edge"), certificates(&scrape, "files")), (0, 1), "{damage}");
        exporter.until_logged("last-known facts are not used");
        drop(exporter);
    }
    // It is replaced by a good one at the end.
    let exporter = folder.start();
    until_files_are_read(&exporter);
    exporter.terminate();
    let exporter = folder.start();
    exporter.until_logged("last-known facts restored");
}

#[test]
fn a_second_process_on_the_same_state_runs_without_and_says_so() {
    let folder = Folder::new("[storage]\nstate_dir = \"DIR/state\"\n[sources.files]\ntype = \"file\"\npaths = [\"DIR/ca.pem\"]\n");
    folder.write("ca.pem", Ca::root("Root").pem());
    let (first, second) = (folder.ready(), folder.ready());
    assert!(second.stderr().contains("another process uses this folder"), "{}", second.stderr());
    assert!(!first.stderr().contains("another process"), "{}", first.stderr());
    assert_eq!(certificates(&second.scrape(), "files"), 1);
    let state = folder.path().join("state/state");
    second.terminate();
    assert!(!state.exists(), "only the first one writes");
    first.terminate();
    assert!(state.exists());
}

#[test]
fn a_killed_process_leaves_the_last_saved_state_readable_and_unlocked() {
    let (folder, address) = saved();
    let _silent = stall(address);
    for _ in 0..2 {
        let mut exporter = folder.start();
        exporter.scrape_until("restored", |scrape| (certificates(scrape, "edge") == 1).then_some(()));
        assert!(!exporter.stderr().contains("another process"), "{}", exporter.stderr());
        exporter.signal(Signal::KILL);
        exporter.wait();
    }
}

#[test]
fn a_restart_while_nothing_answers_loses_nothing_however_often() {
    let (folder, address) = saved();
    let _silent = stall(address);
    for _ in 0..3 {
        let exporter = folder.start();
        exporter.scrape_until("restored", |scrape| (certificates(scrape, "edge") == 1).then_some(()));
        exporter.terminate();
    }
}

#[test]
fn a_state_folder_that_cannot_be_written_is_said_and_done_without() {
    // A file stands where the folder should be: no rights help against that.
    let folder = Folder::new("[storage]\nstate_dir = \"DIR/ca.pem/state\"\n[sources.files]\ntype = \"file\"\npaths = [\"DIR/ca.pem\"]\n");
    folder.write("ca.pem", Ca::root("Root").pem());
    let exporter = folder.ready();
    assert!(exporter.stderr().contains("running without a state file"), "{}", exporter.stderr());
    assert_eq!(certificates(&exporter.scrape(), "files"), 1);
    assert!(!exporter.terminate().contains("not saved"));
}

#[test]
fn the_state_holds_no_key_material_and_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("[storage]\nstate_dir = \"DIR/state\"\n[sources.files]\ntype = \"file\"\npaths = [\"DIR/all.pem\"]\n");
    let leaf = Ca::root("Root").leaf(&["www"]).issue();
    folder.write("all.pem", leaf.key_pem() + &leaf.chain_pem());
    folder.ready().terminate();
    let mode = |name: &str| std::fs::metadata(folder.at(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/state")), (0o700, 0o600));
    let state = std::fs::read(folder.at("state/state")).unwrap();
    let holds = |needle: &[u8]| state.windows(needle.len()).any(|window| window == needle);
    let key = leaf.key_der();
    // The private number of a P-256 key in PKCS#8 lies at 36 and is 32 bytes long.
    assert!(holds(b"CN=www") && !holds(&key.secret_der()[36..68]) && !holds(b"PRIVATE KEY"));
}
