//! Two exporters with one configuration, as docs/DEPLOYMENT.md has it: what they show alike, what may differ, and dashboards that do not count twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use notafter::metrics::table::{FAMILIES, Kind};

use crate::kubernetes::cluster::{Cluster, shows, source};
use crate::support::ca::{Ca, pem};
use crate::support::exporter::{Exporter, Folder, percent_encoded, until};
use crate::support::issuing::{Crl, Issuing};
use crate::support::prometheus::Prometheus;
use crate::support::queries::{self, Query};
use crate::support::scrape::Scrape;
use crate::support::servers::{Servers, closed_port};

/// Panels that are about the exporters themselves, and change with their number.
const OF_EXPORTERS: &[(&str, &str)] = &[
    ("exporter.json: Exporters by version", "it counts them"),
    ("exporter.json: Sources", "a row for each of them"),
    ("overview.json: Cost in series", "it is twice"),
    ("overview.json: Cost in series, by source", "it is twice"),
];

/// Endpoints and clusters that both watch: fine, expired, unreachable, a cluster that is away.
struct Shared {
    cluster: Cluster,
    _servers: Servers,
    text: String,
}

impl Shared {
    fn new() -> Self {
        let (cluster, ca, mut servers) = (Cluster::new(), Ca::root("Root"), Servers::new());
        let good = servers.tls(&ca.leaf(&["localhost"]).issue());
        let expired = servers.tls(&ca.leaf(&["localhost"]).expired().issue());
        cluster.tls("shop", "web", &ca, "web");
        cluster.tls("shop", "api", &ca, "api");
        cluster.secret("shop", "root", "Opaque", &[("ca.crt", ca.pem().as_bytes())]);
        let list = pem("X509 CRL", &Issuing::new("Revoking CA").crl(&Crl::number(1)));
        cluster.secret("shop", "list", "Opaque", &[("ca.crl", list.as_bytes())]);
        let text = format!(
            "[defaults]\nschedule = \"@every 1s\"\n\
             [[waiver]]\nmatch = {{ sources = [\"edge\"] }}\nfinding = \"expired\"\nuntil = 2099-12-31\nowner = \"pki\"\nwhy = \"it is left to expire\"\n\
             [sources.edge]\ntype = \"tls\"\nserver_name = \"localhost\"\ntargets = [\"{good}\", \"{expired}\", \"{}\"]\n\
             {}{}",
            closed_port(),
            source("cluster", "DIR/kubeconfig", ""),
            source("gone", "DIR/gone", ""),
        );
        Self { cluster, _servers: servers, text }
    }

    /// One of the exporters, in a folder of its own, with more in its configuration.
    fn replica(&self, more: &str) -> (Folder, Exporter) {
        let folder = Folder::new("");
        self.cluster.kubeconfig(&folder.path().join("kubeconfig"), "token");
        let gone = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster:\n    server: http://{}\nusers:\n- name: a\n  user: {{}}\n\
             contexts:\n- name: a\n  context: {{cluster: a, user: a}}\n",
            closed_port()
        );
        folder.write("gone", gone);
        folder.config(&format!("{}{more}", self.text));
        let exporter = folder.ready();
        shows(&exporter, &[("secret_name", "web")], "web");
        (folder, exporter)
    }
}

/// The families of the table "What may differ", `process_*` for all that begin so.
fn may_differ() -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "a file of this repository")]
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DEPLOYMENT.md")).unwrap();
    let (_, chapter) = page.split_once("\n### What may differ\n").expect("the page has the chapter");
    let chapter = chapter.split("\n## ").next().unwrap().split("\n### ").next().unwrap();
    let first = |line: &str| Some(line.strip_prefix("| ")?.split(" | ").next()?.to_owned());
    let cells = chapter.lines().filter_map(first).filter(|cell| cell.starts_with('`'));
    cells.flat_map(|cell| cell.split(", ").map(|name| name.trim_matches('`').to_owned()).collect::<Vec<_>>()).collect()
}

fn is_listed(family: &str, list: &[String]) -> bool {
    list.iter().any(|listed| listed.strip_suffix('*').map_or(listed == family, |start| family.starts_with(start)))
}

fn family(sample: &str) -> &'static str {
    let named = |name: &str| FAMILIES.iter().find(|family| family.name == name);
    let plain = ["", "_bucket", "_sum", "_count"].iter().find_map(|suffix| named(sample.strip_suffix(suffix)?));
    plain.unwrap_or_else(|| panic!("{sample} is no family")).name
}

