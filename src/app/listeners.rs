//! The addresses that are listened on: all bound before any is given up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::AppError;
use crate::http;

/// The HTTP servers, one for each address.
pub(super) struct Listeners {
    state: Arc<http::State>,
    grace: Duration,
    servers: BTreeMap<SocketAddr, Server>,
}

struct Server {
    bound: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listeners {
    pub(super) fn new(state: Arc<http::State>, grace: Duration) -> Self {
        Self { state, grace, servers: BTreeMap::new() }
    }

    /// Listens on these addresses and no others. Those that stay are not disturbed.
    ///
    /// # Errors
    /// One cannot be bound; everything stays as it was.
    pub(super) async fn listen(&mut self, addresses: &[SocketAddr]) -> Result<(), AppError> {
        let mut fresh = Vec::new();
        for address in addresses.iter().filter(|address| !self.servers.contains_key(address)) {
            let listener = TcpListener::bind(address).await.map_err(|error| AppError::Bind { address: *address, error })?;
            let bound = listener.local_addr().map_err(|error| AppError::Bind { address: *address, error })?;
            fresh.push((*address, bound, listener));
        }
        self.servers.retain(|address, server| {
            let stays = addresses.contains(address);
            if !stays {
                let _ = server.stop.send(true);
            }
            stays
        });
        for (address, bound, listener) in fresh {
            let (stop, mut stopped) = watch::channel(false);
            let (state, grace) = (self.state.clone(), self.grace);
            let serving = async move {
                let shutdown = async move {
                    let _ = stopped.wait_for(|stop| *stop).await;
                };
                http::serve(listener, state, http::Settings { grace, ..http::Settings::default() }, shutdown).await;
            };
            #[expect(clippy::disallowed_methods, reason = "app starts the servers")]
            let task = tokio::spawn(serving);
            self.servers.insert(address, Server { bound, stop, task });
        }
        Ok(())
    }

    /// The addresses as bound: a port 0 has become a real one.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.values().map(|server| server.bound).collect()
    }

    /// Accepts nothing more and waits for the answers that are under way.
    pub(super) async fn drain(&mut self) {
        for server in self.servers.values() {
            let _ = server.stop.send(true);
        }
        for (_, server) in std::mem::take(&mut self.servers) {
            let _ = server.task.await;
        }
    }
}
