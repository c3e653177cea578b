//! What stands in the table of a Kubernetes source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::api::ApiSettings;
use super::keys::{Keys, USUAL};
use super::owner::Owner;
use super::presets::{Kind, Preset};
use super::selector::Selector;
use crate::model::{BuildError, Secret};
use crate::source::file::Passphrases;

/// `type = "kubernetes"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KubernetesSettings {
    /// A kubeconfig; without, the pod's own service account, `$KUBECONFIG` or `~/.kube/config`.
    #[serde(default)]
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, instead of its current one.
    #[serde(default)]
    pub context: Option<String>,
    /// What is looked at.
    #[serde(default)]
    pub kinds: Option<Vec<Kind>>,
    /// Systems whose kinds and keys are looked at, too.
    #[serde(default)]
    pub presets: Vec<Preset>,
    /// Namespaces; none: all.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Namespaces left out of all.
    #[serde(default)]
    pub exclude_namespaces: Vec<String>,
    /// Which namespaces, by their labels.
    #[serde(default)]
    pub namespace_selector: Option<String>,
    /// Which Secrets and ConfigMaps, by their labels.
    #[serde(default)]
    pub label_selector: Option<String>,
    /// Which Secrets and ConfigMaps, by their annotations.
    #[serde(default)]
    pub annotation_selector: Option<String>,
    /// Which types of Secrets; none: all that may hold certificates.
    #[serde(default)]
    pub secret_types: Vec<String>,
    /// Globs of the keys of Secrets.
    #[serde(default = "usual_keys")]
    pub secret_keys: Vec<String>,
    /// Globs of the keys of ConfigMaps.
    #[serde(default = "usual_keys")]
    pub configmap_keys: Vec<String>,
    /// Keys of Secrets that hold passphrases of keystores.
    #[serde(default)]
    pub passphrase_refs: Vec<PassphraseRef>,
    /// Opens keystores.
    #[serde(default)]
    pub passphrase: Option<Secret>,
    /// A file that holds the passphrase; read at each scan.
    #[serde(default)]
    pub passphrase_file: Option<PathBuf>,
    /// An environment variable that holds the passphrase.
    #[serde(default)]
    pub passphrase_env: Option<String>,
    /// The user's labels by where their values come from.
    #[serde(default)]
    pub labels_from: BTreeMap<String, Vec<String>>,
    /// Labels of Secrets that are shown as `secret_label_…`.
    #[serde(default)]
    pub secret_labels: Vec<String>,
    /// Labels of ConfigMaps that are shown as `configmap_label_…`.
    #[serde(default)]
    pub configmap_labels: Vec<String>,
    /// The most requests that this source makes in a second.
    #[serde(default = "default_rate")]
    pub requests_per_second: u32,
    /// Objects asked for at once.
    #[serde(default = "default_page")]
    pub page_size: u32,
    /// Whether lists are streamed where the server can.
    #[serde(default = "yes")]
    pub streaming_list: bool,
}

/// Where a keystore's passphrase is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PassphraseRef {
    /// The Secret, `name` in the keystore's namespace or `namespace/name`; without, the keystore's own.
    #[serde(default)]
    pub secret: Option<String>,
    /// The key in it.
    pub key: String,
}

fn usual_keys() -> Vec<String> {
    USUAL.iter().map(|glob| (*glob).to_owned()).collect()
}

fn default_rate() -> u32 {
    20
}

fn default_page() -> u32 {
    500
}

fn yes() -> bool {
    true
}

/// Settings that do not contradict themselves, compiled.
pub(super) struct Plan {
    pub api: ApiSettings,
    pub kinds: BTreeSet<Kind>,
    pub presets: BTreeSet<Preset>,
    pub namespaces: Vec<Arc<str>>,
    pub exclude_namespaces: Vec<String>,
    pub namespace_selector: Option<Selector>,
    pub label_selector: Option<Selector>,
    pub annotation_selector: Option<Selector>,
    pub secret_types: Vec<String>,
    pub secret_keys: Keys,
    pub configmap_keys: Keys,
    pub passphrase_refs: Vec<PassphraseRef>,
    pub passphrases: Passphrases,
    pub secret_owner: Owner,
    pub configmap_owner: Owner,
}

