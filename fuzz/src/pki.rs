//! Bytes that should be certificates, lists, responses, keystores.

use std::sync::Arc;

use notafter::model::revocation::Policy;
use notafter::model::{Authority, Limits, Lookup, Material, Secret, UnixTime};
use notafter::pki::crl::{CrlError, Scanned, Scanner, Watched};
use notafter::pki::ocsp::{self, DelegateCache, Question};
use notafter::pki::verify::{self, File, Given, Purpose};
use notafter::pki::{self, crl};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// Deriving keys takes long, and finds nothing that a few rounds of it do not: the seeds have no more.
fn limits() -> Limits {
    Limits { kdf_iterations: 20, ..Limits::default() }
}

/// What opens the seeds.
fn passphrases() -> [Secret; 2] {
    [Secret(String::new()), Secret("changeit".to_owned())]
}

/// As a file, keystores included.
pub(super) fn container(bytes: &[u8]) {
    let material = Material::Blob { bytes: bytes.to_vec(), passphrases: passphrases().into() };
    let facts = pki::decode(&material, &limits(), NOW);
    assert!(facts.certificates.len() + facts.crls.len() <= limits().items);
}

/// As one DER certificate.
pub(super) fn certificate(bytes: &[u8]) {
    let _ = pki::certificate::read(bytes, &limits());
}

/// As what the URL of an issuer's certificate (caIssuers) brings.
pub(super) fn issuer(bytes: &[u8]) {
    for der in pki::container::open(bytes, &[], &limits()).certificates {
        let _ = pki::certificate::read(&der, &limits());
    }
}

/// As a client's own identity: a store with certificate and key, both in one file, or a key beside another certificate.
pub(super) fn identity(bytes: &[u8]) {
    let half = bytes.len() / 2;
    let (certificate, key) = bytes.split_at(half);
    for (certificate, key) in [(bytes, None), (bytes, Some(bytes)), (certificate, Some(key))] {
        if let Ok(identity) = pki::container::client_identity(certificate, key, &passphrases(), &limits()) {
            assert!(!identity.certificates.is_empty() && !identity.keys.is_empty());
        }
    }
    let passphrase = notafter::source::file::passphrase_in(bytes.to_vec());
    assert_eq!(passphrase.is_some(), std::str::from_utf8(bytes).is_ok());
    assert!(passphrase.is_none_or(|secret| bytes.starts_with(secret.0.as_bytes()) && bytes.len() - secret.0.len() <= 2));
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

/// As a DER list: however it is cut into pieces, the outcome is the same. The bytes themselves decide about the cuts.
pub(super) fn crl(bytes: &[u8]) {
    let _ = crl::read(bytes);
    let whole = scan(std::iter::once(bytes));
    let mut state = bytes.iter().fold(0_u64, |all, byte| all.rotate_left(5) ^ u64::from(*byte)) | 1;
    let mut rest = bytes;
    let pieces = std::iter::from_fn(|| {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (piece, left) = rest.split_at(usize::try_from(state >> 33).unwrap_or(0) % 97 % (rest.len() + 1));
        rest = left;
        Some(piece)
    });
    match (whole, scan(pieces)) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("{whole:?} as a whole, {pieces:?} in pieces"),
    }
}

/// As an OCSP response about the certificate that the seed is about, on behalf of a key that signed nothing.
pub(super) fn ocsp(bytes: &[u8]) {
    let _ = ocsp::facts(bytes);
    let Ok(response) = ocsp::read(bytes) else { return };
    let subject: Arc<[u8]> = Arc::from(&b"\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x03\x0c\x07Seed CA"[..]);
    // The base point of P-256: a key as good as any.
    let point = b"\x04\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\
        \x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";
    let header = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    let authority = Authority { subject: subject.clone(), key: Arc::from([&header[..], point].concat()), key_id: None, key_usage: None };
    let lookup = Lookup {
        serial: [0x10, 0x01].into(),
        issuer: subject,
        pointers: Arc::default(),
        signed: None,
        must_staple: false,
        no_rev_avail: false,
        is_ca: false,
    };
    for nonce in [None, Some(&[0; 32][..])] {
        let question = Question { lookup: &lookup, authority: &authority, nonce, from: &Arc::from("seed") };
        let answered = ocsp::answer(&response, &question, NOW, &Policy::default(), &mut DelegateCache::default());
        assert!(answered.is_err(), "nobody signed it for this issuer");
    }
}

/// As everything that a verdict is made of: the first certificate is judged, the last one is trusted, the rest may help. Asked twice, the
/// verdict is the same.
pub(super) fn verify(bytes: &[u8]) {
    let file = || vec![File { name: "bytes".into(), bytes: Some(bytes.to_vec()) }];
    let contents = pki::container::open(bytes, &[], &limits());
    let question =
        verify::Question { now: NOW, purpose: Purpose::Server, server_name: "shop.example".try_into().ok(), policy: Policy::default() };
    let anchors = contents.certificates.last().cloned().into_iter().collect();
    let given = Given { target: bytes.to_vec(), chain: vec![bytes.to_vec()], anchors, crls: file(), responses: file() };
    let judged = || verify::verify(&given, &question).map(|verdict| (verdict.status, verdict.path, verdict.sources));
    assert_eq!(judged(), judged());
}
