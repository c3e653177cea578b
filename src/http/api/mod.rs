//! `/api/v1`: the snapshot as JSON, the why behind a series. `docs/openapi.yaml` is its contract, `docs/API.md` its introduction.
//!
//! May touch: `model`, `http::query` for what to select. Must not: select by itself, know sources or configuration.
//!
//! One endpoint per file. A list says which parameters it has, selects a page with `query`, and makes rows of `rows`; what all of them have in
//! common is `list` (validators, envelope, bounds) and `parameters`.

mod certificates;
mod crls;
mod cursor;
mod findings;
mod http_sd;
mod list;
mod parameters;
mod revocation;
mod rows;
mod sources;
mod tag;
mod targets;
mod trust;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::State;

pub use tag::Tags;
pub use targets::describe;

/// Where the API is.
pub const PREFIX: &str = "/api/v1";

/// Its routes, below [`PREFIX`].
pub fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/certificates", get(certificates::list))
        .route("/targets", get(targets::list))
        .route("/sources", get(sources::list))
        .route("/crls", get(crls::list))
        .route("/findings", get(findings::list))
        .route("/revocation", get(revocation::list))
        .route("/trust", get(trust::authorities::list))
        .route("/trust/dependants", get(trust::dependants::list))
        .route("/trust/verify", get(trust::verify::answer))
        .route("/http_sd", get(http_sd::list))
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "the API has no such path; docs/API.md lists them") })
        .method_not_allowed_fallback(|| async { refused(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD") })
}

/// The parameters of each route, for the test that holds `docs/openapi.yaml` against them.
#[cfg(test)]
pub const PARAMETERS: &[(&str, &[&str])] = &[
    ("/certificates", certificates::LIST.parameters),
    ("/targets", targets::LIST.parameters),
    ("/sources", sources::LIST.parameters),
    ("/crls", crls::LIST.parameters),
    ("/findings", findings::LIST.parameters),
    ("/revocation", revocation::LIST.parameters),
    ("/trust", trust::authorities::LIST.parameters),
    ("/trust/dependants", trust::dependants::PARAMETERS),
    ("/trust/verify", trust::verify::PARAMETERS),
    ("/http_sd", http_sd::LIST.parameters),
];

/// Bytes of JSON. Whoever keeps them asks again before using them: every answer may have changed.
fn json(status: StatusCode, bytes: Vec<u8>) -> Response<Body> {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, bytes).into_response()
}

/// A value in JSON.
fn answered(value: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => json(StatusCode::OK, bytes),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// A refusal in JSON.
pub fn refused(status: StatusCode, message: &str) -> Response<Body> {
    json(status, serde_json::json!({ "error": message }).to_string().into_bytes())
}
