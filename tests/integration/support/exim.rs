//! Exim as a peer, with the rights of nobody.
//!
//! Only administrators may start its daemon, and it takes a TCP connection on its standard input from them alone; everybody may speak SMTP
//! with it through a local socket. So each connection has an Exim of its own, which a thread hands the bytes to and from.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::nobody;

/// A listening SMTP server; it ends with this.
pub struct Exim {
    /// Where it listens.
    pub address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Exim {
    /// Starts one with this certificate chain and key, or one that offers no TLS.
    pub fn start(pair: Option<(&str, &str)>) -> Self {
        let (folder, path) = nobody::folder(pair);
        std::fs::create_dir(path.join("spool")).unwrap();
        let config = format!(
            "primary_hostname = mail.localhost\nspool_directory = {path}/spool\nlog_file_path = {path}/%slog\n\
             tls_certificate = {path}/cert.pem\ntls_privatekey = {path}/key.pem\ntls_advertise_hosts = {offered}\n\
             host_lookup =\nkeep_environment =\n",
            path = path.display(),
            offered = if pair.is_some() { "*" } else { "" },
        );
        std::fs::write(path.join("exim.conf"), config).unwrap();
        nobody::give(&path);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let ended = ends.clone();
        let thread = std::thread::spawn(move || {
            let mut connections = Vec::new();
            for client in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let path = path.clone();
                connections.push(std::thread::spawn(move || serve(&client.unwrap(), &path)));
            }
            for connection in connections {
                connection.join().unwrap();
            }
        });
        Self { address, ends, thread: Some(thread), _folder: folder }
    }
}

fn serve(client: &TcpStream, folder: &Path) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = nobody::command(Path::new("/usr/sbin/exim4"), folder)
        .arg("-C")
        .arg(folder.join("exim.conf"))
        .arg("-bs")
        .stdin(OwnedFd::from(theirs.try_clone().unwrap()))
        .stdout(OwnedFd::from(theirs))
        .spawn()
        .expect("exim4 is installed");
    // Either side may hang up first, even with bytes under way: then the other one is told.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::copy(&mut &*client, &mut &ours);
            let _ = ours.shutdown(Shutdown::Both);
        });
        let _ = std::io::copy(&mut &ours, &mut &*client);
        let _ = client.shutdown(Shutdown::Both);
    });
    child.wait().unwrap();
}

impl Drop for Exim {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // It waits for one more connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
