//! What others say over HTTP, read without a connection: for fuzzing and for tests.
//!
//! Pure. Nothing of the program uses it.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::fetch::{Said, said_in};
use super::http1::{Answer, Head};
use crate::model::{Reason, UnixTime};

/// The most header lines that are taken.
const MOST_LINES: usize = 100;

/// What an endpoint's answer to the request of `http` comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// The server's clock.
    pub date: Option<UnixTime>,
    /// Length of the head in bytes, the empty line included.
    pub head: usize,
    /// What it refuses.
    pub refusal: Option<Reason>,
}

/// Reads an answer from its first byte; `None` while its head is not whole.
///
/// # Errors
/// It is no HTTP/1.
pub fn answer(bytes: &[u8]) -> Result<Option<Answered>, String> {
    let Some(head) = Head::read(bytes)? else { return Ok(None) };
    let body = bytes.get(head.bytes..).unwrap_or_default().to_vec();
    let refusal = Answer { status: head.status, date: head.date, body }.failure().map(|failure| failure.reason);
    Ok(Some(Answered { status: head.status, date: head.date, head: head.bytes, refusal }))
}

/// What the header lines of a fetched list or response come to, and how long the server wants to be left alone.
pub fn headers(lines: &[u8], now: UnixTime) -> (Said, Option<std::time::Duration>) {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(MOST_LINES) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.get(1..).unwrap_or_default())) {
            headers.append(name, value);
        }
    }
    said_in(&headers, now)
}
