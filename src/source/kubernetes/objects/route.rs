//! Ingresses and Gateways: which Secrets serve which hosts. They have no certificates of their own.
//!
//! May touch: `model`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use super::{Name, Subject, identity, null_is_empty, number, unreadable};
use crate::model::{KubeResource, ScanContext, Use};
use crate::source::kubernetes::api::Handler;
use crate::source::kubernetes::surroundings::{Named, Surroundings, Used};

/// NGINX Ingress: the Secret with the CAs of clients, `namespace/name`.
const AUTH_TLS_SECRET: &str = "nginx.ingress.kubernetes.io/auth-tls-secret";
/// The most hosts that one object's Secrets are said to serve.
const HOSTS: usize = 1000;

/// Handles the objects of one of the kinds.
pub struct Routes {
    /// Ingresses, Gateways, or Istio's Gateways.
    pub resource: KubeResource,
    /// Where it goes.
    pub surroundings: Arc<Surroundings>,
}

/// An Ingress (networking.k8s.io/v1), as much as is needed.
#[derive(Deserialize)]
pub struct Ingress {
    /// Which.
    pub metadata: Annotated,
    /// What it serves.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub spec: IngressSpec,
}

/// Metadata with annotations.
#[derive(Deserialize)]
pub struct Annotated {
    #[serde(flatten)]
    name: Name,
    #[serde(default, deserialize_with = "null_is_empty")]
    annotations: BTreeMap<String, String>,
}

/// See [`Ingress`].
#[derive(Default, Deserialize)]
pub struct IngressSpec {
    #[serde(default, deserialize_with = "null_is_empty")]
    tls: Vec<IngressTls>,
    #[serde(default, deserialize_with = "null_is_empty")]
    rules: Vec<IngressRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IngressTls {
    #[serde(default, deserialize_with = "null_is_empty")]
    hosts: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    secret_name: String,
}

#[derive(Deserialize)]
struct IngressRule {
    #[serde(default, deserialize_with = "null_is_empty")]
    host: String,
}

/// A Gateway of the Gateway API, as much as is needed.
#[derive(Deserialize)]
pub struct Gateway {
    /// Which.
    pub metadata: Name,
    /// What it serves.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub spec: GatewaySpec,
}

/// See [`Gateway`].
#[derive(Default, Deserialize)]
pub struct GatewaySpec {
    /// One for each port and host.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub listeners: Vec<Listener>,
}

/// A listener of a Gateway.
#[derive(Deserialize)]
pub struct Listener {
    /// The host; without, any.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub hostname: String,
    /// The port.
    #[serde(default)]
    pub port: u16,
    /// `HTTPS`, `TLS` …
    #[serde(default)]
    pub protocol: String,
    /// How TLS ends there.
    #[serde(default)]
    pub tls: Option<ListenerTls>,
}

/// See [`Listener`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTls {
    #[serde(default, deserialize_with = "null_is_empty")]
    certificate_refs: Vec<CertificateRef>,
}

#[derive(Deserialize)]
struct CertificateRef {
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    name: String,
    #[serde(default)]
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct IstioGateway {
    metadata: Name,
    #[serde(default, deserialize_with = "null_is_empty")]
    spec: IstioSpec,
}

#[derive(Default, Deserialize)]
struct IstioSpec {
    #[serde(default, deserialize_with = "null_is_empty")]
    servers: Vec<IstioServer>,
}

#[derive(Deserialize)]
struct IstioServer {
    #[serde(default, deserialize_with = "null_is_empty")]
    hosts: Vec<String>,
    #[serde(default)]
    tls: Option<IstioTls>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IstioTls {
    #[serde(default, deserialize_with = "null_is_empty")]
    credential_name: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    credential_names: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    ca_cert_credential_name: String,
}

impl Ingress {
    /// The hosts of the `tls` entries; of one that names none, those of the rules.
    pub fn tls_hosts(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.spec.tls.iter().flat_map(|tls| {
            let own = tls.hosts.iter().map(String::as_str);
            let rules = self.rule_hosts().take(if tls.hosts.is_empty() { usize::MAX } else { 0 });
            own.chain(rules).map(|host| (&*tls.secret_name, host))
        });
        // Entries without hosts stand for all rules: together they may be millions.
        pairs.take(HOSTS)
    }

    fn rule_hosts(&self) -> impl Iterator<Item = &str> {
        self.spec.rules.iter().map(|rule| &*rule.host).filter(|host| !host.is_empty())
    }

