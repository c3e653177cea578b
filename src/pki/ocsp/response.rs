//! The response as it stands (RFC 6960 section 4.2): nothing here is believed yet.

use std::fmt;
use std::sync::Arc;

use super::super::certificate::{decimal, fingerprint};
use super::super::der::{self, Malformed, Reader};
use super::super::pointers;
use super::super::signature::whole_bytes;
use super::request::NONCE;
use crate::model::facts::ResponseFacts;
use crate::model::{RevocationReason, RevokedFor, UnixTime};

/// A response of more is refused.
pub(crate) const RESPONSE_BYTES: usize = 64 << 10;
/// Certificates that are looked at; more only make work.
const CERTIFICATES: usize = 8;

/// id-pkix-ocsp-basic
const BASIC: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x01";
/// id-pkix-ocsp-extended-revoke
const EXTENDED_REVOKE: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x30\x01\x09";

/// Why there is nothing to believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OcspError {
    /// An error response, which is never signed (RFC 6960 section 4.2.1).
    #[error("the responder answers {0}")]
    Status(ResponderStatus),
    /// Something else altogether.
    #[error("{0} where an OCSP response belongs")]
    NotDer(&'static str),
    /// A part of it.
    #[error("not an OCSP response: {part}: {error}")]
    Part {
        /// Which.
        part: &'static str,
        /// Why.
        error: Malformed,
    },
    /// Another kind of response than the one that exists.
    #[error("an OCSP response of another type than basic")]
    Type,
    /// A version that does not exist.
    #[error("an OCSP response of version {0}")]
    Version(u64),
    /// Larger than any is.
    #[error("{0} bytes, limit 65536")]
    TooLarge(usize),
}

impl OcspError {
    /// In closed words.
    pub fn reason(&self) -> RevocationReason {
        match self {
            Self::Status(_) => RevocationReason::ResponderStatus,
            Self::TooLarge(_) => RevocationReason::TooLarge,
            Self::NotDer(_) | Self::Part { .. } | Self::Type | Self::Version(_) => RevocationReason::Malformed,
        }
    }
}

/// An OCSPResponseStatus other than successful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponderStatus {
    /// 1
    MalformedRequest,
    /// 2
    InternalError,
    /// 3
    TryLater,
    /// 5
    SigRequired,
    /// 6: it does not answer for this certificate, or not to us (RFC 5019 section 2.2.3).
    Unauthorized,
    /// A number without meaning.
    Other(u64),
}

impl fmt::Display for ResponderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedRequest => f.write_str("malformedRequest"),
            Self::InternalError => f.write_str("internalError"),
            Self::TryLater => f.write_str("tryLater"),
            Self::SigRequired => f.write_str("sigRequired"),
            Self::Unauthorized => f.write_str("unauthorized"),
            Self::Other(number) => write!(f, "status {number}"),
        }
    }
}

/// A basic response, taken apart; it borrows from the bytes that were read.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    /// producedAt
    pub produced_at: UnixTime,
    /// tbsResponseData, DER: what the signature covers.
    pub(super) tbs: &'a [u8],
    /// DER AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) responder: ResponderId<'a>,
    pub(super) singles: Vec<Single<'a>>,
    pub(super) nonce: Option<&'a [u8]>,
    /// A critical response extension that is not known here.
    pub(super) critical: bool,
    pub(super) certificates: Vec<&'a [u8]>,
}

impl<'a> Response<'a> {
    /// Whether it says something about a certificate with this serial number (without redundant leading bytes).
    pub fn is_about_serial(&self, serial: &[u8]) -> bool {
        self.singles.iter().any(|single| single.serial == serial)
    }

    /// The certificates that came along, DER: the signer's may be one of them.
    pub fn certificates(&self) -> &[&'a [u8]] {
        &self.certificates
    }
}

/// Who says that it signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponderId<'a> {
    /// DER Name.
    Name(&'a [u8]),
    /// SHA-1 of its key's bits.
    Key(&'a [u8]),
}

/// What is said about one certificate.
#[derive(Clone, Debug)]
pub(super) struct Single<'a> {
    /// OID of the CertID's hash.
    pub(super) hash: &'a [u8],
    pub(super) issuer_name: &'a [u8],
    pub(super) issuer_key: &'a [u8],
    /// Without redundant leading bytes.
    pub(super) serial: &'a [u8],
    pub(super) status: Status,
    pub(super) this_update: UnixTime,
    pub(super) next_update: Option<UnixTime>,
    /// A critical extension that is not known here.
    pub(super) critical: bool,
}

/// CertStatus
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    Revoked { at: UnixTime, reason: RevokedFor },
    Unknown,
}

/// Reads a response.
///
/// # Errors
/// See [`OcspError`]. Trailing bytes anywhere are an error.
pub fn read(bytes: &[u8]) -> Result<Response<'_>, OcspError> {
    if bytes.len() > RESPONSE_BYTES {
        return Err(OcspError::TooLarge(bytes.len()));
    }
    if let Some(what) = not_der(bytes) {
        return Err(OcspError::NotDer(what));
    }
    let outer = sequence(bytes).map_err(in_part("response"))?;
    basic(successful(outer)?)
}

