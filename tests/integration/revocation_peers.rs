//! Revocation against the world's programs: `openssl ca` and `openssl ocsp`, nginx, `openssl s_server`, Prometheus.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use serde_json::Value;

use crate::support::exporter::{Exporter, Folder, PLENTY, until};
use crate::support::nginx::Nginx;
use crate::support::openssl::SServer;
use crate::support::openssl_ca::{Front, IssuingCa};
use crate::support::prometheus::Prometheus;
use crate::support::running::free_address;
use crate::support::scrape::Scrape;

/// Between two looks at a list.
const REFRESH: Duration = Duration::from_secs(1);
const LOCAL: &str = "[revocation]\nallow = [\"127.0.0.0/8\"]\n";
const STORAGE: &str = "[storage]\nstate_dir = \"DIR/state\"\ncache_dir = \"DIR/cache\"\n";
/// id-pkix-ocsp-nonce
const NONCE: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x02";

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// The status of the certificate of this name, and whether it is revoked.
fn status(scrape: &Scrape, name: &str) -> (String, Option<f64>) {
    let found = scrape.all("x509_cert_revocation_status", &[("subject_CN", name)]);
    assert_eq!(found.len(), 1, "one status of {name}: {found:#?}");
    (found[0].label("status").to_owned(), scrape.value("x509_cert_revoked", &[("subject_CN", name)]))
}

