//! Settings to sources: which lists and watches there are, and who handles what they bring.
//!
//! May touch: `model`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::api::{Api, Feed, Feeds, Handler, Scope};
use super::keys::Keys;
use super::objects::bundle::Bundles;
use super::objects::certmanager::{CertificateRequests, Certificates};
use super::objects::configmap::ConfigMaps;
use super::objects::csr::Requests;
use super::objects::held::Held;
use super::objects::namespace::Namespaces;
use super::objects::passphrases::KeystorePassphrases;
use super::objects::pod::Pods;
use super::objects::route::Routes;
use super::objects::scoped;
use super::objects::secret::Secrets;
use super::objects::values::Values;
use super::objects::{Plain, Subject};
use super::presets::{Kind, Preset};
use super::settings::Plan;
use super::surroundings::{Changes, Surroundings};
use super::watching::{Consumer, Watching};
use crate::model::{BundleKind, KubeResource, SourceKind};
use crate::source::Built;

/// Types of Secrets that hold no certificates.
const OTHER_TYPES: &[&str] = &[
    "helm.sh/release.v1",
    "kubernetes.io/service-account-token",
    "kubernetes.io/dockercfg",
    "kubernetes.io/dockerconfigjson",
    "kubernetes.io/basic-auth",
    "kubernetes.io/ssh-auth",
    "bootstrap.kubernetes.io/token",
];

/// Pods that have run to their end: they use nothing, and there may be very many.
const FINISHED: [&str; 2] = ["status.phase!=Succeeded", "status.phase!=Failed"];

/// What is listed and watched, by the engine's sources.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Scopes {
    pub secrets: Vec<Scope>,
    pub configmaps: Vec<Scope>,
    pub bundles: Vec<Scope>,
    pub csrs: Vec<Scope>,
    pub certificates: Vec<Scope>,
    pub requests: Vec<Scope>,
    pub routes: Vec<Scope>,
    pub pods: Vec<Scope>,
    pub namespaces: Vec<Scope>,
}

impl Scopes {
    pub fn new(plan: &Plan) -> Self {
        let has = |kind: Kind| plan.kinds.contains(&kind);
        let when = |kind: Kind, scopes: Vec<Scope>| if has(kind) { scopes } else { Vec::new() };
        let mut bundles = when(Kind::Webhook, vec![whole(KubeResource::MutatingWebhooks), whole(KubeResource::ValidatingWebhooks)]);
        bundles.extend(when(Kind::ApiService, vec![whole(KubeResource::ApiServices)]));
        bundles.extend(when(Kind::Crd, vec![whole(KubeResource::Crds)]));
        let mut routes = when(Kind::Ingress, namespaced(plan, KubeResource::Ingresses, &[]));
        routes.extend(when(Kind::Gateway, namespaced(plan, KubeResource::Gateways, &[])));
        if plan.presets.iter().any(|preset| preset.reads_istio_gateways()) {
            routes.extend(namespaced(plan, KubeResource::IstioGateways, &[]));
        }
        let secrets = when(Kind::Secret, secrets(plan));
        let configmaps = configmaps(plan);
        let asks = !secrets.is_empty() && plan.secret_owner.reads_namespaces()
            || !configmaps.is_empty() && plan.configmap_owner.reads_namespaces();
        Self {
            bundles,
            routes,
            configmaps,
            pods: when(Kind::Pod, namespaced(plan, KubeResource::Pods, &FINISHED.map(str::to_owned))),
            csrs: when(Kind::Csr, vec![whole(KubeResource::Csrs)]),
            certificates: when(Kind::Certificate, namespaced(plan, KubeResource::Certificates, &[])),
            // Beside their Secrets they would be shown twice.
            requests: if has(Kind::Secret) {
                Vec::new()
            } else {
                when(Kind::Certificate, namespaced(plan, KubeResource::CertificateRequests, &[]))
            },
            secrets,
            namespaces: if asks || plan.namespace_selector.is_some() { namespaces(plan) } else { Vec::new() },
        }
    }
}

fn whole(resource: KubeResource) -> Scope {
    Scope { resource, namespace: None, field_selector: None, label_selector: None }
}

/// One scope for each namespace, or one for all of them.
fn namespaced(plan: &Plan, resource: KubeResource, fields: &[String]) -> Vec<Scope> {
    let joined = |fields: Vec<String>| (!fields.is_empty()).then(|| fields.join(","));
    if plan.namespaces.is_empty() {
        let excluded = plan.exclude_namespaces.iter().map(|name| format!("metadata.namespace!={name}"));
        return vec![Scope { field_selector: joined(fields.iter().cloned().chain(excluded).collect()), ..whole(resource) }];
    }
    let of =
        |namespace: &Arc<str>| Scope { namespace: Some(Arc::clone(namespace)), field_selector: joined(fields.to_vec()), ..whole(resource) };
    plan.namespaces.iter().map(of).collect()
}

