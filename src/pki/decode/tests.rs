use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::facts::KeyAlgorithm;
use crate::model::{CertRole, CertificateFacts, CrlFacts};
use crate::pki::fixtures::{Issued, file, leaf_params, pem, self_signed, tlv};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn decoded(bytes: impl Into<Vec<u8>>) -> Facts {
    let material = Material::Blob { bytes: bytes.into(), passphrases: Arc::new([]) };
    decode(&material, &Limits::default(), NOW)
}

fn certificate(bytes: impl Into<Vec<u8>>) -> CertificateFacts {
    let mut facts = decoded(bytes);
    assert_eq!((facts.certificates.len(), facts.problems.len()), (1, 0), "{:?}", facts.problems);
    facts.certificates.remove(0)
}

#[test]
fn a_certificate_of_openssl() {
    let facts = certificate(file("one.pem"));
    assert_eq!(&*facts.subject, "CN=one.example,O=Example\\, Inc.,C=DE");
    assert_eq!((&*facts.subject_cn, &*facts.issuer_cn, facts.self_issued), ("one.example", "one.example", true));
    assert_eq!(facts.role, CertRole::Leaf, "self-issued, but no CA");
    assert_eq!(facts.names.iter().map(|name| name.prefixed()).collect::<Vec<_>>(), ["DNS:one.example", "IP:192.0.2.1"]);
    assert_eq!((facts.key.algorithm, facts.key.bits), (KeyAlgorithm::Ec, 256));
    assert_eq!((&*facts.signature_algorithm, facts.weak_signature), ("ecdsa-with-SHA256", false));
    assert_eq!(facts.not_after.since(facts.not_before), Duration::from_secs(30 * 86_400));
    let two = certificate(file("two.der"));
    assert_eq!((&*two.subject, two.role), ("CN=Two CA,DC=example,DC=com", CertRole::Root));
}

#[test]
fn odd_certificates_of_openssl() {
    let sha1 = certificate(file("sha1.pem"));
    assert_eq!((&*sha1.serial, &*sha1.signature_algorithm, sha1.weak_signature), ("-7", "sha1WithRSAEncryption", true));
    assert_eq!((sha1.key.algorithm, sha1.key.bits), (KeyAlgorithm::Rsa, 1024));
    let pss = certificate(file("pss.pem"));
    assert_eq!((&*pss.signature_algorithm, pss.weak_signature), ("rsassaPss", false));
    assert!(pss.not_after.rfc3339().as_str() > "9000", "{}", pss.not_after);
    let v1 = certificate(file("v1.pem"));
    assert_eq!((v1.role, v1.extended_key_usage, v1.key_usage), (CertRole::Root, None, None), "version 1, self-issued");
    assert_eq!(certificate(file("issued.pem")).role, CertRole::Leaf, "version 1, issued by another");
}

#[test]
fn roles_usages_and_dates() {
    let root = Issued::root("Root");
    let intermediate = root.intermediate("Intermediate");
    let leaf = intermediate.leaf("a.example", |params| {
        params.not_before = rcgen::date_time_ymd(1960, 1, 1);
        params.not_after = rcgen::date_time_ymd(9999, 1, 1);
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x7f; 20]));
    });
    let [root, intermediate, leaf] = [root, intermediate, leaf].map(|issued| certificate(issued.der));
    assert_eq!([root.role, intermediate.role, leaf.role], [CertRole::Root, CertRole::Intermediate, CertRole::Leaf]);
    assert_eq!((&*leaf.issuer, &*leaf.issuer_cn), ("CN=Intermediate", "Intermediate"));
    assert_eq!((leaf.not_before.secs(), leaf.not_after.secs()), (-315_619_200, 253_370_764_800));
    assert_eq!(&*leaf.serial, "727885129180488904360266563744972327436484050815");
    assert_eq!((leaf.key_usage, root.key_usage), (Some(0b1), Some(0b110_0000)));
    assert_eq!(leaf.extended_key_usage.unwrap().iter().map(|usage| &**usage).collect::<Vec<_>>(), ["serverAuth"]);
}

#[test]
fn impossible_dates_are_an_error() {
    let mut der = self_signed(leaf_params("a")).der;
    let date = der.windows(13).position(|window| window == b"200101000000Z").unwrap();
    der[date + 2..date + 4].copy_from_slice(b"13");
    let facts = decoded(pem("CERTIFICATE", &der));
    assert_eq!(facts.failure().unwrap().reason, Reason::BadDer);
}