fn values(scrape: &Scrape) -> BTreeMap<String, (&str, f64)> {
    scrape.samples.iter().map(|sample| (sample.series(), (&*sample.name, sample.value))).collect()
}

#[test]
fn the_list_of_what_may_differ_is_about_families_and_has_all_that_is_counted() {
    let list = may_differ();
    for listed in &list {
        let one = std::slice::from_ref(listed);
        assert!(FAMILIES.iter().any(|family| is_listed(family.name, one)), "{listed} is no family");
    }
    let counted = FAMILIES.iter().filter(|family| family.kind != Kind::Gauge).map(|family| family.name);
    let missing: Vec<&str> = counted.filter(|name| !is_listed(name, &list)).collect();
    assert!(missing.is_empty(), "each process counts for itself: {missing:?}");
    for certain in ["x509_cert_not_after", "x509_cert_finding", "x509_cert_revoked", "tls_probe_success", "x509_source_up"] {
        assert!(!is_listed(certain, &list), "{certain} is what rules are about");
    }
}

#[test]
fn two_replicas_show_the_same_series_and_values_but_for_the_list() {
    let shared = Shared::new();
    let files =
        "[sources.files]\ntype = \"file\"\npaths = [\"/etc/ssl/certs/ca-certificates.crt\"]\n[metrics]\ncompatibility = [\"enix\"]\n";
    let ((_one, one), (_two, two)) = (shared.replica(files), shared.replica(files));
    let list = may_differ();
    // Relations are told a moment after the first round, and findings of failing endpoints with the second.
    let differing = until("both show the same series", || {
        let scrapes = (one.scrape(), two.scrape());
        let (left, right) = (values(&scrapes.0), values(&scrapes.1));
        // Series of events come with the event.
        let of_certain = |all: &BTreeMap<String, (&str, f64)>| -> BTreeSet<String> {
            all.iter().filter(|(_, (name, _))| !is_listed(family(name), &list)).map(|(series, _)| series.clone()).collect()
        };
        let (mine, others) = (of_certain(&left), of_certain(&right));
        let is_complete =
            scrapes.0.all("x509_cert_dependants", &[]).len() > 1 && scrapes.0.value("x509_source_up", &[("source_name", "gone")]).is_some();
        if mine != others || !is_complete {
            return None;
        }
        let differing: BTreeSet<&'static str> = left
            .iter()
            .filter(|(series, (_, value))| right.get(*series).is_none_or(|(_, other)| other != value))
            .map(|(_, (name, _))| family(name))
            .collect();
        Some(differing)
    });
    let unlisted: Vec<_> = differing.iter().filter(|name| !is_listed(name, &list)).collect();
    assert!(unlisted.is_empty(), "these differ, and the page does not say so: {unlisted:?}");
    assert!(differing.contains("x509_source_last_scan_timestamp_seconds"), "two processes cannot be that alike: {differing:?}");
}

/// What an expression gives at this time: series without their instance, and values.
fn result(prometheus: &Prometheus, expression: &str, at: f64) -> (BTreeMap<String, f64>, bool) {
    let answer = prometheus.api(&format!("/api/v1/query?time={at}&query={}", percent_encoded(expression)));
    let mut is_by_instance = false;
    let series = answer["result"].as_array().unwrap().iter().map(|series| {
        let mut labels = series["metric"].as_object().unwrap().clone();
        is_by_instance |= labels.remove("instance").is_some();
        (format!("{labels:?}"), series["value"][1].as_str().unwrap().parse().unwrap())
    });
    (series.collect(), is_by_instance)
}

