//! The fuzz targets' functions on stable: the corpus as it is, then bent at random, the same way each time.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use notafter::model::clock::SystemClock;
use notafter::model::revocation::Policy;
use notafter::model::{Authority, Limits, Lookup, Material, UnixTime};
use notafter::net::{Budget, Reading, Starttls, Validators};
use notafter::pki::crl::{CrlError, Scanned, Scanner, Watched};
use notafter::pki::ocsp::{self, DelegateCache, Question};
use notafter::pki::{self, certificate, container, crl};
use notafter::revocation::cache::log;
use notafter::source::{envoy_config, nginx};

/// Bent inputs for each target.
const ROUNDS: usize = 1_500;

fn read_container(bytes: &[u8]) {
    let material = Material::Blob { bytes: bytes.to_vec(), passphrases: [].into() };
    // Deriving keys takes long without optimisation, and finds nothing that a few rounds of it do not.
    let limits = Limits { kdf_iterations: 20, ..Limits::default() };
    pki::decode(&material, &limits, UnixTime::from_secs(0));
}

fn read_certificate(bytes: &[u8]) {
    let _ = certificate::read(bytes, &Limits::default());
}

/// What caIssuers leads to.
fn read_issuer(bytes: &[u8]) {
    let limits = Limits::default();
    for der in container::open(bytes, &[], &limits).certificates {
        let _ = certificate::read(&der, &limits);
    }
}

/// Every other serial number.
struct Odd;

impl Watched for Odd {
    fn wants(&self, serial: &[u8]) -> bool {
        serial.last().is_some_and(|last| last & 1 == 1)
    }
}

fn scan<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Scanned, CrlError> {
    let mut scanner = Scanner::new(&Odd, crl::Limits { head: 4096, entry: 512, tail: 4096, ..crl::Limits::default() });
    for piece in pieces {
        scanner.feed(piece)?;
    }
    scanner.finish()
}

/// However a list is cut into pieces, the outcome is the same.
fn read_crl(bytes: &[u8]) {
    let _ = crl::read(bytes);
    let whole = scan(std::iter::once(bytes));
    let mut numbers = Numbers(bytes.iter().fold(1u64, |all, byte| all.rotate_left(5) ^ u64::from(*byte)) | 1);
    let mut rest = bytes;
    let pieces = std::iter::from_fn(|| {
        if rest.is_empty() {
            return None;
        }
        let (piece, left) = rest.split_at(numbers.below(97).min(rest.len()));
        rest = left;
        Some(piece)
    });
    match (whole, scan(pieces)) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("{whole:?} as a whole, {pieces:?} in pieces"),
    }
}

/// Asked about the certificate that the seed is about, on behalf of a key that signed nothing.
fn read_ocsp(bytes: &[u8]) {
    let _ = ocsp::facts(bytes);
    let Ok(response) = ocsp::read(bytes) else { return };
    let name: Arc<[u8]> = Arc::from(&b"\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x03\x0c\x07Seed CA"[..]);
    let key: Arc<[u8]> = Arc::from(&b"\x30\x07\x30\x02\x06\x00\x03\x01\x00"[..]);
    let authority = Authority { subject: name.clone(), key, key_id: None, key_usage: None };
    let lookup = Lookup {
        serial: [0x10, 0x01].into(),
        issuer: name,
        pointers: Arc::default(),
        signed: None,
        must_staple: false,
        no_rev_avail: false,
        is_ca: false,
    };
    let question = Question { lookup: &lookup, authority: &authority, nonce: None, from: &Arc::from("seed") };
    let answered =
        ocsp::answer(&response, &question, UnixTime::from_secs(1_800_000_000), &Policy::default(), &mut DelegateCache::default());
    assert!(answered.is_err(), "nobody signed it for this issuer");
}

fn read_hello(bytes: &[u8]) {
    let mut whole = Reading::new(0x0303);
    let outcome = whole.feed(bytes);
    let mut parts = Reading::new(0x0303);
    let mut last = Ok(false);
    for part in bytes.chunks(7) {
        last = parts.feed(part);
        if last != Ok(false) {
            break;
        }
    }
    if outcome == Ok(true) {
        assert_eq!(last, outcome);
        assert_eq!(parts.into_shown(), whole.into_shown());
    }
}

