//! A name server that never answers.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{file_source, undisturbed};
use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder};
use crate::support::namespace::Namespace;
use crate::support::servers::Servers;

/// More than there are turns for lookups in a source.
const NAMES: usize = 40;

/// A name server that takes questions and answers them only once it is told to: every name is 127.0.0.1.
struct NameServer {
    address: String,
    answers: Arc<AtomicBool>,
}

impl NameServer {
    fn silent() -> Self {
        // Resolvers know port 53 alone; one of the many loopback addresses is free.
        let socket = (1..250).find_map(|last| UdpSocket::bind((format!("127.53.53.{last}"), 53)).ok());
        let socket = socket.expect("port 53 of a loopback address, which root may have");
        let address = socket.local_addr().unwrap().ip().to_string();
        let answers = Arc::new(AtomicBool::new(false));
        let may = answers.clone();
        std::thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                if may.load(Ordering::Relaxed) {
                    let _ = socket.send_to(&answer(&question[..length]), from);
                }
            }
        });
        Self { address, answers }
    }
}

/// RFC 1035 section 4: the question repeated, with one address for type A and none for anything else.
fn answer(question: &[u8]) -> Vec<u8> {
    let name = question[12..].iter().position(|byte| *byte == 0).unwrap();
    let end = 12 + name + 5;
    let is_a = question[end - 4..end - 2] == [0, 1];
    let mut answer = question[..end].to_vec();
    answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    if is_a {
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    answer
}

#[test]
fn a_dead_name_server_fails_names_alone_and_they_come_back_with_it() {
    let (ca, mut servers, dns) = (Ca::root("Root"), Servers::new(), NameServer::silent());
    let port = servers.tls(&ca.leaf(&["127.0.0.1"]).issue()).port();
    let names: Vec<String> = (0..NAMES).map(|name| format!("\"host{name}.example.test:{port}\"")).collect();
    let folder = Folder::new(&format!(
        "{}[sources.edge]\ntype = \"tls\"\nschedule = \"@every 1s\"\ntimeout = \"1s\"\nroots = [\"DIR/files.pem\"]\n\
         targets = [\"127.0.0.1:{port}\", {}]\n",
        file_source("files"),
        names.join(", ")
    ));
    folder.write("files.pem", ca.pem());
    let resolv = folder.write("resolv.conf", format!("nameserver {}\noptions timeout:2 attempts:1\n", dns.address));
    let namespace = Namespace::new(&format!("mount --bind '{}' \"$(readlink -f /etc/resolv.conf)\"", resolv.display()));
    let config = folder.at("notafter.toml");
    let exporter = Exporter::spawn(namespace.inside(&folder.command(["--config", &config, "--listen", "127.0.0.1:0"])));
    exporter.until_ready();

    let before = exporter.scrape();
    let address = format!("127.0.0.1:{port}");
    let by_address = [("target", &*address)];
    assert_eq!(before.value("tls_probe_success", &by_address), Some(1.0), "an address needs no name server");
    assert_eq!(before.all("tls_probe_failure_info", &[("stage", "dns")]).len(), NAMES, "{:#?}", before.with("stage", "dns").first());
    exporter.scans("files", 2.0);
    let during = undisturbed(&exporter, &before, "files");
    assert_eq!(during.value("tls_probe_success", &by_address), Some(1.0));

    dns.answers.store(true, Ordering::Relaxed);
    let after = exporter.scrape_until("names are found again", |scrape| {
        let failed = scrape.all("tls_probe_failure_info", &[("stage", "dns")]).len();
        (failed == 0).then(|| scrape.clone())
    });
    assert_eq!(after.all("tls_probe_success", &[]).len(), NAMES + 1);
    undisturbed(&exporter, &before, "files");
    exporter.terminate();
}