#[test]
fn bad_parts_are_named_and_good_ones_kept() {
    let one = String::from_utf8(file("one.pem")).unwrap();
    for (what, bytes, certificates, crls, reason) in [
        ("the same twice", format!("{one}{one}"), 1, 0, None),
        ("base64 of no DER", pem("CERTIFICATE", b"hello"), 0, 0, Some(Reason::BadDer)),
        ("DER of no certificate", pem("CERTIFICATE", &file("public.der")), 0, 0, Some(Reason::BadDer)),
        ("trailing bytes", pem("CERTIFICATE", &[file("one.der"), vec![0]].concat()), 1, 0, Some(Reason::BadDer)),
        ("no CRL", pem("X509 CRL", &file("one.der")), 0, 0, Some(Reason::BadCrl)),
        ("a bad CRL beside a certificate", one.clone() + &pem("X509 CRL", b"\x30\x00"), 1, 0, Some(Reason::BadCrl)),
        ("a private key", String::from_utf8(file("one.key")).unwrap(), 0, 0, None),
        ("nothing", String::new(), 0, 0, Some(Reason::NoCertificateFound)),
        ("two lists of one issuer", String::from_utf8(file("both.crl")).unwrap(), 0, 2, None),
    ] {
        let facts = decoded(bytes);
        assert_eq!((facts.certificates.len(), facts.crls.len()), (certificates, crls), "{what}");
        assert_eq!(facts.problems.first().map(|problem| problem.reason), reason, "{what}");
        assert_eq!(facts.failure().is_some(), certificates + crls == 0 && reason.is_some(), "{what}");
    }
}

#[test]
fn lists_of_openssl() {
    let facts = decoded(file("both.crl"));
    let [v1, v2] = &facts.crls[..] else { panic!("{facts:?}") };
    assert_eq!((v1.number.as_deref(), v1.entries, v1.delta), (None, 0, false));
    assert_eq!((v2.number.as_deref(), v2.entries, v2.delta), (Some("5"), 1, false));
    for list in [v1, v2] {
        assert_eq!((&*list.issuer, &*list.issuer_cn), ("CN=Two CA,DC=example,DC=com", "Two CA"));
        assert_eq!(list.next_update.unwrap().since(list.this_update), Duration::from_secs(9 * 86_400));
        assert_eq!(&*list.signature_algorithm, "ecdsa-with-SHA256");
    }
}

/// A list of parts; none of them is signed by anyone.
fn list(parts: &[Vec<u8>]) -> Vec<u8> {
    let algorithm = tlv(0x30, b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
    let issuer = tlv(0x30, &tlv(0x31, &tlv(0x30, b"\x06\x03\x55\x04\x03\x0c\x02CA")));
    let (version, rest) = parts.split_first().unwrap();
    let tbs = [version.clone(), algorithm.clone(), issuer, rest.concat()].concat();
    tlv(0x30, &[tlv(0x30, &tbs), algorithm, tlv(3, &[0])].concat())
}

#[test]
fn lists_by_the_letter() {
    let (v1, v2, this) = (vec![], tlv(2, &[1]), tlv(0x17, b"240101000000Z"));
    let next = tlv(0x18, b"20240201000000Z");
    let entry = |serial: &[u8]| tlv(0x30, &[tlv(2, serial), tlv(0x17, b"240101000000Z")].concat());
    let number = tlv(0x30, &[b"\x06\x03\x55\x1d\x14".to_vec(), tlv(4, &tlv(2, &[0x01; 17]))].concat());
    let delta = tlv(0x30, b"\x06\x03\x55\x1d\x1b\x01\x01\xff\x04\x03\x02\x01\x01");
    let extensions = |of: &[Vec<u8>]| tlv(0xa0, &tlv(0x30, &of.concat()));
    let read = |parts: &[Vec<u8>]| crl::read(&list(parts)).map_err(|error| error.to_string());
    type Row<'a> = (&'a str, Vec<Vec<u8>>, fn(&CrlFacts) -> bool);
    let rows: [Row<'_>; 5] = [
        ("version 1 without nextUpdate", vec![v1.clone(), this.clone()], |list| list.next_update.is_none() && list.entries == 0),
        ("nextUpdate in GeneralizedTime", vec![v1, this.clone(), next.clone()], |list| list.next_update.unwrap().secs() == 1_706_745_600),
        ("entries", vec![v2.clone(), this.clone(), next.clone(), tlv(0x30, &[entry(&[1]), entry(&[0xff; 30])].concat())], |list| {
            list.entries == 2
        }),
        ("entries without nextUpdate", vec![v2.clone(), this.clone(), tlv(0x30, &entry(&[1]))], |list| list.entries == 1),
        ("delta with a long number", vec![v2.clone(), this.clone(), next, extensions(&[number, delta])], |list| {
            list.delta && list.number.as_deref() == Some("341616807575530379006368233343265341697")
        }),
    ];
    for (what, parts, holds) in rows {
        let list = read(&parts).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(holds(&list), "{what}: {list:?}");
    }
    for (what, parts, error) in [
        ("version 3", vec![tlv(2, &[2]), this.clone()], "version 3"),
        ("no thisUpdate", vec![v2.clone()], "thisUpdate"),
        ("impossible date", vec![v2.clone(), tlv(0x17, b"240230000000Z")], "thisUpdate"),
        ("entries of another kind", vec![v2.clone(), this.clone(), tlv(0x30, &tlv(2, &[1]))], "revokedCertificates"),
        ("extensions cut off", vec![v2.clone(), this.clone(), tlv(0xa0, b"\x30\x03\x30")], "extensions"),
        ("something after the end", vec![v2, this, tlv(0xa5, b"")], "tbsCertList"),
    ] {
        assert!(read(&parts).is_err_and(|found| found.contains(error)), "{what}: {:?}", read(&parts));
    }
    assert!(crl::read(&[list(&[vec![], tlv(0x17, b"240101000000Z")]), vec![0]].concat()).is_err(), "trailing byte");
}