fn read_starttls(bytes: &[u8]) {
    let Some((choice, says)) = bytes.split_first() else { return };
    let protocol = Starttls::ALL[usize::from(*choice) % Starttls::ALL.len()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let budget = Budget::new(Arc::new(SystemClock::new()), Duration::from_secs(60));
    let mut stream = tokio::io::join(says, tokio::io::sink());
    let _ = runtime.block_on(protocol.upgrade(&mut stream, "mail.example.com", &budget));
}

fn read_cache(bytes: &[u8]) {
    let mut end = log::HEADER.len() as u64;
    let _ = log::read(bytes, &mut |_, span| {
        assert!(span.offset >= end);
        end = span.offset + span.whole();
        assert!(end <= bytes.len() as u64);
    });
    let _ = log::record(bytes);
}

fn read_nginx(bytes: &[u8]) {
    for (path, users) in nginx::named(bytes, 1_000).unwrap_or_default() {
        assert!(path.starts_with("/") && users.len() <= 32 && users.is_sorted());
    }
}

fn read_envoy(bytes: &[u8]) {
    let _ = envoy_config::named("a.yaml", bytes);
    let _ = envoy_config::named("a.json", bytes);
}

/// What is tried.
type Read = fn(&[u8]);

/// xorshift64*: the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit.max(1)
    }
}

/// Some bytes flipped, made extreme, doubled, moved, left out or cut off.
fn bent(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let end = (at + numbers.below(16)).min(bytes.len());
        match numbers.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 0x30, 0x7f, 0x80, 0x84, 0xff][numbers.below(6)],
            2 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(1),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.extend_from_within(at..end),
            5 => {
                let part = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len());
                bytes.splice(to..to, part);
            }
            _ if numbers.below(4) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

/// A TLS 1.2 server's words in clear, in records of 13 bytes.
fn hello() -> Vec<u8> {
    let message = |kind: u8, body: &[u8]| [&[kind, 0, 0, u8::try_from(body.len()).unwrap()][..], body].concat();
    let messages = [
        message(2, &[&[3, 3][..], &[7; 32], &[4, 1, 2, 3, 4], &[0xc0, 0x30, 0], &[0, 5, 0xff, 1, 0, 1, 0]].concat()),
        message(11, b"\0\0\x0a\0\0\x03one\0\0\x01\x02"),
        message(22, b"\x01\0\0\x03ocs"),
        message(12, b"\x03\0\x19\x01\x04\0\0"),
        message(13, b"\x01\x01\0\x04\x04\x03\x08\x07\0\x07\0\x02CA\0\x01B"),
        message(14, b""),
    ];
    messages.concat().chunks(13).flat_map(|part| [&[22, 3, 3, 0, u8::try_from(part.len()).unwrap()][..], part].concat()).collect()
}

/// What servers say before TLS, behind the number of every protocol: also of those that speak otherwise.
fn dialogues() -> Vec<Vec<u8>> {
    let says: &[&[u8]] = &[
        b"220 mail.example.com ESMTP\r\n250-mail.example.com\r\n250-PIPELINING\r\n250 STARTTLS\r\n220 2.0.0 go ahead\r\n",
        b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n* CAPABILITY IMAP4rev1 STARTTLS\r\na OK\r\n",
        b"+OK ready\r\n+OK begin TLS\r\n",
        b"220 ftp\r\n234 AUTH TLS OK\r\n",
        b"\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\nOK \"begin TLS\"\r\n",
        b"200 news\r\n382 go\r\n",
        b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
        b"<?xml version='1.0'?><stream:stream id='1'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features><proceed/>",
        b":irc 670 * :STARTTLS successful\r\n",
        b"S",
        b"\x2d\0\0\0\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\x08\x02\0\xff\xc1\x15\0\0\0\0\0\0\0\0\0\0abcdefgh\0",
    ];
    let protocols = u8::try_from(Starttls::ALL.len()).unwrap();
    says.iter().flat_map(|says| (0..protocols).map(|choice| [&[choice][..], says].concat())).collect()
}

