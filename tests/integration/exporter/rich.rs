//! One scrape with everything in it.

use std::process::Command;

use base64::Engine;

use super::golden::{is_golden, steady};
use crate::support::ca::{Ca, Issued};
use crate::support::crls::CrlCa;
use crate::support::exporter::{Folder, get, promtool_accepts};
use crate::support::openssl::openssl;
use crate::support::servers::{Servers, closed_port};

const CONFIG: &str = r#"
[sources.files]
type = "file"
paths = ["DIR/files/**/*.{pem,der,p7b,p12,jks,crl,key}", "DIR/missing.pem"]
labels = { team = "payments" }

[sources.kubeconfigs]
type = "kubeconfig"
paths = ["DIR/kube/config"]

[sources.edge]
type = "tls"
roots = ["DIR/root.pem"]
targets = [
    { target = "GOOD", labels = { tier = "front" } },
    "UNTRUSTED", "EXPIRED", "CLOSED",
]
"#;

/// Everything that is watched, and the servers behind it.
pub(super) struct Rich {
    pub(super) folder: Folder,
    pub(super) replaced: Vec<(String, &'static str)>,
    _servers: Servers,
}

impl Rich {
    pub(super) fn new() -> Self {
        let folder = Folder::new("");
        let root = Ca::root("Golden Root");
        let issuing = root.intermediate("Golden Issuing");
        let leaf = issuing.leaf(&["www.example.com", "example.com"]).issue();
        files(&folder, &leaf);
        folder.write("root.pem", root.pem());
        kubeconfig(&folder, &root, &leaf);

        let mut servers = Servers::new();
        let addresses = [
            ("GOOD", servers.tls(&issuing.leaf(&["127.0.0.1"]).issue())),
            ("UNTRUSTED", servers.tls(&Ca::root("Strange Root").leaf(&["127.0.0.1"]).issue())),
            ("EXPIRED", servers.tls(&issuing.leaf(&["127.0.0.1"]).expired().issue())),
            ("CLOSED", closed_port()),
        ];
        let config = addresses.iter().fold(CONFIG.to_owned(), |config, (name, address)| config.replace(name, &address.to_string()));
        folder.config(&config);
        let mut replaced = vec![(folder.path().to_str().unwrap().to_owned(), "DIR")];
        replaced.extend(addresses.map(|(name, address)| (address.to_string(), name)));
        Self { folder, replaced, _servers: servers }
    }
}

fn files(folder: &Folder, leaf: &Issued) {
    folder.write("files/chain.pem", leaf.chain_pem());
    folder.write("files/leaf.der", &leaf.certificate);
    folder.write("files/only.key", leaf.key_pem());
    let at = folder.path().join("files");
    openssl(&at, &["crl2pkcs7", "-nocrl", "-certfile", "chain.pem", "-out", "chain.p7b"]);
    let export = ["pkcs12", "-export", "-in", "chain.pem", "-inkey", "only.key", "-name", "www", "-out", "keystore.p12"];
    openssl(&at, &[&export[..], &["-passout", "pass:changeit"]].concat());
    let keytool = Command::new("keytool")
        .args(["-importcert", "-noprompt", "-storetype", "JKS", "-storepass", "changeit", "-alias", "www"])
        .args(["-file", "leaf.der", "-keystore", "trust.jks"])
        .current_dir(&at)
        .output()
        .expect("keytool is installed");
    assert!(keytool.status.success(), "{}", String::from_utf8_lossy(&keytool.stdout));

    let ca = CrlCa::new("Golden CRL CA");
    folder.write("files/v2.crl", ca.v2("30"));
    folder.write("files/v1.crl", ca.v1());
    folder.write("files/two.crl", ca.v2("30") + &ca.v2("60"));
    folder.write("files/garbage.pem", "this is no certificate\n");
}

fn kubeconfig(folder: &Folder, root: &Ca, leaf: &Issued) {
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    folder.write(
        "kube/config",
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: prod\n  cluster:\n    server: https://example.com\n    \
             certificate-authority-data: {}\nusers:\n- name: admin\n  user:\n    client-certificate-data: {}\n    \
             client-key-data: {}\n- name: robot\n  user:\n    client-certificate: ../files/leaf.der\n",
            base64(&root.pem()),
            base64(&leaf.chain_pem()),
            base64(&leaf.key_pem()),
        ),
    );
}

#[test]
fn a_rich_scrape_is_golden_and_promtool_finds_nothing_to_say() {
    let rich = Rich::new();
    let exporter = rich.folder.ready();
    let scrape = exporter.scrape();
    promtool_accepts(&scrape.text);
    let head = exporter.get("/metrics").head;
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    is_golden("rich.txt", &steady(&scrape.text, &rich.replaced));
    assert!(exporter.stdout().contains(&format!("metrics: http://{}/metrics\n", exporter.address)), "{}", exporter.stdout());
}

#[test]
fn gzip_and_plain_answers_hold_the_same_series() {
    let rich = Rich::new();
    let exporter = rich.folder.ready();
    let zipped = get(exporter.address, "/metrics", "Accept-Encoding: gzip\r\n");
    assert!(zipped.head.contains("content-encoding: gzip"), "{}", zipped.head);
    let families = |text: &str| -> Vec<String> { text.lines().filter(|line| !line.starts_with("process_")).map(str::to_owned).collect() };
    assert_eq!(families(&zipped.text()), families(&exporter.scrape().text));
}
