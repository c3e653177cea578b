//! A TLS server in this process, on a port of its own, with every bad habit a test may want.

#![allow(clippy::disallowed_methods, reason = "a server needs tasks")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::ca::{Ca, Issued};

/// Offer TLS 1.2 alone.
pub const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
/// Offer TLS 1.3 alone.
pub const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
/// Offer both.
pub const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// How a proper server is set up.
pub struct Setup {
    /// Sent as it is.
    pub chain: Vec<CertificateDer<'static>>,
    /// Signs the handshake; a server that does not hold the chain's key has another.
    pub key: PrivateKeyDer<'static>,
    /// Stapled as it is.
    pub staple: Option<Vec<u8>>,
    /// Versions offered.
    pub versions: &'static [&'static SupportedProtocolVersion],
    /// Application protocols.
    pub alpn: Vec<Vec<u8>>,
    /// Ask for a client certificate of this CA; whether one is required.
    pub client_ca: Option<(CertificateDer<'static>, bool)>,
    /// Session tickets sent after a TLS 1.3 handshake.
    pub tickets: usize,
}

impl Setup {
    /// Both versions, nothing special.
    pub fn new(issued: &Issued) -> Self {
        Self { chain: issued.chain(), key: issued.key_der(), staple: None, versions: BOTH, alpn: Vec::new(), client_ca: None, tickets: 2 }
    }

    /// Only these versions.
    pub fn versions(self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        Self { versions, ..self }
    }

    /// Send this instead.
    pub fn chain(self, chain: Vec<CertificateDer<'static>>) -> Self {
        Self { chain, ..self }
    }

    /// Hold another's key.
    pub fn key_of(self, other: &Issued) -> Self {
        Self { key: other.key_der(), ..self }
    }

    /// Staple these bytes.
    pub fn staple(self, staple: &[u8]) -> Self {
        Self { staple: Some(staple.to_vec()), ..self }
    }

    /// Choose among these application protocols.
    pub fn alpn(self, names: &[&str]) -> Self {
        Self { alpn: names.iter().map(|name| name.as_bytes().to_vec()).collect(), ..self }
    }

    /// Ask for a client certificate, and take none.
    pub fn client_certificate_optional(self, ca: &Ca) -> Self {
        Self { client_ca: Some((ca.der().clone(), false)), ..self }
    }

    /// Ask for a client certificate, and refuse without.
    pub fn client_certificate_required(self, ca: &Ca) -> Self {
        Self { client_ca: Some((ca.der().clone(), true)), ..self }
    }

    /// As rustls wants it.
    pub fn config(self) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let signing_key = provider.key_provider.load_private_key(self.key).unwrap();
        let certified = CertifiedKey { cert: self.chain, key: signing_key, ocsp: self.staple };
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(self.versions).unwrap();
        let builder = match self.client_ca {
            None => builder.with_no_client_auth(),
            Some((ca, required)) => {
                let mut roots = RootCertStore::empty();
                roots.add(ca).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(Always(Arc::new(certified))));
        config.alpn_protocols = self.alpn;
        config.send_tls13_tickets = self.tickets;
        config
    }
}

/// What a server does with each connection.
pub enum Mode {
    /// TLS, until the client closes.
    Tls(Setup),
    /// TLS, begun only after so long.
    Late(Duration, Setup),
    /// Accepts and says nothing, reads nothing.
    StallAfterAccept,
    /// Reads the ClientHello and says nothing.
    StallAfterHello,
    /// Reads the ClientHello, says this, and holds the connection.
    Answer(Vec<u8>),
    /// Says this at once, before any ClientHello.
    Banner(Vec<u8>),
    /// Reads the ClientHello and closes.
    CloseAfterHello,
    /// Reads the ClientHello, says this, and closes.
    AnswerAndClose(Vec<u8>),
    /// Reads the ClientHello and repeats this for ever.
    Flood(Vec<u8>),
}

/// A running server; it ends with this.
pub struct TlsServer {
    /// Where it listens: 127.0.0.1 and a port.
    pub address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    all: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
}

impl TlsServer {
    /// Starts one.
    pub async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let counted = counts.clone();
        let habit = Arc::new(Habit::of(mode));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (habit, counts) = (habit.clone(), counted.clone());
                counts.all.fetch_add(1, Ordering::SeqCst);
                counts.most.fetch_max(counts.open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                connections.spawn(async move {
                    habit.serve(stream).await;
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, counts, task }
    }

    /// A proper TLS server.
    pub async fn tls(setup: Setup) -> Self {
        Self::start(Mode::Tls(setup)).await
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.counts.all.load(Ordering::SeqCst)
    }

    /// The most connections that were open at once.
    pub fn most_at_once(&self) -> usize {
        self.counts.most.load(Ordering::SeqCst)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

enum Habit {
    Tls(Duration, TlsAcceptor),
    Raw(Mode),
}

impl Habit {
    fn of(mode: Mode) -> Self {
        match mode {
            Mode::Tls(setup) => Self::Tls(Duration::ZERO, TlsAcceptor::from(Arc::new(setup.config()))),
            Mode::Late(after, setup) => Self::Tls(after, TlsAcceptor::from(Arc::new(setup.config()))),
            raw => Self::Raw(raw),
        }
    }

    async fn serve(&self, mut stream: TcpStream) {
        match self {
            Self::Tls(after, acceptor) => {
                tokio::time::sleep(*after).await;
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    until_closed(&mut stream).await;
                }
            }
            Self::Raw(Mode::StallAfterAccept) => std::future::pending().await,
            Self::Raw(Mode::Banner(bytes)) => {
                let _ = stream.write_all(bytes).await;
                until_closed(&mut stream).await;
            }
            Self::Raw(mode) => {
                // A ClientHello is one record: 5 bytes that end in the length of the rest.
                let mut header = [0; 5];
                if stream.read_exact(&mut header).await.is_err() {
                    return;
                }
                let mut rest = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
                let _ = stream.read_exact(&mut rest).await;
                match mode {
                    Mode::Answer(bytes) => {
                        let _ = stream.write_all(bytes).await;
                        until_closed(&mut stream).await;
                    }
                    Mode::AnswerAndClose(bytes) => {
                        let _ = stream.write_all(bytes).await;
                    }
                    Mode::Flood(bytes) => while stream.write_all(bytes).await.is_ok() {},
                    Mode::StallAfterHello => until_closed(&mut stream).await,
                    _ => {}
                }
            }
        }
    }
}

async fn until_closed(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}
