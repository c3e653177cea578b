//! A hello made by hand, up to TLS 1.2, for servers that rustls cannot speak to: TLS 1.0 and 1.1, RSA key exchange, DHE, CBC suites, P-521.
//!
//! No cryptography: chain, staple and the names of acceptable CAs travel in clear before the keys are agreed on. There the talk ends, so
//! nothing is proved by it.

mod hello;
mod read;

use rustls::{CipherSuite, NamedGroup};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Budget;
use super::failure::{alert_reason, io_reason};
use crate::model::{Failure, Reason, Stage};
pub use read::{Malformed, Reading, Shown as Clear};

/// The newest version that a hello offers; 1.0 is the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Newest {
    /// RFC 4346
    Tls11,
    /// RFC 5246
    Tls12,
}

impl Newest {
    const fn number(self) -> u16 {
        match self {
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
        }
    }
}

/// Sends a hello and reads up to ServerHelloDone. Cancel safe as far as the stream is then dropped.
///
/// # Errors
/// Stage `handshake`: an alert, a timeout, a connection closed, or something that is no TLS; unless a certificate has come before it.
pub async fn raw_hello(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server_name: &str,
    newest: Newest,
    budget: &Budget,
) -> Result<Clear, Failure> {
    let mut reading = Reading::new(newest.number());
    let outcome = budget.within(Stage::Handshake, exchange(stream, server_name, newest, &mut reading)).await;
    match (reading.into_shown(), outcome) {
        (Some(clear), Ok(())) => Ok(clear),
        // Cut off behind the certificates: what is there is there.
        (Some(clear), Err(_)) if !clear.chain.is_empty() => Ok(clear),
        (_, Err(failure)) => Err(failure),
        (None, Ok(())) => Err(Failure::new(Stage::Handshake, Reason::ProtocolError, "no ServerHello came")),
    }
}

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server_name: &str,
    newest: Newest,
    reading: &mut Reading,
) -> Result<(), Failure> {
    let io_failure = |error: std::io::Error| Failure::new(Stage::Handshake, io_reason(&error), error);
    let mut random = [0; 32];
    let no_random = |_| Failure::new(Stage::Handshake, Reason::LocalResources, "no random bytes");
    aws_lc_rs::rand::fill(&mut random).map_err(no_random)?;
    stream.write_all(&hello::client_hello(server_name, newest.number(), &random)).await.map_err(io_failure)?;
    let mut buffer = vec![0; 16 << 10];
    loop {
        let count = stream.read(&mut buffer).await.map_err(io_failure)?;
        if count == 0 {
            return Err(Failure::new(Stage::Handshake, Reason::Closed, "the connection was closed during the handshake"));
        }
        match reading.feed(buffer.get(..count).unwrap_or_default()) {
            Ok(false) => {}
            Ok(true) => {
                // A fatal user_canceled: a server that is left alone here would log a broken connection.
                let _ = stream.write_all(&[21, 3, 1, 0, 2, 2, 90]).await;
                return Ok(());
            }
            Err(error) => return Err(failure(&error)),
        }
    }
}

fn failure(error: &Malformed) -> Failure {
    let reason = match error {
        Malformed::Alert(code) => alert_reason((*code).into()),
        Malformed::NotTls => Reason::NotTls,
        Malformed::TooLarge => Reason::TooLarge,
        _ => Reason::ProtocolError,
    };
    Failure::new(Stage::Handshake, reason, error.to_string())
}

impl Clear {
    /// `TLS 1.0` to `TLS 1.2`.
    pub fn version_name(&self) -> Option<&'static str> {
        match self.version {
            0x0301 => Some("TLS 1.0"),
            0x0302 => Some("TLS 1.1"),
            0x0303 => Some("TLS 1.2"),
            _ => None,
        }
    }

    /// IANA name of the cipher suite.
    pub fn cipher_name(&self) -> Option<&'static str> {
        CipherSuite::from(self.cipher).as_str()
    }

    /// IANA name of the key exchange group, where the suite has one.
    pub fn group_name(&self) -> Option<&'static str> {
        let is_elliptic = self.cipher_name().is_some_and(|name| name.contains("_ECDH"));
        self.group.filter(|_| is_elliptic).and_then(|group| NamedGroup::from(group).as_str())
    }
}

#[cfg(test)]
mod tests;
