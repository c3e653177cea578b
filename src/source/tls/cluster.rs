//! Targets of a Kubernetes cluster: `kubernetes_sd`.
//!
//! May touch: `source::kubernetes` for its lists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::target::{Target, discovered};
use crate::model::{BuildError, Failure, Reason, ScanContext, Stage};
use crate::source::kubernetes::discovery::{From, endpoints};
use crate::source::kubernetes::{Api, KubernetesSettings};

/// One entry of `kubernetes_sd`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ClusterSettings {
    /// A kubeconfig; without, as for `type = "kubernetes"`.
    #[serde(default)]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig.
    #[serde(default)]
    context: Option<String>,
    /// What is listed: needs the right to `list` it, and no other.
    from: Vec<From>,
    /// Where; none: everywhere.
    #[serde(default)]
    namespaces: Vec<String>,
}

/// A cluster to ask.
pub(super) struct ServedCluster {
    name: String,
    api: Api,
    from: Vec<From>,
    namespaces: Vec<Arc<str>>,
}

impl ServedCluster {
    /// Reads and dials nothing yet.
    ///
    /// # Errors
    /// What cannot be meant.
    pub fn new(settings: &ClusterSettings, index: usize, base: &Path) -> Result<Self, BuildError> {
        let name = format!("kubernetes_sd[{index}]");
        if settings.from.is_empty() {
            return Err(BuildError::new(format!("{name}.from"), "expected \"ingress\", \"gateway\" or \"service\""));
        }
        let ClusterSettings { kubeconfig, context, namespaces, .. } = settings.clone();
        let cluster = KubernetesSettings { kubeconfig, context, namespaces, ..KubernetesSettings::default() };
        let (api, namespaces) =
            cluster.connection(base).map_err(|error| BuildError::new(format!("{name}.{}", error.key), error.message))?;
        Ok(Self { name, api: Api::new(api), from: settings.from.clone(), namespaces })
    }

    /// What it serves now, under a name for messages. One that cannot be a target is told and costs itself alone.
    pub async fn targets(&self, server_name: Option<&str>, cx: &ScanContext) -> (String, Result<Vec<Target>, Failure>) {
        let named = |failure: Failure| Failure::new(failure.stage, failure.reason, format!("{}: {}", self.name, failure.detail));
        let found = match endpoints(&self.api, &self.from, &self.namespaces, cx).await {
            Ok(found) => found,
            Err(failure) => return (self.name.clone(), Err(named(failure))),
        };
        let mut targets = Vec::with_capacity(found.len());
        for one in found {
            match discovered(&one.target, one.server_name.as_deref().or(server_name), &BTreeMap::new()) {
                Ok(target) => targets.push(target),
                Err(words) => {
                    let words = format!("target {:?} left out: {words}", one.target);
                    cx.source_error(named(Failure::new(Stage::Parse, Reason::DecodeFailed, words)));
                }
            }
        }
        (self.name.clone(), Ok(targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused_at_its_key() {
        for (toml, key) in [
            ("from = []", "kubernetes_sd[3].from"),
            ("from = ['ingress']\ncontext = 'x'", "kubernetes_sd[3].context"),
            ("from = ['ingress']\nnamespaces = ['*']", "kubernetes_sd[3].namespaces[0]"),
        ] {
            let settings: ClusterSettings = toml::from_str(toml).unwrap();
            assert_eq!(ServedCluster::new(&settings, 3, Path::new("/")).err().map(|error| error.key).as_deref(), Some(key), "{toml}");
        }
        for toml in ["", "from = ['pod']", "from = ['ingress']\nselector = 'x'"] {
            assert!(toml::from_str::<ClusterSettings>(toml).is_err(), "{toml}");
        }
    }
}
