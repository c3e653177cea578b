//! What can go wrong at an API server, and what may be done about it.

use std::error::Error;
use std::io;
use std::time::Duration;

use crate::model::{Failure, Reason, Stage};
use crate::net::{alert_reason, io_reason};

use super::{Scope, resource};

/// A failed request or a broken stream.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) reason: Reason,
    detail: String,
}

/// What may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 403: somebody must grant a right.
    Denied,
    /// 404.
    Missing,
    /// 410: the server has forgotten the resource version or the continue token.
    Expired,
    /// 400 or 422: it does not understand the request.
    Unsupported,
    /// 429, with the time to wait where it says one.
    Limited(Option<Duration>),
    /// 5xx: it may pass.
    Server,
    /// The connection failed.
    Transport,
    /// 401.
    Unauthorized,
    /// Anything else.
    Other,
}

impl Fault {
    pub(super) fn new(kind: Kind, reason: Reason, detail: impl Into<String>) -> Self {
        Self { kind, reason, detail: detail.into() }
    }

    /// By the code of a status, on HTTP or in a stream.
    pub(super) fn of_status(code: u16, message: &str, retry_after: Option<Duration>) -> Self {
        let (kind, reason) = match code {
            400 | 422 => (Kind::Unsupported, Reason::ApiError),
            401 => (Kind::Unauthorized, Reason::Unauthorized),
            403 => (Kind::Denied, Reason::PermissionDenied),
            404 => (Kind::Missing, Reason::NotFound),
            410 => (Kind::Expired, Reason::ApiError),
            429 => (Kind::Limited(retry_after), Reason::RateLimited),
            500.. => (Kind::Server, Reason::ApiError),
            _ => (Kind::Other, Reason::ApiError),
        };
        let message = message.trim();
        let detail = if message.is_empty() { format!("status {code}") } else { format!("status {code}: {}", cut(message)) };
        Self::new(kind, reason, detail)
    }

    /// By what the transport says.
    pub(super) fn of_transport(error: &(dyn Error + 'static)) -> Self {
        let mut reason = Reason::IoError;
        let mut words: Vec<String> = Vec::new();
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if words.last().is_none_or(|last| !last.contains(&text)) {
                words.push(text);
            }
            reason = reason_of(error).unwrap_or(reason);
            next = error.source();
        }
        Self::new(Kind::Transport, reason, cut(&words.join(": ")))
    }

    pub(super) fn timeout(detail: impl Into<String>) -> Self {
        Self::new(Kind::Transport, Reason::Timeout, detail)
    }

    /// The same, saying what was asked for.
    pub(super) fn about(mut self, verbs: &str, scope: &Scope) -> Self {
        let scope = resource::shown(scope);
        self.detail = match self.kind {
            Kind::Denied => format!("forbidden: needs {} on {scope}: {}", needs(verbs), self.detail),
            _ => format!("{verbs} {scope}: {}", self.detail),
        };
        self
    }

    /// How the source fails of it.
    pub(super) fn failure(&self) -> Failure {
        Failure::new(Stage::Scan, self.reason, self.detail.clone())
    }

    /// The same as one of several.
    pub(super) fn failure_of(&self, failed: usize, all: usize) -> Failure {
        if all == 1 {
            return self.failure();
        }
        Failure::new(Stage::Scan, self.reason, format!("{failed} of {all} scopes failed: {}", self.detail))
    }

    /// Whether the same request may be answered if it is sent again a little later.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::Limited(_) | Kind::Server | Kind::Transport)
    }
}

fn needs(verbs: &str) -> String {
    if verbs.contains(' ') { format!("the verbs {verbs}") } else { format!("the verb {verbs}") }
}

fn reason_of(error: &(dyn Error + 'static)) -> Option<Reason> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls_reason(error));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // What is inside does not show up as its source.
        let inside = error.get_ref().and_then(|inside| reason_of(inside));
        return inside.or_else(|| Some(io_reason(error)).filter(|reason| *reason != Reason::IoError));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return match error {
            error if error.is_timeout() => Some(Reason::Timeout),
            error if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => Some(Reason::Closed),
            error if error.is_parse() => Some(Reason::HttpProtocolError),
            _ => None,
        };
    }
    // The connector's own type is private.
    let words = error.to_string();
    words.starts_with("dns error").then_some(Reason::DnsFailed)
}

fn tls_reason(error: &rustls::Error) -> Reason {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => Reason::ServerUntrusted,
        rustls::Error::AlertReceived(alert) => alert_reason(*alert),
        rustls::Error::PeerIncompatible(_) => Reason::Incompatible,
        _ => Reason::ProtocolError,
    }
}

/// At most a few lines of what another program says.
pub(super) fn cut(words: &str) -> String {
    const MOST: usize = 400;
    match words.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words.to_owned(),
    }
}
