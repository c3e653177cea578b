//! `type = "tls"`: live endpoints to observations.
//!
//! May touch: `net`, the files of its trust anchors and of its client certificate, `pki::container` to open them. Must not: metrics, the store, the clock's date,
//! and it judges no certificate.
//!
//! A scan reads the trust anchors and the client certificate if their files have changed, then probes every target, each within its own budget, and hands over
//! each observation as it comes. Targets that timed out last time wait in a lane of their own.

mod client;
mod http;
mod lanes;
mod probe;
mod roots;
mod target;

use std::net::IpAddr;

use serde::Deserialize;

use super::Settings;
use crate::model::observation::Expectation;
use crate::model::{BoxFuture, BuildContext, BuildError, Failure, Listing, ScanContext, Source, SourceKind};
use crate::net::TlsClient;
pub use client::ClientCertificateSettings;
use client::IdentityFiles;
pub use http::HttpSettings;
use lanes::Lanes;
use probe::{Prober, Round};
use roots::RootFiles;
pub use target::TargetSettings;

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
    /// Shown to servers that ask for one.
    #[serde(default)]
    client_certificate: Option<ClientCertificateSettings>,
    /// Whether endpoints must, or may, refuse clients without a certificate: looked at with a second probe.
    #[serde(default)]
    expect: Expectation,
    /// A request to make after the handshake: what the answer says counts too.
    #[serde(default)]
    http: Option<HttpSettings>,
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
        if self.expect != Expectation::Tls && self.client_certificate.is_none() {
            return Err(BuildError::new(
                "expect",
                "mutual TLS is looked at with a certificate and without: `client_certificate` is missing",
            ));
        }
        let identity = self.client_certificate.as_ref().map(|settings| IdentityFiles::new(settings, &cx.base)).transpose()?;
        let http = self.http.as_ref().map(|settings| settings.request(&self.alpn)).transpose()?;
        Ok(Box::new(TlsSource {
            roots,
            identity,
            lanes: Lanes::new(self.concurrency),
            prober: Prober { targets, resolve: self.resolve, source_address: self.source_address, client, http, expect: self.expect },
        }))
    }
}

struct TlsSource {
    roots: RootFiles,
    identity: Option<IdentityFiles>,
    lanes: Lanes,
    prober: Prober,
}

impl Source for TlsSource {
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        Box::pin(async move {
            let roots = self.roots.current(&cx).await;
            let identity = match &self.identity {
                Some(files) => Some(files.current(&cx).await),
                None => None,
            };
            self.lanes.run(&self.prober, &Round::new(&cx, roots.as_ref(), identity.as_ref())).await;
            Ok(Listing::Complete)
        })
    }
}

#[cfg(test)]
mod tests;
