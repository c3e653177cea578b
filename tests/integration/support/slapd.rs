//! OpenLDAP as a peer, with the rights of nobody.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;

use super::nginx::{free_address, wait_for};
use super::nobody;

/// A running LDAP server without any database; it ends with this.
pub struct Slapd {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Slapd {
    /// Starts one with this certificate chain and key, or one without TLS.
    pub fn start(pair: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let (chain, key) = pair.unwrap_or_default();
        std::fs::write(path.join("cert.pem"), chain).unwrap();
        std::fs::write(path.join("key.pem"), key).unwrap();
        let pid = format!("pidfile {}/pid\n", path.display());
        let tls = format!("TLSCertificateFile {path}/cert.pem\nTLSCertificateKeyFile {path}/key.pem\n", path = path.display());
        std::fs::write(path.join("slapd.conf"), if pair.is_some() { pid + &tls } else { pid }).unwrap();
        nobody::give(&path);
        let address = free_address();
        let child = nobody::command(Path::new("/usr/sbin/slapd"), &path)
            .args(["-f", "slapd.conf", "-h", &format!("ldap://{address}"), "-d", "0"])
            .spawn()
            .expect("slapd is installed");
        let slapd = Self { address, child, _folder: folder };
        wait_for(address, "slapd");
        slapd
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
