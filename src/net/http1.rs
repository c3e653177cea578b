//! One HTTP/1.1 request and what its answer says (RFC 9112), as far as a probe needs it: status, Date, the words of an error.

use time::{Date, Month, Time};

use crate::model::{Failure, Reason, Stage, UnixTime};

/// Interim answers (1xx) before the real one.
const INTERIM: usize = 8;

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// A method without a body.
    pub method: String,
    /// The request target, beginning with `/`.
    pub path: String,
}

impl HttpRequest {
    /// The bytes to send to this host.
    pub(super) fn bytes(&self, host: &str) -> Vec<u8> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let Self { method, path } = self;
        let version = env!("CARGO_PKG_VERSION");
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: notafter/{version}\r\nAccept: */*\r\nConnection: close\r\n\r\n")
            .into_bytes()
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status code.
    pub status: u16,
    /// The server's clock.
    pub date: Option<UnixTime>,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

impl Answer {
    /// What the answer refuses.
    pub fn failure(&self) -> Option<Failure> {
        let says = |words: &str| self.body.windows(words.len()).any(|window| window == words.as_bytes());
        let reason = match self.status {
            200..400 => return None,
            // nginx: its own codes 495 and 496 stand in the error pages, and go out as 400 unless configured otherwise.
            400 if says("No required SSL certificate was sent") => Reason::HttpNoClientCertificate,
            400 if says("The SSL certificate error") => Reason::HttpClientCertificateError,
            400 => Reason::HttpBadRequest,
            401 => Reason::HttpUnauthorized,
            403 => Reason::HttpForbidden,
            404 | 410 => Reason::HttpNotFound,
            421 => Reason::HttpMisdirected,
            495 => Reason::HttpClientCertificateError,
            496 => Reason::HttpNoClientCertificate,
            status if (400..500).contains(&status) => Reason::HttpClientError,
            500..600 => Reason::HttpServerError,
            _ => Reason::HttpProtocolError,
        };
        Some(Failure::new(Stage::Http, reason, format!("the answer is HTTP {}", self.status)))
    }
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub status: u16,
    pub date: Option<UnixTime>,
    /// Length of all heads, the empty line included.
    pub bytes: usize,
    body_bytes: Option<usize>,
}

impl Head {
    /// Reads it, once it is all there.
    ///
    /// # Errors
    /// It is no HTTP/1.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        let mut start = 0;
        for _ in 0..INTERIM {
            let rest = bytes.get(start..).unwrap_or_default();
            let begins = b"HTTP/1.";
            if !rest.iter().zip(begins).all(|(byte, expected)| byte == expected) {
                let shown = rest.get(..rest.len().min(48)).unwrap_or_default();
                return Err(format!("answers \"{}\" instead of HTTP/1", shown.escape_ascii()));
            }
            let Some(length) = end_of_head(rest) else { return Ok(None) };
            let text = String::from_utf8_lossy(rest.get(..length).unwrap_or_default());
            let mut lines = text.lines();
            let status = lines.next().and_then(status_of).ok_or_else(|| "no status in the HTTP answer".to_owned())?;
            start += length;
            if (100..200).contains(&status) {
                continue;
            }
            let header = |name: &str| {
                text.lines()
                    .skip(1)
                    .filter_map(|line| line.split_once(':'))
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.trim())
            };
            let (date, body_bytes) = (header("date").and_then(date_of), header("content-length").and_then(|text| text.parse().ok()));
            return Ok(Some(Self { status, date, bytes: start, body_bytes }));
        }
        Err("interim HTTP answers without end".to_owned())
    }

    /// Whether the body may say more than the status.
    pub fn may_say_more(&self) -> bool {
        self.status == 400
    }

    /// Length of head and body; the largest number when it does not say.
    pub fn whole_bytes(&self) -> usize {
        self.body_bytes.map_or(usize::MAX, |body| self.bytes.saturating_add(body))
    }
}

/// RFC 9112 section 2.2: a lone LF may end a line too.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut line_is_empty = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' if line_is_empty => return Some(at + 1),
            b'\n' => line_is_empty = true,
            b'\r' => {}
            _ => line_is_empty = false,
        }
    }
    None
}

fn status_of(line: &str) -> Option<u16> {
    let code = line.split(' ').nth(1)?;
    if code.len() == 3 { code.parse().ok().filter(|code| *code >= 100) } else { None }
}

/// RFC 9110 section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`; the two old forms are not sent any more.
fn date_of(text: &str) -> Option<UnixTime> {
    let mut parts = text.split_once(", ")?.1.split(' ');
    let day = parts.next()?.parse().ok()?;
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let month = Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let mut clock = parts.next()?.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if parts.next() != Some("GMT") {
        return None;
    }
    // A leap second is the one after.
    let time = Time::from_hms(hour, minute, second.min(59)).ok()?;
    let date = Date::from_calendar_date(year, month, day).ok()?.with_time(time).assume_utc();
    Some(UnixTime::from_secs(date.unix_timestamp() + i64::from(second / 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let read =
            |text: &str| Head::read(text.as_bytes()).map(|head| head.map(|head| (head.status, head.date.map(UnixTime::secs), head.bytes)));
        let date = Some(784_111_777);
        for (behaviour, text, expected) in [
            ("nothing yet", "", Ok(None)),
            ("half a word", "HTT", Ok(None)),
            ("half a head", "HTTP/1.1 200 OK\r\nDate: Sun", Ok(None)),
            ("a date", "HTTP/1.1 200 OK\r\ndate:  Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nbody", Ok(Some((200, date, 57)))),
            ("lone line feeds", "HTTP/1.0 404 No\nX: y\n\n", Ok(Some((404, None, 22)))),
            ("no reason phrase", "HTTP/1.1 503\r\n\r\n", Ok(Some((503, None, 16)))),
            ("interim answers", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Ok(Some((200, None, 47)))),
            ("another date", "HTTP/1.1 200 OK\r\nDate: 1994-11-06\r\n\r\n", Ok(Some((200, None, 37)))),
        ] {
            assert_eq!(read(text), expected, "{behaviour}");
        }
        for text in ["SSH-2.0", "\0\0", "HTTP/2", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n"] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert!(read(&"HTTP/1.1 100 Go on\r\n\r\n".repeat(9)).is_err(), "interim answers end");
    }

    #[test]
    fn every_refusal_has_its_reason() {
        let none = "<center>No required SSL certificate was sent</center>";
        let error = "<center>The SSL certificate error</center>";
        for (status, body, expected) in [
            (200, "", None),
            (302, "", None),
            (204, none, None),
            (400, none, Some(Reason::HttpNoClientCertificate)),
            (400, error, Some(Reason::HttpClientCertificateError)),
            (400, "Bad Request", Some(Reason::HttpBadRequest)),
            (401, "", Some(Reason::HttpUnauthorized)),
            (403, "", Some(Reason::HttpForbidden)),
            (404, "", Some(Reason::HttpNotFound)),
            (421, "", Some(Reason::HttpMisdirected)),
            (429, "", Some(Reason::HttpClientError)),
            (495, "", Some(Reason::HttpClientCertificateError)),
            (496, "", Some(Reason::HttpNoClientCertificate)),
            (502, "", Some(Reason::HttpServerError)),
            (999, "", Some(Reason::HttpProtocolError)),
        ] {
            let answer = Answer { status, date: None, body: body.as_bytes().to_vec() };
            let failure = answer.failure();
            assert_eq!(failure.as_ref().map(|failure| failure.reason), expected, "{status} {body}");
            assert!(failure.is_none_or(|failure| failure.stage == Stage::Http), "{status}");
        }
    }
}
