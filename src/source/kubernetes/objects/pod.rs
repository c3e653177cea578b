//! Pods: which Secrets and ConfigMaps are used, told by what the Pods belong to. They have no certificates of their own.
//!
//! May touch: `model`. Of a Pod two numbers are kept: its own, and that of what it uses as whose.
//!
//! Pods come and go with each rollout, their controllers do not. So the user is the Deployment, the StatefulSet …, for as long as one Pod of it is there.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Subject, identity, null_is_empty, number, unreadable};
use crate::model::{ScanContext, Use};
use crate::source::kubernetes::api::Handler;
use crate::source::kubernetes::owner::shortened;
use crate::source::kubernetes::settings::is_object_name;
use crate::source::kubernetes::surroundings::{Surroundings, Used};

const WHAT: &str = "Pod";
/// The most Secrets and ConfigMaps that one Pod is said to use.
const USED: usize = 256;
/// How the volume's name begins that the API server adds to every Pod: what is in it would be used by everything.
const OF_THE_SERVER: &str = "kube-api-access-";
/// The ConfigMaps in that volume: the cluster's own, and what OpenShift adds.
const IN_IT: [&str; 2] = ["kube-root-ca.crt", "openshift-service-ca.crt"];
/// A CronJob's Jobs are called after the minute (formerly the second) for which they are due, counted from 1970: 8 digits since 1989.
const DUE_DIGITS: usize = 8;

/// Handles Pods.
pub struct Pods {
    surroundings: Arc<Surroundings>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By Pod: the user, which is a controller together with what its Pods use.
    users: HashMap<u64, u64>,
    /// By user: how many Pods it has.
    pods: HashMap<u64, u32>,
}

#[derive(Deserialize)]
struct Pod {
    metadata: Metadata,
    #[serde(default, deserialize_with = "null_is_empty")]
    spec: Spec,
    #[serde(default, deserialize_with = "null_is_empty")]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default, deserialize_with = "null_is_empty")]
    namespace: String,
    name: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    labels: Templates,
    #[serde(default, deserialize_with = "null_is_empty")]
    owner_references: Vec<OwnerReference>,
}

/// The labels that say what a ReplicaSet's name ends in.
#[derive(Default, Deserialize)]
struct Templates {
    #[serde(rename = "pod-template-hash", default, deserialize_with = "null_is_empty")]
    deployment: String,
    /// Argo Rollouts.
    #[serde(rename = "rollouts-pod-template-hash", default, deserialize_with = "null_is_empty")]
    rollout: String,
}

#[derive(Deserialize)]
struct OwnerReference {
    kind: String,
    name: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    controller: bool,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default, deserialize_with = "null_is_empty")]
    phase: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default, deserialize_with = "null_is_empty")]
    volumes: Vec<Volume>,
    #[serde(default, deserialize_with = "null_is_empty")]
    containers: Vec<Container>,
    #[serde(default, deserialize_with = "null_is_empty")]
    init_containers: Vec<Container>,
    /// Those that `kubectl debug` adds to a running Pod.
    #[serde(default, deserialize_with = "null_is_empty")]
    ephemeral_containers: Vec<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    #[serde(default, deserialize_with = "null_is_empty")]
    name: String,
    #[serde(default)]
    secret: Option<Reference>,
    #[serde(default)]
    config_map: Option<Reference>,
    #[serde(default)]
    projected: Option<Projected>,
}

