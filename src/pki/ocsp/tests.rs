use std::sync::Arc;

use aws_lc_rs::digest;
use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SigningKey, date_time_ymd};

use super::*;
use crate::model::revocation::Policy;
use crate::model::{Authority, Limits, Lookup, RevocationReason, RevokedFor, Says, UnixTime};
use crate::pki::certificate;
use crate::pki::fixtures::{Issued, leaf_params, tlv};

const NOW: i64 = 1_800_000_000;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
const SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
const SHA384: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x02";
const SHA512: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x03";
const MD5: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x05";
const GOOD: &[u8] = &[0x80, 0];
const UNKNOWN: &[u8] = &[0x82, 0];

struct World {
    ca: Issued,
    lookup: Lookup,
    authority: Authority,
}

fn world() -> World {
    let ca = Issued::root("CA");
    let leaf = ca.leaf("leaf.example", |params| params.use_authority_key_identifier_extension = true);
    let lookup = *certificate::read(&leaf.der, &Limits::default()).unwrap().facts.lookup.unwrap();
    World { authority: authority(&ca), ca, lookup }
}

fn authority(ca: &Issued) -> Authority {
    Authority::clone(&certificate::read(&ca.der, &Limits::default()).unwrap().facts.authority.unwrap())
}

fn responder_params(name: &str) -> CertificateParams {
    let mut params = leaf_params(name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    params
}

fn time(secs: i64) -> Vec<u8> {
    let text: String = UnixTime::from_secs(secs).rfc3339().chars().filter(char::is_ascii_alphanumeric).filter(|c| *c != 'T').collect();
    tlv(0x18, text.as_bytes())
}

fn revoked(reason: Option<u8>) -> Vec<u8> {
    tlv(0xa1, &[time(NOW - DAY), reason.map_or_else(Vec::new, |reason| tlv(0xa0, &[0x0a, 1, reason]))].concat())
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    tlv(0x30, &[&tlv(6, id)[..], flag, &tlv(4, value)].concat())
}

/// One SingleResponse to be.
#[derive(Clone)]
struct One {
    hash: &'static [u8],
    issuer: Vec<u8>,
    serial: Vec<u8>,
    status: Vec<u8>,
    this: i64,
    next: Option<i64>,
    extensions: Vec<u8>,
}

/// A response to be.
struct Written<'a> {
    key: &'a KeyPair,
    responder: Vec<u8>,
    produced: i64,
    singles: Vec<One>,
    extensions: Vec<u8>,
    certificates: Vec<&'a [u8]>,
    algorithm: &'a [u8],
}

const ECDSA_SHA256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";

impl World {
    fn one(&self) -> One {
        One {
            hash: SHA1,
            issuer: self.lookup.issuer.to_vec(),
            serial: self.lookup.serial.to_vec(),
            status: GOOD.to_vec(),
            this: NOW - HOUR,
            next: Some(NOW + DAY),
            extensions: Vec::new(),
        }
    }

