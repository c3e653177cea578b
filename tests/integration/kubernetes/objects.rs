//! What stands in objects, and what becomes of it when they change.

use serde_json::json;

use super::cluster::{Cluster, is_gone, not_after, shows, source, up};
use crate::support::ca::Ca;
use crate::support::exporter::{Folder, promtool_accepts};
use crate::support::kube::secret;

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

const EVERYTHING: &str =
    r#"kinds = ["secret", "configmap", "webhook", "api_service", "crd", "csr", "certificate", "ingress", "gateway", "pod"]"#;

#[test]
fn every_kind_of_object_shows_its_certificates() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "web.example");
    let leaf = ca.leaf(&["binary.example"]).issue();
    let (root, der) = (ca.pem(), leaf.chain()[0].to_vec());
    cluster.put(
        "/configmaps",
        json!({
            "metadata": { "namespace": "shop", "name": "trust" }, "data": { "ca-bundle.crt": root, "other.txt": "words" },
            "binaryData": { "leaf.der": base64(&der) },
        }),
    );
    let webhooks = |kind: &str| {
        json!({ "kind": kind, "metadata": { "name": "policy" }, "webhooks": [
        { "name": "pods.policy.example", "clientConfig": { "caBundle": base64(root.as_bytes()) } },
        { "name": "none.policy.example", "clientConfig": {} },
    ] })
    };
    cluster.put("admissionregistration.k8s.io/mutatingwebhookconfigurations", webhooks("MutatingWebhookConfiguration"));
    cluster.put("admissionregistration.k8s.io/validatingwebhookconfigurations", webhooks("ValidatingWebhookConfiguration"));
    let bundle = base64(root.as_bytes());
    cluster.put("apiregistration.k8s.io/apiservices", json!({ "metadata": { "name": "v1.metrics" }, "spec": { "caBundle": bundle } }));
    cluster.put(
        "apiextensions.k8s.io/customresourcedefinitions",
        json!({
            "metadata": { "name": "things.example" },
            "spec": { "conversion": { "strategy": "Webhook", "webhook": { "clientConfig": { "caBundle": bundle } } } },
        }),
    );
    let issued = base64(ca.leaf(&["node.example"]).issue().chain_pem().as_bytes());
    let request = |name: &str, status: serde_json::Value| json!({ "metadata": { "name": name }, "spec": {}, "status": status });
    cluster.put("certificates.k8s.io/certificatesigningrequests", request("node-a", json!({ "certificate": issued })));
    let denied = json!({ "conditions": [{ "type": "Denied", "status": "True", "reason": "No", "message": "not this one" }] });
    cluster.put("certificates.k8s.io/certificatesigningrequests", request("node-b", denied));
    cluster.put(
        "cert-manager.io/certificates",
        json!({
            "metadata": { "namespace": "shop", "name": "late" }, "spec": { "secretName": "late-tls" },
            "status": { "conditions": [{ "type": "Ready", "status": "False", "reason": "Failed", "message": "the issuer is not there" }] },
        }),
    );

    let folder = cluster.folder(EVERYTHING);
    let exporter = folder.ready();
    let places: &[(&[(&str, &str)], &str)] = &[
        (&[("source_kind", "kube-secret"), ("secret_namespace", "shop"), ("secret_name", "web"), ("secret_key", "tls.crt")], "web.example"),
        (
            &[
                ("source_kind", "kube-configmap"),
                ("configmap_namespace", "shop"),
                ("configmap_name", "trust"),
                ("configmap_key", "ca-bundle.crt"),
            ],
            "Root",
        ),
        (&[("source_kind", "kube-configmap"), ("configmap_key", "leaf.der")], "binary.example"),
        (
            &[
                ("source_kind", "kube-cabundle"),
                ("cabundle_resource_kind", "MutatingWebhookConfiguration"),
                ("cabundle_entry", "pods.policy.example"),
            ],
            "Root",
        ),
        (
            &[
                ("source_kind", "kube-cabundle"),
                ("cabundle_resource_kind", "ValidatingWebhookConfiguration"),
                ("cabundle_resource_name", "policy"),
            ],
            "Root",
        ),
        (&[("source_kind", "kube-cabundle"), ("cabundle_resource_kind", "APIService"), ("cabundle_resource_name", "v1.metrics")], "Root"),
        (
            &[
                ("source_kind", "kube-cabundle"),
                ("cabundle_resource_kind", "CustomResourceDefinition"),
                ("cabundle_resource_name", "things.example"),
            ],
            "Root",
        ),
        (&[("source_kind", "kube-csr"), ("csr_name", "node-a")], "node.example"),
    ];
    for (labels, common_name) in places {
        shows(&exporter, labels, common_name);
    }
    let scrape = exporter.scrape();
    assert_eq!(scrape.value("x509_cert_error", &[("csr_name", "node-b")]), Some(1.0));
    assert_eq!(scrape.value("x509_cert_error", &[("certificate_namespace", "shop"), ("certificate_name", "late")]), Some(1.0));
    for kind in ["kube-secret", "kube-configmap", "kube-cabundle", "kube-csr", "kube-certificate", "kube-route", "kube-pod"] {
        assert_eq!(up(&scrape, kind), Some(1.0), "{kind}");
    }
    assert_eq!(scrape.all("x509_cert_not_after", &[]).len(), places.len(), "and nothing else");
    promtool_accepts(&scrape.text);
    assert!(!exporter.stderr().contains("secret-token") && !exporter.get("/api/v1/targets?source=cluster").text().contains("PRIVATE KEY"));
    let why = exporter.get("/api/v1/targets?source=cluster").text();
    assert!(why.contains("not this one") && why.contains("the issuer is not there"), "{why}");
}

