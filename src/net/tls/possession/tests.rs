use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519};

use super::*;

const MESSAGE: &[u8] = b"what both sides have said so far";

fn certificate(key: &KeyPair) -> Vec<u8> {
    CertificateParams::new(["a.example".to_owned()]).unwrap().self_signed(key).unwrap().der().to_vec()
}

fn rsa(bits: u32) -> KeyPair {
    let size = match bits {
        2048 => rcgen::RsaKeySize::_2048,
        _ => rcgen::RsaKeySize::_3072,
    };
    KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap()
}

fn sign_ecdsa(key: &KeyPair, with: &'static sig::EcdsaSigningAlgorithm) -> Vec<u8> {
    let pair = EcdsaKeyPair::from_pkcs8(with, key.serialized_der()).unwrap();
    pair.sign(&SystemRandom::new(), MESSAGE).unwrap().as_ref().to_vec()
}

fn sign_rsa(key: &KeyPair, with: &'static sig::RsaSignatureEncoding) -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(key.serialized_der()).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(with, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
    signature
}

#[test]
fn a_signature_by_the_certificates_key_holds_and_by_another_does_not() {
    let [p256, p384, p521, ed25519] = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_ED25519]
        .map(|algorithm| [(); 2].map(|()| KeyPair::generate_for(algorithm).unwrap()));
    let rsa = [rsa(2048), rsa(3072)];
    let by_ed25519 = Ed25519KeyPair::from_pkcs8_maybe_unchecked(ed25519[0].serialized_der()).unwrap().sign(MESSAGE).as_ref().to_vec();
    for (behaviour, keys, scheme, signature) in [
        ("P-256", &p256, Scheme::ECDSA_NISTP256_SHA256, sign_ecdsa(&p256[0], &sig::ECDSA_P256_SHA256_ASN1_SIGNING)),
        ("P-384", &p384, Scheme::ECDSA_NISTP384_SHA384, sign_ecdsa(&p384[0], &sig::ECDSA_P384_SHA384_ASN1_SIGNING)),
        ("P-521", &p521, Scheme::ECDSA_NISTP521_SHA512, sign_ecdsa(&p521[0], &sig::ECDSA_P521_SHA512_ASN1_SIGNING)),
        (
            "a curve that the scheme does not name",
            &p521,
            Scheme::ECDSA_NISTP256_SHA256,
            sign_ecdsa(&p521[0], &sig::ECDSA_P521_SHA256_ASN1_SIGNING),
        ),
        ("Ed25519", &ed25519, Scheme::ED25519, by_ed25519),
        ("RSA PKCS#1 SHA-256", &rsa, Scheme::RSA_PKCS1_SHA256, sign_rsa(&rsa[0], &sig::RSA_PKCS1_SHA256)),
        ("RSA PKCS#1 SHA-384", &rsa, Scheme::RSA_PKCS1_SHA384, sign_rsa(&rsa[0], &sig::RSA_PKCS1_SHA384)),
        ("RSA PKCS#1 SHA-512", &rsa, Scheme::RSA_PKCS1_SHA512, sign_rsa(&rsa[0], &sig::RSA_PKCS1_SHA512)),
        ("RSA-PSS SHA-256", &rsa, Scheme::RSA_PSS_SHA256, sign_rsa(&rsa[0], &sig::RSA_PSS_SHA256)),
        ("RSA-PSS SHA-384", &rsa, Scheme::RSA_PSS_SHA384, sign_rsa(&rsa[0], &sig::RSA_PSS_SHA384)),
        ("RSA-PSS SHA-512", &rsa, Scheme::RSA_PSS_SHA512, sign_rsa(&rsa[0], &sig::RSA_PSS_SHA512)),
        ("RSA-PSS of a PSS key", &rsa, Scheme::Unknown(0x0809), sign_rsa(&rsa[0], &sig::RSA_PSS_SHA256)),
    ] {
        assert_eq!(check(&certificate(&keys[0]), scheme, MESSAGE, &signature), Proof::Holds, "{behaviour}");
        let foreign = certificate(&keys[1]);
        assert!(matches!(check(&foreign, scheme, MESSAGE, &signature), Proof::Bad(_)), "{behaviour}, by another key");
        assert!(matches!(check(&certificate(&keys[0]), scheme, b"other", &signature), Proof::Bad(_)), "{behaviour}, another message");
        assert!(matches!(check(&certificate(&keys[0]), scheme, MESSAGE, &[]), Proof::Bad(_)), "{behaviour}, an empty signature");
    }
}

#[test]
fn what_cannot_be_checked_is_neither_good_nor_bad() {
    let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    for (behaviour, certificate, scheme) in [
        ("a scheme that only others know", certificate(&p256), Scheme::ED448),
        ("a scheme without a name", certificate(&p256), Scheme::Unknown(0xfe00)),
        ("SHA-1 on P-384, which the library lacks", certificate(&p384), Scheme::ECDSA_SHA1_Legacy),
        ("a certificate that cannot be read", b"not DER".to_vec(), Scheme::ECDSA_NISTP256_SHA256),
        ("no bytes at all", Vec::new(), Scheme::ECDSA_NISTP256_SHA256),
    ] {
        assert_eq!(check(&certificate, scheme, MESSAGE, b"signature"), Proof::Unchecked, "{behaviour}");
    }
}

#[test]
fn a_scheme_of_another_kind_than_the_key_is_a_foreign_key() {
    let p256 = certificate(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
    let Proof::Bad(words) = check(&p256, Scheme::RSA_PSS_SHA256, MESSAGE, b"signature") else { panic!("let through") };
    assert_eq!(words, "the server signed with RSA_PSS_SHA256, but its certificate's key is P256");
}
