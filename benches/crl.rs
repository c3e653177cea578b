//! A large CRL: hashed alone, read and verified by this program, verified by openssl.
//!
//! `crl ENTRIES`: makes a signed list of so many entries in a temporary folder, takes the best of three runs of each way, each in a process of its own, and prints
//! milliseconds, peak memory and ratios. The list is read in pieces of 64 KiB, as a download brings it.

#![expect(clippy::disallowed_methods, reason = "a stopwatch outside the program")]

#[path = "support/large_list.rs"]
mod large_list;

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use large_list::{NAME, Outcome, make, peak_of, serial};
use notafter::model::Authority;
use notafter::pki::crl::{Limits, Scanner, Serials, authorities_check};

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["hash", list] => report(|| hash(list)),
        ["scan", list, key] => report(|| scan(list, key)),
        [entries] => compare(entries.parse()?),
        _ => Err("usage: crl ENTRIES".into()),
    }
}

fn compare(entries: u64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    make(folder.path(), entries)?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (list, key, ca) = (path("list.der"), path("key.der"), path("ca.pem"));
    println!("{entries} entries, {} bytes", std::fs::metadata(&list)?.len());
    let own = std::env::current_exe()?.to_string_lossy().into_owned();
    let hash = best("SHA-256 alone", || timed(&own, &["hash", &list]))?;
    let scan = best("scan + digest + verify", || timed(&own, &["scan", &list, &key]))?;
    let openssl =
        best("openssl crl -verify", || timed("openssl", &["crl", "-inform", "DER", "-in", &list, "-CAfile", &ca, "-noout", "-verify"]))?;
    println!("scan / SHA-256: {:.2}", scan / hash);
    println!("openssl / scan: {:.1}", openssl / scan);
    Ok(())
}

fn best(what: &str, run: impl Fn() -> Outcome<(f64, u64)>) -> Outcome<f64> {
    let mut best = (f64::INFINITY, 0);
    for _ in 0..3 {
        let (milliseconds, peak) = run()?;
        best = (best.0.min(milliseconds), best.1.max(peak));
    }
    println!("{what}: {:.1} ms, peak {} KiB", best.0, best.1);
    Ok(best.0)
}

/// Our own processes print their time, so that starting them does not count; of openssl's it is nothing beside the rest.
fn timed(program: &str, arguments: &[&str]) -> Outcome<(f64, u64)> {
    let begun = Instant::now();
    let mut child = Command::new(program).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        peak = peak.max(peak_of(&status));
        std::thread::sleep(Duration::from_millis(2));
    };
    let elapsed = begun.elapsed().as_secs_f64() * 1e3;
    let (mut out, mut errors) = (String::new(), String::new());
    child.stdout.take().ok_or("no output")?.read_to_string(&mut out)?;
    child.stderr.take().ok_or("no output")?.read_to_string(&mut errors)?;
    if !ended.success() || errors.contains("fail") {
        return Err(format!("{program}: {out}{errors}").into());
    }
    let mut words = out.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    Ok(match (words.next(), words.next()) {
        (Some(milliseconds), Some(own)) => (milliseconds, own as u64),
        _ => (elapsed, peak),
    })
}

fn report(run: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let begun = Instant::now();
    run()?;
    println!("{} {}", begun.elapsed().as_secs_f64() * 1e3, peak_of("/proc/self/status"));
    Ok(())
}

fn pieces(list: &str, mut each: impl FnMut(&[u8]) -> Outcome<()>) -> Outcome<()> {
    let mut file = File::open(list)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => each(buffer.get(..count).unwrap_or_default())?,
        }
    }
}

fn hash(list: &str) -> Outcome<()> {
    let mut context = Context::new(&SHA256);
    pieces(list, |piece| {
        context.update(piece);
        Ok(())
    })?;
    std::hint::black_box(context.finish());
    Ok(())
}

fn scan(list: &str, key: &str) -> Outcome<()> {
    let authority = Authority { subject: NAME.into(), key: std::fs::read(key)?.into(), key_id: None, key_usage: None };
    // 1,000 watched certificates: every other one is in the list.
    let watched: Serials = (0..1000).map(|n| Box::from(serial(n / 2 + (n % 2) * (1 << 40)))).collect();
    let mut scanner = Scanner::new(&watched, Limits { fingerprint: false, ..Limits::default() });
    pieces(list, |piece| Ok(scanner.feed(piece)?))?;
    let scanned = scanner.finish()?;
    authorities_check(&scanned, &[Arc::new(authority)]).map_err(|reason| reason.as_str())?;
    if scanned.list.matches.len() as u64 != scanned.list.entries.min(500) {
        return Err("a watched certificate was missed".into());
    }
    Ok(())
}