/// A cache's log with a record of every kind.
fn cache_log() -> Vec<u8> {
    let validators = Validators { etag: Some("\"x\"".into()), last_modified: Some("Sat, 01 Jan 2022 00:00:00 GMT".into()) };
    let (url, fetched_at) = (Cow::Borrowed("http://crl.example/"), UnixTime::from_secs(1_700_000_000));
    let list = log::CrlRecord { url: url.clone(), id: 7, size: 9, crc: 1, validators: validators.clone(), fetched_at, fresh_until: None };
    let body = Cow::Borrowed(&b"response"[..]);
    let document =
        log::Document { kind: log::DocumentKind::Ocsp, key: [5; 32], url: url.clone(), validators, fetched_at, fresh_until: None, body };
    let mut bytes = log::HEADER.to_vec();
    for record in [log::Record::Crl(list), log::Record::Document(document), log::Record::DocumentGone([5; 32]), log::Record::CrlGone(url)] {
        log::append(&record, &mut bytes).unwrap();
    }
    bytes
}

/// Configurations of nginx.
fn nginx_configs() -> Vec<Vec<u8>> {
    let texts: &[&str] = &[
        "# a\nhttp { ssl_crl 'l';\nserver { listen 443 ssl; listen [::]:8443 quic; server_name .a.x ~^(?<n>b)$ \"c\\\"\"; ssl_certificate ${n}.pem;\n\
         ssl_certificate a.pem; location / { if ($a = \"b\") { proxy_pass https://b.x:1/; } proxy_ssl_certificate c.pem; } } include x/*; }",
        "http { server { access_by_lua_block { if a { [[}]] } -- }\n '}' } listen unix:/a ssl; } } stream { server { listen 1-2 ssl; proxy_ssl on; proxy_pass [::1]:2; } }",
        "mail { starttls only; ssl_certificate data:x; server { listen 25; } }",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Configurations of Envoy, in YAML and JSON.
fn envoy_configs() -> Vec<Vec<u8>> {
    let texts: &[&str] = &[
        "static_resources:\n  listeners:\n  - &l\n    name: a\n    address: {socket_address: {address: '::', port_value: 443}}\n    filter_chains:\n    - filter_chain_match: {server_names: [a.x]}\n\
        \x20     transport_socket: {typed_config: {'@type': x.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: {filename: a}}]}}}\n  - *l\n",
        "{\"resources\": [{\"@type\": \"x.Secret\", \"name\": \"s\", \"validationContext\": {\"trustedCa\": {\"filename\": \"c\"}}}, {\"@type\": \"x.Cluster\", \"t\": {\"common_tls_context\": \
         {\"validation_context_sds_secret_config\": {\"name\": \"s\", \"sds_config\": {\"path\": \"p\"}}}}}]}",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn nothing_that_is_read_makes_it_panic() {
    let mut files: Vec<_> =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    let files: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let targets: [(&str, Read, Vec<Vec<u8>>); 10] = [
        ("container", read_container, files.clone()),
        ("certificate", read_certificate, files.clone()),
        ("crl", read_crl, files.clone()),
        ("issuer", read_issuer, files.clone()),
        ("ocsp", read_ocsp, files),
        ("raw", read_hello, vec![hello()]),
        ("starttls", read_starttls, dialogues()),
        ("cache", read_cache, vec![cache_log()]),
        ("nginx", read_nginx, nginx_configs()),
        ("envoy", read_envoy, envoy_configs()),
    ];
    for (target, read, seeds) in targets {
        let mut numbers = Numbers(0x6e6f_7461_6674_6572);
        let check = |bytes: &[u8]| {
            let shown = || bytes.escape_ascii().to_string();
            assert!(catch_unwind(AssertUnwindSafe(|| read(bytes))).is_ok(), "{target}: b\"{}\"", shown());
        };
        seeds.iter().for_each(|seed| check(seed));
        for round in 0..ROUNDS {
            check(&bent(&seeds[round % seeds.len()], &mut numbers));
        }
    }
}
