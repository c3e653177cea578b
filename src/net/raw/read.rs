//! What a server says in clear, from ServerHello to ServerHelloDone (RFC 5246 section 7.4). Pure: bytes in, certificates out; no byte
//! sequence makes it panic, and it keeps at most [`ALL`] bytes.

use thiserror::Error;

/// The longest record: 2^14 bytes and what compression and encryption may add (RFC 5246 section 6.2.3).
const RECORD: usize = 18_432;
/// The most bytes in all.
const ALL: usize = 1 << 20;
/// The most certificates.
const CERTIFICATES: usize = 1_000;

/// What came in clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The version chosen: 0x0301 to 0x0303.
    pub version: u16,
    /// The cipher suite chosen.
    pub cipher: u16,
    /// The named curve of ServerKeyExchange, if that is what stands there.
    pub group: Option<u16>,
    /// DER certificates in the order sent.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response, DER.
    pub staple: Option<Vec<u8>>,
    /// The CertificateRequest.
    pub request: Option<Request>,
}

/// What the server wants of a client certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// DER names of acceptable CAs.
    pub authorities: Vec<Vec<u8>>,
    /// Signature schemes; before TLS 1.2 none are named.
    pub schemes: Vec<u16>,
}

/// Why reading ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// A fatal alert, or close_notify.
    #[error("the server sent the alert {0}")]
    Alert(u8),
    /// The first bytes are no TLS record.
    #[error("the answer is no TLS")]
    NotTls,
    /// A record or the whole is too large.
    #[error("a record of more than {RECORD} bytes, or more than {ALL} in all")]
    TooLarge,
    /// A version that was not offered.
    #[error("the server chose the version {0:#06x}, which was not offered")]
    Version(u16),
    /// A message that cannot be read.
    #[error("{0} cannot be read")]
    Message(&'static str),
    /// A message that does not belong here.
    #[error("a message of type {0} out of turn")]
    OutOfTurn(u8),
}

/// Reads an answer as it comes.
#[derive(Debug)]
pub struct Reading {
    newest: u16,
    taken: usize,
    records: Vec<u8>,
    messages: Vec<u8>,
    shown: Option<Shown>,
    is_done: bool,
}

impl Reading {
    /// For the answer to a hello that offered at most this version.
    pub fn new(newest: u16) -> Self {
        Self { newest, taken: 0, records: Vec::new(), messages: Vec::new(), shown: None, is_done: false }
    }

    /// Takes the next bytes; says whether all that is in clear has come.
    ///
    /// # Errors
    /// The answer is none that can be read on.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<bool, Malformed> {
        self.taken = self.taken.saturating_add(bytes.len());
        if self.taken > ALL {
            return Err(Malformed::TooLarge);
        }
        self.records.extend_from_slice(bytes);
        let mut rest = &self.records[..];
        let mut fresh = Vec::new();
        let mut ended = None;
        while let Some((kind, content, behind)) = record(rest)? {
            rest = behind;
            match kind {
                22 => fresh.extend_from_slice(content),
                21 => {
                    // A warning other than close_notify (unrecognized_name) does not end anything.
                    let [level, code] = *content else { return Err(Malformed::Message("an alert")) };
                    if level == 2 || code == 0 {
                        ended = Some(Malformed::Alert(code));
                        break;
                    }
                }
                other => {
                    ended = Some(Malformed::OutOfTurn(other));
                    break;
                }
            }
        }
        let used = self.records.len() - rest.len();
        self.records.drain(..used);
        self.messages.extend(fresh);
        self.read_messages()?;
        match ended {
            Some(error) if !self.is_done => Err(error),
            _ => Ok(self.is_done),
        }
    }

    /// What has come; `None` without a ServerHello.
    pub fn into_shown(self) -> Option<Shown> {
        self.shown
    }

    fn read_messages(&mut self) -> Result<(), Malformed> {
        let mut used = 0;
        while !self.is_done {
            let mut rest = Cursor(self.messages.get(used..).unwrap_or_default());
            let (Some(kind), Some(body)) = (rest.u8(), rest.vector24()) else { break };
            used = self.messages.len() - rest.0.len();
            self.is_done = read_message(&mut self.shown, kind, body, self.newest)?;
        }
        self.messages.drain(..used);
        Ok(())
    }
}

