//! The bounded HTTP client: every body has a largest size, every exchange a time, redirects are few.
//!
//! It speaks plain HTTP: TLS would bring a second set of trust decisions, and what is fetched here is public or signed.

use std::time::Duration;

use reqwest::{Client, Url, redirect};

/// Redirects that are followed.
const REDIRECTS: usize = 3;

/// Fetches documents, bounded.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client,
}

/// Why a document was not fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The client could not be made, or the exchange failed.
    #[error("{0}")]
    Exchange(String),
    /// The server said no.
    #[error("the server answers {0}")]
    Status(u16),
    /// The body is larger than it may be.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
}

impl HttpClient {
    /// A client without proxy or cookies. Dials nothing yet.
    ///
    /// # Errors
    /// The client cannot be made; no input does that.
    pub fn new() -> Result<Self, FetchError> {
        let builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::limited(REDIRECTS))
            .user_agent(concat!("notafter/", env!("CARGO_PKG_VERSION")));
        builder.build().map(|client| Self { client }).map_err(exchange)
    }

    /// Whether this client can fetch from there.
    ///
    /// # Errors
    /// What was expected.
    pub fn check(url: &str) -> Result<(), String> {
        let expected = || format!("expected a URL such as \"http://discovery.internal/targets\", found {url:?}");
        let parsed = Url::parse(url).map_err(|_| expected())?;
        match parsed.scheme() {
            "http" if parsed.has_host() => Ok(()),
            "https" => Err(format!("{}; https is not supported here yet", expected())),
            _ => Err(expected()),
        }
    }

    /// The body of a document: at most `most` bytes, within `timeout` from start to end. Cancel safe.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn get(&self, url: &str, most: usize, timeout: Duration) -> Result<Vec<u8>, FetchError> {
        let mut response = self.client.get(url).timeout(timeout).send().await.map_err(exchange)?;
        if !response.status().is_success() {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(exchange)? {
            if body.len() + chunk.len() > most {
                return Err(FetchError::TooLarge(most));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// All of an error's causes: the outermost alone says little.
fn exchange(error: reqwest::Error) -> FetchError {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        words += &format!(": {inner}");
        cause = inner.source();
    }
    FetchError::Exchange(words)
}
