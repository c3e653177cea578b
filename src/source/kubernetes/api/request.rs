//! One GET, and what an answer that is no list says.

use std::time::Duration;

use hyper::{Request, header};
use kube_client::Client;
use serde::Deserialize;

use crate::model::{Reason, ScanContext};

use super::backoff::within;
use super::body::Body;
use super::fault::{Fault, Kind};

/// The first line of an answer comes at once, even when the list behind it is long; a server that is busy takes a while.
const HEAD: Duration = Duration::from_secs(60);

/// The body of a successful answer.
pub(super) async fn get(client: &Client, uri: &str, cx: &ScanContext) -> Result<Body, Fault> {
    let request = Request::get(uri)
        .header(header::ACCEPT, "application/json")
        .body(kube_client::client::Body::empty())
        .map_err(|error| Fault::new(Kind::Other, Reason::ApiError, error.to_string()))?;
    let response = match within(cx, HEAD, client.send(request)).await {
        None => return Err(Fault::timeout(format!("no answer for {} s", HEAD.as_secs()))),
        Some(Err(kube_client::Error::Auth(error))) => {
            return Err(Fault::new(Kind::Unauthorized, Reason::Unauthorized, super::fault::cut(&error.to_string())));
        }
        Some(Err(error)) => return Err(Fault::of_transport(&error)),
        Some(Ok(response)) => response,
    };
    let (head, body) = response.into_parts();
    let mut body = Body(body);
    if head.status.is_success() {
        return Ok(body);
    }
    let bytes = body.beginning(16 << 10, cx).await;
    let status: Status = serde_json::from_slice(&bytes).unwrap_or_default();
    // RFC 9110 section 10.2.3; API servers send seconds.
    let seconds = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = seconds.or(status.details.retry_after_seconds).map(Duration::from_secs);
    Err(Fault::of_status(head.status.as_u16(), &status.message, retry_after))
}

/// The API server's `Status` object.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    message: String,
    code: u16,
    details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: Option<u64>,
}

impl Status {
    /// As it comes in the middle of a watch.
    pub(super) fn fault(&self) -> Fault {
        let code = if self.code == 0 { 500 } else { self.code };
        Fault::of_status(code, &self.message, self.details.retry_after_seconds.map(Duration::from_secs))
    }
}