impl Default for KubernetesSettings {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            kinds: None,
            presets: Vec::new(),
            namespaces: Vec::new(),
            exclude_namespaces: Vec::new(),
            namespace_selector: None,
            label_selector: None,
            annotation_selector: None,
            secret_types: Vec::new(),
            secret_keys: usual_keys(),
            configmap_keys: usual_keys(),
            passphrase_refs: Vec::new(),
            passphrase: None,
            passphrase_file: None,
            passphrase_env: None,
            labels_from: BTreeMap::new(),
            secret_labels: Vec::new(),
            configmap_labels: Vec::new(),
            requests_per_second: default_rate(),
            page_size: default_page(),
            streaming_list: true,
        }
    }
}

impl KubernetesSettings {
    /// How the API server is reached, and the namespaces, for whoever needs no more.
    ///
    /// # Errors
    /// See [`Self::plan`].
    pub(in crate::source) fn connection(&self, base: &Path) -> Result<(ApiSettings, Vec<Arc<str>>), BuildError> {
        self.plan(base).map(|plan| (plan.api, plan.namespaces))
    }

    /// # Errors
    /// A key whose value cannot be meant, or that contradicts another.
    pub(super) fn plan(&self, base: &Path) -> Result<Plan, BuildError> {
        let refuse = |key: &str, words: &str| Err(BuildError::new(key, words));
        if self.kinds.as_ref().is_some_and(Vec::is_empty) {
            return refuse("kinds", "expected at least one kind");
        }
        if self.secret_keys.is_empty() {
            return refuse("secret_keys", "expected at least one key or glob of keys");
        }
        if self.configmap_keys.is_empty() {
            return refuse("configmap_keys", "expected at least one key or glob of keys");
        }
        if !self.namespaces.is_empty() && self.namespace_selector.is_some() {
            return refuse("namespace_selector", "namespaces are chosen by `namespaces` or by a selector, not by both");
        }
        if !self.namespaces.is_empty() && !self.exclude_namespaces.is_empty() {
            return refuse("exclude_namespaces", "they are left out of all namespaces, but `namespaces` names those to look at");
        }
        for (key, list) in [("namespaces", &self.namespaces), ("exclude_namespaces", &self.exclude_namespaces)] {
            for (index, name) in list.iter().enumerate() {
                if !is_namespace(name) {
                    return refuse(
                        &format!("{key}[{index}]"),
                        &format!("expected the name of a namespace, without wildcards, found {name:?}"),
                    );
                }
                if list[..index].contains(name) {
                    return refuse(&format!("{key}[{index}]"), &format!("{name:?} stands here twice"));
                }
            }
        }
        for (index, name) in self.secret_types.iter().enumerate() {
            let is_type = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
            if !is_type || self.secret_types[..index].contains(name) {
                return refuse(
                    &format!("secret_types[{index}]"),
                    &format!("expected a type of Secrets such as \"kubernetes.io/tls\", each once, found {name:?}"),
                );
            }
        }
        if self.requests_per_second == 0 {
            return refuse("requests_per_second", "expected at least 1");
        }
        if self.page_size == 0 {
            return refuse("page_size", "expected at least 1");
        }
        if self.kubeconfig.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            return refuse("kubeconfig", "expected the path of a kubeconfig");
        }
        if self.context.is_some() && self.kubeconfig.is_none() {
            return refuse("context", "it is a context of a kubeconfig: `kubeconfig` is missing");
        }
        let selector = |key: &str, text: &Option<String>, read: fn(&str) -> Result<Selector, String>| {
            text.as_deref().map(read).transpose().map_err(|words| BuildError::new(key, words))
        };
        let keys = |key: &str, globs: &[String]| {
            // What presets look for comes behind what the user wrote: an index in an error is the user's.
            let of_secrets = self.presets.iter().flat_map(|preset| preset.secret_keys()).copied();
            let of_configmaps = self.presets.iter().filter_map(|preset| preset.configmap()).map(|(_, key)| key);
            let preset: Vec<&str> = if key == "secret_keys" { of_secrets.collect() } else { of_configmaps.collect() };
            let globs: Vec<&str> = globs.iter().map(String::as_str).chain(preset).collect();
            Keys::new(&globs).map_err(|(index, words)| BuildError::new(format!("{key}[{index}]"), words))
        };
        for (index, reference) in self.passphrase_refs.iter().enumerate() {
            reference.check().map_err(|words| BuildError::new(format!("passphrase_refs[{index}]"), words))?;
        }
        let presets: BTreeSet<Preset> = self.presets.iter().copied().collect();
        let mut kinds: BTreeSet<Kind> = self.kinds.as_ref().map_or_else(|| [Kind::Secret].into(), |kinds| kinds.iter().copied().collect());
        kinds.extend(presets.iter().flat_map(|preset| preset.kinds()));
        Ok(Plan {
            api: ApiSettings {
                kubeconfig: self.kubeconfig.as_ref().map(|path| base.join(path)),
                context: self.context.clone(),
                requests_per_second: self.requests_per_second,
                page_size: self.page_size,
                streaming_list: self.streaming_list,
            },
            kinds,
            presets,
            namespaces: self.namespaces.iter().map(|name| Arc::from(name.as_str())).collect(),
            exclude_namespaces: self.exclude_namespaces.clone(),
            namespace_selector: selector("namespace_selector", &self.namespace_selector, Selector::of_labels)?,
            label_selector: selector("label_selector", &self.label_selector, Selector::of_labels)?,
            annotation_selector: selector("annotation_selector", &self.annotation_selector, Selector::of_annotations)?,
            secret_types: self.secret_types.clone(),
            secret_keys: keys("secret_keys", &self.secret_keys)?,
            configmap_keys: keys("configmap_keys", &self.configmap_keys)?,
            passphrase_refs: self.passphrase_refs.clone(),
            passphrases: Passphrases::new(self.passphrase.as_ref(), self.passphrase_file.as_deref(), self.passphrase_env.as_deref(), base)?,
            secret_owner: Owner::new(&self.labels_from, ("secret_labels", "secret_label_"), &self.secret_labels)?,
            configmap_owner: Owner::new(&self.labels_from, ("configmap_labels", "configmap_label_"), &self.configmap_labels)?,
        })
    }
}

