//! What docs/DEPLOYMENT.md says of running with little: no network, and no Secret.

use std::process::Command;

use serde_json::json;

use crate::kubernetes::cluster::{Cluster, shows, up};
use crate::support::ca::{Ca, pem};
use crate::support::exporter::{Exporter, Folder, ran, until};
use crate::support::issuing::{Issuing, Pointers};
use crate::support::site::Site;

/// Every kind of source that reads files, one certificate with pointers to a list, a responder and an issuer, and what `[revocation]` says.
fn files(site: &Site, revocation: &str) -> Folder {
    let folder = Folder::new(&format!(
        "[revocation]\nallow = [\"127.0.0.0/8\"]\n{revocation}\n[storage]\nstate_dir = \"DIR/state\"\ncache_dir = \"DIR/cache\"\n\
         [defaults]\nschedule = \"@every 1s\"\n\
         [sources.files]\ntype = \"file\"\npaths = [\"DIR/certs/*\"]\n\
         [sources.kubeconfigs]\ntype = \"kubeconfig\"\npaths = [\"DIR/admin.conf\"]\n\
         [sources.nginx]\ntype = \"nginx\"\nconfig = \"DIR/nginx.conf\"\n\
         [sources.envoy]\ntype = \"envoy-config\"\npaths = [\"DIR/envoy.yaml\"]\n"
    ));
    let ca = Issuing::new("Pointing CA");
    let mut pointers = Pointers::crl(&[&site.url("/a.crl")]).issuer(&site.url("/ca.cer"));
    pointers.ocsp = vec![site.url("/ocsp")];
    folder.write("certs/leaf.pem", ca.leaf(7, &pointers));
    folder.write("certs/ca.pem", ca.ca.pem());
    let kept = folder.at("certs/leaf.pem");
    folder.write("nginx.conf", format!("events {{}}\nhttp {{ server {{ listen 443 ssl; ssl_certificate {kept}; }} }}\n"));
    folder.write(
        "envoy.yaml",
        format!(
            "static_resources:\n  listeners:\n  - name: web\n    filter_chains:\n    - transport_socket:\n        name: tls\n        typed_config:\n          \
             \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n          common_tls_context:\n            \
             tls_certificates:\n            - certificate_chain: {{ filename: {kept} }}\n"
        ),
    );
    folder.write(
        "admin.conf",
        format!("apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster:\n    server: https://127.0.0.1:1\n    certificate-authority: {}\n", folder.at("certs/ca.pem")),
    );
    folder
}

/// The program under strace, which writes down every call that has to do with the network. It stays this process' child.
fn traced(folder: &Folder, arguments: &[&str]) -> Command {
    let program = folder.command(arguments);
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-q", "-s", "200", "-e", "trace=%network", "-o", &folder.at("trace")])
        .arg(program.get_program())
        .args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(folder.path());
    command
}

/// The calls of these names, once the program has ended.
fn calls(folder: &Folder, names: &[&str]) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "the test's own file")]
    let trace = until("strace has written all", || {
        std::fs::read_to_string(folder.path().join("trace")).ok().filter(|trace| trace.contains("+++ exited with"))
    });
    let lines = trace.lines().filter_map(|line| line.split_once(' ').map(|(_, call)| call.trim_start()));
    lines.filter(|call| names.iter().any(|name| call.starts_with(&format!("{name}(")))).map(str::to_owned).collect()
}

#[test]
fn without_a_network_nothing_is_opened_but_the_listener() {
    for (offline, wanted) in [(true, 1), (false, 2)] {
        let site = Site::start();
        let folder = files(&site, &format!("offline = {offline}\n"));
        let exporter = Exporter::spawn(traced(&folder, &["--config", &folder.at("notafter.toml"), "--listen", "127.0.0.1:0"]));
        exporter.until_ready();
        exporter.scrape_until("every file is read", |scrape| {
            let bundles = |kind: &str| scrape.value("x509_source_bundles", &[("source_kind", kind)]);
            let all = [bundles("file")?, bundles("kubeconfig")?, bundles("nginx")?, bundles("envoy-config")?];
            (all == [2.0, 1.0, 1.0, 1.0]).then_some(())
        });
        let status = |wanted: &'static str| {
            exporter.scrape_until(wanted, |scrape| {
                scrape
                    .value("x509_cert_revocation_status", &[("source_name", "files"), ("cert_role", "leaf"), ("status", wanted)])
                    .map(|_| ())
            });
        };
        if offline {
            status("unknown");
        } else {
            // That this test would notice.
            until("something is fetched", || (!site.asked().is_empty()).then_some(()));
        }
        exporter.scans("files", 2.0);
        exporter.terminate();
        let (sockets, connects) = (calls(&folder, &["socket"]), calls(&folder, &["connect"]));
        if offline {
            assert_eq!(sockets.len(), wanted, "{sockets:#?}");
            assert!(sockets[0].starts_with("socket(AF_INET, SOCK_STREAM"), "{sockets:#?}");
            assert_eq!(connects, Vec::<String>::new());
            assert_eq!(calls(&folder, &["bind"]).len(), 1);
            assert_eq!(site.connections(), 0);
        } else {
            assert!(sockets.len() >= wanted && !connects.is_empty(), "{sockets:#?} {connects:#?}");
        }
    }
}

