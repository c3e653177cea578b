//! Mirrors: where closed networks keep copies of what certificates point to.

use std::borrow::Cow;
use std::sync::Arc;

use reqwest::Url;

/// Prefixes of URLs and what stands in their place. The policy sees the result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// Longest prefix first.
    pairs: Arc<[(String, String)]>,
}

/// What is no mirror.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL such as \"http://crl.example/\", {problem}: {found:?}")]
pub struct NotAMirror {
    found: String,
    problem: &'static str,
}

impl Mirrors {
    /// From pairs of prefix and replacement, each an http or https URL without user, query and fragment.
    ///
    /// # Errors
    /// The first one that is not, or a prefix given twice.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, NotAMirror> {
        let mut read: Vec<(String, String)> = Vec::new();
        for (from, to) in pairs {
            let prefix = normalised(&from)?;
            let to = normalised(&to)?;
            if read.iter().any(|(known, _)| *known == prefix) {
                return Err(NotAMirror { found: from, problem: "found it twice" });
            }
            read.push((prefix, to));
        }
        read.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Ok(Self { pairs: read.into() })
    }

    /// The URL to fetch in place of this one: the longest prefix counts, and ends where a part of the path ends.
    pub fn apply<'a>(&self, url: &'a str) -> Cow<'a, str> {
        if self.pairs.is_empty() {
            return Cow::Borrowed(url);
        }
        let Ok(parsed) = Url::parse(url) else { return Cow::Borrowed(url) };
        for (from, to) in &*self.pairs {
            let Some(rest) = parsed.as_str().strip_prefix(from.as_str()) else { continue };
            if from.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?']) {
                let joint = if from.ends_with('/') && !to.ends_with('/') && !rest.is_empty() { "/" } else { "" };
                return Cow::Owned(format!("{to}{joint}{rest}"));
            }
        }
        Cow::Borrowed(url)
    }
}

fn normalised(text: &str) -> Result<String, NotAMirror> {
    let wrong = |problem| NotAMirror { found: text.to_owned(), problem };
    let url = Url::parse(text).map_err(|_| wrong("found no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("found another scheme"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("found a user in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("found a query or fragment in it"));
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_replaces_a_prefix_of_whole_parts() {
        let pairs = [
            ("http://crl.example/", "https://mirror.internal/crl/"),
            ("http://crl.example/deep/", "https://deep.internal"),
            ("http://one.example/a.crl", "https://mirror.internal/b.crl"),
            ("http://ocsp.example", "http://mirror.internal:8080/ocsp"),
        ];
        let mirrors = Mirrors::new(pairs.map(|(from, to)| (from.to_owned(), to.to_owned()))).unwrap();
        for (url, expected) in [
            ("http://crl.example/a.crl", "https://mirror.internal/crl/a.crl"),
            ("http://CRL.example:80/a.crl?x=1", "https://mirror.internal/crl/a.crl?x=1"),
            ("http://crl.example/../a.crl", "https://mirror.internal/crl/a.crl"),
            ("http://crl.example/deep/a.crl", "https://deep.internal/a.crl"),
            ("http://crl.example", "https://mirror.internal/crl/"),
            ("http://one.example/a.crl", "https://mirror.internal/b.crl"),
            ("http://one.example/a.crl2", "http://one.example/a.crl2"),
            ("http://ocsp.example", "http://mirror.internal:8080/ocsp"),
            ("http://ocsp.example/MEUw", "http://mirror.internal:8080/ocsp/MEUw"),
            ("http://crl.example.evil/a.crl", "http://crl.example.evil/a.crl"),
            ("http://crl.example@evil/a.crl", "http://crl.example@evil/a.crl"),
            ("http://crl.example:81/a.crl", "http://crl.example:81/a.crl"),
            ("https://crl.example/a.crl", "https://crl.example/a.crl"),
            ("not a URL", "not a URL"),
        ] {
            assert_eq!(mirrors.apply(url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_mirror_is_refused() {
        let good = "http://a.example/";
        for (from, to) in [
            ("", good),
            ("crl.example", good),
            ("ldap://a.example/", good),
            (good, "file:///srv/crl/"),
            ("http://u@a.example/", good),
            (good, "http://a.example/?x="),
            (good, "http://a.example/#x"),
        ] {
            assert!(Mirrors::new([(from.to_owned(), to.to_owned())]).is_err(), "{from} {to}");
        }
        let twice = [(good.to_owned(), good.to_owned()), ("http://A.example".to_owned(), good.to_owned())];
        assert!(Mirrors::new(twice).unwrap_err().to_string().contains("twice"));
    }
}