impl PassphraseRef {
    fn check(&self) -> Result<(), String> {
        if self.key.is_empty() {
            return Err("expected the name of a key".to_owned());
        }
        match self.secret.as_deref().map(|secret| secret.split_once('/').unwrap_or(("x", secret))) {
            Some((namespace, name)) if !is_namespace(namespace) || !is_object_name(name) => {
                Err(format!("expected \"name\" or \"namespace/name\" of a Secret, found {:?}", self.secret.as_deref().unwrap_or_default()))
            }
            _ => Ok(()),
        }
    }
}

/// An RFC 1123 label: it goes into URLs and selectors as it is.
pub(super) fn is_namespace(name: &str) -> bool {
    name.len() <= 63 && is_object_name(name) && !name.contains('.')
}

/// An RFC 1123 subdomain.
pub(super) fn is_object_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    !name.is_empty() && name.len() <= 253 && name.bytes().all(inner) && !name.starts_with(['-', '.']) && !name.ends_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan, BuildError> {
        toml::from_str::<KubernetesSettings>(text).unwrap().plan(Path::new("/etc/notafter"))
    }

    #[test]
    fn contradictions_are_refused_at_their_key() {
        for (text, key, why) in [
            ("kinds = []", "kinds", "at least one"),
            ("secret_keys = []", "secret_keys", "at least one"),
            ("configmap_keys = []", "configmap_keys", "at least one"),
            ("secret_keys = ['ok', '[a']", "secret_keys[1]", "unclosed"),
            ("configmap_keys = ['{']", "configmap_keys[0]", "unclosed"),
            ("namespaces = ['a']\nnamespace_selector = 'x'", "namespace_selector", "not by both"),
            ("namespaces = ['a']\nexclude_namespaces = ['b']", "exclude_namespaces", "left out of all"),
            ("namespaces = ['a', 'a']", "namespaces[1]", "twice"),
            ("namespaces = ['team-*']", "namespaces[0]", "without wildcards"),
            ("exclude_namespaces = ['']", "exclude_namespaces[0]", "name of a namespace"),
            ("namespace_selector = ''", "namespace_selector", "expected a key"),
            ("label_selector = 'a ~ b'", "label_selector", "expected"),
            ("annotation_selector = 'a in'", "annotation_selector", "expected \"(\""),
            ("secret_types = ['a b']", "secret_types[0]", "type of Secrets"),
            ("secret_types = ['Opaque', 'Opaque']", "secret_types[1]", "each once"),
            ("context = 'prod'", "context", "`kubeconfig` is missing"),
            ("kubeconfig = ''", "kubeconfig", "path of a kubeconfig"),
            ("requests_per_second = 0", "requests_per_second", "at least 1"),
            ("page_size = 0", "page_size", "at least 1"),
            ("passphrase = 'a'\npassphrase_env = 'B'", "passphrase_env", "at most one"),
            ("passphrase_refs = [{ key = '' }]", "passphrase_refs[0]", "name of a key"),
            ("passphrase_refs = [{ key = 'a' }, { key = 'a', secret = 'a/b/c' }]", "passphrase_refs[1]", "namespace/name"),
            ("labels_from = { job = ['label:a'] }", "labels_from.job", "Prometheus itself"),
            ("labels_from = { team = [] }", "labels_from.team", "at least one"),
            ("labels_from = { team = ['app'] }", "labels_from.team", "\"label:KEY\""),
            ("secret_labels = ['a', '?']", "secret_labels[1]", "name of a label"),
            ("configmap_labels = ['a.b', 'a-b']", "configmap_labels[1]", "configmap_label_a_b"),
        ] {
            let error = plan(text).err().unwrap_or_else(|| panic!("{text} is taken"));
            assert_eq!(error.key, key, "{text}: {error}");
            assert!(error.message.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn unknown_words_are_refused() {
        for text in ["kinds = ['node']", "presets = ['consul']", "namespace = 'a'", "passphrase_refs = [{ secret = 'a' }]"] {
            assert!(toml::from_str::<KubernetesSettings>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn presets_add_kinds_and_keys() {
        use Kind::*;
        for (text, kinds, keys) in [
            ("", &[Secret][..], &[("tls.crt", true), ("cacert", false), ("crt.pem", true)][..]),
            ("presets = ['cert-manager']", &[Secret, Certificate], &[("tls.crt", true)]),
            ("presets = ['istio']", &[Secret], &[("cacert", true), ("cert", true), ("root-cert.pem", true), ("ca-key.pem", false)]),
            ("presets = ['linkerd']\nsecret_keys = ['a']", &[Secret], &[("crt.pem", true), ("tls.crt", true), ("ca.crt", false)]),
            ("presets = ['nginx-ingress']\nsecret_keys = ['a']", &[Secret, Ingress], &[("ca.crt", true), ("ca.crl", true)]),
            ("presets = ['cert-manager']\nkinds = ['configmap']", &[Configmap, Certificate], &[]),
        ] {
            let plan = plan(text).unwrap();
            assert_eq!(plan.kinds, kinds.iter().copied().collect(), "{text}");
            for (key, expected) in keys {
                assert_eq!(plan.secret_keys.find(key).is_some(), *expected, "{text} {key}");
            }
        }
    }

    #[test]
    fn relative_paths_start_at_the_configuration() {
        let plan = plan("kubeconfig = 'kube/config'\ncontext = 'prod'").unwrap();
        assert_eq!(plan.api.kubeconfig.as_deref(), Some(Path::new("/etc/notafter/kube/config")));
        assert_eq!(KubernetesSettings::default(), toml::from_str("").unwrap());
    }
}
