//! The certification authorities of benches/revocation: they issue what is watched, and serve lists and OCSP answers about it over HTTP.
//!
//! `authority large DIR ENTRIES`: one list of so many entries at /list/0, in DIR also as list.der with ca.pem and key.der, and a leaf that it revokes.
//! `authority fleet DIR COUNT LISTS RESPONDERS SHARE`: so many certificates in DIR, a thousand to a folder, and their issuers in DIR/issuers;
//! SHARE in a hundred have no list but a responder. Every hundredth certificate is revoked.
//! `authority fetch URL KEY ENTRIES`: fetches a list as the program does, looks through it and checks its signature; prints milliseconds and peak KiB.
//!
//! Prints the port; then a line for each line it reads: what was asked since it started. `publish` first gives every list another version.

#![expect(clippy::disallowed_methods, reason = "a tool of its own, outside the program")]

#[path = "support/large_list.rs"]
mod large_list;

use std::error::Error;
use std::io::BufRead;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use large_list::{ALGORITHM, Outcome, opening};
use notafter::model::{Authority, UnixTime};
use notafter::net::{Egress, FetchLimits, FetchRequest, Fetched, Fetcher, Mirrors};
use notafter::pki::crl::{Limits, Scanner, Serials, authorities_check};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, CustomExtension, DistinguishedName, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

/// Certificates in one folder.
const PER_FOLDER: u64 = 1_000;
/// One in so many is revoked.
const REVOKED: u64 = 100;
/// The leaf of the large list, by its place in it.
const LARGE_LEAF: u64 = 2;
const DAY: Duration = Duration::from_secs(86_400);

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match arguments[..] {
        ["fetch", url, key, entries] => runtime.block_on(fetch(url, key, entries.parse()?)),
        ["large", dir, entries] => runtime.block_on(serve(|url| large(Path::new(dir), entries.parse()?, url))),
        ["fleet", dir, count, lists, responders, share] => {
            let fleet = Fleet { count: count.parse()?, lists: lists.parse()?, responders: responders.parse()?, share: share.parse()? };
            runtime.block_on(serve(|url| fleet.issue(Path::new(dir), url)))
        }
        _ => Err("usage: authority large DIR ENTRIES | fleet DIR COUNT LISTS RESPONDERS SHARE | fetch URL KEY ENTRIES".into()),
    }
}

/// Makes the lists of a version.
type Publish = dyn Fn(u64) -> Outcome<Vec<Bytes>> + Send + Sync;

/// What the server has.
#[derive(Default)]
struct Service {
    lists: Mutex<Vec<(String, Bytes)>>,
    responders: Vec<Responder>,
    publish: Option<Box<Publish>>,
    counts: Counts,
    /// When the first list was asked for, Unix time in microseconds.
    first_at: AtomicU64,
}

#[derive(Default)]
struct Counts {
    bodies: AtomicU64,
    conditional: AtomicU64,
    not_modified: AtomicU64,
    ocsp: AtomicU64,
    other: AtomicU64,
}

async fn serve(make: impl FnOnce(&str) -> Outcome<Service>) -> Outcome<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let service = Arc::new(make(&format!("http://127.0.0.1:{port}"))?);
    let router = TowerToHyperService::new(Router::new().fallback(answer).with_state(service.clone()));
    let _serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), router.clone()));
        }
    });
    println!("{port}");
    tokio::task::spawn_blocking(move || talk(&service).map_err(|error| error.to_string())).await??;
    Ok(())
}

fn talk(service: &Service) -> Outcome<()> {
    for (version, line) in (2..).zip(std::io::stdin().lock().lines()) {
        if line? == "publish"
            && let Some(publish) = &service.publish
        {
            *lock(&service.lists) = tagged(publish(version)?, version);
        }
        let Counts { bodies, conditional, not_modified, ocsp, other } = &service.counts;
        let counts =
            [bodies, conditional, not_modified, ocsp, other, &service.first_at].map(|count| count.load(Ordering::SeqCst).to_string());
        println!("{}", counts.join(" "));
    }
    Ok(())
}

async fn answer(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path: Vec<&str> = parts.uri.path().splitn(4, '/').collect();
    match path[..] {
        ["", "list", at] => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
            let _ = service.first_at.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst);
            let lists = lock(&service.lists);
            let Some((tag, list)) = at.parse().ok().and_then(|at: usize| lists.get(at)) else { return missing(&service) };
            let is_held = parts.headers.get(header::IF_NONE_MATCH).map(|held| held.as_bytes() == tag.as_bytes());
            service.counts.conditional.fetch_add(u64::from(is_held.is_some()), Ordering::SeqCst);
            let (count, status, list) = match is_held {
                Some(true) => (&service.counts.not_modified, StatusCode::NOT_MODIFIED, Bytes::new()),
                _ => (&service.counts.bodies, StatusCode::OK, list.clone()),
            };
            count.fetch_add(1, Ordering::SeqCst);
            respond(status, &[(header::ETAG, tag)], list)
        }
        ["", "ocsp", at, ..] => {
            let asked = match (&parts.method, path.get(3)) {
                (&Method::GET, Some(text)) => {
                    let text = text.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
                    STANDARD.decode(text).ok()
                }
                _ => to_bytes(body, 1 << 16).await.ok().map(Into::into),
            };
            let responder = at.parse().ok().and_then(|at: usize| service.responders.get(at));
            let Some(response) = responder.zip(asked).and_then(|(responder, asked)| responder.answer(&asked).ok()) else {
                return missing(&service);
            };
            service.counts.ocsp.fetch_add(1, Ordering::SeqCst);
            respond(StatusCode::OK, &[(header::CONTENT_TYPE, "application/ocsp-response")], response.into())
        }
        _ => missing(&service),
    }
}

