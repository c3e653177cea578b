//! One connection, from its handshake to its end: which protocol it speaks, and who may ask.

use std::convert::Infallible;
use std::future::pending;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::guard::{Activity, Guarded, Patience};
use super::serve::{Access, Settings};
use super::web::{Terms, Web};
use super::{State, streams};
use crate::model::vocabulary::RefusedReason;

/// How long a client that was turned away in its handshake may take to hear of it.
const LINGER: Duration = Duration::from_secs(1);
/// What is taken of it meanwhile.
const LINGER_BYTES: usize = 64 << 10;

/// Bytes both ways.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}

/// A connection's bytes, whatever carries them.
pub type Wire = Box<dyn Bytes>;

/// What all connections of a server share.
pub struct House {
    /// Without and with what can be kept to addresses of its own.
    routes: [Router; 2],
    state: Arc<State>,
    access: Access,
    pub(super) settings: Settings,
    stopping: watch::Receiver<bool>,
    opened_at: Instant,
}

impl House {
    pub(super) fn new(routes: [Router; 2], state: Arc<State>, access: Access, settings: Settings, stopping: watch::Receiver<bool>) -> Self {
        Self { routes, state, access, settings, stopping, opened_at: Instant::now() }
    }

    fn web(&self) -> Arc<Web> {
        Arc::clone(&self.access.web.borrow())
    }

    /// Answers a request by what is in force now, whatever was when its connection came.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: Option<IpAddr>) -> Result<Response<Body>, Infallible> {
        let web = self.web();
        let mut answer = match web.admit(request.headers(), peer, &self.state.turns, self.opened_at.elapsed()).await {
            Ok(()) => {
                let admin = *self.access.admin.borrow();
                let routes = TowerToHyperService::new(self.routes[usize::from(admin)].clone());
                routes.call(request).await?
            }
            Err((reason, answer)) => {
                self.state.counters.turned_away(reason);
                tracing::debug!(?peer, %reason, "a request was turned away");
                answer
            }
        };
        web.dress(&mut answer);
        Ok(answer)
    }

    /// Resolves when connections that came on these terms shall end with their running answers.
    pub(super) async fn farewell(&self, terms: &Terms) {
        let (mut stopping, mut web) = (self.stopping.clone(), self.access.web.clone());
        let stopped = async {
            if stopping.wait_for(|stop| *stop).await.is_err() {
                pending::<()>().await;
            }
        };
        let changed = async {
            if web.wait_for(|web| web.terms() != terms).await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! { () = stopped => (), () = changed => () }
    }
}

/// Serves a connection to its end.
pub async fn attend(wire: Wire, peer: Option<IpAddr>, house: Arc<House>) {
    let web = house.web();
    let terms = web.terms().clone();
    let (wire, is_h2) = match web.tls().cloned() {
        None => (wire, false),
        Some(config) => {
            let shaken = timeout(house.settings.handshake_timeout, TlsAcceptor::from(config).accept(wire).into_fallible());
            let shaken = tokio::select! {
                shaken = shaken => shaken,
                () = house.farewell(&terms) => return,
            };
            match shaken {
                Ok(Ok(stream)) => {
                    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    (Box::new(stream) as Wire, is_h2)
                }
                // A client that went away: a probe that only connects, as a rule.
                Ok(Err((error, _))) if error.kind() == ErrorKind::UnexpectedEof => return,
                Ok(Err((error, wire))) => {
                    house.handshake_failed(peer, reason(&error), &error);
                    return linger(wire).await;
                }
                Err(elapsed) => return house.handshake_failed(peer, RefusedReason::Handshake, &elapsed),
            }
        }
    };
    drop(web);
    if is_h2 {
        return streams::serve(wire, peer, &house, &terms).await;
    }
    plain(wire, peer, &house, &terms).await;
}

impl House {
    fn handshake_failed(&self, peer: Option<IpAddr>, reason: RefusedReason, error: &dyn std::fmt::Display) {
        self.state.counters.turned_away(reason);
        tracing::debug!(?peer, %reason, %error, "a handshake failed");
    }
}

/// Takes what the client still sends, for a moment: closed at once, the connection would be reset, and the alert that says why be lost.
async fn linger(mut wire: Wire) {
    let lingering = async {
        wire.shutdown().await.ok()?;
        let (mut sink, mut left) = ([0; 1024], LINGER_BYTES);
        while left > 0 {
            left = left.saturating_sub(wire.read(&mut sink).await.ok().filter(|read| *read > 0)?);
        }
        Some(())
    };
    let _ = timeout(LINGER, lingering).await;
}

/// Whether it was the client's certificate that was not good enough.
fn reason(error: &std::io::Error) -> RefusedReason {
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => RefusedReason::ClientCertificate,
        _ => RefusedReason::Handshake,
    }
}

/// HTTP/1.1
async fn plain(wire: Wire, peer: Option<IpAddr>, house: &Arc<House>, terms: &Terms) {
    let settings = house.settings;
    let activity = Arc::new(Activity::default());
    let patience = Patience { head: settings.head_timeout, idle: settings.idle_timeout, write: settings.write_timeout };
    let guarded = TokioIo::new(Guarded::new(wire, Arc::clone(&activity), patience));
    let service = service_fn(|request| {
        activity.requested();
        house.answer(request, peer)
    });
    let connection = http1::Builder::new().header_read_timeout(None).serve_connection(guarded, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = house.farewell(terms) => {
            if activity.is_silent() {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    said(ended);
}

/// A client that goes away in the middle is nothing to speak of.
pub(super) fn said(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
