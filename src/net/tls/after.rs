//! What is said after the handshake: in TLS 1.3 only here does the server say what it makes of a client certificate (RFC 8446 section
//! 4.4.2.4, and figure 1: the client's flight is the last).

use std::io::{self, Write as _};
use std::time::Duration;

use rustls::ClientConnection;

use super::{HANDSHAKE_BYTES, Wire};
use crate::model::{Failure, Reason, Stage};
use crate::net::failure::{io_reason, late_failure};
use crate::net::http1::{Answer, Head};

/// How long a server may take to say something by itself. Session tickets come within some 20 ms of their flight.
pub(super) const CONFIRMING: Duration = Duration::from_millis(300);
/// The most of an HTTP answer that is read.
const ANSWER_BYTES: usize = 64 << 10;
/// How long the body may take behind its head: only the words of an error are looked for there.
const BODY: Duration = Duration::from_secs(1);

/// Whether the server has gone on: a session ticket or data came. Not, when it closed without a word.
///
/// # Errors
/// Its alert, at stage `client_auth`.
pub(super) async fn went_on(connection: &mut ClientConnection, wire: &mut Wire<'_>) -> Result<bool, Failure> {
    loop {
        let state = connection.process_new_packets().map_err(|error| late_failure(error, Stage::ClientAuth))?;
        if connection.tls13_tickets_received() > 0 || state.plaintext_bytes_to_read() > 0 {
            return Ok(true);
        }
        if state.peer_has_closed() || wire.taken > HANDSHAKE_BYTES {
            return Ok(false);
        }
        match connection.read_tls(wire) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && wire.stream.readable().await.is_ok() => {}
            // It may have closed for any reason: nothing is said about the certificate.
            Ok(0) | Err(_) => return Ok(false),
        }
    }
}

/// Sends a request and reads the answer's head; the body only where it may say more. `client_auth`: an alert instead of an answer is
/// about the client certificate.
///
/// # Errors
/// Stage `http`, or `client_auth`.
pub(super) async fn ask(
    connection: &mut ClientConnection,
    wire: &mut Wire<'_>,
    request: &[u8],
    client_auth: bool,
) -> Result<Answer, Failure> {
    let stage = if client_auth { Stage::ClientAuth } else { Stage::Http };
    let io_failure = |error: io::Error| Failure::new(Stage::Http, io_reason(&error), error);
    connection.writer().write_all(request).map_err(io_failure)?;
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(head) = Head::read(&bytes).map_err(|words| Failure::new(Stage::Http, Reason::HttpProtocolError, words))? {
            break head;
        }
        if bytes.len() >= ANSWER_BYTES {
            return Err(Failure::new(Stage::Http, Reason::TooLarge, format!("an HTTP head of more than {ANSWER_BYTES} bytes")));
        }
        if !more(connection, wire, &mut bytes, stage).await? {
            return Err(Failure::new(Stage::Http, Reason::Closed, "closed without an HTTP answer"));
        }
    };
    if head.may_say_more() {
        let body = async {
            while bytes.len() < head.whole_bytes().min(ANSWER_BYTES) && matches!(more(connection, wire, &mut bytes, stage).await, Ok(true))
            {
            }
        };
        let _ = tokio::time::timeout(BODY, body).await;
    }
    bytes.drain(..head.bytes.min(bytes.len()));
    Ok(Answer { status: head.status, date: head.date, body: bytes })
}

/// Writes what is to be written and reads some plain text; whether there may be more.
async fn more(connection: &mut ClientConnection, wire: &mut Wire<'_>, into: &mut Vec<u8>, stage: Stage) -> Result<bool, Failure> {
    let io_failure = |error: io::Error| Failure::new(Stage::Http, io_reason(&error), error);
    let before = into.len();
    loop {
        let state = connection.process_new_packets().map_err(|error| late_failure(error, stage))?;
        let ready = state.plaintext_bytes_to_read().min(ANSWER_BYTES.saturating_sub(into.len()));
        if ready > 0 {
            let start = into.len();
            into.resize(start + ready, 0);
            let read = io::Read::read(&mut connection.reader(), into.get_mut(start..).unwrap_or_default()).map_err(io_failure)?;
            into.truncate(start + read);
        }
        if into.len() > before || into.len() >= ANSWER_BYTES {
            return Ok(true);
        }
        if state.peer_has_closed() {
            return Ok(false);
        }
        let mut write_error = None;
        while connection.wants_write() {
            match connection.write_tls(wire) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wire.stream.writable().await.map_err(io_failure)?,
                // The server may have said why before it closed.
                Err(error) => {
                    write_error = Some(error);
                    break;
                }
            }
        }
        match connection.read_tls(wire) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => match write_error {
                Some(error) => return Err(io_failure(error)),
                None => wire.stream.readable().await.map_err(io_failure)?,
            },
            Err(error) => return Err(io_failure(error)),
        }
    }
}
