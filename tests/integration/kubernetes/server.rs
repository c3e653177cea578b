//! An API server that is old, strict, forgetful, slow, or away.

use std::time::Duration;

use super::cluster::{Cluster, is_gone, shows, up};
use crate::support::ca::Ca;
use crate::support::exporter::PLENTY;
use crate::support::kube::Streaming;

const WEB: [(&str, &str); 2] = [("secret_namespace", "shop"), ("secret_name", "web")];

#[test]
fn whatever_the_server_can_lists_come_and_changes_follow() {
    let ca = Ca::root("Root");
    for streaming in [Streaming::Supported, Streaming::Broken, Streaming::Refused, Streaming::Ignored] {
        let cluster = Cluster::new();
        cluster.switch(|switches| switches.streaming = streaming);
        (0..25).for_each(|number| cluster.tls("shop", &format!("s{number}"), &ca, "x"));
        cluster.tls("shop", "web", &ca, "first");
        let folder = cluster.folder("page_size = 10");
        let exporter = folder.ready();
        shows(&exporter, &WEB, "first");
        assert_eq!(exporter.scrape().all("x509_cert_not_after", &[]).len(), 26, "{streaming:?}");
        cluster.tls("shop", "web", &ca, "second");
        shows(&exporter, &WEB, "second");
        let pages = cluster.asked().iter().filter(|line| line.contains("limit=")).count();
        assert_eq!(pages, if streaming == Streaming::Supported { 0 } else { 3 }, "{streaming:?}");
    }
}

#[test]
fn what_the_server_forgot_is_listed_again() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    (0..25).for_each(|number| cluster.tls("shop", &format!("s{number}"), &ca, "x"));
    cluster.switch(|switches| (switches.streaming, switches.expire_continue) = (Streaming::Refused, true));
    let folder = cluster.folder("page_size = 10");
    let exporter = folder.ready();
    let scrape = exporter.scrape();
    assert_eq!(scrape.all("x509_cert_not_after", &[]).len(), 25, "410 in the middle of a list");
    assert_eq!(up(&scrape, "kube-secret"), Some(1.0));
    let resyncs = |scrape: &crate::support::scrape::Scrape| {
        scrape.value("x509_kube_watch_resyncs_total", &[("source_name", "cluster"), ("resource", "secrets")])
    };
    let before = resyncs(&scrape).unwrap();
    assert!(before >= 1.0);

    // 410 in mid-watch: what went and came meanwhile is seen.
    cluster.delete("/secrets", "shop", "s0");
    is_gone(&exporter, &[("secret_name", "s0")]);
    cluster.away();
    cluster.delete("/secrets", "shop", "s1");
    cluster.tls("shop", "web", &ca, "first");
    cluster.forget();
    cluster.return_again();
    shows(&exporter, &WEB, "first");
    is_gone(&exporter, &[("secret_name", "s1")]);
    exporter.scrape_until("the resync counted", |scrape| (resyncs(scrape)? > before).then_some(()));

    cluster.error_in_streams(410);
    cluster.tls("shop", "web", &ca, "second");
    shows(&exporter, &WEB, "second");
}

#[test]
fn streams_that_break_are_taken_up_where_they_were() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "first");
    cluster.switch(|switches| switches.bookmarks = Some(Duration::from_millis(100)));
    let folder = cluster.folder("");
    let exporter = folder.ready();
    shows(&exporter, &WEB, "first");
    cluster.asked();
    for (name, break_off) in [("cut", &(|| cluster.cut()) as &dyn Fn()), ("error", &|| cluster.error_in_streams(500))] {
        break_off();
        cluster.tls("shop", "web", &ca, name);
        shows(&exporter, &WEB, name);
    }
    let asked = cluster.asked();
    assert!(!asked.iter().any(|line| line.contains("limit=") || line.contains("sendInitialEvents")), "nothing is listed again: {asked:#?}");
    assert!(asked.len() <= 6, "{asked:#?}");
}

