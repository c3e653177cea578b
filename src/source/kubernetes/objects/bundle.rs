//! CA bundles in cluster-scoped objects: webhook configurations, APIServices, CRD conversions; and which Secrets cert-manager takes them from.
//!
//! May touch: `model`.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use super::held::Held;
use super::{Subject, base64, identity, null_is_empty, number, stamp, unreadable};
use crate::model::{BundleKind, Failure, Material, Observation, Place, Reason, ScanContext, Stage, Use};
use crate::source::kubernetes::api::Handler;
use crate::source::kubernetes::settings::{is_namespace, is_object_name};
use crate::source::kubernetes::surroundings::{Named, Surroundings, Used};

/// The most services of one object that are said to be served with a Secret.
const SERVICES: usize = 32;

/// Handles the objects of one of the kinds.
pub struct Bundles {
    kind: BundleKind,
    held: Held,
    surroundings: Arc<Surroundings>,
}

/// What an object says.
struct Read {
    name: String,
    /// Its entries that have a bundle.
    bundles: Vec<(String, String)>,
    uses: Vec<(Used, Use)>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    annotations: Annotations,
}

/// Where cert-manager takes the bundle from, both as `namespace/name`.
#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "cert-manager.io/inject-ca-from-secret", default, deserialize_with = "null_is_empty")]
    secret: String,
    #[serde(rename = "cert-manager.io/inject-ca-from", default, deserialize_with = "null_is_empty")]
    certificate: String,
}

#[derive(Deserialize)]
struct Webhooks {
    metadata: Metadata,
    #[serde(default, deserialize_with = "null_is_empty")]
    webhooks: Vec<Webhook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    name: String,
    #[serde(default)]
    client_config: Option<ClientConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    #[serde(default)]
    ca_bundle: Option<String>,
    #[serde(default)]
    service: Option<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(default, deserialize_with = "null_is_empty")]
    namespace: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    name: String,
}

#[derive(Deserialize)]
struct ApiService {
    metadata: Metadata,
    #[serde(default)]
    spec: Option<ClientConfig>,
}

#[derive(Deserialize)]
struct Crd {
    metadata: Metadata,
    #[serde(default)]
    spec: Option<CrdSpec>,
}

#[derive(Deserialize)]
struct CrdSpec {
    #[serde(default)]
    conversion: Option<Conversion>,
}

#[derive(Deserialize)]
struct Conversion {
    #[serde(default)]
    webhook: Option<ConversionWebhook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConversionWebhook {
    #[serde(default)]
    client_config: Option<ClientConfig>,
}

impl Annotations {
    fn used(&self) -> impl Iterator<Item = Used> {
        let named = |text: &str| -> Option<Named> {
            let parts = text.split_once('/').filter(|(namespace, name)| is_namespace(namespace) && is_object_name(name));
            parts.map(|(namespace, name)| (namespace.into(), name.into()))
        };
        named(&self.secret).map(Used::Secret).into_iter().chain(named(&self.certificate).map(Used::Certificate))
    }
}

impl Service {
    fn host(&self) -> Option<String> {
        (is_namespace(&self.namespace) && is_object_name(&self.name)).then(|| format!("{}.{}.svc", self.name, self.namespace))
    }
}

impl Bundles {
    /// Of this kind.
    pub fn new(kind: BundleKind, surroundings: Arc<Surroundings>) -> Self {
        Self { kind, held: Held::default(), surroundings }
    }

    /// An entry without a bundle relies on the machine's own roots: there is nothing to watch.
    fn read(&self, json: &[u8]) -> Result<Read, serde_json::Error> {
        let (metadata, entries) = match self.kind {
            BundleKind::MutatingWebhook | BundleKind::ValidatingWebhook => {
                let object: Webhooks = serde_json::from_slice(json)?;
                (object.metadata, object.webhooks.into_iter().map(|hook| (hook.name, hook.client_config)).collect())
            }
            BundleKind::ApiService => {
                let object: ApiService = serde_json::from_slice(json)?;
                (object.metadata, vec![("caBundle".to_owned(), object.spec)])
            }
            BundleKind::Crd => {
                let object: Crd = serde_json::from_slice(json)?;
                let webhook = object.spec.and_then(|spec| spec.conversion).and_then(|conversion| conversion.webhook);
                (object.metadata, vec![("conversion".to_owned(), webhook.and_then(|webhook| webhook.client_config))])
            }
        };
        let uses = self.uses(&metadata, entries.iter().filter_map(|(_, config)| config.as_ref()));
        let mut met = HashSet::new();
        let filled = entries.into_iter().filter_map(|(entry, config): (String, Option<ClientConfig>)| {
            let bundle = config?.ca_bundle.filter(|bundle| !bundle.is_empty())?;
            met.insert(entry.clone()).then_some((entry, bundle))
        });
        Ok(Read { name: metadata.name, bundles: filled.collect(), uses })
    }

