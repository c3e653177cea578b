//! The query of a request, read strictly: what is not there, is there twice or is not what was expected is refused with what was.

use std::borrow::Cow;

use super::cursor::Cursor;
use crate::http::query::crls::Origin;
use crate::http::query::{Filter, Needle, Outcome};
use crate::model::{CertRole, Finding, HumanDuration, Noun, Reason, RevocationStatus, SourceKind, UnixTime};

/// Rows of a page where the query does not say.
pub const DEFAULT_LIMIT: usize = 100;
/// The most rows of a page.
pub const MAX_LIMIT: usize = 1000;
/// The longest text that is looked for, in characters.
const TEXT: usize = 256;

/// The parameters of a request.
#[derive(Debug)]
pub struct Parameters<'q> {
    given: Vec<(Cow<'q, str>, Cow<'q, str>)>,
    now: UnixTime,
    /// The moment that stands for now, once a relative time was read.
    pub moment: Option<UnixTime>,
}

impl<'q> Parameters<'q> {
    /// Those of a query, of which only `known` exist.
    ///
    /// # Errors
    /// One does not exist here, or stands there twice.
    pub fn of(query: Option<&'q str>, known: &[&str], now: UnixTime) -> Result<Self, String> {
        let mut given: Vec<(Cow<'q, str>, Cow<'q, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let all = if known.is_empty() { "there is none here".to_owned() } else { format!("there are: {}", known.join(", ")) };
                return Err(format!("no such parameter: {name:?}; {all}"));
            }
            if given.iter().any(|(before, _)| *before == name) {
                return Err(format!("{name}: given twice"));
            }
            given.push((name, value));
        }
        Ok(Self { given, now, moment: None })
    }

    /// A value as it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn required(&self, name: &str) -> Result<&str, String> {
        self.text(name).ok_or_else(|| format!("{name}: missing"))
    }

    /// How many rows a page has.
    ///
    /// # Errors
    /// Not a number from 1 to [`MAX_LIMIT`].
    pub fn limit(&self, otherwise: usize) -> Result<usize, String> {
        let limit = self.read("limit", "expected 1 to 1000", |text| text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)))?;
        Ok(limit.unwrap_or(otherwise))
    }

    /// What the page stands behind.
    ///
    /// # Errors
    /// Not a cursor of this list.
    pub fn after<K: Cursor>(&self) -> Result<Option<K>, String> {
        self.read("after", "expected the value of \"next\" of the page before", K::decode)
    }

    /// The fingerprint of a certificate or CRL.
    ///
    /// # Errors
    /// Not a SHA-256 in hexadecimal.
    pub fn fingerprint(&self) -> Result<Option<[u8; 32]>, String> {
        self.read("fingerprint", "expected a SHA-256, 64 hexadecimal digits", fingerprint)
    }

    /// The filter that all of these make; `outcomes` are the words for how something ended.
    ///
    /// # Errors
    /// One has a value that is not of its kind.
    pub fn filter(&mut self, outcomes: &[(&'static str, Outcome)]) -> Result<Filter, String> {
        let flag = |text: &str| text.parse().ok();
        let (before, within) = (self.read("expires_before", TIME, time)?, self.within()?);
        Ok(Filter {
            text: self
                .read("q", "expected at most 256 characters", |text| (text.chars().count() <= TEXT).then(|| Needle::new(text)))?
                .flatten(),
            source: self.text("source").map(Into::into),
            kind: self.word("source_kind", SourceKind::ALL, SourceKind::as_str)?,
            namespace: self.text("namespace").map(Into::into),
            outcome: self.word("state", outcomes, |(word, _)| word)?.map(|(_, outcome)| outcome),
            reason: self.word("reason", Reason::ALL, Reason::as_str)?,
            unowned: self.read("unowned", "expected true or false", flag)?,
            owner: self.text("owner").map(Into::into),
            fingerprint: self.fingerprint()?,
            role: self.word("role", CertRole::ALL, CertRole::as_str)?,
            expires_before: before.into_iter().chain(within).min(),
            expires_after: self.read("expires_after", TIME, time)?,
            revocation: self.word("revocation", RevocationStatus::ALL, RevocationStatus::as_str)?,
            finding: self.word("finding", Finding::ALL, Finding::as_str)?,
            noun: self.word("on", &NOUNS, |(word, _)| word)?.map(|(_, noun)| noun),
            waived: self.read("waived", "expected true or false", flag)?,
            origin: self.word("origin", &ORIGINS, |(word, _)| word)?.map(|(_, origin)| origin),
            min_places: self
                .read("min_places", "expected a whole number", |text| text.parse().ok())?
                .map_or(0, |least: u32| u64::from(least)),
            ..Filter::default()
        })
    }

    /// The end of a length of time from now. Now is the last full minute, so that the answer is the same for a minute.
    fn within(&mut self) -> Result<Option<UnixTime>, String> {
        let within =
            self.read("expires_within", &format!("expected {}", HumanDuration::EXPECTED), |text| text.parse::<HumanDuration>().ok())?;
        if within.is_some() {
            self.moment = Some(UnixTime::from_secs(self.now.secs() - self.now.secs().rem_euclid(60)));
        }
        Ok(self.moment.zip(within).map(|(moment, within)| moment.plus(within.0)))
    }

    fn read<T>(&self, name: &str, expected: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| format!("{name}: {expected}"))
    }

    fn word<T: Copy>(&self, name: &str, all: &[T], as_str: impl Fn(T) -> &'static str) -> Result<Option<T>, String> {
        let expected = || {
            let words: Vec<&str> = all.iter().map(|word| as_str(*word)).collect();
            format!("expected one of {}", words.join(", "))
        };
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = all.iter().find(|word| as_str(**word) == text);
        found.map(|word| Some(*word)).ok_or_else(|| format!("{name}: {}", expected()))
    }
}

