//! What `[metrics] compatibility = ["enix"]` adds to certificate series: more fields of subject and issuer as labels.

use std::borrow::Cow;

use crate::model::CertificateFacts;

use super::text::label;

const SUBJECT: [(&str, &str); 5] = [("C", "subject_C"), ("ST", "subject_ST"), ("L", "subject_L"), ("O", "subject_O"), ("OU", "subject_OU")];
const ISSUER: [(&str, &str); 5] = [("C", "issuer_C"), ("ST", "issuer_ST"), ("L", "issuer_L"), ("O", "issuer_O"), ("OU", "issuer_OU")];

/// Writes the fields of subject and issuer that are there.
pub fn name_fields(out: &mut Vec<u8>, certificate: &CertificateFacts) {
    for (name, fields) in [(&certificate.subject, SUBJECT), (&certificate.issuer, ISSUER)] {
        for (field, label_name) in fields {
            if let Some(value) = first_value(name, field) {
                label(out, label_name, &value);
            }
        }
    }
}

/// The first value of a field in the order of the certificate, which an RFC 4514 text turns round.
fn first_value<'a>(name: &'a str, field: &str) -> Option<Cow<'a, str>> {
    let parts: Vec<&str> = split(name, b',');
    parts.into_iter().rev().flat_map(|part| split(part, b'+')).find_map(|attribute| {
        let (kind, value) = attribute.split_once('=')?;
        kind.trim().eq_ignore_ascii_case(field).then(|| unescaped(value))
    })
}

/// Splits at a separator that no backslash escapes.
fn split(text: &str, separator: u8) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if byte == separator => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// RFC 4514 section 2.4 backwards: `\,` is a character, `\C3` a byte.
fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let (mut out, mut rest) = (Vec::with_capacity(value.len()), value.as_bytes());
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
        } else if let [high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
        {
            out.push((high * 16 + low) as u8);
            rest = tail;
        } else if let Some((&next, tail)) = rest.split_first() {
            out.push(next);
            rest = tail;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_rfc_4514_text() {
        for (behaviour, name, field, value) in [
            ("a plain field", "CN=a,O=Example,C=DE", "O", Some("Example")),
            ("the certificate's first of a repeated one stands last", "OU=inner,OU=outer,O=x", "OU", Some("outer")),
            ("a field of a multi-valued RDN", "CN=a+L=Berlin,C=DE", "L", Some("Berlin")),
            ("an escaped comma does not split", r"O=Acme\, Inc.,C=US", "O", Some("Acme, Inc.")),
            ("escaped bytes are UTF-8", r"L=Z\C3\BCrich", "L", Some("Zürich")),
            ("a value that looks like a field is none", r"CN=a\,O=b,C=US", "O", None),
            ("a missing one", "CN=a", "O", None),
            ("an empty name", "", "O", None),
        ] {
            assert_eq!(first_value(name, field).as_deref(), value, "{behaviour}");
        }
    }
}
