//! Patterns over names, texts and places: small ones of our own, so that no pattern and no name takes longer than both are long.

use std::borrow::Cow;
use std::fmt;

/// Longer patterns are refused, in bytes.
const LONGEST: usize = 1024;

/// A text in which `*` stands for any run of characters, none too. Nothing else is special.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    /// What stands between the stars, in lower case where case does not count.
    pieces: Box<[Box<str>]>,
    ignores_case: bool,
}

impl Pattern {
    /// Upper and lower case are different.
    ///
    /// # Errors
    /// It is empty, too long, or holds control characters.
    pub fn new(text: &str) -> Result<Self, String> {
        Self::parse(text, false)
    }

    /// Upper and lower case of ASCII letters are the same.
    ///
    /// # Errors
    /// As [`Pattern::new`].
    pub fn ignoring_case(text: &str) -> Result<Self, String> {
        Self::parse(text, true)
    }

    fn parse(text: &str, ignores_case: bool) -> Result<Self, String> {
        if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(format!(
                "expected a pattern of 1 to {LONGEST} bytes without control characters, in which * stands for anything, found {text:?}"
            ));
        }
        let piece = |piece: &str| if ignores_case { piece.to_ascii_lowercase().into() } else { piece.into() };
        Ok(Self { text: text.into(), pieces: text.split('*').map(piece).collect(), ignores_case })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole text fits.
    pub fn fits(&self, text: &str) -> bool {
        let text = match self.ignores_case && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
        self.fits_as_is(&text)
    }

    /// Each piece is looked for once, from where the one before it ended: the first place is as good as any other.
    fn fits_as_is(&self, text: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else { return false };
        let Some((last, between)) = rest.split_last() else { return text == &**first };
        let Some(mut text) = text.strip_prefix(&**first).and_then(|text| text.strip_suffix(&**last)) else { return false };
        between.iter().all(|piece| match text.find(&**piece) {
            Some(at) => {
                text = text.get(at + piece.len()..).unwrap_or_default();
                true
            }
            None => false,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A DNS name in which `*` stands for one label or a part of one, and `**` for one or more labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsPattern {
    text: Box<str>,
    before: Box<[Pattern]>,
    /// The labels behind `**`; `None` without it.
    after: Option<Box<[Pattern]>>,
}

impl DnsPattern {
    /// Reads `*.prod.internal` or `**.example.com`.
    ///
    /// # Errors
    /// What was expected.
    pub fn new(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a DNS name such as \"*.prod.internal\" (* is one label, ** one or more), found {text:?}");
        // RFC 1035 section 2.3.4 for the whole; each label is checked for what it is made of.
        let name = text.strip_suffix('.').unwrap_or(text);
        let labels: Vec<&str> = name.split('.').collect();
        if name.len() > 253 || labels.iter().any(|label| label.is_empty() || !label.chars().all(is_of_names)) {
            let hint = if text.is_ascii() { "" } else { "; names of other letters are written as xn--…" };
            return Err(format!("{}{hint}", expected()));
        }
        let mut parts = Vec::new();
        for part in labels.split(|label| *label == "**") {
            if part.iter().any(|label| label.contains("**")) {
                return Err(format!("{}; ** stands alone between dots", expected()));
            }
            parts.push(part.iter().map(|label| Pattern::ignoring_case(label)).collect::<Result<Box<[_]>, _>>()?);
        }
        let mut parts = parts.into_iter();
        let (before, after) = (parts.next().unwrap_or_default(), parts.next());
        if parts.next().is_some() {
            return Err(format!("{}; ** stands at most once", expected()));
        }
        Ok(Self { text: text.into(), before, after })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the name fits. Case does not count, nor does the dot of the root. What no host is called (a zero byte, a blank) fits nothing.
    pub fn fits(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        if !name.chars().all(is_of_names) {
            return false;
        }
        let labels = || name.split('.');
        let fits = |(pattern, label): (&Pattern, &str)| !label.is_empty() && pattern.fits(label);
        let count = labels().count();
        let begins = self.before.iter().zip(labels()).all(fits);
        match &self.after {
            None => count == self.before.len() && begins,
            Some(after) => {
                let is_long_enough = count > self.before.len() + after.len();
                is_long_enough && begins && after.iter().rev().zip(labels().rev()).all(fits) && labels().all(|label| !label.is_empty())
            }
        }
    }
}

/// Letters, digits and hyphens (RFC 1123 section 2.1), the underscore of the field, and what wildcards and dots need.
fn is_of_names(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.')
}

impl fmt::Display for DnsPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, fits) in [
            ("nginx", "nginx", true),
            ("nginx", "nginx2", false),
            ("nginx*", "nginx", true),
            ("*", "", true),
            ("*", "anything at all", true),
            ("/etc/*/tls/*.pem", "/etc/a/b/tls/c.pem", true),
            ("/etc/*/tls/*.pem", "/etc/tls/c.pem", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*ab*ab*", "xabyabz", true),
            ("*ab*ab*", "xab", false),
            ("a?c", "abc", false),
            ("[::1]:443", "[::1]:443", true),
            ("A", "a", false),
            ("ü*", "üx", true),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().fits(text), fits, "{pattern} {text}");
        }
        let shop = Pattern::ignoring_case("*.Shop.example").unwrap();
        assert!(shop.fits("API.shop.EXAMPLE") && shop.as_str() == "*.Shop.example");
        for text in ["", "a\nb", &"a".repeat(LONGEST + 1)] {
            assert!(Pattern::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn one_star_is_one_label_and_two_are_more() {
        for (pattern, name, fits) in [
            ("*.prod.internal", "api.prod.internal", true),
            ("*.prod.internal", "API.Prod.Internal.", true),
            ("*.prod.internal", "a.b.prod.internal", false),
            ("*.prod.internal", "prod.internal", false),
            ("*.prod.internal", ".prod.internal", false),
            ("*.prod.internal", "*.prod.internal", true),
            ("web-*.prod.internal", "web-1.prod.internal", true),
            ("web-*.prod.internal", "api.prod.internal", false),
            ("**.prod.internal", "a.b.prod.internal", true),
            ("**.prod.internal", "prod.internal", false),
            ("**.prod.internal", "a..prod.internal", false),
            ("api.**.internal", "api.a.b.internal", true),
            ("api.**.internal", "api.internal", false),
            ("**", "anything.at.all", true),
            ("**.prod.internal", "evil.example\\00.prod.internal", false),
            ("*.prod.internal", "a b.prod.internal", false),
            ("payments", "payments", true),
            ("*", "", false),
        ] {
            assert_eq!(DnsPattern::new(pattern).unwrap().fits(name), fits, "{pattern} {name}");
        }
        for pattern in ["", ".", "a..b", ".prod.internal", "**.a.**", "a**.b", "https://a", "a b", "bücher.example", &"a.".repeat(200)] {
            assert!(DnsPattern::new(pattern).unwrap_err().starts_with("expected a DNS name"), "{pattern}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test measures time")]
    fn hostile_patterns_and_names_take_bounded_time() {
        let pattern = Pattern::ignoring_case(&"*a".repeat(512)).unwrap();
        let text = "a".repeat(500) + &"b".repeat(100_000);
        let began = std::time::Instant::now();
        for _ in 0..100 {
            assert!(!pattern.fits(&text));
        }
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    }
}
