//! `/probe?target=&module=&hostname=&debug=true`: one look on request, in the multi-target way; Prometheus is the scheduler.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::Query;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::metrics::CONTENT_TYPE;
use crate::model::probe::{ProbeRequest, Refusal};

use super::origin::is_asked_here;
use super::{Listener, Shared};

#[derive(Deserialize)]
pub struct Parameters {
    target: Option<String>,
    module: Option<String>,
    hostname: Option<String>,
    debug: Option<String>,
}

/// The exposition of one target, plain; a failed probe is an answer, too.
pub async fn probe(
    state: Shared,
    Extension(listener): Extension<Listener>,
    Query(parameters): Query<Parameters>,
    head: HeaderMap,
) -> Response<Body> {
    let Some(prober) = &state.prober else {
        return (StatusCode::NOT_FOUND, "this server does not probe\n").into_response();
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let request = ProbeRequest {
        target: given(parameters.target),
        module: given(parameters.module),
        hostname: given(parameters.hostname),
        debug: parameters.debug.as_deref() == Some("true"),
        scrape_timeout: scrape_timeout(&head),
        local: listener.local && is_asked_here(&head),
    };
    match prober.probe(request).await {
        Ok(page) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE)),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ];
            (headers, page).into_response()
        }
        Err(refused) => {
            let status = match refused.kind {
                Refusal::Forbidden => StatusCode::FORBIDDEN,
                Refusal::Invalid => StatusCode::BAD_REQUEST,
                Refusal::Busy => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, format!("{}\n", refused.why)).into_response()
        }
    }
}

/// What Prometheus says of its patience, in seconds.
fn scrape_timeout(head: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = head.get("X-Prometheus-Scrape-Timeout-Seconds")?.to_str().ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero())
}