/// What a panel shows otherwise when a second replica is there; nothing when it shows the same. And whether it shows anything.
fn change(prometheus: &Prometheus, query: &Query, replicas: [SocketAddr; 2], at: f64) -> (Option<String>, bool) {
    let text = query.filled("1m");
    let (both, is_by_instance) = result(prometheus, &text, at);
    let single = |address: &SocketAddr| text.replace("job=~\".*\"", &format!("job=~\".*\", instance=\"{address}\""));
    if single(&replicas[0]) == text {
        // Of alerts, which tests of their own have, or of other programs.
        let is_ours = ["x509_", "tls_", "notafter_", "process_"].iter().any(|beginning| text.contains(beginning));
        assert!(!is_ours || text.contains("ALERTS"), "{}: no selector looks at the job: {text}", query.place);
        return (None, false);
    }
    let alone = replicas.map(|address| result(prometheus, &single(&address), at).0);
    // Events, and what belongs to a process, are shown by process or added up: both did happen.
    let is_about_events = text.contains("rate(") || text.contains("increase(");
    let is_of_process = is_by_instance && (text.contains("process_") || text.contains("notafter_"));
    // Of what each sees in its own time, either's word will do.
    let is_of_one = |series: &String, value: &f64| {
        let words = alone.iter().filter_map(|alone| alone.get(series)).copied().collect::<Vec<f64>>();
        let (least, most) = (words.iter().copied().fold(f64::INFINITY, f64::min), words.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        (least..=most).contains(value) || (value.is_nan() && words.iter().any(|word| word.is_nan()))
    };
    let is_same = both.keys().eq(alone[0].keys()) && (is_about_events || both.iter().all(|(series, value)| is_of_one(series, value)));
    let is_well = is_of_process || (is_same && !is_by_instance);
    let said = || {
        format!(
            "{}: {text}\n  of two: {both:?}{}\n  of one: {:?}",
            query.place,
            if is_by_instance { ", by instance" } else { "" },
            alone[0]
        )
    };
    ((!is_well).then(said), !alone[0].is_empty())
}

#[test]
fn dashboards_say_the_same_of_one_replica_and_of_two() {
    let shared = Shared::new();
    let ((folder, one), (_two, two)) = (shared.replica(""), shared.replica(""));
    let replicas = [one.address, two.address];
    let prometheus = Prometheus::of_all(&folder, &replicas, "scheme: http", &[]);
    until("both are scraped, relations and all", || (prometheus.query("x509_cert_dependants > 0").len() >= 2).then_some(()));
    // Rates want some scrapes.
    until("some scrapes", || (prometheus.query("count_over_time(up[1m]) > 5").len() == 2).then_some(()));
    let now: f64 = prometheus.api("/api/v1/query?query=time()")["result"][1].as_str().unwrap().parse().unwrap();

    let of_dashboards = queries::dashboards();
    let of_dashboards: Vec<Query> = of_dashboards.iter().flat_map(|(path, dashboard)| queries::of_dashboard(path, dashboard)).collect();
    let changes: Vec<_> = of_dashboards.iter().map(|query| change(&prometheus, query, replicas, now)).collect();
    let with_data = changes.iter().filter(|(_, shows)| *shows).count();
    assert!(changes.len() >= 100 && with_data >= 60, "{with_data} of {} show something", changes.len());
    let is_of_exporters = |query: &Query| OF_EXPORTERS.iter().position(|(panel, _)| query.place.ends_with(&format!("/{panel}")));
    let (mut wrong, mut excused) = (Vec::new(), BTreeSet::new());
    for (query, (changed, _)) in of_dashboards.iter().zip(changes) {
        match (changed, is_of_exporters(query)) {
            (Some(changed), None) => wrong.push(changed),
            (Some(_), Some(at)) => drop(excused.insert(OF_EXPORTERS[at].0)),
            (None, _) => {}
        }
    }
    assert!(wrong.is_empty(), "a second replica changes what is shown:\n{}", wrong.join("\n"));
    assert_eq!(excused, OF_EXPORTERS.iter().map(|(panel, _)| *panel).collect(), "those that change are those that are said to");

    for (behaviour, text, is_noticed) in [
        ("a count of every series", "count(x509_cert_not_after{job=~\"$job\"})", true),
        ("a sum", "sum by (source_name) (x509_source_bundles{job=~\"$job\"})", true),
        ("a row for each replica", "x509_cert_not_after{job=~\"$job\", source_name=\"cluster\"}", true),
        ("a count of places", "count(max without (instance, pod) (x509_cert_not_after{job=~\"$job\"}))", false),
        ("events of both", "sum by (source_name) (rate(tls_handshakes_total{job=~\"$job\"}[1m]))", false),
        ("memory of each process", "process_resident_memory_bytes{job=~\"$job\"}", false),
    ] {
        let query =
            Query { place: behaviour.to_owned(), text: text.to_owned(), legend: String::new(), columns: Vec::new(), beside: Vec::new() };
        assert_eq!(change(&prometheus, &query, replicas, now).0.is_some(), is_noticed, "{behaviour}");
    }
}
