//! One TLS handshake that always goes as far as it can, and what the server showed on the way.
//!
//! rustls is driven by hand: the first bytes, the number of bytes and the negotiated version are known whatever happens.
//! Whether the chain is to be trusted is no question here.

mod names;
mod possession;
mod recorder;

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};
use tokio::net::TcpStream;

use super::Budget;
use super::failure::{BANNER, foreign_banner, io_reason, tls_failure};
use crate::model::observation::Possession;
use crate::model::{Failure, Method, Reason, Stage};
use possession::Proof;
use recorder::{Blank, Recorder};

/// The most bytes that a server may send until the handshake has ended.
const HANDSHAKE_BYTES: usize = 1 << 20;
/// How long a server may take to close after us.
const CLOSING: Duration = Duration::from_millis(250);

/// The client's side of TLS: versions, suites and application protocols offered. No session is ever resumed.
#[derive(Debug)]
pub struct TlsClient {
    config: ClientConfig,
}

/// A version that the client can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum TlsVersion {
    /// RFC 5246
    #[serde(rename = "1.2")]
    Tls12,
    /// RFC 8446
    #[serde(rename = "1.3")]
    Tls13,
}

impl TlsVersion {
    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

/// What a server showed, and how the handshake ended.
#[derive(Debug)]
pub struct Shown {
    /// DER certificates in the order sent; empty when none came.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response, DER.
    pub staple: Option<Vec<u8>>,
    /// `TLS 1.3`, `TLS 1.2`.
    pub version: Option<&'static str>,
    /// IANA name of the cipher suite.
    pub cipher: Option<&'static str>,
    /// IANA name of the key exchange group.
    pub group: Option<&'static str>,
    /// The application protocol agreed on.
    pub alpn: Option<Box<str>>,
    /// Whether the server asked for a client certificate.
    pub client_certificate_requested: bool,
    /// Whether it proved that it holds the leaf's key.
    pub possession: Possession,
    /// How it was made to show this.
    pub method: Method,
    /// Whether it accepts a version below TLS 1.2, as far as that has been tried.
    pub old_tls_accepted: bool,
    /// Why the handshake did not end well.
    pub failure: Option<Failure>,
    /// How long the handshake took.
    pub elapsed: Duration,
}

impl TlsClient {
    /// A client that offers TLS 1.2 and 1.3 and these application protocols.
    ///
    /// # Errors
    /// The provider lacks a version; does not happen with the one built in.
    pub fn new(alpn: &[String]) -> Result<Self, rustls::Error> {
        Self::offering(&[TlsVersion::Tls13, TlsVersion::Tls12], alpn)
    }

    /// A client that offers these versions and application protocols.
    ///
    /// # Errors
    /// No version at all.
    pub fn offering(versions: &[TlsVersion], alpn: &[String]) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions: Vec<_> = versions.iter().map(|version| version.supported()).collect();
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Blank))
            .with_no_client_auth();
        // A resumed handshake shows no certificate.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Self { config })
    }

    /// Shakes hands and closes. Never fails as a whole. Cancel safe: the connection is dropped.
    pub async fn handshake(&self, stream: TcpStream, server_name: &str, budget: &Budget) -> Shown {
        let began = budget.spent();
        let recorder = Arc::new(Recorder::default());
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(recorder.clone());
        config.client_auth_cert_resolver = recorder.clone();
        let mut connection = match ClientConnection::new(Arc::new(config), name_to_send(server_name, &stream)) {
            Ok(connection) => connection,
            Err(error) => return Shown::nothing(tls_failure(error, false)),
        };

        let mut wire = Wire { stream: &stream, taken: 0, first: Vec::new() };
        let outcome = budget.within(Stage::Handshake, drive(&mut connection, &mut wire, &recorder)).await;
        let elapsed = budget.spent().saturating_sub(began);
        // Whatever is to be learnt after the handshake is read here, before closing: the time it takes is not the handshake's.
        if outcome.is_ok() {
            close(&mut connection, &mut wire, budget.left()).await;
        }

        let seen = recorder.take();
        let (possession, bad_signature) = match seen.proof {
            Some(Proof::Holds) => (Possession::Proved, None),
            Some(Proof::Unchecked) => (Possession::Unchecked, None),
            Some(Proof::Bad(words)) => (Possession::Missing, Some(Failure::new(Stage::Verify, Reason::BadSignature, words))),
            None => (Possession::Missing, None),
        };
        let failure = bad_signature.or_else(|| outcome.err().map(|failure| recognised(failure, &wire.first)));
        Shown {
            chain: seen.chain,
            staple: seen.staple,
            version: connection.protocol_version().and_then(names::version),
            cipher: connection.negotiated_cipher_suite().and_then(|suite| names::cipher(suite.suite())),
            group: connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str()),
            alpn: connection.alpn_protocol().map(|name| name.escape_ascii().to_string().into()),
            client_certificate_requested: seen.requested,
            possession,
            method: Method::Rustls,
            old_tls_accepted: false,
            failure,
            elapsed,
        }
    }
}

