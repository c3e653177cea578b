//! TLS: which versions, suites and curves are spoken, and who may come in.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rcgen::ExtendedKeyUsagePurpose;

use super::{SERVER, Site, TLS, scraped};
use crate::support::ca::Ca;
use crate::support::curl::curl;

/// curl's codes for a handshake that was refused: in it, (TLS 1.3) with the first read, for the want of a certificate, and for one that has expired.
const REFUSED: [i32; 4] = [35, 56, 98, 60];

#[test]
fn connections_are_encrypted_and_plain_ones_get_nothing() {
    let site = Site::new("", TLS);
    let exporter = site.start();
    let answer = site.ask(&exporter, "/metrics", &[]);
    assert_eq!((answer.status, answer.version.as_str()), (200, "2"), "{answer:?}");
    assert_eq!(scraped(&answer).value("notafter_web_config_last_reload_successful", &[]), Some(1.0));
    let older = site.ask(&exporter, "/metrics", &["--http1.1", "--compressed"]);
    assert_eq!((older.status, older.version.as_str()), (200, "1.1"));
    assert!(older.head.contains("content-encoding: gzip"), "{}", older.head);
    for (behaviour, body) in [("HTTP/2", &answer.body), ("gzip over HTTP/1.1", &older.body)] {
        assert!(body.contains("notafter_build_info"), "{behaviour}");
    }
    let plain = curl(&[format!("http://{}/metrics", exporter.address)]);
    assert_eq!(plain.status, 0, "{plain:?}");
    assert!(exporter.stdout().contains("metrics: https://127.0.0.1:"), "{}", exporter.stdout());
    // One that only connects, as the kubelet does, was not turned away.
    drop(TcpStream::connect(exporter.address).unwrap());
    let counted = scraped(&site.ask(&exporter, "/metrics", &[]));
    assert_eq!(counted.value("notafter_http_refused_total", &[("reason", "handshake")]), Some(1.0));
}

#[test]
fn only_what_is_configured_is_spoken() {
    for (behaviour, keys, spoken, unspoken) in [
        (
            "versions by default",
            "",
            &["--tlsv1.2", "--tls-max", "1.2"][..],
            &["--tls-max", "1.1", "--tlsv1.0", "--ciphers", "ALL:@SECLEVEL=0"][..],
        ),
        ("TLS 1.3 by default", "", &["--tlsv1.3"], &["--tls-max", "1.1", "--tlsv1.0"]),
        ("min_version", "  min_version: TLS13\n", &["--tlsv1.3"], &["--tls-max", "1.2"]),
        ("max_version", "  max_version: TLS12\n", &["--tls-max", "1.2"], &["--tlsv1.3"]),
        (
            "a suite of TLS 1.2",
            "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n",
            &["--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"],
            &["--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"],
        ),
        (
            "a suite of TLS 1.3",
            "  cipher_suites: [TLS_CHACHA20_POLY1305_SHA256]\n",
            &["--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"],
            &["--tls13-ciphers", "TLS_AES_128_GCM_SHA256", "--tlsv1.3"],
        ),
        ("a curve", "  curve_preferences: [CurveP384]\n", &["--curves", "P-384"], &["--curves", "X25519"]),
    ] {
        let site = Site::new("", &format!("{TLS}{keys}"));
        let exporter = site.start();
        let answer = site.ask(&exporter, "/-/healthy", spoken);
        assert_eq!(answer.status, 200, "{behaviour}: {answer:?}");
        let answer = site.ask(&exporter, "/-/healthy", unspoken);
        assert!(answer.status == 0 && REFUSED.contains(&answer.code), "{behaviour}: {answer:?}");
    }
    let site = Site::new("", &format!("{TLS}http_server_config:\n  http2: false\n"));
    let exporter = site.start();
    assert_eq!(site.ask(&exporter, "/-/healthy", &["--http2"]).version, "1.1");
}

#[test]
fn clients_are_let_in_by_their_certificates() {
    let verifying = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n";
    let named = format!("{verifying}  client_allowed_sans: [prometheus.example, spiffe://example/prometheus]\n");
    let given = "  client_ca_file: ca.pem\n  client_auth_type: VerifyClientCertIfGiven\n";
    for (behaviour, keys, admitted) in [
        ("NoClientCert", "  client_auth_type: NoClientCert\n", "nobody prometheus other stranger expired server"),
        ("RequestClientCert", "  client_auth_type: RequestClientCert\n", "nobody prometheus other stranger expired server"),
        ("RequireAnyClientCert", "  client_auth_type: RequireAnyClientCert\n", "prometheus other stranger expired server"),
        ("VerifyClientCertIfGiven", given, "nobody prometheus other"),
        ("RequireAndVerifyClientCert", verifying, "prometheus other"),
        ("client_allowed_sans", &named, "prometheus"),
    ] {
        let site = Site::new("", &format!("{TLS}{keys}"));
        let usage = [ExtendedKeyUsagePurpose::ClientAuth];
        site.client("prometheus", &site.ca, &["prometheus.example"]);
        site.client("other", &site.ca, &["other.example"]);
        site.client("stranger", &Ca::root("Another Root"), &["prometheus.example"]);
        site.serve("expired", &site.ca.leaf(&["prometheus.example"]).extended_key_usages(&usage).expired().issue());
        let exporter = site.start();
        let mut refused = 0.0;
        for client in ["nobody", "prometheus", "other", "stranger", "expired", "server"] {
            for version in ["1.2", "1.3"] {
                let (certificate, key) = (site.folder.at(&format!("{client}.pem")), site.folder.at(&format!("{client}.key")));
                let shown = ["--tls-max", version, "--cert", &certificate, "--key", &key];
                let answer = site.ask(&exporter, "/-/healthy", if client == "nobody" { &shown[..2] } else { &shown });
                if admitted.split(' ').any(|name| name == client) {
                    assert_eq!(answer.status, 200, "{behaviour}, {client}, TLS {version}: {answer:?}");
                } else {
                    assert!(answer.status == 0 && REFUSED.contains(&answer.code), "{behaviour}, {client}, TLS {version}: {answer:?}");
                    refused += 1.0;
                }
            }
        }
        let (certificate, key) = (site.folder.at("prometheus.pem"), site.folder.at("prometheus.key"));
        let counted = scraped(&site.ask(&exporter, "/metrics", &["--cert", &certificate, "--key", &key]));
        assert_eq!(counted.value("notafter_http_refused_total", &[("reason", "client_certificate")]), Some(refused), "{behaviour}");
    }
}

