//! Every panel of every dashboard shows something when a real Prometheus has scraped an exporter that watches something of everything.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::live::{Exporter, Prometheus};
use crate::support::openssl::{SServer, openssl, self_signed};
use crate::support::queries;

const LEAF: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "basicConstraints=critical,CA:FALSE"];

/// A file, an expired one, garbage, a stale CRL, an endpoint that is well, one that has expired, one where nobody listens.
fn prepare(folder: &Path) -> (SServer, SServer) {
    let [good, expired, ca] = ["good", "expired", "ca"].map(|name| folder.join(name));
    [&good, &expired, &ca].iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
    self_signed(&good, LEAF);
    self_signed(&ca, &["-newkey", "rsa:2048"]);
    std::fs::write(ca.join("index.txt"), "").unwrap();
    std::fs::write(ca.join("ca.cnf"), "[ca]\ndefault_ca = a\n[a]\ndatabase = index.txt\ndefault_md = sha256\n").unwrap();
    let sign =
        |arguments: &[&str]| openssl(&ca, &[&["ca", "-config", "ca.cnf", "-keyfile", "key.pem", "-cert", "cert.pem"], arguments].concat());
    sign(&["-gencrl", "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z", "-out", "stale.crl"]);
    // Old dates need a CA: `req -x509` of this OpenSSL knows none.
    openssl(
        &expired,
        &["req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.csr"],
    );
    std::fs::write(
        ca.join("ca.cnf"),
        "[ca]\ndefault_ca = a\n[a]\ndatabase = index.txt\ndefault_md = sha256\nnew_certs_dir = .\nrand_serial = yes\npolicy = p\n[p]\ncommonName = supplied\n",
    )
    .unwrap();
    let (csr, out) = (expired.join("request.csr"), expired.join("cert.pem"));
    sign(&[
        "-batch",
        "-notext",
        "-startdate",
        "20200101000000Z",
        "-enddate",
        "20210101000000Z",
        "-in",
        &csr.to_string_lossy(),
        "-out",
        &out.to_string_lossy(),
    ]);
    std::fs::write(folder.join("garbage.pem"), "no certificate\n").unwrap();
    std::fs::write(folder.join("rotated.pem"), std::fs::read(good.join("cert.pem")).unwrap()).unwrap();
    (SServer::start(&good, &[]), SServer::start(&expired, &[]))
}

#[tokio::test]
async fn every_panel_shows_something() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (good, expired) = prepare(folder);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let configuration = format!(
        "[defaults]\nschedule = \"@every 1s\"\n\
         [[waiver]]\nmatch = {{ sources = [\"files\"] }}\nfinding = \"expired\"\nuntil = 2099-12-31\nowner = \"pki\"\nwhy = \"it is left to expire\"\n\
         [sources.files]\ntype = \"file\"\npaths = [\"expired/cert.pem\", \"ca/*.crl\", \"*.pem\"]\n\
         [sources.edge]\ntype = \"tls\"\nserver_name = \"localhost\"\nroots = [\"good/cert.pem\"]\ntargets = [\"{}\", \"{}\", \"{closed}\"]\n",
        good.address, expired.address
    );
    let exporter = Exporter::start(folder, &configuration).await;
    let prometheus = Prometheus::start(folder, exporter.address).await;
    // The margin is counted when a renewal is seen, and shown when two scrapes have seen it grow.
    let began = Instant::now();
    while prometheus.query("x509_renewal_margin_ratio_count{source_name=\"files\"}").await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "Prometheus scrapes");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let renewed = folder.join("renewed");
    std::fs::create_dir(&renewed).unwrap();
    self_signed(&renewed, &[LEAF, &["-days", "60"]].concat());
    std::fs::rename(renewed.join("cert.pem"), folder.join("rotated.pem")).unwrap();

    let dashboards = queries::dashboards();
    let all: Vec<_> = dashboards.iter().flat_map(|(path, dashboard)| queries::of_dashboard(path, dashboard)).collect();
    let shown = loop {
        let mut shown = Vec::new();
        for query in &all {
            shown.push(prometheus.query(&query.filled("1m")).await.into_iter().filter(|(_, value)| value.is_finite()).collect::<Vec<_>>());
        }
        if shown.iter().all(|series| !series.is_empty()) {
            break shown;
        }
        let empty: Vec<&str> = all.iter().zip(&shown).filter(|(_, shown)| shown.is_empty()).map(|(query, _)| &*query.place).collect();
        assert!(began.elapsed() < Duration::from_secs(60), "without data: {empty:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };

    let of: BTreeMap<(&str, &str), &Vec<_>> = all
        .iter()
        .zip(&shown)
        .map(|(query, shown)| ((query.place.rsplit_once(": ").map_or("", |(_, title)| title), &*query.legend), shown))
        .collect();
    let value = |title: &str| of[&(title, "")][0].1;
    assert_eq!(value("Certificates watched"), 4.0, "two files, two endpoints");
    assert_eq!(value("Expired now"), 2.0, "a file and an endpoint");
    assert_eq!(value("Places in error") as u8, 1);
    assert_eq!(value("Sources not up"), 0.0);
    assert!((29.0..=60.0).contains(&value("First to expire")), "{}", value("First to expire"));
    let first = of[&("The 20 certificates that end first", "")];
    assert_eq!(first.len(), 4);
    assert!(first.iter().all(|(labels, _)| labels["place"].as_str().is_some_and(|place| !place.is_empty())), "{first:?}");
    assert_eq!(first.iter().filter(|(_, days)| *days < 0.0).count(), 2, "{first:?}");
    let failing = of[&("Endpoints that fail", "")];
    assert_eq!(failing.len(), 1, "{failing:?}");
    assert_eq!((&failing[0].0["stage"], &failing[0].0["reason"]), (&"connect".into(), &"refused".into()));
    let findings: Vec<_> = of[&("Findings by kind", "{{finding}}")].iter().map(|(labels, _)| labels["finding"].as_str().unwrap()).collect();
    for finding in ["expired", "untrusted", "stale"] {
        assert!(findings.contains(&finding), "{finding}: {findings:?}");
    }
    let waived = of[&("Waivers that end first", "")];
    assert!(waived.len() == 1 && waived[0].0["finding"] == "expired" && waived[0].1 > 9_000.0, "{waived:?}");
    assert_eq!(of[&("Places that nobody owns", "")].iter().map(|(_, places)| places).sum::<f64>(), 2.0, "no label names an owner");
    assert!(of[&("CRLs by time to the next update", "")][0].1 < 0.0);
}
