//! What an API server says, read without one: for fuzzing and for tests.
//!
//! May touch: `model`. Pure but for what the handlers hand over. Nothing of the program uses it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::api::{Api, Handler, replay};
use super::objects::bundle::Bundles;
use super::objects::certmanager::{CertificateRequests, Certificates};
use super::objects::configmap::ConfigMaps;
use super::objects::csr::Requests;
use super::objects::held::Held;
use super::objects::namespace::Namespaces;
use super::objects::passphrases::KeystorePassphrases;
use super::objects::pod::Pods;
use super::objects::route::Routes;
use super::objects::secret::Secrets;
use super::objects::values::{Flavour, Values};
use super::selector::Selector;
use super::settings::{KubernetesSettings, Plan};
use super::surroundings::Surroundings;
use crate::model::{BuildError, BundleKind, KubeResource, ScanContext};

pub use replay::{list, watch};

/// Whoever takes objects, of every kind.
pub struct Everyone(Vec<Arc<dyn Handler>>);

impl Everyone {
    /// They know nothing yet. The settings choose keys, labels and passphrases; kinds do not count.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: &KubernetesSettings) -> Result<Self, BuildError> {
        let Plan { api, secret_keys, configmap_keys, secret_owner, configmap_owner, passphrases, passphrase_refs, .. } =
            settings.plan(Path::new("/"))?;
        let surroundings = Arc::new(Surroundings::new(Vec::new(), Vec::new(), false));
        let passphrases = Arc::new(KeystorePassphrases::new(Arc::new(Api::new(api)), passphrase_refs, passphrases));
        let owners = vec![Arc::new(secret_owner), Arc::new(configmap_owner)];
        let certificates = Arc::new(Certificates::new(true, Arc::clone(&surroundings)));
        let mut all: Vec<Arc<dyn Handler>> = vec![
            values(Secrets(Arc::clone(&passphrases)), secret_keys, &owners[0], &surroundings),
            values(ConfigMaps(passphrases), configmap_keys, &owners[1], &surroundings),
            Arc::new(Requests),
            Arc::clone(&certificates) as _,
            Arc::new(CertificateRequests(certificates)),
            Arc::new(Pods::new(Arc::clone(&surroundings))),
            Arc::new(Namespaces { wanted: owners, surroundings: Arc::clone(&surroundings) }),
        ];
        for kind in [BundleKind::MutatingWebhook, BundleKind::ValidatingWebhook, BundleKind::ApiService, BundleKind::Crd] {
            all.push(Arc::new(Bundles::new(kind, Arc::clone(&surroundings))));
        }
        for resource in [KubeResource::Ingresses, KubeResource::Gateways, KubeResource::IstioGateways] {
            all.push(Arc::new(Routes { resource, surroundings: Arc::clone(&surroundings) }));
        }
        Ok(Self(all))
    }

    /// An object is there, whatever it is: each takes it for one of its own.
    pub fn applied(&self, json: &[u8], cx: &ScanContext) {
        for handler in &self.0 {
            handler.applied(json, cx);
        }
    }

    /// An object is no more.
    pub fn deleted(&self, json: &[u8], cx: &ScanContext) {
        for handler in &self.0 {
            handler.deleted(json, cx);
        }
    }
}

fn values<F: Flavour + 'static>(
    flavour: F,
    keys: super::keys::Keys,
    owner: &Arc<super::owner::Owner>,
    surroundings: &Arc<Surroundings>,
) -> Arc<dyn Handler> {
    let (held, inherits) = (Held::default(), AtomicBool::new(false));
    Arc::new(Values {
        flavour,
        keys,
        owner: Arc::clone(owner),
        annotation_selector: None,
        surroundings: Arc::clone(surroundings),
        held,
        inherits,
    })
}

/// A selector of annotations, as the server would be told.
///
/// # Errors
/// What was expected.
pub fn selector(text: &str) -> Result<String, String> {
    Selector::of_annotations(text).map(|selector| selector.to_string())
}
