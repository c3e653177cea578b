//! How the exporter itself is served: the web configuration, its sockets, its admin addresses; against curl, openssl, systemd and Prometheus.

mod admin;
mod changes;
mod files;
mod handshakes;
mod passwords;
mod prometheus;
mod sockets;

use rcgen::ExtendedKeyUsagePurpose;

use crate::support::ca::{Ca, Issued};
use crate::support::curl::{Curled, curl};
use crate::support::exporter::{Exporter, Folder, until};
use crate::support::scrape::Scrape;

/// A folder with an exporter of nothing, its web configuration, and the certificates that tests need.
struct Site {
    folder: Folder,
    ca: Ca,
}

/// The names of the server and of those who ask.
const SERVER: &str = "localhost";

impl Site {
    /// With this `web.yml`, and keys of `[server]` beside it; `DIR` stands for the folder.
    fn new(server: &str, web: &str) -> Self {
        let folder = Folder::new(&format!("[server]\nweb_config = \"web.yml\"\n{server}\n"));
        let site = Self { folder, ca: Ca::root("Root") };
        site.serve("server", &site.ca.leaf(&[SERVER]).issue());
        site.folder.write("ca.pem", site.ca.pem());
        site.web(web);
        site
    }

    /// Replaces the web configuration.
    fn web(&self, text: &str) {
        self.folder.write("web.yml", text);
    }

    /// Certificate and key as `NAME.pem` and `NAME.key`, which others may not read.
    fn serve(&self, name: &str, issued: &Issued) {
        self.folder.write(&format!("{name}.pem"), issued.chain_pem());
        let key = self.folder.write(&format!("{name}.key"), issued.key_pem());
        std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// A client's certificate and key.
    fn client(&self, name: &str, ca: &Ca, names: &[&str]) {
        self.serve(name, &ca.leaf(names).extended_key_usages(&[ExtendedKeyUsagePurpose::ClientAuth]).issue());
    }

    /// Starts the exporter and waits until it answers, whatever it asks of clients.
    fn start(&self) -> Exporter {
        let exporter = self.folder.start();
        exporter.until_logged("ready: every source's first round has ended");
        exporter
    }

    /// Asks over TLS with curl, and more of its arguments.
    fn ask(&self, exporter: &Exporter, path: &str, more: &[&str]) -> Curled {
        let port = exporter.address.port();
        let (ca, url) = (self.folder.at("ca.pem"), format!("https://{SERVER}:{port}{path}"));
        let resolve = format!("{SERVER}:{port}:127.0.0.1");
        let arguments: Vec<&str> = ["--cacert", &ca, "--resolve", &resolve, &url].into_iter().chain(more.iter().copied()).collect();
        curl(&arguments)
    }

    /// The same with a client certificate.
    fn ask_as(&self, exporter: &Exporter, client: &str) -> Curled {
        let (certificate, key) = (self.folder.at(&format!("{client}.pem")), self.folder.at(&format!("{client}.key")));
        self.ask(exporter, "/-/healthy", &["--cert", &certificate, "--key", &key])
    }
}

/// What a scrape over TLS says.
fn scraped(answer: &Curled) -> Scrape {
    assert_eq!(answer.status, 200, "{answer:?}");
    Scrape::parse(&answer.body)
}

const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

/// Asks until an answer has this status.
fn until_status(what: &str, status: u16, mut ask: impl FnMut() -> Curled) -> Curled {
    until(what, || Some(ask()).filter(|answer| answer.status == status))
}
