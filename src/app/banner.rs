//! What a person who starts the exporter reads: what it watches, what it found, where to look.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::server::Listen;
use crate::config::{Config, Origin};
use crate::engine::store::Snapshot;
use crate::model::clock::SystemClock;
use crate::model::{CertRole, Clock, SourceKind, UnixTime};
use crate::source::{envoy_config, nginx};

/// Printed on standard output; a closed pipe is no reason to stop.
pub(super) struct Banner {
    watched: String,
    addresses: Vec<Listen>,
    is_tls: bool,
}

impl Banner {
    pub(super) fn new(config: &Config, addresses: &[Listen], is_tls: bool) -> Self {
        Self { watched: watched(config), addresses: addresses.to_vec(), is_tls }
    }

    pub(super) fn print_watched(&self) {
        let _ = write!(std::io::stdout(), "{}", self.watched);
    }

    pub(super) fn print_found(&self, snapshot: &Snapshot) {
        let now = UnixTime::from(SystemClock::new().now());
        let _ = write!(std::io::stdout(), "{}{}", found(snapshot, now), links(&self.addresses, self.is_tls));
    }
}

fn watched(config: &Config) -> String {
    let mut text = format!("notafter {} watches ({}):\n", env!("CARGO_PKG_VERSION"), config.origin);
    let width = config.sources.iter().map(|source| source.id.name.chars().count()).max().unwrap_or(0);
    let kinds = config.sources.iter().map(|source| source.id.kind.as_str().len()).fold(10, usize::max);
    for source in &config.sources {
        let mut what: Vec<String> = ["config", "paths", "targets", "kubeconfig", "context", "kinds", "presets", "namespaces"]
            .iter()
            .filter_map(|key| source.shown.get(*key))
            .map(places)
            .collect();
        if what.is_empty() {
            what.extend(match source.id.kind {
                SourceKind::Kubernetes => Some("Secrets of the cluster around it".to_owned()),
                SourceKind::Nginx => Some(nginx::DEFAULT_CONFIG.to_owned()),
                SourceKind::EnvoyConfig => Some(envoy_config::DEFAULT_PATH.to_owned()),
                _ => None,
            });
        }
        text += &format!("  {:width$}  {:kinds$}  {}\n", source.id.name, source.id.kind, what.join("; "));
    }
    if config.sources.is_empty() {
        text += match config.origin {
            Origin::File(_) => "  nothing: the file has no [sources.NAME] table\n",
            Origin::BuiltIn => {
                "  nothing: none of the usual places of certificates exist here; write a notafter.toml and give it with --config\n"
            }
        };
    }
    text
}

/// The first few entries of a list, as written.
fn places(list: &toml::Value) -> String {
    const SHOWN: usize = 4;
    let Some(list) = list.as_array() else { return list.as_str().map_or_else(|| list.to_string(), str::to_owned) };
    let text = |value: &toml::Value| match (value.as_str(), value.get("target").and_then(toml::Value::as_str)) {
        (Some(text), _) | (None, Some(text)) => text.to_owned(),
        _ => value.to_string(),
    };
    let mut shown: Vec<String> = list.iter().take(SHOWN).map(text).collect();
    if list.len() > SHOWN {
        shown.push(format!("and {} more", list.len() - SHOWN));
    }
    shown.join(", ")
}

fn found(snapshot: &Snapshot, now: UnixTime) -> String {
    let targets = || snapshot.sources.values().flat_map(|source| source.targets());
    let certificates: usize = targets().map(|target| target.content.certificates.len()).sum();
    let places = targets().filter(|target| !target.content.certificates.is_empty()).count();
    let failing = targets().filter(|target| target.failure.is_some()).count();
    let mut text = format!("found {}", count(certificates, "certificate"));
    if certificates > 0 {
        text += &format!(" in {}", count(places, "place"));
    }
    if failing > 0 {
        text += &format!("; {} cannot be read (the status page says why)", count(failing, "place"));
    }
    text += "\n";
    let all = || targets().flat_map(|target| target.content.certificates.iter().map(move |facts| (target, facts)));
    let first_of = |leaves: bool| {
        all()
            .filter(|(_, facts)| facts.not_after >= now && (!leaves || facts.role == CertRole::Leaf))
            .min_by_key(|(_, facts)| facts.not_after)
    };
    let expired = all().filter(|(_, facts)| facts.not_after < now).count();
    if expired > 0 {
        text += &format!("already expired: {}\n", count(expired, "certificate"));
    }
    // A leaf's end comes before a CA's in what people want to know first.
    if let Some((target, facts)) = first_of(true).or_else(|| first_of(false)) {
        let days = facts.not_after.since(now).as_secs() / 86_400;
        let name = if facts.subject.is_empty() { "(no subject)" } else { &facts.subject };
        text += &format!("expires first: {name}, {} ({}), in {}\n", facts.not_after, in_days(days), target.place);
    }
    text
}

fn in_days(days: u64) -> String {
    match days {
        0 => "in less than a day".to_owned(),
        days => format!("in {}", count(days as usize, "day")),
    }
}

fn links(addresses: &[Listen], is_tls: bool) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    let link = |listen: &Listen| match listen {
        Listen::Tcp(address) => format!("metrics: {scheme}://{}/metrics\n", reachable(*address)),
        other => format!("metrics: {other}\n"),
    };
    addresses.iter().map(link).collect()
}

/// An address that can be typed into a browser here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
