//! Hosts that a cluster serves with TLS, as targets for `type = "tls"`: of Ingresses, Gateways and annotated Services.
//!
//! May touch: `model`, the API server with `list` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::api::{Api, Scope};
use super::objects::{Name, null_is_empty, route, unreadable};
use crate::model::vocabulary::closed;
use crate::model::{Failure, KubeResource, ScanContext};

const PROBE: &str = "notafter.io/probe";
const PORT: &str = "notafter.io/port";
const SERVER_NAME: &str = "notafter.io/server-name";
const SCHEME: &str = "notafter.io/scheme";

closed! {
    /// From what targets are made.
    pub enum From {
        /// Hosts of the `tls` entries of Ingresses, port 443.
        Ingress = "ingress",
        /// Listeners of Gateways that end or pass on TLS.
        Gateway = "gateway",
        /// Services with the annotation `notafter.io/probe: "true"`.
        Service = "service",
    }
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiscoveredTarget {
    /// `host:port`, or with a scheme.
    pub target: String,
    /// Another server name than the host.
    pub server_name: Option<String>,
}

/// Lists what there is now; each target once, in order. Objects that cannot be read are told and cost themselves alone.
///
/// # Errors
/// A kind could not be listed.
pub async fn endpoints(api: &Api, from: &[From], namespaces: &[Arc<str>], cx: &ScanContext) -> Result<Vec<DiscoveredTarget>, Failure> {
    let everywhere = [None];
    let named: Vec<Option<Arc<str>>> = namespaces.iter().cloned().map(Some).collect();
    let mut found = BTreeSet::new();
    for kind in from {
        let resource = match kind {
            From::Ingress => KubeResource::Ingresses,
            From::Gateway => KubeResource::Gateways,
            From::Service => KubeResource::Services,
        };
        for namespace in if named.is_empty() { &everywhere[..] } else { &named[..] } {
            let scope = Scope { resource, namespace: namespace.clone(), field_selector: None, label_selector: None };
            let mut visit = |json: &[u8]| match read(*kind, json) {
                Ok(targets) => found.extend(targets),
                Err(failure) => cx.source_error(failure),
            };
            api.each(&scope, cx, &mut visit).await?;
        }
    }
    Ok(found.into_iter().collect())
}

#[derive(Deserialize)]
struct Service {
    metadata: ServiceMetadata,
    #[serde(default, deserialize_with = "null_is_empty")]
    spec: ServiceSpec,
}

#[derive(Deserialize)]
struct ServiceMetadata {
    #[serde(flatten)]
    name: Name,
    #[serde(default, deserialize_with = "null_is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct ServiceSpec {
    #[serde(default, deserialize_with = "null_is_empty")]
    ports: Vec<ServicePort>,
}

#[derive(Deserialize)]
struct ServicePort {
    #[serde(default, deserialize_with = "null_is_empty")]
    name: String,
    port: u16,
}

/// The targets of one object.
fn read(kind: From, json: &[u8]) -> Result<Vec<DiscoveredTarget>, Failure> {
    let unreadable = |error: serde_json::Error| unreadable(kind.as_str(), json, &error);
    let of = |host: &str, port: u16| DiscoveredTarget { target: format!("{host}:{port}"), server_name: None };
    // A wildcard names no host that could be asked.
    let is_host = |host: &str| !host.is_empty() && !host.contains('*');
    Ok(match kind {
        From::Ingress => {
            let ingress = route::ingress(json).map_err(unreadable)?;
            ingress.tls_hosts().filter(|(_, host)| is_host(host)).map(|(_, host)| of(host, 443)).collect()
        }
        From::Gateway => {
            let gateway = route::gateway(json).map_err(unreadable)?;
            let listeners = gateway.spec.listeners.iter();
            let serves_tls = |listener: &&route::Listener| matches!(&*listener.protocol, "HTTPS" | "TLS") && is_host(&listener.hostname);
            listeners.filter(serves_tls).map(|listener| of(&listener.hostname, listener.port)).collect()
        }
        From::Service => {
            let service: Service = serde_json::from_slice(json).map_err(unreadable)?;
            let annotation = |key: &str| service.metadata.annotations.get(key).map(String::as_str).filter(|text| !text.is_empty());
            if annotation(PROBE) != Some("true") {
                return Ok(Vec::new());
            }
            // By number or name; without, the one called https, 443, or the first.
            let ports = &service.spec.ports;
            let port = match annotation(PORT) {
                Some(text) => {
                    let by_name = ports.iter().find(|port| port.name == text).map(|port| port.port);
                    by_name.or_else(|| text.parse().ok()).ok_or_else(|| {
                        let words = format!(
                            "Service {}: the annotation {PORT} is neither a port nor the name of one: {text:?}",
                            service.metadata.name
                        );
                        Failure::new(crate::model::Stage::Parse, crate::model::Reason::DecodeFailed, words)
                    })?
                }
                None => {
                    let usual = ports.iter().find(|port| port.name == "https" || port.port == 443).or(ports.first());
                    usual.map_or(443, |port| port.port)
                }
            };
            let Name { namespace, name } = &service.metadata.name;
            let scheme = annotation(SCHEME).map_or(String::new(), |scheme| format!("{scheme}://"));
            vec![DiscoveredTarget {
                target: format!("{scheme}{name}.{namespace}.svc:{port}"),
                server_name: annotation(SERVER_NAME).map(str::to_owned),
            }]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_give_the_endpoints_that_they_serve() {
        let service = |annotations: &str, ports: &str| {
            format!(r#"{{"metadata":{{"namespace":"a","name":"s","annotations":{{{annotations}}}}},"spec":{{"ports":[{ports}]}}}}"#)
        };
        let probe = r#""notafter.io/probe":"true""#;
        for (case, kind, json, expected) in [
            (
                "hosts of tls, not of rules",
                From::Ingress,
                r#"{"metadata":{"namespace":"a","name":"i"},"spec":{"tls":[{"hosts":["x.example","*.y.example"],"secretName":"s"}],"rules":[{"host":"z.example"}]}}"#.to_owned(),
                &[("x.example:443", None)][..],
            ),
            (
                "tls without hosts is about those of the rules",
                From::Ingress,
                r#"{"metadata":{"namespace":"a","name":"i"},"spec":{"tls":[{}],"rules":[{"host":"z.example"},{}]}}"#.to_owned(),
                &[("z.example:443", None)],
            ),
            (
                "listeners with TLS and a host",
                From::Gateway,
                r#"{"metadata":{"namespace":"a","name":"g"},"spec":{"listeners":[{"hostname":"x.example","port":8443,"protocol":"HTTPS"},{"hostname":"x.example","port":80,"protocol":"HTTP"},{"port":443,"protocol":"TLS"}]}}"#.to_owned(),
                &[("x.example:8443", None)],
            ),
            ("a Service that is not annotated", From::Service, service("", r#"{"port":443}"#), &[]),
            ("a Service with one port", From::Service, service(probe, r#"{"port":8443}"#), &[("s.a.svc:8443", None)]),
            ("the port called https", From::Service, service(probe, r#"{"port":80},{"name":"https","port":8443}"#), &[("s.a.svc:8443", None)]),
            (
                "everything annotated",
                From::Service,
                service(
                    &format!(r#"{probe},"notafter.io/port":"mail","notafter.io/server-name":"m.example","notafter.io/scheme":"smtp""#),
                    r#"{"name":"mail","port":25}"#,
                ),
                &[("smtp://s.a.svc:25", Some("m.example"))],
            ),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(target, name)| DiscoveredTarget { target: (*target).to_owned(), server_name: name.map(str::to_owned) })
                .collect();
            assert_eq!(read(kind, json.as_bytes()).unwrap(), expected, "{case}");
        }
        let refused = read(From::Service, service(&format!(r#"{probe},"notafter.io/port":"x""#), "").as_bytes()).unwrap_err();
        assert!(refused.to_string().contains("a/s"), "{refused}");
        assert!(read(From::Ingress, b"[]").is_err());
    }
}