    fn direct(&self) -> Written<'_> {
        self.by(&self.ca)
    }

    /// Signed by whoever this is, named by subject, certificate included.
    fn by<'a>(&self, signer: &'a Issued) -> Written<'a> {
        let subject = certificate::read(&signer.der, &Limits::default()).unwrap().parsed.subject.as_raw().to_vec();
        Written {
            key: &signer.key,
            responder: tlv(0xa1, &subject),
            produced: NOW - HOUR,
            singles: vec![self.one()],
            extensions: Vec::new(),
            certificates: vec![&signer.der],
            algorithm: ECDSA_SHA256,
        }
    }

    fn write(&self, written: &Written<'_>) -> Vec<u8> {
        let key = crate::pki::authority::key_bits(&self.authority.key).unwrap();
        let singles = written.singles.iter().map(|one| {
            let by = request::hash(one.hash).unwrap_or(&digest::SHA1_FOR_LEGACY_USE_ONLY);
            let hashed = |bytes: &[u8]| tlv(4, digest::digest(by, bytes).as_ref());
            let id = [tlv(0x30, &tlv(6, one.hash)), hashed(&one.issuer), hashed(key), tlv(2, &one.serial)].concat();
            let next = one.next.map_or_else(Vec::new, |next| tlv(0xa0, &time(next)));
            let extensions = if one.extensions.is_empty() { vec![] } else { tlv(0xa1, &tlv(0x30, &one.extensions)) };
            tlv(0x30, &[tlv(0x30, &id), one.status.clone(), time(one.this), next, extensions].concat())
        });
        let singles = tlv(0x30, &singles.collect::<Vec<_>>().concat());
        let extensions = if written.extensions.is_empty() { vec![] } else { tlv(0xa1, &tlv(0x30, &written.extensions)) };
        let tbs = tlv(0x30, &[written.responder.clone(), time(written.produced), singles, extensions].concat());
        let signature = [&[0][..], &written.key.sign(&tbs).unwrap()].concat();
        let certificates = tlv(0xa0, &tlv(0x30, &written.certificates.concat()));
        success(&tlv(0x30, &[tbs, tlv(0x30, written.algorithm), tlv(3, &signature), certificates].concat()))
    }

    fn ask(&self, bytes: &[u8], nonce: Option<&[u8]>, policy: &Policy) -> Result<Answered, RevocationReason> {
        let question = Question { lookup: &self.lookup, authority: &self.authority, nonce, from: &Arc::from("here") };
        let response = read(bytes).map_err(|error| error.reason())?;
        answer(&response, &question, UnixTime::from_secs(NOW), policy, &mut DelegateCache::default())
    }

    fn says(&self, written: &Written<'_>) -> Result<Says, RevocationReason> {
        self.ask(&self.write(written), None, &Policy::default()).and_then(|answered| answered.answer).map(|answer| answer.says)
    }
}

fn success(basic: &[u8]) -> Vec<u8> {
    let bytes = tlv(0x30, &[tlv(6, b"\x2b\x06\x01\x05\x05\x07\x30\x01\x01"), tlv(4, basic)].concat());
    tlv(0x30, &[vec![0x0a, 1, 0], tlv(0xa0, &bytes)].concat())
}

#[test]
fn only_a_successful_basic_response_is_read() {
    let world = world();
    let good = world.write(&world.direct());
    let other = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|window| window == from).unwrap();
        [&good[..at], to, &good[at + from.len()..]].concat()
    };
    for (what, bytes, reason, words) in [
        ("malformedRequest", vec![0x30, 3, 0x0a, 1, 1], RevocationReason::ResponderStatus, "malformedRequest"),
        ("internalError", vec![0x30, 3, 0x0a, 1, 2], RevocationReason::ResponderStatus, "internalError"),
        ("tryLater", vec![0x30, 3, 0x0a, 1, 3], RevocationReason::ResponderStatus, "tryLater"),
        ("a status that is none", vec![0x30, 3, 0x0a, 1, 4], RevocationReason::ResponderStatus, "status 4"),
        ("sigRequired", vec![0x30, 3, 0x0a, 1, 5], RevocationReason::ResponderStatus, "sigRequired"),
        ("unauthorized", vec![0x30, 3, 0x0a, 1, 6], RevocationReason::ResponderStatus, "unauthorized"),
        ("success without an answer", vec![0x30, 3, 0x0a, 1, 0], RevocationReason::Malformed, "responseBytes"),
        ("another type", other(b"\x07\x30\x01\x01", b"\x07\x30\x01\x07"), RevocationReason::Malformed, "another type"),
        ("HTML", b"\n<html>sorry</html>".to_vec(), RevocationReason::Malformed, "HTML"),
        ("PEM", b"-----BEGIN OCSP RESPONSE-----".to_vec(), RevocationReason::Malformed, "PEM"),
        ("base64", b"MIIBzAoBAKCC\n".to_vec(), RevocationReason::Malformed, "base64"),
        ("text", b"not found".to_vec(), RevocationReason::Malformed, "text"),
        ("nothing", vec![], RevocationReason::Malformed, "nothing"),
        ("cut off", good[..good.len() - 1].to_vec(), RevocationReason::Malformed, "cut off"),
        ("trailing bytes", [&good[..], &[0]].concat(), RevocationReason::Malformed, "left over"),
        ("giant", vec![0x30; 70_000], RevocationReason::TooLarge, "65536"),
    ] {
        let error = read(&bytes).unwrap_err();
        assert_eq!(error.reason(), reason, "{what}");
        assert!(error.to_string().contains(words), "{what}: {error}");
    }
}