/// Scrapes until every certificate named has the status that is expected of it.
fn until_statuses(exporter: &Exporter, expected: &[(&str, &(String, Option<f64>))]) -> Scrape {
    let began = Instant::now();
    loop {
        let scrape = exporter.scrape();
        let wrong: Vec<_> = expected
            .iter()
            .map(|(name, expected)| (name, status(&scrape, name), expected))
            .filter(|(_, found, expected)| found != **expected)
            .collect();
        if wrong.is_empty() {
            return scrape;
        }
        assert!(began.elapsed() < PLENTY, "{wrong:#?}\n{}", exporter.get("/api/v1/targets").text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Scrapes until nothing is pending any more.
fn settled(exporter: &Exporter) -> Scrape {
    exporter.scrape_until("nothing is pending", |scrape| {
        let statuses = scrape.all("x509_cert_revocation_status", &[]);
        let is_settled = !statuses.is_empty() && statuses.iter().all(|status| status.label("status") != "pending");
        is_settled.then(|| scrape.clone())
    })
}

/// The findings of a family about this.
fn findings(scrape: &Scrape, family: &str, about: (&str, &str)) -> Vec<String> {
    scrape.all(family, &[about]).iter().map(|sample| sample.label("finding").to_owned()).collect()
}

fn good() -> (String, Option<f64>) {
    ("good".to_owned(), Some(0.0))
}

fn revoked() -> (String, Option<f64>) {
    ("revoked".to_owned(), Some(1.0))
}

#[test]
fn openssls_responder_is_believed_by_who_signs() {
    let ca = IssuingCa::new("Issuing CA");
    ca.delegate("delegate", "3");
    ca.issue("impostor", &["extendedKeyUsage = serverAuth"]);
    let folder = Folder::new(&format!(
        "[sources.files]\ntype = \"file\"\npaths = [\"DIR/certs/*.pem\"]\nrevocation = [\"ocsp\"]\n{LOCAL}nonce = true\n{STORAGE}"
    ));
    folder.write("certs/ca.pem", ca.text("ca.pem"));
    let mut running = Vec::new();
    let mut urls = Vec::new();
    for (signer, more) in [("ca", &["-rmd", "sha1"][..]), ("delegate", &[]), ("impostor", &[])] {
        let address = free_address();
        let url = format!("http://{address}/");
        for kind in ["kept", "taken"] {
            let name = format!("{kind}-{signer}");
            let certificate = ca.issue(&name, &[&format!("authorityInfoAccess = OCSP;URI:{url}")]);
            folder.write(&format!("certs/{name}.pem"), certificate);
        }
        ca.revoke(&format!("taken-{signer}"), "keyCompromise");
        running.push(ca.responder(address, signer, more));
        urls.push(url);
    }
    let exporter = folder.ready();
    let scrape = settled(&exporter);
    for signer in ["ca", "delegate"] {
        assert_eq!(status(&scrape, &format!("kept-{signer}")), good(), "{signer}");
        assert_eq!(status(&scrape, &format!("taken-{signer}")), revoked(), "{signer}");
    }
    for kind in ["kept", "taken"] {
        assert_eq!(status(&scrape, &format!("{kind}-impostor")), ("unknown".to_owned(), None), "{kind}");
    }
    let ends = |url: &String| scrape.value("x509_responder_cert_not_after", &[("url", url)]);
    let oldest = |url: &String| scrape.value("x509_ocsp_oldest_this_update", &[("url", url)]);
    let wrong = |url: &String| findings(&scrape, "x509_responder_finding", ("url", url));
    for (signer, url, expected, has_end, has_answers) in [
        ("the CA itself, with SHA-1", &urls[0], vec!["weak_signature"], false, true),
        ("a delegate that ends in three days", &urls[1], vec!["expiring"], true, true),
        ("a certificate of the CA for servers", &urls[2], vec!["unauthorized"], false, false),
    ] {
        assert_eq!(wrong(url), expected, "{signer}");
        let in_three_days = |end: f64| (end - now() - 3.0 * 86_400.0).abs() < 300.0;
        assert_eq!(ends(url).map(in_three_days), has_end.then_some(true), "{signer}");
        let is_new = |at: f64| (now() - at).abs() < 120.0;
        assert_eq!(oldest(url).map(is_new), has_answers.then_some(true), "{signer}");
    }
    let rows = exporter.get("/api/v1/revocation").json();
    let row = rows["responders"].as_array().unwrap().iter().find(|row| row["url"] == urls[2].as_str()).unwrap().clone();
    assert!(row.to_string().contains("responder_unauthorized"), "{row}");
}

#[test]
fn only_what_a_source_wants_is_asked() {
    let ca = IssuingCa::new("Chosen CA");
    let front = Front::of(&ca);
    let folder = Folder::new(&format!(
        "[sources.nothing]\ntype = \"file\"\npaths = [\"DIR/nothing.pem\"]\nrevocation = []\n\
         [sources.asks]\ntype = \"file\"\npaths = [\"DIR/asks.pem\"]\nrevocation = [\"ocsp\"]\n\
         [sources.reads]\ntype = \"file\"\npaths = [\"DIR/reads.pem\"]\nrevocation = [\"crl\"]\n\
         {LOCAL}nonce = true\nissuers = [\"DIR/ca.pem\"]\n{STORAGE}"
    ));
    folder.write("ca.pem", ca.text("ca.pem"));
    for name in ["nothing", "asks", "reads"] {
        let certificate = ca.issue(name, &[&front.list_extension(), &front.ocsp_extension()]);
        folder.write(&format!("{name}.pem"), certificate);
    }
    ca.revoke("nothing", "superseded");
    ca.publish();
    let _responder = ca.responder(front.responder, "ca", &[]);

    let of_nothing = folder.at("nothing.toml");
    let config = std::fs::read_to_string(folder.at("notafter.toml")).unwrap();
    let (head, tail) = (config.split("[sources.asks]").next().unwrap(), config.split("[revocation]").nth(1).unwrap());
    std::fs::write(&of_nothing, format!("{head}[revocation]{tail}")).unwrap();
    let exporter = Exporter::spawn(folder.command(["--config", &of_nothing, "--listen", "127.0.0.1:0"]));
    exporter.until_ready();
    std::thread::sleep(Duration::from_millis(1_500));
    let scrape = exporter.scrape();
    for prefix in ["x509_cert_revo", "x509_responder", "x509_ocsp", "x509_crl_"] {
        assert!(scrape.series(prefix).is_empty(), "{prefix}: {:?}", scrape.series(prefix));
    }
    let said = exporter.terminate();
    assert_eq!((front.lists(), front.questions()), (vec![], vec![]), "{said}");

    let exporter = folder.ready();
    let scrape = settled(&exporter);
    assert_eq!((status(&scrape, "asks"), status(&scrape, "reads")), (good(), good()));
    assert!(scrape.all("x509_cert_revocation_status", &[("subject_CN", "nothing")]).is_empty());
    assert_eq!(front.lists(), ["GET /ca.crl 200"]);
    let questions = front.questions();
    assert_eq!(questions.len(), 1, "{questions:?}");
    assert!(has_nonce(&questions[0]), "{questions:?}");
    let fetched = |kind: &str| scrape.all("x509_revocation_fetches_total", &[("kind", kind), ("outcome", "ok")])[0].value;
    assert_eq!((fetched("crl"), fetched("ocsp")), (1.0, 1.0));
}

/// Whether a request that nginx logged carries a nonce: in its body, or in base64 in its path.
fn has_nonce(question: &str) -> bool {
    let escaped: String =
        NONCE.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte).into() } else { format!("\\x{byte:02X}") }).collect();
    let path = question.split(' ').nth(1).unwrap().trim_start_matches('/');
    let decoded = base64::engine::general_purpose::STANDARD.decode(path).unwrap_or_default();
    question.contains(&escaped) || decoded.windows(NONCE.len()).any(|window| window == NONCE)
}

