//! The server: a bounded number of bounded connections, drained at the end.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::guard::{Activity, Guarded, Patience};
use super::{Listener, State, router};

/// Bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The most connections at once; more wait in the kernel's backlog.
    pub connections: usize,
    /// The longest time from a request's first byte to the end of its head.
    pub head_timeout: Duration,
    /// The longest time between two requests of a connection.
    pub idle_timeout: Duration,
    /// The longest time in which a client reads nothing of its answer.
    pub write_timeout: Duration,
    /// How long running answers may take once the server is told to stop.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 512,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            write_timeout: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}

/// Serves until `shutdown` resolves, then lets running answers end within the grace time.
///
/// Not cancel safe in one respect: dropping it ends all its connections at once.
pub async fn serve(listener: TcpListener, state: Arc<State>, settings: Settings, shutdown: impl Future<Output = ()>) {
    let local = listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
    let router = router(state, Listener { local, admin: true });
    let permits = Arc::new(Semaphore::new(settings.connections));
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, permit)) => {
                    let served = connection(stream, router.clone(), settings, stopping.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    // Most often out of descriptors: waiting is the only cure.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(settings.grace, drained).await.is_err() {
        tracing::warn!(connections = connections.len(), "the grace time is over; connections are cut");
    }
    connections.shutdown().await;
}

/// The next connection, once there is room for it. Cancel safe.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn connection(stream: TcpStream, router: Router, settings: Settings, mut stopping: watch::Receiver<bool>) {
    // Without it the last piece of an answer may wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let activity = Arc::new(Activity::default());
    let patience = Patience { head: settings.head_timeout, idle: settings.idle_timeout, write: settings.write_timeout };
    let guarded = TokioIo::new(Guarded::new(stream, Arc::clone(&activity), patience));
    let routes = TowerToHyperService::new(router);
    let service = {
        let activity = Arc::clone(&activity);
        service_fn(move |request| {
            activity.requested();
            routes.call(request)
        })
    };
    let connection = http1::Builder::new().header_read_timeout(None).serve_connection(guarded, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = async { drop(stopping.wait_for(|stop| *stop).await) } => {
            if activity.is_silent() {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
