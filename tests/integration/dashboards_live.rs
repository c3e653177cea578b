//! What the panels of the dashboards show is what is so: a real Prometheus scrapes an exporter that watches a handful of things.
//!
//! That every panel shows something at all is held by the panels of the demo (tests/panels).

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
    // Not localhost: s_server puts whatever issuer of that name lies in the machine's trust store behind what it serves.
    self_signed(&ca, &["-newkey", "rsa:2048", "-subj", "/CN=Live CA"]);
    std::fs::write(ca.join("index.txt"), "").unwrap();
    std::fs::write(ca.join("ca.cnf"), "[ca]\ndefault_ca = a\n[a]\ndatabase = index.txt\ndefault_md = sha256\n").unwrap();
    let sign =
        |arguments: &[&str]| openssl(&ca, &[&["ca", "-config", "ca.cnf", "-keyfile", "key.pem", "-cert", "cert.pem"], arguments].concat());
    sign(&["-gencrl", "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z", "-out", "stale.crl"]);
    // Old dates need a CA: `req -x509` of this OpenSSL knows none.
    openssl(&expired, &["req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=old", "-keyout", "key.pem", "-out", "request.csr"]);
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
async fn panels_show_what_is_so() {
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
    // Of a panel of a dashboard, the query at this place.
    let panel = |of: &str, title: &str, at: usize| {
        let place = format!("{of}.json: {title}");
        let found = all.iter().filter(|query| query.place.ends_with(&place)).nth(at).unwrap_or_else(|| panic!("no panel {place}"));
        found.filled("1m")
    };
    // What looks back has to have seen the renewal.
    for (of, title) in [("overview", "Margin at renewals"), ("on-call", "Renewed in the range")] {
        while !prometheus.query(&panel(of, title, 0)).await.iter().any(|(_, value)| value.is_finite()) {
            assert!(began.elapsed() < Duration::from_secs(60), "{title}: no renewal is seen");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    let number = async |of: &str, title: &str| prometheus.query(&panel(of, title, 0)).await[0].1;
    for (of, title, expected) in [
        ("overview", "Leaf certificates", 4.0), // two files, two endpoints
        ("overview", "Ended", 2.0),             // a file and an endpoint
        ("overview", "Late or down", 0.0),
        ("exporter", "Places in error", 1.0),
        ("endpoints", "Endpoints", 3.0),
        ("endpoints", "Fail", 1.0),
        ("revocation", "Stale CRLs", 1.0),
        ("on-call", "Endpoints that fail", 1.0),
        ("on-call", "Renewed, not served", 0.0),
    ] {
        assert_eq!(number(of, title).await, expected, "{of}: {title}");
    }
    assert!((0.0..60.0).contains(&number("overview", "Age of the data").await));
    let rows = async |of: &str, title: &str, at: usize| prometheus.query(&panel(of, title, at)).await;
    let next = rows("overview", "Next to end", 0).await;
    assert_eq!(next.len(), 4);
    assert!(next.iter().all(|(labels, _)| labels["place"].as_str().is_some_and(|place| !place.is_empty())), "{next:?}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as f64;
    assert_eq!(next.iter().filter(|(_, ends)| *ends < now).count(), 2, "{next:?}");
    let by_owner = rows("overview", "By owner", 0).await;
    assert_eq!(by_owner.iter().map(|(labels, many)| (labels["owner"].as_str().unwrap(), *many)).collect::<Vec<_>>(), [("nobody", 4.0)]);
    let failing = rows("on-call", "Endpoints that fail, and why now", 0).await;
    assert_eq!(failing.len(), 1, "{failing:?}");
    let words: BTreeMap<_, _> = ["side", "stage", "reason"].into_iter().map(|word| (word, failing[0].0[word].as_str().unwrap())).collect();
    assert_eq!(words, BTreeMap::from([("side", "name or network"), ("stage", "connect"), ("reason", "refused")]));
    let findings = rows("on-call", "Findings, place by place", 0).await;
    for finding in ["expired", "untrusted", "stale"] {
        assert!(findings.iter().any(|(labels, _)| labels["finding"] == finding), "{finding}: {findings:?}");
    }
    let waived = rows("overview", "Waivers that end first", 0).await;
    assert!(waived.len() == 1 && waived[0].0["finding"] == "expired" && waived[0].1 > now + 9_000.0 * 86_400_000.0, "{waived:?}");
    let unowned = rows("overview", "Places that nobody owns", 0).await;
    assert_eq!(unowned.iter().map(|(_, places)| places).sum::<f64>(), 4.0, "no label names an owner: {unowned:?}");
    let renewed = rows("on-call", "Renewed in the range", 0).await;
    assert!(renewed.iter().any(|(labels, _)| labels["place"].as_str().unwrap().ends_with("rotated.pem")), "{renewed:?}");
    assert!(rows("revocation", "CRLs, next to end first", 1).await[0].1 < now);
    // All series of an exporter that is gone are gone: no dashboard may look calm then.
    drop(exporter);
    let stopped = Instant::now();
    while number("on-call", "Late or down").await == 0.0 {
        assert!(stopped.elapsed() < Duration::from_secs(30), "an exporter that cannot be scraped is down");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(rows("on-call", "Age of the data", 0).await.is_empty(), "no data has no age");
}
