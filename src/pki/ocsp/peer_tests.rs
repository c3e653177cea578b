//! Against `openssl ocsp`: as responder of every kind of signer, and as whoever asks.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{CustomExtension, ExtendedKeyUsagePurpose, SerialNumber};
use tempfile::TempDir;

use super::*;
use crate::model::observation::{Possession, Roots};
use crate::model::revocation::Policy;
use crate::model::{CertificateFacts, Handshake, Limits, Material, RevocationReason, RevokedFor, Says, UnixTime};
use crate::pki::certificate;
use crate::pki::fixtures::{Issued, leaf_params, pem};

/// A CA with its index, and responders with their keys, as files.
struct Peer {
    dir: TempDir,
    ca: Issued,
}

const INDEX: &str = "V\t400101000000Z\t\t1001\tunknown\t/CN=good\n\
    R\t400101000000Z\t240101000000Z,keyCompromise\t1002\tunknown\t/CN=revoked\n\
    R\t400101000000Z\t240101000000Z,certificateHold\t1003\tunknown\t/CN=held\n";

impl Peer {
    fn new() -> Self {
        let (dir, ca) = (TempDir::new().unwrap(), Issued::root("Peer CA"));
        std::fs::write(dir.path().join("index.txt"), INDEX).unwrap();
        let responder = |usages: Vec<ExtendedKeyUsagePurpose>| {
            let mut params = leaf_params("Responder");
            params.extended_key_usages = usages;
            params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], vec![5, 0]));
            params
        };
        let delegate = ca.issue(responder(vec![ExtendedKeyUsagePurpose::OcspSigning]));
        let unauthorized = ca.issue(responder(vec![ExtendedKeyUsagePurpose::ServerAuth]));
        for (name, issued) in [("ca", &ca), ("delegate", &delegate), ("unauthorized", &unauthorized)] {
            std::fs::write(dir.path().join(format!("{name}.pem")), pem("CERTIFICATE", &issued.der)).unwrap();
            std::fs::write(dir.path().join(format!("{name}.key")), issued.key.serialize_pem()).unwrap();
        }
        Self { dir, ca }
    }

    fn certificate(&self, serial: u64) -> (Vec<u8>, CertificateFacts) {
        let leaf = self.ca.leaf("www.example.com", |params| params.serial_number = Some(SerialNumber::from(serial)));
        let facts = certificate::read(&leaf.der, &Limits::default()).unwrap().facts;
        (leaf.der, facts)
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.dir.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What the responder answers to a request in `request.der`.
    fn respond(&self, signer: &str, more: &[&str]) -> Vec<u8> {
        let (certificate, key) = (format!("{signer}.pem"), format!("{signer}.key"));
        let files = ["ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", &certificate, "-rkey", &key];
        self.openssl(&[&files[..], &["-reqin", "request.der", "-respout", "response.der"], more].concat());
        read_file(&self.dir.path().join("response.der"))
    }

    fn ask(&self, serial: u64, nonce: Option<&[u8]>, signer: &str, more: &[&str]) -> (Vec<u8>, Result<Answered, RevocationReason>) {
        let (_, facts) = self.certificate(serial);
        let (lookup, authority) = (facts.lookup.unwrap(), super::super::certificate::read(&self.ca.der, &Limits::default()).unwrap());
        let authority = authority.facts.authority.unwrap();
        assert!(crate::pki::authority::issued(&authority, &lookup));
        std::fs::write(self.dir.path().join("request.der"), request(&lookup, &authority, nonce)).unwrap();
        let bytes = self.respond(signer, more);
        let question = Question { lookup: &lookup, authority: &authority, nonce, from: &Arc::from("peer") };
        let response = read(&bytes).unwrap();
        let answered = answer(&response, &question, response.produced_at, &Policy::default(), &mut DelegateCache::default());
        (bytes, answered)
    }
}

