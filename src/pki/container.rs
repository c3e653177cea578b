//! Containers: what a file's bytes hold, whatever its format.
//!
//! May touch: `model`. Must not: keep or decrypt a private key, [`client_identity`] alone excepted. Time and memory are linear in the bytes, key derivation aside, which
//! [`Limits::kdf_iterations`] bounds.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::der::Reader;
use crate::model::{Limits, Problem, Reason, Secret};

mod identity;
mod jks;
mod pbe;
mod pem;
mod pkcs12;
mod pkcs7;
mod sniff;

pub use identity::{Identity, IdentityError, client_identity};

/// Base64 as it occurs: padded or not, stray bits at the end or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// More problems of one place than anyone reads.
const PROBLEMS: usize = 16;

/// What was found in a container. Private keys are never taken out of it.
#[derive(Debug, Default)]
pub struct Contents {
    /// DER certificates, in the order found.
    pub certificates: Vec<Vec<u8>>,
    /// DER certificate revocation lists, in the order found.
    pub crls: Vec<Vec<u8>>,
    /// DER OCSP responses, in the order found.
    pub responses: Vec<Vec<u8>>,
    /// Something known that is none of these: a private key, DH parameters, a certificate request …
    pub other: bool,
    /// Parts that could not be read.
    pub problems: Vec<Problem>,
}

/// Whether the bytes are a Java keystore (JKS or JCEKS), by their magic number.
pub fn is_java_keystore(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce, 0xce, 0xce, 0xce])
}

/// Opens PEM, DER, PKCS#7, PKCS#12 or JKS, whichever it is by its bytes; base64 without armour too.
///
/// Without passphrases, a keystore is tried with the empty one and with `changeit`.
///
/// Problems come as [`Reason::BadPem`], [`Reason::BadDer`], [`Reason::BadPkcs7`], [`Reason::BadPkcs12`], [`Reason::BadJks`],
/// [`Reason::BadPassphrase`], [`Reason::TooLarge`] and [`Reason::NoCertificateFound`]. Whether each of them can be read is
/// for their own readers to say.
pub fn open(bytes: &[u8], passphrases: &[Secret], limits: &Limits) -> Contents {
    let mut filling = Filling { contents: Contents::default(), limits, passphrases, rounds: 0, full: false, keys: None };
    filling.file(bytes);
    filling.contents
}

/// Contents being filled, with what the readers of each format need.
struct Filling<'a> {
    contents: Contents,
    limits: &'a Limits,
    passphrases: &'a [Secret],
    /// Rounds of key derivation that the stores read so far asked for.
    rounds: u64,
    full: bool,
    /// Where the keys of a PKCS#12 store go when they are wanted.
    keys: Option<Vec<pkcs12::KeyBag>>,
}

