//! Relating all places to each other: `relate [CERTIFICATES ENDPOINTS [ROUNDS]]`, 100,000 and 10,000 by default.
//!
//! Certificates lie in a store of their own each, with the CA that issued them; a tenth as many endpoints serve them, every hundredth an older
//! one. Measured on one thread: a pass over everything beside reading the same certificates once, a pass after one certificate has changed, the
//! passes that check the rest of the signatures, and the memory that is kept for it.

#![expect(clippy::disallowed_methods, reason = "a stopwatch outside the program")]

#[path = "support/fleet.rs"]
mod fleet;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use notafter::assess::relate::Relate;
use notafter::model::{CertificateFacts, Limits, Place, SourceKind, SourceStatus, UnixTime};
use notafter::pki::certificate;

use fleet::{CAS, Held, PIECE, View, held, host, issue, target};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let certificates = numbers.next().transpose()?.unwrap_or(100_000);
    let endpoints = numbers.next().transpose()?.unwrap_or(10_000).min(certificates);
    let rounds = numbers.next().transpose()?.unwrap_or(5);
    let (ders, cas) = issue(certificates)?;

    let read = |der: &Vec<u8>| certificate::read(der, &Limits::default()).map(|read| read.facts);
    let facts: Vec<CertificateFacts> = ders.iter().map(read).collect::<Result<_, _>>()?;
    let authorities: Vec<CertificateFacts> = cas.iter().map(read).collect::<Result<_, _>>()?;
    let stored = (0..certificates).map(|n| target(Place::file(format!("/pki/{n}.pem")), [facts[n].clone(), authorities[n % CAS].clone()]));
    let served = (0..endpoints).map(|n| {
        let host = host(n);
        let mut shown = facts[n].clone();
        if n % 100 == 0 {
            // An older one than what is stored.
            shown.fingerprint[0] ^= 1;
            shown.not_before = UnixTime::from_secs(shown.not_before.secs() - 30 * DAY);
        }
        target(Place::Endpoint { target: format!("{host}:443").into(), server_name: host.into(), address: None }, [shown])
    });
    let files = held(SourceKind::File, "files", stored.collect());
    let edge = held(SourceKind::Tls, "edge", served.collect());
    let now = UnixTime::from_secs(NOW);

    let mut ratios = Vec::new();
    for round in 0..rounds {
        let begun = Instant::now();
        let parsed = ders.iter().filter(|der| read(der).is_ok()).count();
        let plain = begun.elapsed();
        let before = resident();
        let mut relate = Relate::default();
        let begun = Instant::now();
        let outcome = relate.pass(view(&[files.clone(), edge.clone()], 1), now);
        let full = begun.elapsed();
        let mut unfinished = outcome.unfinished;
        let (begun, mut passes) = (Instant::now(), 0);
        let mut generation = 1;
        while unfinished {
            unfinished = relate.pass(view(&[files.clone(), edge.clone()], generation), now).unfinished;
            passes += 1;
        }
        let rest = begun.elapsed();
        let kept = resident().saturating_sub(before);
        // One certificate is renewed: its piece is another, and nothing else.
        let mut changes = Vec::new();
        for n in 0..20 {
            let mut changed = files.clone();
            let at = (n * 4_999) % certificates;
            let mut piece = Vec::clone(&changed.pieces[at / PIECE]);
            let mut renewed = facts[at].clone();
            renewed.fingerprint[1] ^= 0x55;
            renewed.not_before = UnixTime::from_secs(renewed.not_before.secs() + DAY);
            piece[at % PIECE] = Arc::new(target(Place::file(format!("/pki/{at}.pem")), [renewed, authorities[at % CAS].clone()]));
            changed.pieces[at / PIECE] = Arc::new(piece);
            generation += 1;
            let changed = view(&[changed, edge.clone()], generation);
            let begun = Instant::now();
            relate.pass(changed, now);
            changes.push(begun.elapsed());
        }
        // One endpoint shows another certificate.
        let mut looks = Vec::new();
        for n in 0..20 {
            let mut changed = edge.clone();
            let at = (n * 499) % endpoints;
            let mut piece = Vec::clone(&changed.pieces[at / PIECE]);
            let mut shown = facts[at].clone();
            shown.fingerprint[2] ^= 0x55;
            piece[at % PIECE] = Arc::new(target(piece[at % PIECE].place.clone(), [shown]));
            changed.pieces[at / PIECE] = Arc::new(piece);
            generation += 1;
            let changed = view(&[files.clone(), changed], generation);
            let begun = Instant::now();
            relate.pass(changed, now);
            looks.push(begun.elapsed());
        }
        changes.sort_unstable();
        looks.sort_unstable();
        let ratio = full.as_secs_f64() / plain.as_secs_f64();
        ratios.push(ratio);
        println!(
            "round {round}: reading {parsed} certificates {:.0} ms; a full pass {:.0} ms, {ratio:.2} of it, {} places told; {passes} more passes for \
             signatures {:.0} ms; one certificate changed: median {:.2} ms, worst {:.2} ms; one endpoint: median {:.2} ms, worst {:.2} ms; kept {:.1} MiB, {:.0} bytes a certificate",
            plain.as_secs_f64() * 1e3,
            full.as_secs_f64() * 1e3,
            outcome.told.len(),
            rest.as_secs_f64() * 1e3,
            changes[changes.len() / 2].as_secs_f64() * 1e3,
            changes[changes.len() - 1].as_secs_f64() * 1e3,
            looks[looks.len() / 2].as_secs_f64() * 1e3,
            looks[looks.len() - 1].as_secs_f64() * 1e3,
            kept as f64 / 1048576.0,
            kept as f64 / certificates as f64,
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}; to reach: a full pass below 1000 ms, a change below 5 ms", ratios[ratios.len() / 2]);
    Ok(())
}

fn view(sources: &[Held], generation: u64) -> Arc<View> {
    let status = SourceStatus { looked_at: Some(UnixTime::from_secs(NOW).system_time()), ..SourceStatus::default() };
    Arc::new(View { sources: sources.to_vec(), status, generation, ..View::default() })
}

/// Bytes that this process has resident.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
