//! A real Prometheus scrapes the exporter, and rules fire on what it finds.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use time::{Duration, OffsetDateTime};

use crate::support::ca::Ca;
use crate::support::crls::CrlCa;
use crate::support::exporter::{Folder, until};
use crate::support::prometheus::Prometheus;
use crate::support::servers::Servers;
use crate::support::tls_server::Mode;

const SEED: &str = include_str!("../../../alerts/seed.yml");

/// Passes connections on and keeps what was said.
struct Relay {
    address: SocketAddr,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Relay {
    fn to(exporter: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, said) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let kept = said.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(exporter) else { return };
                for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                    let kept = kept.clone();
                    std::thread::spawn(move || {
                        let mut buffer = [0; 8192];
                        while let Ok(count @ 1..) = from.read(&mut buffer) {
                            kept.lock().unwrap().extend(&buffer[..count]);
                            if to.write_all(&buffer[..count]).is_err() {
                                return;
                            }
                        }
                    });
                }
            }
        });
        Self { address, said }
    }

    fn heard(&self, text: &str) -> bool {
        self.said.lock().unwrap().windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
    }
}

#[test]
fn the_seeds_rules_fire_with_subject_and_end_for_a_certificate_with_12_hours_left() {
    let ca = Ca::root("Root");
    let folder = Folder::new("[sources.files]\ntype = \"file\"\npaths = [\"DIR/*.pem\"]\n");
    let now = OffsetDateTime::now_utc();
    let ends = (now + Duration::hours(12)).replace_nanosecond(0).unwrap();
    folder.write("soon.pem", ca.leaf(&["soon.example.com"]).valid(now - Duration::days(30), ends).issue().chain_pem());
    folder.write("healthy.pem", ca.leaf(&["healthy.example.com"]).issue().chain_pem());
    let exporter = folder.ready();
    let relay = Relay::to(exporter.address);
    // The same rules, told apart by their names, without the wait.
    let at_once: String = SEED
        .lines()
        .map(|line| if line.trim_start().starts_with("for: ") { "        for: 0s\n".into() } else { format!("{line}\n") })
        .collect();
    let at_once = at_once.replace("- alert: ", "- alert: AtOnce").replace("name: certificate-alerts", "name: at-once");
    let prometheus = Prometheus::start(&folder, relay.address, &[("seed.yml", SEED.to_owned()), ("at-once.yml", at_once)]);

    let alerts = until("two alerts pend and two fire", || Some(prometheus.alerts()).filter(|alerts| alerts.len() == 4));
    let written = ends.format(&time::format_description::well_known::Rfc3339).unwrap();
    for (name, state) in [
        ("CertificateExpiringSoon", "pending"),
        ("CertificateExpiringInWeek", "pending"),
        ("AtOnceCertificateExpiringSoon", "firing"),
        ("AtOnceCertificateExpiringInWeek", "firing"),
    ] {
        let alert = alerts.iter().find(|alert| alert["labels"]["alertname"] == name).unwrap_or_else(|| panic!("{name}: {alerts:#?}"));
        assert_eq!(alert["state"], state, "{name}");
        assert_eq!(alert["labels"]["subject"], "CN=soon.example.com", "{name}");
        assert_eq!(alert["labels"]["not_after"], written.as_str(), "{name}");
        if name.ends_with("Soon") {
            let description = format!("Certificate CN=soon.example.com expires at {written}");
            assert_eq!(alert["annotations"]["description"], description.as_str(), "{name}");
        }
    }

    let targets = prometheus.api("/api/v1/targets");
    let target = &targets["activeTargets"][0];
    assert_eq!((target["health"].as_str(), target["lastError"].as_str()), (Some("up"), Some("")), "{targets}");
    assert_eq!(prometheus.query("scrape_samples_scraped > 0 and up == 1").len(), 1);
    assert!(relay.heard("accept-encoding: gzip") && relay.heard("content-encoding: gzip"), "Prometheus gets gzip");
}

