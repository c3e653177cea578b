//! The API of the running program. Its schema is held against docs/openapi.yaml by `tests/api/run`.

use super::support::ca::Ca;
use super::support::exporter::{Exporter, Folder, get, until};
use super::support::prometheus::Prometheus;
use super::support::servers::{Servers, closed_port};

const LISTS: [&str; 8] = ["certificates", "targets", "sources", "crls", "findings", "revocation", "trust", "http_sd"];

/// The job of docs/API.md on a real Prometheus.
#[test]
fn prometheus_probes_the_endpoints_that_the_api_tells_it() {
    let (ca, mut servers) = (Ca::root("Root"), Servers::new());
    let (good, closed) = (servers.tls(&ca.leaf(&["good.example"]).issue()), closed_port());
    let config = format!(
        "[sources.edge]\ntype = \"tls\"\nroots = [\"DIR/ca.pem\"]\nlabels = {{ team = \"web\" }}\n\
         targets = [{{ target = \"{good}\", server_name = \"good.example\" }}, {{ target = \"smtp://{closed}\", labels = {{ team = \"mail\" }} }}]\n"
    );
    let folder = Folder::new(&config);
    folder.write("ca.pem", ca.pem());
    let exporter = folder.ready();
    let docs = include_str!("../../docs/API.md");
    let yaml = docs.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(yaml.contains("http_sd_configs"));
    let yaml = yaml.replace("127.0.0.1:9849", &exporter.address.to_string());
    let prometheus = Prometheus::configured(&folder, format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n{yaml}"));
    until("both were probed", || (prometheus.query("probe_success").len() == 2).then_some(()));
    let instances = |expression: &str| {
        let mut found: Vec<String> =
            prometheus.query(expression).iter().map(|labels| format!("{} {}", labels["instance"], labels["team"])).collect();
        found.sort();
        found
    };
    let [good, closed] = [format!("\"{good}\" \"web\""), format!("\"smtp://{closed}\" \"mail\"")];
    assert_eq!(instances("up == 1"), [good.clone(), closed.clone()]);
    assert_eq!(
        instances("tls_probe_success == 1"),
        std::slice::from_ref(&good),
        "the server's name went along, and no label of ours got lost"
    );
    assert_eq!(instances("tls_probe_success == 0"), [closed]);
    let labels = prometheus.query("up");
    assert!(labels.iter().all(|labels| labels.as_object().unwrap().keys().all(|name| !name.contains("meta"))), "{labels:?}");
}

/// Asks with the tag of the answer before.
fn again(exporter: &Exporter, path: &str, tag: &str) -> u16 {
    get(exporter.address, path, &format!("If-None-Match: {tag}\r\n")).status
}

#[test]
fn an_answer_is_known_until_something_changes() {
    let folder = Folder::new("[sources.files]\ntype = \"file\"\nschedule = \"* * * * * *\"\npaths = [\"DIR/*.pem\"]\n");
    let ca = Ca::root("Root");
    folder.write("a.pem", ca.leaf(&["a.example"]).issue().chain_pem());
    let exporter = folder.ready();
    let path = "/api/v1/certificates?role=leaf";
    let tag_of = |head: &str| head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    // What follows from the first round is published a moment later.
    let tag = until("a snapshot that stays for a while", || {
        let tag = tag_of(&exporter.get(path).head);
        std::thread::sleep(std::time::Duration::from_millis(300));
        (again(&exporter, path, &tag) == 304).then_some(tag)
    });
    folder.write("b.pem", ca.leaf(&["b.example"]).issue().chain_pem());
    until("the new file is told", || (exporter.get(path).json()["total"] == 2).then_some(()));
    assert_eq!(again(&exporter, path, &tag), 200);
    exporter.terminate();
    let exporter = folder.ready();
    assert_eq!(again(&exporter, path, &tag), 200, "another process has other tags");
}

#[test]
fn no_answer_has_a_secret_in_it() {
    let (ca, mut servers) = (Ca::root("Root"), Servers::new());
    let endpoint = servers.tls(&ca.leaf(&["good.example"]).issue());
    let closed = closed_port();
    let config = format!(
        "[sources.stores]\ntype = \"file\"\npaths = [\"DIR/*.p12\", \"DIR/*.pem\"]\npassphrase = \"hunter-one\"\n\
         [sources.edge]\ntype = \"tls\"\nroots = [\"DIR/ca.pem\"]\ntargets = [\"{endpoint}\"]\n\
         client_certificate = {{ cert = \"DIR/client.pem\", key = \"DIR/client.key\" }}\nhttp_sd = [\"http://user:hunter-two@{closed}/targets\"]\n\
         [sources.behind]\ntype = \"tls\"\ntargets = [\"a.example:443\"]\nproxy = \"http://user:hunter-three@{closed}\"\n"
    );
    let folder = Folder::new(&config);
    folder.write("ca.pem", ca.pem());
    let client = ca.leaf(&["client.example"]).issue();
    folder.write("client.pem", client.chain_pem() + &client.key_pem());
    folder.write("client.key", client.key_pem());
    folder.write("broken.p12", b"\x30\x82\x01\x00\x02\x01\x03");
    let exporter = folder.ready();
    let key: String = client.key_pem().lines().filter(|line| !line.starts_with('-')).collect();
    let failing = exporter.get("/api/v1/targets?state=failing").json();
    assert!(failing["total"].as_u64().unwrap() >= 2, "there are errors to be told: {failing}");
    for list in LISTS {
        let text = exporter.get(&format!("/api/v1/{list}")).text();
        for secret in ["hunter-", "PRIVATE KEY", &key[..32]] {
            assert!(!text.contains(secret), "{list}: {text}");
        }
    }
}
