//! What the program answers over HTTP: one endpoint per file, and the server that bounds its connections.
//!
//! May touch: `model`, `metrics`, the listener it is given. Must not: know sources or configuration, hold anything but the newest
//! snapshot, do I/O for an answer. How the server is secured is [`web`]'s.

mod accept;
pub mod api;
mod connection;
mod guard;
mod healthy;
mod metrics;
mod origin;
mod page;
mod probe;
pub mod query;
mod ready;
mod reload;
mod serve;
mod streams;
pub mod web;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::metrics::{Counters, Exposition};
use crate::model::clock::SystemClock;
use crate::model::probe::Prober;
use crate::model::reload::Reload;
use crate::model::revocation::NoRevocations;
use crate::model::{Clock, Revocations, Snapshots, TrustQueries};

pub use api::describe;
pub use serve::{Access, Bound, Settings, serve};

/// Answers at once that take a walk over everything.
const WALKS: usize = 2;

/// What the endpoints read.
pub struct State {
    snapshots: Arc<dyn Snapshots>,
    counters: Arc<Counters>,
    exposition: Exposition,
    version: &'static str,
    prober: Option<Arc<dyn Prober>>,
    revocations: Arc<dyn Revocations>,
    trust: Option<Arc<dyn TrustQueries>>,
    reload: Option<Arc<dyn Reload>>,
    clock: Arc<dyn Clock>,
    tags: api::Tags,
    walks: Arc<Semaphore>,
    turns: web::users::Turns,
    digests: Arc<page::Digests>,
    authority: page::Authority,
}

/// What the endpoints know of the address that they are asked at.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// Only this machine reaches it.
    pub local: bool,
    /// It serves what can be kept to addresses of its own: `/probe`, the API, `/-/reload`.
    pub admin: bool,
}

impl State {
    /// The state of a server of this version.
    pub fn new(snapshots: Arc<dyn Snapshots>, counters: Arc<Counters>, version: &'static str) -> Self {
        Self {
            snapshots,
            counters,
            exposition: Exposition::new(),
            version,
            prober: None,
            revocations: Arc::new(NoRevocations::default()),
            trust: None,
            reload: None,
            clock: Arc::new(SystemClock::new()),
            tags: api::Tags::default(),
            walks: Arc::new(Semaphore::new(WALKS)),
            turns: web::users::Turns::of_this_machine(),
            digests: Arc::default(),
            authority: |_| None,
        }
    }

    /// Answers with something that takes a walk over everything: on a thread for blocking work, and few at a time, so that publications find one.
    /// The walk of a client that is gone ends, too, before another takes its turn.
    async fn walk(&self, answer: impl FnOnce() -> Response<Body> + Send + 'static) -> Response<Body> {
        // Nobody closes it.
        let turn = Arc::clone(&self.walks).acquire_owned().await;
        let answer = move || {
            let answer = answer();
            drop(turn);
            answer
        };
        match tokio::task::spawn_blocking(answer).await {
            Ok(answer) => answer,
            Err(_) => api::refused(StatusCode::INTERNAL_SERVER_ERROR, "a defect of this program, caught; please report it"),
        }
    }

    /// The same, with what is known of revocation beyond the verdicts.
    pub fn with_revocations(mut self, revocations: Arc<dyn Revocations>) -> Self {
        self.revocations = revocations;
        self
    }

    /// The same, with answers about what hangs on which CA.
    pub fn with_trust(mut self, trust: Arc<dyn TrustQueries>) -> Self {
        self.trust = Some(trust);
        self
    }

    /// The same, with `/-/reload`.
    pub fn with_reload(mut self, reload: Arc<dyn Reload>) -> Self {
        self.reload = Some(reload);
        self
    }

    /// The same, with the clock that the whole program goes by.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same, with whoever says the host and port of an endpoint's target.
    pub fn with_authority(mut self, authority: page::Authority) -> Self {
        self.authority = authority;
        self
    }

    /// Keeps the overview ready while somebody looks at it; for ever. Without it, it is made when it is asked for. Cancel safe.
    pub async fn keep_overview(&self) {
        self.digests.keep(&self.snapshots, &*self.clock).await;
    }

    /// The same, with `/probe`.
    pub fn with_prober(mut self, prober: Arc<dyn Prober>) -> Self {
        self.prober = Some(prober);
        self
    }
}

type Shared = axum::extract::State<Arc<State>>;

/// The routes of an address.
pub fn router(state: Arc<State>, listener: Listener) -> Router {
    let routes = if listener.admin { public().merge(admin()) } else { public() };
    routes
        .fallback(|| async { (StatusCode::NOT_FOUND, "no such page\n") })
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD, or POST for /-/reload\n") })
        .layer(axum::Extension(listener))
        .with_state(state)
}

/// What every address serves.
fn public() -> Router<Arc<State>> {
    Router::new()
        .merge(page::routes())
        .route("/metrics", get(metrics::scrape))
        .route("/-/healthy", get(healthy::answer))
        .route("/-/ready", get(ready::answer))
}

/// What only admin addresses serve, where there are any.
fn admin() -> Router<Arc<State>> {
    Router::new().route("/-/reload", post(reload::reload)).route("/probe", get(probe::probe)).nest(api::PREFIX, api::router())
}

#[cfg(test)]
mod tests;
