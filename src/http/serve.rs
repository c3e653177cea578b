//! The server: a bounded number of bounded connections, drained at the end.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::{House, Wire, attend};
use super::web::Web;
use super::{Listener, State, router};

/// Bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The most connections at once; more wait in the kernel's backlog.
    pub connections: usize,
    /// The longest time for a TLS handshake.
    pub handshake_timeout: Duration,
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
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            write_timeout: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}

/// A socket that is listened on.
#[derive(Debug)]
pub enum Bound {
    /// An address and port.
    Tcp(TcpListener),
    /// A path.
    Unix(UnixListener),
}

/// What may change while a server runs.
#[derive(Clone)]
pub struct Access {
    /// The web configuration in force.
    pub web: watch::Receiver<Arc<Web>>,
    /// Whether the address serves what can be kept to addresses of its own.
    pub admin: watch::Receiver<bool>,
}

impl Access {
    /// Everything, to everybody, in plain, for ever.
    pub fn open() -> Self {
        Self { web: watch::channel(Arc::new(Web::open())).1, admin: watch::channel(true).1 }
    }
}

/// Serves until `shutdown` resolves, then lets running answers end within the grace time.
///
/// Not cancel safe in one respect: dropping it ends all its connections at once.
pub async fn serve(listener: Bound, state: Arc<State>, access: Access, settings: Settings, shutdown: impl Future<Output = ()>) {
    let local = listener.is_local();
    let routes = [false, true].map(|admin| router(state.clone(), Listener { local, admin }));
    let permits = Arc::new(Semaphore::new(settings.connections));
    let (stop, stopping) = watch::channel(false);
    let house = Arc::new(House::new(routes, state, access, settings, stopping));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &permits) => match accepted {
                Ok((wire, peer, permit)) => {
                    let served = attend(wire, peer, Arc::clone(&house));
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
async fn accept(listener: &Bound, permits: &Arc<Semaphore>) -> io::Result<(Wire, Option<IpAddr>, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (wire, peer) = listener.accept().await?;
    Ok((wire, peer, permit))
}

impl Bound {
    /// Only this machine reaches it.
    fn is_local(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback()),
            Self::Unix(_) => true,
        }
    }

    async fn accept(&self) -> io::Result<(Wire, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Without it the last piece of an answer may wait for an acknowledgement.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Some(peer.ip())))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), None))
            }
        }
    }
}