    fn uses<'c>(&self, metadata: &Metadata, configs: impl Iterator<Item = &'c ClientConfig>) -> Vec<(Used, Use)> {
        let used: Vec<Used> = metadata.annotations.used().collect();
        if used.is_empty() {
            return Vec::new();
        }
        let mut hosts: BTreeSet<String> = configs.filter_map(|config| config.service.as_ref()?.host()).collect();
        if hosts.is_empty() {
            hosts.insert(String::new());
        }
        let of = |host: &str| Use { kind: self.kind.as_str().into(), name: metadata.name.as_str().into(), host: host.into() };
        used.iter().flat_map(|used| hosts.iter().take(SERVICES).map(|host| (used.clone(), of(host)))).collect()
    }

    fn place(&self, name: &str, entry: &str) -> Place {
        Place::CaBundle { kind: self.kind, name: name.into(), entry: entry.into() }
    }

    fn number(&self, name: &str) -> u64 {
        number(self.kind.as_str(), "", name)
    }
}

impl Handler for Bundles {
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let Read { name, bundles, uses } = match self.read(json) {
            Ok(read) => read,
            Err(error) => {
                let failure = unreadable(self.kind.as_str(), json, &error);
                let name = identity(json)?.name;
                let number = self.number(&name);
                let kept = self.held.get(number).unwrap_or_default();
                if kept.keys.is_empty() {
                    cx.source_error(failure);
                    return self.surroundings.is_user(number).then_some(number);
                }
                for entry in &*kept.keys {
                    let again = Failure::new(Stage::Read, Reason::DecodeFailed, failure.detail.to_string());
                    cx.observed(Observation::failed(self.place(&name, entry), again));
                }
                return Some(number);
            }
        };
        let number = self.number(&name);
        let is_user = !uses.is_empty();
        // Whoever's the bundle is: the Secret may be ours.
        self.surroundings.set_uses(number, uses);
        if !cx.is_ours(&self.place(&name, "")) {
            return is_user.then_some(number);
        }
        let keys: Vec<Arc<str>> = bundles.iter().map(|(entry, _)| self.held.text(entry)).collect();
        for entry in self.held.put(number, keys, None) {
            cx.gone(&self.place(&name, &entry));
        }
        let is_known = is_user || !bundles.is_empty();
        for (entry, bundle) in bundles {
            let place = self.place(&name, &entry);
            match base64(&bundle) {
                Err(failure) => cx.observed(Observation::failed(place, failure)),
                Ok(bytes) => {
                    let stamp = stamp(&bytes);
                    if !cx.is_unchanged(&place, stamp) {
                        let material = Material::Blob { bytes, passphrases: [].into() };
                        cx.observed(Observation { stamp: Some(stamp), ..Observation::found(place, material) });
                    }
                }
            }
        }
        is_known.then_some(number)
    }

    fn deleted(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let name = identity(json)?.name;
        let number = self.number(&name);
        self.surroundings.set_uses(number, Vec::new());
        for entry in &*self.held.remove(number) {
            cx.gone(&self.place(&name, entry));
        }
        Some(number)
    }

    fn vanished(&self, gone: &HashSet<u64>, cx: &ScanContext) {
        for number in gone {
            self.surroundings.set_uses(*number, Vec::new());
            self.held.remove(*number);
        }
        cx.retain(|place| !matches!(place, Place::CaBundle { kind, name, .. } if *kind == self.kind && gone.contains(&self.number(name))));
    }
}

impl Subject for Bundles {}
