//! Ingresses and Gateways: who uses which Secret.

use super::*;
use crate::model::KubeResource;
use crate::source::kubernetes::objects::Subject;
use crate::source::kubernetes::objects::route::Routes;
use crate::source::kubernetes::surroundings::Used;

#[test]
fn routes_say_which_hosts_a_secret_serves() {
    use KubeResource::{Gateways, Ingresses, IstioGateways};
    for (case, resource, json, secret, expected) in [
        (
            "an Ingress",
            Ingresses,
            r#""spec":{"tls":[{"hosts":["x","y"],"secretName":"s"},{"hosts":["z"]}]}"#,
            "a/s",
            &["Ingress a/r x", "Ingress a/r y"][..],
        ),
        (
            "one whose tls names no hosts",
            Ingresses,
            r#""spec":{"tls":[{"secretName":"s"}],"rules":[{"host":"x"},{}]}"#,
            "a/s",
            &["Ingress a/r x"],
        ),
        ("one without any host", Ingresses, r#""spec":{"tls":[{"secretName":"s"}]}"#, "a/s", &["Ingress a/r "]),
        (
            "a Gateway",
            Gateways,
            r#""spec":{"listeners":[{"hostname":"x","tls":{"certificateRefs":[{"name":"s"},{"kind":"ConfigMap","name":"s","namespace":"b"}]}},{"port":80}]}"#,
            "a/s",
            &["Gateway a/r x"],
        ),
        (
            "one that refers to another namespace",
            Gateways,
            r#""spec":{"listeners":[{"tls":{"certificateRefs":[{"kind":"Secret","group":"","name":"s","namespace":"b"}]}}]}"#,
            "b/s",
            &["Gateway a/r "],
        ),
        (
            "Istio's",
            IstioGateways,
            r#""spec":{"servers":[{"hosts":["ns/x","*"],"tls":{"mode":"MUTUAL","credentialName":"s"}},{"hosts":["y"]}]}"#,
            "a/s",
            &["Gateway a/r *", "Gateway a/r x"],
        ),
        (
            "Istio's, of the clients' CA",
            IstioGateways,
            r#""spec":{"servers":[{"hosts":["x"],"tls":{"credentialName":"s"}}]}"#,
            "a/s-cacert",
            &["Gateway a/r x"],
        ),
        ("nothing", Ingresses, r#""spec":null"#, "a/s", &[]),
    ] {
        let table = Table::new("");
        let routes = Routes { resource, surroundings: Arc::clone(&table.surroundings) };
        let json = format!(r#"{{"metadata":{{"namespace":"a","name":"r"}},{json}}}"#);
        let number = routes.applied(json.as_bytes(), &table.cx);
        let (namespace, name) = secret.split_once('/').unwrap();
        let of = || table.surroundings.of(&Used::Secret((namespace.into(), name.into()))).used_by;
        let uses: Vec<String> = of().iter().map(|one| format!("{} {} {}", one.kind, one.name, one.host)).collect();
        assert_eq!(uses, expected, "{case}");
        routes.applied(br#"{"metadata":{"namespace":"a","name":"r"},"spec":7}"#, &table.cx);
        assert_eq!(of().len(), expected.len(), "{case}: a version that cannot be read changes nothing");
        assert_eq!(table.sink.errors.lock().unwrap().len(), 1, "{case}");
        vanish(&routes, &[number], &table.cx);
        assert!(of().is_empty(), "{case}: vanished");
    }
}

#[test]
fn a_known_secret_is_described_again_when_its_users_change() {
    let table = Table::new("");
    let routes = Routes { resource: KubeResource::Ingresses, surroundings: Arc::clone(&table.surroundings) };
    let (pem, cx) = (encoded("x"), &table.cx);
    table.secrets.applied(secret("s", "", &[("ca.crt", &pem)]).as_bytes(), cx);
    let ingress = r#"{"metadata":{"namespace":"b","name":"r","annotations":{"nginx.ingress.kubernetes.io/auth-tls-secret":"a/s"}},"spec":{"rules":[{"host":"x"}]}}"#;
    routes.applied(ingress.as_bytes(), cx);
    table.secrets.redescribe(&table.changes.take(), cx);
    assert_eq!(table.sink.seen("ca.crt").uses, ["Ingress b/r x"]);
    table.secrets.applied(secret("s", "", &[("ca.crt", &pem)]).as_bytes(), cx);
    assert_eq!(table.sink.seen("ca.crt").uses, ["Ingress b/r x"], "and when it is seen again");
    routes.deleted(ingress.as_bytes(), cx);
    table.secrets.redescribe(&table.changes.take(), cx);
    assert_eq!(table.sink.seen("ca.crt").uses, [""; 0]);
    assert_eq!(table.sink.reads(), 1);
}

#[test]
fn the_product_of_entries_and_rules_is_bounded() {
    let tls: Vec<String> = (0..3_000).map(|number| format!(r#"{{"secretName":"s{number}"}}"#)).collect();
    let rules: Vec<String> = (0..3_000).map(|number| format!(r#"{{"host":"h{number}"}}"#)).collect();
    let json =
        format!(r#"{{"metadata":{{"namespace":"a","name":"r"}},"spec":{{"tls":[{}],"rules":[{}]}}}}"#, tls.join(","), rules.join(","));
    let ingress = crate::source::kubernetes::objects::route::ingress(json.as_bytes()).unwrap();
    assert_eq!(ingress.tls_hosts().count(), 1_000);
}
