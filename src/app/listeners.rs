//! The addresses that are listened on: all bound before any is given up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::AppError;
use super::sockets::{self, Inherited, Socket, SocketPath};
use crate::config::server::Listen;
use crate::http;
use crate::http::web::Web;

/// The HTTP servers, for each entry those of its sockets.
pub(super) struct Listeners {
    state: Arc<http::State>,
    web: watch::Receiver<Arc<Web>>,
    inherited: Inherited,
    grace: Duration,
    servers: BTreeMap<Listen, Vec<Server>>,
    /// The entries that name sockets of the service manager.
    names: Vec<String>,
}

struct Server {
    at: Listen,
    path: Option<SocketPath>,
    admin: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Where to listen.
pub(super) struct Addresses {
    pub(super) listen: Vec<Listen>,
    /// Where alone the API, `/probe` and `/-/reload` are served; none: everywhere.
    pub(super) admin_listen: Vec<Listen>,
    pub(super) unix_mode: u32,
}

/// The sockets for new addresses, beside what stays.
pub(super) struct Bound {
    addresses: Addresses,
    names: Vec<String>,
    fresh: BTreeMap<Listen, Vec<Socket>>,
}

impl Addresses {
    fn all(&self) -> impl Iterator<Item = &Listen> {
        self.listen.iter().chain(&self.admin_listen)
    }

    fn is_admin(&self, listen: &Listen) -> bool {
        self.admin_listen.is_empty() || self.admin_listen.contains(listen)
    }
}

impl Listeners {
    pub(super) fn new(state: Arc<http::State>, web: watch::Receiver<Arc<Web>>, inherited: Inherited, grace: Duration) -> Self {
        Self { state, web, inherited, grace, servers: BTreeMap::new(), names: Vec::new() }
    }

    /// Binds what is not listened on yet. Cancel safe: what is not passed on is given up.
    ///
    /// # Errors
    /// One cannot be bound.
    pub(super) async fn bind(&self, addresses: Addresses) -> Result<Bound, AppError> {
        let name = |listen: &Listen| if let Listen::Systemd(name) = listen { name.clone() } else { None };
        let names: Vec<String> = addresses.all().filter_map(name).collect();
        // "All that no other entry names" are others then.
        let is_moved = |listen: &Listen| *listen == Listen::Systemd(None) && names != self.names;
        let mut fresh = BTreeMap::new();
        for listen in addresses.all().filter(|listen| !self.servers.contains_key(listen) || is_moved(listen)) {
            let sockets = sockets::bind(listen, addresses.unix_mode, &self.inherited, &names).await;
            fresh.insert(listen.clone(), sockets.map_err(|error| AppError::Bind { address: listen.clone(), error })?);
        }
        Ok(Bound { addresses, names, fresh })
    }

    /// Listens on these addresses and no others. Those that stay are not disturbed.
    pub(super) fn listen(&mut self, bound: Bound) {
        let Bound { addresses, names, fresh } = bound;
        self.servers.retain(|listen, servers| {
            let stays = addresses.all().any(|wanted| wanted == listen) && !fresh.contains_key(listen);
            for server in servers.iter_mut() {
                if stays {
                    server.stay(addresses.is_admin(listen), addresses.unix_mode);
                } else {
                    server.leave();
                }
            }
            stays
        });
        for (listen, sockets) in fresh {
            let servers = sockets.into_iter().map(|socket| self.serve(socket, addresses.is_admin(&listen))).collect();
            self.servers.insert(listen, servers);
        }
        self.names = names;
    }

    fn serve(&self, socket: Socket, is_admin: bool) -> Server {
        let Socket { bound, at, path } = socket;
        let (stop, mut stopped) = watch::channel(false);
        let (admin, is_admin) = watch::channel(is_admin);
        let access = http::Access { web: self.web.clone(), admin: is_admin };
        let (state, settings) = (self.state.clone(), http::Settings { grace: self.grace, ..http::Settings::default() });
        let serving = async move {
            let shutdown = async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            http::serve(bound, state, access, settings, shutdown).await;
        };
        #[expect(clippy::disallowed_methods, reason = "app starts the servers")]
        let task = tokio::spawn(serving);
        Server { at, path, admin, stop, task }
    }

    /// The addresses as bound: a port 0 has become a real one.
    pub(super) fn addresses(&self) -> Vec<Listen> {
        self.servers.values().flatten().map(|server| server.at.clone()).collect()
    }

    /// Accepts nothing more and waits for the answers that are under way.
    pub(super) async fn drain(&mut self) {
        self.servers.values_mut().flatten().for_each(Server::leave);
        for server in std::mem::take(&mut self.servers).into_values().flatten() {
            let _ = server.task.await;
        }
    }
}

impl Server {
    fn stay(&self, is_admin: bool, unix_mode: u32) {
        self.admin.send_replace(is_admin);
        if let Some(Err(error)) = self.path.as_ref().map(|path| path.set_mode(unix_mode)) {
            tracing::warn!(address = %self.at, %error, "the socket keeps its mode");
        }
    }

    fn leave(&mut self) {
        self.path = None;
        let _ = self.stop.send(true);
    }
}
