//! Disks that are full, folders that go or become read-only under the running program.

use super::{certificates, undisturbed};
use crate::support::exporter::{Exporter, Folder, until};
use crate::support::issuing::{Crl, Issuing, Pointers};
use crate::support::namespace::{Namespace, wrapped};
use crate::support::site::{Site, until_verdict};

/// An exporter whose state and cache are in a folder that can be filled, with a list for `old.pem` fetched.
struct World {
    ca: Issuing,
    site: Site,
    folder: Folder,
    small: Namespace,
}

impl World {
    fn new() -> Self {
        let (ca, site) = (Issuing::new("CA"), Site::start());
        let folder = Folder::new(
            "[revocation]\nallow = [\"127.0.0.0/8\"]\n[storage]\nstate_dir = \"DIR/small/state\"\ncache_dir = \"DIR/small/cache\"\n\
             [sources.certs]\ntype = \"file\"\nschedule = \"@every 1s\"\npaths = [\"DIR/certs/*\"]\n\
             [sources.other]\ntype = \"file\"\nschedule = \"@every 1s\"\npaths = [\"DIR/other.pem\"]\n",
        );
        let small = folder.at("small");
        std::fs::create_dir(&small).unwrap();
        let small = Namespace::new(&format!("mount -t tmpfs -o size=512k,mode=700 none '{small}'"));
        folder.write("other.pem", ca.ca.pem());
        folder.write("certs/ca.pem", ca.ca.pem());
        let world = Self { ca, site, folder, small };
        world.site.page("/old.crl", world.ca.crl(&Crl::number(1).revoking(1, 1)));
        // Larger than what is buffered on the way to the disk.
        let large = (1_000..6_000).fold(Crl::number(1).revoking(2, 1), |crl, serial| crl.revoking(serial, 4));
        world.site.page("/new.crl", world.ca.crl(&large));
        world.watch(1, "old");
        world
    }

    /// A revoked certificate, `<name>.pem`, whose list is `/<name>.crl`.
    fn watch(&self, serial: u32, name: &str) {
        let written = self.folder.write("new", self.ca.leaf(serial, &Pointers::crl(&[&self.site.url(&format!("/{name}.crl"))])));
        std::fs::rename(written, self.folder.at(&format!("certs/{name}.pem"))).unwrap();
    }

    fn start(&self) -> Exporter {
        let config = self.folder.at("notafter.toml");
        let plain = self.folder.command(["--config", &config, "--listen", "127.0.0.1:0"]);
        // Modes hold for it, too, though it is root's.
        let bound = wrapped(&["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"], &plain);
        let exporter = Exporter::spawn(self.small.inside(&bound));
        exporter.until_ready();
        until_verdict(&exporter, "old.pem", "revoked keyCompromise crl");
        exporter
    }

    /// What is revoked is still found, whatever became of the disk; nothing else changes, and the end is orderly.
    fn still_does_its_work(&self, exporter: Exporter, what: &str) {
        let before = exporter.scrape();
        self.watch(2, "new");
        until_verdict(&exporter, "new.pem", "revoked keyCompromise crl");
        exporter.until_logged("a CRL was not kept");
        until_verdict(&exporter, "old.pem", "revoked keyCompromise crl");
        undisturbed(&exporter, &before, "other");
        exporter.scans("certs", 1.0);
        assert_eq!(exporter.scrape().value("x509_source_up", &[("source_name", "certs")]), Some(1.0), "{what}");
        let log = exporter.terminate();
        assert!(log.contains("state not saved"), "{what}: {log}");
        std::fs::remove_file(self.folder.at("certs/new.pem")).unwrap();
    }
}

#[test]
fn a_full_disk_costs_what_would_be_kept_and_what_is_kept_stays_whole() {
    let world = World::new();
    world.start().terminate();
    let state = world.small.at(world.folder.path().join("small/state/state"));
    let saved = std::fs::read(&state).unwrap();
    world.site.asked();

    let exporter = world.start();
    let small = world.folder.at("small");
    world.small.sh(&format!("dd if=/dev/zero of='{small}/filler' bs=4k 2>/dev/null || test -s '{small}/filler'"));
    world.still_does_its_work(exporter, "full");
    assert_eq!(std::fs::read(&state).unwrap(), saved, "the old state stays");

    world.small.sh(&format!("rm '{small}/filler'"));
    world.site.asked();
    let exporter = world.start();
    exporter.until_logged("last-known facts restored");
    assert_eq!(world.site.lines(), Vec::<String>::new(), "the cache outlived it: nothing is asked");
    let log = exporter.terminate();
    assert!(!log.contains("not saved") && !log.contains("not kept"), "{log}");
}

#[test]
fn folders_that_become_read_only_cost_what_would_be_kept() {
    let world = World::new();
    let exporter = world.start();
    world.small.sh(&format!("chmod 500 '{0}/state' '{0}/cache'", world.folder.at("small")));
    world.still_does_its_work(exporter, "read-only");
}

#[test]
fn folders_that_are_removed_cost_what_would_be_kept_and_the_next_start_makes_them_anew() {
    let world = World::new();
    let exporter = world.start();
    let known = exporter.scrape();
    world.small.sh(&format!("rm -r '{0}/state' '{0}/cache'", world.folder.at("small")));
    world.still_does_its_work(exporter, "removed");
    let exporter = world.start();
    until("everything is known again", || {
        (certificates(&exporter.scrape(), "certs").len() == certificates(&known, "certs").len()).then_some(())
    });
    assert!(!exporter.terminate().contains("not saved"));
}
