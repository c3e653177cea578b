//! A large CRL: hashed alone, read and verified by this program, verified by openssl.
//!
//! `crl ENTRIES`: makes a signed list of so many entries in a temporary folder, takes the best of three runs of each way, each in a process of its own, and prints
//! milliseconds, peak memory and ratios. The list is read in pieces of 64 KiB, as a download brings it.

#![expect(clippy::disallowed_methods, reason = "a stopwatch outside the program")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use notafter::model::Authority;
use notafter::pki::crl::{Limits, Scanner, Serials, authorities_check};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, PublicKeyData};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// AlgorithmIdentifier of ecdsa-with-SHA256.
const ALGORITHM: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// Name with the common name `Large CA`, as rcgen writes it.
const NAME: &[u8] = b"\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x0c\x08Large CA";

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

fn peak_of(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok()).unwrap_or_default()
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

/// 16 bytes that look random and begin with 1.
fn serial(n: u64) -> [u8; 16] {
    let mixed = (u128::from(n) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (mixed >> 1 | 1 << 126).to_be_bytes()
}

fn make(folder: &Path, entries: u64) -> Outcome<()> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Large CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(folder.join("ca.pem"), params.self_signed(&key)?.pem())?;
    std::fs::write(folder.join("key.der"), key.subject_public_key_info())?;
    let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der()).map_err(|error| error.to_string())?;

    // Every other entry has a reason: 35 and 49 bytes.
    let revoked = entries / 2 * 49 + entries.div_ceil(2) * 35;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let times = [utc(now - 60)?, utc(now + 86_400)?].concat();
    let fixed = [b"\x02\x01\x01", ALGORITHM, NAME, &times, &opening(0x30, revoked)].concat();
    let extensions = b"\xa0\x0e\x30\x0c\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01\x07";
    let size = (fixed.len() + extensions.len()) as u64 + revoked;

    let body = folder.join("body");
    let mut out = Hashed { out: BufWriter::new(File::create(&body)?), context: Context::new(&SHA256) };
    out.write_all(&opening(0x30, size))?;
    out.write_all(&fixed)?;
    for n in 0..entries {
        let (length, reason): (u8, &[u8]) =
            if n % 2 == 0 { (33, b"") } else { (47, b"\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x04") };
        let mut entry = Vec::with_capacity(49);
        entry.extend([0x30, length, 0x02, 16]);
        entry.extend(serial(n));
        entry.extend(b"\x17\x0d250101000000Z");
        entry.extend(reason);
        out.write_all(&entry)?;
    }
    out.write_all(extensions)?;
    out.out.flush()?;
    let signature = signer.sign_digest(&out.context.finish()).map_err(|error| error.to_string())?;
    let bits = [&[0], signature.as_ref()].concat();
    let tail = [ALGORITHM, &opening(0x03, bits.len() as u64), &bits].concat();
    let mut list = BufWriter::new(File::create(folder.join("list.der"))?);
    list.write_all(&opening(0x30, opening(0x30, size).len() as u64 + size + tail.len() as u64))?;
    std::io::copy(&mut File::open(&body)?, &mut list)?;
    list.write_all(&tail)?;
    list.flush()?;
    std::fs::remove_file(body)?;
    Ok(())
}

struct Hashed<W> {
    out: W,
    context: Context,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.context.update(bytes);
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

fn opening(tag: u8, length: u64) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let bytes = bytes.get(length.leading_zeros() as usize / 8..).unwrap_or_default();
    match length {
        0..0x80 => vec![tag, length as u8],
        _ => [&[tag, 0x80 | bytes.len() as u8], bytes].concat(),
    }
}

fn utc(seconds: u64) -> Outcome<Vec<u8>> {
    let at = time::OffsetDateTime::from_unix_timestamp(i64::try_from(seconds)?)?;
    let text =
        format!("{:02}{:02}{:02}{:02}{:02}{:02}Z", at.year() % 100, u8::from(at.month()), at.day(), at.hour(), at.minute(), at.second());
    Ok([b"\x17\x0d", text.as_bytes()].concat())
}