#[derive(Deserialize)]
struct Projected {
    #[serde(default, deserialize_with = "null_is_empty")]
    sources: Vec<Projection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Projection {
    #[serde(default)]
    secret: Option<Reference>,
    #[serde(default)]
    config_map: Option<Reference>,
    #[serde(default)]
    service_account_token: Option<IgnoredAny>,
    #[serde(default, rename = "downwardAPI")]
    downward_api: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    #[serde(default, deserialize_with = "null_is_empty")]
    env: Vec<Variable>,
    #[serde(default, deserialize_with = "null_is_empty")]
    env_from: Vec<Variables>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variable {
    #[serde(default)]
    value_from: Option<KeyOf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyOf {
    #[serde(default)]
    secret_key_ref: Option<Reference>,
    #[serde(default)]
    config_map_key_ref: Option<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variables {
    #[serde(default)]
    secret_ref: Option<Reference>,
    #[serde(default)]
    config_map_ref: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    /// A volume of a Secret has its own word for it.
    #[serde(alias = "secretName", default, deserialize_with = "null_is_empty")]
    name: String,
}

impl Volume {
    /// Whether the API server has added it: by its name and by all that is in it, since a Pod's author may choose the same name.
    fn is_of_the_server(&self) -> bool {
        let Some(Projected { sources }) = &self.projected else { return false };
        let count = |holds: fn(&Projection) -> bool| sources.iter().filter(|source| holds(source)).count();
        let configmaps = || sources.iter().filter_map(|source| source.config_map.as_ref()).map(|reference| &*reference.name);
        self.name.starts_with(OF_THE_SERVER)
            && self.secret.is_none()
            && self.config_map.is_none()
            && count(|source| source.secret.is_some()) == 0
            && count(|source| source.service_account_token.is_some()) == 1
            && count(|source| source.downward_api.is_some()) == 1
            && configmaps().any(|name| name == IN_IT[0])
            && configmaps().all(|name| IN_IT.contains(&name))
    }
}

impl Pod {
    /// One that has run to its end uses nothing any more.
    fn is_finished(&self) -> bool {
        matches!(&*self.status.phase, "Succeeded" | "Failed")
    }

    /// Kind and name of what the Pod belongs to, the same over rollouts.
    fn user(&self) -> (&str, &str) {
        let Metadata { name, labels, owner_references: owners, .. } = &self.metadata;
        let Some(owner) = owners.iter().find(|owner| owner.controller).or(owners.first()) else { return ("Pod", name) };
        let stem = |end: &str| owner.name.strip_suffix(end)?.strip_suffix('-').filter(|stem| !stem.is_empty() && !end.is_empty());
        match &*owner.kind {
            "ReplicaSet" => match (stem(&labels.deployment), stem(&labels.rollout)) {
                (Some(deployment), _) => ("Deployment", deployment),
                (None, Some(rollout)) => ("Rollout", rollout),
                (None, None) => ("ReplicaSet", &owner.name),
            },
            "Job" => match owner.name.rsplit_once('-') {
                Some((stem, due)) if due.len() >= DUE_DIGITS && due.bytes().all(|byte| byte.is_ascii_digit()) => ("CronJob", stem),
                _ => ("Job", &owner.name),
            },
            kind => (kind, &owner.name),
        }
    }

    /// What it mounts and what its containers have in their environment, with whose it is.
    fn uses(&self) -> Vec<(Used, Use)> {
        if self.is_finished() {
            return Vec::new();
        }
        fn name(reference: &Option<Reference>) -> Option<&str> {
            reference.as_ref().map(|reference| &*reference.name)
        }
        let volumes = self.spec.volumes.iter().filter(|volume| !volume.is_of_the_server()).flat_map(|volume| {
            let projected = volume.projected.iter().flat_map(|projected| &projected.sources);
            let projected = projected.map(|source| (name(&source.secret), name(&source.config_map)));
            projected.chain([(name(&volume.secret), name(&volume.config_map))])
        });
        let Spec { containers, init_containers, ephemeral_containers, .. } = &self.spec;
        let environment = init_containers.iter().chain(containers).chain(ephemeral_containers).flat_map(|container| {
            let keys = container.env.iter().filter_map(|variable| variable.value_from.as_ref());
            let keys = keys.map(|key| (name(&key.secret_key_ref), name(&key.config_map_key_ref)));
            keys.chain(container.env_from.iter().map(|all| (name(&all.secret_ref), name(&all.config_map_ref))))
        });
        let names = volumes.chain(environment).flat_map(|(secret, configmap)| [(false, secret), (true, configmap)]);
        let named = names.filter_map(|(is_configmap, name)| name.filter(|name| is_object_name(name)).map(|name| (is_configmap, name)));
        // Sorted, so that of too many always the same ones are named; Secrets come first.
        let sorted: BTreeSet<(bool, &str)> = named.collect();
        let namespace: Arc<str> = self.metadata.namespace.as_str().into();
        let (kind, user) = self.user();
        let user = Use { kind: shortened(kind), name: shortened(&format!("{namespace}/{user}")), host: "".into() };
        let used = |is_configmap: bool| if is_configmap { Used::ConfigMap } else { Used::Secret };
        let uses = sorted.into_iter().take(USED);
        uses.map(|(is_configmap, name)| (used(is_configmap)((Arc::clone(&namespace), name.into())), user.clone())).collect()
    }
}

impl Pods {
    /// None is known yet.
    pub fn new(surroundings: Arc<Surroundings>) -> Self {
        Self { surroundings, known: Mutex::default() }
    }

    fn number(namespace: &str, name: &str) -> u64 {
        number(WHAT, namespace, name)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A Pod uses this now; nothing: it is no more.
    fn set(&self, pod: u64, uses: Vec<(Used, Use)>) {
        let user = (!uses.is_empty()).then(|| {
            let mut hasher = DefaultHasher::new();
            ("users of objects", &uses).hash(&mut hasher);
            hasher.finish()
        });
        // Held until the surroundings know: they must be told in the order in which it happens.
        let mut known = self.known();
        let before = match user {
            Some(user) => known.users.insert(pod, user),
            None => known.users.remove(&pod),
        };
        if before == user {
            return;
        }
        // The new one first: what both use does not go in between.
        if let Some(user) = user {
            let pods = known.pods.entry(user).or_default();
            *pods += 1;
            if *pods == 1 {
                self.surroundings.set_uses(user, uses);
            }
        }
        if let Some(before) = before
            && let Some(pods) = known.pods.get_mut(&before)
        {
            *pods -= 1;
            if *pods == 0 {
                known.pods.remove(&before);
                self.surroundings.set_uses(before, Vec::new());
            }
        }
    }
}

impl Handler for Pods {
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        match serde_json::from_slice::<Pod>(json) {
            Ok(pod) => {
                let (number, uses) = (Self::number(&pod.metadata.namespace, &pod.metadata.name), pod.uses());
                let is_user = !uses.is_empty();
                self.set(number, uses);
                is_user.then_some(number)
            }
            Err(error) => {
                cx.source_error(unreadable(WHAT, json, &error));
                // What was known of it stays.
                identity(json).map(|name| Self::number(&name.namespace, &name.name))
            }
        }
    }

    fn deleted(&self, json: &[u8], _: &ScanContext) -> Option<u64> {
        let name = identity(json)?;
        let number = Self::number(&name.namespace, &name.name);
        self.set(number, Vec::new());
        Some(number)
    }

    fn vanished(&self, gone: &HashSet<u64>, _: &ScanContext) {
        for pod in gone {
            self.set(*pod, Vec::new());
        }
    }
}

impl Subject for Pods {}
