//! Objects as an API server writes them, and what comes of them.

mod certificates;
mod clusterwide;
mod pods;
mod routes;
mod secrets;
mod served;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::api::Handler;
use super::objects::configmap::ConfigMaps;
use super::objects::held::Held;
use super::objects::passphrases::KeystorePassphrases;
use super::objects::secret::Secrets;
use super::objects::values::Values;
use super::surroundings::{Changes, Surroundings};
use super::{Api, KubernetesSettings, scopes};
use crate::model::clock::SystemClock;
use crate::model::{Circumstances, Failure, Labels, Material, Observation, Place, Reason, ScanContext, Shard, Sink, Stage, Stamp};

/// What is known of a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub bytes: Vec<u8>,
    pub failure: Option<(Stage, Reason)>,
    pub labels: Vec<(String, String)>,
    pub uses: Vec<String>,
    pub due: Option<i64>,
    pub certificate: Option<String>,
    pub passphrases: Vec<String>,
    /// So often handed over with bytes.
    pub reads: usize,
    stamp: Option<Stamp>,
}

/// Keeps what an engine would.
#[derive(Default)]
pub(super) struct Recording {
    pub known: Mutex<BTreeMap<Place, Seen>>,
    pub errors: Mutex<Vec<(Reason, String)>>,
    pub shard: Shard,
}

impl Seen {
    fn describe(&mut self, labels: Option<Arc<Labels>>, circumstances: Option<Arc<Circumstances>>) {
        self.labels = labels.iter().flat_map(|labels| &labels.0).map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let told = circumstances.map(|told| (*told).clone()).unwrap_or_default();
        self.uses = told.used_by.iter().map(|one| format!("{} {} {}", one.kind, one.name, one.host)).collect();
        self.due = told.renewal_due.map(|at| at.secs());
        self.certificate = told.certificate.map(Into::into);
    }
}

impl Sink for Recording {
    fn observed(&self, observation: Observation) {
        assert!(self.shard.holds(&observation.place), "not ours: {}", observation.place);
        let mut known = self.known.lock().unwrap();
        let seen = known.entry(observation.place).or_default();
        if let Some(Material::Blob { bytes, passphrases }) = observation.material {
            seen.bytes = bytes;
            seen.passphrases = passphrases.iter().map(|secret| secret.0.clone()).collect();
            seen.reads += 1;
        }
        seen.stamp = observation.stamp.filter(|_| observation.failure.is_none());
        seen.failure = observation.failure.map(|failure| (failure.stage, failure.reason));
        seen.describe(observation.labels, observation.circumstances);
    }

    fn source_error(&self, failure: Failure) {
        self.errors.lock().unwrap().push((failure.reason, failure.detail.to_string()));
    }

    fn is_unchanged(&self, place: &Place, stamp: Stamp) -> bool {
        self.known.lock().unwrap().get(place).is_some_and(|seen| seen.stamp == Some(stamp))
    }

    fn each_known(&self, visit: &mut dyn FnMut(&Place)) {
        let places: Vec<Place> = self.known.lock().unwrap().keys().cloned().collect();
        places.iter().for_each(visit);
    }

    fn is_ours(&self, place: &Place) -> bool {
        self.shard.holds(place)
    }

    fn described(&self, place: &Place, labels: Option<Arc<Labels>>, circumstances: Option<Arc<Circumstances>>) {
        if let Some(seen) = self.known.lock().unwrap().get_mut(place) {
            seen.describe(labels, circumstances);
        }
    }

    fn gone(&self, place: &Place) {
        self.known.lock().unwrap().remove(place);
    }

    fn retain(&self, is_kept: &mut dyn FnMut(&Place) -> bool) {
        self.known.lock().unwrap().retain(|place, _| is_kept(place));
    }

    fn is_over(&self) -> bool {
        false
    }
}

impl Recording {
    pub fn context(self: &Arc<Self>) -> ScanContext {
        let sink = Arc::clone(self) as Arc<dyn Sink>;
        ScanContext { sink, clock: Arc::new(SystemClock::new()), started_at: SystemTime::UNIX_EPOCH, timeout: Duration::from_secs(1) }
    }

