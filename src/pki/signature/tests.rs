use std::process::Command;

use super::*;

/// Of a certificate: what is signed, the algorithm, the signature, the key.
fn parts(der: &[u8]) -> (&[u8], &[u8], &[u8], &[u8]) {
    let mut certificate = Reader::new(Reader::new(der).expect(der::SEQUENCE).unwrap());
    let tbs = certificate.next().unwrap().raw;
    let algorithm = certificate.next().unwrap().raw;
    let signature = whole_bytes(certificate.expect(der::BIT_STRING).unwrap()).unwrap();
    let mut fields = Reader::new(Reader::new(tbs).expect(der::SEQUENCE).unwrap());
    fields.optional(0xa0).unwrap();
    for _ in 0..5 {
        fields.next().unwrap();
    }
    (tbs, algorithm, signature, fields.next().unwrap().raw)
}

/// A certificate that openssl signs with its own key.
fn made(key: &str, options: &str) -> Vec<u8> {
    let script = format!("openssl req -x509 -nodes -keyout /dev/null -subj /CN=x -days 9 -outform DER -newkey {key} {options}");
    let output = Command::new("sh").args(["-euc", &script]).output().unwrap();
    assert!(output.status.success(), "{key} {options}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn what_openssl_signs_is_checked_or_named() {
    const GOOD: Check = Check::Holds { weak: false };
    const WEAK: Check = Check::Holds { weak: true };
    const NO: Check = Check::Unsupported;
    let ec = |curve: &str| format!("ec -pkeyopt ec_paramgen_curve:{curve}");
    let pss = |hash: &str, salt: &str| format!("{hash} -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:{salt}");
    for (key, options, expected) in [
        ("rsa:2048".to_owned(), "-sha256".to_owned(), GOOD),
        ("rsa:2048".into(), "-sha384".into(), GOOD),
        ("rsa:2048".into(), "-sha512".into(), GOOD),
        ("rsa:2048".into(), "-sha1".into(), WEAK),
        ("rsa:2048".into(), "-sha224".into(), NO),
        ("rsa:2048".into(), "-md5".into(), NO),
        ("rsa:1024".into(), "-sha256".into(), WEAK),
        ("rsa:1024".into(), "-sha1".into(), WEAK),
        ("rsa:1024".into(), "-sha384".into(), NO),
        ("rsa:768".into(), "-sha256".into(), NO),
        ("rsa:2048".into(), pss("-sha256", "32"), GOOD),
        ("rsa:2048".into(), pss("-sha384", "48"), GOOD),
        ("rsa:2048".into(), pss("-sha256", "20"), NO),
        ("rsa:2048".into(), pss("-sha1", "20"), NO),
        ("rsa-pss -pkeyopt rsa_keygen_bits:2048".into(), pss("-sha256", "32"), GOOD),
        (ec("P-256"), "-sha1".into(), WEAK),
        (ec("P-256"), "-sha224".into(), GOOD),
        (ec("P-256"), "-sha256".into(), GOOD),
        (ec("P-256"), "-sha384".into(), GOOD),
        (ec("P-256"), "-sha512".into(), GOOD),
        (ec("P-384"), "-sha1".into(), WEAK),
        (ec("P-384"), "-sha256".into(), GOOD),
        (ec("P-384"), "-sha384".into(), GOOD),
        (ec("P-384"), "-sha512".into(), GOOD),
        (ec("P-521"), "-sha256".into(), GOOD),
        (ec("P-521"), "-sha512".into(), GOOD),
        (ec("secp256k1"), "-sha256".into(), GOOD),
        (ec("secp256k1"), "-sha512".into(), GOOD),
        (ec("brainpoolP256r1"), "-sha256".into(), NO),
        ("ed25519".into(), String::new(), GOOD),
        ("ed448".into(), String::new(), NO),
    ] {
        let der = made(&key, &options);
        let (message, algorithm, signature, key_info) = parts(&der);
        let what = format!("{key} {options}");
        assert_eq!(verify(algorithm, key_info, message, signature), expected, "{what}");
        let mut changed = message.to_vec();
        changed[20] ^= 1;
        let refused = if expected == NO { NO } else { Check::Fails };
        assert_eq!(verify(algorithm, key_info, &changed, signature), refused, "{what}: another message");
        match digest_for(algorithm) {
            Some(hash) => {
                let digest = digest::digest(hash, message);
                assert_eq!(verify_digest(algorithm, key_info, digest.as_ref(), signature), expected, "{what}: by digest");
                assert_eq!(verify_digest(algorithm, key_info, &digest.as_ref()[1..], signature), Check::Fails, "{what}: cut digest");
            }
            None => assert_eq!(needs_whole_message(algorithm), expected == GOOD, "{what}"),
        }
    }
}

#[test]
fn a_key_of_another_kind_has_not_signed() {
    let (rsa, ec, ed) = (made("rsa:2048", "-sha256"), made("ec -pkeyopt ec_paramgen_curve:P-256", "-sha256"), made("ed25519", ""));
    for (what, by, key) in [("RSA by EC", &rsa, &ec), ("EC by RSA", &ec, &rsa), ("Ed25519 by EC", &ed, &ec), ("EC by Ed25519", &ec, &ed)] {
        let (message, algorithm, signature, _) = parts(by);
        assert_eq!(verify(algorithm, parts(key).3, message, signature), Check::Fails, "{what}");
        assert_eq!(verify(algorithm, b"garbage", message, signature), Check::Unsupported, "{what}");
    }
}

#[test]
fn absent_parameters_equal_null() {
    let der = made("rsa:2048", "-sha256");
    let (message, with_null, signature, key) = parts(&der);
    let id = &with_null[2..with_null.len() - 2];
    let without = [&[0x30, u8::try_from(id.len()).unwrap()], id].concat();
    let other = [&[0x30, u8::try_from(id.len() + 2).unwrap()], id, &[0x04, 0x00]].concat();
    assert!(same_algorithm(with_null, &without) && same_algorithm(&without, with_null));
    assert!(!same_algorithm(with_null, &other));
    assert_eq!(verify(&without, key, message, signature), Check::Holds { weak: false });
    assert_eq!(verify(&other, key, message, signature), Check::Unsupported);
    assert_eq!(verify(b"", key, message, signature), Check::Unsupported);
}
