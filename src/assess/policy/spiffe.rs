//! SPIFFE IDs (SPIFFE-ID section 2), as those read them who decide by them.

/// Longer ones are none, in bytes (section 2.3).
const LONGEST: usize = 2_048;
/// Longer trust domains are none, in bytes.
const LONGEST_DOMAIN: usize = 255;

/// A SPIFFE ID in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Id<'a> {
    pub(super) domain: &'a str,
    /// With its first slash; empty when there is none.
    pub(super) path: &'a str,
}

/// Reads one; `None` of what is not one by every letter: a port, a user, a query, an empty segment, another case of the scheme.
pub(super) fn id(uri: &str) -> Option<Id<'_>> {
    let rest = uri.strip_prefix("spiffe://").filter(|_| uri.len() <= LONGEST)?;
    let (domain, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_of_domains = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let is_domain = (1..=LONGEST_DOMAIN).contains(&domain.len()) && domain.bytes().all(is_of_domains);
    let is_of_paths = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_of_paths);
    let is_path = path.strip_prefix('/').is_none_or(|segments| segments.split('/').all(is_segment));
    (is_domain && is_path).then_some(Id { domain, path })
}

/// The trust domain that a URI claims, SPIFFE ID or not: everything up to the path, with what does not belong there. `None` of other schemes.
pub(super) fn claimed_domain(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("spiffe"))?;
    let rest = rest.strip_prefix("//").unwrap_or_default();
    rest.split(['/', '?', '#']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_by_every_letter() {
        let long = format!("spiffe://example.com/{}", "a".repeat(2_027));
        for (uri, expected) in [
            ("spiffe://example.com", Some(("example.com", ""))),
            ("spiffe://example.com/ns/prod/sa/Pay_ment-1.x", Some(("example.com", "/ns/prod/sa/Pay_ment-1.x"))),
            ("spiffe://9_a-b.c/...", Some(("9_a-b.c", "/..."))),
            (&long, Some(("example.com", &long[20..]))),
            (&format!("{long}a"), None),
            (&format!("spiffe://{}/a", "a".repeat(256)), None),
            ("SPIFFE://example.com/a", None),
            ("https://example.com/a", None),
            ("spiffe:example.com/a", None),
            ("spiffe:///a", None),
            ("spiffe://Example.com/a", None),
            ("spiffe://example.com:443/a", None),
            ("spiffe://user@example.com/a", None),
            ("spiffe://ex%61mple.com/a", None),
            ("spiffe://example.com/", None),
            ("spiffe://example.com/a/", None),
            ("spiffe://example.com//a", None),
            ("spiffe://example.com/a/./b", None),
            ("spiffe://example.com/a/../b", None),
            ("spiffe://example.com/a?b=c", None),
            ("spiffe://example.com/a#b", None),
            ("spiffe://example.com?a", None),
            ("spiffe://example.com/a b", None),
            ("spiffe://example.com/%61", None),
            ("spiffe://example.com/\u{fc}", None),
        ] {
            assert_eq!(id(uri).map(|id| (id.domain, id.path)), expected, "{uri}");
        }
    }

    #[test]
    fn a_domain_is_claimed_by_what_is_no_id_too() {
        for (uri, domain) in [
            ("spiffe://example.com/a", Some("example.com")),
            ("SPIFFE://evil.example//a", Some("evil.example")),
            ("spiffe://example.com@evil.example/a", Some("example.com@evil.example")),
            ("spiffe://example.com?a", Some("example.com")),
            ("spiffe:evil.example", Some("")),
            ("https://example.com/a", None),
            ("spiffe", None),
        ] {
            assert_eq!(claimed_domain(uri), domain, "{uri}");
        }
    }
}
