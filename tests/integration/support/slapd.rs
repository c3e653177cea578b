//! OpenLDAP as a peer, with the rights of nobody.

use std::net::SocketAddr;
use std::path::Path;

use super::nobody;
use super::running::{Running, free_address};

/// A running LDAP server without any database; it ends with this.
pub struct Slapd {
    /// Where it listens.
    pub address: SocketAddr,
    _running: Running,
    _folder: tempfile::TempDir,
}

impl Slapd {
    /// Starts one with this certificate chain and key, or one without TLS.
    pub fn start(pair: Option<(&str, &str)>) -> Self {
        let (folder, path) = nobody::folder(pair);
        let pid = format!("pidfile {}/pid\n", path.display());
        let tls = format!("TLSCertificateFile {path}/cert.pem\nTLSCertificateKeyFile {path}/key.pem\n", path = path.display());
        std::fs::write(path.join("slapd.conf"), if pair.is_some() { pid + &tls } else { pid }).unwrap();
        nobody::give(&path);
        let address = free_address();
        let mut command = nobody::command(Path::new("/usr/sbin/slapd"), &path);
        command.args(["-f", "slapd.conf", "-h", &format!("ldap://{address}"), "-d", "0"]);
        Self { address, _running: Running::server(&mut command, address), _folder: folder }
    }
}