#[test]
fn what_changes_in_the_cluster_changes_in_the_series() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "first");
    cluster.tls("shop", "other", &ca, "other");
    let folder = cluster.folder("");
    let exporter = folder.ready();
    let place = [("secret_namespace", "shop"), ("secret_name", "web")];
    shows(&exporter, &place, "first");

    cluster.tls("shop", "web", &ca, "second");
    shows(&exporter, &place, "second");
    cluster.tls("shop", "new", &ca, "new");
    shows(&exporter, &[("secret_name", "new")], "new");
    // A key that is removed takes its series along.
    let pem = ca.leaf(&["kept"]).issue().chain_pem();
    cluster.secret("shop", "web", "Opaque", &[("tls.crt", pem.as_bytes()), ("more.pem", pem.as_bytes())]);
    shows(&exporter, &[("secret_name", "web"), ("secret_key", "more.pem")], "kept");
    cluster.secret("shop", "web", "Opaque", &[("tls.crt", pem.as_bytes())]);
    is_gone(&exporter, &[("secret_name", "web"), ("secret_key", "more.pem")]);
    shows(&exporter, &place, "kept");
    // Renamed: deleted, and made under another name.
    cluster.delete("/secrets", "shop", "web");
    cluster.secret("shop", "renamed", "Opaque", &[("tls.crt", pem.as_bytes())]);
    is_gone(&exporter, &place);
    shows(&exporter, &[("secret_name", "renamed")], "kept");
    assert_eq!(exporter.scrape().value("x509_source_bundles", &[("source_kind", "kube-secret")]), Some(3.0));
    // All of that by one list and one watch.
    let asked = cluster.asked();
    assert!(asked.len() <= 2, "{asked:#?}");
}