/// What is kept of a response in a file.
///
/// # Errors
/// As [`read`].
pub fn facts(der: &[u8]) -> Result<ResponseFacts, OcspError> {
    let response = read(der)?;
    let single = response.singles.first().ok_or(OcspError::Part { part: "responses", error: Malformed::Ended })?;
    Ok(ResponseFacts {
        fingerprint: fingerprint(der),
        serial: decimal(single.serial).into(),
        produced_at: response.produced_at,
        this_update: single.this_update,
        next_update: single.next_update,
        der: Arc::from(der),
    })
}

/// What HTTP servers send in place of DER.
fn not_der(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.trim_ascii_start();
    match text {
        [] => Some("nothing"),
        [b'<', ..] => Some("an HTML page"),
        [b'-', b'-', b'-', b'-', b'-', ..] => Some("PEM"),
        [b'M', ..] if text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) => Some("base64"),
        _ if bytes.first() != Some(&der::SEQUENCE) && text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) => {
            Some("text")
        }
        _ => None,
    }
}

/// The contents of a SEQUENCE that is all there is.
fn sequence(bytes: &[u8]) -> Result<Reader<'_>, Malformed> {
    let mut outer = Reader::new(bytes);
    let inner = outer.expect(der::SEQUENCE)?;
    outer.finish()?;
    Ok(Reader::new(inner))
}

/// OCSPResponse: the BasicOCSPResponse in it, DER.
fn successful(mut response: Reader<'_>) -> Result<&[u8], OcspError> {
    let status = response.expect(ENUMERATED).and_then(der::unsigned).map_err(in_part("responseStatus"))?;
    match status {
        0 => {}
        1 => return Err(OcspError::Status(ResponderStatus::MalformedRequest)),
        2 => return Err(OcspError::Status(ResponderStatus::InternalError)),
        3 => return Err(OcspError::Status(ResponderStatus::TryLater)),
        5 => return Err(OcspError::Status(ResponderStatus::SigRequired)),
        6 => return Err(OcspError::Status(ResponderStatus::Unauthorized)),
        other => return Err(OcspError::Status(ResponderStatus::Other(other))),
    }
    let in_bytes = in_part("responseBytes");
    let bytes = response.expect(0xa0).map_err(&in_bytes)?;
    response.finish().map_err(&in_bytes)?;
    let mut bytes = sequence(bytes).map_err(&in_bytes)?;
    if bytes.expect(der::OID).map_err(&in_bytes)? != BASIC {
        return Err(OcspError::Type);
    }
    let basic = bytes.expect(der::OCTET_STRING).map_err(&in_bytes)?;
    bytes.finish().map_err(&in_bytes)?;
    Ok(basic)
}

fn basic(bytes: &[u8]) -> Result<Response<'_>, OcspError> {
    let in_basic = in_part("basic response");
    let mut basic = sequence(bytes).map_err(&in_basic)?;
    let tbs = basic.next().map_err(&in_basic)?.raw;
    let algorithm = basic.next().map_err(in_part("signatureAlgorithm"))?.raw;
    let signature = basic.expect(der::BIT_STRING).and_then(whole_bytes).map_err(in_part("signature"))?;
    let certificates = match basic.optional(0xa0).map_err(in_part("certs"))? {
        Some(list) => certificates(list).map_err(in_part("certs"))?,
        None => Vec::new(),
    };
    basic.finish().map_err(&in_basic)?;

    let mut data = sequence(tbs).map_err(in_part("tbsResponseData"))?;
    if let Some(version) = data.optional(0xa0).map_err(in_part("version"))? {
        match Reader::new(version).expect(der::INTEGER).and_then(der::unsigned).map_err(in_part("version"))? {
            0 => {}
            version => return Err(OcspError::Version(version.saturating_add(1))),
        }
    }
    let responder = responder(&mut data).map_err(in_part("responderID"))?;
    let produced_at = data.next().and_then(der::time).map_err(in_part("producedAt"))?;
    let singles = data.expect(der::SEQUENCE).and_then(singles).map_err(in_part("responses"))?;
    let (mut nonce, mut critical) = (None, false);
    if let Some(list) = data.optional(0xa1).map_err(in_part("responseExtensions"))? {
        let visit = |extension: Extension<'_>| extension.critical && ![NONCE, EXTENDED_REVOKE].contains(&extension.id);
        critical = any_extension(list, visit).map_err(in_part("responseExtensions"))?;
        nonce = find_nonce(list).map_err(in_part("responseExtensions"))?;
    }
    data.finish().map_err(in_part("tbsResponseData"))?;
    Ok(Response { produced_at, tbs, algorithm, signature, responder, singles, nonce, critical, certificates })
}

fn certificates(list: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut list = sequence(list)?;
    let mut found = Vec::new();
    while !list.is_empty() && found.len() < CERTIFICATES {
        found.push(list.next()?.raw);
    }
    Ok(found)
}