impl Shown {
    fn nothing(failure: Failure) -> Self {
        Self {
            chain: Vec::new(),
            staple: None,
            version: None,
            cipher: None,
            group: None,
            alpn: None,
            client_certificate_requested: false,
            possession: Possession::Missing,
            method: Method::Rustls,
            old_tls_accepted: false,
            failure: Some(failure),
            elapsed: Duration::ZERO,
        }
    }
}

/// The name in the ClientHello. A name that TLS cannot carry (RFC 6066 section 3) is not sent at all, so that the server still shows
/// what it has by default; whether that fits the name is the verdict's question.
fn name_to_send(server_name: &str, stream: &TcpStream) -> ServerName<'static> {
    ServerName::try_from(server_name.to_owned()).unwrap_or_else(|_| {
        let peer = stream.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip());
        ServerName::IpAddress(peer.into())
    })
}

/// Sends and reads until the handshake has ended.
async fn drive(connection: &mut ClientConnection, wire: &mut Wire<'_>, recorder: &Recorder) -> Result<(), Failure> {
    let io_failure = |error: io::Error| Failure::new(Stage::Handshake, io_reason(&error), error);
    loop {
        while connection.wants_write() {
            match connection.write_tls(wire) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wire.stream.writable().await.map_err(io_failure)?,
                // The server may have said why before it closed.
                Err(error) => return Err(last_words(connection, wire, recorder).unwrap_or_else(|| io_failure(error))),
            }
        }
        if !connection.is_handshaking() {
            return Ok(());
        }
        match connection.read_tls(wire) {
            Ok(0) => return Err(Failure::new(Stage::Handshake, Reason::Closed, "the connection was closed during the handshake")),
            Ok(_) => {
                if let Err(error) = connection.process_new_packets() {
                    // Our alert, if there is room for it.
                    let _ = connection.write_tls(wire);
                    return Err(tls_failure(error, recorder.requested()));
                }
                if wire.taken > HANDSHAKE_BYTES {
                    let words = format!("more than {HANDSHAKE_BYTES} bytes and no end of the handshake");
                    return Err(Failure::new(Stage::Handshake, Reason::TooLarge, words));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wire.stream.readable().await.map_err(io_failure)?,
            Err(error) => return Err(io_failure(error)),
        }
    }
}

/// An error that lies in the receive buffer of a connection that can be written no more.
fn last_words(connection: &mut ClientConnection, wire: &mut Wire<'_>, recorder: &Recorder) -> Option<Failure> {
    while wire.taken <= HANDSHAKE_BYTES && matches!(connection.read_tls(wire), Ok(1..)) {
        if let Err(error) = connection.process_new_packets() {
            return Some(tls_failure(error, recorder.requested()));
        }
    }
    None
}

/// Ends the session as TLS asks for (RFC 8446 section 6.1) and waits shortly for the server to do the same: closing on its session
/// tickets would reset the connection, and some servers log that as a failed handshake.
async fn close(connection: &mut ClientConnection, wire: &mut Wire<'_>, left: Duration) {
    connection.send_close_notify();
    if connection.write_tls(wire).is_err() {
        return;
    }
    let mut discarded = [0; 512];
    let drained = async {
        while wire.taken <= HANDSHAKE_BYTES && wire.stream.readable().await.is_ok() {
            match wire.read(&mut discarded) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    let _ = tokio::time::timeout(left.min(CLOSING), drained).await;
}

/// What began with bytes that are no TLS is no TLS, however it ended.
fn recognised(failure: Failure, first: &[u8]) -> Failure {
    match foreign_banner(first) {
        Some(banner) => Failure::new(Stage::Handshake, Reason::NotTls, banner),
        None => failure,
    }
}

/// The connection as rustls wants it: never waits, counts what comes, keeps the first bytes.
struct Wire<'a> {
    stream: &'a TcpStream,
    taken: usize,
    first: Vec<u8>,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.try_read(buffer)?;
        self.taken += count;
        let wanted = BANNER.saturating_sub(self.first.len()).min(count);
        self.first.extend_from_slice(buffer.get(..wanted).unwrap_or_default());
        Ok(count)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
