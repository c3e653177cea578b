use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm};

use super::*;
use crate::http::web::settings::{ClientAuth, Pem};

fn settings() -> TlsSettings {
    let nothing = Pem::File(std::path::PathBuf::new());
    TlsSettings {
        certificate: nothing.clone(),
        key: nothing,
        client_auth: ClientAuth::No,
        client_ca: None,
        client_allowed_sans: Vec::new(),
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        cipher_suites: Vec::new(),
        curve_preferences: Vec::new(),
        prefer_server_cipher_suites: true,
    }
}

fn pair(algorithm: &'static SignatureAlgorithm) -> Material {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let certificate = CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let key = Zeroizing::new(key.serialize_pem().into_bytes());
    Material { certificate: certificate.pem().into_bytes(), key, client_ca: Vec::new() }
}

fn refusal(settings: &TlsSettings, material: &Material) -> String {
    config(settings, material, true).map(|_| ()).expect_err("accepted").to_string()
}

#[test]
fn certificate_and_key_have_to_be_there_and_to_belong_together() {
    let (one, other) = (pair(&PKCS_ECDSA_P256_SHA256), pair(&PKCS_ECDSA_P256_SHA256));
    let bytes = |text: &str| text.as_bytes().to_vec();
    let text = String::from_utf8(one.certificate.clone()).unwrap();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (behaviour, certificate, key, words) in [
        ("another key", one.certificate.clone(), other.key.to_vec(), "the key does not belong to the certificate"),
        ("no key", one.certificate.clone(), one.certificate.clone(), "no private key in it"),
        ("an encrypted key", one.certificate.clone(), bytes(encrypted), "is encrypted"),
        ("an empty key", one.certificate.clone(), Vec::new(), "no private key in it"),
        ("no certificate", one.key.to_vec(), one.key.to_vec(), "no certificate in it"),
        ("cut in the middle", text.as_bytes()[..text.len() / 2].to_vec(), one.key.to_vec(), "not the PEM of certificates"),
        ("no DER", bytes("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), one.key.to_vec(), "cannot be used"),
        ("a bundle of the world", one.certificate.repeat(MOST_CERTIFICATES + 1), one.key.to_vec(), "more than 1000 certificates"),
    ] {
        let material = Material { certificate, key: Zeroizing::new(key), client_ca: Vec::new() };
        let why = refusal(&settings(), &material);
        assert!(why.contains(words), "{behaviour}: {why}");
    }
    let config = config(&settings(), &one, true).unwrap();
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!(config.send_tls13_tickets, 0, "nobody resumes a session");
    assert_eq!(super::config(&settings(), &one, false).unwrap().alpn_protocols, [b"http/1.1".to_vec()]);
}

#[test]
fn client_cas_have_to_be_usable_where_clients_are_verified() {
    let own = pair(&PKCS_ECDSA_P256_SHA256);
    let verifying = TlsSettings { client_auth: ClientAuth::RequireAndVerify, ..settings() };
    for (behaviour, ca, words) in [("nothing", &b""[..], "no certificate in it"), ("rubbish", b"rubbish", "no certificate in it")] {
        let material = Material { client_ca: ca.to_vec(), ..pair(&PKCS_ECDSA_P256_SHA256) };
        assert!(refusal(&verifying, &material).contains(words), "{behaviour}");
    }
    let material = Material { client_ca: own.certificate.clone(), ..own };
    assert!(config(&verifying, &material, true).is_ok());
}

#[test]
fn suites_named_of_a_version_are_its_only_ones() {
    let rows: [(&str, &[Suite], &[&str]); 4] = [
        ("one of each", &[Suite::RsaAes128, Suite::Aes128], &["TLS13_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]),
        ("of TLS 1.3 alone", &[Suite::Chacha20, Suite::Aes256], &["TLS13_CHACHA20_POLY1305_SHA256", "TLS13_AES_256_GCM_SHA384"]),
        (
            "of TLS 1.2 alone: as in Go, those of TLS 1.3 stay",
            &[Suite::EcdsaAes256],
            &[
                "TLS13_AES_256_GCM_SHA384",
                "TLS13_AES_128_GCM_SHA256",
                "TLS13_CHACHA20_POLY1305_SHA256",
                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            ],
        ),
        ("all, in the order of the library", &[], &[]),
    ];
    for (behaviour, named, expected) in rows {
        let found = suites(&TlsSettings { cipher_suites: named.to_vec(), ..settings() });
        let found: Vec<String> = found.iter().map(|suite| format!("{:?}", suite.suite())).collect();
        let all: Vec<String> = aws_lc_rs::DEFAULT_CIPHER_SUITES.iter().map(|suite| format!("{:?}", suite.suite())).collect();
        let expected: Vec<String> = if named.is_empty() { all } else { expected.iter().map(|name| (*name).to_owned()).collect() };
        assert_eq!(found, expected, "{behaviour}");
    }
}

#[test]
fn suites_that_no_certificate_fits_are_refused() {
    let only = |suite| TlsSettings { max_version: TlsVersion::Tls12, cipher_suites: vec![suite], ..settings() };
    let (ecdsa, rsa) = (pair(&PKCS_ECDSA_P256_SHA256), pair(&PKCS_RSA_SHA256));
    for (behaviour, suite, material, is_fine) in [
        ("ECDSA for ECDSA", Suite::EcdsaAes128, &ecdsa, true),
        ("RSA for RSA", Suite::RsaChacha20, &rsa, true),
        ("RSA for ECDSA", Suite::RsaAes128, &ecdsa, false),
        ("ECDSA for RSA", Suite::EcdsaAes256, &rsa, false),
    ] {
        assert_eq!(config(&only(suite), material, true).is_ok(), is_fine, "{behaviour}");
    }
    assert!(refusal(&only(Suite::RsaAes128), &ecdsa).contains("none of the cipher suites is for a certificate with a key of kind ECDSA"));
}

#[test]
fn every_name_means_something_of_the_library() {
    let all = TlsSettings { cipher_suites: Suite::ALL.to_vec(), curve_preferences: Curve::ALL.to_vec(), ..settings() };
    let provider = provider(&all);
    assert_eq!((provider.cipher_suites.len(), provider.kx_groups.len()), (Suite::ALL.len(), Curve::ALL.len()));
    for (suite, found) in Suite::ALL.iter().filter(|suite| suite.version() == TlsVersion::Tls12).zip(&provider.cipher_suites[3..]) {
        assert_eq!(format!("{:?}", found.suite()), suite.as_str());
    }
    assert_eq!(versions(&TlsSettings { min_version: TlsVersion::Tls13, ..settings() }).len(), 1);
}