fn responder<'a>(data: &mut Reader<'a>) -> Result<ResponderId<'a>, Malformed> {
    let id = data.next()?;
    match id.tag {
        0xa1 => Ok(ResponderId::Name(id.contents)),
        0xa2 => Reader::new(id.contents).expect(der::OCTET_STRING).map(ResponderId::Key),
        found => Err(Malformed::Tag { found, expected: 0xa1 }),
    }
}

fn singles(list: &[u8]) -> Result<Vec<Single<'_>>, Malformed> {
    let mut list = Reader::new(list);
    let mut found = Vec::with_capacity(1);
    while !list.is_empty() {
        found.push(single(Reader::new(list.expect(der::SEQUENCE)?))?);
    }
    Ok(found)
}

fn single(mut single: Reader<'_>) -> Result<Single<'_>, Malformed> {
    let mut id = Reader::new(single.expect(der::SEQUENCE)?);
    let hash = Reader::new(id.expect(der::SEQUENCE)?).expect(der::OID)?;
    let (issuer_name, issuer_key) = (id.expect(der::OCTET_STRING)?, id.expect(der::OCTET_STRING)?);
    let serial = pointers::serial(id.expect(der::INTEGER)?);
    id.finish()?;
    let status = single.next()?;
    let status = match status.tag {
        0x80 => Status::Good,
        0xa1 => revoked(Reader::new(status.contents))?,
        0x82 => Status::Unknown,
        found => return Err(Malformed::Tag { found, expected: 0x80 }),
    };
    let this_update = single.next().and_then(der::time)?;
    let next_update = match single.optional(0xa0)? {
        Some(time) => Some(Reader::new(time).next().and_then(der::time)?),
        None => None,
    };
    let critical = match single.optional(0xa1)? {
        Some(list) => any_extension(list, |extension| extension.critical && !is_known_of_single(extension.id))?,
        None => false,
    };
    single.finish()?;
    Ok(Single { hash, issuer_name, issuer_key, serial, status, this_update, next_update, critical })
}

fn revoked(mut info: Reader<'_>) -> Result<Status, Malformed> {
    let at = info.next().and_then(der::time)?;
    let reason = match info.optional(0xa0)? {
        Some(reason) => revoked_for(der::unsigned(Reader::new(reason).expect(ENUMERATED)?)?),
        None => RevokedFor::Unspecified,
    };
    info.finish()?;
    Ok(Status::Revoked { at, reason })
}

/// RFC 5280 section 5.3.1; a number without meaning is a revocation all the same.
fn revoked_for(number: u64) -> RevokedFor {
    match number {
        1 => RevokedFor::KeyCompromise,
        2 => RevokedFor::CaCompromise,
        3 => RevokedFor::AffiliationChanged,
        4 => RevokedFor::Superseded,
        5 => RevokedFor::CessationOfOperation,
        6 => RevokedFor::CertificateHold,
        8 => RevokedFor::RemoveFromCrl,
        9 => RevokedFor::PrivilegeWithdrawn,
        10 => RevokedFor::AaCompromise,
        _ => RevokedFor::Unspecified,
    }
}

/// CRL references and archive cutoff (RFC 6960 section 4.4), and the CRL entry extensions that say nothing new (reason, invalidity date).
fn is_known_of_single(id: &[u8]) -> bool {
    matches!(id, [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 3 | 6] | [0x55, 0x1d, 0x15 | 0x18])
}

struct Extension<'a> {
    id: &'a [u8],
    critical: bool,
    value: &'a [u8],
}

fn next_extension<'a>(extensions: &mut Reader<'a>) -> Result<Extension<'a>, Malformed> {
    let mut extension = Reader::new(extensions.expect(der::SEQUENCE)?);
    let id = extension.expect(der::OID)?;
    let critical = extension.optional(0x01)?.is_some_and(|flag| flag.iter().any(|byte| *byte != 0));
    let value = extension.expect(der::OCTET_STRING)?;
    extension.finish()?;
    Ok(Extension { id, critical, value })
}

fn any_extension(list: &[u8], holds: impl Fn(Extension<'_>) -> bool) -> Result<bool, Malformed> {
    let mut extensions = sequence(list)?;
    let mut any = false;
    while !extensions.is_empty() {
        any |= holds(next_extension(&mut extensions)?);
    }
    Ok(any)
}

/// RFC 9654 section 2.1; some old responders leave the inner OCTET STRING out.
fn find_nonce(list: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut extensions = sequence(list)?;
    while !extensions.is_empty() {
        let extension = next_extension(&mut extensions)?;
        if extension.id == NONCE {
            let mut inner = Reader::new(extension.value);
            let nonce = inner.expect(der::OCTET_STRING).ok().filter(|_| inner.is_empty());
            return Ok(Some(nonce.unwrap_or(extension.value)));
        }
    }
    Ok(None)
}

const ENUMERATED: u8 = 0x0a;

fn in_part(part: &'static str) -> impl Fn(Malformed) -> OcspError {
    move |error| OcspError::Part { part, error }
}
