//! What bytes are that should be a list and are not: the commonest mistakes get their name.
//!
//! May touch: nothing. Content-Type says little; the first bytes say it all.

use crate::model::RevocationReason;

/// Something that is no DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDer {
    /// Nothing.
    #[error("no bytes at all")]
    Empty,
    /// `-----BEGIN …`
    #[error("PEM where RFC 5280 section 4.2.1.13 wants DER")]
    Pem,
    /// Base64 of a SEQUENCE, without armour.
    #[error("base64 where RFC 5280 section 4.2.1.13 wants DER")]
    Base64,
    /// A page, an error document.
    #[error("an HTML or XML page")]
    Html,
    /// Something else that one can read.
    #[error("plain text")]
    Text,
    /// Anything else.
    #[error("neither DER nor anything known")]
    Other,
}

impl NotDer {
    /// The closed word for it.
    pub fn reason(self) -> RevocationReason {
        RevocationReason::Malformed
    }
}

/// How many bytes are enough to tell.
pub(super) const ENOUGH: usize = 64;

/// Looks at the first bytes of a body (64 are enough) that should be one DER SEQUENCE.
///
/// # Errors
/// What else it is.
pub fn sniff(first: &[u8]) -> Result<(), NotDer> {
    let first = first.get(..ENOUGH).unwrap_or(first);
    // A SEQUENCE begins with the digit 0: what follows must be no text.
    if first.first() == Some(&0x30) && !first.iter().all(|byte| is_text(*byte)) {
        return Ok(());
    }
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    Err(match text {
        [] if first.is_empty() => NotDer::Empty,
        [b'<', ..] => NotDer::Html,
        [b'-', b'-', b'-', b'-', b'-', b'B', ..] => NotDer::Pem,
        // 0x30 0x80…: every SEQUENCE of more than 127 bytes.
        [b'M', b'I', rest @ ..] if rest.iter().all(|byte| is_base64(*byte)) => NotDer::Base64,
        _ if first.iter().all(|byte| is_text(*byte)) => NotDer::Text,
        _ => NotDer::Other,
    })
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_mistakes_have_names() {
        for (what, bytes, expected) in [
            ("DER", &b"\x30\x82\x01\x00\x30"[..], Ok(())),
            ("DER that begins like text", b"\x30\x31\x30\x2f\x02\x01\x01", Ok(())),
            ("nothing", b"", Err(NotDer::Empty)),
            ("PEM", b"-----BEGIN X509 CRL-----\nMIIB", Err(NotDer::Pem)),
            ("PEM behind a byte order mark", b"\xef\xbb\xbf-----BEGIN X509 CRL-----\n", Err(NotDer::Pem)),
            ("PEM behind blank lines", b"\r\n\n-----BEGIN X509 CRL-----\n", Err(NotDer::Pem)),
            ("base64", b"MIIBpzCBkAIBATANBgkqhkiG9w0BAQsFADAN\nMQswCQ", Err(NotDer::Base64)),
            ("HTML", b"<!DOCTYPE html><html><head><title>404", Err(NotDer::Html)),
            ("HTML behind white space", b"\n\n  <html>", Err(NotDer::Html)),
            ("XML", b"<?xml version=\"1.0\"?><Error>", Err(NotDer::Html)),
            ("text", b"Not found", Err(NotDer::Text)),
            ("text that begins with 0", b"0 results", Err(NotDer::Text)),
            ("gzip", b"\x1f\x8b\x08\x00\x00", Err(NotDer::Other)),
            ("zeroes", &[0; 100], Err(NotDer::Other)),
        ] {
            assert_eq!(sniff(bytes), expected, "{what}");
        }
    }
}
