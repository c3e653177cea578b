//! A cluster with the exporter beside it.

use std::ops::Deref;

use tokio::runtime::Runtime;

use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder};
use crate::support::kube::KubeServer;
use crate::support::scrape::{Sample, Scrape};

/// An API server on a runtime of its own.
pub struct Cluster {
    server: KubeServer,
    runtime: Runtime,
}

impl Deref for Cluster {
    type Target = KubeServer;

    fn deref(&self) -> &KubeServer {
        &self.server
    }
}

impl Cluster {
    /// An empty one.
    pub fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        Self { server: runtime.block_on(KubeServer::start()), runtime }
    }

    /// Comes back after it was away.
    pub fn return_again(&self) {
        self.runtime.block_on(self.server.back());
    }

    /// A Secret with this leaf and its key.
    pub fn tls(&self, namespace: &str, name: &str, ca: &Ca, common_name: &str) {
        let issued = ca.leaf(&[common_name]).issue();
        let data = [("tls.crt", issued.chain_pem().into_bytes()), ("tls.key", issued.key_pem().into_bytes())];
        let data: Vec<(&str, &[u8])> = data.iter().map(|(key, value)| (*key, &**value)).collect();
        self.secret(namespace, name, "kubernetes.io/tls", &data);
    }

    /// A folder whose configuration watches this cluster as source `cluster` with these keys.
    pub fn folder(&self, keys: &str) -> Folder {
        let folder = Folder::new(&source("cluster", "DIR/kubeconfig", keys));
        self.kubeconfig(&folder.path().join("kubeconfig"), "secret-token");
        folder
    }
}

/// A table that watches through this kubeconfig; listed anew once an hour.
pub fn source(name: &str, kubeconfig: &str, keys: &str) -> String {
    format!("[sources.{name}]\ntype = \"kubernetes\"\nkubeconfig = \"{kubeconfig}\"\nschedule = \"@every 1h\"\n{keys}\n")
}

/// The end of validity in this place; one series at most.
pub fn not_after<'a>(scrape: &'a Scrape, labels: &[(&str, &str)]) -> Option<&'a Sample> {
    let found = scrape.all("x509_cert_not_after", labels);
    assert!(found.len() <= 1, "{found:#?}");
    found.first().copied()
}

/// Waits until a certificate of this name is shown in a place.
pub fn shows(exporter: &Exporter, labels: &[(&str, &str)], common_name: &str) {
    let what = format!("{common_name} at {labels:?}");
    exporter.scrape_until(&what, |scrape| not_after(scrape, labels).filter(|sample| sample.label("subject_CN") == common_name).map(|_| ()));
}

/// Waits until nothing is shown there.
pub fn is_gone(exporter: &Exporter, labels: &[(&str, &str)]) {
    exporter.scrape_until(&format!("{labels:?} gone"), |scrape| {
        let left = scrape.samples.iter().filter(|sample| sample.has(labels)).count();
        (left == 0).then_some(())
    });
}

/// `x509_source_up` of a kind.
pub fn up(scrape: &Scrape, kind: &str) -> Option<f64> {
    scrape.value("x509_source_up", &[("source_kind", kind)])
}
