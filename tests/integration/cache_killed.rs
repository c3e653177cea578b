//! The cache under `kill -9`: what was acknowledged is there.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use notafter::model::UnixTime;
use notafter::net::Validators;
use notafter::revocation::cache::{Cache, CacheLimits, Document, DocumentKind, Home};

const PLACE: &str = "NOTAFTER_TEST_CACHE";
const ROUNDS: usize = 200;
const URLS: u64 = 5;

/// Writes lists and documents for ever, each a little later than the last, and says so when each is kept.
fn write_for_ever(folder: &Path) {
    let cache = Cache::open(Some(folder), CacheLimits { disk: 64 << 20, memory: 0 });
    assert_eq!(cache.home(), Home::Disk, "{:?}", cache.notice());
    let first = cache.crls().iter().map(|crl| crl.fetched_at.secs()).max().unwrap_or(0);
    let mut out = std::io::stdout();
    for n in first.max(0).unsigned_abs() + 1.. {
        let (url, at) = (format!("http://crl.example/{}", n % URLS), UnixTime::from_secs(i64::try_from(n).unwrap()));
        let mut incoming = cache.incoming();
        for piece in list(n).chunks(1000) {
            incoming.write(piece).unwrap();
        }
        cache.keep_crl(incoming, &url, Validators::default(), at, None).unwrap();
        writeln!(out, "\nkept list {n}").unwrap();
        cache.keep_documents(&[document(n)]).unwrap();
        writeln!(out, "\nkept document {n}").unwrap();
    }
}

fn list(n: u64) -> Vec<u8> {
    n.to_le_bytes().repeat(1 + usize::try_from(n % 7).unwrap() * 700)
}

fn document(n: u64) -> Document<'static> {
    let mut key = [0; 32];
    key[0] = u8::try_from(n % URLS).unwrap();
    Document {
        kind: DocumentKind::Ocsp,
        key,
        url: Cow::Borrowed("http://ocsp.example/"),
        validators: Validators::default(),
        fetched_at: UnixTime::from_secs(i64::try_from(n).unwrap()),
        fresh_until: None,
        // Large enough for the log to be rewritten every few dozen rounds.
        body: Cow::Owned(n.to_le_bytes().repeat(2500)),
    }
}

#[test]
fn being_killed_at_any_moment_loses_nothing_that_was_kept() {
    if let Some(folder) = std::env::var_os(PLACE) {
        return write_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    // By number of URL or key: the newest that was acknowledged, over all processes.
    let (mut lists, mut documents) = ([0u64; URLS as usize], [0u64; URLS as usize]);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut kept = 0;
    for round in 0..ROUNDS {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cache_killed::being_killed_at_any_moment_loses_nothing_that_was_kept", "--nocapture"])
            .env(PLACE, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // Some acknowledgements, and some microseconds into the next write.
        let (acknowledged, pause) = (1 + (seed >> 60), (seed >> 30) % 3000);
        let mut said = String::new();
        let mut left = acknowledged;
        while left > 0 {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "the writer ended by itself in round {round}: {said}");
            left -= u64::from(line.starts_with("kept "));
            said += &line;
        }
        std::thread::sleep(std::time::Duration::from_micros(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        out.read_to_string(&mut said).unwrap();
        for line in said.lines() {
            let number = |what: &str| line.strip_prefix(what).and_then(|number| number.parse::<u64>().ok());
            for (what, newest) in [("kept list ", &mut lists), ("kept document ", &mut documents)] {
                if let Some(n) = number(what) {
                    newest[usize::try_from(n % URLS).unwrap()] = n;
                    kept += 1;
                }
            }
        }

        let cache = Cache::open(Some(folder.path()), CacheLimits::default());
        assert_eq!(cache.home(), Home::Disk);
        for (place, newest) in lists.iter().enumerate().filter(|(_, newest)| **newest > 0) {
            let url = format!("http://crl.example/{place}");
            let copy = cache.crl(&url).unwrap_or_else(|| panic!("round {round}: {url} is lost"));
            let n = copy.fetched_at.secs().unsigned_abs();
            assert!(n >= *newest, "round {round}: {url} is the list {n}, and {newest} was kept");
            let mut body = Vec::new();
            cache.crl_body(&url).unwrap().unwrap().read_to_end(&mut body).unwrap();
            assert_eq!(body, list(n), "round {round}: {url}");
        }
        for (place, newest) in documents.iter().enumerate().filter(|(_, newest)| **newest > 0) {
            let mut key = [0; 32];
            key[0] = u8::try_from(place).unwrap();
            let found = cache.document(&key).unwrap().unwrap_or_else(|| panic!("round {round}: document {place} is lost"));
            let n = found.fetched_at.secs().unsigned_abs();
            assert!(n >= *newest, "round {round}: document {place} is {n}, and {newest} was kept");
            assert_eq!(found, document(n), "round {round}");
        }
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert!(files <= 2 + URLS as usize, "round {round}: {files} files are left");
    }
    assert!(kept > 2 * ROUNDS, "the writers kept only {kept}");
}
