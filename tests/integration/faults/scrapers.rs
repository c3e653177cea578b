//! Many scrapers, and slow ones.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{descriptors, status, undisturbed};
use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder, PLENTY, answer, until};
use crate::support::scrape::Scrape;

/// So many files with a certificate each, looked at every second.
fn many(files: usize) -> (Folder, Exporter) {
    // Each scraper is a descriptor of this process.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let folder = Folder::new("[sources.many]\ntype = \"file\"\nschedule = \"@every 1s\"\npaths = [\"DIR/files/*\"]\n");
    let pem = Ca::root("Root").leaf(&["www.example.com"]).issue().chain_pem();
    for file in 0..files {
        folder.write(&format!("files/{file}.pem"), &pem);
    }
    let exporter = folder.ready();
    (folder, exporter)
}

/// Asks for the metrics and reads nothing yet.
fn ask(exporter: &Exporter, encoding: &str) -> TcpStream {
    let mut stream = TcpStream::connect(exporter.address).unwrap();
    stream.set_read_timeout(Some(PLENTY)).unwrap();
    stream.write_all(format!("GET /metrics HTTP/1.0\r\nAccept-Encoding: {encoding}\r\n\r\n").as_bytes()).unwrap();
    stream
}

fn read(mut stream: TcpStream) -> Scrape {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let answer = answer(&bytes).unwrap();
    assert_eq!(answer.status, 200);
    Scrape::parse(&answer.text())
}

/// `benches/soak` does it for a minute, 200 a second; here it is as many as the machine manages.
const SCRAPED_FOR: Duration = Duration::from_secs(5);

#[test]
fn a_thousand_scrapers_at_once_are_all_answered() {
    let (_folder, exporter) = many(20);
    let (before, few) = (exporter.scrape(), descriptors(&exporter));
    let scrapers: Vec<TcpStream> = (0..1_000).map(|_| ask(&exporter, "gzip")).collect();
    for (number, scraper) in scrapers.into_iter().enumerate() {
        let scrape = read(scraper);
        assert_eq!(scrape.all("x509_cert_not_after", &[]).len(), 20, "scraper {number}");
    }
    exporter.scans("many", 1.0);
    undisturbed(&exporter, &before, "many");
    until("the descriptors are back", || (descriptors(&exporter) <= few + 2).then_some(()));
}

#[test]
fn hundreds_of_scrapers_that_read_nothing_disturb_neither_scrapes_nor_scans() {
    let (_folder, exporter) = many(3_000);
    let (before, few, memory) = (exporter.scrape(), descriptors(&exporter), status(&exporter, "VmRSS"));
    let size = before.text.len();
    let stalled: Vec<TcpStream> = (0..400).map(|n| ask(&exporter, if n % 2 == 0 { "gzip" } else { "identity" })).collect();
    exporter.scans("many", 2.0);
    undisturbed(&exporter, &before, "many");
    let grown = (status(&exporter, "VmRSS").saturating_sub(memory)) << 10;
    // As whole texts in memory they would be a hundred times as much.
    assert!(grown < (64 << 20) + 400 * (256 << 10), "{grown} bytes more for 400 readers of {size} bytes");
    assert!(200 * size > 2 * ((64 << 20) + 400 * (256 << 10)), "the bound means something: {size}");
    // One that reads at last gets all of it.
    let scrape = read(stalled.into_iter().nth(1).unwrap());
    assert_eq!(scrape.all("x509_cert_not_after", &[]).len(), 3_000);
    until("the descriptors are back", || (descriptors(&exporter) <= few + 2).then_some(()));
}

#[test]
fn scrapes_without_a_pause_get_no_error_and_neither_memory_nor_descriptors_grow() {
    let (_folder, exporter) = many(500);
    let before = exporter.scrape();
    let hammer = |until: Instant| {
        let mut scrapes = 0;
        while Instant::now() < until {
            let answer = crate::support::exporter::get(exporter.address, "/metrics", "Accept-Encoding: gzip\r\n");
            assert_eq!(answer.status, 200);
            scrapes += 1;
        }
        scrapes
    };
    let round = |length: Duration| -> u64 {
        let until = Instant::now() + length;
        std::thread::scope(|scope| {
            let scrapers: Vec<_> = (0..8).map(|_| scope.spawn(|| hammer(until))).collect();
            scrapers.into_iter().map(|scraper| scraper.join().unwrap()).sum()
        })
    };
    round(SCRAPED_FOR / 5);
    let (few, memory) = (descriptors(&exporter), status(&exporter, "VmRSS"));
    let scrapes = round(SCRAPED_FOR);
    exporter.scans("many", 1.0);
    undisturbed(&exporter, &before, "many");
    until("the descriptors are back", || (descriptors(&exporter) <= few + 2).then_some(()));
    let grown = status(&exporter, "VmRSS").saturating_sub(memory);
    assert!(scrapes > 0 && grown < 32 << 10, "{grown} kB more after {scrapes} scrapes");
}