#[test]
fn the_certid_matches_by_our_own_hashes() {
    let world = world();
    let foreign = Issued::root("Other");
    let elsewhere = certificate::read(&foreign.der, &Limits::default()).unwrap().parsed.subject.as_raw().to_vec();
    let with = |change: &dyn Fn(&mut One)| {
        let mut written = world.direct();
        change(&mut written.singles[0]);
        world.says(&written)
    };
    let not_for = Err(RevocationReason::NotForCertificate);
    assert_eq!(with(&|_| {}), Ok(Says::Good), "SHA-1");
    assert_eq!(with(&|one| one.hash = SHA256), Ok(Says::Good), "SHA-256");
    assert_eq!(with(&|one| one.hash = SHA384), Ok(Says::Good), "SHA-384");
    assert_eq!(with(&|one| one.hash = SHA512), Ok(Says::Good), "SHA-512");
    assert_eq!(with(&|one| one.hash = MD5), Err(RevocationReason::WrongIssuer), "a hash that nobody should use");
    assert_eq!(with(&|one| one.issuer = elsewhere.clone()), Err(RevocationReason::WrongIssuer), "the serial of another issuer");
    assert_eq!(with(&|one| one.serial = vec![1]), not_for, "another serial");
    assert_eq!(with(&|one| one.serial.insert(0, if one.serial[0] < 0x80 { 0 } else { 0xff })), Ok(Says::Good), "a redundant leading byte");
    let mut none = world.direct();
    none.singles.clear();
    assert_eq!(world.says(&none), not_for, "about nothing");
}

#[test]
fn the_name_hash_is_over_the_issuer_as_the_certificate_writes_it() {
    let mut world = world();
    let as_the_ca_writes_it = world.lookup.issuer.to_vec();
    let tag = as_the_ca_writes_it.windows(4).position(|window| &window[1..] == b"\x02CA").unwrap();
    let mut printable = as_the_ca_writes_it.clone();
    printable[tag] = if printable[tag] == 0x13 { 0x0c } else { 0x13 };
    world.lookup.issuer = printable.into();
    assert_eq!(world.says(&world.direct()), Ok(Says::Good));
    let mut written = world.direct();
    written.singles[0].issuer = as_the_ca_writes_it;
    assert_eq!(world.says(&written), Err(RevocationReason::WrongIssuer));
}

#[test]
fn who_may_sign() {
    let world = world();
    let ca = &world.ca;
    let issue = |issuer: &Issued, change: &dyn Fn(&mut CertificateParams)| {
        let mut params = responder_params("Responder");
        change(&mut params);
        issuer.issue(params)
    };
    let delegate = issue(ca, &|_| {});
    let any = issue(ca, &|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]);
    let usages = issue(ca, &|params| params.extended_key_usages.clear());
    let cannot_sign = issue(ca, &|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    let without_usage = issue(ca, &|params| params.key_usages.clear());
    let expired = issue(ca, &|params| params.not_after = date_time_ymd(2026, 1, 1));
    let future = issue(ca, &|params| params.not_before = date_time_ymd(2035, 1, 1));
    let below = issue(&ca.intermediate("Sub"), &|_| {});
    let namesake = issue(&Issued::root("CA"), &|_| {});
    let critical = issue(ca, &|params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    });
    let stranger = Issued::root("Stranger");
    let impostor = Issued::root("CA");
    let unauthorized = Err(RevocationReason::ResponderUnauthorized);
    for (what, signer, expected) in [
        ("the issuer", ca, Ok(Says::Good)),
        ("a delegate", &delegate, Ok(Says::Good)),
        ("a delegate without key usage", &without_usage, Ok(Says::Good)),
        ("any usage is not explicit", &any, unauthorized),
        ("no usage is not explicit", &usages, unauthorized),
        ("a key that may not sign", &cannot_sign, unauthorized),
        ("an expired delegate", &expired, unauthorized),
        ("a delegate of the future", &future, unauthorized),
        ("a delegate of a CA below", &below, unauthorized),
        ("a delegate of a namesake", &namesake, unauthorized),
        ("a delegate with an unknown critical extension", &critical, unauthorized),
        ("a stranger", &stranger, unauthorized),
        ("an impostor of the issuer's name", &impostor, Err(RevocationReason::ResponderUnauthorized)),
    ] {
        let mut written = world.by(signer);
        assert_eq!(world.says(&written), expected, "{what}, by name");
        let read = certificate::read(&signer.der, &Limits::default()).unwrap();
        let key = crate::pki::authority::key_bits(read.parsed.subject_pki.raw).unwrap();
        let id = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key);
        written.responder = tlv(0xa2, &tlv(4, id.as_ref()));
        assert_eq!(world.says(&written), expected, "{what}, by key");
    }
    let mut alone = world.by(&delegate);
    alone.certificates.clear();
    assert_eq!(world.says(&alone), unauthorized, "a delegate whose certificate is missing");
    let mut wrong_key = world.by(&delegate);
    wrong_key.key = &stranger.key;
    assert_eq!(world.says(&wrong_key), Err(RevocationReason::SignatureInvalid), "a delegate's certificate, another's key");
    let mut misnamed = world.direct();
    misnamed.responder = world.by(&stranger).responder;
    assert_eq!(world.says(&misnamed), unauthorized, "the issuer's key under another's name");
}

