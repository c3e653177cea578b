use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use rcgen::{KeyPair, PKCS_ED25519};

use super::testing::*;
use super::*;
use crate::model::{Authority, RevokedFor, UnixTime};
use crate::pki::fixtures::{file, tlv};

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().unwrap());

struct All;

impl Watched for All {
    fn wants(&self, _: &[u8]) -> bool {
        true
    }
}

fn whole(draft: &Draft) -> Result<Scanned, CrlError> {
    scan(&draft.signed(&KEY), &All, usize::MAX, Limits::default())
}

fn reason(code: u8) -> Vec<u8> {
    extension(21, false, &[0x0a, 1, code])
}

fn scope(fields: &[u8]) -> Vec<u8> {
    extension(28, true, &tlv(0x30, fields))
}

#[test]
fn entries_are_found_by_serial_number() {
    let watched: HashSet<Box<[u8]>> = [&[5][..], &[0xff, 0x7f], &[1; 30], &[9]].map(Into::into).into();
    let draft = Draft::of(&[
        entry(&[5], &[reason(1)]),
        entry(&[6], &[reason(1)]),
        entry(&[0xff, 0xff, 0x7f], &[]),
        entry(&[1; 30], &[reason(6), extension(24, false, &tlv(0x18, b"20231231000000Z"))]),
        tlv(0x30, &[tlv(2, &[0, 9]), tlv(0x18, b"20240101000000Z")].concat()),
    ]);
    let scanned = scan(&draft.signed(&KEY), &watched, usize::MAX, Limits::default()).unwrap();
    assert_eq!((scanned.list.entries, scanned.list.unusable), (5, None));
    let at = UnixTime::from_secs(1_704_067_200);
    let found: Vec<_> = scanned.list.matches.iter().map(|entry| (&*entry.serial, entry.at, entry.reason)).collect();
    assert_eq!(
        found,
        [
            (&[1; 30][..], at, RevokedFor::CertificateHold),
            (&[5], at, RevokedFor::KeyCompromise),
            (&[9], at, RevokedFor::Unspecified),
            (&[0xff, 0x7f], at, RevokedFor::Unspecified),
        ]
    );
    assert_eq!(scanned.list.matches[0].invalid_since, Some(UnixTime::from_secs(1_703_980_800)));
}

#[test]
fn the_issuer_of_an_entry_holds_until_the_next_one() {
    let draft = Draft::of(&[
        entry(&[1], &[]),
        entry(&[2], &[certificate_issuer("Other")]),
        entry(&[3], &[reason(1)]),
        entry(&[4], &[reason(1), certificate_issuer("Third")]),
        entry(&[5], &[]),
    ]);
    let list = whole(&draft.with(scope(&[0x84, 1, 0xff]))).unwrap().list;
    assert_eq!(list.unusable, None);
    let issuers: Vec<_> = list.matches.iter().map(|entry| entry.issuer.as_deref().map(<[u8]>::to_vec)).collect();
    let (other, third) = (Some(name("Other")), Some(name("Third")));
    assert_eq!(issuers, [None, other.clone(), other, third.clone(), third]);
}

#[test]
fn lists_that_can_be_read_and_not_used() {
    const CRITICAL: Option<RevocationReason> = Some(RevocationReason::CriticalExtension);
    const MALFORMED: Option<RevocationReason> = Some(RevocationReason::Malformed);
    let one = || Draft::of(&[entry(&[1], &[])]);
    let null = b"\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00".to_vec();
    for (what, draft, expected) in [
        ("a plain one", one(), None),
        ("version 1", Draft { version: vec![], extensions: vec![], ..one() }, None),
        ("no nextUpdate", Draft { times: tlv(0x17, b"240101000000Z"), ..one() }, None),
        ("no entries", Draft::of(&[]), None),
        ("an absent NULL", Draft { outer: null, ..one() }, None),
        ("unknown extension", one().with(extension(99, false, &[5, 0])), None),
        ("unknown critical extension", one().with(extension(99, true, &[5, 0])), CRITICAL),
        ("unknown extension of an entry", Draft::of(&[entry(&[1], &[extension(99, false, &[5, 0])])]), None),
        ("unknown critical extension of an entry", Draft::of(&[entry(&[1], &[extension(99, true, &[5, 0])])]), CRITICAL),
        ("version 1 with extensions", Draft { version: vec![], ..one() }, MALFORMED),
        (
            "version 1 with extensions of an entry",
            Draft { version: vec![], extensions: vec![], ..Draft::of(&[entry(&[1], &[reason(1)])]) },
            MALFORMED,
        ),
        ("empty revokedCertificates", Draft { entries: Some(tlv(0x30, &[])), ..one() }, MALFORMED),
        ("empty scope", one().with(scope(&[])), MALFORMED),
        ("a scope of two kinds", one().with(scope(&[0x81, 1, 0xff, 0x82, 1, 0xff])), MALFORMED),
        ("a scope of one kind", one().with(scope(&[0x81, 1, 0xff])), None),
        ("two scopes", one().with(scope(&[0x81, 1, 0xff])).with(scope(&[0x82, 1, 0xff])), MALFORMED),
        ("another algorithm outside", Draft { outer: ED25519.into(), ..one() }, MALFORMED),
        ("certificateIssuer in a list that is not indirect", Draft::of(&[entry(&[1], &[certificate_issuer("Other")])]), MALFORMED),
    ] {
        assert_eq!(whole(&draft).unwrap_or_else(|error| panic!("{what}: {error}")).list.unusable, expected, "{what}");
    }
}

