//! Free text that is looked for: letters of ASCII in either case, everything else as it is.

use crate::model::facts::SubjectName;
use crate::model::{CertificateFacts, CrlFacts, Place};

/// Fewer hexadecimal digits than this are no beginning of a fingerprint: they would fit by chance.
const DIGITS: usize = 6;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    lower: Box<str>,
    /// The beginning of a fingerprint that it may be, its colons taken out.
    digits: Option<Box<str>>,
    is_address: bool,
    /// It may reach from one part of a place into the next.
    spans: bool,
}

impl Needle {
    /// `None` of nothing: everything has it.
    pub fn new(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let digits: String = lower.chars().filter(|char| *char != ':').collect();
        let is_hex = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self {
            digits: is_hex.then(|| digits.into()),
            is_address: lower.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')),
            spans: lower.contains(['/', ' ']),
            lower: lower.into(),
        })
        .filter(|needle| !needle.lower.is_empty())
    }

    /// Whether it stands in this text.
    pub fn is_in(&self, text: &str) -> bool {
        let (needle, text) = (self.lower.as_bytes(), text.as_bytes());
        let Some((first, rest)) = needle.split_first() else { return true };
        let is_here = |at: usize| text.get(at + 1..at + 1 + rest.len()).is_some_and(|found| found.eq_ignore_ascii_case(rest));
        memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text).any(is_here)
    }

    /// Whether a certificate is called so: subject, issuer, serial number, names, or the beginning of its fingerprint.
    pub fn is_in_certificate(&self, facts: &CertificateFacts) -> bool {
        let is_in_name = |name: &SubjectName| match name {
            SubjectName::Dns(text) | SubjectName::Uri(text) | SubjectName::Email(text) | SubjectName::Other(text) => self.is_in(text),
            SubjectName::Ip(address) => self.is_address && self.is_in(&address.to_string()),
        };
        self.is_in(&facts.subject)
            || self.is_in(&facts.issuer)
            || self.is_in(&facts.serial)
            || facts.names.iter().any(is_in_name)
            || self.begins(&facts.fingerprint)
    }

    /// Whether a CRL is called so: issuer, number, or the beginning of its fingerprint.
    pub fn is_in_crl(&self, facts: &CrlFacts) -> bool {
        self.is_in(&facts.issuer) || facts.number.as_deref().is_some_and(|number| self.is_in(number)) || self.begins(&facts.fingerprint)
    }

    /// Whether a place is called so, by one of its labels or by how it is called in logs.
    pub fn is_in_place(&self, place: &Place) -> bool {
        let mut found = false;
        place.each_label(|_, value| found = found || self.is_in(value));
        found || (self.spans && !matches!(place, Place::File { .. }) && self.is_in(&place.to_string()))
    }

    /// Whether it is the beginning of a fingerprint.
    pub fn begins(&self, fingerprint: &[u8; 32]) -> bool {
        let Some(digits) = self.digits.as_deref().map(str::as_bytes) else { return false };
        let digit = |at: usize| fingerprint.get(at / 2).map(|byte| if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 });
        digits.iter().enumerate().all(|(at, wanted)| digit(at).map(u32::from) == char::from(*wanted).to_digit(16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::example::certificate;
    use crate::model::CertRole;

    #[test]
    fn text_is_found_in_either_case() {
        for (needle, text, found) in [
            ("api", "CN=API.example", true),
            ("EXAMPLE", "cn=api.example", true),
            ("example.", "cn=api.example", false),
            ("e", "", false),
            ("ü", "CN=Müller", true),
            ("Ü", "CN=Müller", false),
            ("\u{1}", "a\u{1}b", true),
            ("aab", "aaab", true),
        ] {
            assert_eq!(Needle::new(needle).unwrap().is_in(text), found, "{needle:?} in {text:?}");
        }
        assert_eq!(Needle::new(""), None);
    }

    #[test]
    fn certificates_are_found_by_what_people_know_of_them() {
        let facts = certificate(CertRole::Leaf, "www.example.com", "Issuing", 0xab);
        for (text, found) in [
            ("www.example", true),
            ("issuing", true),
            ("1171", true),
            ("192.0.2", true),
            ("spiffe://example.org", true),
            ("ababab", true),
            ("AB:AB:AB:AB", true),
            ("abab", false),
            ("ababac", false),
            (&"ab".repeat(32), true),
            (&"ab".repeat(33), false),
            ("nobody", false),
        ] {
            assert_eq!(Needle::new(text).unwrap().is_in_certificate(&facts), found, "{text}");
        }
    }

    #[test]
    fn places_are_found_by_their_labels_and_as_they_are_called() {
        let secret = Place::Secret { namespace: "shop".into(), name: "web".into(), key: "tls.crt".into() };
        let file = Place::file("/etc/ssl/web.pem");
        for (text, place, found) in [
            ("shop", &secret, true),
            ("shop/web", &secret, true),
            ("secret shop/web tls", &secret, true),
            ("shop/api", &secret, false),
            ("ssl/web", &file, true),
            ("ssl/api", &file, false),
        ] {
            assert_eq!(Needle::new(text).unwrap().is_in_place(place), found, "{text} {place}");
        }
    }
}