#[test]
fn the_signature_covers_the_raw_bytes() {
    let world = world();
    let good = world.write(&world.direct());
    let status = good.windows(4).position(|window| window == [0x80, 0, 0x18, 15]).unwrap();
    let mut altered = good.clone();
    altered[status] = 0x82;
    assert_eq!(world.ask(&altered, None, &Policy::default()).unwrap_err(), RevocationReason::SignatureInvalid);
    let mut written = world.direct();
    written.algorithm = b"\x06\x03\x2b\x65\x71";
    assert_eq!(world.says(&written), Err(RevocationReason::UnsupportedAlgorithm), "Ed448 is not guessed");
    written.algorithm = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00";
    assert_eq!(world.says(&written), Ok(Says::Good), "a NULL that does not belong there");
}

#[test]
fn delegates_show_their_end_and_whether_they_are_to_be_checked() {
    let world = world();
    for nocheck in [false, true] {
        let mut params = responder_params("Responder");
        if nocheck {
            params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], vec![5, 0]));
        }
        params.not_after = date_time_ymd(2030, 1, 1);
        let delegate = world.ca.issue(params);
        let answered = world.ask(&world.write(&world.by(&delegate)), None, &Policy::default()).unwrap();
        let Signer::Delegate(shown) = answered.signer else { panic!("{answered:?}") };
        assert_eq!((shown.nocheck, shown.not_after.secs()), (nocheck, 1_893_456_000));
        assert_eq!(*shown.lookup.as_ref().unwrap().issuer, *world.authority.subject);
    }
}

#[test]
fn a_delegates_own_signature_is_checked_once() {
    let world = world();
    let delegate = world.ca.issue(responder_params("Responder"));
    let bytes = world.write(&world.by(&delegate));
    let (mut cache, response) = (DelegateCache::default(), read(&bytes).unwrap());
    let question = Question { lookup: &world.lookup, authority: &world.authority, nonce: None, from: &Arc::from("here") };
    for _ in 0..3 {
        assert!(answer(&response, &question, UnixTime::from_secs(NOW), &Policy::default(), &mut cache).is_ok());
    }
    assert_eq!(cache.checks(), 1);
    let other = authority(&Issued::root("CA"));
    let question = Question { authority: &other, ..question };
    assert_ne!(other.key, world.authority.key);
    assert!(answer(&response, &question, UnixTime::from_secs(NOW), &Policy::default(), &mut cache).is_err(), "another issuer's key");
}

