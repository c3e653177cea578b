//! Files that change while the exporter runs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{SERVER, Site, TLS, until_status};
use crate::support::ca::Ca;
use crate::support::curl::curl;
use crate::support::exporter::{Exporter, answer, until};
use crate::support::scrape::Scrape;

const HASH: &str = "$2y$04$jDelEB1o16ba6tGJFB1o1eF9cZtbSx.TmeBL0CtlFEBVZewk9mU7i";

/// A connection that stays.
struct Kept(StreamOwned<ClientConnection, TcpStream>);

impl Kept {
    fn open(site: &Site, exporter: &Exporter) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(site.ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let connection = ClientConnection::new(config, ServerName::try_from(SERVER).unwrap()).unwrap();
        Self(StreamOwned::new(connection, TcpStream::connect(exporter.address).unwrap()))
    }

    /// The status of another request; `None` when the connection is gone.
    fn ask(&mut self) -> Option<u16> {
        self.0.sock.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        self.0.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = self.0.read(&mut buffer).ok().filter(|read| *read > 0)?;
            bytes.extend(&buffer[..read]);
            if let Some(answer) = answer(&bytes).filter(|answer| answer.body.ends_with(b"\n")) {
                return Some(answer.status);
            }
        }
    }

    fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }
}

/// What a new connection is shown.
fn shown(site: &Site, exporter: &Exporter) -> Vec<u8> {
    let mut connection = Kept::open(site, exporter);
    assert_eq!(connection.ask(), Some(200));
    connection.certificate()
}

fn successful(site: &Site, exporter: &Exporter) -> Option<f64> {
    let answer = site.ask(exporter, "/metrics", &["--user", "alice:secret"]);
    Scrape::parse(&answer.body).value("notafter_web_config_last_reload_successful", &[])
}

fn until_successful(site: &Site, exporter: &Exporter, value: f64) {
    until("the web configuration's metric", || (successful(site, exporter) == Some(value)).then_some(()));
}

fn logged(exporter: &Exporter, text: &str) -> usize {
    exporter.stderr().matches(text).count()
}

#[test]
fn the_certificate_rotates_under_connections_that_stay() {
    let site = Site::new("", TLS);
    let exporter = site.start();
    let mut kept = Kept::open(&site, &exporter);
    assert_eq!(kept.ask(), Some(200));
    let first = kept.certificate();

    // The certificate is there before its key: what is in force stays, and it is said once.
    let second = site.ca.leaf(&[SERVER]).issue();
    site.folder.write("server.pem", second.chain_pem());
    until_successful(&site, &exporter, 0.0);
    exporter.until_logged("the key does not belong to the certificate");
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(logged(&exporter, "web configuration not taken"), 1, "{}", exporter.stderr());
    assert_eq!((shown(&site, &exporter), kept.ask()), (first.clone(), Some(200)));

    site.folder.write("server.key", second.key_pem());
    until("the second certificate", || (shown(&site, &exporter) == second.certificate.to_vec()).then_some(()));
    assert_eq!(successful(&site, &exporter), Some(1.0));
    assert_eq!((kept.ask(), kept.certificate()), (Some(200), first.clone()), "the connection is not disturbed");

    // And back, by a reload: at once.
    let third = site.ca.leaf(&[SERVER]).issue();
    site.serve("server", &third);
    exporter.signal(Signal::HUP);
    exporter.until_logged("configuration reloaded");
    assert_eq!((shown(&site, &exporter), kept.ask()), (third.certificate.to_vec(), Some(200)));
}

#[test]
fn a_broken_state_that_is_undone_is_as_if_nothing_had_been() {
    let site = Site::new("", &format!("{TLS}basic_auth_users:\n  alice: {HASH}\n"));
    let exporter = site.start();
    let key = std::fs::read(site.folder.at("server.key")).unwrap();
    for round in 1..=2 {
        std::fs::remove_file(site.folder.at("server.key")).unwrap();
        until_successful(&site, &exporter, 0.0);
        assert_eq!(logged(&exporter, "web configuration not taken"), round);
        site.folder.write("server.key", &key);
        until_successful(&site, &exporter, 1.0);
        assert_eq!(logged(&exporter, "again what is in force"), round);
    }
}