#[test]
fn a_responder_that_knows_more_than_the_list_counts_at_once_and_is_a_finding_after_a_day() {
    let ca = IssuingCa::new("Torn CA");
    let front = Front::of(&ca);
    let folder = Folder::new(&format!("[sources.files]\ntype = \"file\"\npaths = [\"DIR/certs/*.pem\"]\n{LOCAL}compare = true\n{STORAGE}"));
    folder.write("certs/ca.pem", ca.text("ca.pem"));
    for name in ["agreed", "just-now", "long-ago"] {
        folder.write(&format!("certs/{name}.pem"), ca.issue(name, &[&front.list_extension(), &front.ocsp_extension()]));
    }
    ca.publish();
    ca.revoke("just-now", "superseded");
    ca.revoke("long-ago", "affiliationChanged");
    ca.revoked_since("long-ago", time::Duration::hours(48));
    let _responder = ca.responder(front.responder, "ca", &[]);
    let exporter = folder.ready();
    let scrape = until_statuses(&exporter, &[("agreed", &good()), ("just-now", &revoked()), ("long-ago", &revoked())]);
    for (name, expected) in [("agreed", vec![]), ("just-now", vec![]), ("long-ago", vec!["revocation_disagreement"])] {
        assert_eq!(findings(&scrape, "x509_cert_finding", ("subject_CN", name)), expected, "{name}");
    }
    assert_eq!((front.lists().len(), front.questions().len()), (1, 3), "{:?} {:?}", front.lists(), front.questions());
}

#[test]
fn a_configured_responder_answers_for_its_issuer_alone_and_what_it_said_counts_offline() {
    let (ca, other) = (IssuingCa::new("Asked CA"), IssuingCa::new("Other CA"));
    let address = free_address();
    let rest = format!("responders = [{{ issuer = \"DIR/certs/ca.pem\", url = \"http://{address}/\" }}]\n{STORAGE}");
    let source = "[sources.files]\ntype = \"file\"\npaths = [\"DIR/certs/*.pem\"]\n";
    let folder = Folder::new(&format!("{source}{LOCAL}{rest}"));
    folder.write("certs/ca.pem", ca.text("ca.pem"));
    folder.write("certs/other-ca.pem", other.text("ca.pem"));
    folder.write("certs/silent.pem", ca.issue("silent", &[]));
    folder.write("certs/lost.pem", other.issue("lost", &[&format!("crlDistributionPoints = URI:http://{}/", free_address())]));
    folder.write("certs/mute.pem", other.issue("mute", &[]));
    let responder = ca.responder(address, "ca", &[]);
    let unknown = ("unknown".to_owned(), None);
    let expected = [("silent", &good()), ("lost", &unknown), ("mute", &unknown)];
    let exporter = folder.ready();
    until_statuses(&exporter, &expected);
    exporter.terminate();

    drop(responder);
    std::fs::remove_dir_all(folder.at("state")).unwrap();
    folder.config(&format!("{source}{LOCAL}offline = true\n{rest}"));
    let exporter = folder.ready();
    until_statuses(&exporter, &expected);
}

