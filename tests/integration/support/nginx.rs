//! nginx as a peer: started on a loopback port, in a folder of its own, without rights.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::running::{Running, free_address};

/// A running nginx; it ends with this.
pub struct Nginx {
    /// Where its server listens.
    pub address: SocketAddr,
    /// Its configuration file.
    pub config: PathBuf,
    _running: Running,
}

impl Nginx {
    /// Starts one with `cert.pem` and `key.pem` of the folder and these directives in its `server`.
    pub fn start(folder: &Path, server: &str) -> Self {
        let address = free_address();
        let home = tempfile::Builder::new().prefix("nginx").tempdir_in(folder).unwrap().keep();
        let config = format!(
            "daemon off; master_process off; pid {home}/pid; error_log {home}/error.log; events {{ worker_connections 64; }}\n\
             http {{ access_log off; client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home};\n\
             uwsgi_temp_path {home}; scgi_temp_path {home};\n\
             server {{ listen {address} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;\n{server}\n}} }}\n",
            home = home.display(),
            folder = folder.display(),
        );
        let path = home.join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(&home).arg("-e").arg(home.join("error.log")).arg("-c").arg(&path);
        Self { address, config: path, _running: Running::server(&mut command, address) }
    }

    /// `nginx -s reload`
    pub fn reload(&self) {
        let home = self.config.parent().unwrap();
        let arguments = [home.as_os_str(), "-e".as_ref(), home.join("error.log").as_os_str(), "-c".as_ref(), self.config.as_os_str()]
            .map(|a: &std::ffi::OsStr| a.to_owned());
        let status = Command::new("nginx").arg("-p").args(arguments).args(["-s", "reload"]).status().unwrap();
        assert!(status.success(), "nginx -s reload: {status}");
    }
}