fn labelled(plan: &Plan, mut scopes: Vec<Scope>) -> Vec<Scope> {
    for scope in &mut scopes {
        scope.label_selector = plan.label_selector.as_ref().map(ToString::to_string);
    }
    scopes
}

fn secrets(plan: &Plan) -> Vec<Scope> {
    let scopes = if plan.secret_types.is_empty() {
        let others: Vec<String> = OTHER_TYPES.iter().map(|kind| format!("type!={kind}")).collect();
        namespaced(plan, KubeResource::Secrets, &others)
    } else {
        plan.secret_types.iter().flat_map(|kind| namespaced(plan, KubeResource::Secrets, &[format!("type={kind}")])).collect()
    };
    labelled(plan, scopes)
}

fn configmaps(plan: &Plan) -> Vec<Scope> {
    if plan.kinds.contains(&Kind::Configmap) {
        return labelled(plan, namespaced(plan, KubeResource::Configmaps, &[]));
    }
    let names = plan.presets.iter().filter_map(|preset| preset.configmap());
    names.flat_map(|(name, _)| namespaced(plan, KubeResource::Configmaps, &[format!("metadata.name={name}")])).collect()
}

fn namespaces(plan: &Plan) -> Vec<Scope> {
    let label_selector = plan.namespace_selector.as_ref().map(ToString::to_string);
    if plan.namespaces.is_empty() {
        return vec![Scope { label_selector, ..whole(KubeResource::Namespaces) }];
    }
    let of = |name: &Arc<str>| Scope { field_selector: Some(format!("metadata.name={name}")), ..whole(KubeResource::Namespaces) };
    plan.namespaces.iter().map(of).collect()
}

/// Every source of the table.
pub(super) fn sources(plan: Plan) -> Built {
    let scopes = Scopes::new(&plan);
    let only_presets = !plan.kinds.contains(&Kind::Configmap);
    // Who is told of changes: those who show what others know.
    let consumer = |scopes: &[Scope], tellers: &[&[Scope]]| {
        (!scopes.is_empty() && tellers.iter().any(|teller| !teller.is_empty())).then(Arc::<Changes>::default)
    };
    let of_secrets = consumer(&scopes.secrets, &[&scopes.namespaces, &scopes.routes, &scopes.pods, &scopes.certificates, &scopes.bundles]);
    let of_configmaps = consumer(&scopes.configmaps, &[&scopes.namespaces, &scopes.pods]);
    let of_certificates = consumer(&scopes.certificates, &[&scopes.namespaces]);
    let tellers = [
        (SourceKind::KubeNamespace, &scopes.namespaces),
        (SourceKind::KubeRoute, &scopes.routes),
        (SourceKind::KubePod, &scopes.pods),
        (SourceKind::KubeCabundle, &scopes.bundles),
        (SourceKind::KubeCertificate, &scopes.certificates),
    ];
    let awaited = tellers.iter().filter(|(_, scopes)| !scopes.is_empty()).map(|(kind, _)| *kind).collect();
    let consumers = [&of_secrets, &of_configmaps, &of_certificates].into_iter().flatten().cloned().collect();
    let surroundings = Arc::new(Surroundings::new(consumers, awaited, plan.namespace_selector.is_some()));
    let api = Arc::new(Api::new(plan.api));
    let passphrases = Arc::new(KeystorePassphrases::new(Arc::clone(&api), plan.passphrase_refs, plan.passphrases));
    let tells_labels = vec![Arc::new(plan.secret_owner), Arc::new(plan.configmap_owner)];
    let [secret_owner, configmap_owner] = [0, 1].map(|at| Arc::clone(&tells_labels[at]));

    let mut built: Built = Vec::new();
    let mut add = |kind: SourceKind, feeds: Vec<(Scope, Arc<dyn Handler>)>, subject: Arc<dyn Subject>, consumer: Option<Consumer>| {
        if !feeds.is_empty() {
            let feeds = feeds.into_iter().map(|(scope, handler)| Feed::new(Arc::clone(&api), scope, handler)).collect();
            built.push((kind, Box::new(Watching::new(kind, Feeds::new(feeds), subject, Arc::clone(&surroundings), consumer)) as _));
        }
    };
    // What of others goes on at the same time.
    let consumer = |changes: Option<Arc<Changes>>, handler: &Arc<dyn Handler>, relist: &[Scope]| {
        let (api, handler, relist) = (Arc::clone(&api), Arc::clone(handler), relist.to_vec());
        changes.map(|changes| Consumer { changes, api, handler, relist })
    };
    let each = |scopes: Vec<Scope>, handler: Arc<dyn Handler>| -> Vec<(Scope, Arc<dyn Handler>)> {
        scopes.into_iter().map(|scope| (scope, Arc::clone(&handler))).collect()
    };

    let secrets = Arc::new(Values {
        flavour: Secrets(Arc::clone(&passphrases)),
        keys: plan.secret_keys,
        owner: secret_owner,
        annotation_selector: plan.annotation_selector.clone(),
        surroundings: Arc::clone(&surroundings),
        held: Held::default(),
        inherits: AtomicBool::new(false),
    });
    let handler: Arc<dyn Handler> = Arc::clone(&secrets) as _;
    let told = consumer(of_secrets, &handler, &scopes.secrets);
    add(SourceKind::KubeSecret, scoped::each(&secrets, scopes.secrets), secrets, told);

    let configmaps = Arc::new(Values {
        flavour: ConfigMaps(passphrases),
        keys: if only_presets { preset_keys(&plan.presets) } else { plan.configmap_keys },
        owner: configmap_owner,
        annotation_selector: plan.annotation_selector.filter(|_| !only_presets),
        surroundings: Arc::clone(&surroundings),
        held: Held::default(),
        inherits: AtomicBool::new(false),
    });
    let handler: Arc<dyn Handler> = Arc::clone(&configmaps) as _;
    let told = consumer(of_configmaps, &handler, &scopes.configmaps);
    add(SourceKind::KubeConfigmap, scoped::each(&configmaps, scopes.configmaps), configmaps, told);

    let bundles = scopes.bundles.into_iter().map(|scope| {
        let kind = match scope.resource {
            KubeResource::MutatingWebhooks => BundleKind::MutatingWebhook,
            KubeResource::ValidatingWebhooks => BundleKind::ValidatingWebhook,
            KubeResource::ApiServices => BundleKind::ApiService,
            _ => BundleKind::Crd,
        };
        (scope, Arc::new(Bundles::new(kind, Arc::clone(&surroundings))) as Arc<dyn Handler>)
    });
    add(SourceKind::KubeCabundle, bundles.collect(), Arc::new(Plain), None);
    add(SourceKind::KubeCsr, each(scopes.csrs, Arc::new(Requests)), Arc::new(Plain), None);

    let certificates = Arc::new(Certificates::new(!scopes.requests.is_empty(), Arc::clone(&surroundings)));
    let handler: Arc<dyn Handler> = Arc::clone(&certificates) as _;
    let told = consumer(of_certificates, &handler, &scopes.certificates);
    let mut feeds = each(scopes.certificates, handler);
    feeds.extend(each(scopes.requests, Arc::new(CertificateRequests(Arc::clone(&certificates)))));
    add(SourceKind::KubeCertificate, feeds, certificates, told);

    let routes = scopes.routes.into_iter().map(|scope| {
        let handler = Arc::new(Routes { resource: scope.resource, surroundings: Arc::clone(&surroundings) });
        (scope, handler as Arc<dyn Handler>)
    });
    add(SourceKind::KubeRoute, routes.collect(), Arc::new(Plain), None);

    let pods = Arc::new(Pods::new(Arc::clone(&surroundings)));
    add(SourceKind::KubePod, each(scopes.pods, Arc::clone(&pods) as _), pods, None);

    let namespaces = Arc::new(Namespaces { wanted: tells_labels, surroundings: Arc::clone(&surroundings) });
    add(SourceKind::KubeNamespace, each(scopes.namespaces, Arc::clone(&namespaces) as _), namespaces, None);
    built
}