#[test]
fn a_bad_secret_is_its_own_error_and_nothing_else_moves() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "good", &ca, "good");
    let pem = ca.leaf(&["bundle"]).issue().chain_pem();
    let many: String = (0..800).map(|number| ca.leaf(&[&format!("leaf-{number}")]).issue().chain_pem()).collect();
    cluster.secret("shop", "garbage", "Opaque", &[("tls.crt", b"\x00\xffnothing"), ("fine.crt", pem.as_bytes())]);
    cluster.secret("shop", "empty", "Opaque", &[("tls.crt", b"")]);
    cluster.secret("shop", "acme", "kubernetes.io/tls", &[("tls.crt", pem.as_bytes()), ("ca.crt", b"")]);
    cluster.secret("shop", "many", "Opaque", &[("bundle.pem", many.as_bytes())]);
    let mut broken = secret("shop", "notbase64", "Opaque", &[]);
    broken["data"]["tls.crt"] = json!("%%%");
    cluster.put("/secrets", broken);
    let folder = cluster.folder("");
    let exporter = folder.ready();
    shows(&exporter, &[("secret_name", "good")], "good");
    shows(&exporter, &[("secret_name", "garbage"), ("secret_key", "fine.crt")], "bundle");
    let scrape = exporter.scrape();
    let error = |name: &str, key: &str| scrape.value("x509_cert_error", &[("secret_name", name), ("secret_key", key)]);
    assert_eq!([error("garbage", "tls.crt"), error("garbage", "fine.crt")], [Some(1.0), Some(0.0)]);
    assert_eq!([error("empty", "tls.crt"), error("notbase64", "tls.crt")], [Some(1.0), Some(1.0)]);
    assert_eq!([error("acme", "tls.crt"), error("acme", "ca.crt")], [Some(0.0), None], "an issuer without a CA is no error");
    assert_eq!(scrape.all("x509_cert_not_after", &[("secret_name", "many"), ("cert_role", "leaf")]).len(), 800);
    assert_eq!(up(&scrape, "kube-secret"), Some(1.0));

    // A good one that turns bad keeps its certificate.
    cluster.secret("shop", "good", "kubernetes.io/tls", &[("tls.crt", b"oops")]);
    exporter.scrape_until("the error", |scrape| (scrape.value("x509_cert_error", &[("secret_name", "good")]) == Some(1.0)).then_some(()));
    shows(&exporter, &[("secret_name", "good")], "good");
    cluster.tls("shop", "good", &ca, "well again");
    shows(&exporter, &[("secret_name", "good")], "well again");
}

#[test]
fn passphrases_come_from_the_same_or_another_secret() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    let folder = cluster
        .folder(r#"passphrase_refs = [{ key = "password" }, { secret = "shared", key = "word" }, { secret = "vault/words", key = "p" }]"#);
    let issued = ca.leaf(&["store"]).issue();
    folder.write("leaf.pem", issued.chain_pem() + &issued.key_pem());
    let store = |passphrase: &str| {
        let out = folder.at("store.p12");
        let status = std::process::Command::new("openssl")
            .args(["pkcs12", "-export", "-in", &folder.at("leaf.pem"), "-out", &out, "-passout", &format!("pass:{passphrase}")])
            .status();
        assert!(status.unwrap().success());
        std::fs::read(out).unwrap()
    };
    cluster.secret("shop", "own", "Opaque", &[("keystore.p12", &store("mine")), ("password", b"mine")]);
    cluster.secret("shop", "other", "Opaque", &[("keystore.p12", &store("ours"))]);
    cluster.secret("shop", "shared", "Opaque", &[("word", b"ours\n")]);
    cluster.secret("shop", "far", "Opaque", &[("keystore.p12", &store("far away"))]);
    cluster.secret("vault", "words", "Opaque", &[("p", b"far away")]);
    cluster.secret("shop", "wrong", "Opaque", &[("keystore.p12", &store("nobody knows"))]);
    let exporter = folder.ready();
    for name in ["own", "other", "far"] {
        shows(&exporter, &[("secret_name", name), ("secret_key", "keystore.p12"), ("cert_role", "leaf")], "store");
    }
    let scrape = exporter.scrape();
    assert_eq!(scrape.value("x509_cert_error", &[("secret_name", "wrong")]), Some(1.0));
    assert!(scrape.value("x509_pkcs12_passphrase_failures_total", &[("source_kind", "kube-secret")]).unwrap() >= 1.0);
    let told = exporter.stderr() + &exporter.get("/api/v1/targets?source=cluster").text();
    assert!(!["mine\"", "ours\"", "far away"].iter().any(|word| told.contains(word)), "{told}");
}