    /// Every known place, with the reason why it fails.
    pub fn shown(&self) -> Vec<String> {
        let known = self.known.lock().unwrap();
        let words = known.iter().map(|(place, seen)| match seen.failure {
            Some((stage, reason)) => format!("{place}: {stage} {reason}"),
            None => place.to_string(),
        });
        words.collect()
    }

    /// What is known of the one place whose name ends so.
    pub fn seen(&self, end: &str) -> Seen {
        let known = self.known.lock().unwrap();
        let found = known.iter().find(|(place, _)| place.to_string().ends_with(end));
        found.unwrap_or_else(|| panic!("{end} is not known: {:?}", known.keys())).1.clone()
    }

    pub fn reads(&self) -> usize {
        self.known.lock().unwrap().values().map(|seen| seen.reads).sum()
    }
}

/// Handlers of one table, without a server.
pub(super) struct Table {
    pub sink: Arc<Recording>,
    pub cx: ScanContext,
    pub surroundings: Arc<Surroundings>,
    pub changes: Arc<Changes>,
    pub secrets: Values<Secrets>,
    pub configmaps: Values<ConfigMaps>,
}

impl Table {
    pub fn new(toml: &str) -> Self {
        Self::with(toml, Recording::default())
    }

    pub fn with(toml: &str, recording: Recording) -> Self {
        let plan = toml::from_str::<KubernetesSettings>(toml).unwrap().plan(Path::new("/")).unwrap();
        let changes = Arc::<Changes>::default();
        let surroundings = Arc::new(Surroundings::new(vec![Arc::clone(&changes)], Vec::new(), plan.namespace_selector.is_some()));
        let passphrases = KeystorePassphrases::new(Arc::new(Api::new(plan.api)), plan.passphrase_refs, plan.passphrases);
        let passphrases = Arc::new(passphrases);
        let sink = Arc::new(recording);
        Self {
            cx: sink.context(),
            sink,
            secrets: Values {
                flavour: Secrets(Arc::clone(&passphrases)),
                keys: plan.secret_keys,
                owner: Arc::new(plan.secret_owner),
                annotation_selector: plan.annotation_selector.clone(),
                surroundings: Arc::clone(&surroundings),
                held: Held::default(),
                inherits: false.into(),
            },
            configmaps: Values {
                flavour: ConfigMaps(passphrases),
                keys: plan.configmap_keys,
                owner: Arc::new(plan.configmap_owner),
                annotation_selector: plan.annotation_selector,
                surroundings: Arc::clone(&surroundings),
                held: Held::default(),
                inherits: false.into(),
            },
            surroundings,
            changes,
        }
    }
}

