//! PEM (RFC 7468), read so that nothing is lost: any text around blocks, any line ends, indented, glued together; one bad block leaves
//! the others alone.
//!
//! One pass: markers are found by their runs of dashes, and a label is looked for no further than 64 bytes.

use super::super::der::Reader;
use super::{Filling, decode_base64, pkcs7, sniff};
use crate::model::Reason;

const DASHES: &[u8] = b"-----";
const LABEL_BYTES: usize = 64;

/// Whether there is at least one begin or end of a block.
pub fn is_pem(bytes: &[u8]) -> bool {
    marker(bytes, 0).is_some()
}

/// Reads every block.
pub fn read(bytes: &[u8], into: &mut Filling<'_>) {
    let mut lines = Lines { bytes, counted: 0, line: 1 };
    let mut next = marker(bytes, 0);
    while let Some(begin) = next {
        if into.full {
            return;
        }
        next = marker(bytes, begin.end);
        if !begin.begins {
            continue;
        }
        let line = lines.at(begin.start);
        let label = String::from_utf8_lossy(begin.label);
        match &next {
            Some(end) if !end.begins && end.label == begin.label => {
                block(begin.label, bytes.get(begin.end..end.start).unwrap_or_default(), line, into);
            }
            Some(end) if !end.begins => {
                let ends_as = String::from_utf8_lossy(end.label);
                into.problem(Reason::BadPem, format!("line {line}: {label} ends as {ends_as}"));
            }
            _ => into.problem(Reason::BadPem, format!("line {line}: {label} has no end")),
        }
    }
}

fn block(label: &[u8], body: &[u8], line: usize, into: &mut Filling<'_>) {
    let kind = match label {
        b"CERTIFICATE" | b"X509 CERTIFICATE" | b"TRUSTED CERTIFICATE" => sniff::Kind::Certificate,
        b"X509 CRL" => sniff::Kind::Crl,
        b"OCSP RESPONSE" => sniff::Kind::OcspResponse,
        b"PKCS7" | b"CMS" | b"PKCS #7 SIGNED DATA" => sniff::Kind::Pkcs7,
        _ => {
            into.contents.other |= is_known(label);
            return;
        }
    };
    let Some(mut der) = decode_base64(without_headers(body)).filter(|der| !der.is_empty()) else {
        return into.problem(Reason::BadPem, format!("line {line}: {} is not base64", String::from_utf8_lossy(label)));
    };
    match kind {
        sniff::Kind::Crl => into.crl(der),
        sniff::Kind::OcspResponse => into.response(der),
        // Some programs write PKCS#7 under the certificate's label.
        _ if sniff::kind(&der) == Some(sniff::Kind::Pkcs7) || kind == sniff::Kind::Pkcs7 => pkcs7::read(&der, into),
        _ => {
            // openssl appends what the certificate is trusted for.
            if label == b"TRUSTED CERTIFICATE"
                && let Ok(length) = Reader::new(&der).next().map(|value| value.raw.len())
            {
                der.truncate(length);
            }
            into.certificate(der);
        }
    }
}

/// Labels of things that are neither certificates nor CRLs, and no error.
fn is_known(label: &[u8]) -> bool {
    [&b"PRIVATE KEY"[..], b"PUBLIC KEY", b"PARAMETERS", b"CERTIFICATE REQUEST"].iter().any(|known| label.ends_with(known))
        || [&b"ATTRIBUTE CERTIFICATE"[..], b"OpenVPN Static key V1", b"PGP PUBLIC KEY BLOCK", b"PGP PRIVATE KEY BLOCK"].contains(&label)
}

/// Skips encapsulated headers (RFC 1421 section 4.4): lines with a colon, up to an empty line.
fn without_headers(body: &[u8]) -> &[u8] {
    if !body.contains(&b':') {
        return body;
    }
    let mut rest = body.trim_ascii_start();
    let mut in_headers = false;
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        // A header goes on in lines that begin with a blank.
        let continues = in_headers && line.first().is_some_and(u8::is_ascii_whitespace) && !line.trim_ascii().is_empty();
        if !line.contains(&b':') && !continues || after.is_empty() {
            return rest;
        }
        in_headers = true;
        rest = after.strip_prefix(b"\r\n").unwrap_or_else(|| after.get(1..).unwrap_or_default());
    }
}

struct Marker<'a> {
    begins: bool,
    label: &'a [u8],
    start: usize,
    end: usize,
}

/// The next `-----BEGIN X-----` or `-----END X-----` at or after a position.
fn marker(bytes: &[u8], from: usize) -> Option<Marker<'_>> {
    let mut at = from;
    loop {
        let run = dashes(bytes, at)?;
        let after = bytes.get(run.end..).unwrap_or_default();
        at = run.end;
        let (begins, rest) = match (after.strip_prefix(b"BEGIN "), after.strip_prefix(b"END ")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => continue,
        };
        let label_at = bytes.len() - rest.len();
        let window = rest.get(..rest.len().min(LABEL_BYTES + DASHES.len())).unwrap_or_default();
        let Some(length) = window.windows(DASHES.len()).position(|dashes| dashes == DASHES) else { continue };
        let label = window.get(..length).unwrap_or_default();
        if label.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Some(Marker { begins, label, start: run.start, end: label_at + length + DASHES.len() });
        }
    }
}

/// The next run of five dashes or more; looks at every fifth byte only.
fn dashes(bytes: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
    let mut at = from + DASHES.len() - 1;
    loop {
        if *bytes.get(at)? != b'-' {
            at += DASHES.len();
            continue;
        }
        let before = bytes.get(from..at)?.iter().rev().take_while(|byte| **byte == b'-').count();
        let after = bytes.get(at..)?.iter().take_while(|byte| **byte == b'-').count();
        if before + after >= DASHES.len() {
            return Some(at - before..at + after);
        }
        at += after + DASHES.len() - 1;
    }
}

/// Counts lines forward, so that many problems do not make it quadratic.
struct Lines<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: usize,
}

impl Lines<'_> {
    fn at(&mut self, position: usize) -> usize {
        let passed = self.bytes.get(self.counted..position).unwrap_or_default();
        let following = self.bytes.get(self.counted + 1..).unwrap_or_default().iter().map(Some).chain([None]);
        let ends = passed.iter().zip(following).filter(|(byte, next)| match byte {
            b'\n' => true,
            b'\r' => *next != Some(&b'\n'),
            _ => false,
        });
        self.line += ends.count();
        self.counted = position;
        self.line
    }
}
