//! CA bundles in cluster-scoped objects: webhook configurations, APIServices, CRD conversions.
//!
//! May touch: `model`.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;

use super::held::Held;
use super::{Name, Subject, base64, identity, null_is_empty, number, stamp, unreadable};
use crate::model::{BundleKind, Failure, Material, Observation, Place, Reason, ScanContext, Stage};
use crate::source::kubernetes::api::Handler;

/// Handles the objects of one of the kinds.
pub struct Bundles {
    kind: BundleKind,
    held: Held,
}

#[derive(Deserialize)]
struct Webhooks {
    metadata: Name,
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
}

#[derive(Deserialize)]
struct ApiService {
    metadata: Name,
    #[serde(default)]
    spec: Option<ClientConfig>,
}

#[derive(Deserialize)]
struct Crd {
    metadata: Name,
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

impl Bundles {
    /// Of this kind.
    pub fn new(kind: BundleKind) -> Self {
        Self { kind, held: Held::default() }
    }

    /// The object's name and its entries. One without a bundle relies on the machine's own roots: there is nothing to watch.
    fn read(&self, json: &[u8]) -> Result<(String, Vec<(String, String)>), serde_json::Error> {
        let (name, entries) = match self.kind {
            BundleKind::MutatingWebhook | BundleKind::ValidatingWebhook => {
                let object: Webhooks = serde_json::from_slice(json)?;
                (object.metadata.name, object.webhooks.into_iter().map(|hook| (hook.name, hook.client_config)).collect())
            }
            BundleKind::ApiService => {
                let object: ApiService = serde_json::from_slice(json)?;
                (object.metadata.name, vec![("caBundle".to_owned(), object.spec)])
            }
            BundleKind::Crd => {
                let object: Crd = serde_json::from_slice(json)?;
                let webhook = object.spec.and_then(|spec| spec.conversion).and_then(|conversion| conversion.webhook);
                (object.metadata.name, vec![("conversion".to_owned(), webhook.and_then(|webhook| webhook.client_config))])
            }
        };
        let mut met = HashSet::new();
        let filled = entries.into_iter().filter_map(|(entry, config): (String, Option<ClientConfig>)| {
            let bundle = config?.ca_bundle.filter(|bundle| !bundle.is_empty())?;
            met.insert(entry.clone()).then_some((entry, bundle))
        });
        Ok((name, filled.collect()))
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
        let (name, entries) = match self.read(json) {
            Ok(read) => read,
            Err(error) => {
                let failure = unreadable(self.kind.as_str(), json, &error);
                let name = identity(json)?.name;
                let kept = self.held.get(self.number(&name)).unwrap_or_default();
                if kept.keys.is_empty() {
                    cx.source_error(failure);
                    return None;
                }
                for entry in &*kept.keys {
                    let again = Failure::new(Stage::Read, Reason::DecodeFailed, failure.detail.to_string());
                    cx.observed(Observation::failed(self.place(&name, entry), again));
                }
                return Some(self.number(&name));
            }
        };
        if !cx.is_ours(&self.place(&name, "")) {
            return None;
        }
        let number = self.number(&name);
        let keys: Vec<Arc<str>> = entries.iter().map(|(entry, _)| self.held.text(entry)).collect();
        for entry in self.held.put(number, keys, None) {
            cx.gone(&self.place(&name, &entry));
        }
        let is_empty = entries.is_empty();
        for (entry, bundle) in entries {
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
        (!is_empty).then_some(number)
    }

    fn deleted(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let name = identity(json)?.name;
        let number = self.number(&name);
        for entry in &*self.held.remove(number) {
            cx.gone(&self.place(&name, entry));
        }
        Some(number)
    }

    fn vanished(&self, gone: &HashSet<u64>, cx: &ScanContext) {
        for number in gone {
            self.held.remove(*number);
        }
        cx.retain(|place| !matches!(place, Place::CaBundle { kind, name, .. } if *kind == self.kind && gone.contains(&self.number(name))));
    }
}

impl Subject for Bundles {}
