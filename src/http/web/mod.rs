//! What a web configuration makes of connections and requests: TLS, who is let in, how often, and which headers answers carry.
//!
//! May touch: what it is handed. Must not: read files, know where the configuration comes from.

mod client;
mod rate;
pub mod settings;
mod tls;
pub mod users;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;

use self::rate::Bucket;
use self::settings::{ClientAuth, TlsSettings, WebSettings};
use self::users::{Denied, Turns, Users};
use crate::model::vocabulary::RefusedReason;

pub use tls::Material;

/// Why a web configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// A certificate, a key or client CAs cannot be used.
    #[error("{why}")]
    Part {
        /// `cert`, `key` or `client_ca`.
        key: &'static str,
        /// In words.
        why: String,
    },
    /// The parts do not fit together.
    #[error("{0}")]
    Together(String),
}

/// A web configuration, ready to serve.
pub struct Web {
    tls: Option<Arc<ServerConfig>>,
    terms: Terms,
    bucket: Option<Bucket>,
    users: Option<Users>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What a connection had to fulfil to be accepted. One whose terms are no longer those in force is ended after its running answer; a new
/// certificate changes no terms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms(Option<(TlsSettings, Vec<CertificateDer<'static>>)>);

impl Web {
    /// Plain connections, open to everybody.
    pub fn open() -> Self {
        Self { tls: None, terms: Terms::default(), bucket: None, users: None, headers: Vec::new() }
    }

    /// Makes it of settings and of the bytes behind [`WebSettings::tls`].
    ///
    /// # Errors
    /// Certificate, key and client CAs cannot be used, or do not fit together.
    pub fn new(settings: &WebSettings, material: &Material) -> Result<Self, WebError> {
        let tls = settings.tls.as_ref().map(|tls| tls::config(tls, material, settings.http2)).transpose()?;
        let users = if settings.users.is_empty() { None } else { Some(Users::new(&settings.users).map_err(WebError::Together)?) };
        let headers = settings.headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).map_err(|_| WebError::Together(format!("{name}: not the value of a header")))?;
            Ok((HeaderName::from_bytes(name.as_str().as_bytes()).map_err(|error| WebError::Together(error.to_string()))?, value))
        });
        Ok(Self {
            tls,
            terms: terms(settings, material)?,
            bucket: settings.rate.map(Bucket::new),
            users,
            headers: headers.collect::<Result<_, _>>()?,
        })
    }

    /// The same, in place of the former one: passwords that were found right need not be hashed again.
    pub fn after(mut self, former: &Self) -> Self {
        self.users = match (self.users, &former.users) {
            (Some(users), Some(former)) => Some(users.after(former)),
            (users, _) => users,
        };
        self
    }

    /// What shakes hands; `None`: connections are plain.
    pub fn tls(&self) -> Option<&Arc<ServerConfig>> {
        self.tls.as_ref()
    }

    /// What connections have to fulfil now.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether a request may be answered, by its head. `now` counts from the start of the server.
    ///
    /// # Errors
    /// It may not; the answer says why, and the reason is for the counter.
    pub async fn admit(
        &self,
        head: &HeaderMap,
        peer: Option<IpAddr>,
        turns: &Turns,
        now: Duration,
    ) -> Result<(), (RefusedReason, Response<Body>)> {
        if self.bucket.as_ref().is_some_and(|bucket| !bucket.take(now)) {
            let answer = (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], "too many requests\n");
            return Err((RefusedReason::RateLimit, answer.into_response()));
        }
        let Some(users) = &self.users else { return Ok(()) };
        users.admit(head, peer, turns).await.map_err(|denied| match denied {
            Denied::Unknown => {
                let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"notafter\", charset=\"UTF-8\"")];
                (RefusedReason::Credentials, (StatusCode::UNAUTHORIZED, challenge, "user and password, please\n").into_response())
            }
            Denied::Busy => {
                let answer = (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "too many passwords at once\n");
                (RefusedReason::Busy, answer.into_response())
            }
        })
    }

    /// Gives an answer the headers that are configured; they replace its own.
    pub fn dress(&self, answer: &mut Response<Body>) {
        for (name, value) in &self.headers {
            answer.headers_mut().insert(name, value.clone());
        }
    }
}

fn terms(settings: &WebSettings, material: &Material) -> Result<Terms, WebError> {
    let Some(tls) = &settings.tls else { return Ok(Terms::default()) };
    let cas = if tls.client_auth.verifies() { tls::client_cas(material)? } else { Vec::new() };
    // Neither the server's own certificate nor where the CAs stand changes who is let in.
    let nothing = settings::Pem::File(std::path::PathBuf::new());
    let tls = TlsSettings { certificate: nothing.clone(), key: nothing, client_ca: None, ..tls.clone() };
    Ok(Terms(Some((tls, cas))))
}

impl WebSettings {
    /// The same without a key that stands in it: once it is loaded, nothing else holds it.
    pub fn without_key(mut self) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.key = settings::Pem::File(std::path::PathBuf::new());
        }
        self
    }

    /// What these settings would no longer ask of clients that `before` does.
    pub fn gives_up(&self, before: &Self) -> Option<&'static str> {
        let verified = |settings: &Self| settings.tls.as_ref().is_some_and(|tls| tls.client_auth == ClientAuth::RequireAndVerify);
        let named = |settings: &Self| settings.tls.as_ref().is_some_and(|tls| !tls.client_allowed_sans.is_empty());
        let has = [
            (self.tls.is_some(), before.tls.is_some(), "TLS"),
            (verified(self), verified(before), "verified client certificates"),
            (named(self), named(before), "allowed names of client certificates"),
            (!self.users.is_empty(), !before.users.is_empty(), "passwords"),
        ];
        has.into_iter().find(|(now, then, _)| *then && !now).map(|(_, _, what)| what)
    }
}

#[cfg(test)]
pub(super) mod tests;