#[test]
fn staples_of_openssl_and_nginx_are_judged() {
    let ca = IssuingCa::new("Stapling CA");
    let must = &["tlsfeature = status_request"][..];
    for (name, extensions) in [("plain", &[][..]), ("other", &[]), ("gone", &[]), ("must", must)] {
        ca.issue(name, extensions);
        std::fs::write(ca.at(&format!("{name}.chain")), ca.text(&format!("{name}.pem")) + &ca.text("ca.pem")).unwrap();
    }
    ca.revoke("gone", "cessationOfOperation");
    for (name, digest, file) in [
        ("plain", "-sha1", "plain.ocsp"),
        ("plain", "-sha256", "plain256.ocsp"),
        ("plain", "-sha256", "stale.ocsp"),
        ("other", "-sha1", "other.ocsp"),
        ("gone", "-sha1", "gone.ocsp"),
        ("must", "-sha1", "must.ocsp"),
    ] {
        ca.answer(name, digest, file);
    }
    ca.make_older("stale.ocsp", time::Duration::days(3));
    let (unknown, good, revoked) = (("unknown".to_owned(), None), good(), revoked());
    let (none, missing): (Vec<&str>, Vec<&str>) = (vec![], vec!["must_staple_missing"]);
    let rows = [
        ("good", "plain", Some("plain.ocsp"), none.clone(), none.clone(), &good),
        ("good, CertID by SHA-256", "plain", Some("plain256.ocsp"), none.clone(), none.clone(), &good),
        ("three days old", "plain", Some("stale.ocsp"), vec!["staple_stale"], none.clone(), &unknown),
        ("of another certificate", "plain", Some("other.ocsp"), vec!["staple_invalid"], none.clone(), &unknown),
        ("says revoked", "gone", Some("gone.ocsp"), none.clone(), none.clone(), &revoked),
        ("none, and none demanded", "plain", None, none.clone(), none.clone(), &unknown),
        ("none, though demanded", "must", None, none.clone(), missing.clone(), &unknown),
        ("as demanded", "must", Some("must.ocsp"), none.clone(), none.clone(), &good),
        ("of another certificate, though demanded", "must", Some("other.ocsp"), vec!["staple_invalid"], missing, &unknown),
    ];
    let servers: Vec<SServer> = rows
        .iter()
        .map(|(_, name, staple, ..)| {
            let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
            let shown = ["-cert", &certificate, "-key", &key, "-cert_chain", "ca.pem"];
            SServer::start(ca.path(), &[&shown[..], &staple.map_or(vec![], |file| vec!["-status_file", file])].concat())
        })
        .collect();
    std::fs::copy(ca.at("plain.chain"), ca.at("cert.pem")).unwrap();
    std::fs::copy(ca.at("plain.key"), ca.at("key.pem")).unwrap();
    let nginx = Nginx::start(ca.path(), &format!("ssl_stapling on; ssl_stapling_file {};", ca.at("plain.ocsp").display()));
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).chain([nginx.address]).collect();
    let targets: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let folder = Folder::new(&format!(
        "[sources.edge]\ntype = \"tls\"\nschedule = \"@every 1h\"\ntargets = [{}]\n{LOCAL}{STORAGE}",
        targets.join(", ")
    ));
    let exporter = folder.ready();
    let scrape = settled(&exporter);
    let by_nginx = ("by nginx", "plain", Some("plain.ocsp"), none.clone(), none, &good);
    for ((behaviour, name, staple, of_endpoint, of_certificate, expected), address) in rows.into_iter().chain([by_nginx]).zip(addresses) {
        let target = address.to_string();
        assert_eq!(scrape.value("tls_ocsp_stapled", &[("target", &target)]), Some(f64::from(u8::from(staple.is_some()))), "{behaviour}");
        let staples = findings(&scrape, "tls_target_finding", ("target", &target));
        let about_staples: Vec<&String> = staples.iter().filter(|finding| finding.starts_with("staple")).collect();
        assert_eq!(about_staples, of_endpoint, "{behaviour}");
        let about_certificate = findings(&scrape, "x509_cert_finding", ("target", &target));
        let about_certificate: Vec<&String> = about_certificate.iter().filter(|finding| finding.contains("staple")).collect();
        assert_eq!(about_certificate, of_certificate, "{behaviour}");
        let leaf = [("target", &*target), ("subject_CN", name)];
        let status = scrape.all("x509_cert_revocation_status", &leaf)[0].label("status").to_owned();
        assert_eq!((status, scrape.value("x509_cert_revoked", &leaf)), *expected, "{behaviour}");
    }
}

