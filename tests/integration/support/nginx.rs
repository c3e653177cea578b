//! nginx as a peer: started on a loopback port, in a folder of its own, without rights.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running nginx; it ends with this.
pub struct Nginx {
    /// Where its server listens.
    pub address: SocketAddr,
    child: Child,
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
        let child = Command::new("nginx")
            .arg("-p")
            .arg(&home)
            .arg("-e")
            .arg(home.join("error.log"))
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        wait_for(address, "nginx");
        Self { address, child }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that was free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Waits until somebody listens there.
pub fn wait_for(address: SocketAddr, who: &str) {
    for _ in 0..200 {
        if TcpStream::connect(address).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{who} does not listen on {address}");
}