fn missing(service: &Service) -> Response<Body> {
    service.counts.other.fetch_add(1, Ordering::SeqCst);
    respond(StatusCode::NOT_FOUND, &[], Bytes::new())
}

fn respond(status: StatusCode, headers: &[(header::HeaderName, &str)], body: Bytes) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, *value);
    }
    response.body(Body::from(body)).unwrap_or_default()
}

fn large(dir: &Path, entries: u64, url: &str) -> Outcome<Service> {
    std::fs::create_dir_all(dir)?;
    let key = large_list::make(dir, entries)?;
    let issuer = Issuer::new(large_list::authority(), key);
    let mut leaf = CertificateParams::new(["large.example".to_owned()])?;
    leaf.serial_number = Some(SerialNumber::from_slice(&large_list::serial(LARGE_LEAF)));
    leaf.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![format!("{url}/list/0")] }];
    leaf.use_authority_key_identifier_extension = true;
    std::fs::write(dir.join("leaf.pem"), leaf.signed_by(&KeyPair::generate()?, &issuer)?.pem())?;
    let list = std::fs::read(dir.join("list.der"))?.into();
    Ok(Service { lists: Mutex::new(tagged(vec![list], 1)), ..Service::default() })
}

struct Fleet {
    count: u64,
    lists: u64,
    responders: u64,
    share: u64,
}

impl Fleet {
    fn issue(&self, dir: &Path, url: &str) -> Outcome<Service> {
        let issuers = dir.join("issuers");
        std::fs::create_dir_all(&issuers)?;
        let mut authorities = Vec::new();
        for number in 0..self.lists + self.responders {
            let (mut params, key) = (CertificateParams::default(), KeyPair::generate()?);
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, format!("Fleet CA {number}"));
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            std::fs::write(issuers.join(format!("{number}.pem")), params.self_signed(&key)?.pem())?;
            let signer =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der()).map_err(|error| error.to_string())?;
            let name = encode(
                0x30,
                &encode(0x31, &encode(0x30, &[b"\x06\x03\x55\x04\x03", &*encode(0x0c, format!("Fleet CA {number}").as_bytes())].concat())),
            );
            authorities.push((Issuer::new(params, key), Responder { signer, name }));
        }
        let (of_lists, of_responders) = authorities.split_at_mut(usize::try_from(self.lists)?);
        let key = KeyPair::generate()?;
        for folder in 0..self.count.div_ceil(PER_FOLDER) {
            let folder_path = dir.join(format!("leaves/{folder:04}"));
            std::fs::create_dir_all(&folder_path)?;
            for number in folder * PER_FOLDER..self.count.min((folder + 1) * PER_FOLDER) {
                let mut leaf = CertificateParams::new([format!("host-{number:06}.example.com")])?;
                leaf.serial_number = Some(SerialNumber::from(1 << 62 | number));
                leaf.use_authority_key_identifier_extension = true;
                leaf.not_before = (SystemTime::now() - DAY).into();
                leaf.not_after = (SystemTime::now() + DAY * 90).into();
                let issuer = if self.asks_responder(number) {
                    let at = number % self.responders;
                    leaf.custom_extensions = vec![responder_at(&format!("{url}/ocsp/{at}"))];
                    &of_responders[usize::try_from(at)?].0
                } else {
                    let at = number % self.lists;
                    leaf.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![format!("{url}/list/{at}")] }];
                    &of_lists[usize::try_from(at)?].0
                };
                std::fs::write(folder_path.join(format!("{number:06}.pem")), leaf.signed_by(&key, issuer)?.pem())?;
            }
        }
        let responders = authorities.split_off(usize::try_from(self.lists)?).into_iter().map(|(_, responder)| responder).collect();
        let (count, lists, share) = (self.count, self.lists, self.share);
        let publish = move |version: u64| {
            let all = (0..).zip(&authorities).map(|(at, (issuer, _))| {
                let numbers = (0..count).filter(|number| number % lists == at && number % 100 >= share && is_revoked(*number));
                Ok(list(issuer, version, numbers)?.into())
            });
            all.collect()
        };
        let lists = Mutex::new(tagged(publish(1)?, 1));
        Ok(Service { lists, responders, publish: Some(Box::new(publish)), ..Service::default() })
    }

    fn asks_responder(&self, number: u64) -> bool {
        number % 100 < self.share
    }
}

