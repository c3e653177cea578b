//! TLS servers for tests that are not asynchronous themselves.

use std::net::{SocketAddr, TcpListener};

use super::ca::Issued;
use super::tls_server::{Mode, Setup, TlsServer};

/// Servers and the thread that they run on.
pub struct Servers {
    running: Vec<TlsServer>,
    runtime: tokio::runtime::Runtime,
}

impl Servers {
    /// None yet.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { running: Vec::new(), runtime }
    }

    /// One that serves this chain.
    pub fn tls(&mut self, issued: &Issued) -> SocketAddr {
        self.start(Mode::Tls(Setup::new(issued)))
    }

    /// One with habits.
    pub fn start(&mut self, mode: Mode) -> SocketAddr {
        let server = self.runtime.block_on(TlsServer::start(mode));
        self.running.push(server);
        self.running.last().unwrap().address
    }
}

/// A port of 127.0.0.1 that nobody listens on just now.
pub fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
