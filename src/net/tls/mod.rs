//! One TLS handshake that always goes as far as it can, and what the server showed on the way.
//!
//! rustls is driven by hand: the first bytes, the number of bytes and the negotiated version are known whatever happens.
//! Whether the chain is to be trusted is no question here.

mod after;
mod identity;
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
use super::http1::HttpRequest;
use crate::model::facts::ClientCertificate;
use crate::model::observation::{Admission, Possession};
use crate::model::{Failure, Method, Reason, Stage, UnixTime};
pub use identity::ClientIdentity;
use possession::Proof;
use recorder::{Blank, Recorder, Seen};

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

/// What to show and to ask besides the handshake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The certificate to show to servers that want one.
    pub identity: Option<&'a Arc<ClientIdentity>>,
    /// The request to make over the connection.
    pub http: Option<&'a HttpRequest>,
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
    /// What it made of our client certificate.
    pub client_certificate: ClientCertificate,
    /// The acceptable CAs it named, each a DER Name.
    pub authorities: Vec<Vec<u8>>,
    /// It named more than are kept.
    pub authorities_cut: bool,
    /// The signature schemes it takes of clients, by their IANA names.
    pub schemes: Vec<Box<str>>,
    /// Its clock, and when in the budget that was read.
    pub clock: Option<(UnixTime, Duration)>,
    /// Whether it answered an HTTP request, and refused nothing.
    pub answered: bool,
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

    /// Shakes hands, asks what is to be asked and closes. Never fails as a whole. Cancel safe: the connection is dropped.
    pub async fn handshake(&self, stream: TcpStream, server_name: &str, asked: Asked<'_>, budget: &Budget) -> Shown {
        let began = budget.spent();
        let recorder = Arc::new(Recorder::showing(asked.identity.cloned()));
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(recorder.clone());
        config.client_auth_cert_resolver = recorder.clone();
        let mut connection = match ClientConnection::new(Arc::new(config), name_to_send(server_name, &stream)) {
            Ok(connection) => connection,
            Err(error) => return Shown::nothing(tls_failure(error, false)),
        };

        let mut wire = Wire { stream: &stream, taken: 0, first: Vec::new() };
        let outcome = budget.within(Stage::Handshake, drive(&mut connection, &mut wire, &recorder)).await;
        let outcome = outcome.map_err(|failure| recognised(failure, &wire.first, budget));
        let elapsed = budget.spent().saturating_sub(began);
        // What is to be learnt after the handshake is read before closing: the time it takes is not the handshake's.
        let seen = recorder.take();
        let (later, outcome) = match outcome {
            Ok(()) => {
                let (later, outcome) = learn(&mut connection, &mut wire, &seen, asked.http, server_name, budget).await;
                close(&mut connection, &mut wire, budget.left()).await;
                (later, outcome)
            }
            Err(failure) => {
                let is_refused = seen.requested && failure.stage == Stage::ClientAuth;
                let client_certificate = match (seen.requested, is_refused) {
                    (false, _) => ClientCertificate::NotRequested,
                    (true, false) => ClientCertificate::Unconfirmed,
                    (true, true) => ClientCertificate::Rejected,
                };
                (Later { client_certificate, ..Later::default() }, Err(failure))
            }
        };
        let (possession, bad_signature) = match seen.proof {
            Some(Proof::Holds) => (Possession::Proved, None),
            Some(Proof::Unchecked) => (Possession::Unchecked, None),
            Some(Proof::Bad(words)) => (Possession::Missing, Some(Failure::new(Stage::Verify, Reason::BadSignature, words))),
            None => (Possession::Missing, None),
        };
        let failure = bad_signature.or_else(|| outcome.err());
        Shown {
            chain: seen.chain,
            staple: seen.staple,
            version: connection.protocol_version().and_then(names::version),
            cipher: connection.negotiated_cipher_suite().and_then(|suite| names::cipher(suite.suite())),
            group: connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str()),
            alpn: connection.alpn_protocol().map(|name| name.escape_ascii().to_string().into()),
            client_certificate_requested: seen.requested,
            client_certificate: later.client_certificate,
            authorities: seen.authorities,
            authorities_cut: seen.authorities_cut,
            schemes: seen.schemes.into_iter().map(names::scheme).collect(),
            clock: later.clock,
            answered: later.answered,
            possession,
            method: Method::Rustls,
            old_tls_accepted: false,
            failure,
            elapsed,
        }
    }
}