#[test]
fn answers_carry_the_configured_headers() {
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=63072000\n    X-XSS-Protection: 0\n";
    let site = Site::new("", &format!("{TLS}{headers}"));
    let exporter = site.start();
    for path in ["/", "/metrics", "/no/such/page"] {
        let head = site.ask(&exporter, path, &[]).head;
        for line in ["x-frame-options: deny", "strict-transport-security: max-age=63072000", "x-xss-protection: 0"] {
            assert!(head.contains(line), "{path}: {head}");
        }
    }
}

#[test]
fn a_handshake_that_stalls_holds_up_nobody_and_is_cut_off() {
    let site = Site::new("", TLS);
    let exporter = site.start();
    let started = Instant::now();
    let mut stalled: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(exporter.address).unwrap()).collect();
    // Some say the beginning of a hello.
    stalled.iter_mut().step_by(2).for_each(|stream| stream.write_all(&[22, 3, 1, 2, 0, 1]).unwrap());
    let answer = site.ask(&exporter, "/-/healthy", &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    for stream in &mut stalled {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut sink = [0; 64];
        // An alert may come before the end.
        while stream.read(&mut sink).is_ok_and(|read| read > 0) {}
    }
    let after = started.elapsed();
    assert!(after >= Duration::from_secs(9) && after < Duration::from_secs(25), "all are gone after {after:?}");
}

#[test]
fn a_key_that_everybody_may_read_is_warned_of_and_no_key_is_told() {
    let site = Site::new("", TLS);
    let key = site.folder.at("server.key");
    let secret = std::fs::read_to_string(&key).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let exporter = site.start();
    let said = exporter.terminate();
    assert!(said.contains("everybody on this machine may read the server's private key") && said.contains(&key), "{said}");
    let checked = site.folder.run(&["config", "check", "notafter.toml"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked.stdout.contains(&format!("warning: everybody on this machine may read the private key in {key}")),
        "{}",
        checked.stdout
    );
    // In the configuration itself it is the configuration that may be read.
    let inline = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let pem = std::fs::read_to_string(site.folder.at("server.pem")).unwrap();
    let text = std::fs::read_to_string(&key).unwrap();
    site.web(&format!("tls_server_config:\n  cert: |\n{}  key: |\n{}", inline(&pem), inline(&text)));
    let exporter = site.start();
    let answer = site.ask(&exporter, "/", &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let shown = site.folder.run(&["config", "show", "notafter.toml"]).stdout;
    assert!(shown.contains("#   key: \"[secret]\"") && shown.contains("#   cert: \"[given]\""), "{shown}");
    let said = exporter.terminate();
    assert!(said.contains(&format!("private key path={}", site.folder.at("web.yml"))), "{said}");
    for told in [said, shown, answer.body] {
        assert!(!told.contains(secret));
    }
}

#[test]
fn what_cannot_be_served_does_not_start_and_says_which_file() {
    let site = Site::new("", TLS);
    let other = site.ca.leaf(&[SERVER]).issue();
    let check = |behaviour: &str, words: &str| {
        for arguments in [&["config", "check", "notafter.toml"][..], &["config", "show", "notafter.toml"], &["--config", "notafter.toml"]] {
            let ran = site.folder.run(arguments);
            assert_eq!(ran.code, Some(64), "{behaviour}: {ran:?}");
            assert!(ran.stderr.contains(words), "{behaviour}: {}", ran.stderr);
        }
    };
    site.folder.write("server.key", other.key_pem());
    check("another key", "web.yml: tls_server_config: the key does not belong to the certificate");
    site.folder.write("server.key", "rubbish");
    check("no key", &format!("tls_server_config.key_file: {}: no private key in it", site.folder.at("server.key")));
    std::fs::remove_file(site.folder.at("server.key")).unwrap();
    check("a key that is gone", "server.key");
    site.serve("server", &other);
    site.web(&format!("{TLS}  client_ca_file: web.yml\n  client_auth_type: RequireAndVerifyClientCert\n"));
    check("no CA", "tls_server_config.client_ca_file");
    site.web(&format!("{TLS}  min_version: TLS10\n"));
    check("an old version", "web.yml:4:16: tls_server_config.min_version: this program speaks neither TLS 1.0 nor 1.1");
    std::fs::remove_file(site.folder.at("web.yml")).unwrap();
    check("no file", "web.yml");
}
