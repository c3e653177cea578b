//! Endpoints to probe: TLS 1.3 with a P-256 certificate, on one port of every loopback address.
//!
//! `serve` prints `listening PORT SILENT`, then answers each line on standard input: an empty one with how many connections it has
//! accepted and how many full handshakes it has finished, `log` with the addresses at which handshakes were finished since the last such
//! line, each as `ADDRESS=SECONDS` since the Unix epoch. Two kinds of endpoints hang: what comes to 127.1.0.0/16 is accepted and told
//! nothing, and the port `SILENT` does not even accept, on any address.

#![expect(clippy::disallowed_methods, reason = "a server outside the program")]

use std::error::Error;
use std::io::{BufRead, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// More than fit into the shortest queue there is.
const FILLERS: usize = 4;

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    finished: AtomicU64,
    log: Mutex<Vec<(IpAddr, SystemTime)>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // The one that every client sends a share of: all of them do the same exchange.
    provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519];
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = listen(BACKLOG)?;
    let (silent, _fillers) = silence().await?;
    println!("listening {} {}", listener.local_addr()?.port(), silent.local_addr()?.port());
    let counts = Arc::new(Counts::default());
    tell(counts.clone());
    loop {
        let (stream, peer) = listener.accept().await?;
        if peer.ip().is_loopback() {
            counts.accepted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(answer(stream, acceptor.clone(), counts.clone()));
        }
    }
}

fn listen(backlog: u32) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
    socket.listen(backlog)
}

/// A port whose queue is full: the kernel answers nobody any more, as behind a firewall that drops.
async fn silence() -> std::io::Result<(TcpListener, Vec<TcpStream>)> {
    let listener = listen(0)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.local_addr()?.port()));
    let mut fillers = Vec::new();
    for _ in 0..FILLERS {
        match tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            Ok(filler) => fillers.push(filler?),
            Err(_) => return Ok((listener, fillers)),
        }
    }
    Err(std::io::Error::other("a queue that does not fill"))
}

/// Answers on standard output; ends the process with standard input.
fn tell(counts: Arc<Counts>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let answer = if line == "log" { counts.log() } else { counts.numbers() };
            let mut output = std::io::stdout().lock();
            if writeln!(output, "{answer}").and_then(|()| output.flush()).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
}

impl Counts {
    fn numbers(&self) -> String {
        format!("{} {}", self.accepted.load(Ordering::Relaxed), self.finished.load(Ordering::Relaxed))
    }

    fn log(&self) -> String {
        let log = std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner));
        let since_epoch = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        log.into_iter().map(|(address, at)| format!("{address}={:.6}", since_epoch(at))).collect::<Vec<_>>().join(" ")
    }

    fn finish(&self, address: IpAddr) {
        self.finished.fetch_add(1, Ordering::Relaxed);
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push((address, SystemTime::now()));
    }
}

async fn answer(mut stream: TcpStream, acceptor: TlsAcceptor, counts: Arc<Counts>) {
    let mut ignored = [0; 64];
    let Ok(own) = stream.local_addr() else { return };
    if matches!(own.ip(), IpAddr::V4(address) if address.octets()[1] == 1) {
        while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
        return;
    }
    let _ = stream.set_nodelay(true);
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Full) {
        counts.finish(own.ip());
    }
    while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
}
