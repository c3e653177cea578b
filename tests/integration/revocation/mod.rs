//! The revocation service in the real program, against servers that remember exactly what they were asked.

mod bad;
mod lists;
mod places;
mod requests;
mod responders;

use crate::support::exporter::{Exporter, Folder};
use crate::support::issuing::{Issuing, Pointers};
use crate::support::scrape::Scrape;
use crate::support::site::{Site, until_verdict};

const LOOPBACK: &str = "allow = [\"127.0.0.0/8\"]\n";
const EVERY_SECOND: &str = "allow = [\"127.0.0.0/8\"]\nrefresh = \"1s\"\n";

/// A CA, its site, and a folder of certificates that the exporter watches.
struct World {
    ca: Issuing,
    site: Site,
    folder: Folder,
}

impl World {
    /// With these lines in `[revocation]`. The CA's certificate is watched beside those it issues.
    fn new(revocation: &str) -> Self {
        let world = Self { ca: Issuing::new("Revoking CA"), site: Site::start(), folder: Folder::new(&config(revocation)) };
        world.watch("ca.pem", &world.ca.ca.pem());
        world
    }

    /// Puts a file where it is watched.
    fn watch(&self, name: &str, content: &str) {
        // Renamed: a file is never seen half written.
        let written = self.folder.write(&format!("new/{name}"), content);
        std::fs::create_dir_all(self.folder.at("certs")).unwrap();
        std::fs::rename(written, self.folder.at(&format!("certs/{name}"))).unwrap();
    }

    /// A watched certificate whose list is at this path.
    fn leaf(&self, serial: u32, path: &str) -> String {
        let name = format!("{serial:x}.pem");
        self.watch(&name, &self.ca.leaf(serial, &Pointers::crl(&[&self.url(path)])));
        name
    }

    /// A watched certificate with a responder at this path.
    fn leaf_ocsp(&self, serial: u32, path: &str) -> String {
        let name = format!("{serial:x}.pem");
        self.watch(&name, &self.ca.leaf(serial, &Pointers::ocsp(&[&self.url(path)])));
        name
    }

    fn url(&self, path: &str) -> String {
        self.site.url(path)
    }
}

fn config(revocation: &str) -> String {
    format!(
        "[revocation]\n{revocation}\n[storage]\nstate_dir = \"DIR/state\"\ncache_dir = \"DIR/cache\"\n[sources.certs]\ntype = \"file\"\n\
         schedule = \"@every 1s\"\npaths = [\"DIR/certs/*\"]\n"
    )
}

fn until_all(exporter: &Exporter, files: &[String], expected: &str) {
    files.iter().for_each(|file| until_verdict(exporter, file, expected));
}

/// `x509_cert_revoked` of a file's certificate.
fn revoked(scrape: &Scrape, file: &str) -> Option<f64> {
    scrape.value("x509_cert_revoked", &[("filename", file)])
}

fn fetches(scrape: &Scrape, kind: &str, outcome: &str) -> f64 {
    scrape.all("x509_revocation_fetches_total", &[("kind", kind), ("outcome", outcome)]).iter().map(|sample| sample.value).sum()
}
