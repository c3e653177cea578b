//! The bounded HTTP client: every body has a largest size, every exchange a time, redirects are few and never lead out of TLS.
//!
//! Whom it trusts is its maker's to say: no environment, no proxy, no cookies, no trust anchors but those handed over.

mod trust;

use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, RequestBuilder, Url};
use rustls::ClientConfig;

use crate::model::visible::without_values;

pub use trust::trust;

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
    /// The server showed a certificate that is not to be trusted.
    #[error("the server's certificate is not trusted: {0}")]
    Untrusted(String),
    /// The server said no.
    #[error("the server answers {0}")]
    Status(u16),
    /// The body is larger than it may be.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
}

impl HttpClient {
    /// A client that speaks TLS as [`trust()`] has it. Dials nothing yet.
    ///
    /// # Errors
    /// The client cannot be made; no input does that.
    pub fn new(tls: ClientConfig) -> Result<Self, FetchError> {
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .referer(false)
            .redirect(Policy::custom(redirected))
            .user_agent(concat!("notafter/", env!("CARGO_PKG_VERSION")));
        builder.build().map(|client| Self { client }).map_err(failed)
    }

    /// Whether a client can fetch from there.
    ///
    /// # Errors
    /// What was expected.
    pub fn check(url: &str) -> Result<(), String> {
        // The parser repairs "https:host", "https:///host" and blanks; whoever masks or reads a URL as text could not.
        let rest = ["http://", "https://"].iter().find_map(|scheme| {
            let is_so = url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
            is_so.then(|| url.get(scheme.len()..)).flatten()
        });
        let is_literal = rest.is_some_and(|rest| !rest.starts_with(['/', '\\']) && !rest.contains(char::is_control));
        match Url::parse(url) {
            Ok(parsed) if is_literal && parsed.has_host() => Ok(()),
            _ => Err(format!("expected a URL such as \"https://discovery.internal/targets\", found {:?}", Self::shown(url))),
        }
    }

    /// The URL as it may stand in messages: without user and password, and without what its parameters are, any of which may be a token.
    pub fn shown(url: &str) -> String {
        let Ok(mut parsed) = Url::parse(url) else {
            // What stands before an @ may be a password all the same.
            return without_values(url.rsplit_once('@').map_or(url, |(_, rest)| rest));
        };
        if parsed.username().is_empty() && parsed.password().is_none() {
            return without_values(url);
        }
        // Only a URL that has no host refuses this, and that one has no user either.
        let _ = parsed.set_username("");
        let _ = parsed.set_password(None);
        without_values(parsed.as_str())
    }

    /// The body of a document: at most `most` bytes, within `timeout` from start to end. Cancel safe.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn get(&self, url: &str, most: usize, timeout: Duration) -> Result<Vec<u8>, FetchError> {
        exchange(self.client.get(url).timeout(timeout), most).await
    }
}

/// Sends a request; reads the answer as far as it may go.
async fn exchange(request: RequestBuilder, most: usize) -> Result<Vec<u8>, FetchError> {
    let mut response = request.send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > most {
            return Err(FetchError::TooLarge(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn redirected(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > REDIRECTS {
        return attempt.error(format!("more than {REDIRECTS} redirects"));
    }
    if attempt.url().scheme() != "https" && attempt.previous().iter().any(|url| url.scheme() == "https") {
        return attempt.error("redirected from https to http");
    }
    attempt.follow()
}

/// All of an error's causes: the outermost alone says little. The caller knows the URL, which may hold a password.
fn failed(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    if let Some(refused) = trust::refused(&error) {
        return FetchError::Untrusted(refused);
    }
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        words += &format!(": {inner}");
        cause = inner.source();
    }
    FetchError::Exchange(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_http_or_https_and_never_shown_with_a_password() {
        for (url, shown) in [
            ("http://a.example/sd", Some("http://a.example/sd")),
            ("https://a.example:8443/x.yml?y", Some("https://a.example:8443/x.yml?[secret]")),
            ("https://me:hunter2@a.example/sd", Some("https://a.example/sd")),
            ("https://a.example/sd@x?y@z", Some("https://a.example/sd@x?[secret]")),
            ("HTTPS://me:hunter2@A.example", Some("https://a.example/")),
            ("https://a.example/sd?token=hunter2&x=a=b", Some("https://a.example/sd?token=[secret]&x=[secret]")),
            ("https://me:a@a.example/sd?hunter2#x", Some("https://a.example/sd?[secret]")),
            ("ftp://a.example/sd?token=hunter2", None),
            ("ftp://me:hunter2@a.example/", None),
            ("https:me:hunter2@a.example/", None),
            ("https:///me:hunter2@a.example/", None),
            ("ht\ntps://me:hunter2@a.example/", None),
            ("https://me:hunter2@", None),
            ("https://me:hunter2@[a/", None),
            ("a.example/sd", None),
            ("https://", None),
            ("", None),
        ] {
            let checked = HttpClient::check(url);
            assert_eq!(checked.is_ok(), shown.is_some(), "{url}: {checked:?}");
            assert!(!checked.err().unwrap_or_default().contains("hunter2"), "{url}");
            if let Some(shown) = shown {
                assert_eq!(HttpClient::shown(url), shown);
            }
        }
    }
}
