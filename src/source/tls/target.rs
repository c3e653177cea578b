//! Which endpoints: what stands in the configuration, taken apart once.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::model::{BuildError, Labels, Place};
use crate::net::Starttls;

/// One entry of `targets`.
#[derive(Clone, PartialEq)]
pub struct TargetSettings {
    /// `host:port`, `tls://host:port`, `https://host`, `smtp://host`.
    target: String,
    /// Sent as SNI and looked for in the certificate, instead of the host.
    server_name: Option<String>,
    /// On every series of this target.
    labels: BTreeMap<String, String>,
}

/// Without user information, as everywhere.
impl fmt::Debug for TargetSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.target.split_once("://").unwrap_or(("", &self.target));
        let authority = rest.rsplit_once('@').map_or(rest, |(_, authority)| authority);
        f.debug_struct("TargetSettings")
            .field("scheme", &scheme)
            .field("authority", &authority)
            .field("server_name", &self.server_name)
            .field("labels", &self.labels)
            .finish()
    }
}

impl TargetSettings {
    /// The user's own labels of this target, sorted by name. Whether the names may be used is for the configuration to say.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// The target as it stands in the configuration.
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl<'de> Deserialize<'de> for TargetSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            target: String,
            #[serde(default)]
            server_name: Option<String>,
            #[serde(default)]
            labels: BTreeMap<String, String>,
        }

        // By hand, because an untagged enum forgets which key of the table was wrong.
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = TargetSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"host:port\" or a table with `target`, `server_name` and `labels`")
            }

            fn visit_str<E: serde::de::Error>(self, target: &str) -> Result<TargetSettings, E> {
                Ok(TargetSettings { target: target.to_owned(), server_name: None, labels: BTreeMap::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TargetSettings, A::Error> {
                let Table { target, server_name, labels } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(TargetSettings { target, server_name, labels })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// An endpoint to probe.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    /// As written, without user information.
    pub target: Box<str>,
    /// What is looked for in the certificate, and sent when TLS can carry it.
    pub server_name: Box<str>,
    /// Where to connect.
    pub host: Host,
    /// Where to connect.
    pub port: u16,
    /// How the server is brought to begin TLS; `None` when it does so at once.
    pub starttls: Option<Starttls>,
    /// The user's own labels of this target.
    pub labels: Option<Arc<Labels>>,
}

/// The host of a target.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Host {
    /// To be looked up; an IPv6 address with a zone too.
    Name(Box<str>),
    /// An address.
    Address(IpAddr),
}

impl Target {
    pub fn place(&self, address: Option<IpAddr>) -> Place {
        Place::Endpoint { target: self.target.clone(), server_name: self.server_name.clone(), address }
    }
}

/// All targets of a source.
///
/// # Errors
/// None at all, one that cannot be read, or two that are equal.
pub(super) fn resolve_all(settings: &[TargetSettings], server_name: Option<&str>) -> Result<Vec<Target>, BuildError> {
    if settings.is_empty() {
        return Err(BuildError::new("targets", "expected at least one target, or file_sd, http_sd or kubernetes_sd"));
    }
    if let Some(name) = server_name {
        check_server_name("server_name", name)?;
    }
    let mut seen = HashSet::new();
    let mut targets = Vec::with_capacity(settings.len());
    for (index, entry) in settings.iter().enumerate() {
        let target = resolve(entry, server_name, index)?;
        if !seen.insert((target.target.clone(), target.server_name.clone())) {
            let words = format!("`{}` with the server name `{}` stands here twice", target.target, target.server_name);
            return Err(BuildError::new(format!("targets[{index}]"), words));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn resolve(entry: &TargetSettings, of_source: Option<&str>, index: usize) -> Result<Target, BuildError> {
    let key = format!("targets[{index}]");
    let Written { label, host, port, starttls } = read(&entry.target).map_err(|words| BuildError::new(&key, words))?;
    if let Some(name) = &entry.server_name {
        check_server_name(&format!("{key}.server_name"), name)?;
    }
    let server_name = entry.server_name.as_deref().or(of_source).map_or_else(|| host.server_name(), Box::from);
    let labels = entry.labels.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    let labels = (!entry.labels.is_empty()).then(|| Arc::new(Labels(labels.collect())));
    Ok(Target { target: label, server_name, host, port, starttls, labels })
}

/// A target from a document. Whether its labels may be used has been looked at.
///
/// # Errors
/// What was expected.
pub(super) fn discovered(written: &str, server_name: Option<&str>, labels: &BTreeMap<String, String>) -> Result<Target, String> {
    let entry = TargetSettings { target: written.to_owned(), server_name: server_name.map(str::to_owned), labels: labels.clone() };
    resolve(&entry, None, 0).map_err(|error| error.message)
}

impl Host {
    fn server_name(&self) -> Box<str> {
        match self {
            // A zone is this machine's affair and in no certificate.
            Self::Name(name) => name.split_once('%').map_or(&**name, |(address, _)| address).into(),
            Self::Address(address) => address.to_string().into(),
        }
    }
}

/// Where a target leads, as `host:port`: without scheme and user information, the scheme's port filled in, in lower case. A plain
/// host gets this port.
///
/// # Errors
/// What was expected.
pub fn authority(written: &str, default_port: u16) -> Result<String, String> {
    // Only what lacks nothing but the port reads with one behind it.
    let Written { host, port, .. } = read(written).or_else(|error| read(&format!("{written}:{default_port}")).map_err(|_| error))?;
    Ok(match host {
        Host::Name(name) if name.contains(':') => format!("[{name}]:{port}"),
        Host::Name(name) => format!("{name}:{port}").to_lowercase(),
        Host::Address(address) => std::net::SocketAddr::new(address, port).to_string(),
    })
}

struct Written {
    label: Box<str>,
    host: Host,
    port: u16,
    starttls: Option<Starttls>,
}

/// Schemes of protocols that begin with TLS, and where they are served.
const DIRECT: &[(&str, u16)] =
    &[("tls", 443), ("https", 443), ("ftps", 990), ("imaps", 993), ("ldaps", 636), ("pop3s", 995), ("smtps", 465)];

/// Takes a target apart; the error says what was expected.
fn read(written: &str) -> Result<Written, String> {
    let (scheme, rest) = match written.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, written),
    };
    // RFC 3986 section 3.1: in any case, and one label for all of them.
    let lower = scheme.map(str::to_ascii_lowercase);
    let starttls = lower.as_deref().and_then(Starttls::of_scheme);
    let direct = lower.as_deref().and_then(|scheme| DIRECT.iter().find(|(known, _)| *known == scheme));
    let default_port = starttls.map(Starttls::default_port).or(direct.map(|(_, port)| *port));
    if let (Some(scheme), None) = (scheme, default_port) {
        let known: Vec<_> = DIRECT.iter().map(|(known, _)| *known).chain(Starttls::ALL.iter().map(|known| known.as_str())).collect();
        let scheme: String = scheme.chars().take(40).collect();
        return Err(format!("expected one of the schemes {}; got `{scheme}://`", known.join(", ")));
    }
    // What stands before the last @ is user information: it has no place in labels, and nothing here would use it.
    let authority = rest.rsplit_once('@').map_or(rest, |(_, authority)| authority);
    let label = lower.map_or_else(|| authority.to_owned(), |scheme| format!("{scheme}://{authority}"));
    let authority = if scheme.is_some() { authority.strip_suffix('/').unwrap_or(authority) } else { authority };
    if let Some(odd) = authority.chars().find(|c| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#' | '\\')) {
        return Err(format!("expected `host:port`; {odd:?} has no meaning in `{label}`"));
    }

    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, after) = bracketed.split_once(']').ok_or_else(|| format!("the bracket in `{label}` is not closed"))?;
        (ipv6(address).ok_or_else(|| format!("`{address}` is no IPv6 address"))?, after)
    } else {
        let (host, _) = authority.split_once(':').unwrap_or((authority, ""));
        let after = authority.get(host.len()..).unwrap_or_default();
        if after.matches(':').count() > 1 {
            return Err(format!("an IPv6 address stands in brackets, as in `[::1]:443`; got `{label}`"));
        }
        if host.is_empty() {
            return Err(format!("expected `host:port`; `{label}` has no host"));
        }
        (host.parse().map_or_else(|_| Host::Name(host.into()), Host::Address), after)
    };
    let port = match (port.strip_prefix(':'), default_port) {
        (Some(port), _) => {
            let port = if port.bytes().all(|byte| byte.is_ascii_digit()) { port.parse().ok() } else { None };
            port.filter(|port| *port != 0).ok_or_else(|| format!("expected a port from 1 to 65535 in `{label}`"))?
        }
        (None, Some(port)) if port_absent(authority) => port,
        (None, _) => return Err(format!("the port is missing: expected `{label}:443` or another port")),
    };
    Ok(Written { label: label.into(), host, port, starttls })
}

/// Nothing stands behind the host, not even something that is no port.
fn port_absent(authority: &str) -> bool {
    !authority.starts_with('[') || authority.ends_with(']')
}

/// An IPv6 address, with or without a zone.
fn ipv6(text: &str) -> Option<Host> {
    match text.split_once('%') {
        None => text.parse::<Ipv6Addr>().ok().map(|address| Host::Address(address.into())),
        Some((address, zone)) => (address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()).then(|| Host::Name(text.into())),
    }
}

pub(super) fn check_server_name(key: &str, name: &str) -> Result<(), BuildError> {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '/' | '[' | ']' | '*')) {
        return Err(BuildError::new(key, format!("expected a DNS name or an IP address, got `{name}`")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
