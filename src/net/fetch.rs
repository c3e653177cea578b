//! Fetching what somebody else's certificate points to: policy-checked at every step, bounded in size and time, handed on as it comes.
//!
//! Nothing is judged here: what arrives may be HTML. Nothing is taken from the environment, no cookies are kept, no content is decoded, and
//! redirects are followed by hand, so that each hop stands before the [`Egress`] policy like the first one. The policy looks at the URL's
//! literal address and, in the resolver, at the addresses of its name; the connection goes to those and no others.

mod freshness;
mod mirrors;
mod resolver;
mod turns;

use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION,
};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};

use super::egress::{Denied, Egress};
use crate::model::{RevocationReason, UnixTime};
pub use mirrors::{Mirrors, NotAMirror};
use turns::Turns;

/// Redirects that are followed.
const REDIRECTS: usize = 3;
/// A URL longer than this is no pointer to a list.
const URL_MAX: usize = 8 << 10;

/// How much fetching there may be at once, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// To a connection: name, TCP and TLS.
    pub connect: Duration,
    /// From the first step to the last byte, over all redirects. Waiting for a turn is outside of it.
    pub total: Duration,
    /// Exchanges with one host at once.
    pub per_host: usize,
    /// Exchanges at once.
    pub overall: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(30), per_host: 4, overall: 32 }
    }
}

/// What lets a server say that nothing has changed (RFC 9110 section 8.8); sent back byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// Its ETag.
    pub etag: Option<Box<str>>,
    /// Its Last-Modified.
    pub last_modified: Option<Box<str>>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct FetchRequest<'a> {
    /// Where, as the certificate has it: [`Mirrors`] come into it here.
    pub url: &'a str,
    /// The media type that is hoped for.
    pub accept: &'static str,
    /// Asks by POST, with this media type and body; else by GET.
    pub post: Option<(&'static str, &'a [u8])>,
    /// Of the copy at hand.
    pub validators: Option<&'a Validators>,
    /// The largest body, in bytes.
    pub most: u64,
    /// The wall clock's time, for HTTP's dates.
    pub now: UnixTime,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The copy at hand is the newest there is.
    NotModified(Said),
    /// The whole body went into the sink.
    Complete(Said),
}

/// What the server said about its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// For the next time. Empty after "not modified" means that those sent still hold.
    pub validators: Validators,
    /// For how long HTTP calls it fresh (RFC 9111 section 4.2), counted from now; zero: not at all. `None`: it does not say.
    pub fresh_for: Option<Duration>,
    /// When the server says that it is now.
    pub date: Option<UnixTime>,
    /// What it calls the body; for messages alone.
    pub content_type: Option<Box<str>>,
    /// How it encoded the body although nobody asked for that; for messages alone.
    pub content_encoding: Option<Box<str>>,
    /// The body's size in bytes.
    pub size: u64,
}

/// Why nothing came of it. Whatever went into the sink before counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct FetchFailure {
    /// The closed word.
    pub reason: RevocationReason,
    /// The open ones; no secrets.
    pub detail: Box<str>,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// Where a body goes as it comes. What it refuses with is what the fetch fails with.
pub type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), FetchFailure> + Send + 'a;

/// Fetches within the policy. Clones share connections and turns.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    egress: Egress,
    mirrors: Mirrors,
    limits: FetchLimits,
    turns: Turns,
}

impl FetchFailure {
    /// A failure in closed and open words.
    pub fn new(reason: RevocationReason, detail: impl Into<Box<str>>) -> Self {
        Self { reason, detail: detail.into(), retry_after: None }
    }
}

impl From<Denied> for FetchFailure {
    fn from(denied: Denied) -> Self {
        let reason = match denied {
            Denied::Scheme(_) => RevocationReason::UnsupportedScheme,
            Denied::NoHost => RevocationReason::Malformed,
            Denied::UserInformation | Denied::Address { .. } => RevocationReason::EgressDenied,
        };
        Self::new(reason, denied.to_string())
    }
}

impl Fetcher {
    /// A fetcher that dials nothing yet. `tls` says whom https trusts: see [`trust`](super::trust).
    ///
    /// # Errors
    /// The client cannot be made; no input does that.
    pub fn new(egress: Egress, mirrors: Mirrors, tls: ClientConfig, limits: FetchLimits) -> Result<Self, FetchFailure> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .referer(false)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .http1_only()
            .dns_resolver(resolver::Checked::new(egress.clone(), limits.overall))
            .connect_timeout(limits.connect)
            .pool_max_idle_per_host(limits.per_host)
            .pool_idle_timeout(Duration::from_secs(20))
            .user_agent(concat!("notafter/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(failed)?;
        Ok(Self { client, egress, mirrors, limits, turns: Turns::new(limits.per_host, limits.overall) })
    }

    /// Fetches: the body goes into `sink` piece by piece, in order. Cancel safe: the exchange is then given up.
    ///
    /// # Errors
    /// `egress_denied`, `unsupported_scheme`, `unreachable`, `http_error`, `too_large`, `malformed` for what is no URL, and the sink's own.
    pub async fn fetch(&self, request: &FetchRequest<'_>, sink: &mut Sink<'_>) -> Result<Fetched, FetchFailure> {
        let url = parsed(&self.mirrors.apply(request.url))?;
        self.egress.url(&url)?;
        let turn = self.turns.of(&url).await;
        match tokio::time::timeout(self.limits.total, self.follow(url, turn, request, sink)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let words = format!("not complete within {:.1} s", self.limits.total.as_secs_f64());
                Err(FetchFailure::new(RevocationReason::Unreachable, words))
            }
        }
    }

