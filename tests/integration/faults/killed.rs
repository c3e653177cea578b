//! Killed at any moment. The cache alone is killed 200 times in `cache_killed`.

use std::time::Duration;

use rustix::process::Signal;

use super::{certificates, file_source};
use crate::support::exporter::Folder;
use crate::support::issuing::{Crl, Issuing, Pointers};
use crate::support::site::{Site, until_verdict};

const ROUNDS: u64 = 12;

#[test]
fn killed_at_random_moments_it_finds_everything_again_without_a_request() {
    let (ca, site) = (Issuing::new("CA"), Site::start());
    site.page("/ca.crl", ca.crl(&Crl::number(1).revoking(7, 1)));
    let folder = Folder::new(&format!(
        "[revocation]\nallow = [\"127.0.0.0/8\"]\n[storage]\nstate_dir = \"DIR/state\"\ncache_dir = \"DIR/cache\"\n{}",
        file_source("files")
    ));
    folder.write("files.pem", ca.leaf(7, &Pointers::crl(&[&site.url("/ca.crl")])) + &ca.ca.pem());
    let exporter = folder.ready();
    until_verdict(&exporter, "files.pem", "revoked keyCompromise crl");
    let before = exporter.scrape();
    exporter.terminate();
    site.asked();

    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..ROUNDS {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let mut exporter = folder.start();
        std::thread::sleep(Duration::from_millis((seed >> 33) % 400));
        // Killed while it begins, reads, renders, or (every third time) writes its state at the end.
        if round % 3 == 2 {
            exporter.signal(Signal::TERM);
            std::thread::sleep(Duration::from_micros((seed >> 20) % 5_000));
        }
        exporter.signal(Signal::KILL);
        exporter.wait();
        for damage in ["are not used", "damaged", "another process"] {
            assert!(!exporter.stderr().contains(damage), "round {round}: {}", exporter.stderr());
        }
    }
    let exporter = folder.ready();
    exporter.until_logged("last-known facts restored");
    until_verdict(&exporter, "files.pem", "revoked keyCompromise crl");
    let after = exporter.scrape();
    assert_eq!(certificates(&after, "files"), certificates(&before, "files"));
    assert_eq!(site.lines(), Vec::<String>::new(), "nothing is asked again");
    exporter.terminate();
}