#[test]
fn owners_users_and_renewals_stand_beside_the_certificate() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.put("/namespaces", json!({ "metadata": { "name": "shop", "labels": { "team": "shopkeepers" } } }));
    let mut web = secret("shop", "web", "kubernetes.io/tls", &[("tls.crt", ca.leaf(&["web"]).issue().chain_pem().as_bytes())]);
    web["metadata"]["labels"] = json!({ "app.kubernetes.io/name": "web" });
    cluster.put("/secrets", web.clone());
    cluster.put("networking.k8s.io/ingresses", json!({
        "metadata": { "namespace": "shop", "name": "front", "annotations": { "nginx.ingress.kubernetes.io/auth-tls-secret": "shop/clients" } },
        "spec": { "tls": [{ "hosts": ["shop.example.com", "www.example.com"], "secretName": "web" }], "rules": [{ "host": "shop.example.com" }] },
    }));
    cluster.secret("shop", "clients", "Opaque", &[("ca.crt", ca.pem().as_bytes())]);
    cluster.put("gateway.networking.k8s.io/gateways", json!({
        "metadata": { "namespace": "shop", "name": "edge" },
        "spec": { "listeners": [{ "name": "https", "hostname": "edge.example.com", "port": 443, "protocol": "HTTPS", "tls": { "certificateRefs": [{ "name": "web" }] } }] },
    }));
    cluster.put(
        "cert-manager.io/certificates",
        json!({
            "metadata": { "namespace": "shop", "name": "web-cert" }, "spec": { "secretName": "web" },
            "status": { "renewalTime": "2033-01-01T00:00:00Z", "conditions": [{ "type": "Ready", "status": "True" }] },
        }),
    );
    let keys = r#"kinds = ["secret", "ingress", "gateway", "certificate"]
secret_labels = ["app.kubernetes.io/name"]
labels_from = { team = ["label:team", "namespace_label:team"] }"#;
    let folder = cluster.folder(keys);
    let exporter = folder.ready();
    let place =
        [("secret_name", "web"), ("secret_key", "tls.crt"), ("team", "shopkeepers"), ("secret_label_app_kubernetes_io_name", "web")];
    shows(&exporter, &place, "web");
    let due = |scrape: &crate::support::scrape::Scrape| scrape.value("x509_cert_renewal_due_timestamp_seconds", &[("secret_name", "web")]);
    exporter.scrape_until("cert-manager's word", |scrape| (due(scrape) == Some(1_988_150_400.0)).then_some(()));
    let used = |host: &str, kind: &str| {
        [("secret_name", "web"), ("kind", kind), ("host", host)].map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    for (host, kind) in [("shop.example.com", "Ingress"), ("www.example.com", "Ingress"), ("edge.example.com", "Gateway")] {
        let labels = used(host, kind);
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        exporter.scrape_until(host, |scrape| scrape.value("x509_cert_used_by", &labels));
    }
    exporter.scrape_until("the client CA's user", |scrape| {
        scrape.value("x509_cert_used_by", &[("secret_name", "clients"), ("host", "shop.example.com")])
    });

    // Each of them changes without the Secret.
    cluster.put("/namespaces", json!({ "metadata": { "name": "shop", "labels": { "team": "others" } } }));
    shows(&exporter, &[("secret_name", "web"), ("team", "others")], "web");
    cluster.delete("networking.k8s.io/ingresses", "shop", "front");
    exporter.scrape_until("the Ingress gone", |scrape| scrape.all("x509_cert_used_by", &[("kind", "Ingress")]).is_empty().then_some(()));
    // The object's own label comes first.
    web["metadata"]["labels"]["team"] = json!("own");
    cluster.put("/secrets", web);
    shows(&exporter, &[("secret_name", "web"), ("team", "own")], "web");
    assert!(not_after(&exporter.scrape(), &[("secret_name", "web")]).is_some());
}

