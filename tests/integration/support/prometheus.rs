//! A real Prometheus that scrapes the exporter and evaluates rules.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::exporter::{Folder, get, percent_encoded, until};
use super::servers::closed_port;

/// A Prometheus of this folder's own; it ends with this.
pub struct Prometheus {
    address: SocketAddr,
    child: Child,
}

impl Prometheus {
    /// Scrapes one exporter every second, with rule files by name and text.
    pub fn start(folder: &Folder, exporter: SocketAddr, rules: &[(&str, String)]) -> Self {
        Self::start_with(folder, exporter, "scheme: http", rules)
    }

    /// The same with more options of its job, in YAML's flow style.
    pub fn start_with(folder: &Folder, exporter: SocketAddr, options: &str, rules: &[(&str, String)]) -> Self {
        Self::of_all(folder, &[exporter], options, rules)
    }

    /// The same of several exporters.
    pub fn of_all(folder: &Folder, exporters: &[SocketAddr], options: &str, rules: &[(&str, String)]) -> Self {
        let names: Vec<&str> = rules.iter().map(|(name, _)| *name).collect();
        rules.iter().for_each(|(name, text)| drop(folder.write(name, text)));
        let targets: Vec<String> = exporters.iter().map(|exporter| format!("'{exporter}'")).collect();
        let targets = targets.join(", ");
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: [{}]\n\
             scrape_configs: [{{job_name: notafter, {options}, static_configs: [{{targets: [{targets}]}}]}}]\n",
            names.join(", ")
        );
        Self::configured(folder, config)
    }

    /// With this configuration.
    pub fn configured(folder: &Folder, config: String) -> Self {
        let (path, address) = (folder.write("prometheus.yml", config), closed_port());
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.at("tsdb")))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("prometheus is installed");
        let prometheus = Self { address, child };
        until("Prometheus is ready", || (get(address, "/-/ready", "").status == 200).then_some(()));
        prometheus
    }

    /// What the API has at this path.
    pub fn api(&self, path: &str) -> Value {
        let answer = get(self.address, path, "").json();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].clone()
    }

    /// The labels of each series of an expression's answer.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let answer = self.api(&format!("/api/v1/query?query={}", percent_encoded(expression)));
        answer["result"].as_array().unwrap().iter().map(|series| series["metric"].clone()).collect()
    }

    /// The active alerts.
    pub fn alerts(&self) -> Vec<Value> {
        self.api("/api/v1/alerts")["alerts"].as_array().unwrap().clone()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
