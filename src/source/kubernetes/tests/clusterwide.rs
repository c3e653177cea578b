//! Webhook configurations, APIServices, CRDs, CertificateSigningRequests.

use super::*;
use crate::model::BundleKind;
use crate::source::kubernetes::objects::bundle::Bundles;
use crate::source::kubernetes::objects::csr::Requests;

#[test]
fn bundles_are_found_where_each_kind_has_them() {
    let pem = encoded("-----BEGIN");
    let webhooks = format!(
        r#"{{"metadata":{{"name":"w"}},"webhooks":[{{"name":"a","clientConfig":{{"caBundle":"{pem}"}}}},{{"name":"b","clientConfig":{{}}}},{{"name":"c","clientConfig":{{"caBundle":"*"}}}},{{"name":"d"}},{{"name":"e","clientConfig":{{"caBundle":""}}}}]}}"#
    );
    let service = format!(r#"{{"metadata":{{"name":"v1.x"}},"spec":{{"caBundle":"{pem}"}}}}"#);
    let crd = format!(
        r#"{{"metadata":{{"name":"x.y"}},"spec":{{"conversion":{{"strategy":"Webhook","webhook":{{"clientConfig":{{"caBundle":"{pem}"}}}}}},"versions":[{{"big":[1,2]}}]}}}}"#
    );
    for (kind, json, expected) in [
        (
            BundleKind::MutatingWebhook,
            &*webhooks,
            &["MutatingWebhookConfiguration w a", "MutatingWebhookConfiguration w c: parse decode_failed"][..],
        ),
        (
            BundleKind::ValidatingWebhook,
            &webhooks,
            &["ValidatingWebhookConfiguration w a", "ValidatingWebhookConfiguration w c: parse decode_failed"],
        ),
        (BundleKind::ValidatingWebhook, r#"{"metadata":{"name":"w"},"webhooks":null}"#, &[]),
        (BundleKind::ApiService, &service, &["APIService v1.x caBundle"]),
        (BundleKind::ApiService, r#"{"metadata":{"name":"v1."},"spec":{"insecureSkipTLSVerify":true}}"#, &[]),
        (BundleKind::Crd, &crd, &["CustomResourceDefinition x.y conversion"]),
        (BundleKind::Crd, r#"{"metadata":{"name":"x"},"spec":{"conversion":{"strategy":"None"}}}"#, &[]),
    ] {
        let sink = Arc::new(Recording::default());
        let (cx, bundles) = (sink.context(), Bundles::new(kind));
        let number = bundles.applied(json.as_bytes(), &cx);
        bundles.applied(json.as_bytes(), &cx);
        assert_eq!(sink.shown(), expected, "{json}");
        assert_eq!(sink.reads(), usize::from(!expected.is_empty()), "{json}: read once");
        vanish(&Bundles::new(BundleKind::ApiService), &[Some(1)], &cx);
        assert_eq!(sink.shown(), expected, "{json}: others vanish");
        vanish(&bundles, &[number], &cx);
        assert_eq!(sink.shown(), [""; 0], "{json}: vanished");
    }
}

#[test]
fn webhooks_come_and_go() {
    let pem = encoded("-----BEGIN");
    let sink = Arc::new(Recording::default());
    let (cx, bundles) = (sink.context(), Bundles::new(BundleKind::MutatingWebhook));
    let json = |hooks: &[&str]| {
        let hooks: Vec<String> = hooks.iter().map(|name| format!(r#"{{"name":"{name}","clientConfig":{{"caBundle":"{pem}"}}}}"#)).collect();
        format!(r#"{{"metadata":{{"name":"w"}},"webhooks":[{}]}}"#, hooks.join(","))
    };
    bundles.applied(json(&["a", "b"]).as_bytes(), &cx);
    bundles.applied(json(&["b"]).as_bytes(), &cx);
    assert_eq!(sink.shown(), ["MutatingWebhookConfiguration w b"]);
    assert!(bundles.applied(br#"{"metadata":{"name":"w"},"webhooks":7}"#, &cx).is_some());
    assert_eq!(sink.shown(), ["MutatingWebhookConfiguration w b: read decode_failed"]);
    assert_eq!(bundles.applied(br#"{"metadata":{"name":"x"},"webhooks":7}"#, &cx), None);
    assert_eq!(sink.errors.lock().unwrap().len(), 1);
    bundles.deleted(json(&[]).as_bytes(), &cx);
    assert_eq!(sink.shown(), [""; 0]);
}

#[test]
fn requests_show_their_certificate_or_why_there_is_none() {
    let pem = encoded("-----BEGIN");
    let condition = |kind: &str| format!(r#"{{"type":"{kind}","status":"True","reason":"No","message":"never"}}"#);
    let name = "CertificateSigningRequest r";
    for (case, status, expected) in [
        ("waits", String::new(), None),
        ("waits for its signer", format!(r#""conditions":[{}]"#, condition("Approved")), None),
        ("signed", format!(r#""certificate":"{pem}","conditions":[{}]"#, condition("Approved")), Some("")),
        ("denied", format!(r#""conditions":[{}]"#, condition("Denied")), Some(": status request_denied")),
        ("failed", format!(r#""conditions":[{},{}]"#, condition("Approved"), condition("Failed")), Some(": status request_failed")),
        ("signed with garbage", r#""certificate":"*""#.to_owned(), Some(": parse decode_failed")),
    ] {
        let sink = Arc::new(Recording::default());
        let cx = sink.context();
        let json = format!(r#"{{"metadata":{{"name":"r"}},"spec":{{"request":"xx"}},"status":{{{status}}}}}"#);
        let number = Requests.applied(json.as_bytes(), &cx);
        assert_eq!(sink.shown(), expected.map(|end| format!("{name}{end}")).into_iter().collect::<Vec<_>>(), "{case}");
        vanish(&Requests, &[number], &cx);
        assert_eq!(sink.shown(), [""; 0], "{case}: vanished");
        Requests.applied(json.as_bytes(), &cx);
        Requests.deleted(json.as_bytes(), &cx);
        assert_eq!(sink.shown(), [""; 0], "{case}: deleted");
    }
}
