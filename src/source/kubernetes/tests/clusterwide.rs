//! Webhook configurations, APIServices, CRDs, CertificateSigningRequests.

use super::*;
use crate::model::BundleKind;
use crate::source::kubernetes::objects::bundle::Bundles;
use crate::source::kubernetes::objects::csr::Requests;
use crate::source::kubernetes::surroundings::Used;

/// Nobody asks who uses what.
fn alone() -> Arc<Surroundings> {
    Arc::new(Surroundings::new(Vec::new(), Vec::new(), false))
}

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
        let (cx, bundles) = (sink.context(), Bundles::new(kind, alone()));
        let number = bundles.applied(json.as_bytes(), &cx);
        bundles.applied(json.as_bytes(), &cx);
        assert_eq!(sink.shown(), expected, "{json}");
        assert_eq!(sink.reads(), usize::from(!expected.is_empty()), "{json}: read once");
        vanish(&Bundles::new(BundleKind::ApiService, alone()), &[Some(1)], &cx);
        assert_eq!(sink.shown(), expected, "{json}: others vanish");
        vanish(&bundles, &[number], &cx);
        assert_eq!(sink.shown(), [""; 0], "{json}: vanished");
    }
}

#[test]
fn webhooks_come_and_go() {
    let pem = encoded("-----BEGIN");
    let sink = Arc::new(Recording::default());
    let (cx, bundles) = (sink.context(), Bundles::new(BundleKind::MutatingWebhook, alone()));
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

#[test]
fn a_secret_is_used_by_what_cert_manager_puts_it_into() {
    let service = |name: &str| format!(r#""clientConfig":{{"service":{{"namespace":"b","name":"{name}"}}}}"#);
    let hooks = |configs: &[String]| {
        let hooks: Vec<String> = configs.iter().enumerate().map(|(at, config)| format!(r#"{{"name":"h{at}",{config}}}"#)).collect();
        format!(r#""webhooks":[{}]"#, hooks.join(","))
    };
    let url = r#""clientConfig":{"url":"https://x"}"#.to_owned();
    let (secret, certificate) = (("inject-ca-from-secret", "a/s"), ("inject-ca-from", "a/c"));
    use BundleKind::{ApiService, Crd, MutatingWebhook, ValidatingWebhook};
    for (case, kind, annotation, rest, expected) in [
        ("a Secret", ValidatingWebhook, secret, hooks(&[service("x"), service("x")]), &["ValidatingWebhookConfiguration w x.b.svc"][..]),
        (
            "services of two names",
            MutatingWebhook,
            secret,
            hooks(&[service("y"), url.clone(), service("x")]),
            &["MutatingWebhookConfiguration w x.b.svc", "MutatingWebhookConfiguration w y.b.svc"],
        ),
        ("no service", ValidatingWebhook, secret, hooks(&[url]), &["ValidatingWebhookConfiguration w "]),
        ("no webhook", ValidatingWebhook, secret, hooks(&[]), &["ValidatingWebhookConfiguration w "]),
        ("a Certificate", MutatingWebhook, certificate, hooks(&[service("x")]), &["MutatingWebhookConfiguration w x.b.svc"]),
        ("an APIService", ApiService, secret, r#""spec":{"service":{"namespace":"b","name":"x"}}"#.into(), &["APIService w x.b.svc"]),
        (
            "a conversion",
            Crd,
            certificate,
            format!(r#""spec":{{"conversion":{{"webhook":{{{}}}}}}}"#, service("x")),
            &["CustomResourceDefinition w x.b.svc"],
        ),
        ("another Certificate", Crd, ("inject-ca-from", "a/d"), r#""spec":{}"#.into(), &[]),
        ("not a namespace and a name", ApiService, ("inject-ca-from-secret", "s"), r#""spec":{}"#.into(), &[]),
        ("nothing that is injected", ApiService, ("inject-apiserver-ca", "true"), r#""spec":{}"#.into(), &[]),
    ] {
        let (shared, sink) = (alone(), Arc::new(Recording::default()));
        let (cx, bundles) = (sink.context(), Bundles::new(kind, Arc::clone(&shared)));
        let of: crate::source::kubernetes::surroundings::Named = ("a".into(), "s".into());
        shared.set_owner("a/c", None, Some((&of, None)));
        let users = || {
            let known = shared.of(&Used::Secret(("a".into(), "s".into())));
            known.used_by.iter().map(|one| format!("{} {} {}", one.kind, one.name, one.host)).collect::<Vec<_>>()
        };
        let (name, value) = annotation;
        let json = format!(r#"{{"metadata":{{"name":"w","annotations":{{"cert-manager.io/{name}":"{value}"}}}},{rest}}}"#);
        let number = bundles.applied(json.as_bytes(), &cx);
        assert_eq!(users(), expected, "{case}");
        let broken = bundles.applied(br#"{"metadata":{"name":"w"},"webhooks":7,"spec":7}"#, &cx);
        assert_eq!((broken, users().len()), (number, expected.len()), "{case}: a version that cannot be read changes nothing");
        vanish(&bundles, &[number], &cx);
        assert_eq!(users(), [""; 0], "{case}: vanished");
        bundles.applied(json.as_bytes(), &cx);
        bundles.deleted(json.as_bytes(), &cx);
        assert_eq!(users(), [""; 0], "{case}: deleted");
    }
}

#[test]
fn a_bundle_of_another_shard_still_says_who_uses_a_secret() {
    let shared = alone();
    let json = r#"{"metadata":{"name":"w","annotations":{"cert-manager.io/inject-ca-from-secret":"a/s"}},"spec":{"caBundle":"LS0t"}}"#;
    let shown = |index: u32| {
        let sink = Arc::new(Recording { shard: Shard::new(index, 2).unwrap(), ..Recording::default() });
        let bundles = Bundles::new(BundleKind::ApiService, Arc::clone(&shared));
        let number = bundles.applied(json.as_bytes(), &sink.context());
        let users = || shared.of(&Used::Secret(("a".into(), "s".into()))).used_by.len();
        assert!(number.is_some() && users() == 1, "shard {index} keeps track of it");
        let shown = sink.shown().len();
        vanish(&bundles, &[number], &sink.context());
        assert_eq!(users(), 0, "shard {index}: vanished");
        shown
    };
    assert_eq!(shown(0) + shown(1), 1, "the bundle itself is shown by one of them");
}