#[test]
fn without_secrets_none_is_asked_for() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.switch(|switches| switches.forbidden.push(("secrets".into(), None)));
    cluster.put(
        "cert-manager.io/certificates",
        json!({
            "metadata": { "namespace": "shop", "name": "web", "uid": "u1" }, "spec": { "secretName": "web-tls" },
            "status": { "revision": 2, "conditions": [{ "type": "Ready", "status": "True" }], "renewalTime": "2033-01-01T00:00:00Z" },
        }),
    );
    for (revision, name) in [("1", "old"), ("2", "current")] {
        cluster.put("cert-manager.io/certificaterequests", json!({
            "metadata": { "namespace": "shop", "name": format!("web-{revision}"), "annotations": {
                "cert-manager.io/certificate-revision": revision, "cert-manager.io/certificate-name": "web" },
                "ownerReferences": [{ "kind": "Certificate", "name": "web", "uid": "u1" }] },
            "status": { "certificate": base64(ca.leaf(&[name]).issue().chain_pem().as_bytes()), "conditions": [{ "type": "Ready", "status": "True" }] },
        }));
    }
    let folder = cluster.folder(r#"kinds = ["configmap", "certificate"]"#);
    let exporter = folder.ready();
    shows(&exporter, &[("source_kind", "kube-certificate"), ("certificate_namespace", "shop"), ("certificate_name", "web")], "current");
    let asked = cluster.asked();
    assert!(!asked.is_empty() && !asked.iter().any(|line| line.contains("secrets")), "{asked:#?}");
}

#[test]
fn two_clusters_of_the_same_names_are_kept_apart() {
    let (east, west, ca) = (Cluster::new(), Cluster::new(), Ca::root("Root"));
    east.tls("shop", "web", &ca, "east");
    west.tls("shop", "web", &ca, "west");
    let folder = Folder::new(&(source("east", "DIR/east", "") + &source("west", "DIR/west", "context = \"test\"")));
    east.kubeconfig(&folder.path().join("east"), "a");
    west.kubeconfig(&folder.path().join("west"), "b");
    let exporter = folder.ready();
    for name in ["east", "west"] {
        shows(&exporter, &[("source_name", name), ("secret_namespace", "shop"), ("secret_name", "web")], name);
    }
    east.delete("/secrets", "shop", "web");
    is_gone(&exporter, &[("source_name", "east"), ("secret_name", "web")]);
    shows(&exporter, &[("source_name", "west")], "west");
}

#[test]
fn selectors_and_presets_choose_what_is_watched() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    for (namespace, env) in [("a", "prod"), ("b", "prod"), ("c", "test")] {
        cluster.put("/namespaces", json!({ "metadata": { "name": namespace, "labels": { "env": env } } }));
        cluster.tls(namespace, "web", &ca, namespace);
        cluster.put(
            "/configmaps",
            json!({ "metadata": { "namespace": namespace, "name": "istio-ca-root-cert" }, "data": { "root-cert.pem": ca.pem() } }),
        );
        cluster.put("/configmaps", json!({ "metadata": { "namespace": namespace, "name": "unwatched" }, "data": { "ca.crt": ca.pem() } }));
    }
    cluster.secret("istio-system", "cacerts", "Opaque", &[("ca-cert.pem", ca.pem().as_bytes()), ("ca-key.pem", ca.key_pem().as_bytes())]);
    cluster.secret("a", "helm", "helm.sh/release.v1", &[("tls.crt", b"not asked for")]);

    let folder = cluster.folder("namespace_selector = \"env in (prod)\"\nexclude_namespaces = [\"b\"]");
    let selected = folder.ready();
    shows(&selected, &[("secret_namespace", "a")], "a");
    assert_eq!(selected.scrape().all("x509_cert_error", &[]).len(), 1);
    // A namespace that comes to match, and one that no longer does.
    cluster.put("/namespaces", json!({ "metadata": { "name": "c", "labels": { "env": "prod" } } }));
    shows(&selected, &[("secret_namespace", "c")], "c");
    cluster.put("/namespaces", json!({ "metadata": { "name": "a", "labels": { "env": "gone" } } }));
    is_gone(&selected, &[("secret_namespace", "a")]);
    drop(selected);

    let folder = cluster.folder("presets = [\"istio\"]");
    let istio = folder.ready();
    shows(&istio, &[("secret_name", "cacerts"), ("secret_key", "ca-cert.pem")], "Root");
    let scrape = istio.scrape();
    assert_eq!(scrape.all("x509_cert_not_after", &[("configmap_name", "istio-ca-root-cert")]).len(), 3);
    assert!(scrape.all("x509_cert_error", &[("configmap_name", "unwatched")]).is_empty());
    assert!(scrape.all("x509_cert_error", &[("secret_key", "ca-key.pem")]).is_empty());
    drop(istio);

    let folder = cluster.folder("namespaces = [\"b\"]\nsecret_types = [\"kubernetes.io/tls\"]");
    let some = folder.ready();
    shows(&some, &[("secret_namespace", "b")], "b");
    assert_eq!(some.scrape().all("x509_cert_error", &[]).len(), 1);
}