#[test]
fn answers_have_their_time() {
    let world = world();
    let (short, none) = (Policy { max_age: Some(std::time::Duration::from_secs(60)), ..Policy::default() }, Policy::default());
    let stale = Err(RevocationReason::Stale);
    let is_revoked = Ok(Says::Revoked { at: UnixTime::from_secs(NOW - DAY), reason: RevokedFor::Unspecified });
    for (what, this, next, status, policy, expected) in [
        ("fresh", -HOUR, Some(DAY), GOOD.to_vec(), &none, Ok(Says::Good)),
        ("a clock ahead by less than the skew", 299, Some(DAY), GOOD.to_vec(), &none, Ok(Says::Good)),
        ("to come", 301, Some(DAY), GOOD.to_vec(), &none, Err(RevocationReason::NotYetValid)),
        ("revoked, to come", 301, Some(DAY), revoked(None), &none, Err(RevocationReason::NotYetValid)),
        ("past by less than the skew", -DAY, Some(-299), GOOD.to_vec(), &none, Ok(Says::Good)),
        ("stale good is unknown", -DAY, Some(-301), GOOD.to_vec(), &none, stale),
        ("stale revoked stays", -DAY, Some(-301), revoked(None), &none, is_revoked),
        ("without nextUpdate, young", -6 * DAY, None, GOOD.to_vec(), &none, Ok(Says::Good)),
        ("without nextUpdate, old", -8 * DAY, None, GOOD.to_vec(), &none, stale),
        ("older than wanted, before nextUpdate", -61, Some(DAY), GOOD.to_vec(), &short, stale),
        ("unknown to the responder", -HOUR, Some(DAY), UNKNOWN.to_vec(), &none, Err(RevocationReason::UnknownToResponder)),
    ] {
        let mut written = world.direct();
        let one = &mut written.singles[0];
        (one.this, one.next, one.status) = (NOW + this, next.map(|next| NOW + next), status);
        let answered = world.ask(&world.write(&written), None, policy).unwrap();
        assert_eq!(answered.signer, Signer::Issuer);
        if let Ok(answer) = &answered.answer
            && next == Some(-301)
        {
            assert!(answer.until.secs() < NOW, "{what}: and it says that it is stale");
        }
        assert_eq!(answered.answer.map(|answer| answer.says), expected, "{what}");
    }
}

#[test]
fn revocations_keep_their_reason() {
    let world = world();
    for (number, reason) in [
        (None, RevokedFor::Unspecified),
        (Some(1), RevokedFor::KeyCompromise),
        (Some(6), RevokedFor::CertificateHold),
        (Some(10), RevokedFor::AaCompromise),
        (Some(77), RevokedFor::Unspecified),
    ] {
        let mut written = world.direct();
        written.singles[0].status = revoked(number);
        assert_eq!(world.says(&written), Ok(Says::Revoked { at: UnixTime::from_secs(NOW - DAY), reason }));
    }
}

#[test]
fn of_several_answers_the_worst_counts() {
    let world = world();
    let with = |status: &[u8], next: i64| One { status: status.to_vec(), next: Some(NOW + next), ..world.one() };
    let is_revoked = Ok(Says::Revoked { at: UnixTime::from_secs(NOW - DAY), reason: RevokedFor::Unspecified });
    let (good, revoked, unknown) = (with(GOOD, DAY), with(&revoked(None), DAY), with(UNKNOWN, DAY));
    for (what, singles, expected) in [
        ("good, revoked", vec![good.clone(), revoked.clone()], is_revoked),
        ("revoked, good", vec![revoked.clone(), good.clone()], is_revoked),
        ("unknown, revoked by another hash", vec![unknown.clone(), One { hash: SHA256, ..revoked.clone() }], is_revoked),
        ("good, unknown", vec![good.clone(), unknown], Err(RevocationReason::UnknownToResponder)),
        ("good, stale", vec![good.clone(), with(GOOD, -DAY)], Err(RevocationReason::Stale)),
        ("another certificate's does not count", vec![good, One { serial: vec![9], ..revoked }], Ok(Says::Good)),
    ] {
        assert_eq!(world.says(&Written { singles, ..world.direct() }), expected, "{what}");
    }
}

#[test]
fn unknown_critical_extensions_make_it_unusable() {
    let world = world();
    let strange = &[0x2a, 3, 4][..];
    let cutoff = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 6][..];
    let critical = Err(RevocationReason::CriticalExtension);
    for (what, id, is_critical, in_response, in_single) in [
        ("unknown", strange, true, critical, critical),
        ("unknown, not critical", strange, false, Ok(Says::Good), Ok(Says::Good)),
        ("archive cutoff belongs to one answer", cutoff, true, critical, Ok(Says::Good)),
    ] {
        let extension = extension(id, is_critical, &[5, 0]);
        assert_eq!(world.says(&Written { extensions: extension.clone(), ..world.direct() }), in_response, "{what}, of the response");
        let one = One { extensions: extension, ..world.one() };
        assert_eq!(world.says(&Written { singles: vec![one], ..world.direct() }), in_single, "{what}, of one answer");
    }
}

#[test]
fn produced_outside_the_signers_validity_is_unusable() {
    let world = world();
    let delegate = world.ca.issue(responder_params("Responder"));
    for (what, produced, expected) in [
        ("inside", NOW - HOUR, Ok(Says::Good)),
        ("before it began", 1_500_000_000, Err(RevocationReason::ResponderUnauthorized)),
        ("after it ended", 2_300_000_000, Err(RevocationReason::ResponderUnauthorized)),
    ] {
        assert_eq!(world.says(&Written { produced, ..world.by(&delegate) }), expected, "{what}");
    }
}