#[test]
fn names_are_limited() {
    let mut params = leaf_params("a.example");
    params.subject_alt_names = (0..50).map(|n| rcgen::SanType::DnsName(format!("n{n}.example").try_into().unwrap())).collect();
    let material = Material::Blob { bytes: self_signed(params).der, passphrases: Arc::new([]) };
    let facts = decode(&material, &Limits { names: 10, ..Limits::default() }, NOW);
    assert_eq!(facts.certificates[0].names.len(), 10);
}

#[test]
fn an_absurd_serial_is_refused() {
    let der = Issued::root("x").der;
    let parsed = certificate::read(&der, &Limits::default()).unwrap().parsed;
    let (tbs, serial) = (parsed.tbs_certificate.as_ref(), parsed.raw_serial());
    let at = tbs.windows(serial.len()).position(|window| window == serial).unwrap();
    let contents = [b"\xa0\x03\x02\x01\x02".to_vec(), tlv(2, &[1; 2000]), tbs[at + serial.len()..].to_vec()].concat();
    let rest = &der[der.windows(tbs.len()).position(|window| window == tbs).unwrap() + tbs.len()..];
    let absurd = tlv(0x30, &[tlv(0x30, &contents), rest.to_vec()].concat());
    assert_eq!(decoded(absurd).problems[0].detail, "serial number of 2000 bytes");
}

/// Whatever is done to the bytes, decoding ends, and finds no more than fits into them.
fn survives(what: &str, bytes: Vec<u8>, passphrases: &Arc<[Secret]>) {
    let length = bytes.len();
    let material = Material::Blob { bytes, passphrases: Arc::clone(passphrases) };
    let limits = Limits { kdf_iterations: 3, ..Limits::default() };
    let facts = decode(&material, &limits, NOW);
    assert!(facts.certificates.len() + facts.crls.len() <= length / 64, "{what}");
    assert!(facts.problems.len() <= 32, "{what}");
}

#[test]
fn no_mutation_of_any_format_panics() {
    let none: Arc<[Secret]> = Arc::new([]);
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    for name in [
        "one.pem",
        "one.der",
        "trusted.pem",
        "pss.pem",
        "v1.pem",
        "v2.crl",
        "v2.crl.der",
        "bundle.p7",
        "bundle.p7.der",
        "streamed.p7",
        "plain.p12",
        "aes256.p12",
        "legacy.p12",
        "key.jks",
        "trust.jceks",
        "pkcs8.der",
    ] {
        let bytes = file(name);
        for end in 0..bytes.len() {
            survives(name, bytes[..end].to_vec(), &none);
        }
        for _ in 0..2000 {
            let mut mutated = bytes.clone();
            for _ in 0..=random() % 4 {
                let at = random() % mutated.len();
                mutated[at] = random().to_le_bytes()[0];
            }
            survives(name, mutated, &none);
        }
    }
}