    async fn follow(
        &self,
        mut url: Url,
        mut turn: turns::Turn,
        request: &FetchRequest<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<Fetched, FetchFailure> {
        let mut post = request.post;
        for hop in 0..=REDIRECTS {
            let response = self.send(&url, post, request).await?;
            let status = response.status();
            let Some(location) = response.headers().get(LOCATION).filter(|_| is_redirect(status)) else {
                return receive(response, request, sink).await;
            };
            if hop == REDIRECTS {
                break;
            }
            let location = std::str::from_utf8(location.as_bytes())
                .ok()
                .filter(|location| location.len() <= URL_MAX)
                .and_then(|location| url.join(location).ok())
                .ok_or_else(|| FetchFailure::new(RevocationReason::HttpError, format!("{status}, to what is no URL")))?;
            self.egress.url(&location).map_err(|denied| via(&location, denied.into()))?;
            // A question stays a question, except where the standard turns it into a look elsewhere (RFC 9110 section 15.4.4).
            if status == StatusCode::SEE_OTHER {
                post = None;
            }
            url = location;
            // The old turn goes back first: who holds one never waits for another.
            drop(response);
            drop(turn);
            turn = self.turns.of(&url).await;
        }
        drop(turn);
        Err(FetchFailure::new(RevocationReason::HttpError, format!("more than {REDIRECTS} redirects")))
    }

    async fn send(&self, url: &Url, post: Option<(&'static str, &[u8])>, request: &FetchRequest<'_>) -> Result<Response, FetchFailure> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(request.accept));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let validators = request.validators.cloned().unwrap_or_default();
        for (name, value) in [(IF_NONE_MATCH, validators.etag), (IF_MODIFIED_SINCE, validators.last_modified)] {
            // One that a damaged cache made unfit for a header is as good as none.
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
        let builder = match post {
            Some((content_type, body)) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                self.client.request(Method::POST, url.clone()).body(body.to_vec())
            }
            None => self.client.get(url.clone()),
        };
        builder.headers(headers).send().await.map_err(failed)
    }
}

/// Reads an answer that leads nowhere else.
async fn receive(mut response: Response, request: &FetchRequest<'_>, sink: &mut Sink<'_>) -> Result<Fetched, FetchFailure> {
    let status = response.status();
    let mut said = said(response.headers(), request.now);
    let is_conditional = request.validators.is_some_and(|validators| *validators != Validators::default());
    if status == StatusCode::NOT_MODIFIED && is_conditional {
        return Ok(Fetched::NotModified(said));
    }
    if status != StatusCode::OK {
        let retry_after = freshness::retry_after(response.headers(), request.now);
        return Err(FetchFailure { retry_after, ..FetchFailure::new(RevocationReason::HttpError, format!("the server answers {status}")) });
    }
    let too_large = || FetchFailure::new(RevocationReason::TooLarge, format!("larger than {} bytes", request.most));
    if response.content_length().is_some_and(|length| length > request.most) {
        return Err(too_large());
    }
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        said.size += piece.len() as u64;
        if said.size > request.most {
            return Err(too_large());
        }
        sink(&piece)?;
    }
    Ok(Fetched::Complete(said))
}

fn said(headers: &HeaderMap, now: UnixTime) -> Said {
    Said {
        validators: Validators {
            etag: short(headers, reqwest::header::ETAG),
            last_modified: short(headers, reqwest::header::LAST_MODIFIED),
        },
        fresh_for: freshness::fresh_for(headers, now),
        date: freshness::date(headers, &reqwest::header::DATE),
        content_type: short(headers, CONTENT_TYPE),
        content_encoding: short(headers, reqwest::header::CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity")),
        size: 0,
    }
}

/// The same of any headers, and how long the server wants to be left alone.
pub(super) fn said_in(headers: &HeaderMap, now: UnixTime) -> (Said, Option<Duration>) {
    (said(headers, now), freshness::retry_after(headers, now))
}

/// A header's value, if it is text of a sensible length.
fn short(headers: &HeaderMap, name: HeaderName) -> Option<Box<str>> {
    headers.get(name)?.to_str().ok().filter(|value| !value.is_empty() && value.len() <= 1024).map(Into::into)
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn parsed(url: &str) -> Result<Url, FetchFailure> {
    if url.len() > URL_MAX {
        return Err(FetchFailure::new(RevocationReason::Malformed, format!("a URL of {} bytes", url.len())));
    }
    Url::parse(url).map_err(|error| FetchFailure::new(RevocationReason::Malformed, format!("not a URL: {error}")))
}

/// Says that it was not the certificate's own URL.
fn via(url: &Url, failure: FetchFailure) -> FetchFailure {
    let host = url.host_str().unwrap_or_default();
    FetchFailure { detail: format!("redirected to {}://{host}: {}", url.scheme(), failure.detail).into(), ..failure }
}

/// All of an error's causes: the outermost alone says little. The caller knows the URL.
fn failed(error: reqwest::Error) -> FetchFailure {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if let Some(denied) = inner.downcast_ref::<Denied>() {
            return denied.clone().into();
        }
        let more = inner.to_string();
        if !words.ends_with(&more) {
            words += &format!(": {more}");
        }
        cause = inner.source();
    }
    FetchFailure::new(RevocationReason::Unreachable, words)
}
