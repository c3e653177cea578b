//! Certificates and CertificateRequests of cert-manager.

use super::*;
use crate::source::kubernetes::objects::Subject;
use crate::source::kubernetes::objects::certmanager::{CertificateRequests, Certificates};

/// A Certificate `a/c` that owns the Secret `a/s`.
fn certificate(status: &str) -> String {
    format!(r#"{{"metadata":{{"namespace":"a","name":"c"}},"spec":{{"secretName":"s"}},"status":{{{status}}}}}"#)
}

fn request(name: &str, revision: u64, certificate: &str) -> String {
    format!(
        r#"{{"metadata":{{"namespace":"a","name":"{name}","annotations":{{"cert-manager.io/certificate-name":"c","cert-manager.io/certificate-revision":"{revision}"}}}},"status":{{"certificate":"{}"}}}}"#,
        encoded(certificate)
    )
}

const READY: &str = r#""conditions":[{"type":"Ready","status":"True"}]"#;
const NOT_READY: &str = r#""conditions":[{"type":"Ready","status":"False","reason":"Failed","message":"no issuer"}]"#;

#[test]
fn beside_secrets_only_what_is_wrong_is_shown() {
    let failing = |reason: &str| {
        format!(r#""conditions":[{{"type":"Ready","status":"True"}},{{"type":"Issuing","status":"False","reason":"{reason}"}}]"#)
    };
    for (case, status, expected) in [
        ("nothing known yet", String::new(), None),
        ("ready", READY.to_owned(), None),
        ("not ready", NOT_READY.to_owned(), Some("status certificate_not_ready")),
        ("ready, but its renewal fails", format!(r#"{},"failedIssuanceAttempts":2"#, failing("Failed")), Some("status request_failed")),
        ("ready, but its renewal is denied", format!(r#"{},"failedIssuanceAttempts":1"#, failing("Denied")), Some("status request_denied")),
        ("an attempt that failed long ago", failing("Failed"), None),
    ] {
        let table = Table::new("");
        let certificates = Certificates::new(false, Arc::clone(&table.surroundings));
        certificates.applied(certificate(&status).as_bytes(), &table.cx);
        certificates.listed(&table.cx);
        assert_eq!(table.sink.shown(), expected.map(|end| format!("Certificate a/c: {end}")).into_iter().collect::<Vec<_>>(), "{case}");
        certificates.applied(certificate(READY).as_bytes(), &table.cx);
        assert_eq!(table.sink.shown(), [""; 0], "{case}: ready now");
    }
}

#[test]
fn a_certificate_says_when_its_secret_is_renewed() {
    let table = Table::new("");
    let (cx, pem) = (&table.cx, encoded("x"));
    let certificates = Certificates::new(false, Arc::clone(&table.surroundings));
    table.secrets.applied(secret("s", "", &[("tls.crt", &pem), ("ca.crt", &pem)]).as_bytes(), cx);
    let number = certificates.applied(certificate(r#""renewalTime":"1970-01-01T00:01:40Z""#).as_bytes(), cx);
    table.secrets.redescribe(&table.changes.take(), cx);
    let seen = table.sink.seen("tls.crt");
    assert_eq!((seen.due, seen.certificate.as_deref()), (Some(100), Some("a/c")));
    assert_eq!(table.sink.seen("ca.crt").due, None, "the issuer's own certificate is not renewed by it");
    vanish(&certificates, &[number], cx);
    table.secrets.redescribe(&table.changes.take(), cx);
    assert_eq!(table.sink.seen("tls.crt").due, None);
}

#[test]
fn without_secrets_the_current_request_shows_the_certificate() {
    let (first, second) = (format!(r#"{READY},"revision":1,"renewalTime":"1970-01-01T00:01:40Z""#), format!(r#"{READY},"revision":2"#));
    let broken = format!(r#"{NOT_READY},"revision":1"#);
    enum Event<'e> {
        Certificate(&'e str),
        Request(u64, &'e str),
        Listed,
    }
    use Event::*;
    let found = "Certificate a/c";
    for (case, events, shown, bytes) in [
        ("the Certificate first", &[Certificate(&first), Request(1, "one"), Listed][..], found, "one"),
        ("the request first", &[Request(1, "one"), Certificate(&first), Listed], found, "one"),
        ("an older request beside it", &[Request(1, "one"), Request(2, "two"), Certificate(&second), Listed], found, "two"),
        ("an older request behind it", &[Certificate(&second), Request(2, "two"), Request(1, "one"), Listed], found, "two"),
        ("renewed", &[Certificate(&first), Request(1, "one"), Listed, Request(2, "two"), Certificate(&second)], found, "two"),
        ("a renewal under way", &[Certificate(&first), Request(1, "one"), Listed, Request(2, "two")], found, "one"),
        ("listed again", &[Certificate(&first), Request(1, "one"), Listed, Certificate(&first), Request(1, "one"), Listed], found, "one"),
        ("its request is gone", &[Certificate(&second), Request(1, "one"), Listed], "Certificate a/c: read not_found", ""),
        ("never issued", &[Certificate(NOT_READY), Listed], "Certificate a/c: status certificate_not_ready", ""),
        (
            "not ready any more",
            &[Certificate(&first), Request(1, "one"), Listed, Certificate(&broken)],
            "Certificate a/c: status certificate_not_ready",
            "one",
        ),
        (
            "not ready, with its request behind it",
            &[Certificate(&broken), Request(1, "one"), Listed],
            "Certificate a/c: status certificate_not_ready",
            "one",
        ),
        ("ready again", &[Certificate(&broken), Request(1, "one"), Listed, Certificate(&first)], found, "one"),
    ] {
        let table = Table::new("");
        let certificates = Arc::new(Certificates::new(true, Arc::clone(&table.surroundings)));
        let requests = CertificateRequests(Arc::clone(&certificates));
        for event in events {
            match event {
                Certificate(status) => _ = certificates.applied(certificate(status).as_bytes(), &table.cx),
                Request(revision, bytes) => _ = requests.applied(request(&format!("c-{revision}"), *revision, bytes).as_bytes(), &table.cx),
                Listed => certificates.listed(&table.cx),
            }
        }
        assert_eq!(table.sink.shown(), [shown], "{case}");
        let seen = table.sink.seen("a/c");
        assert_eq!(seen.bytes, bytes.as_bytes(), "{case}");
        certificates.deleted(certificate("").as_bytes(), &table.cx);
        assert_eq!(table.sink.shown(), [""; 0], "{case}: deleted");
    }
}

#[test]
fn requests_that_belong_to_nothing_and_garbage_are_left_alone() {
    let table = Table::new("");
    let certificates = Arc::new(Certificates::new(true, Arc::clone(&table.surroundings)));
    let requests = CertificateRequests(Arc::clone(&certificates));
    for (json, errors) in [
        (r#"{"metadata":{"namespace":"a","name":"manual"},"status":{"certificate":"eA=="}}"#, 0),
        (
            r#"{"metadata":{"namespace":"a","name":"waits","annotations":{"cert-manager.io/certificate-name":"c","cert-manager.io/certificate-revision":"1"}}}"#,
            0,
        ),
        (r#"{"metadata":{"namespace":"a","name":"broken"},"status":7}"#, 1),
        ("garbage", 2),
    ] {
        requests.applied(json.as_bytes(), &table.cx);
        assert_eq!(table.sink.errors.lock().unwrap().len(), errors, "{json}");
    }
    certificates.applied(br#"{"metadata":{"namespace":"a","name":"c"},"status":7}"#, &table.cx);
    assert_eq!(table.sink.shown(), ["Certificate a/c: read decode_failed"]);
    certificates.applied(b"garbage", &table.cx);
    assert_eq!(table.sink.errors.lock().unwrap().len(), 3);
}