#[test]
fn the_seeds_rules_pass_promtools_checks_and_their_own_tests() {
    let alerts = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts");
    for arguments in [&["check", "rules", "--lint=all", "--lint-fatal", "seed.yml"][..], &["test", "rules", "tests/seed_test.yml"]] {
        let ran = Command::new("promtool").args(arguments).current_dir(&alerts).output().expect("promtool is installed");
        let said = [ran.stdout, ran.stderr].concat();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn the_closest_peers_alert_expressions_run_unchanged() {
    let (ca, crls, mut servers) = (Ca::root("Root"), CrlCa::new("CRL CA"), Servers::new());
    let stalls = servers.start(Mode::StallAfterAccept);
    let folder = Folder::new(&format!(
        "[defaults]\nschedule = \"@every 1s\"\n[sources.files]\ntype = \"file\"\npaths = [\"DIR/files/*\"]\n\
         [sources.broken]\ntype = \"file\"\npaths = [\"DIR/garbage.pem\", \"DIR/missing.pem\", \"DIR/sealed.p12\"]\n\
         [sources.down]\ntype = \"tls\"\ndeadline = \"300ms\"\ntimeout = \"30s\"\ntargets = [\"{stalls}\"]\n"
    ));
    let now = OffsetDateTime::now_utc();
    let leaf =
        |name: &str, from: i64, to: i64| ca.leaf(&[name]).valid(now + Duration::days(from), now + Duration::days(to)).issue().chain_pem();
    folder.write("files/renewal.pem", leaf("renewal", -60, 20));
    folder.write("files/expiration.pem", leaf("expiration", -60, 7));
    folder.write("files/expired.pem", leaf("expired", -60, -1));
    folder.write("files/early.pem", leaf("early", 1, 90));
    folder.write("files/healthy.pem", leaf("healthy", -1, 89));
    folder.write("files/refresh.crl", crls.v2("3"));
    folder.write("files/stale.crl", crls.stale());
    folder.write("files/fresh.crl", crls.v2("30"));
    folder.write("garbage.pem", "no certificate");
    folder.write("sealed.pem", leaf("sealed", -1, 89));
    let sealed = Command::new("openssl")
        .args(["pkcs12", "-export", "-nokeys", "-in", "sealed.pem", "-out", "sealed.p12", "-passout", "pass:not told"])
        .current_dir(folder.path())
        .output()
        .expect("openssl is installed");
    assert!(sealed.status.success(), "{}", String::from_utf8_lossy(&sealed.stderr));
    let exporter = folder.ready();
    let prometheus = Prometheus::start(&folder, exporter.address, &[]);
    until("the first scrape", || (prometheus.query("up == 1").len() == 1).then_some(()));
    // A collision is an event: it must come after the counter's first scrape.
    folder.write("files/collision.pem", leaf("twice", -1, 89) + &leaf("twice", -1, 80));

    for (alert, expression, label, expected) in [
        ("SourceErrors", "sum without(reason)(increase(x509_source_errors_total[15m])) > 5", "source_name", &["broken", "down"][..]),
        ("SourceDown", "x509_source_up == 0", "source_name", &["down"]),
        ("CertificateError", "x509_cert_error > 0", "filename", &["garbage.pem", "missing.pem", "sealed.p12"]),
        (
            "KeystorePassphraseFailures",
            "increase(x509_pkcs12_passphrase_failures_total[15m]) > 0 or increase(x509_jks_passphrase_failures_total[15m]) > 0",
            "source_name",
            &["broken"],
        ),
        (
            "CertificateRenewal",
            "(x509_cert_not_after - time()) < (28 * 86400) and (x509_cert_not_after - time()) > 0",
            "filename",
            &["expiration.pem", "renewal.pem"],
        ),
        ("CertificateExpiration", "(x509_cert_not_after - time()) < (14 * 86400)", "filename", &["expiration.pem", "expired.pem"]),
        ("CertificateNotYetValid", "(x509_cert_not_before - time()) > 0", "filename", &["early.pem"]),
        ("CertificateCollision", "increase(x509_cert_collision_total[15m]) > 0", "source_name", &["files"]),
        ("CRLNeedsRefresh", "(x509_crl_next_update - time()) < (7 * 86400) and x509_crl_stale == 0", "filename", &["refresh.crl"]),
        ("CRLStale", "x509_crl_stale > 0", "filename", &["stale.crl"]),
    ] {
        let mut seen = Vec::new();
        let expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        let started = std::time::Instant::now();
        while seen != expected {
            assert!(started.elapsed() < crate::support::exporter::PLENTY, "{alert}: {seen:?}, expected {expected:?}");
            std::thread::sleep(std::time::Duration::from_millis(100));
            seen = prometheus.query(expression).iter().map(|labels| labels[label].as_str().unwrap_or("").to_owned()).collect();
            seen.sort();
        }
    }
}