/// The keys that presets look for in the ConfigMaps that they name; these are literal and always compile.
fn preset_keys(presets: &std::collections::BTreeSet<Preset>) -> Keys {
    let keys: Vec<&str> = presets.iter().filter_map(|preset| preset.configmap()).map(|(_, key)| key).collect();
    Keys::new(&keys).unwrap_or_default()
}

/// One Secret alone.
pub(super) fn one_secret(plan: Plan, name: &str) -> Built {
    let api = Arc::new(Api::new(plan.api.clone()));
    let scopes = namespaced(&plan, KubeResource::Secrets, &[format!("metadata.name={name}")]);
    let surroundings = Arc::new(Surroundings::new(Vec::new(), Vec::new(), false));
    let secrets = Arc::new(Values {
        flavour: Secrets(Arc::new(KeystorePassphrases::new(Arc::clone(&api), plan.passphrase_refs, plan.passphrases))),
        keys: plan.secret_keys,
        owner: Arc::new(plan.secret_owner),
        annotation_selector: None,
        surroundings: Arc::clone(&surroundings),
        held: Held::default(),
        inherits: AtomicBool::new(false),
    });
    let feeds = scopes.into_iter().map(|scope| Feed::new(Arc::clone(&api), scope, Arc::clone(&secrets) as _)).collect();
    let watching = Watching::new(SourceKind::KubeSecret, Feeds::new(feeds), Arc::clone(&secrets) as _, surroundings, None);
    let place = plan.namespaces.first().map_or(String::new(), |namespace| format!("{namespace}/"));
    let missing = format!("k8s://{place}{name}: there is no such Secret, or none of its keys is to be looked at");
    let watching = watching.that_must_find(move || if secrets.held.is_empty() { Err(missing.clone()) } else { Ok(()) });
    vec![(SourceKind::KubeSecret, Box::new(watching))]
}
