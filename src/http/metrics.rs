//! `/metrics`: what Prometheus scrapes.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use http_body::Body as _;

use crate::metrics::CONTENT_TYPE;

use super::{Shared, accept};

/// The exposition, gzip when the client takes it.
pub async fn scrape(state: Shared, request: HeaderMap) -> Response<Body> {
    let view = state.snapshots.load();
    let scrape = state.exposition.scrape(&*view, &state.counters);
    let mut response = if accept::gzip(&request) {
        let mut response = Response::new(Body::new(scrape.gzip()));
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        Response::new(Body::new(scrape.plain()))
    };
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}