#[test]
fn what_is_no_list_is_named() {
    let one = || Draft::of(&[entry(&[1], &[])]);
    let der = one().signed(&KEY);
    let small = Limits { head: 2048, entry: 256, tail: 2048, matches: 10, whole_message: 64, ..Limits::default() };
    let many: Vec<_> = (1..100).map(|n| entry(&[n], &[])).collect();
    for (what, bytes, words) in [
        ("version 3", Draft { version: tlv(2, &[2]), ..one() }.signed(&KEY), "version 3"),
        ("trailing byte", [&der[..], &[0]].concat(), "1 bytes left over"),
        ("PEM", b"-----BEGIN X509 CRL-----\nMII".repeat(9), "PEM"),
        ("a short page", b"<html>".to_vec(), "HTML"),
        ("base64", b"MIIBpzCBkAIBATANBgkqhkiG9w0BAQsFADANMQswCQYDVQQDDAJDQQ==".to_vec(), "base64"),
        ("nothing", vec![], "no bytes"),
        ("an entry that is none", Draft { entries: Some(tlv(0x30, &tlv(2, &[1]))), ..one() }.signed(&KEY), "revokedCertificates"),
        (
            "an entry longer than all",
            Draft { entries: Some(tlv(0x30, b"\x30\x20\x02\x01\x01")), ..one() }.signed(&KEY),
            "revokedCertificates",
        ),
        ("a large entry", Draft::of(&[entry(&[1; 300], &[])]).signed(&KEY), "an entry of more than 256"),
        ("a large name", Draft { issuer: name(&"x".repeat(3000)), ..one() }.signed(&KEY), "before the entries of more than 2048"),
        ("large extensions", one().with(extension(99, false, &[0; 3000])).signed(&KEY), "behind the entries of more than 2048"),
        ("too many watched", Draft::of(&many).signed(&KEY), "more than 10 entries"),
        ("whole message", Draft { inner: ED25519.into(), ..one() }.signed(&KEY), "needs all of it of more than 64"),
        ("a length without end", b"\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff\x30\x80".to_vec(), "list: cut off"),
    ] {
        for piece in [1, 5, usize::MAX] {
            let error = scan(&bytes, &All, piece, small).expect_err(what);
            assert!(error.to_string().contains(words), "{what} in pieces of {piece}: {error}");
        }
    }
    for end in 0..der.len() {
        assert!(scan(&der[..end], &All, 7, small).is_err(), "cut at {end}");
    }
}

#[test]
fn the_outcome_does_not_depend_on_the_pieces() {
    let entries: Vec<_> = (0_u16..3000)
        .map(|n| match n % 5 {
            0 => entry(&n.to_be_bytes(), &[reason(1), certificate_issuer(&format!("CA {n}"))]),
            1 => entry(&[3; 200], &[reason(4)]),
            _ => entry(&n.to_be_bytes(), &[]),
        })
        .collect();
    let small = Draft::of(&entries[..6]).with(scope(&[0x84, 1, 0xff])).signed(&KEY);
    let large = Draft::of(&entries).with(scope(&[0x84, 1, 0xff])).signed(&KEY);
    for fingerprint in [true, false] {
        let limits = Limits { fingerprint, ..Limits::default() };
        let expected = scan(&large, &All, usize::MAX, limits).unwrap();
        assert_eq!((expected.list.entries, expected.list.unusable), (3000, None));
        for piece in [1, 2, 3, 37, 4096, 32 << 10, 100_000] {
            assert_eq!(scan(&large, &All, piece, limits).as_ref(), Ok(&expected), "pieces of {piece}");
        }
    }
    let expected = scan(&small, &All, usize::MAX, Limits::default()).unwrap();
    for piece in 1..small.len() {
        assert_eq!(scan(&small, &All, piece, Limits::default()).as_ref(), Ok(&expected), "pieces of {piece}");
    }
    for at in 0..small.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = small.clone();
            changed[at] ^= flip;
            let (one, two) = (scan(&changed, &All, usize::MAX, Limits::default()), scan(&changed, &All, 3, Limits::default()));
            assert_eq!(one.as_ref().ok(), two.as_ref().ok(), "byte {at} with {flip:#x}");
        }
    }
}

