//! PostgreSQL as a peer, with the rights of nobody.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use super::nobody;
use super::openssl::self_signed;

/// A data folder with a certificate.
pub struct Cluster {
    folder: tempfile::TempDir,
}

/// A running server; it ends with this.
pub struct Postgres {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let found = versions.map(|version| version.unwrap().path().join("bin").join(name)).find(|path| path.exists());
    found.expect("PostgreSQL's server is installed")
}

/// PostgreSQL does not start as root.
fn command(name: &str, folder: &Path) -> Command {
    nobody::command(&program(name), folder)
}

impl Cluster {
    /// Makes one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        self_signed(folder.path(), &["-newkey", "rsa:2048"]);
        nobody::give(folder.path());
        let done = command("initdb", folder.path()).args(["-D", "data", "-A", "trust", "-U", "nobody", "--no-sync"]).status().unwrap();
        assert!(done.success(), "initdb: {done}");
        Self { folder }
    }

    /// Starts the server, with TLS or without.
    pub fn start(&self, tls: bool) -> Postgres {
        let folder = self.folder.path().canonicalize().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = command("postgres", &folder)
            .args(["-D", "data", "-h", "127.0.0.1", "-p", &address.port().to_string(), "-F"])
            .args(["-c", &format!("unix_socket_directories={}", folder.display())])
            .args(["-c", if tls { "ssl=on" } else { "ssl=off" }])
            .args(["-c", &format!("ssl_cert_file={}", folder.join("cert.pem").display())])
            .args(["-c", &format!("ssl_key_file={}", folder.join("key.pem").display())])
            .spawn()
            .expect("PostgreSQL starts");
        let postgres = Postgres { address, child };
        for _ in 0..400 {
            if TcpStream::connect(address).is_ok() {
                return postgres;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL does not listen");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT: a fast shutdown; its own children end with it.
        if let Some(id) = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        }
        let _ = self.child.wait();
    }
}
