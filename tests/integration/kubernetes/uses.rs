//! Who uses a certificate: Pods, and what cert-manager puts CAs into.

use serde_json::{Value, json};

use super::cluster::{Cluster, not_after, shows, up};
use crate::support::ca::Ca;
use crate::support::scrape::Scrape;

/// A Pod of a Deployment's ReplicaSet, which mounts this Secret and the ConfigMap `trust`.
fn pod(name: &str, deployment: &str, hash: &str, secret: &str) -> Value {
    json!({
        "metadata": {
            "namespace": "shop", "name": name, "labels": { "pod-template-hash": hash },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{deployment}-{hash}"), "controller": true }],
        },
        "spec": {
            "containers": [{ "name": "web", "image": "web" }],
            "volumes": [
                { "name": "tls", "secret": { "secretName": secret } },
                { "name": "trust", "projected": { "sources": [{ "configMap": { "name": "trust" } }] } },
                { "name": "kube-api-access-x7x", "projected": { "sources": [
                    { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                    { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
                    { "downwardAPI": { "items": [{ "path": "namespace", "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" } }] } },
                ] } },
            ],
        },
        "status": { "phase": "Running" },
    })
}

/// Every use, as object, key, kind, name and host, sorted.
fn uses(scrape: &Scrape) -> Vec<String> {
    let mut uses: Vec<String> = scrape
        .all("x509_cert_used_by", &[])
        .iter()
        .map(|sample| {
            let label = |name: &str| sample.label(name).to_owned();
            let object = label("secret_name") + &label("configmap_name");
            let key = label("secret_key") + &label("configmap_key");
            format!("{object} {key}: {} {} {}", label("kind"), label("name"), label("host"))
        })
        .collect();
    uses.sort_unstable();
    uses
}

/// `spare` and `trust` are Secret and ConfigMap beside `web`, all in namespace `shop`.
fn filled() -> (Cluster, Ca) {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "web.example");
    cluster.tls("shop", "spare", &ca, "spare.example");
    for name in ["trust", "kube-root-ca.crt"] {
        cluster.put("/configmaps", json!({ "metadata": { "namespace": "shop", "name": name }, "data": { "ca.crt": ca.pem() } }));
    }
    (cluster, ca)
}