#[test]
fn a_nonce_may_be_absent_but_not_different() {
    let world = world();
    let nonce = |value: &[u8]| extension(request::NONCE, false, value);
    let different = Err(RevocationReason::NonceMismatch);
    for (what, sent, extensions, expected) in [
        ("none sent, none received", None, vec![], Ok(())),
        ("sent, and left out", Some(&[7; 32][..]), vec![], Ok(())),
        ("sent and received", Some(&[7; 32]), nonce(&tlv(4, &[7; 32])), Ok(())),
        ("received without its inner OCTET STRING", Some(&[7; 32]), nonce(&[7; 32]), Ok(())),
        ("another", Some(&[7; 32]), nonce(&tlv(4, &[8; 32])), different),
        ("a part of it", Some(&[7; 32]), nonce(&tlv(4, &[7; 31])), different),
        ("received without being sent", None, nonce(&tlv(4, &[8; 32])), Ok(())),
    ] {
        let bytes = world.write(&Written { extensions, ..world.direct() });
        assert_eq!(world.ask(&bytes, sent, &Policy::default()).map(|_| ()), expected, "{what}");
    }
}

#[test]
fn requests_fit_into_a_url_or_are_posted() {
    let mut world = world();
    let short = request(&world.lookup, &world.authority, None);
    let url = get_url("http://ocsp.example/", &short).unwrap();
    assert!(url.starts_with("http://ocsp.example/MFU") && !url[20..].contains(['+', '/', '=']), "{url}");
    assert_eq!(get_path(&[0xfb, 0xff, 0xfe, 0xff]), "%2B%2F%2F%2B%2Fw%3D%3D");
    assert_eq!(get_url(&format!("http://{}/", "x".repeat(200)), &short), None);
    world.lookup.serial = Box::default();
    assert!(request(&world.lookup, &world.authority, None).ends_with(&[2, 1, 0]));
}

#[test]
fn no_mutation_panics_or_is_believed() {
    let world = world();
    let delegate = world.ca.issue(responder_params("Responder"));
    let good = world.write(&world.by(&delegate));
    let tbs = {
        let response = read(&good).unwrap();
        let start = good.windows(response.tbs.len()).position(|window| window == response.tbs).unwrap();
        start..start + response.tbs.len()
    };
    for end in 0..good.len() {
        assert!(read(&good[..end]).is_err());
    }
    for at in 0..good.len() {
        for mask in [1, 0x80, 0xff] {
            let mut mutated = good.clone();
            mutated[at] ^= mask;
            let outcome = world.ask(&mutated, None, &Policy::default());
            assert!(!tbs.contains(&at) || outcome.is_err(), "byte {at}");
        }
    }
}

#[test]
fn authorities_are_told_apart() {
    let world = world();
    let lookup = |params: &dyn Fn(&mut CertificateParams)| {
        let leaf = world.ca.leaf("leaf.example", |leaf| params(leaf));
        *certificate::read(&leaf.der, &Limits::default()).unwrap().facts.lookup.unwrap()
    };
    let by_key = lookup(&|params| params.use_authority_key_identifier_extension = true);
    let by_signature = lookup(&|_| {});
    assert!(by_key.pointers.authority_key.is_some() && by_signature.pointers.authority_key.is_none());
    let unsigned = Lookup { signed: None, ..by_signature.clone() };
    let (namesake, other) = (authority(&Issued::root("CA")), authority(&Issued::root("Other")));
    let renamed = Authority { subject: other.subject.clone(), ..world.authority.clone() };
    let issued = crate::pki::authority::issued;
    for (what, authority, expected) in
        [("the issuer", &world.authority, true), ("a namesake", &namesake, false), ("its key under another name", &renamed, false)]
    {
        assert_eq!(issued(authority, &by_key), expected, "{what}, with a key identifier");
        assert_eq!(issued(authority, &by_signature), expected, "{what}, without one");
        assert!(!issued(authority, &Lookup { signed: None, ..by_key.clone() }), "{what}: an identifier alone proves nothing");
    }
    assert!(!issued(&world.authority, &unsigned), "no signature that can be checked");
}
