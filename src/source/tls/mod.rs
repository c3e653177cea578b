//! `type = "tls"`: live endpoints to observations.
//!
//! May touch: `net`, the files of its trust anchors, `pki::container` to open them. Must not: metrics, the store, the clock's date,
//! and it judges no certificate.
//!
//! A scan reads the trust anchors if their files have changed, then probes every target, each within its own budget, and hands over
//! each observation as it comes. Targets that timed out last time wait in a lane of their own.

mod lanes;
mod probe;
mod roots;
mod target;

use std::net::IpAddr;

use serde::Deserialize;

use super::Settings;
use crate::model::{BoxFuture, BuildContext, BuildError, Failure, Listing, ScanContext, Source, SourceKind};
use crate::net::TlsClient;
use lanes::Lanes;
use probe::Prober;
use roots::RootFiles;
pub use target::{TargetSettings, authority};

/// `type = "tls"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// What to probe: `"host:port"`, or a table with `target`, `server_name` and `labels`.
    targets: Vec<TargetSettings>,
    /// Sent as SNI and looked for in the certificate, for targets that name none of their own; without it, the host. A name that TLS
    /// cannot carry is not sent, only looked for.
    #[serde(default)]
    server_name: Option<String>,
    /// Trust anchors: paths of certificate files, and `"system"` for the machine's own.
    #[serde(default = "system_roots")]
    roots: Vec<String>,
    /// Which addresses behind a name are probed.
    #[serde(default)]
    resolve: Resolve,
    /// Probes at once; as many again for targets that timed out last time.
    #[serde(default = "default_concurrency")]
    concurrency: usize,
    /// Application protocols to offer, most preferred first.
    #[serde(default)]
    alpn: Vec<String>,
    /// The address to connect from.
    #[serde(default)]
    source_address: Option<IpAddr>,
}

/// Which addresses behind a name are probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolve {
    /// The first one that accepts a connection.
    #[default]
    First,
    /// Each one, as a target of its own with an `address` label.
    All,
}

fn system_roots() -> Vec<String> {
    vec![roots::SYSTEM.to_owned()]
}

fn default_concurrency() -> usize {
    1024
}

impl Settings for TlsSettings {
    const KIND: SourceKind = SourceKind::Tls;

    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Source>, BuildError> {
        if self.concurrency == 0 {
            return Err(BuildError::new("concurrency", "expected at least 1"));
        }
        if let Some(name) = self.alpn.iter().find(|name| name.is_empty() || name.len() > 255) {
            return Err(BuildError::new("alpn", format!("a protocol's name has 1 to 255 bytes, `{name}` has {}", name.len())));
        }
        let targets = target::resolve_all(&self.targets, self.server_name.as_deref())?;
        let roots = RootFiles::new(&self.roots, &cx.base)?;
        let client = TlsClient::new(&self.alpn).map_err(|error| BuildError::new("alpn", error.to_string()))?;
        Ok(Box::new(TlsSource {
            roots,
            lanes: Lanes::new(self.concurrency),
            prober: Prober { targets, resolve: self.resolve, source_address: self.source_address, client },
        }))
    }
}

struct TlsSource {
    roots: RootFiles,
    lanes: Lanes,
    prober: Prober,
}

impl Source for TlsSource {
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        Box::pin(async move {
            let roots = self.roots.current(&cx).await;
            self.lanes.run(&self.prober, &cx, roots.as_ref()).await;
            Ok(Listing::Complete)
        })
    }
}

#[cfg(test)]
mod tests;
