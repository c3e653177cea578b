//! nginx as a peer: started on a loopback port, in a folder of its own, without rights.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::running::{Running, free_address};

/// A running nginx; it ends with this.
pub struct Nginx {
    /// Where its server listens.
    pub address: SocketAddr,
    /// Its configuration file.
    pub config: PathBuf,
    running: Running,
}

impl Nginx {
    /// Starts one with `cert.pem` and `key.pem` of the folder and these directives in its `server`.
    pub fn start(folder: &Path, server: &str) -> Self {
        Self::started(folder, server, false)
    }

    /// The same with a master process, which can be told to reload.
    pub fn reloadable(folder: &Path, server: &str) -> Self {
        Self::started(folder, server, true)
    }

    fn started(folder: &Path, server: &str, with_master: bool) -> Self {
        let address = free_address();
        let home = tempfile::Builder::new().prefix("nginx").tempdir_in(folder).unwrap().keep();
        let config = format!(
            "daemon off; master_process {master}; worker_processes 1; pid {home}/pid; error_log {home}/error.log; events {{ worker_connections 64; }}\n\
             http {{ access_log off; client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home};\n\
             uwsgi_temp_path {home}; scgi_temp_path {home};\n\
             server {{ listen {address} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;\n{server}\n}} }}\n",
            master = if with_master { "on" } else { "off" },
            home = home.display(),
            folder = folder.display(),
        );
        let path = home.join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(&home).arg("-e").arg(home.join("error.log")).arg("-c").arg(&path);
        Self { address, config: path, running: Running::server(&mut command, address) }
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

impl Drop for Nginx {
    /// A master that is killed leaves its workers behind.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.running.0), Signal::TERM);
        for _ in 0..100 {
            if matches!(self.running.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