const RULES: &str = "groups:\n- name: revocation\n  rules:\n  - alert: Revoked\n    expr: x509_cert_revoked == 1\n    for: 0s\n    \
    labels: {severity: critical}\n    annotations: {summary: \"{{ $labels.subject_CN }} is revoked\"}\n";

#[test]
fn prometheus_fires_within_one_refresh_of_a_lists_publication_and_clears_a_hold_that_is_released() {
    let ca = IssuingCa::new("Publishing CA");
    let front = Front::of(&ca);
    let folder = Folder::new(&format!(
        "[sources.files]\ntype = \"file\"\npaths = [\"DIR/certs/*.pem\"]\nschedule = \"@every 1h\"\n{LOCAL}refresh = \"{}s\"\n{STORAGE}",
        REFRESH.as_secs()
    ));
    folder.write("certs/ca.pem", ca.text("ca.pem"));
    for name in ["kept", "taken", "held"] {
        folder.write(&format!("certs/{name}.pem"), ca.issue(name, &[&front.list_extension()]));
    }
    ca.publish();
    let exporter = folder.ready();
    let scrape = settled(&exporter);
    for name in ["kept", "taken", "held"] {
        assert_eq!(status(&scrape, name), good(), "{name}");
    }
    let prometheus = Prometheus::start(&folder, exporter.address, &[("rules.yml", RULES.to_owned())]);
    until("the first scrape", || (prometheus.query("x509_cert_revoked == 0").len() == 3).then_some(()));
    until("an unchanged list is confirmed", || front.lists().contains(&"GET /ca.crl 304".to_owned()).then_some(()));
    assert_eq!(prometheus.alerts(), Vec::<Value>::new());

    let list = |scrape: &Scrape, name: &str| scrape.value(name, &[("url", &front.list)]);
    let firing = || {
        let alerts = prometheus.alerts();
        let mut names: Vec<String> = alerts
            .iter()
            .filter(|alert| alert["state"] == "firing")
            .map(|alert| alert["labels"]["subject_CN"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    ca.revoke("taken", "keyCompromise");
    ca.revoke("held", "certificateHold");
    let before = list(&scrape, "x509_crl_number").unwrap();
    ca.publish();
    let published = Instant::now();
    let scrape = exporter.scrape_until("revoked", |scrape| (status(scrape, "taken") == revoked()).then(|| scrape.clone()));
    let known = published.elapsed();
    until("both alerts fire", || (firing() == ["held", "taken"]).then_some(()));
    // The look, the judgement; Prometheus' own scrape and evaluation, of a second each.
    assert!(known < REFRESH + Duration::from_secs(3), "known after {known:?}");
    assert!(published.elapsed() < REFRESH + Duration::from_secs(6), "fired after {:?}", published.elapsed());
    assert_eq!((status(&scrape, "held"), status(&scrape, "kept")), (revoked(), good()));
    let is_shown = |scrape: &Scrape| {
        let shown = (list(scrape, "x509_crl_number"), list(scrape, "x509_crl_entries"));
        (shown == (Some(before + 1.0), Some(2.0))).then_some(())
    };
    exporter.scrape_until("the list's own series follow", is_shown);
    let page = exporter.get("/api/v1/targets").text();
    assert!(page.contains("certificateHold") && page.contains("keyCompromise"), "{page}");

    ca.release("held");
    ca.publish();
    until("the released one's alert clears", || (firing() == ["taken"]).then_some(()));
    assert_eq!(status(&exporter.scrape(), "held"), good());
    let bodies = front.lists().iter().filter(|line| *line == "GET /ca.crl 200").count();
    assert_eq!(bodies, 3, "one body for each list: {:?}", front.lists());
}