#[test]
fn a_missing_permission_is_named_and_the_rest_goes_on() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.switch(|switches| switches.forbidden.push(("secrets".into(), Some("secret-place".into()))));
    for namespace in ["shop", "secret-place"] {
        cluster.tls(namespace, "web", &ca, namespace);
    }
    let folder = cluster.folder("kinds = [\"secret\", \"configmap\"]\nnamespaces = [\"secret-place\", \"shop\"]");
    let exporter = folder.ready();
    shows(&exporter, &[("secret_namespace", "shop")], "shop");
    let scrape = exporter.scrape();
    assert_eq!([up(&scrape, "kube-secret"), up(&scrape, "kube-configmap")], [Some(0.0), Some(1.0)]);
    assert!(scrape.value("x509_kube_transport_errors_total", &[("resource", "secrets"), ("reason", "permission_denied")]).unwrap() >= 1.0);
    exporter.until_logged("forbidden");
    let log = exporter.stderr();
    let line = log.lines().find(|line| line.contains("forbidden")).unwrap_or_else(|| panic!("{log}"));
    for word in ["list", "watch", "secrets", "secret-place"] {
        assert!(line.contains(word), "{word}: {line}");
    }
    // And goes on following.
    cluster.tls("shop", "web", &ca, "later");
    shows(&exporter, &[("secret_namespace", "shop")], "later");
}

#[test]
fn a_server_that_asks_for_patience_gets_it() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "first");
    cluster.switch(|switches| switches.next.extend([(429, Some(1)), (503, None), (429, None)]));
    let folder = cluster.folder("");
    let exporter = folder.start();
    shows(&exporter, &WEB, "first");
    let count = |reason: &str| exporter.scrape().value("x509_kube_transport_errors_total", &[("resource", "secrets"), ("reason", reason)]);
    assert!(count("rate_limited").unwrap() >= 1.0);
    assert!(cluster.asked().len() <= 8);
}

#[test]
fn while_the_server_is_away_everything_known_stays() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "first");
    let folder = cluster.folder("kinds = [\"secret\", \"configmap\"]");
    let exporter = folder.ready();
    shows(&exporter, &WEB, "first");
    cluster.away();
    exporter
        .scrape_until("down", |scrape| (up(scrape, "kube-secret") == Some(0.0) && up(scrape, "kube-configmap") == Some(0.0)).then_some(()));
    shows(&exporter, &WEB, "first");
    cluster.asked();
    cluster.tls("shop", "web", &ca, "second");
    cluster.return_again();
    shows(&exporter, &WEB, "second");
    exporter
        .scrape_until("up", |scrape| (up(scrape, "kube-secret") == Some(1.0) && up(scrape, "kube-configmap") == Some(1.0)).then_some(()));
    let asked = cluster.asked();
    assert!(asked.len() <= 6, "no herd: {asked:#?}");
}

#[test]
fn a_server_that_is_away_at_start_is_found_when_it_comes() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "first");
    cluster.away();
    let folder = cluster.folder("");
    let exporter = folder.ready();
    assert_eq!(up(&exporter.scrape(), "kube-secret"), Some(0.0));
    cluster.return_again();
    shows(&exporter, &WEB, "first");
    exporter.scrape_until("up", |scrape| (up(scrape, "kube-secret") == Some(1.0)).then_some(()));
}

#[test]
fn a_rotated_token_is_read_again() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "first");
    cluster.switch(|switches| switches.token = Some("one".into()));
    let folder = cluster.folder("");
    let kubeconfig = folder.path().join("kubeconfig");
    cluster.kubeconfig(&kubeconfig, "one");
    let exporter = folder.ready();
    shows(&exporter, &WEB, "first");
    cluster.kubeconfig(&kubeconfig, "two");
    cluster.switch(|switches| switches.token = Some("two".into()));
    cluster.cut();
    cluster.tls("shop", "web", &ca, "second");
    shows(&exporter, &WEB, "second");
}

#[test]
fn ten_thousand_secrets_come_once_and_one_of_them_changes() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    let issued = ca.leaf(&["same"]).issue().chain_pem();
    for number in 0..10_000 {
        cluster.secret(&format!("n{}", number % 50), &format!("s{number}"), "kubernetes.io/tls", &[("tls.crt", issued.as_bytes())]);
    }
    let folder = cluster.folder("");
    let exporter = folder.start();
    let started = std::time::Instant::now();
    exporter.until_ready();
    assert!(started.elapsed() < PLENTY);
    let scrape = exporter.scrape();
    assert_eq!(scrape.value("x509_source_bundles", &[("source_kind", "kube-secret")]), Some(10_000.0));
    cluster.tls("n7", "s7", &ca, "changed");
    shows(&exporter, &[("secret_name", "s7")], "changed");
    assert!(cluster.asked().len() <= 2);
}

