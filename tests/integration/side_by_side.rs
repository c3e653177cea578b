//! The comparisons of `docs/MIGRATING.md`, on a real Prometheus that scrapes two exporters and Debian's blackbox exporter.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::live::{Exporter, Prometheus};
use crate::support::openssl::{SServer, self_signed};
use crate::support::queries;
use crate::support::running::Running;

/// Debian's blackbox exporter, with one module that trusts this certificate.
fn blackbox(folder: &Path, trusted: &Path) -> (Running, SocketAddr) {
    let configuration =
        format!("modules: {{tls: {{prober: tcp, timeout: 5s, tcp: {{tls: true, tls_config: {{ca_file: {trusted:?}}}}}}}}}\n");
    std::fs::write(folder.join("blackbox.yml"), configuration).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new("prometheus-blackbox-exporter")
        .args(["--config.file=blackbox.yml", &format!("--web.listen-address={address}")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("blackbox.log")).unwrap())
        .spawn()
        .expect("prometheus-blackbox-exporter is installed");
    (Running(child), address)
}

/// Alerts of both, without the time that they wait.
const RULES: &str = r#"groups:
- name: both
  rules:
  - {alert: CertificateExpiration, expr: 'x509_cert_not_after{job="x509-certificate-exporter"} - time() < 14 * 86400', labels: {severity: critical}}
  - {alert: PlaceUnreadable, expr: 'x509_cert_error{job="notafter"} > 0', labels: {severity: warning}}
  - {alert: EndpointBroken, expr: 'tls_probe_success{job="notafter"} == 0', labels: {severity: critical}}
"#;

#[tokio::test]
async fn comparisons_find_the_differences_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [both, theirs, ours, untrusted] = ["both", "theirs", "ours", "untrusted"].map(|name| {
        let of = folder.join(name);
        std::fs::create_dir(&of).unwrap();
        of
    });
    // Five days left of five: theirs alerts, and ours knows that it is new.
    let leaf = |days: &str, of: &Path| {
        let arguments =
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-days", days];
        self_signed(of, &arguments);
    };
    [(&both, "5"), (&theirs, "90"), (&ours, "90"), (&untrusted, "90")].iter().for_each(|(of, days)| leaf(days, of));
    let garbage = folder.join("garbage.pem").to_str().unwrap().to_owned();
    std::fs::write(&garbage, "no certificate\n").unwrap();
    let path = |of: &Path| of.join("cert.pem").to_str().unwrap().to_owned();
    let (well, strange) = (SServer::start(&both, &[]), SServer::start(&untrusted, &[]));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (second, first) = (folder.join("second"), folder.join("first"));
    [&first, &second].iter().for_each(|of| std::fs::create_dir(of).unwrap());
    let of_ours = format!(
        "[defaults]\nschedule = \"@every 1s\"\n[sources.files]\ntype = \"file\"\npaths = [{:?}, {:?}, {:?}]\n\
         [sources.edge]\ntype = \"tls\"\nroots = [{0:?}]\ntargets = [\"{}\", \"{}\", \"{closed}\"]\n",
        path(&both),
        path(&ours),
        garbage,
        well.address,
        strange.address
    );
    let of_theirs = format!(
        "[defaults]\nschedule = \"@every 1s\"\n[sources.files]\ntype = \"file\"\npaths = [{:?}, {:?}]\n",
        path(&both),
        path(&theirs)
    );
    let (ours_at, theirs_at) = (Exporter::start(&first, &of_ours).await, Exporter::start(&second, &of_theirs).await);
    let (_blackbox, blackbox_at) = blackbox(folder, &both.join("cert.pem"));
    std::fs::write(folder.join("rules.yml"), RULES).unwrap();
    let job = |name: &str, address: SocketAddr| format!("- {{job_name: {name}, static_configs: [{{targets: [\"{address}\"]}}]}}\n");
    let prometheus = Prometheus::scraping(
        folder,
        &format!(
            "rule_files: [rules.yml]\nscrape_configs:\n{}{}- job_name: blackbox\n  metrics_path: /probe\n  params: {{module: [tls]}}\n  \
             static_configs: [{{targets: [\"{}\", \"{}\", \"{closed}\"]}}]\n  relabel_configs:\n  \
             - {{source_labels: [__address__], target_label: __param_target}}\n  - {{source_labels: [__param_target], target_label: instance}}\n  \
             - {{target_label: __address__, replacement: \"{blackbox_at}\"}}\n",
            job("notafter", ours_at.address),
            job("x509-certificate-exporter", theirs_at.address),
            well.address,
            strange.address
        ),
    )
    .await;

    let queries: BTreeMap<String, String> = queries::of_page("docs/MIGRATING.md")
        .into_iter()
        .map(|query| (query.place.rsplit_once("docs/MIGRATING.md: ").unwrap().1.to_owned(), query.text))
        .collect();
    let strange = strange.address.to_string();
    // Of each question: the label that tells, and its values.
    for (question, label, expected) in [
        ("Which certificates do only they see?", "filepath", vec![path(&theirs)]),
        ("Which do only we see?", "filepath", vec![path(&ours)]),
        ("Does a date differ?", "serial_number", vec![]),
        ("What do they call unreadable, and we do not?", "filepath", vec![]),
        ("What do we call unreadable, and they do not?", "filepath", vec![garbage.clone()]),
        ("Where would they page, and we not?", "filepath", vec![path(&both)]),
        ("Where would we page, and they not?", "filepath", vec![garbage.clone()]),
        ("What do we say that they cannot?", "alertname", vec!["EndpointBroken".to_owned()]),
        (
            "In two weeks: which alert fired in how many places?",
            "alertname",
            ["CertificateExpiration", "EndpointBroken", "PlaceUnreadable"].map(str::to_owned).to_vec(),
        ),
        ("blackbox exporter: which dates of endpoints differ?", "instance", vec![]),
        ("… which endpoints do they call broken, and we do not?", "instance", vec![strange.clone()]),
        ("… which do we call broken, and they do not?", "instance", vec![]),
    ] {
        let expression = queries.get(question).unwrap_or_else(|| panic!("{question} is not in {:#?}", queries.keys()));
        let began = Instant::now();
        loop {
            let rows = prometheus.query(expression).await;
            let mut found: Vec<String> = rows.iter().map(|(labels, _)| labels[label].as_str().unwrap_or("?").to_owned()).collect();
            found.sort();
            if found == expected {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{question}: {found:?}, not {expected:?}\n{expression}\n{rows:?}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}