#[test]
fn a_round_into_a_file_opens_no_socket_at_all() {
    let site = Site::start();
    let folder = files(&site, "offline = true\n");
    let scanned = ran(traced(&folder, &["scan", "--config", &folder.at("notafter.toml"), "--output", &folder.at("out.prom")]));
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
    assert_eq!(calls(&folder, &["socket", "bind", "connect", "listen", "accept4"]), Vec::<String>::new());
    #[expect(clippy::disallowed_methods, reason = "the test's own file")]
    let written = std::fs::read_to_string(folder.path().join("out.prom")).unwrap();
    assert!(written.contains("x509_cert_not_after{source_kind=\"nginx\""), "{written}");
}

/// The kinds of the first example of "Without Secrets", as KUBERNETES.md has them.
fn documented_kinds() -> String {
    #[expect(clippy::disallowed_methods, reason = "a file of this repository")]
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/KUBERNETES.md")).unwrap();
    let (_, chapter) = page.split_once("\n### Without Secrets\n").unwrap();
    let (_, kinds) = chapter.split_once("  kinds: [").unwrap();
    let kinds: Vec<String> = kinds.split(']').next().unwrap().split(", ").map(|kind| format!("{kind:?}")).collect();
    format!("kinds = [{}]", kinds.join(", "))
}

#[test]
fn without_secrets_every_other_thing_of_a_cluster_works_and_none_is_asked_for() {
    let all = r#"kinds = ["configmap", "webhook", "api_service", "crd", "csr", "certificate", "ingress", "gateway", "pod"]
presets = ["istio", "linkerd", "cert-manager", "nginx-ingress"]
labels_from = { team = ["label:team", "namespace_label:team"] }"#;
    for (behaviour, keys) in [("as documented", documented_kinds()), ("everything but Secrets", all.to_owned())] {
        let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
        cluster.switch(|switches| switches.forbidden.push(("secrets".into(), None)));
        cluster.tls("shop", "hidden", &ca, "hidden");
        cluster.put("/configmaps", json!({"metadata": {"namespace": "shop", "name": "trust"}, "data": {"ca.crt": ca.pem()}}));
        cluster.put(
            "admissionregistration.k8s.io/validatingwebhookconfigurations",
            json!({"metadata": {"name": "hook"}, "webhooks": [{"name": "a", "clientConfig": {"caBundle": encoded(&ca)}}]}),
        );
        cluster.put(
            "networking.k8s.io/ingresses",
            json!({"metadata": {"namespace": "shop", "name": "web"}, "spec": {"tls": [{"hosts": ["127.0.0.1"], "secretName": "hidden"}]}}),
        );
        let routes = "[sources.routes]\ntype = \"tls\"\nschedule = \"@every 1h\"\nkubernetes_sd = [{ kubeconfig = \"DIR/kubeconfig\", from = [\"ingress\"] }]\n";
        let folder = cluster.folder(&format!("{keys}\n{routes}"));
        let exporter = folder.ready();
        shows(&exporter, &[("source_kind", "kube-configmap"), ("configmap_name", "trust")], "Root");
        shows(&exporter, &[("source_kind", "kube-cabundle"), ("cabundle_resource_name", "hook")], "Root");
        let scrape = exporter.scrape();
        let ups = scrape.all("x509_source_up", &[]);
        assert!(ups.len() >= 3 && ups.iter().all(|sample| sample.value == 1.0), "{behaviour}: {ups:#?}");
        assert_eq!(up(&scrape, "kube-secret"), None, "{behaviour}: there is no such source");
        assert!(scrape.value("tls_probe_success", &[("source_name", "routes")]).is_some(), "{behaviour}: the Ingress is probed");
        let asked = cluster.asked();
        assert!(asked.len() > 3 && !asked.iter().any(|line| line.contains("/secrets")), "{behaviour}: {asked:#?}");
    }
}

fn encoded(ca: &Ca) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(pem("CERTIFICATE", ca.der()))
}