#[test]
fn other_client_cas_end_the_connections_of_the_former() {
    let site = Site::new("", &format!("{TLS}  client_ca_file: clients.pem\n  client_auth_type: VerifyClientCertIfGiven\n"));
    let (old, new) = (Ca::root("Old"), Ca::root("New"));
    site.folder.write("clients.pem", old.pem());
    site.client("old", &old, &["a"]);
    site.client("new", &new, &["a"]);
    let exporter = site.start();
    let mut kept = Kept::open(&site, &exporter);
    assert_eq!((kept.ask(), site.ask_as(&exporter, "old").status, site.ask_as(&exporter, "new").status), (Some(200), 200, 0));
    site.folder.write("clients.pem", new.pem());
    until_status("the new CA's client is let in", 200, || site.ask_as(&exporter, "new"));
    assert_eq!((kept.ask(), site.ask_as(&exporter, "old").status), (None, 0));
}

/// A file that is being written looks like one with less in it.
#[test]
fn half_a_file_opens_nothing() {
    let users = format!("basic_auth_users:\n  alice: {HASH}\n");
    let whole = format!("{TLS}{users}");
    let site = Site::new("", &whole);
    let exporter = site.start();
    let stranger = || site.ask(&exporter, "/-/healthy", &[]).status;
    let alice = |password: &str| site.ask(&exporter, "/-/healthy", &["--user", &format!("alice:{password}")]).status;
    assert_eq!((stranger(), alice("secret")), (401, 200));
    for (behaviour, half, words) in [
        ("before the users", TLS.to_owned(), "no longer asks for passwords"),
        ("behind the key of the users", format!("{TLS}basic_auth_users:\n"), "nothing stands here"),
        ("in the middle of a hash", whole[..whole.len() - 20].to_owned(), "expected the bcrypt hash"),
        ("before TLS", users.clone(), "no longer asks for TLS"),
        ("nothing yet", String::new(), "nothing stands here"),
    ] {
        site.web(&half);
        until_successful(&site, &exporter, 0.0);
        assert_eq!((stranger(), alice("secret")), (401, 200), "{behaviour}");
        exporter.until_logged(words);
        site.web(&whole);
        until_successful(&site, &exporter, 1.0);
    }
    // Other users are no less: they are taken as they come.
    site.web(&whole.replace("alice:", "bob:"));
    until_status("bob is let in", 200, || site.ask(&exporter, "/-/healthy", &["--user", "bob:secret"]));
    assert_eq!(alice("secret"), 401, "who was let in before is not any more");
    // What is meant is said by a reload.
    site.web(TLS);
    exporter.signal(Signal::HUP);
    until_status("everybody is let in", 200, || site.ask(&exporter, "/-/healthy", &[]));
}

#[test]
fn a_reload_takes_the_web_configuration_away_and_brings_it_back() {
    let site = Site::new("", TLS);
    let exporter = site.start();
    let plain = || curl(&[format!("http://{}/metrics", exporter.address)]);
    assert_eq!(plain().status, 0);
    let mut kept = Kept::open(&site, &exporter);
    assert_eq!(kept.ask(), Some(200));
    site.folder.config("");
    exporter.signal(Signal::HUP);
    let text = until_status("plain connections", 200, plain).body;
    assert_eq!(Scrape::parse(&text).value("notafter_web_config_last_reload_successful", &[]), None, "there is none");
    assert_eq!(kept.ask(), None, "connections of the former kind end");

    site.folder.config("[server]\nweb_config = \"web.yml\"\n");
    site.web(&format!("{TLS}  max_version: TLS11\n"));
    exporter.signal(Signal::HUP);
    exporter.until_logged("configuration not reloaded");
    let text = plain().body;
    assert_eq!(Scrape::parse(&text).value("notafter_config_last_reload_successful", &[]), Some(0.0));
    site.web(TLS);
    exporter.signal(Signal::HUP);
    until_status("TLS again", 200, || site.ask(&exporter, "/-/healthy", &[]));
}
