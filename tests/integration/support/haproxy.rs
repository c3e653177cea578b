//! HAProxy as a peer.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::running::{Running, free_address};

/// A running HAProxy; it ends with this.
pub struct Haproxy {
    /// Where it listens.
    pub address: SocketAddr,
    _running: Running,
}

impl Haproxy {
    /// Starts one with `cert.pem` and `key.pem` of the folder and these words behind its `bind`; it answers every request with 200.
    pub fn start(folder: &Path, bind: &str) -> Self {
        let address = free_address();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        std::fs::write(folder.join("both.pem"), read("cert.pem") + &read("key.pem")).unwrap();
        let config = format!(
            "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n\
             frontend f\n bind {address} ssl crt {folder}/both.pem {bind}\n http-request return status 200\n",
            folder = folder.display(),
        );
        let path = folder.join(format!("haproxy-{}.cfg", address.port()));
        std::fs::write(&path, config).unwrap();
        let running = Running::server(Command::new("haproxy").arg("-db").arg("-f").arg(&path), address);
        Self { address, _running: running }
    }
}
