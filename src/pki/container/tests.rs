use super::*;
use crate::pki::fixtures::{Issued, file, pem, tlv};

fn opened(bytes: &[u8]) -> Contents {
    open(bytes, &[], &Limits::default())
}

fn with(bytes: &[u8], passphrase: &str) -> Contents {
    open(bytes, &[Secret(passphrase.to_owned())], &Limits::default())
}

/// Certificates, CRLs, something else, reasons.
type Found = (usize, usize, bool, Vec<Reason>);

fn found(contents: &Contents) -> Found {
    let Contents { certificates, crls, other, problems, responses: _ } = contents;
    (certificates.len(), crls.len(), *other, problems.iter().map(|problem| problem.reason).collect())
}

fn text(name: &str) -> String {
    String::from_utf8(file(name)).unwrap()
}

#[test]
fn pem_is_read_however_it_is_written() {
    let (one, two) = (text("one.pem"), text("two.pem"));
    let bad = one.replacen('M', "!", 1);
    let cut = &one[..one.len() - 40];
    let unpadded = pem("CERTIFICATE", &file("one.der")).replace('=', "");
    let headed = one.replacen("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n more\n\n", 1);
    for (what, input, expected) in [
        ("two blocks", format!("{one}{two}"), (2, 0, false, vec![])),
        ("the label of old", one.replace("CERTIFICATE", "X509 CERTIFICATE"), (1, 0, false, vec![])),
        ("byte order mark", format!("\u{feff}{one}"), (1, 0, false, vec![])),
        ("indented", one.lines().map(|line| format!("    {line}\n")).collect(), (1, 0, false, vec![])),
        ("CRLF", one.replace('\n', "\r\n"), (1, 0, false, vec![])),
        ("lone CR", one.replace('\n', "\r"), (1, 0, false, vec![])),
        ("one line", one.replace('\n', " "), (1, 0, false, vec![])),
        ("text around", format!("Bag Attributes\n    friendlyName: x\n{one}subject=y\n--- {two} -- end\n"), (2, 0, false, vec![])),
        ("glued", format!("{}{two}", one.trim_end()), (2, 0, false, vec![])),
        ("no padding", unpadded, (1, 0, false, vec![])),
        ("headers", headed, (1, 0, false, vec![])),
        ("a bad one between", format!("{one}{bad}{two}"), (2, 0, false, vec![Reason::BadPem])),
        ("no end line", format!("{cut}\n{two}"), (1, 0, false, vec![Reason::BadPem])),
        ("cut off", cut.to_owned(), (0, 0, false, vec![Reason::BadPem])),
        ("other end", one.replace("END CERTIFICATE", "END X509 CRL"), (0, 0, false, vec![Reason::BadPem])),
        ("empty block", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".into(), (0, 0, false, vec![Reason::BadPem])),
        ("aux data", text("trusted.pem"), (1, 0, false, vec![])),
        ("PKCS#7", text("bundle.p7"), (2, 1, false, vec![])),
        ("CMS", text("bundle.p7").replace("PKCS7", "CMS"), (2, 1, false, vec![])),
        ("PKCS#7 as certificate", text("bundle.p7").replace("PKCS7", "CERTIFICATE"), (2, 1, false, vec![])),
        ("CRLs", text("both.crl"), (0, 2, false, vec![])),
        ("a key", text("one.key"), (0, 0, true, vec![])),
        ("an encrypted key", text("shrouded.pem"), (0, 0, true, vec![])),
        ("a request", text("request.pem"), (0, 0, true, vec![])),
        ("a request of old", text("request.pem").replace("CERTIFICATE", "NEW CERTIFICATE"), (0, 0, true, vec![])),
        ("a key and its certificate", format!("{}{one}", text("one.key")), (1, 0, true, vec![])),
        ("a key without end", text("one.key").replace("-----END", ""), (0, 0, false, vec![Reason::BadPem])),
        ("an unknown label", pem("CHEESE", b"\x30\x00"), (0, 0, false, vec![Reason::NoCertificateFound])),
        ("an end alone", "-----END CERTIFICATE-----".into(), (0, 0, false, vec![Reason::NoCertificateFound])),
        ("nothing", String::new(), (0, 0, false, vec![Reason::NoCertificateFound])),
        ("prose", "0 s:CN = x\nhello".into(), (0, 0, false, vec![Reason::NoCertificateFound])),
        ("prose that begins with a zero", format!("0 s:CN = x\n{one}"), (1, 0, false, vec![])),
        ("dashes", "-".repeat(1000), (0, 0, false, vec![Reason::NoCertificateFound])),
    ] {
        assert_eq!(found(&opened(input.as_bytes())), expected, "{what}");
    }
    assert_eq!(opened(text("trusted.pem").as_bytes()).certificates, [file("one.der")]);
}

#[test]
fn a_bad_block_is_named_by_its_line() {
    let input = format!("one\r\ntwo\rthree\n{}", pem("CERTIFICATE", b"x").replace("eA", "!!"));
    assert_eq!(opened(input.as_bytes()).problems[0].detail, "line 4: CERTIFICATE is not base64");
    let input = format!("{0}{0}", "-----BEGIN CERTIFICATE-----\n");
    let details: Vec<_> = opened(input.as_bytes()).problems.into_iter().map(|problem| problem.detail).collect();
    assert_eq!(details, ["line 1: CERTIFICATE has no end", "line 2: CERTIFICATE has no end"]);
}

#[test]
fn der_is_known_by_its_structure() {
    let (one, two) = (file("one.der"), file("two.der"));
    let base64 = |name| pem("X", &file(name)).lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n");
    for (what, input, expected) in [
        ("a certificate", one.clone(), (1, 0, false, vec![])),
        ("two of them", [one.clone(), two].concat(), (2, 0, false, vec![])),
        ("a line end after it", [&one[..], b"\n"].concat(), (1, 0, false, vec![])),
        ("garbage after it", [&one[..], b"garbage"].concat(), (1, 0, false, vec![Reason::BadDer])),
        ("garbage after it in PEM", pem("CERTIFICATE", &[&one[..], b"garbage"].concat()).into(), (1, 0, false, vec![Reason::BadDer])),
        ("cut off", one[..one.len() - 1].to_vec(), (0, 0, false, vec![Reason::BadDer])),
        ("a CRL", file("v2.crl.der"), (0, 1, false, vec![])),
        ("PKCS#7", file("bundle.p7.der"), (2, 0, false, vec![])),
        ("PKCS#7 of indefinite length", file("streamed.p7"), (2, 0, false, vec![])),
        ("PKCS#7 without certificates", file("enveloped.p7"), (0, 0, false, vec![Reason::BadPkcs7])),
        ("PKCS#7 cut off", pem("PKCS7", &file("bundle.p7.der")[..99]).into(), (0, 0, false, vec![Reason::BadPkcs7])),
        ("PKCS#8", file("pkcs8.der"), (0, 0, true, vec![])),
        ("encrypted PKCS#8", file("shrouded.der"), (0, 0, true, vec![])),
        ("PKCS#1", file("pkcs1.der"), (0, 0, true, vec![])),
        ("SEC 1", file("sec1.der"), (0, 0, true, vec![])),
        ("a public key", file("public.der"), (0, 0, true, vec![])),
        ("a request", file("request.der"), (0, 0, true, vec![])),
        ("a certificate in base64", base64("one.der").into(), (1, 0, false, vec![])),
        ("a CRL in base64", base64("v2.crl.der").into(), (0, 1, false, vec![])),
        ("a SEQUENCE of nothing known", tlv(0x30, &tlv(0x0a, &[0; 200])), (0, 0, false, vec![Reason::BadDer])),
        ("a giant length", b"\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), (0, 0, false, vec![Reason::BadDer])),
    ] {
        assert_eq!(found(&opened(&input)), expected, "{what}");
    }
}

#[test]
fn pkcs12_of_every_encryption() {
    let wrong = vec![Reason::BadPassphrase];
    for (name, passphrase, expected) in [
        ("aes256.p12", Some("secret"), (2, 0, true, vec![])),
        ("aes256.p12", Some("wrong"), (0, 0, true, wrong.clone())),
        ("aes256.p12", None, (0, 0, true, wrong.clone())),
        ("legacy.p12", Some("secret"), (2, 0, true, vec![])),
        ("3des.p12", Some("secret"), (1, 0, true, vec![])),
        ("2des.p12", Some("secret"), (1, 0, true, vec![])),
        ("rc2.p12", Some("secret"), (1, 0, true, vec![])),
        ("aes128.p12", Some("secret"), (1, 0, true, vec![])),
        ("aes192.p12", Some("secret"), (1, 0, true, vec![])),
        ("trust.p12", None, (2, 0, false, vec![])),
        ("trust.p12", Some("wrong"), (0, 0, false, wrong.clone())),
        ("empty.p12", None, (2, 0, false, vec![])),
        ("plain.p12", None, (2, 0, false, vec![])),
        ("plain.p12", Some("any"), (2, 0, false, vec![])),
        ("sealed.p12", None, (2, 0, false, vec![])),
        ("sealed.p12", Some("wrong"), (2, 0, false, wrong)),
        ("java.p12", None, (1, 0, false, vec![])),
    ] {
        let contents = passphrase.map_or_else(|| opened(&file(name)), |passphrase| with(&file(name), passphrase));
        assert_eq!(found(&contents), expected, "{name} {passphrase:?} {:?}", contents.problems);
    }
    let passphrases = ["a", "secret"].map(|text| Secret(text.to_owned()));
    let contents = open(&file("legacy.p12"), &passphrases, &Limits::default());
    assert!(contents.certificates.contains(&file("one.der")) && contents.certificates.contains(&file("two.der")));
}

#[test]
fn pkcs12_without_integrity_is_opened_by_what_decrypts() {
    for name in ["aes256.p12", "legacy.p12"] {
        let store = file(name);
        let mut parts = Reader::new(Reader::new(&store).next().unwrap().contents);
        let kept = [parts.next().unwrap().raw, parts.next().unwrap().raw].concat();
        assert!(!parts.is_empty(), "there was a MacData");
        let store = tlv(0x30, &kept);
        assert_eq!(found(&with(&store, "secret")), (2, 0, true, vec![]), "{name}");
        assert_eq!(found(&with(&store, "wrong")), (0, 0, true, vec![Reason::BadPassphrase]), "{name}");
    }
}

#[test]
fn pkcs12_that_asks_for_too_much_is_refused_before_any_work() {
    let limits = Limits { kdf_iterations: 4095, ..Limits::default() };
    let contents = open(&file("trust.p12"), &[], &limits);
    assert_eq!(found(&contents), (0, 0, false, vec![Reason::BadPkcs12]));
    let two = open(&file("trust.p12").repeat(2), &[], &Limits { kdf_iterations: 4096, ..limits });
    assert_eq!(found(&two), (2, 0, false, vec![Reason::BadPkcs12]), "stores in one file share the limit");
    assert_eq!(contents.problems[0].detail, "PKCS#12: asks for 4096 rounds of key derivation, limit 4095");
}

#[test]
fn pkcs12_that_is_broken_is_no_wrong_passphrase() {
    let mut broken = file("plain.p12");
    let version = broken.windows(3).position(|bytes| bytes == [2, 1, 3]).unwrap();
    broken[version + 2] = 4;
    assert_eq!(found(&opened(&broken)), (0, 0, false, vec![Reason::BadPkcs12]));
}

#[test]
fn java_keystores() {
    let (jks, jceks) = (file("key.jks"), file("trust.jceks"));
    let mut version = jks.clone();
    version[7] = 3;
    let mut secret_key = jceks.clone();
    secret_key[15] = 3;
    for (what, bytes, passphrase, expected) in [
        ("fitting", &jks, Some("secret6"), (2, 0, true, vec![])),
        ("wrong, certificates are read all the same", &jks, Some("wrong"), (2, 0, true, vec![Reason::BadPassphrase])),
        ("none given", &jks, None, (2, 0, true, vec![])),
        ("JCEKS", &jceks, Some("changeit"), (1, 0, false, vec![])),
        ("cut off", &jks[..jks.len() - 30].to_vec(), None, (1, 0, true, vec![Reason::BadJks])),
        ("no digest", &jks[..jks.len() - 20].to_vec(), None, (2, 0, true, vec![Reason::BadJks])),
        ("unknown version", &version, None, (0, 0, false, vec![Reason::BadJks])),
        ("secret key", &secret_key, None, (0, 0, false, vec![Reason::BadJks])),
        (
            "no entries",
            &b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\0".iter().chain(&[0; 20]).copied().collect(),
            None,
            (0, 0, false, vec![Reason::NoCertificateFound]),
        ),
        ("giant count", &b"\xfe\xed\xfe\xed\0\0\0\x02\xff\xff\xff\xff".to_vec(), None, (0, 0, false, vec![Reason::BadJks])),
    ] {
        let contents = passphrase.map_or_else(|| opened(bytes), |passphrase| with(bytes, passphrase));
        assert_eq!(found(&contents), expected, "{what} {:?}", contents.problems);
    }
}

#[test]
fn version_1_keystores_have_no_certificate_type() {
    let der = Issued::root("x").der;
    let mut store = b"\xfe\xed\xfe\xed\0\0\0\x01\0\0\0\x01\0\0\0\x02\0\x01a\0\0\0\0\0\0\0\0".to_vec();
    store.extend(u32::try_from(der.len()).unwrap().to_be_bytes());
    store.extend(&der);
    store.extend([0; 20]);
    assert_eq!(opened(&store).certificates, [der]);
}

#[test]
fn limits_hold() {
    let one = text("one.pem");
    let limits = Limits { items: 2, ..Limits::default() };
    assert_eq!(found(&open(one.repeat(5).as_bytes(), &[], &limits)), (2, 0, false, vec![Reason::TooLarge]));
    assert_eq!(found(&open(&file("one.der").repeat(5), &[], &limits)), (2, 0, false, vec![Reason::TooLarge]));
    let limits = Limits { certificate_bytes: 100, ..Limits::default() };
    assert_eq!(found(&open(one.as_bytes(), &[], &limits)), (0, 0, false, vec![Reason::TooLarge]));
    let many = "-----BEGIN CERTIFICATE-----\n".repeat(1000);
    assert_eq!(opened(many.as_bytes()).problems.len(), PROBLEMS);
}
