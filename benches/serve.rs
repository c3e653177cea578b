//! Endpoints to probe: TLS 1.3 with a P-256 certificate, on one port of every loopback address.
//!
//! `serve` prints `listening PORT`, then answers each line on standard input with how many connections it has accepted and how many
//! handshakes it has finished. What comes to 127.1.0.0/16 is accepted and told nothing: endpoints that hang.

#![expect(clippy::disallowed_methods, reason = "a server outside the program")]

use std::error::Error;
use std::io::{BufRead, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    finished: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    println!("listening {}", listener.local_addr()?.port());
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

/// Answers on standard output; ends the process with standard input.
fn tell(counts: Arc<Counts>) {
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            let (accepted, finished) = (counts.accepted.load(Ordering::Relaxed), counts.finished.load(Ordering::Relaxed));
            let mut output = std::io::stdout().lock();
            if writeln!(output, "{accepted} {finished}").and_then(|()| output.flush()).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
}

async fn answer(mut stream: TcpStream, acceptor: TlsAcceptor, counts: Arc<Counts>) {
    let mut ignored = [0; 64];
    let hangs = stream.local_addr().is_ok_and(|own| matches!(own.ip(), IpAddr::V4(address) if address.octets()[1] == 1));
    if hangs {
        while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
        return;
    }
    let _ = stream.set_nodelay(true);
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    counts.finished.fetch_add(1, Ordering::Relaxed);
    while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
}
