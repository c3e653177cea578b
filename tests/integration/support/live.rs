//! The exporter and a real Prometheus that scrapes it, on loopback.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::running::Running;

/// How long anything may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The exporter, on a port of its own.
pub struct Exporter {
    /// Where it answers.
    pub address: SocketAddr,
    _running: Running,
}

impl Exporter {
    /// Starts it with this configuration in this folder, and waits until every first round has ended.
    pub async fn start(folder: &Path, configuration: &str) -> Self {
        std::fs::write(folder.join("notafter.toml"), configuration).unwrap();
        let log = folder.join("notafter.log");
        let child = Command::new(env!("CARGO_BIN_EXE_notafter"))
            .args(["--config", "notafter.toml", "--listen", "127.0.0.1:0", "--log-format", "json"])
            .env("STATE_DIRECTORY", folder.join("state"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let running = Running(child);
        let address = wait_for("the exporter's address", || {
            let text = std::fs::read_to_string(&log).unwrap();
            let (_, rest) = text.split_once("\"listen\":\"[")?;
            rest.split_once(']')?.0.parse().ok()
        })
        .await;
        let exporter = Self { address, _running: running };
        let ready = format!("http://{address}/-/ready");
        while !get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        exporter
    }
}

/// Debian's Prometheus.
pub struct Prometheus {
    address: SocketAddr,
    _running: Running,
}

impl Prometheus {
    /// Starts one that scrapes the exporter once a second.
    pub async fn start(folder: &Path, exporter: SocketAddr) -> Self {
        Self::scraping(folder, &format!("scrape_configs:\n- {{job_name: notafter, static_configs: [{{targets: [\"{exporter}\"]}}]}}\n"))
            .await
    }

    /// Starts one that scrapes what the rest of its configuration says, once a second.
    pub async fn scraping(folder: &Path, rest: &str) -> Self {
        let configuration = format!("global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n{rest}");
        std::fs::write(folder.join("prometheus.yml"), configuration).unwrap();
        // Prometheus does not say which port it got, so one that was free a moment ago is given to it.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb"])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("prometheus.log")).unwrap())
            .spawn()
            .expect("prometheus is installed");
        let prometheus = Self { address, _running: Running(child) };
        let began = Instant::now();
        while !get(&format!("http://{address}/-/ready")).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(began.elapsed() < PATIENCE, "{}", std::fs::read_to_string(folder.join("prometheus.log")).unwrap());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        prometheus
    }

    /// The series that an expression gives now: labels and values.
    pub async fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let url = format!("http://{}/api/v1/query?query={encoded}", self.address);
        let text = get(&url).await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{expression}: {text}");
        let series = answer["data"]["result"].as_array().unwrap();
        series.iter().map(|series| (series["metric"].clone(), series["value"][1].as_str().unwrap().parse().unwrap())).collect()
    }
}

/// Asks again and again until there is an answer.
pub async fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{what} did not come within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks over plain HTTP. reqwest wants to know a TLS all the same.
async fn get(url: &str) -> reqwest::Result<reqwest::Response> {
    let tls = notafter::net::trust(&[], None).unwrap();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?.get(url).send().await
}