/// A Secret: `metadata` beside namespace and name, and the entries of `data` as they are written.
pub(super) fn secret(name: &str, metadata: &str, data: &[(&str, &str)]) -> String {
    let data: Vec<String> = data.iter().map(|(key, value)| format!(r#""{key}":"{value}""#)).collect();
    let data = data.join(",");
    format!(
        r#"{{"apiVersion":"v1","data":{{{data}}},"kind":"Secret","metadata":{{"namespace":"a","name":"{name}"{metadata}}},"type":"Opaque"}}"#
    )
}

pub(super) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// As a feed does when a list has ended.
pub(super) fn vanish(handler: &dyn Handler, numbers: &[Option<u64>], cx: &ScanContext) {
    handler.vanished(&numbers.iter().flatten().copied().collect::<HashSet<u64>>(), cx);
}

#[test]
fn a_table_makes_one_source_for_each_group_of_kinds() {
    let every = "kinds = ['secret', 'configmap', 'webhook', 'api_service', 'crd', 'csr', 'certificate', 'ingress', 'gateway', 'pod']";
    for (toml, expected) in [
        ("", &["kube-secret"][..]),
        ("kinds = ['configmap']", &["kube-configmap"]),
        ("presets = ['istio']", &["kube-secret", "kube-configmap", "kube-route"]),
        ("presets = ['linkerd']", &["kube-secret", "kube-configmap"]),
        ("presets = ['nginx-ingress']", &["kube-secret", "kube-route"]),
        ("presets = ['cert-manager']", &["kube-secret", "kube-certificate"]),
        ("namespace_selector = 'a'", &["kube-secret", "kube-namespace"]),
        ("labels_from = { team = ['namespace_label:team'] }", &["kube-secret", "kube-namespace"]),
        ("labels_from = { team = ['label:team'] }", &["kube-secret"]),
        ("kinds = ['pod']", &["kube-pod"]),
        ("kinds = ['csr']\nlabels_from = { team = ['namespace_label:team'] }", &["kube-csr"]),
        (every, &["kube-secret", "kube-configmap", "kube-cabundle", "kube-csr", "kube-certificate", "kube-route", "kube-pod"]),
    ] {
        use crate::source::Settings;
        let built = toml::from_str::<KubernetesSettings>(toml).unwrap().build(&Default::default()).unwrap();
        let kinds: Vec<&str> = built.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, expected, "{toml}");
    }
}

#[test]
fn selection_happens_on_the_server_where_it_can() {
    let scopes = |toml: &str| {
        let plan = toml::from_str::<KubernetesSettings>(toml).unwrap().plan(Path::new("/")).unwrap();
        let scopes = scopes::Scopes::new(&plan);
        let all = [
            scopes.secrets,
            scopes.configmaps,
            scopes.bundles,
            scopes.csrs,
            scopes.certificates,
            scopes.requests,
            scopes.routes,
            scopes.pods,
            scopes.namespaces,
        ];
        let shown = |scope: super::api::Scope| {
            let part = |name: &str, value: Option<&str>| value.map(|value| format!(" {name} {value}")).unwrap_or_default();
            let parts = [
                part("in", scope.namespace.as_deref()),
                part("where", scope.field_selector.as_deref()),
                part("with", scope.label_selector.as_deref()),
            ];
            format!("{}{}", scope.resource, parts.concat())
        };
        all.into_iter().flatten().map(shown).collect::<Vec<_>>()
    };
    let others = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token,type!=kubernetes.io/dockercfg,\
        type!=kubernetes.io/dockerconfigjson,type!=kubernetes.io/basic-auth,type!=kubernetes.io/ssh-auth,type!=bootstrap.kubernetes.io/token";
    for (toml, expected) in [
        ("", vec![format!("secrets where {others}")]),
        ("namespaces = ['a', 'b']", vec![format!("secrets in a where {others}"), format!("secrets in b where {others}")]),
        (
            "exclude_namespaces = ['x', 'y']\nkinds = ['ingress']",
            vec!["ingresses where metadata.namespace!=x,metadata.namespace!=y".to_owned()],
        ),
        (
            "secret_types = ['Opaque', 'kubernetes.io/tls']\nlabel_selector = 'app in (x)'\nnamespaces = ['a']",
            vec!["secrets in a where type=Opaque with app=x".to_owned(), "secrets in a where type=kubernetes.io/tls with app=x".to_owned()],
        ),
        (
            "kinds = ['configmap']\npresets = ['linkerd']\nlabel_selector = 'x'\nnamespace_selector = 'team'",
            vec!["configmaps with x".to_owned(), "namespaces with team".to_owned()],
        ),
        (
            "kinds = ['csr']\npresets = ['istio']\nnamespaces = ['a']\nlabel_selector = 'x'",
            vec!["configmaps in a where metadata.name=istio-ca-root-cert", "certificatesigningrequests", "istio_gateways in a"]
                .into_iter()
                .map(str::to_owned)
                .collect(),
        ),
        (
            "exclude_namespaces = ['x']\nkinds = ['pod']\nlabel_selector = 'x'",
            vec!["pods where status.phase!=Succeeded,status.phase!=Failed,metadata.namespace!=x".to_owned()],
        ),
        ("kinds = ['certificate']", vec!["certificates".to_owned(), "certificaterequests".to_owned()]),
        (
            "kinds = ['gateway', 'webhook', 'crd', 'api_service']",
            ["mutatingwebhookconfigurations", "validatingwebhookconfigurations", "apiservices", "customresourcedefinitions", "gateways"]
                .map(str::to_owned)
                .to_vec(),
        ),
        (
            "kinds = ['configmap']\nnamespaces = ['a']\nlabels_from = { team = ['namespace_annotation:x/y'] }",
            vec!["configmaps in a".to_owned(), "namespaces where metadata.name=a".to_owned()],
        ),
    ] {
        assert_eq!(scopes(toml), expected, "{toml}");
    }
}