/// How a scan ended, by word.
pub const OF_SCANS: &[(&str, Outcome)] = &[("ok", Outcome::Ok), ("failing", Outcome::Failing), ("pending", Outcome::Pending)];
/// How a look or a fetch ended, by word.
pub const OF_LOOKS: &[(&str, Outcome)] = &[("ok", Outcome::Ok), ("failing", Outcome::Failing)];
/// What a finding is on, by word.
pub const NOUNS: [(&str, Noun); 4] =
    [("certificate", Noun::Certificate), ("crl", Noun::Crl), ("target", Noun::Target), ("responder", Noun::Responder)];
/// Where a CRL comes from, by word.
pub const ORIGINS: [(&str, Origin); 2] = [("stored", Origin::Stored), ("fetched", Origin::Fetched)];

const TIME: &str = "expected a time such as 2027-01-31T00:00:00Z, or Unix seconds";

/// RFC 3339, or Unix seconds.
fn time(text: &str) -> Option<UnixTime> {
    if let Ok(secs) = text.parse() {
        return Some(UnixTime::from_secs(secs));
    }
    let at = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    Some(UnixTime::from_secs(at.unix_timestamp()))
}

/// A SHA-256 in hexadecimal.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_059);
    const KNOWN: &[&str] = &[
        "q",
        "source",
        "role",
        "finding",
        "state",
        "expires_before",
        "expires_after",
        "expires_within",
        "unowned",
        "min_places",
        "fingerprint",
        "limit",
    ];

    fn filter(query: &str) -> Result<(Filter, Option<UnixTime>), String> {
        let mut parameters = Parameters::of(Some(query), KNOWN, NOW)?;
        parameters.limit(DEFAULT_LIMIT)?;
        Ok((parameters.filter(OF_LOOKS)?, parameters.moment))
    }

    #[test]
    fn what_is_asked_wrongly_is_refused_with_what_was_expected() {
        for (query, expected) in [
            ("findng=expired", "no such parameter: \"findng\"; there are: q, source, role"),
            ("%00=1", "no such parameter: \"\\0\""),
            ("=1", "no such parameter: \"\""),
            ("role=leaf&role=leaf", "role: given twice"),
            ("role=boss", "role: expected one of leaf, intermediate, root"),
            ("role=", "role: expected one of"),
            ("state=pending", "state: expected one of ok, failing"),
            ("finding=nonsense", "finding: expected one of expired, not_yet_valid"),
            ("unowned=maybe", "unowned: expected true or false"),
            ("limit=0", "limit: expected 1 to 1000"),
            ("limit=1001", "limit: expected 1 to 1000"),
            ("limit=-1", "limit: expected 1 to 1000"),
            ("expires_before=tomorrow", "expires_before: expected a time"),
            ("expires_within=-1d", "expires_within: expected a duration"),
            ("min_places=-1", "min_places: expected a whole number"),
            ("fingerprint=zz", "fingerprint: expected a SHA-256"),
        ] {
            let refused = filter(query).unwrap_err();
            assert!(refused.starts_with(expected), "{query}: {refused}");
        }
        assert!(filter(&format!("q={}", "x".repeat(257))).unwrap_err().starts_with("q: expected at most 256"));
    }

    #[test]
    fn times_are_absolute_or_counted_from_the_last_full_minute() {
        for (query, before, moment) in [
            ("expires_before=2027-01-15T08:00:00Z", Some(1_800_000_000), None),
            ("expires_before=2027-01-15T09:00:00%2B01:00", Some(1_800_000_000), None),
            ("expires_before=1800000000", Some(1_800_000_000), None),
            ("expires_before=-1", Some(-1), None),
            ("expires_within=1d", Some(1_800_000_000 + 86_400), Some(1_800_000_000)),
            ("expires_within=1d&expires_before=5", Some(5), Some(1_800_000_000)),
            ("q=x", None, None),
        ] {
            let (filter, counted) = filter(query).unwrap();
            assert_eq!((filter.expires_before, counted), (before.map(UnixTime::from_secs), moment.map(UnixTime::from_secs)), "{query}");
        }
    }

    #[test]
    fn values_are_decoded_as_forms_are() {
        let (filter, _) = filter("q=a+b%2Bc&source=%C3%BC").unwrap();
        assert!(filter.text.unwrap().is_in("A B+C"));
        assert_eq!(filter.source.as_deref(), Some("ü"));
    }
}