#[test]
fn slow_answers_are_waited_for() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    (0..20).for_each(|number| cluster.tls("shop", &format!("s{number}"), &ca, "x"));
    cluster.switch(|switches| switches.pause = Duration::from_millis(30));
    let folder = cluster.folder("");
    let exporter = folder.ready();
    assert_eq!(exporter.scrape().all("x509_cert_not_after", &[]).len(), 20);
}

#[test]
fn a_secret_made_again_with_another_type_is_still_there() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    let pem = ca.leaf(&["x"]).issue().chain_pem();
    let put = |number: usize, kind: &str| cluster.secret("shop", &format!("s{number}"), kind, &[("tls.crt", pem.as_bytes())]);
    (0..40).for_each(|number| put(number, "Opaque"));
    let folder = cluster.folder("secret_types = [\"Opaque\", \"kubernetes.io/tls\"]");
    let exporter = folder.ready();
    let shown = || exporter.scrape().all("x509_cert_not_after", &[]).len();
    for (kind, forgets) in [("kubernetes.io/tls", false), ("Opaque", true)] {
        if forgets {
            cluster.away();
        }
        for number in 0..40 {
            cluster.delete("/secrets", "shop", &format!("s{number}"));
            put(number, kind);
        }
        cluster.tls("shop", kind.rsplit('/').next().unwrap(), &ca, "last");
        if forgets {
            cluster.forget();
            cluster.return_again();
        }
        shows(&exporter, &[("secret_name", kind.rsplit('/').next().unwrap())], "last");
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(shown(), if forgets { 42 } else { 41 }, "{kind}");
    }
}

#[test]
fn what_went_while_nobody_looked_goes_with_the_first_whole_list() {
    let ca = Ca::root("Root");
    for is_away in [false, true] {
        let cluster = Cluster::new();
        ["web", "other"].iter().for_each(|name| cluster.tls("shop", name, &ca, name));
        cluster.tls("no", "hidden", &ca, "hidden");
        let folder = cluster.folder("namespaces = [\"shop\", \"no\"]\n[storage]\nstate_dir = \"DIR/state\"\n");
        let exporter = folder.ready();
        shows(&exporter, &[("secret_name", "other")], "other");
        exporter.terminate();
        cluster.delete("/secrets", "shop", "other");
        if is_away {
            cluster.away();
        } else {
            cluster.switch(|switches| switches.forbidden.push(("secrets".into(), Some("no".into()))));
        }
        let exporter = folder.ready();
        shows(&exporter, &[("secret_name", "hidden")], "hidden");
        if is_away {
            shows(&exporter, &[("secret_name", "other")], "other");
            cluster.return_again();
        }
        is_gone(&exporter, &[("secret_name", "other")]);
        shows(&exporter, &[("secret_name", "web")], "web");
        shows(&exporter, &[("secret_name", "hidden")], "hidden");
    }
}

#[test]
fn selected_namespaces_are_found_when_the_server_comes() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.put("/namespaces", serde_json::json!({ "metadata": { "name": "shop", "labels": { "env": "prod" } } }));
    cluster.tls("shop", "web", &ca, "first");
    cluster.away();
    let folder = cluster.folder("namespace_selector = \"env=prod\"");
    let exporter = folder.ready();
    cluster.return_again();
    shows(&exporter, &WEB, "first");
    exporter.scrape_until("up", |scrape| (up(scrape, "kube-secret") == Some(1.0)).then_some(()));
    cluster.tls("shop", "web", &ca, "second");
    shows(&exporter, &WEB, "second");
}

#[test]
fn a_server_that_forgets_at_once_is_not_listed_without_end() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    cluster.tls("shop", "web", &ca, "first");
    let folder = cluster.folder("");
    let exporter = folder.ready();
    shows(&exporter, &WEB, "first");
    for _ in 0..60 {
        cluster.forget();
        cluster.error_in_streams(410);
        std::thread::sleep(Duration::from_millis(100));
    }
    let lists = cluster.asked().iter().filter(|line| line.contains("sendInitialEvents")).count();
    assert!(lists <= 6, "{lists} lists in six seconds");
}