/// Type, content, and what is behind.
type Record<'a> = (u8, &'a [u8], &'a [u8]);

/// The first record: type, content and what is behind; `None` when it is not all there.
fn record(bytes: &[u8]) -> Result<Option<Record<'_>>, Malformed> {
    match bytes {
        [] => return Ok(None),
        [kind, ..] if !(20..=24).contains(kind) => return Err(Malformed::NotTls),
        [_, major, ..] if *major != 3 => return Err(Malformed::NotTls),
        _ => {}
    }
    let [kind, _, _, high, low, rest @ ..] = bytes else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > RECORD {
        return Err(Malformed::TooLarge);
    }
    Ok(rest.split_at_checked(length).map(|(content, behind)| (*kind, content, behind)))
}

/// Reads one handshake message; says whether it is the last.
fn read_message(shown: &mut Option<Shown>, kind: u8, body: &[u8], newest: u16) -> Result<bool, Malformed> {
    match (kind, shown) {
        // HelloRequest and, where no ticket was asked for, NewSessionTicket: nothing to learn.
        (0 | 4, _) => {}
        (2, shown @ None) => *shown = Some(server_hello(body, newest)?),
        (11, Some(shown)) if shown.chain.is_empty() => {
            shown.chain = certificates(body).ok_or(Malformed::Message("the Certificate message"))?;
        }
        (22, Some(shown)) => {
            let mut body = Cursor(body);
            let staple = (body.u8() == Some(1)).then(|| body.vector24()).flatten();
            shown.staple = staple.filter(|staple| !staple.is_empty()).map(<[u8]>::to_vec);
        }
        (12, Some(shown)) => {
            if let [3, high, low, ..] = body {
                shown.group = Some(u16::from_be_bytes([*high, *low]));
            }
        }
        (13, Some(shown)) => {
            shown.request = Some(request(body, shown.version).ok_or(Malformed::Message("the CertificateRequest"))?);
        }
        (14, Some(_)) => return Ok(true),
        (other, _) => return Err(Malformed::OutOfTurn(other)),
    }
    Ok(false)
}

fn server_hello(body: &[u8], newest: u16) -> Result<Shown, Malformed> {
    let mut body = Cursor(body);
    let mut read = || {
        let version = body.u16()?;
        body.take(32)?;
        let session = body.u8()?;
        body.take(usize::from(session))?;
        let cipher = body.u16()?;
        body.u8()?;
        Some((version, cipher))
    };
    let (version, cipher) = read().ok_or(Malformed::Message("the ServerHello"))?;
    if !(0x0301..=newest).contains(&version) {
        return Err(Malformed::Version(version));
    }
    Ok(Shown { version, cipher, ..Shown::default() })
}

fn certificates(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut list = Cursor(Cursor(body).vector24()?);
    let mut chain = Vec::new();
    while !list.0.is_empty() {
        let certificate = list.vector24()?;
        if certificate.is_empty() || chain.len() == CERTIFICATES {
            return None;
        }
        chain.push(certificate.to_vec());
    }
    Some(chain)
}

fn request(body: &[u8], version: u16) -> Option<Request> {
    let mut body = Cursor(body);
    let types = body.u8()?;
    body.take(usize::from(types))?;
    let mut request = Request::default();
    if version >= 0x0303 {
        let mut schemes = Cursor(body.vector16()?);
        while !schemes.0.is_empty() {
            request.schemes.push(schemes.u16()?);
        }
    }
    let mut names = Cursor(body.vector16()?);
    while !names.0.is_empty() {
        request.authorities.push(names.vector16()?.to_vec());
    }
    Some(request)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// With a length of three bytes, so never more than 16 MiB; of which no more than [`ALL`] can be there.
    fn vector24(&mut self) -> Option<&'a [u8]> {
        let length = self.take(3)?.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        self.take(length)
    }
}