#[expect(clippy::disallowed_methods, reason = "a file of ours")]
fn read_file(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn openssl_answers_our_requests() {
    let peer = Peer::new();
    let at = UnixTime::from_secs(1_704_067_200);
    let revoked = |reason| Ok(Says::Revoked { at, reason });
    let (unauthorized, day) = (Err(RevocationReason::ResponderUnauthorized), &["-ndays", "1"][..]);
    for (what, serial, signer, more, expected) in [
        ("good, by the issuer", 0x1001, "ca", day, Ok(Says::Good)),
        ("without nextUpdate", 0x1001, "ca", &[][..], Ok(Says::Good)),
        ("revoked", 0x1002, "ca", day, revoked(RevokedFor::KeyCompromise)),
        ("on hold", 0x1003, "ca", day, revoked(RevokedFor::CertificateHold)),
        ("unknown", 0x1004, "ca", day, Err(RevocationReason::UnknownToResponder)),
        ("good, by a delegate", 0x1001, "delegate", day, Ok(Says::Good)),
        ("revoked, by a delegate", 0x1002, "delegate", day, revoked(RevokedFor::KeyCompromise)),
        ("the issuer by its key", 0x1001, "ca", &["-resp_key_id"], Ok(Says::Good)),
        ("a delegate by its key", 0x1001, "delegate", &["-resp_key_id"], Ok(Says::Good)),
        ("the issuer without certificates", 0x1001, "ca", &["-resp_no_certs"], Ok(Says::Good)),
        ("a delegate without certificates", 0x1001, "delegate", &["-resp_no_certs"], unauthorized),
        ("not authorized", 0x1001, "unauthorized", day, unauthorized),
        ("a bad signature", 0x1001, "ca", &["-badsig"], Err(RevocationReason::SignatureInvalid)),
        ("a bad signature of a delegate", 0x1001, "delegate", &["-badsig"], Err(RevocationReason::SignatureInvalid)),
        ("SHA-384", 0x1001, "delegate", &["-rmd", "sha384"], Ok(Says::Good)),
    ] {
        let (_, answered) = peer.ask(serial, None, signer, more);
        let is_delegate =
            answered.as_ref().is_ok_and(|answered| matches!(&answered.signer, Signer::Delegate(delegate) if delegate.nocheck));
        assert_eq!(is_delegate, answered.is_ok() && signer == "delegate", "{what}");
        assert_eq!(answered.and_then(|answered| answered.answer).map(|answer| answer.says), expected, "{what}");
    }
    let (_, answered) = peer.ask(0x1001, None, "ca", &["-rmd", "sha1"]);
    assert!(answered.unwrap().weak, "SHA-1 is believed and said to be weak");
}

#[test]
fn openssl_sends_the_nonce_back() {
    let peer = Peer::new();
    let (bytes, answered) = peer.ask(0x1001, Some(&[7; 32]), "ca", &[]);
    assert!(read(&bytes).unwrap().nonce == Some(&[7; 32]) && answered.is_ok());
    let (lookup, ca) = (peer.certificate(0x1001).1.lookup.unwrap(), certificate::read(&peer.ca.der, &Limits::default()).unwrap());
    let authority = ca.facts.authority.unwrap();
    let question = Question { lookup: &lookup, authority: &authority, nonce: Some(&[8; 32]), from: &Arc::from("peer") };
    let response = read(&bytes).unwrap();
    let replayed = answer(&response, &question, response.produced_at, &Policy::default(), &mut DelegateCache::default());
    assert_eq!(replayed.unwrap_err(), RevocationReason::NonceMismatch);
}

#[test]
fn openssl_answers_with_the_hash_it_was_asked_with() {
    let peer = Peer::new();
    let (der, facts) = peer.certificate(0x1002);
    std::fs::write(peer.dir.path().join("leaf.pem"), pem("CERTIFICATE", &der)).unwrap();
    let (lookup, ca) = (facts.lookup.unwrap(), certificate::read(&peer.ca.der, &Limits::default()).unwrap());
    let authority = ca.facts.authority.unwrap();
    for hash in ["-sha1", "-sha256", "-sha384", "-sha512"] {
        peer.openssl(&["ocsp", "-issuer", "ca.pem", hash, "-cert", "leaf.pem", "-no_nonce", "-reqout", "request.der"]);
        if hash == "-sha1" {
            let theirs = read_file(&peer.dir.path().join("request.der"));
            assert_eq!(request(&lookup, &authority, None), theirs, "our request, byte for byte");
        }
        let bytes = peer.respond("delegate", &[]);
        let response = read(&bytes).unwrap();
        let question = Question { lookup: &lookup, authority: &authority, nonce: None, from: &Arc::from("peer") };
        let answered = answer(&response, &question, response.produced_at, &Policy::default(), &mut DelegateCache::default());
        assert!(matches!(answered.unwrap().answer.unwrap().says, Says::Revoked { .. }), "{hash}");
    }
}

#[test]
fn responses_in_files_are_facts_and_no_error() {
    let peer = Peer::new();
    let (bytes, _) = peer.ask(0x1001, None, "delegate", &["-ndays", "1"]);
    let decoded = |bytes: Vec<u8>| {
        let material = Material::Blob { bytes, passphrases: Arc::new([]) };
        crate::pki::decode(&material, &Limits::default(), UnixTime::from_secs(0))
    };
    for (what, file, count) in [
        ("DER", bytes.clone(), 1),
        ("PEM", pem("OCSP RESPONSE", &bytes).into_bytes(), 1),
        ("twice the same", bytes.repeat(2), 1),
        ("tryLater", vec![0x30, 3, 0x0a, 1, 3], 0),
        ("cut off in PEM", pem("OCSP RESPONSE", &bytes[..90]).into_bytes(), 0),
    ] {
        let facts = decoded(file);
        assert_eq!((facts.responses.len(), facts.failure().is_none()), (count, count == 1), "{what}: {:?}", facts.problems);
        if let Some(response) = facts.responses.first() {
            assert_eq!((&*response.serial, &*response.der), ("4097", &bytes[..]), "{what}");
            assert_eq!(response.next_update.unwrap().since(response.this_update).as_secs(), 86_400, "{what}");
        }
    }
}

#[test]
fn staples_are_judged_with_the_chain_or_the_roots() {
    let peer = Peer::new();
    let (good, _) = peer.ask(0x1001, None, "delegate", &["-ndays", "1"]);
    let (revoked, _) = peer.ask(0x1002, None, "ca", &["-ndays", "1"]);
    let now = read(&good).unwrap().produced_at;
    let (ca, other) = (peer.ca.der.clone(), Issued::root("Peer CA").der);
    let judged = |serial: u64, staple: Option<&[u8]>, above: &[&[u8]], roots: &[&[u8]], now: UnixTime| {
        let anchors = roots.iter().map(|der| webpki::anchor_from_trusted_cert(&(*der).into()).unwrap().to_owned()).collect();
        let leaf = peer.certificate(serial).0;
        let shown = Handshake {
            chain: std::iter::once(leaf).chain(above.iter().map(|der| der.to_vec())).collect(),
            staple: staple.map(Into::into),
            server_name: "www.example.com".into(),
            roots: Some(Arc::new(Roots { anchors })),
            version: None,
            cipher: None,
            group: None,
            alpn: None,
            client_certificate_requested: false,
            possession: Possession::Proved,
            method: crate::model::Method::Rustls,
            old_tls_accepted: false,
            client: Default::default(),
            clock: None,
        };
        let facts = crate::pki::decode(&Material::Handshake(Box::new(shown)), &Limits::default(), now);
        let endpoint = facts.endpoint.unwrap();
        (endpoint.staple.map(|staple| staple.map(|answer| matches!(answer.says, Says::Good))), endpoint.clock_skew)
    };
    // A clock ahead of ours is seen by what was produced in our future, when it is authentic; an old response shows no clock.
    let early = UnixTime::from_secs(now.secs() - 100);
    for (what, staple, above, at, skew) in [
        ("from the future", &good[..], &[&ca[..]][..], early, Some(100)),
        ("of now", &good, &[&ca], now, None),
        ("nobody knows who signed it", &good, &[&other], early, None),
    ] {
        assert_eq!(judged(0x1001, Some(staple), above, &[], at).1, skew, "{what}");
    }
    let late = now.plus(std::time::Duration::from_secs(2 * 86_400));
    for (what, serial, staple, above, roots, now, expected) in [
        ("the issuer was sent", 0x1001, Some(&good[..]), &[&ca[..]][..], &[][..], now, Some(Ok(true))),
        ("the issuer is an anchor", 0x1001, Some(&good), &[], &[&other[..], &ca], now, Some(Ok(true))),
        ("a namesake was sent", 0x1001, Some(&good), &[&other[..]], &[&ca[..]], now, Some(Ok(true))),
        ("revoked", 0x1002, Some(&revoked), &[&ca], &[], now, Some(Ok(false))),
        ("no issuer", 0x1001, Some(&good), &[], &[&other[..]], now, Some(Err(RevocationReason::IssuerUnknown))),
        ("about another", 0x1001, Some(&revoked), &[&ca], &[], now, Some(Err(RevocationReason::NotForCertificate))),
        ("stale", 0x1001, Some(&good), &[&ca], &[], late, Some(Err(RevocationReason::Stale))),
        ("empty", 0x1001, Some(&[]), &[&ca], &[], now, Some(Err(RevocationReason::Malformed))),
        ("none", 0x1001, None, &[&ca], &[], now, None),
    ] {
        assert_eq!(judged(serial, staple, above, roots, now).0, expected, "{what}");
    }
}