fn is_revoked(number: u64) -> bool {
    (number / 100).is_multiple_of(REVOKED)
}

fn list(issuer: &Issuer<'_, KeyPair>, version: u64, numbers: impl Iterator<Item = u64>) -> Outcome<Vec<u8>> {
    let now = OffsetDateTime::from(SystemTime::now()).replace_nanosecond(0)?;
    // As many again that nobody watches.
    let serials = numbers.flat_map(|number| [1 << 62 | number, 1 << 61 | number]);
    let revoked = serials.map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: now - DAY,
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: now,
        next_update: now + DAY,
        crl_number: SerialNumber::from(version),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(params.signed_by(issuer)?.der().to_vec())
}

fn responder_at(url: &str) -> CustomExtension {
    let access = [b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01", &*encode(0x86, url.as_bytes())].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], encode(0x30, &encode(0x30, &access)))
}

/// Signs with its issuer's own key.
struct Responder {
    signer: EcdsaKeyPair,
    name: Vec<u8>,
}

impl Responder {
    /// RFC 6960 section 4.2.1.
    fn answer(&self, asked: &[u8]) -> Outcome<Vec<u8>> {
        // OCSPRequest, TBSRequest, requestList, Request: there is one.
        let id = (0..4).fold(asked, |value, _| contents(value));
        let number = id.last_chunk::<8>().map_or(0, |serial| u64::from_be_bytes(*serial)) & !(1 << 62);
        let now = OffsetDateTime::now_utc();
        let status = if is_revoked(number) { encode(0xa1, &encode(0x18, b"20250101000000Z")) } else { vec![0x80, 0] };
        let produced = encode(0x18, generalized(now).as_bytes());
        let until = encode(0xa0, &encode(0x18, generalized(now + DAY).as_bytes()));
        let single = encode(0x30, &[id, &status, &produced, &until].concat());
        let data = encode(0x30, &[encode(0xa1, &self.name), produced, encode(0x30, &single)].concat());
        let signature = self.signer.sign(&SystemRandom::new(), &data).map_err(|error| error.to_string())?;
        let basic = encode(0x30, &[&data, ALGORITHM, &encode(0x03, &[&[0], signature.as_ref()].concat())].concat());
        let bytes = encode(0x30, &[b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01", &*encode(0x04, &basic)].concat());
        Ok(encode(0x30, &[b"\x0a\x01\x00", &*encode(0xa0, &bytes)].concat()))
    }
}

fn encode(tag: u8, contents: &[u8]) -> Vec<u8> {
    [&opening(tag, contents.len() as u64), contents].concat()
}

/// What a value of up to 64 KiB holds.
fn contents(value: &[u8]) -> &[u8] {
    let header = match value.get(1) {
        Some(0x81) => 3,
        Some(0x82) => 4,
        _ => 2,
    };
    value.get(header..).unwrap_or_default()
}

fn generalized(at: OffsetDateTime) -> String {
    format!("{:04}{:02}{:02}{:02}{:02}{:02}Z", at.year(), u8::from(at.month()), at.day(), at.hour(), at.minute(), at.second())
}

fn tagged(lists: Vec<Bytes>, version: u64) -> Vec<(String, Bytes)> {
    lists.into_iter().map(|list| (format!("\"{version}\""), list)).collect()
}

async fn fetch(url: &str, key: &str, entries: u64) -> Outcome<()> {
    let watched: Serials = [Box::from(large_list::serial(LARGE_LEAF))].into_iter().collect();
    let subject = large_list::NAME.into();
    let authority = Arc::new(Authority { subject, key: std::fs::read(key)?.into(), key_id: None, key_usage: None });
    let egress = Egress::new(["127.0.0.0/8".parse()?]);
    let tls = notafter::net::trust(&[], None)?;
    let fetcher = Fetcher::new(egress, Mirrors::default(), tls, FetchLimits::default())?;
    let begun = Instant::now();
    let mut scanner = Scanner::new(&watched, Limits { fingerprint: false, ..Limits::default() });
    let now = UnixTime::from(SystemTime::now());
    let request = FetchRequest { url, accept: "application/pkix-crl", post: None, validators: None, most: 1 << 30, now };
    let mut broken = None;
    let mut sink = |piece: &[u8]| {
        if let Err(error) = scanner.feed(piece) {
            broken.get_or_insert(error);
        }
        Ok(())
    };
    let Fetched::Complete(_) = fetcher.fetch(&request, &mut sink).await? else { return Err("not modified".into()) };
    if let Some(error) = broken {
        return Err(error.into());
    }
    let scanned = scanner.finish()?;
    authorities_check(&scanned, &[authority]).map_err(|reason| reason.as_str())?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    if scanned.list.entries != entries || scanned.list.matches.len() != 1 {
        return Err(Box::<dyn Error>::from("a watched certificate was missed"));
    }
    println!("{took} {}", large_list::peak_of("/proc/self/status"));
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
