//! What the status page costs: `page [CERTIFICATES…]`, 1,000, 10,000 and 100,000 by default.
//!
//! A snapshot as the store publishes it: each certificate in a file with the CA that issued it, a tenth as many endpoints, one place in a hundred
//! with something wrong. Measured over HTTP on the loopback, from the request to the last byte: the overview when nothing is known, when it has
//! been looked at before, when one piece or every piece is another; lists with and without a filter; a certificate, a CA, a place.

#![expect(clippy::disallowed_methods, reason = "a stopwatch outside the program")]

#[path = "support/fleet.rs"]
mod fleet;

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use notafter::assess::relate::Relate;
use notafter::http::{Access, Bound, Settings, State, serve};
use notafter::metrics::Counters;
use notafter::model::facts::hex;
use notafter::model::relations::{Above, Hanging, Verifies};
use notafter::model::{
    CertificateFacts, FailureFacts, Finding, Limits, Place, Reason, SnapshotView, Snapshots, SourceKind, SourceStatus, Stage, TrustQueries,
    UnixTime,
};
use notafter::pki::certificate;

use fleet::{CAS, Held, View, held, host, issue, target};

const DAY: i64 = 86_400;
/// To reach, for the first page of 100,000 certificates.
const REACH_MS: f64 = 100.0;

/// The newest snapshot.
struct Store(Mutex<Arc<View>>);

impl Store {
    fn put(&self, sources: Vec<Held>) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = newest.generation + 1;
        *newest =
            Arc::new(View { sources, generation, status: newest.status.clone(), relations: newest.relations.clone(), ..View::default() });
    }

    fn sources(&self) -> Vec<Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sources.clone()
    }
}

impl Snapshots for Store {
    fn load(&self) -> Arc<dyn SnapshotView> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What hangs on which CA.
struct Trust(Mutex<Relate>);

impl TrustQueries for Trust {
    fn hanging(&self, authority: &[u8; 32], after: Option<(UnixTime, [u8; 32])>, limit: usize) -> Option<Hanging> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hanging(authority, after, limit)
    }
    fn verifies(&self, certificate: &[u8; 32], source: &str, place: &str) -> Option<Verifies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).verifies(certificate, source, place)
    }
    fn above(&self, certificate: &[u8; 32]) -> Option<Above> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).above(certificate)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let sizes = std::env::args().skip(1).map(|argument| argument.parse::<usize>()).collect::<Result<Vec<_>, _>>()?;
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("{:<44}{}", "milliseconds, median (worst)", sizes.iter().map(|size| format!("{size:>20}")).collect::<String>());
    let columns = sizes.iter().map(|size| measure(&runtime, *size)).collect::<Result<Vec<_>, _>>()?;
    for (row, (name, _)) in columns.first().into_iter().flatten().enumerate() {
        let cell = |column: &Vec<(&str, Vec<Duration>)>| column.get(row).map_or(String::new(), |(_, times)| shown(times));
        println!("{name:<44}{}", columns.iter().map(|column| format!("{:>20}", cell(column))).collect::<String>());
    }
    let worst =
        columns.last().and_then(|column| column.iter().filter(|(name, _)| name.starts_with("overview")).flat_map(|(_, times)| times).max());
    println!("the slowest overview of all: {:.1} ms; to reach: {REACH_MS} ms", worst.map_or(0.0, |worst| worst.as_secs_f64() * 1e3));
    Ok(())
}

fn shown(times: &[Duration]) -> String {
    let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    format!("{:.1} ({:.1})", times[times.len() / 2], times[times.len() - 1])
}

