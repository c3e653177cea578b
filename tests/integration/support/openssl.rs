//! OpenSSL as a peer: certificates of every kind and `s_server`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs `openssl` in a folder.
pub fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl is installed");
    assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Writes `cert.pem` and `key.pem` for localhost, signed by itself, with a key of these arguments (`-newkey …`).
pub fn self_signed(folder: &Path, new_key: &[&str]) {
    let mut arguments = vec!["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"];
    arguments.extend(new_key);
    openssl(folder, &arguments);
}

/// A running `openssl s_server` with `cert.pem` and `key.pem` of its folder; it ends with this.
pub struct SServer {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl SServer {
    /// Starts one.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_at(folder, "127.0.0.1:0", arguments)
    }

    /// Starts one at an address.
    pub fn start_at(folder: &Path, address: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", address, "-www", "-cert", "cert.pem", "-key", "key.pem"])
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let accepts = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT").map(|at| at.trim().to_owned()));
        // Nobody reads on: the pipe takes the little that it still says. It names a port only that it was not told.
        let told = accepts.expect("s_server says where it listens");
        Self { address: if told.is_empty() { address } else { &told }.parse().unwrap(), child }
    }
}

impl Drop for SServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