#[test]
fn hostile_sizes_and_depths_end_soon() {
    let none: Arc<[Secret]> = Arc::new([]);
    let patience = Duration::from_secs(60);
    let thread = std::thread::spawn(move || {
        const SIZE: usize = 16 << 20;
        let block = "-----BEGIN CERTIFICATE-----\n";
        for (what, bytes) in [
            ("zeroes", vec![0; SIZE]),
            ("dashes", vec![b'-'; SIZE]),
            ("line ends", vec![b'\n'; SIZE]),
            ("begins", b"-----BEGIN ".repeat(SIZE / 11)),
            ("begins of blocks", block.as_bytes().repeat(SIZE / block.len())),
            ("labels of dashes", b"-----BEGIN ----".repeat(SIZE / 15)),
            ("four dashes", b"----x".repeat(SIZE / 5)),
            ("base64", vec![b'M'; SIZE]),
            ("indefinite lengths", b"\x30\x80".repeat(SIZE / 2)),
            ("a colon", [block.as_bytes(), &b":\n".repeat(SIZE / 2), b"-----END CERTIFICATE-----"].concat()),
            ("nested sequences", (0..2000).fold(Vec::new(), |inner, _| tlv(0x30, &inner))),
            ("a giant length", [b"\x30\x84\x7f\xff\xff\xff\x30\x84\x7f\xff\xff\xf0".to_vec(), vec![0x30; SIZE]].concat()),
        ] {
            survives(what, bytes, &none);
        }
    });
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(thread.join().is_ok()));
    assert_eq!(wait.recv_timeout(patience), Ok(true));
}

#[test]
fn the_seeds_of_the_fuzzer_replay() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        #[expect(clippy::disallowed_methods, reason = "files of ours")]
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        decoded(bytes.clone());
        let _ = crl::read(&bytes);
        let _ = ocsp::read(&bytes);
        let _ = certificate::read(&bytes, &Limits::default());
        replayed += 1;
    }
    assert!(replayed >= 10, "{replayed}");
}

#[test]
fn a_handshake_gives_its_chain_in_order() {
    let root = Issued::root("Root");
    let leaf = root.leaf("a.example", |_| {});
    let shown = Handshake {
        chain: vec![leaf.der.clone(), root.der.clone(), leaf.der, b"garbage".to_vec()],
        staple: Some(vec![]),
        server_name: "a.example".into(),
        roots: Some(Arc::default()),
        version: Some("TLS 1.3"),
        cipher: Some("TLS_AES_128_GCM_SHA256"),
        group: None,
        alpn: Some("h2".into()),
        client_certificate_requested: true,
        possession: crate::model::observation::Possession::Proved,
        method: crate::model::Method::Rustls,
        old_tls_accepted: false,
        client: Default::default(),
        clock: None,
    };
    let facts = decode(&Material::Handshake(Box::new(shown)), &Limits::default(), NOW);
    assert_eq!(facts.certificates.iter().map(|facts| &*facts.subject_cn).collect::<Vec<_>>(), ["a.example", "Root"]);
    assert_eq!(facts.problems.iter().map(|problem| problem.reason).collect::<Vec<_>>(), [Reason::BadDer]);
    let endpoint = facts.endpoint.unwrap();
    assert!(endpoint.stapled && endpoint.client_certificate_requested);
    assert_eq!((endpoint.version.as_deref(), endpoint.alpn.as_deref()), (Some("TLS 1.3"), Some("h2")));
}

#[test]
fn what_revocation_is_looked_up_by() {
    let root = Issued::root("Root");
    let sub = root.intermediate("Sub");
    let leaf = sub.leaf("a.example", |params| {
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0, 0xff]));
        params.use_authority_key_identifier_extension = true;
        params.crl_distribution_points = vec![rcgen::CrlDistributionPoint { uris: vec!["http://crl.example/1".into()] }];
    });
    let mut params = crate::pki::fixtures::ca_params("Root");
    params.use_authority_key_identifier_extension = true;
    let rolled_over = root.issue(params);
    let [leaf, sub, rolled_over, root] = [leaf, sub, rolled_over, root].map(|issued| certificate(issued.der));
    assert!(root.lookup.is_none() && root.authority.is_some(), "self-signed");
    assert!(rolled_over.self_issued && rolled_over.lookup.is_some(), "self-issued by another key");
    let (lookup, authority) = (leaf.lookup.unwrap(), sub.authority.unwrap());
    assert!(leaf.authority.is_none() && sub.lookup.unwrap().is_ca);
    assert_eq!((&*lookup.serial, lookup.is_ca, &lookup.issuer), (&[0, 0xff][..], false, &authority.subject));
    assert_eq!(&*lookup.pointers.crls[0].urls[0], "http://crl.example/1");
    assert_eq!(lookup.pointers.authority_key, authority.key_id);
    assert!(lookup.signed.as_ref().unwrap().is_digest);
    assert!(crate::pki::authority::issued(&authority, &lookup) && !crate::pki::authority::issued(&root.authority.unwrap(), &lookup));
}