/// Each thing that is asked for, with how long it took each time.
type Column = Vec<(&'static str, Vec<Duration>)>;

fn measure(runtime: &tokio::runtime::Runtime, certificates: usize) -> Result<Column, Box<dyn Error>> {
    let (facts, cas) = issue(certificates)?;
    let read = |der: Vec<u8>| certificate::read(&der, &Limits::default()).map(|read| read.facts);
    let facts = facts.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let cas = cas.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let sources = watched(&facts, &cas, 0);
    let mut relate = Relate::default();
    let now = UnixTime::from(SystemTime::now());
    let moment = Some(SystemTime::now());
    let status = SourceStatus { up: Some(true), last_scan_at: moment, next_scan_at: moment, ..SourceStatus::default() };
    let empty = || View { sources: sources.clone(), status: status.clone(), generation: 1, ..View::default() };
    let mut outcome = relate.pass(Arc::new(empty()), now);
    let mut relations = outcome.relations.take();
    while outcome.unfinished {
        outcome = relate.pass(Arc::new(empty()), now);
        relations = outcome.relations.take().or(relations);
    }
    let store = Arc::new(Store(Mutex::new(Arc::new(View { relations: relations.unwrap_or_default(), ..empty() }))));
    let counters = Arc::new(Counters::new("0", None)?);
    let fresh = || {
        let state = State::new(store.clone(), counters.clone(), "0").with_trust(Arc::new(Trust(Mutex::new(Relate::default()))));
        runtime.block_on(started(Arc::new(state), runtime))
    };
    let state = State::new(store.clone(), counters.clone(), "0").with_trust(Arc::new(Trust(Mutex::new(relate))));
    let server = runtime.block_on(started(Arc::new(state), runtime))?;

    // Nothing is kept by a server that was never asked.
    let mut first = Vec::new();
    for _ in 0..5 {
        first.push(ask(fresh()?, "/")?);
    }
    ask(server, "/")?;
    let again = repeated(50, || ask(server, "/"))?;
    let one = repeated(20, || {
        let mut sources = store.sources();
        if let Some(piece) = sources[0].pieces.first_mut() {
            *piece = Arc::new(Vec::clone(piece));
        }
        store.put(sources);
        ask(server, "/")
    })?;
    let mut round = 0;
    let all = repeated(5, || {
        round += 1;
        store.put(watched(&facts, &cas, round));
        ask(server, "/")
    })?;
    let leaf = format!("/certificate?fingerprint={}", hex(&facts[certificates / 2].fingerprint));
    let ca = format!("/certificate?fingerprint={}", hex(&cas[0].fingerprint));
    let place = format!("/place?source=files&kind=file&place=/pki/{}.pem", certificates / 2);
    let last = format!("/certificates?q=host{}.example", certificates - 1);
    let mut column = vec![
        ("overview, the first ever", first),
        ("overview, nothing has changed", again),
        ("overview, one piece has changed", one),
        ("overview, every piece has changed", all),
    ];
    for (name, path) in [
        ("certificates, all", "/certificates"),
        ("certificates, text that one has", &last),
        ("certificates, text that none has", "/certificates?q=nobody-has-this"),
        ("places, anything wrong", "/places?state=wrong"),
        ("one certificate", &leaf),
        ("one CA", &ca),
        ("one place", &place),
        ("CA certificates", "/authorities"),
    ] {
        column.push((name, repeated(10, || ask(server, path))?));
    }
    Ok(column)
}

fn repeated(times: usize, mut ask: impl FnMut() -> Result<Duration, Box<dyn Error>>) -> Result<Vec<Duration>, Box<dyn Error>> {
    (0..times).map(|_| ask()).collect()
}

async fn started(state: Arc<State>, runtime: &tokio::runtime::Runtime) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    runtime.spawn(serve(Bound::Tcp(listener), state, Access::open(), Settings::default(), std::future::pending()));
    Ok(address)
}

/// From the request to the last byte of its answer.
fn ask(address: SocketAddr, path: &str) -> Result<Duration, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    let mut answer = Vec::new();
    let begun = Instant::now();
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes())?;
    stream.read_to_end(&mut answer)?;
    let took = begun.elapsed();
    if !answer.starts_with(b"HTTP/1.0 200") {
        return Err(format!("{path}: {}", String::from_utf8_lossy(&answer[..answer.len().min(200)])).into());
    }
    Ok(took)
}

/// Files with a leaf and its CA each, and endpoints; one place in a hundred with something wrong. Everything is put together anew.
fn watched(facts: &[CertificateFacts], cas: &[CertificateFacts], round: usize) -> Vec<Held> {
    let now = UnixTime::from(SystemTime::now()).secs();
    let stored = facts.iter().enumerate().map(|(n, leaf)| {
        let mut leaf = leaf.clone();
        leaf.not_after = UnixTime::from_secs(now + (n as i64 * 7919 + round as i64) % (398 * DAY) - DAY);
        let mut target = target(Place::file(format!("/pki/{n}.pem")), [leaf, cas[n % CAS].clone()]);
        let finding = [Finding::WeakKey, Finding::RotationOverdue, Finding::DnsNameNotAllowed][n / 100 % 3];
        if n % 100 == 0 {
            target.report.certificates = [[finding].into_iter().collect(), Default::default()].into();
        }
        target
    });
    let served = facts.iter().enumerate().take(facts.len() / 10).map(|(n, leaf)| {
        let mut target = target(
            Place::Endpoint { target: format!("{}:443", host(n)).into(), server_name: host(n).into(), address: None },
            [leaf.clone()],
        );
        if n % 100 == 0 {
            let since = UnixTime::from_secs(now - n as i64);
            target.failure =
                Some(Box::new(FailureFacts { stage: Stage::Connect, reason: Reason::Timeout, detail: "no answer".into(), since }));
        }
        target
    });
    vec![held(SourceKind::File, "files", stored.collect()), held(SourceKind::Tls, "edge", served.collect())]
}
