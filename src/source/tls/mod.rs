//! `type = "tls"`: live endpoints to observations.
//!
//! May touch: `net`, the files of its trust anchors and of its client certificate, `pki::container` to open them. Must not: metrics, the store, the clock's date,
//! and it judges no certificate.
//!
//! A scan reads the trust anchors and the client certificate if their files have changed, then probes every target, each within its own budget, and hands over
//! each observation as it comes. Targets that timed out last time wait in a lane of their own.

mod client;
mod cluster;
mod discovery;
mod http;
mod lanes;
mod old;
mod probe;
mod roots;
mod target;
mod way;

use std::net::IpAddr;

use serde::Deserialize;

use super::{Built, Settings};
use crate::model::observation::Expectation;
use crate::model::{BoxFuture, BuildContext, BuildError, Failure, Listing, ScanContext, Source, SourceKind};
use crate::net::{Proxy, TlsClient, TlsVersion};
pub use client::ClientCertificateSettings;
use client::IdentityFiles;
pub use cluster::ClusterSettings;
use discovery::Discovery;
pub use discovery::{DocumentUrl, listed};
pub use http::HttpSettings;
use lanes::Lanes;
use old::OldServers;
use probe::{Prober, Round};
use roots::RootFiles;
use target::Target;
pub use target::{TargetSettings, authority};
use way::Way;

/// `type = "tls"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// What to probe: `"host:port"`, or a table with `target`, `server_name` and `labels`.
    #[serde(default)]
    targets: Vec<TargetSettings>,
    /// Files of targets as Prometheus reads them; wildcards in the last part of the path.
    #[serde(default)]
    file_sd: Vec<String>,
    /// URLs of targets as Prometheus asks them.
    #[serde(default)]
    http_sd: Vec<DocumentUrl>,
    /// Clusters whose Ingresses, Gateways and annotated Services are probed.
    #[serde(default)]
    kubernetes_sd: Vec<ClusterSettings>,
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
    /// How many intermediates behind the client certificate the servers are configured to follow (nginx: `ssl_verify_depth`).
    #[serde(default)]
    client_verify_depth: Option<u32>,
    /// Whether endpoints must, or may, refuse clients without a certificate: looked at with a second probe.
    #[serde(default)]
    expect: Expectation,
    /// A request to make after the handshake: what the answer says counts too.
    #[serde(default)]
    http: Option<HttpSettings>,
    /// The proxy to go through. It looks up the targets' names.
    #[serde(default)]
    proxy: Option<Proxy>,
    /// Whether each connection begins with a header of the PROXY protocol, version 2.
    #[serde(default)]
    proxy_protocol: bool,
    /// Which families of addresses are tried, and in which order.
    #[serde(default)]
    ip: IpPreference,
    /// TLS versions to offer.
    #[serde(default = "every_version")]
    tls_versions: Vec<TlsVersion>,
    /// Whether it is tried if versions below TLS 1.2 are accepted: once a day, and at each look while they are.
    #[serde(default = "yes")]
    check_old_tls: bool,
}

/// Which families of addresses are tried, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpPreference {
    /// As the resolver orders them.
    #[default]
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
    /// IPv4 first.
    PreferIpv4,
    /// IPv6 first.
    PreferIpv6,
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

fn every_version() -> Vec<TlsVersion> {
    vec![TlsVersion::Tls12, TlsVersion::Tls13]
}

fn yes() -> bool {
    true
}

fn default_concurrency() -> usize {
    1024
}

impl Settings for TlsSettings {
    const KIND: SourceKind = SourceKind::Tls;

    fn build(&self, cx: &BuildContext) -> Result<Built, BuildError> {
        if self.concurrency == 0 {
            return Err(BuildError::new("concurrency", "expected at least 1"));
        }
        if let Some(name) = self.alpn.iter().find(|name| name.is_empty() || name.len() > 255) {
            return Err(BuildError::new("alpn", format!("a protocol's name has 1 to 255 bytes, `{name}` has {}", name.len())));
        }
        if self.tls_versions.is_empty() {
            return Err(BuildError::new("tls_versions", "expected \"1.2\", \"1.3\" or both"));
        }
        if self.proxy.is_some() && self.resolve == Resolve::All {
            return Err(BuildError::new("resolve", "expected \"first\": with a proxy it is the proxy that resolves the names"));
        }
        if let Some(address) = self.source_address
            && matches!((address, self.ip), (IpAddr::V4(_), IpPreference::Ipv6) | (IpAddr::V6(_), IpPreference::Ipv4))
        {
            let words = format!("{address} cannot reach addresses of the other family, which are all that `ip` leaves");
            return Err(BuildError::new("source_address", words));
        }
        let server_name = self.server_name.as_deref();
        let discovers = !self.file_sd.is_empty() || !self.http_sd.is_empty() || !self.kubernetes_sd.is_empty();
        let targets = if discovers && self.targets.is_empty() {
            server_name.map_or(Ok(()), |name| target::check_server_name("server_name", name))?;
            Vec::new()
        } else {
            target::resolve_all(&self.targets, server_name)?
        };
        let discovery =
            discovers.then(|| Discovery::new(&self.file_sd, &self.http_sd, &self.kubernetes_sd, &cx.base, server_name)).transpose()?;
        let roots = RootFiles::new(&self.roots, &cx.base)?;
        let client = TlsClient::offering(&self.tls_versions, &self.alpn).map_err(|error| BuildError::new("alpn", error.to_string()))?;
        let way = Way { source_address: self.source_address, ip: self.ip, proxy: self.proxy.clone(), proxy_protocol: self.proxy_protocol };
        if self.expect != Expectation::Tls && self.client_certificate.is_none() {
            return Err(BuildError::new(
                "expect",
                "mutual TLS is looked at with a certificate and without: `client_certificate` is missing",
            ));
        }
        if self.client_verify_depth.is_some() && self.client_certificate.is_none() {
            return Err(BuildError::new(
                "client_verify_depth",
                "it is held against the client certificate: `client_certificate` is missing",
            ));
        }
        let identity = self.client_certificate.as_ref().map(|settings| IdentityFiles::new(settings, &cx.base)).transpose()?;
        let http = self.http.as_ref().map(|settings| settings.request(&self.alpn)).transpose()?;
        let source = TlsSource {
            roots,
            identity,
            targets,
            discovery,
            lanes: Lanes::new(self.concurrency),
            prober: Prober {
                resolve: self.resolve,
                way,
                client,
                old: OldServers::new(self.check_old_tls),
                http,
                expect: self.expect,
                verify_depth: self.client_verify_depth,
            },
        };
        Ok(vec![(Self::KIND, Box::new(source))])
    }
}

struct TlsSource {
    roots: RootFiles,
    targets: Vec<Target>,
    discovery: Option<Discovery>,
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
            let (roots, identity) = (roots.as_ref(), identity.as_ref());
            let Some(discovery) = &self.discovery else {
                self.lanes.run(&self.prober, &Round::new(&cx, &self.targets, roots, identity)).await;
                return Ok(Listing::Complete);
            };
            let found = discovery.targets(&self.targets, roots, &cx).await;
            self.lanes.run(&self.prober, &Round::new(&cx, &found.targets, roots, identity)).await;
            // What a document lists that was never read may be known from before a restart.
            Ok(if found.complete { Listing::Complete } else { Listing::Partial })
        })
    }
}

#[cfg(test)]
mod tests;
