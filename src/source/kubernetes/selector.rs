//! Selectors as Kubernetes writes them: parsed, printed for the server, matched here.
//!
//! May touch: nothing. Pure.

use std::collections::BTreeSet;
use std::fmt;

/// A conjunction of requirements; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Lacks,
    In(BTreeSet<String>),
    /// True of what lacks the key, too.
    NotIn(BTreeSet<String>),
}

impl Selector {
    /// A selector of labels: keys and values are such as a label may have.
    ///
    /// # Errors
    /// What was expected.
    pub fn of_labels(text: &str) -> Result<Self, String> {
        let selector = Self::of_annotations(text)?;
        for requirement in &selector.0 {
            if let Test::In(values) | Test::NotIn(values) = &requirement.test
                && let Some(value) = values.iter().find(|value| !is_label_value(value))
            {
                return Err(format!("expected a label's value (at most 63 letters, digits, \"-\", \"_\", \".\"), found {value:?}"));
            }
        }
        Ok(selector)
    }

    /// A selector of annotations: the same syntax, but values may be longer and hold more.
    ///
    /// # Errors
    /// What was expected.
    pub fn of_annotations(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        let mut requirements = Vec::new();
        loop {
            requirements.push(reader.requirement()?);
            if reader.at_end() {
                return Ok(Self(requirements));
            }
            if !reader.take(",") {
                return Err(format!("expected \",\" or the end, found {:?}", reader.rest));
            }
        }
    }

    /// Whether something with these values satisfies every requirement.
    pub fn matches<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.0.iter().all(|requirement| match (&requirement.test, value(&requirement.key)) {
            (Test::Exists, found) => found.is_some(),
            (Test::Lacks, found) => found.is_none(),
            (Test::In(values), found) => found.is_some_and(|found| values.contains(found)),
            (Test::NotIn(values), found) => found.is_none_or(|found| !values.contains(found)),
        })
    }

    /// The keys that it asks for.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|requirement| &*requirement.key)
    }
}

/// As the API server reads it.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, test }) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let joined = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
            match test {
                Test::Exists => write!(f, "{comma}{key}")?,
                Test::Lacks => write!(f, "{comma}!{key}")?,
                Test::In(values) if values.len() == 1 => write!(f, "{comma}{key}={}", joined(values))?,
                Test::In(values) => write!(f, "{comma}{key} in ({})", joined(values))?,
                Test::NotIn(values) if values.len() == 1 => write!(f, "{comma}{key}!={}", joined(values))?,
                Test::NotIn(values) => write!(f, "{comma}{key} notin ({})", joined(values))?,
            }
        }
        Ok(())
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn requirement(&mut self) -> Result<Requirement, String> {
        let lacks = self.take("!");
        let key = self.word();
        if !is_key(key) {
            return Err(format!("expected a key such as \"app\" or \"example.com/team\", found {key:?} before {:?}", self.rest));
        }
        let key = key.to_owned();
        if lacks || self.at_end() || self.rest.trim_start().starts_with(',') {
            let test = if lacks { Test::Lacks } else { Test::Exists };
            return Ok(Requirement { key, test });
        }
        let one = |reader: &mut Self| BTreeSet::from([reader.word().to_owned()]);
        let test = if self.take("!=") {
            Test::NotIn(one(self))
        } else if self.take("==") || self.take("=") {
            Test::In(one(self))
        } else {
            match self.word() {
                "in" => Test::In(self.set()?),
                "notin" => Test::NotIn(self.set()?),
                other => return Err(format!("expected \"=\", \"!=\", \"in\" or \"notin\" behind {key:?}, found {other:?}")),
            }
        };
        Ok(Requirement { key, test })
    }

    fn set(&mut self) -> Result<BTreeSet<String>, String> {
        if !self.take("(") {
            return Err(format!("expected \"(\", found {:?}", self.rest));
        }
        let mut values = BTreeSet::new();
        loop {
            values.insert(self.word().to_owned());
            if self.take(")") {
                return Ok(values);
            }
            if !self.take(",") {
                return Err(format!("expected \",\" or \")\", found {:?}", self.rest));
            }
        }
    }

    /// Up to the next separator; may be empty.
    fn word(&mut self) -> &'t str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| c.is_whitespace() || ",()=!".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn at_end(&self) -> bool {
        self.rest.trim_start().is_empty()
    }
}

/// Whether labels and annotations may be called so: a name of at most 63 characters, before it a domain and a slash or nothing.
pub fn is_key(key: &str) -> bool {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    let is_domain = |domain: &str| {
        domain.len() <= 253
            && domain
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'))
    };
    !name.is_empty() && is_label_value(name) && domain.is_none_or(is_domain)
}

fn is_label_value(value: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    value.len() <= 63 && value.bytes().all(inner) && ends(value.bytes().next()) && ends(value.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_and_printed_for_the_server() {
        for (text, canonical) in [
            ("app", "app"),
            (" !app ", "!app"),
            ("app=x", "app=x"),
            ("app == x", "app=x"),
            ("app!=x", "app!=x"),
            ("app=", "app="),
            ("team in (b, a,a)", "team in (a,b)"),
            ("team notin (a)", "team!=a"),
            ("team in ()", "team="),
            ("in in (in)", "in=in"),
            ("a.example/b , !c,d!=e", "a.example/b,!c,d!=e"),
        ] {
            assert_eq!(Selector::of_labels(text).map(|selector| selector.to_string()), Ok(canonical.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_with_what_was_expected() {
        for (text, why) in [
            ("", "expected a key"),
            (",", "expected a key"),
            ("a,", "expected a key"),
            ("=x", "expected a key"),
            ("a b", "expected \"=\""),
            ("a in b", "expected \"(\""),
            ("a in (b", "expected \",\" or \")\""),
            ("a=b=c", "expected \",\" or the end"),
            ("a>1", "expected a key"),
            ("-a", "expected a key"),
            ("/a", "expected a key"),
            ("a=b/c", "expected a label's value"),
            ("a=é", "expected a label's value"),
        ] {
            let error = Selector::of_labels(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(Selector::of_labels(&format!("a={}", "x".repeat(64))).is_err());
        assert!(Selector::of_annotations("a=b/c:d").is_ok(), "annotations hold more");
    }

    #[test]
    fn requirements_match_as_kubernetes_says() {
        let values = |key: &str| match key {
            "app" => Some("x"),
            "empty" => Some(""),
            _ => None,
        };
        for (text, expected) in [
            ("app", true),
            ("!app", false),
            ("other", false),
            ("!other", true),
            ("app=x", true),
            ("app=y", false),
            ("app!=y", true),
            ("app!=x", false),
            ("other!=y", true),
            ("other=y", false),
            ("app in (x,y)", true),
            ("app notin (x,y)", false),
            ("other notin (x)", true),
            ("empty=", true),
            ("app=x,other", false),
        ] {
            assert_eq!(Selector::of_labels(text).unwrap().matches(values), expected, "{text}");
        }
    }
}
