//! What stands before a TLS server: a protocol that begins in clear, a proxy, a load balancer's header. Then bytes go to and fro.

#![allow(clippy::disallowed_methods, reason = "a server needs tasks")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is said before.
#[derive(Clone, Copy)]
pub enum Kind {
    /// SMTP with STARTTLS, then the server's TLS.
    Smtp,
    /// SMTP whose last word brings more in the same packet.
    SmtpInjecting,
    /// HTTP CONNECT that connects to the server, whatever it is asked for; with the credentials it wants.
    Connect(Option<&'static str>),
    /// SOCKS5 that connects to the server, whatever it is asked for; with the user and password it wants.
    Socks5(Option<(&'static str, &'static str)>),
    /// A header of the PROXY protocol of so many bytes.
    ProxyHeader(usize),
}

/// A running front; it ends with this.
pub struct Front {
    /// Where it listens.
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Front {
    /// Starts one before a server.
    pub async fn start(kind: Kind, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = heard.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let notes = notes.clone();
                connections.spawn(async move {
                    let mut said = Vec::new();
                    let goes_on = before(kind, &mut stream, &mut said).await.unwrap_or(false);
                    notes.lock().unwrap().push(said);
                    if goes_on {
                        let mut behind = TcpStream::connect(server).await.unwrap();
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
                    }
                });
            }
        });
        Self { address, heard, task }
    }

    /// What each connection began with.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn before(kind: Kind, stream: &mut TcpStream, said: &mut Vec<u8>) -> std::io::Result<bool> {
    match kind {
        Kind::Smtp | Kind::SmtpInjecting => {
            stream.write_all(b"220 mail.example.com ESMTP\r\n").await?;
            until(stream, said, b"\r\n").await?;
            stream.write_all(b"250-mail.example.com\r\n250 STARTTLS\r\n").await?;
            until(stream, said, b"STARTTLS\r\n").await?;
            let last: &[u8] = if matches!(kind, Kind::Smtp) { b"220 go\r\n" } else { b"220 go\r\n250 injected\r\n" };
            stream.write_all(last).await?;
        }
        Kind::Connect(wanted) => {
            until(stream, said, b"\r\n\r\n").await?;
            let head = String::from_utf8_lossy(said).into_owned();
            if wanted.is_some_and(|wanted| !head.contains(&format!("\r\nProxy-Authorization: Basic {wanted}\r\n"))) {
                stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await?;
                return Ok(false);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        }
        Kind::Socks5(wanted) => {
            let ways = exact(stream, said, 2).await?;
            let ways = exact(stream, said, ways[1].into()).await?;
            let way = if wanted.is_some() { 2 } else { 0 };
            if !ways.contains(&way) {
                stream.write_all(&[5, 0xff]).await?;
                return Ok(false);
            }
            stream.write_all(&[5, way]).await?;
            if let Some((user, password)) = wanted {
                let length = exact(stream, said, 2).await?[1].into();
                let found_user = exact(stream, said, length).await?;
                let length = exact(stream, said, 1).await?[0].into();
                let found = (found_user, exact(stream, said, length).await?);
                let is_right = found == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
                stream.write_all(&[1, (!is_right).into()]).await?;
                if !is_right {
                    return Ok(false);
                }
            }
            let head = exact(stream, said, 5).await?;
            assert_eq!(head[..4], [5, 1, 0, 3], "a name");
            exact(stream, said, usize::from(head[4]) + 2).await?;
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        }
        Kind::ProxyHeader(bytes) => {
            exact(stream, said, bytes).await?;
        }
    }
    Ok(true)
}

async fn exact(stream: &mut TcpStream, said: &mut Vec<u8>, count: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await?;
    said.extend(&bytes);
    Ok(bytes)
}

async fn until(stream: &mut TcpStream, said: &mut Vec<u8>, end: &[u8]) -> std::io::Result<()> {
    while !said.ends_with(end) {
        said.push(stream.read_u8().await?);
    }
    Ok(())
}