#[test]
fn the_fingerprint_is_that_of_the_bytes() {
    let der = Draft::of(&[]).signed(&KEY);
    assert_eq!(read(&der).unwrap().fingerprint, crate::pki::certificate::fingerprint(&der));
}

#[test]
fn the_signer_is_found_among_candidates() {
    let (other, ed) = (KeyPair::generate().unwrap(), KeyPair::generate_for(&PKCS_ED25519).unwrap());
    let one = || Draft::of(&[entry(&[1], &[])]);
    let list = scan(&one().signed(&KEY), &All, 9, Limits::default()).unwrap();
    let whole = Draft { inner: ED25519.into(), outer: ED25519.into(), ..one() };
    let whole = scan(&whole.signed(&ed), &All, 9, Limits::default()).unwrap();
    let unknown = b"\x30\x05\x06\x03\x2b\x65\x71".to_vec();
    let unsupported = Draft { inner: unknown.clone(), outer: unknown, ..one() };
    let unsupported = scan(&unsupported.signed(&KEY), &All, 9, Limits::default()).unwrap();
    let mut forged = one().signed(&KEY);
    let at = forged.windows(13).position(|window| window == b"240201000000Z").unwrap();
    forged[at + 1] = b'5';
    let forged = scan(&forged, &All, 9, Limits::default()).unwrap();
    let by = |key: &KeyPair| authority(key, "CA", None);
    let key_id = |key: &KeyPair| Arc::new(Authority { key_id: Some([1].into()), ..(*by(key)).clone() });
    let mut hinted = list.clone();
    hinted.list.authority_key = Some([1].into());
    let found = |index| Ok(Signer { index, weak: false });
    for (what, scanned, candidates, expected) in [
        ("the one", &list, vec![by(&KEY)], found(0)),
        ("after a change of keys, the old one", &list, vec![by(&other), by(&KEY)], found(1)),
        ("by key identifier first", &hinted, vec![by(&KEY), key_id(&KEY)], found(1)),
        ("the key identifier is a hint only", &hinted, vec![key_id(&other), by(&KEY)], found(1)),
        ("names that are spelled otherwise", &list, vec![authority(&KEY, "ca", None)], found(0)),
        ("key usage with cRLSign", &list, vec![authority(&KEY, "CA", Some(1 << 6 | 1 << 5))], found(0)),
        ("key usage without cRLSign", &list, vec![authority(&KEY, "CA", Some(1 << 5))], Err(RevocationReason::WrongIssuer)),
        ("nobody", &list, vec![], Err(RevocationReason::IssuerUnknown)),
        ("another name", &list, vec![authority(&KEY, "CB", None)], Err(RevocationReason::IssuerUnknown)),
        ("another key", &list, vec![by(&other)], Err(RevocationReason::SignatureInvalid)),
        ("changed bytes", &forged, vec![by(&KEY)], Err(RevocationReason::SignatureInvalid)),
        ("the whole message", &whole, vec![by(&ed)], found(0)),
        ("the whole message, another key", &whole, vec![by(&KEY)], Err(RevocationReason::SignatureInvalid)),
        ("Ed448", &unsupported, vec![by(&KEY)], Err(RevocationReason::UnsupportedAlgorithm)),
    ] {
        assert_eq!(authorities_check(scanned, &candidates), expected, "{what}");
    }
}

#[test]
fn lists_of_openssl_hold() {
    let ca = file("two.der");
    let limits = crate::model::Limits::default();
    let parsed = crate::pki::certificate::read(&ca, &limits).unwrap().parsed;
    let key = Arc::from(parsed.subject_pki.raw);
    let subject = Arc::from(parsed.subject.as_raw());
    let authority = Arc::new(Authority { subject, key, key_id: None, key_usage: None });
    let pem = String::from_utf8(file("v1.crl")).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let v1 = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64).unwrap();
    for (what, der, number, entries) in [("version 1", v1, None, 0), ("version 2", file("v2.crl.der"), Some(&[5][..]), 1)] {
        let scanned = scan(&der, &All, 11, Limits::default()).unwrap();
        assert_eq!((scanned.list.unusable, scanned.list.number.as_deref(), scanned.list.entries), (None, number, entries), "{what}");
        assert_eq!(authorities_check(&scanned, &[Arc::clone(&authority)]), Ok(Signer { index: 0, weak: false }), "{what}");
    }
}
