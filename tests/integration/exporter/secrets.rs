//! What is secret stays in the process: not in its answers, its log, its files, nor in a dump of its memory.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder, ran};
use crate::support::servers::Servers;

const PASSPHRASE: &str = "hunter2-of-the-table";
const OF_A_FILE: &str = "hunter3-of-the-file";

/// An exporter that has a passphrase in its table, one in a file, a client key that works and one that does not fit.
fn keeper() -> (Folder, Servers, Ca) {
    let (ca, mut servers) = (Ca::root("Root"), Servers::new());
    let server = ca.leaf(&["127.0.0.1"]).issue();
    let endpoint = servers.tls(&server);
    let folder = Folder::new(&format!(
        "[storage]\nstate_dir = \"DIR/state\"\ncache_dir = \"DIR/cache\"\n\
         [sources.stores]\ntype = \"file\"\nschedule = \"@every 1s\"\npaths = [\"DIR/*.p12\"]\npassphrase = \"{PASSPHRASE}\"\n\
         [sources.others]\ntype = \"file\"\nschedule = \"@every 1s\"\npaths = [\"DIR/*.p12\", \"DIR/*.key\"]\npassphrase_file = \"DIR/secret\"\n\
         [sources.edge]\ntype = \"tls\"\nschedule = \"@every 1s\"\ntargets = [\"{endpoint}\"]\nroots = [\"DIR/ca.pem\"]\n\
         client_certificate = {{ cert = \"DIR/client.pem\", key = \"DIR/client.key\" }}\n\
         [sources.unfit]\ntype = \"tls\"\nschedule = \"@every 1s\"\ntargets = [\"{endpoint}\"]\nroots = [\"DIR/ca.pem\"]\n\
         client_certificate = {{ cert = \"DIR/client.pem\", key = \"DIR/other.key\" }}\n"
    ));
    let (client, other) = (ca.leaf(&["client"]).issue(), ca.leaf(&["other"]).issue());
    folder.write("ca.pem", ca.pem());
    folder.write("client.pem", client.chain_pem());
    folder.write("client.key", client.key_pem());
    folder.write("other.key", other.key_pem());
    folder.write("broken.p12", "\x30\x03\x02\x01\x03");
    folder.write("secret", OF_A_FILE);
    for name in ["secret", "client.key", "other.key"] {
        std::fs::set_permissions(folder.at(name), Permissions::from_mode(0o600)).unwrap();
    }
    (folder, servers, ca)
}

/// The middle of each secret, as it would show.
fn secrets(folder: &Folder) -> Vec<String> {
    let line = |name: &str| std::fs::read_to_string(folder.at(name)).unwrap().lines().nth(1).unwrap().to_owned();
    vec![PASSPHRASE.to_owned(), OF_A_FILE.to_owned(), line("client.key"), line("other.key")]
}

fn files(of: &Path, found: &mut Vec<u8>) {
    for entry in std::fs::read_dir(of).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            found.extend(std::fs::read(entry.path()).unwrap_or_default());
        }
    }
}

#[test]
fn no_secret_is_in_an_answer_the_log_or_a_file() {
    let (folder, _servers, _ca) = keeper();
    let mut exporter = folder.start_with(&["--listen", "127.0.0.1:0", "--log-level", "trace"]);
    exporter.until_ready();
    exporter.scans("edge", 2.0);
    let mut told = Vec::new();
    for page in ["/", "/metrics", "/api/v1/sources", "/api/v1/targets", "/api/v1/certificates", "/api/v1/trust", "/api/v1/revocation"] {
        let answer = exporter.get(page);
        assert_eq!(answer.status, 200, "{page}");
        told.push((page.to_owned(), answer.text().into_bytes()));
    }
    let show = ran(folder.command(["config", "show", &folder.at("notafter.toml")]));
    told.push(("config show".to_owned(), show.stdout.into_bytes()));
    exporter.signal(rustix::process::Signal::TERM);
    exporter.wait();
    told.push(("the log".to_owned(), exporter.stderr().into_bytes()));
    let mut kept = Vec::new();
    ["state", "cache"].iter().for_each(|of| files(Path::new(&folder.at(of)), &mut kept));
    assert!(!kept.is_empty(), "a state file");
    told.push(("the files".to_owned(), kept));
    assert!(told.iter().any(|(_, text)| contains(text, "client_certificate_unusable")), "the key that does not fit is spoken of");
    for (place, text) in &told {
        for secret in secrets(&folder) {
            assert!(!contains(text, &secret), "{place} holds {secret}");
        }
    }
}

fn contains(text: &[u8], words: &str) -> bool {
    memchr::memmem::find(text, words.as_bytes()).is_some()
}

#[test]
fn a_dump_of_the_process_holds_nothing() {
    let (folder, _servers, _ca) = keeper();
    let exporter: Exporter = folder.ready();
    let of = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", exporter.id())).unwrap();
    let limits = of("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    assert_eq!(of("coredump_filter").trim().trim_start_matches('0'), "", "what a dump through a pipe would hold");
}
