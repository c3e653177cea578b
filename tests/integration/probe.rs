//! `/probe` of the real program: against servers of every mood, and with a real Prometheus that asks the usual questions.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::ca::Ca;
use crate::support::openssl::{SServer, self_signed};
use crate::support::tls_server::{Mode, Setup, TlsServer};

const PLENTY: Duration = Duration::from_secs(40);

/// The exporter with a configuration of this text; it ends with this.
struct Exporter {
    address: SocketAddr,
    child: Child,
}

impl Exporter {
    fn start(folder: &Path, config: &str, listen: &str) -> Self {
        let path = folder.join("notafter.toml");
        std::fs::write(&path, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_notafter"))
            .args(["--config", path.to_str().unwrap(), "--listen", listen])
            .env("HOME", folder)
            .env_remove("STATE_DIRECTORY")
            .env_remove("XDG_STATE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            line.split_once("listen=[")?.1.split([']', ',']).next()?.parse().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { address: address.expect("the log says where it listens"), child }
    }

    fn probe(&self, query: &str) -> (u16, String) {
        get(self.address, &format!("/probe?{query}"), "")
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let address = SocketAddr::new(if address.ip().is_unspecified() { [127, 0, 0, 1].into() } else { address.ip() }, address.port());
    let Ok(mut stream) = TcpStream::connect(address) else { return (0, String::new()) };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.take(16 << 20).read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.split(' ').nth(1).unwrap_or("0").parse().unwrap(), body.to_owned())
}

/// The value of a series, by its name with labels.
fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

fn promtool(page: &str) {
    let (_, said) = crate::support::exporter::promtool(page);
    // The same advice about names that the blackbox exporter gets.
    assert!(!said.contains("error while linting") && !said.contains("probe_"), "{said}\n{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_question_has_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::root("Root").intermediate("Intermediate");
    std::fs::write(folder.path().join("ca.pem"), Ca::root("Other").pem()).unwrap();
    let root = crate::support::ca::pem("CERTIFICATE", ca.leaf(&["x"]).issue().above.last().unwrap());
    std::fs::write(folder.path().join("root.pem"), root).unwrap();
    let good = TlsServer::tls(Setup::new(&ca.leaf(&["localhost"]).issue())).await;
    let expired = TlsServer::tls(Setup::new(&ca.leaf(&["localhost"]).expired().issue())).await;
    let stalls = TlsServer::start(Mode::StallAfterHello).await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = "[probe.modules.internal]\nroots = [\"root.pem\"]\ntimeout = \"5s\"\n[probe.modules.other]\nroots = [\"ca.pem\"]\n";
    let exporter = Exporter::start(folder.path(), config, "127.0.0.1:0");
    let at = |server: &TlsServer| format!("localhost:{}", server.address.port());

    let (status, page) = exporter.probe(&format!("target={}&module=internal", at(&good)));
    assert_eq!((status, value(&page, "probe_success")), (200, Some(1.0)), "{page}");
    promtool(&page);
    let earliest = value(&page, "probe_ssl_earliest_cert_expiry").unwrap();
    assert_eq!(value(&page, "probe_ssl_last_chain_expiry_timestamp_seconds"), Some(earliest), "{page}");
    assert_eq!(value(&page, "probe_ip_protocol"), Some(4.0), "{page}");
    assert_eq!(value(&page, "probe_tls_version_info{version=\"TLS 1.3\"}"), Some(1.0), "{page}");
    for part in
        ["probe_dns_lookup_time_seconds 0.", "probe_duration_seconds 0.", "probe_tls_cipher_info{cipher=\"TLS_", "x509_cert_not_after{"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(page.contains("source_kind=\"tls\",source_name=\"probe\",target=\"localhost:"), "{page}");

    let as_other = format!("target={}&module=internal&hostname=other.example", at(&good));
    for (behaviour, query, success, chain, parts) in [
        ("no module: the system's roots", format!("target={}", at(&good)), 0.0, false, &["finding=\"untrusted\""][..]),
        ("roots of another CA", format!("target={}&module=other", at(&good)), 0.0, false, &["finding=\"untrusted\""]),
        (
            "expired",
            format!("target={}&module=internal", at(&expired)),
            0.0,
            false,
            &["finding=\"expired\"", "probe_ssl_earliest_cert_expiry "],
        ),
        ("another name", as_other, 0.0, true, &["finding=\"name_mismatch\"", "server_name=\"other.example\""]),
        ("nothing listens", format!("target={closed}&module=internal"), 0.0, false, &["reason=\"refused\""]),
    ] {
        let (status, page) = exporter.probe(&query);
        assert_eq!((status, value(&page, "probe_success")), (200, Some(success)), "{behaviour}: {page}");
        assert_eq!(page.contains("\nprobe_ssl_last_chain_expiry_timestamp_seconds "), chain, "{behaviour}: {page}");
        parts.iter().for_each(|part| assert!(page.contains(part), "{behaviour}: {part}: {page}"));
        assert!(!page.contains("-62135596800"), "{behaviour}: no year 1");
        promtool(&page);
    }

    let began = Instant::now();
    let hangs = format!("/probe?target={}&module=internal", at(&stalls));
    let (status, page) = get(exporter.address, &hangs, "X-Prometheus-Scrape-Timeout-Seconds: 1.5\r\n");
    assert!((0.9..1.5).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
    assert_eq!((status, value(&page, "probe_success")), (200, Some(0.0)), "{page}");
    assert!(page.contains("stage=\"handshake\",reason=\"timeout\""), "{page}");

    let (_, page) = exporter.probe(&format!("target={}&module=internal&debug=true", at(&good)));
    for part in ["#   dns ", "#   connect ", "#   handshake ", "issued by CN=Intermediate", "no client certificate", "the probe succeeded"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(value(&page, "probe_success"), Some(1.0), "{page}");
    promtool(&page);

    for (query, said) in [
        ("", "target is missing"),
        ("target=", "target is missing"),
        ("module=internal", "target is missing"),
        ("target=localhost:443&module=none", "no [probe.modules.none]"),
        ("target=localhost:0", "port"),
        ("target=a%20b:443", "target"),
        ("target=localhost:443&hostname=a%20b", "server_name"),
    ] {
        let (status, body) = exporter.probe(query);
        assert_eq!(status, 400, "{query}: {body}");
        assert!(body.contains(said), "{query}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_loopback_only_what_is_allowed_is_probed() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::tls(Setup::new(&Ca::root("Root").leaf(&["localhost"]).issue())).await;
    let port = server.address.port();
    let open = Exporter::start(folder.path(), "", "0.0.0.0:0");
    let (status, body) = open.probe(&format!("target=localhost:{port}"));
    assert!(status == 403 && body.contains("[probe] allow"), "{status} {body}");

    let config = format!("[probe]\nallow = [\"localhost:{port}\"]\n");
    let closed = Exporter::start(folder.path(), &config, "0.0.0.0:0");
    for (target, expected) in [
        (format!("localhost:{port}"), 200),
        (format!("tls://LOCALHOST:{port}"), 200),
        (format!("127.0.0.1:{port}"), 403),
        ("localhost".to_owned(), 403),
        (format!("localhost:{port}@127.0.0.1:{port}"), 403),
    ] {
        let before = server.connections();
        let (status, body) = closed.probe(&format!("target={target}"));
        assert_eq!(status, expected, "{target}: {body}");
        assert_eq!(server.connections() > before, expected == 200, "{target}: what is refused is not dialled");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_does_not_probe_through_loopback() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::tls(Setup::new(&Ca::root("Root").leaf(&["localhost"]).issue())).await;
    let exporter = Exporter::start(folder.path(), "", "127.0.0.1:0");
    let path = format!("/probe?target=localhost:{}", server.address.port());
    for (behaviour, head, expected) in [
        ("this machine", "", 200),
        ("a link on another site's page", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("a script of another site", "Origin: https://evil.example\r\n", 403),
        ("whom a proxy asks for", "X-Forwarded-For: 203.0.113.9\r\n", 403),
    ] {
        let before = server.connections();
        let (status, body) = get(exporter.address, &path, head);
        assert_eq!(status, expected, "{behaviour}: {body}");
        assert_eq!(server.connections() > before, expected == 200, "{behaviour}: what is refused is not dialled");
        assert!(expected == 200 || body.contains("[probe] allow"), "{behaviour}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sixty_fifth_probe_waits_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let stalls = TlsServer::start(Mode::StallAfterHello).await;
    let exporter = Exporter::start(folder.path(), "[probe.modules.slow]\ntimeout = \"6s\"\n", "127.0.0.1:0");
    let path = format!("/probe?module=slow&target={}", stalls.address);
    let address = exporter.address;
    let ask = |path: String| std::thread::spawn(move || get(address, &path, "").0);
    let asked: Vec<_> = (0..70).map(|_| ask(path.clone())).collect();
    let mut statuses: Vec<u16> = asked.into_iter().map(|thread| thread.join().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!((statuses.iter().filter(|status| **status == 200).count(), statuses.last()), (64, Some(&503)));
}

/// A Prometheus that ends with this.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_usual_blackbox_expressions_run_on_a_real_prometheus() {
    let folder = tempfile::tempdir().unwrap();
    // Valid for 30 days less the moment since: inside the usual threshold.
    self_signed(folder.path(), &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "subjectAltName=DNS:localhost"]);
    let server = SServer::start(folder.path(), &[]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let exporter = Exporter::start(folder.path(), "[probe.modules.own]\nroots = [\"cert.pem\"]\n", "127.0.0.1:0");
    let soon = format!("localhost:{}", server.address.port());
    // The scrape_config of docs/PROBE.md, with other targets.
    let docs = include_str!("../../docs/PROBE.md");
    let yaml = docs.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let yaml = yaml
        .replace("module: [internal]", "module: [own]")
        .replace("\"api.example.com:443\", \"db.example.com:8443\"", &format!("\"{soon}\", \"{closed}\""))
        .replace("127.0.0.1:9849", &exporter.address.to_string());
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n{yaml}")).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("tsdb").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=error")
        .stdout(Stdio::null())
        .spawn()
        .expect("prometheus is installed");
    let _prometheus = Prometheus(child);

    let query = |expression: &str| -> Vec<String> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, body) = get(address, &format!("/api/v1/query?query={encoded}"), "");
        if status != 200 {
            return Vec::new();
        }
        let start = body.find('{').unwrap();
        let answer: serde_json::Value = serde_json::Deserializer::from_str(&body[start..]).into_iter().next().unwrap().unwrap();
        let mut instances: Vec<String> = answer["data"]["result"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|series| series["metric"]["instance"].as_str().unwrap_or_default().to_owned())
            .collect();
        instances.sort();
        instances
    };
    let began = Instant::now();
    while query("probe_success").len() < 2 {
        assert!(began.elapsed() < PLENTY, "Prometheus never scraped both");
        std::thread::sleep(Duration::from_millis(200));
    }
    let closed = closed.to_string();
    for (expression, expected) in [
        ("up == 1", vec![&closed, &soon]),
        ("probe_success == 1", vec![&soon]),
        ("probe_success == 0", vec![&closed]),
        ("probe_ssl_earliest_cert_expiry - time() < 86400*30", vec![&soon]),
        ("probe_ssl_earliest_cert_expiry - time() < 86400*7", vec![]),
        ("probe_ssl_last_chain_expiry_timestamp_seconds - time() < 86400*30", vec![&soon]),
        ("probe_tls_version_info{version=\"TLS 1.3\"}", vec![&soon]),
        ("probe_success == 0 and on(instance) tls_probe_failure_info{reason=\"refused\"}", vec![&closed]),
    ] {
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        expected.sort();
        assert_eq!(query(expression), expected, "{expression}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_explains_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::root("Root").intermediate("Intermediate");
    let issued = ca.leaf(&["other.example"]).issue();
    let alone = Setup::new(&issued).chain(vec![issued.certificate.clone()]);
    let server = TlsServer::tls(alone.client_certificate_optional(&ca)).await;
    let target = format!("localhost:{}", server.address.port());
    let check = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notafter"));
        let done = command.arg("check").arg(&target).args(more).current_dir(folder.path()).output().unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (code, text, _) = check(&[]);
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "step by step\n  dns ",
        "  connect ",
        "  handshake ",
        "CN=other.example (leaf, ends ",
        "└─ issued by CN=Intermediate: NOT SENT, and not among the trust anchors",
        "the server asked for a client certificate",
        "  incomplete_chain: The leaf's issuer was neither sent nor is it among the roots",
        "  name_mismatch: ",
        &format!("confirm  openssl s_client -connect {target} -servername localhost "),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, _, said) = check(&["--client-cert", "client.pem"]);
    assert!(code == Some(64) && said.contains("--client-key"), "one without the other: {said}");
    // Passed on under the key of the configuration, whatever the source makes of a pair that is not there.
    let (_, text, said) = check(&["--client-cert", "client.pem", "--client-key", "client.key"]);
    assert!(said.contains("client_certificate") || text.contains("client.pem"), "{said}{text}");
}
