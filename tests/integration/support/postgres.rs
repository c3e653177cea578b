//! PostgreSQL as a peer, with the rights of nobody.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::openssl::self_signed;

const NOBODY: u32 = 65_534;

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
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program(name));
        command
    } else {
        Command::new(program(name))
    };
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env("LC_ALL", "C");
    command
}

impl Cluster {
    /// Makes one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        self_signed(folder.path(), &["-newkey", "rsa:2048"]);
        let is_root = rustix::process::geteuid().is_root();
        std::fs::set_permissions(folder.path().join("key.pem"), PermissionsExt::from_mode(0o600)).unwrap();
        for path in [folder.path().to_owned(), folder.path().join("key.pem"), folder.path().join("cert.pem")] {
            if is_root {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
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