#[test]
fn what_pods_mount_is_used_by_their_deployment_until_the_last_is_gone() {
    let (cluster, _) = filled();
    cluster.put("/pods", pod("web-1-a", "web", "1", "web"));
    cluster.put("/pods", pod("web-1-b", "web", "1", "web"));
    let mut finished = pod("old-1-a", "old", "1", "spare");
    finished["status"]["phase"] = json!("Failed");
    cluster.put("/pods", finished);
    let folder = cluster.folder(r#"kinds = ["secret", "configmap", "pod"]"#);
    let exporter = folder.ready();
    let of_web = ["trust ca.crt: Deployment shop/web ", "web tls.crt: Deployment shop/web "];
    exporter.scrape_until("the uses", |scrape| (uses(scrape) == of_web).then_some(()));
    assert_eq!(up(&exporter.scrape(), "kube-pod"), Some(1.0));
    let asked = cluster.asked();
    assert!(asked.iter().any(|line| line.starts_with("/api/v1/pods?") && line.contains("status.phase%21%3DSucceeded")), "{asked:#?}");

    // A rollout. What another Deployment mounts comes behind it, so that it has been seen by then.
    cluster.put("/pods", pod("web-2-c", "web", "2", "web"));
    cluster.delete("/pods", "shop", "web-1-a");
    cluster.put("/pods", pod("web-2-d", "web", "2", "web"));
    cluster.delete("/pods", "shop", "web-1-b");
    cluster.put("/pods", pod("shop-1-a", "other", "1", "spare"));
    exporter.scrape_until("another Deployment", |scrape| {
        let now = uses(scrape);
        assert!(of_web.iter().all(|one| now.iter().any(|known| known == one)), "a rollout changes nothing: {now:#?}");
        let of_both = ["spare tls.crt: Deployment shop/other ", "trust ca.crt: Deployment shop/other ", of_web[0], of_web[1]];
        (now == of_both).then_some(())
    });

    // A Pod that is done is gone, as far as the watch goes.
    let mut done = pod("web-2-c", "web", "2", "web");
    done["status"]["phase"] = json!("Succeeded");
    cluster.put("/pods", done);
    cluster.delete("/pods", "shop", "shop-1-a");
    exporter.scrape_until("the other gone", |scrape| (uses(scrape) == of_web).then_some(()));
    cluster.delete("/pods", "shop", "web-2-d");
    exporter.scrape_until("the last Pod gone", |scrape| uses(scrape).is_empty().then_some(()));
    shows(&exporter, &[("secret_name", "web")], "web.example");
}

#[test]
fn without_the_right_to_pods_all_else_is_as_it_was() {
    let (cluster, _) = filled();
    cluster.switch(|switches| switches.forbidden.push(("pods".into(), None)));
    cluster.put("/pods", pod("web-1-a", "web", "1", "web"));
    cluster.put(
        "networking.k8s.io/ingresses",
        json!({ "metadata": { "namespace": "shop", "name": "front" }, "spec": { "tls": [{ "hosts": ["web.example"], "secretName": "web" }] } }),
    );
    let folder = cluster.folder(r#"kinds = ["secret", "configmap", "ingress", "pod"]"#);
    let exporter = folder.ready();
    exporter.scrape_until("the Ingress", |scrape| (uses(scrape) == ["web tls.crt: Ingress shop/front web.example"]).then_some(()));
    let scrape = exporter.scrape();
    let kinds = ["kube-pod", "kube-secret", "kube-configmap", "kube-route"];
    assert_eq!(kinds.map(|kind| up(&scrape, kind)), [Some(0.0), Some(1.0), Some(1.0), Some(1.0)]);
    assert!(scrape.value("x509_kube_transport_errors_total", &[("resource", "pods"), ("reason", "permission_denied")]).unwrap() >= 1.0);
    assert!(not_after(&scrape, &[("secret_name", "web")]).is_some() && not_after(&scrape, &[("configmap_name", "trust")]).is_some());
    let log = exporter.stderr();
    assert!(log.lines().any(|line| line.contains("forbidden") && line.contains("pods")), "{log}");
}

#[test]
fn what_cert_manager_puts_a_ca_into_uses_its_secret() {
    let (cluster, _) = filled();
    let webhook = |annotation: &str, value: &str| {
        json!({
            "metadata": { "name": "policy", "annotations": { annotation: value } },
            "webhooks": [{ "name": "pods.policy.example", "clientConfig": { "service": { "namespace": "shop", "name": "policy", "path": "/" } } }],
        })
    };
    let resource = "admissionregistration.k8s.io/validatingwebhookconfigurations";
    cluster.put(resource, webhook("cert-manager.io/inject-ca-from", "shop/policy-cert"));
    cluster.put(
        "cert-manager.io/certificates",
        json!({
            "metadata": { "namespace": "shop", "name": "policy-cert" }, "spec": { "secretName": "web" },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
        }),
    );
    let folder = cluster.folder(r#"kinds = ["secret", "webhook", "certificate"]"#);
    let exporter = folder.ready();
    let of = |secret: &str| [format!("{secret} tls.crt: ValidatingWebhookConfiguration policy policy.shop.svc")];
    exporter.scrape_until("the Certificate's Secret", |scrape| (uses(scrape) == of("web")).then_some(()));
    cluster.put(resource, webhook("cert-manager.io/inject-ca-from-secret", "shop/spare"));
    exporter.scrape_until("the Secret", |scrape| (uses(scrape) == of("spare")).then_some(()));
    cluster.delete(resource, "", "policy");
    exporter.scrape_until("it goes", |scrape| uses(scrape).is_empty().then_some(()));
}