#[test]
fn what_a_cluster_serves_is_probed() {
    let cluster = Cluster::new();
    cluster.put("networking.k8s.io/ingresses", json!({
        "metadata": { "namespace": "shop", "name": "front" }, "spec": { "tls": [{ "hosts": ["ingress.invalid"], "secretName": "web" }] },
    }));
    let service = |name: &str, annotations: serde_json::Value| {
        json!({
            "metadata": { "namespace": "shop", "name": name, "annotations": annotations }, "spec": { "ports": [{ "port": 5432 }] },
        })
    };
    cluster.put("/services", service("db", json!({ "notafter.io/probe": "true", "notafter.io/server-name": "db.example.com" })));
    cluster.put("/services", service("other", json!({})));
    let sd = "[sources.served]\ntype = \"tls\"\nschedule = \"@every 1s\"\ntimeout = \"2s\"\nkubernetes_sd = [{ from = [\"ingress\", \"service\"], kubeconfig = \"DIR/kubeconfig\" }]\n";
    let folder = Folder::new(sd);
    cluster.kubeconfig(&folder.path().join("kubeconfig"), "t");
    let exporter = folder.ready();
    exporter.scrape_until("the targets", |scrape| (scrape.all("tls_probe_success", &[]).len() == 2).then_some(()));
    let scrape = exporter.scrape();
    assert!(scrape.value("tls_probe_success", &[("target", "ingress.invalid:443")]).is_some(), "{}", scrape.text);
    assert!(
        scrape.value("tls_probe_success", &[("target", "db.shop.svc:5432"), ("server_name", "db.example.com")]).is_some(),
        "{}",
        scrape.text
    );
    cluster.delete("networking.k8s.io/ingresses", "shop", "front");
    exporter.scrape_until("it goes", |scrape| (scrape.all("tls_probe_success", &[]).len() == 1).then_some(()));
    // A cluster that is away keeps its last targets.
    cluster.away();
    exporter.scans("served", 2.0);
    assert_eq!(exporter.scrape().all("tls_probe_success", &[]).len(), 1);
}

#[test]
fn check_looks_at_one_secret() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "web.example");
    cluster.secret("shop", "empty", "Opaque", &[("tls.crt", b"")]);
    let folder = cluster.folder("");
    let kubeconfig = folder.at("kubeconfig");
    let check = |target: &str| folder.run(&["check", "--kubeconfig", &kubeconfig, target]);
    let fine = check("k8s://shop/web");
    assert_eq!(fine.code, Some(0), "{}{}", fine.stdout, fine.stderr);
    assert!(fine.stdout.contains("web.example") && fine.stdout.contains("tls.crt"), "{}", fine.stdout);
    for (target, code, why) in
        [("k8s://shop/none", 2, "none"), ("k8s://shop/empty", 2, "empty"), ("k8s://shop", 64, "k8s://NAMESPACE/SECRET")]
    {
        let ran = check(target);
        assert_eq!(ran.code, Some(code), "{target}: {}{}", ran.stdout, ran.stderr);
        assert!((ran.stdout.clone() + &ran.stderr).contains(why), "{target}: {}{}", ran.stdout, ran.stderr);
    }
    let both = folder.run(&["check", "--kubeconfig", &kubeconfig, "k8s://shop/web", "k8s://shop/empty"]);
    assert!(both.stdout.contains("web.example") && both.code == Some(2), "{}", both.stdout);
    assert!(cluster.asked().iter().all(|line| line.contains("/namespaces/shop/secrets") && line.contains("metadata.name")));
}
