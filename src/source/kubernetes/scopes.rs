//! Settings to sources: which lists and watches there are, and who handles what they bring.
//!
//! May touch: `model`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::api::{Api, Feed, Feeds, Handler, Scope};
use super::keys::Keys;
use super::objects::bundle::Bundles;
use super::objects::certmanager::{CertificateRequests, Certificates};
use super::objects::configmap::ConfigMaps;
use super::objects::csr::Requests;
use super::objects::held::Held;
use super::objects::namespace::Namespaces;
use super::objects::passphrases::Usual;
use super::objects::route::Routes;
use super::objects::secret::Secrets;
use super::objects::values::{Flavour, Values};
use super::objects::{Objects, Plain, Subject};
use super::owner::Owner;
use super::presets::Kind;
use super::settings::Plan;
use super::surroundings::{Changes, Surroundings};
use super::watching::Watching;
use crate::model::{BundleKind, KubeResource, Source, SourceKind};
use crate::source::Built;

/// Types of Secrets that never hold certificates for anybody to watch.
const OTHER_TYPES: &[&str] = &[
    "helm.sh/release.v1",
    "kubernetes.io/service-account-token",
    "kubernetes.io/dockercfg",
    "kubernetes.io/dockerconfigjson",
    "kubernetes.io/basic-auth",
    "kubernetes.io/ssh-auth",
    "bootstrap.kubernetes.io/token",
];

/// What all sources of a table share.
struct Cluster {
    api: Arc<Api>,
    surroundings: Arc<Surroundings>,
}

/// Every source of the table.
pub(super) fn sources(plan: Plan) -> Built {
    let namespaces = namespace_scopes(&plan);
    let routes = route_scopes(&plan);
    let has = |kind: Kind| plan.kinds.contains(&kind);
    let configmaps = configmap_scopes(&plan);
    let secrets = if has(Kind::Secret) { secret_scopes(&plan) } else { Vec::new() };
    let certificates = if has(Kind::Certificate) { namespaced(&plan, KubeResource::Certificates) } else { Vec::new() };
    let (shows_requests, needs_requests) = (!has(Kind::Secret), has(Kind::Certificate) && !has(Kind::Secret));
    let requests = if needs_requests { namespaced(&plan, KubeResource::CertificateRequests) } else { Vec::new() };
    let bundles = bundle_scopes(&plan);
    let csrs = if has(Kind::Csr) { vec![whole(KubeResource::Csrs)] } else { Vec::new() };

    // Who is told of changes: those who show what others know.
    let consumer = |is_one: bool| is_one.then(Arc::<Changes>::default);
    let is_told = |scopes: &[Scope]| !scopes.is_empty() && (!namespaces.is_empty());
    let of_secrets = consumer(!secrets.is_empty() && !(namespaces.is_empty() && routes.is_empty() && certificates.is_empty()));
    let of_configmaps = consumer(is_told(&configmaps));
    let of_certificates = consumer(is_told(&certificates));
    let consumers = [&of_secrets, &of_configmaps, &of_certificates].into_iter().flatten().cloned().collect();
    let producers = [
        (SourceKind::KubeNamespace, namespaces.is_empty()),
        (SourceKind::KubeRoute, routes.is_empty()),
        (SourceKind::KubeCertificate, certificates.is_empty()),
    ];
    let awaited = producers.into_iter().filter(|(_, is_idle)| !is_idle).map(|(kind, _)| kind).collect();
    let surroundings = Arc::new(Surroundings::new(consumers, awaited, plan.namespace_selector.is_some()));
    let cluster = Cluster { api: Arc::new(Api::new(plan.api.clone())), surroundings };
    let passphrases = Arc::new(Usual::new(Arc::clone(&cluster.api), plan.passphrase_refs, plan.passphrases));
    let wants = vec![plan.secret_owner, plan.configmap_owner];
    let [secret_owner, configmap_owner] = wants.try_into().unwrap_or_default();

    let mut built: Built = Vec::new();
    let mut add = |kind: SourceKind, watching: Option<Watching>| {
        if let Some(watching) = watching {
            built.push((kind, Box::new(watching) as Box<dyn Source>));
        }
    };
    add(SourceKind::KubeSecret, None);
    let _ = (&secret_owner, &configmap_owner, &passphrases, shows_requests, requests, bundles, csrs, of_secrets, of_configmaps, of_certificates);
    built
}
