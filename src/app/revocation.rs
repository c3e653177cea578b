//! The revocation service from the configuration: its issuers, its way out, its cache; and its rows into the snapshot.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor};
use tokio::sync::watch;
use tracing::{info, warn};

use super::AppError;
use crate::assess::relate::Relate;
use crate::config::storage::default_cache_dir;
use crate::config::{Config, RevocationConfig};
use crate::engine::Parts;
use crate::model::{Authority, Limits, RevocationView, Revocations, SnapshotView};
use crate::net::{Egress, FetchLimits, Fetcher, trust};
use crate::pki::{authority, certificate, container};
use crate::revocation::cache::{Cache, CacheLimits, Home};
use crate::revocation::{self, Service, Settings, Views};
use crate::source::file::read_bounded;

/// The largest file of issuers.
const ISSUERS_BYTES: u64 = 16 << 20;
/// How long a command waits for answers about revocation.
const PATIENCE: Duration = Duration::from_secs(45);

/// The service's settings and its way out, as the configuration has them.
#[derive(Clone)]
pub(super) struct Plan {
    settings: Settings,
    fetcher: Fetcher,
}

/// Reads what the configuration names.
///
/// # Errors
/// A file of issuers cannot be read, or holds no certificate.
pub(super) fn plan(config: &RevocationConfig) -> Result<Plan, AppError> {
    let mut trusted = Vec::new();
    for path in &config.issuers {
        trusted.extend(issuers(path)?);
    }
    let mut responders = Vec::new();
    for responder in &config.responders {
        responders.extend(issuers(&responder.issuer)?.into_iter().map(|issuer| (issuer, responder.url.clone())));
    }
    let anchors = system_anchors();
    trusted.extend(responders.iter().map(|(issuer, _)| issuer.clone()));
    trusted.extend(anchors.iter().map(|anchor| Arc::new(authority::of_anchor(anchor))));
    let start = |error: &dyn std::fmt::Display| AppError::Start(error.to_string());
    let tls = trust(&anchors, None).map_err(|error| start(&error))?;
    let egress = Egress::new(config.allow.clone());
    let fetcher = Fetcher::new(egress, config.mirrors.clone(), tls, FetchLimits::default()).map_err(|error| start(&error))?;
    let settings = Settings {
        offline: config.offline,
        lists: config.crls.clone(),
        responders,
        trusted,
        list_bytes: config.max_crl_size,
        nonce: config.nonce,
        refresh: config.refresh,
    };
    Ok(Plan { settings, fetcher })
}

/// The cache of this configuration. What is unusual about it is said once.
pub(super) fn cache(config: &Config) -> Cache {
    let path = config.storage.cache_dir.clone().or_else(|| default_cache_dir(&|name| std::env::var_os(name)));
    let limits = CacheLimits { disk: config.revocation.cache_size, ..CacheLimits::default() };
    let cache = Cache::open(path.as_deref(), limits);
    match (cache.notice(), cache.home()) {
        (Some(notice), _) => warn!("cache of CRLs and OCSP answers: {notice}"),
        (None, Home::Memory) => {
            warn!(
                "no cache_dir: neither configured nor $CACHE_DIRECTORY, $XDG_CACHE_HOME or $HOME is set; CRLs and OCSP answers will not outlast this process"
            )
        }
        (None, _) => info!(bytes = cache.bytes(), "cache of CRLs and OCSP answers opened"),
    }
    cache
}

/// Runs the service for ever; another plan starts it anew, with everything the cache has.
pub(super) async fn run(mut plans: watch::Receiver<Plan>, cache: Arc<Cache>, views: Arc<Views>, parts: Parts) {
    loop {
        let plan = plans.borrow_and_update().clone();
        let mut service = plan.service(cache.clone(), views.clone(), &parts);
        tokio::select! {
            () = service.run() => return,
            changed = plans.changed() => if changed.is_err() { return },
        }
    }
}

/// Brings the rows of CRLs and responders into the snapshot whenever they change.
pub(super) async fn show(views: Arc<Views>, parts: Parts) {
    let mut generation = 0;
    loop {
        views.newer(generation).await;
        generation = show_once(&views, &parts);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn show_once(views: &Views, parts: &Parts) -> u64 {
    let view = views.view();
    if *view.services() != *parts.store.load().services() {
        let services = Arc::new(view.services().clone());
        let rendered = parts.render.services(&services);
        parts.store.publish_services(services, rendered);
    }
    view.generation()
}

/// Works until everything that the sources' certificates need has been tried once, for commands that look only once.
pub(super) async fn settle(plan: Plan, cache: Arc<Cache>, views: Arc<Views>, parts: &Parts) {
    let mut service = plan.service(cache, views.clone(), parts);
    if tokio::time::timeout(PATIENCE, service.settle()).await.is_err() {
        warn!("not all answers about revocation came within {PATIENCE:?}");
    }
    show_once(&views, parts);
}

impl Plan {
    fn service(self, cache: Arc<Cache>, views: Arc<Views>, parts: &Parts) -> Service {
        let Self { settings, fetcher } = self;
        let (events, clock) = (parts.events.clone(), parts.clock.clone());
        Service::new(settings, revocation::Parts { snapshots: parts.store.clone(), views, fetcher, cache, events, clock })
    }
}

fn issuers(path: &Path) -> Result<Vec<Arc<Authority>>, AppError> {
    let unusable = |error: &dyn std::fmt::Display| AppError::Start(format!("[revocation] issuer's certificate: {error}"));
    let bytes = read_bounded(path, ISSUERS_BYTES).map_err(|failure| unusable(&failure.detail))?;
    let contents = container::open(&bytes, &[], &Limits::default());
    let read = contents.certificates.iter().filter_map(|der| certificate::read(der, &Limits::default()).ok());
    let found: Vec<Arc<Authority>> = read.filter_map(|read| read.facts.authority).collect();
    if found.is_empty() {
        return Err(unusable(&format!("{}: no CA certificate in it", path.display())));
    }
    Ok(found)
}

/// Makes what relates places to each other, knowing the machine's own anchors.
pub(super) fn relate() -> impl Fn() -> Relate + Send + Sync + 'static {
    let anchors = named_anchors();
    move || Relate::new(anchors.clone())
}

/// The machine's own anchors, each with its name.
fn named_anchors() -> Vec<(Arc<str>, Arc<Authority>)> {
    let named = |anchor: &TrustAnchor<'_>| {
        let anchor = authority::of_anchor(anchor);
        (Arc::from(authority::subject(&anchor)), Arc::new(anchor))
    };
    system_anchors().iter().map(named).collect()
}

/// The machine's own anchors; without them lists and answers are still checked by the issuers that are watched.
fn system_anchors() -> Vec<TrustAnchor<'static>> {
    let found = rustls_native_certs::load_native_certs();
    let anchor = |der: &CertificateDer<'_>| webpki::anchor_from_trusted_cert(der).ok().map(|anchor| anchor.to_owned());
    found.certs.iter().filter_map(anchor).collect()
}