impl Shown {
    /// What a connection without a certificate says about who is let in. A server that asks, and would say what it makes of none only in
    /// its own protocol, has said nothing yet.
    pub fn admission(&self, spoke_http: bool) -> Admission {
        match &self.failure {
            Some(failure) if failure.stage == Stage::ClientAuth => Admission::Refused,
            Some(failure) => match failure.reason {
                Reason::HttpNoClientCertificate | Reason::HttpClientCertificateError | Reason::HttpUnauthorized | Reason::HttpForbidden => {
                    Admission::Refused
                }
                _ => Admission::Unknown,
            },
            None if spoke_http && !self.answered => Admission::Unknown,
            None if spoke_http || !self.client_certificate_requested => Admission::LetIn,
            None => Admission::Unknown,
        }
    }

    fn nothing(failure: Failure) -> Self {
        Self {
            chain: Vec::new(),
            staple: None,
            version: None,
            cipher: None,
            group: None,
            alpn: None,
            client_certificate_requested: false,
            client_certificate: ClientCertificate::NotRequested,
            authorities: Vec::new(),
            authorities_cut: false,
            schemes: Vec::new(),
            clock: None,
            answered: false,
            possession: Possession::Missing,
            method: Method::Rustls,
            old_tls_accepted: false,
            failure: Some(failure),
            elapsed: Duration::ZERO,
        }
    }
}

/// What was learnt after the handshake.
#[derive(Default)]
struct Later {
    client_certificate: ClientCertificate,
    clock: Option<(UnixTime, Duration)>,
    answered: bool,
}

/// Waits for the server's word on our certificate where it comes only now, before writing anything: a server that refuses closes, and a
/// write to a closed connection loses what it said. Then asks over HTTP.
async fn learn(
    connection: &mut ClientConnection,
    wire: &mut Wire<'_>,
    seen: &Seen,
    http: Option<&HttpRequest>,
    server_name: &str,
    budget: &Budget,
) -> (Later, Result<(), Failure>) {
    let is_told_late = seen.requested && connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3);
    let mut later = Later::default();
    let refused = |mut later: Later, failure: Failure| {
        let is_refused = match failure.reason {
            Reason::HttpNoClientCertificate | Reason::HttpClientCertificateError => true,
            _ => failure.stage == Stage::ClientAuth,
        };
        if is_refused && seen.requested {
            later.client_certificate = ClientCertificate::Rejected;
        }
        (later, Err(failure))
    };
    if seen.requested {
        let went_on = if is_told_late {
            let share = budget.left().min(after::CONFIRMING);
            match tokio::time::timeout(share, after::went_on(connection, wire)).await {
                Ok(Ok(went_on)) => went_on,
                Ok(Err(failure)) => return refused(later, failure),
                Err(_) => false,
            }
        } else {
            // Before TLS 1.3 the server's Finished comes after ours was read.
            true
        };
        let is_accepted = went_on && seen.offered;
        later.client_certificate = if is_accepted { ClientCertificate::Accepted } else { ClientCertificate::Unconfirmed };
    }
    let Some(http) = http else { return (later, Ok(())) };
    let sent_at = budget.spent();
    let request = http.bytes(server_name);
    let answer = budget.within(Stage::Http, after::ask(connection, wire, &request, is_told_late)).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return refused(later, failure),
    };
    let halfway = sent_at + budget.spent().saturating_sub(sent_at) / 2;
    later.clock = answer.date.map(|date| (date, halfway));
    if let Some(failure) = answer.failure() {
        return refused(later, failure);
    }
    later.answered = true;
    if seen.requested {
        later.client_certificate = if seen.offered { ClientCertificate::Accepted } else { ClientCertificate::NotRequired };
    }
    (later, Ok(()))
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
            // rustls' own bound, which it counts with the headers of the records: no system's error is of this kind.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let words = "a handshake message that does not fit into 64 KiB, the headers of its records included";
                return Err(Failure::new(Stage::Handshake, Reason::TooLarge, words));
            }
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
fn recognised(failure: Failure, first: &[u8], budget: &Budget) -> Failure {
    let Some(banner) = foreign_banner(first) else { return failure };
    let failure = Failure::new(Stage::Handshake, Reason::NotTls, banner);
    budget.restate(&failure);
    failure
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