    fn uses(&self) -> Vec<(Named, &str)> {
        let name = &self.metadata.name;
        let own = |secret: &str| -> Named { (name.namespace.as_str().into(), secret.into()) };
        let mut uses: Vec<(Named, &str)> = Vec::new();
        // One without any host serves whatever comes.
        if self.rule_hosts().next().is_none() {
            let all = self.spec.tls.iter().filter(|tls| !tls.secret_name.is_empty() && tls.hosts.is_empty());
            uses.extend(all.take(HOSTS).map(|tls| (own(&tls.secret_name), "")));
        }
        uses.extend(self.tls_hosts().filter(|(secret, _)| !secret.is_empty()).map(|(secret, host)| (own(secret), host)));
        if let Some(text) = self.metadata.annotations.get(AUTH_TLS_SECRET).filter(|text| !text.is_empty()) {
            let secret = text.split_once('/').map_or_else(|| own(text), |(namespace, secret)| (namespace.into(), secret.into()));
            let hosts: Vec<&str> = self.rule_hosts().take(HOSTS).collect();
            uses.extend(if hosts.is_empty() { vec![""] } else { hosts }.into_iter().map(|host| (secret.clone(), host)));
        }
        uses
    }
}

impl Gateway {
    fn uses(&self) -> Vec<(Named, &str)> {
        let refs = self.spec.listeners.iter().flat_map(|listener| {
            let refs = listener.tls.iter().flat_map(|tls| &tls.certificate_refs);
            refs.map(|one| (one, &*listener.hostname))
        });
        let secrets = refs
            .filter(|(one, _)| one.kind.as_deref().is_none_or(|kind| kind == "Secret") && one.group.as_deref().is_none_or(str::is_empty));
        secrets
            .map(|(one, host)| {
                let namespace = one.namespace.as_deref().unwrap_or(&self.metadata.namespace);
                ((namespace.into(), one.name.as_str().into()), host)
            })
            .collect()
    }
}

impl IstioGateway {
    fn uses(&self) -> Vec<(Named, &str)> {
        let mut uses: Vec<(Named, &str)> = Vec::new();
        for server in &self.spec.servers {
            let Some(tls) = &server.tls else { continue };
            let named = std::iter::once(&tls.credential_name).chain(&tls.credential_names).filter(|name| !name.is_empty());
            // With client certificates their CA may stand in a Secret of its own.
            let secrets = named.flat_map(|name| [name.clone(), format!("{name}-cacert")]);
            let own_ca = Some(tls.ca_cert_credential_name.clone()).filter(|name| !name.is_empty());
            for secret in secrets.chain(own_ca) {
                for host in &server.hosts {
                    if uses.len() >= HOSTS {
                        return uses;
                    }
                    let host = host.split_once('/').map_or(&**host, |(_, host)| host);
                    uses.push(((self.metadata.namespace.as_str().into(), secret.as_str().into()), host));
                }
            }
        }
        uses
    }
}

impl Routes {
    /// The object's name and what it uses.
    fn read(&self, json: &[u8]) -> Result<(Name, Vec<(Used, Use)>), serde_json::Error> {
        let of = |kind: &str, name: &Name, uses: Vec<(Named, &str)>| {
            let full: Box<str> = name.to_string().into();
            uses.into_iter()
                .take(HOSTS)
                .map(|(secret, host)| (Used::Secret(secret), Use { kind: kind.into(), name: full.clone(), host: host.into() }))
                .collect()
        };
        Ok(match self.resource {
            KubeResource::Ingresses => {
                let ingress: Ingress = serde_json::from_slice(json)?;
                (ingress.metadata.name.clone(), of("Ingress", &ingress.metadata.name, ingress.uses()))
            }
            KubeResource::IstioGateways => {
                let gateway: IstioGateway = serde_json::from_slice(json)?;
                (gateway.metadata.clone(), of("Gateway", &gateway.metadata, gateway.uses()))
            }
            _ => {
                let gateway: Gateway = serde_json::from_slice(json)?;
                (gateway.metadata.clone(), of("Gateway", &gateway.metadata, gateway.uses()))
            }
        })
    }

    fn number(&self, name: &Name) -> u64 {
        number(self.resource.as_str(), &name.namespace, &name.name)
    }
}

impl Handler for Routes {
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        match self.read(json) {
            Ok((name, uses)) => {
                let number = self.number(&name);
                self.surroundings.set_uses(number, uses);
                Some(number)
            }
            Err(error) => {
                cx.source_error(unreadable(self.resource.as_str(), json, &error));
                // What was known of it stays.
                identity(json).map(|name| self.number(&name))
            }
        }
    }

    fn deleted(&self, json: &[u8], _: &ScanContext) -> Option<u64> {
        let number = self.number(&identity(json)?);
        self.surroundings.set_uses(number, Vec::new());
        Some(number)
    }

    fn vanished(&self, gone: &HashSet<u64>, _: &ScanContext) {
        for number in gone {
            self.surroundings.set_uses(*number, Vec::new());
        }
    }
}

impl Subject for Routes {}

/// An Ingress, for whoever looks for hosts.
///
/// # Errors
/// It is not of the form of one.
pub fn ingress(json: &[u8]) -> Result<Ingress, serde_json::Error> {
    serde_json::from_slice(json)
}

/// A Gateway, for whoever looks for hosts.
///
/// # Errors
/// It is not of the form of one.
pub fn gateway(json: &[u8]) -> Result<Gateway, serde_json::Error> {
    serde_json::from_slice(json)
}