impl Filling<'_> {
    fn file(&mut self, bytes: &[u8]) {
        if jks::is_keystore(bytes) {
            jks::read(bytes, self);
        } else if sniff::kind(bytes).is_some() {
            self.der_file(bytes);
        } else if pem::is_pem(bytes) {
            pem::read(bytes, self);
        } else if let Some(der) = unarmoured(bytes.trim_ascii_start()) {
            self.der_file(&der);
        } else if sniff::looks_like_der(bytes) {
            let error = Reader::new(bytes).next_ber().err().map_or_else(|| "of no known kind".to_owned(), |error| error.to_string());
            self.problem(Reason::BadDer, format!("DER: {error}"));
        }
        if self.is_empty() {
            let detail = if bytes.is_empty() { "empty" } else { "neither a certificate, nor a CRL, nor anything else that is known" };
            self.problem(Reason::NoCertificateFound, detail.to_owned());
        }
    }

    /// One or more DER values, one after another.
    fn der_file(&mut self, bytes: &[u8]) {
        let mut values = Reader::new(bytes);
        while !values.rest().trim_ascii_start().is_empty() && !self.full {
            let (start, kind) = (values.rest(), sniff::kind(values.rest()));
            let (Some(kind), Ok(value)) = (kind, values.next_ber()) else {
                let at = bytes.len() - start.len();
                return self.problem(Reason::BadDer, format!("{} bytes after byte {at} that are nothing known", start.len()));
            };
            self.value(kind, value.raw);
        }
    }

    /// One DER value of known kind.
    fn value(&mut self, kind: sniff::Kind, raw: &[u8]) {
        match kind {
            sniff::Kind::Certificate => self.certificate(raw.to_vec()),
            sniff::Kind::Crl => self.crl(raw.to_vec()),
            sniff::Kind::OcspResponse => self.response(raw.to_vec()),
            sniff::Kind::Pkcs7 => pkcs7::read(raw, self),
            sniff::Kind::Pkcs12 => pkcs12::read(raw, self),
            sniff::Kind::Other => self.contents.other = true,
        }
    }

    fn certificate(&mut self, mut der: Vec<u8>) {
        let value = Reader::new(&der).next().map(|value| value.raw.len());
        if let Ok(length) = value.as_ref()
            && *length < der.len()
        {
            self.problem(Reason::BadDer, format!("{} bytes after the certificate", der.len() - length));
            der.truncate(*length);
        }
        if der.len() > self.limits.certificate_bytes {
            let detail = format!("certificate of {} bytes, limit {}", der.len(), self.limits.certificate_bytes);
            self.problem(Reason::TooLarge, detail);
        } else if self.has_room() {
            self.contents.certificates.push(der);
        }
    }

    fn crl(&mut self, der: Vec<u8>) {
        if self.has_room() {
            self.contents.crls.push(der);
        }
    }

    fn response(&mut self, der: Vec<u8>) {
        if self.has_room() {
            self.contents.responses.push(der);
        }
    }

    fn has_room(&mut self) -> bool {
        let Contents { certificates, crls, responses, .. } = &self.contents;
        if certificates.len() + crls.len() + responses.len() >= self.limits.items {
            if !self.full {
                self.full = true;
                self.problem(Reason::TooLarge, format!("more than {} certificates, CRLs and OCSP responses", self.limits.items));
            }
            return false;
        }
        true
    }

    fn problem(&mut self, reason: Reason, detail: String) {
        note(&mut self.contents.problems, reason, detail);
    }

    fn is_empty(&self) -> bool {
        let Contents { certificates, crls, responses, other, problems } = &self.contents;
        certificates.is_empty() && crls.is_empty() && responses.is_empty() && !other && problems.is_empty()
    }

    /// The passphrases to try, and whether the user gave them.
    fn passphrases(&self) -> (Vec<&str>, bool) {
        if self.passphrases.is_empty() {
            (vec!["", "changeit"], false)
        } else {
            (self.passphrases.iter().map(|secret| secret.0.as_str()).collect(), true)
        }
    }
}

/// Adds a problem, unless there are very many.
pub(super) fn note(problems: &mut Vec<Problem>, reason: Reason, detail: String) {
    if problems.len() < PROBLEMS {
        problems.push(Problem { reason, detail });
    }
}

/// The DER in base64 that lacks its armour.
fn unarmoured(text: &[u8]) -> Option<Vec<u8>> {
    // Every DER value here is a long SEQUENCE: 0x30 0x80 and above is `MI`, `MH`, `MA` … in base64.
    if text.first() != Some(&b'M') {
        return None;
    }
    let der = decode_base64(text)?;
    sniff::kind(&der).is_some().then_some(der)
}

/// Base64 with blanks and line ends anywhere.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    decode_lines(text).or_else(|| {
        let dense: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64.decode(dense).ok()
    })
}

/// The usual form: lines of whole groups of four, padding in the last one alone. `None` when it is not that.
fn decode_lines(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 4 * 3 + 3];
    let (mut length, mut ended) = (0, false);
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if ended || !line.len().is_multiple_of(4) {
            return None;
        }
        length += BASE64.decode_slice(line, &mut bytes[length..]).ok()?;
        ended = line.ends_with(b"=");
    }
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
mod tests;
