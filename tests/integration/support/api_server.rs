//! An API server in this process that behaves like the real one where it hurts.

mod request;
mod serve;
mod store;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::ca::{Ca, Issued};
pub use request::Asked;
pub use store::Store;

/// What the server does with `sendInitialEvents`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    /// Streams the list.
    Supported,
    /// Does not know the parameter: an ordinary watch from the state as it is.
    Ignored,
    /// Knows it and may not: 422.
    Refused,
    /// 200, and then an ERROR 500 in the stream, as on an old etcd.
    Broken,
}

/// How an open watch is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As after `timeoutSeconds`.
    End,
    /// The connection is cut in the middle of an event.
    Cut,
    /// An ERROR with this code in the stream, then the end.
    Error(u16),
    /// None: a bookmark.
    Bookmark,
}

/// What the server is told to do; all of it may be changed while it runs.
pub struct Switches {
    /// See [`Streaming`].
    pub streaming: Streaming,
    /// Whether a watch from a forgotten resource version is refused by HTTP 410, or by an ERROR in the stream.
    pub gone_by_http: bool,
    /// So many of the next requests with a continue token get 410.
    pub expired_continues: usize,
    /// So many of the next requests get this status, and `Retry-After` in seconds.
    pub failures: Vec<(u16, Option<u64>)>,
    /// The bearer token that is asked for.
    pub token: Option<String>,
    /// Verb, resource and namespace that are forbidden; `*` is any.
    pub denied: Vec<[String; 3]>,
    /// Resources that the server does not have.
    pub missing: Vec<String>,
    /// Bodies go out in pieces of so many bytes, with a pause between them.
    pub slow: Option<(usize, Duration)>,
    /// So many of the next lists are cut after this many bytes.
    pub cut_lists: Vec<usize>,
    /// How often a watch that asks for bookmarks gets one.
    pub bookmark_every: Duration,
}

/// A running API server; it ends with this.
pub struct KubeServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<TlsAcceptor>,
    ca_pem: Option<String>,
    task: Option<JoinHandle<()>>,
}

/// What the server's tasks share.
pub struct Shared {
    store: Mutex<Store>,
    switches: Mutex<Switches>,
    asked: Mutex<Vec<Asked>>,
    orders: Mutex<Vec<Order>>,
    /// Sends whenever a watch may have something to do.
    changed: tokio::sync::watch::Sender<u64>,
}

impl KubeServer {
    /// On plain HTTP.
    pub async fn start() -> Self {
        Self::on(None, None).await
    }

    /// On TLS, with a certificate for 127.0.0.1.
    pub async fn start_tls(ca: &Ca, issued: &Issued) -> Self {
        let config = super::tls_server::Setup::new(issued).config();
        Self::on(Some(TlsAcceptor::from(Arc::new(config))), Some(ca.pem())).await
    }

    async fn on(acceptor: Option<TlsAcceptor>, ca_pem: Option<String>) -> Self {
        let switches = Switches {
            streaming: Streaming::Supported,
            gone_by_http: false,
            expired_continues: 0,
            failures: Vec::new(),
            token: None,
            denied: Vec::new(),
            missing: Vec::new(),
            slow: None,
            cut_lists: Vec::new(),
            bookmark_every: Duration::from_secs(60),
        };
        let shared = Arc::new(Shared {
            store: Mutex::new(Store::default()),
            switches: Mutex::new(switches),
            asked: Mutex::default(),
            orders: Mutex::default(),
            changed: tokio::sync::watch::Sender::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve::serve(listener, acceptor.clone(), Arc::clone(&shared)));
        Self { address, shared, acceptor, ca_pem, task: Some(task) }
    }

    /// Creates or changes an object of `secrets`, `ingresses.networking.k8s.io` …; its resource version.
    pub fn put(&self, resource: &str, object: Value) -> u64 {
        let version = self.shared.store.lock().unwrap().put(resource, object);
        self.wake();
        version
    }

    /// Deletes an object; cluster-scoped ones have no namespace (`""`).
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) {
        self.shared.store.lock().unwrap().delete(resource, namespace, name);
        self.wake();
    }

    /// Whatever a watch has not seen yet is forgotten: it gets 410.
    pub fn forget_history(&self) {
        self.shared.store.lock().unwrap().forget_history();
    }

    /// Changes what the server does.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.shared.switches.lock().unwrap());
    }

    /// Forbids; `*` is any. The namespace of a request for all of them is empty.
    pub fn deny(&self, verb: &str, resource: &str, namespace: &str) {
        self.switch(|switches| switches.denied.push([verb, resource, namespace].map(str::to_owned)));
    }

    /// Tells every open watch.
    pub fn order(&self, order: Order) {
        self.shared.orders.lock().unwrap().push(order);
        self.wake();
    }

    /// Every request so far.
    pub fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.shared.asked.lock().unwrap()
    }

    /// How many watches have been begun of this resource, without lists that are streamed.
    pub fn watches(&self, resource: &str) -> usize {
        self.asked().iter().filter(|asked| asked.resource == resource && asked.is_watch() && !asked.streams_list()).count()
    }

    /// Is gone: nothing listens, and every connection is cut.
    pub async fn go_away(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Listens again on the same port.
    pub async fn come_back(&mut self) {
        assert!(self.task.is_none(), "it is still there");
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.task = Some(tokio::spawn(serve::serve(listener, self.acceptor.clone(), Arc::clone(&self.shared))));
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let scheme = if self.acceptor.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// A kubeconfig for it in this folder, with the context `test`.
    pub fn kubeconfig(&self, folder: &Path) -> PathBuf {
        let ca = self.ca_pem.as_ref().map_or_else(String::new, |pem| {
            format!("    certificate-authority-data: {}\n", base64::engine::general_purpose::STANDARD.encode(pem))
        });
        let token = self.shared.switches.lock().unwrap().token.clone();
        let user = token.map_or_else(|| "  user: {}\n".to_owned(), |token| format!("  user:\n    token: {token}\n"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: test\n  cluster:\n    server: {}\n{ca}users:\n- name: test\n{user}contexts:\n- name: test\n  context:\n    cluster: test\n    user: test\n",
            self.url()
        );
        let path = folder.join("kubeconfig");
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    }

    fn wake(&self) {
        self.shared.changed.send_modify(|count| *count += 1);
    }
}

impl Drop for KubeServer {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}
