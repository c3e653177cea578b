//! What the program answers over HTTP: one endpoint per file, and the server that bounds its connections.
//!
//! May touch: `model`, `metrics`, the listener it is given. Must not: know sources or configuration, hold anything but the newest
//! snapshot, do I/O for an answer.

mod accept;
mod certificates;
mod cursor;
mod guard;
mod healthy;
mod index;
mod metrics;
mod probe;
pub mod query;
mod ready;
mod revocation;
mod serve;
mod sources;
mod targets;
mod together;
mod trust;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::Semaphore;

use crate::metrics::{Counters, Exposition};
use crate::model::probe::Prober;
use crate::model::revocation::NoRevocations;
use crate::model::{Revocations, Snapshots, TrustQueries};

pub use serve::{Settings, serve};
pub use targets::describe;

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
    walks: Semaphore,
}

/// What the endpoints know of the address that they are asked at.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// Only this machine reaches it.
    pub local: bool,
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
            walks: Semaphore::new(WALKS),
        }
    }

    /// Answers with something that takes a walk over everything: on a thread for blocking work, and few at a time, so that publications find one.
    async fn walk(&self, answer: impl FnOnce() -> Response<Body> + Send + 'static) -> Response<Body> {
        let _turn = self.walks.acquire().await;
        match tokio::task::spawn_blocking(answer).await {
            Ok(answer) => answer,
            Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "a defect of this program, caught; please report it"),
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

    /// The same, with `/probe`.
    pub fn with_prober(mut self, prober: Arc<dyn Prober>) -> Self {
        self.prober = Some(prober);
        self
    }
}

type Shared = axum::extract::State<Arc<State>>;

/// All routes.
pub fn router(state: Arc<State>, listener: Listener) -> Router {
    Router::new()
        .route("/", get(index::page))
        .route("/metrics", get(metrics::scrape))
        .route("/probe", get(probe::probe))
        .route("/-/healthy", get(healthy::answer))
        .route("/-/ready", get(ready::answer))
        .route("/api/v1/sources", get(sources::list))
        .route("/api/v1/revocation", get(revocation::list))
        .route("/api/v1/targets", get(targets::list))
        .route("/api/v1/certificates", get(certificates::list))
        .route("/api/v1/trust", get(trust::list))
        .route("/api/v1/trust/dependants", get(trust::dependants))
        .route("/api/v1/trust/verify", get(trust::verify))
        .fallback(|| async { (StatusCode::NOT_FOUND, "no such page\n") })
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n") })
        .layer(axum::Extension(listener))
        .with_state(state)
}

/// An answer in JSON.
fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Rows of a page where the query does not say.
const DEFAULT_LIMIT: usize = 100;
/// The most rows of a page.
const MAX_LIMIT: usize = 1000;

/// How many rows a page has, by the query.
fn page_limit(asked: Option<usize>) -> Result<usize, Box<Response<Body>>> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    let refusal = || Box::new(refused(StatusCode::BAD_REQUEST, "limit: expected 1 to 1000"));
    if (1..=MAX_LIMIT).contains(&limit) { Ok(limit) } else { Err(refusal()) }
}

/// A refusal in JSON.
fn refused(status: StatusCode, message: &str) -> Response<Body> {
    json(status, &serde_json::json!({ "error": message }))
}

#[cfg(test)]
mod tests;
