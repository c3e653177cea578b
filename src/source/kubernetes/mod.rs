//! `type = "kubernetes"`: the certificates of a cluster, listed once and watched.
//!
//! May touch: `model`, the API server with `list` and `watch`. Must not: metrics, the store, the clock's date; it keeps no object.
//!
//! One table makes one source for each group of kinds: each has its own state and errors. They share a connection with its rate limit (`api`), and what they
//! know together of Secrets and namespaces (`surroundings`). What an object means is said in `objects`.

pub mod api;
pub mod discovery;
mod keys;
mod objects;
mod owner;
mod presets;
#[doc(hidden)]
pub mod replay;
mod scopes;
mod selector;
mod settings;
mod surroundings;
mod watching;

#[cfg(test)]
mod tests;

pub use api::{Api, ApiSettings};
pub use presets::{Kind, Preset};
pub use settings::{KubernetesSettings, PassphraseRef};

use super::{Built, Settings};
use crate::model::{BuildContext, BuildError, SourceKind};

impl Settings for KubernetesSettings {
    const KIND: SourceKind = SourceKind::Kubernetes;

    fn build(&self, cx: &BuildContext) -> Result<Built, BuildError> {
        Ok(scopes::sources(self.plan(&cx.base)?))
    }
}

/// What looks at one Secret alone, all of its keys, for `k8s://namespace/name`; with whatever kubeconfig there is.
///
/// # Errors
/// It is no `namespace/name`.
pub fn one_secret(address: &str, settings: &KubernetesSettings, cx: &BuildContext) -> Result<Built, BuildError> {
    let named = address.split_once('/').filter(|(namespace, name)| settings::is_namespace(namespace) && settings::is_object_name(name));
    let Some((namespace, name)) = named else {
        return Err(BuildError::new("target", format!("expected k8s://NAMESPACE/SECRET, found \"k8s://{address}\"")));
    };
    let settings = KubernetesSettings { secret_keys: vec!["*".to_owned()], namespaces: vec![namespace.to_owned()], ..settings.clone() };
    Ok(scopes::one_secret(settings.plan(&cx.base)?, name))
}
