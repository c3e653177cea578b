//! What HTTP says about time: for how long an answer is fresh (RFC 9111 section 4.2), for a cache of one.

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderMap, HeaderName, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::model::UnixTime;

/// Longer is not believed (RFC 9111 section 1.2.2 has about the same bound).
const LONGEST: u64 = 365 * 86_400;

/// For how long an answer is fresh from now on; zero when it is not to be used again unasked. `None`: nothing is said.
pub(super) fn fresh_for(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let mut max_age = None;
    for value in headers.get_all(CACHE_CONTROL) {
        let Ok(value) = value.to_str() else { continue };
        for directive in value.split(',') {
            let (name, argument) = directive.split_once('=').map_or((directive, ""), |(name, argument)| (name, argument));
            match &*name.trim().to_ascii_lowercase() {
                "no-store" | "no-cache" => return Some(Duration::ZERO),
                // Given twice, the shorter counts; what cannot be read is no freshness (section 4.2.1).
                "max-age" => {
                    let seconds = seconds(argument.trim().trim_matches('"')).unwrap_or(0);
                    max_age = Some(max_age.map_or(seconds, |known: u64| known.min(seconds)));
                }
                _ => {}
            }
        }
    }
    let lifetime = match max_age {
        Some(seconds) => Duration::from_secs(seconds),
        None => {
            headers.get(EXPIRES)?;
            let from = date(headers, &DATE).unwrap_or(now);
            // "0" and other nonsense mean: already over (section 5.3).
            date(headers, &EXPIRES).map_or(Duration::ZERO, |expires| expires.since(from))
        }
    };
    // Caches on the way tell how long they had it.
    let age = headers.get(AGE).and_then(|value| seconds(value.to_str().ok()?.trim())).unwrap_or(0);
    Some(lifetime.min(Duration::from_secs(LONGEST)).saturating_sub(Duration::from_secs(age)))
}

/// How long the server wants to be left alone (RFC 9110 section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match seconds(text) {
        Some(seconds) => Duration::from_secs(seconds),
        None => date(headers, &RETRY_AFTER)?.since(now),
    };
    Some(wait.min(Duration::from_secs(LONGEST)))
}

/// A header that holds a date in HTTP's preferred form (RFC 9110 section 5.6.7); the two obsolete ones are no dates here.
pub(super) fn date(headers: &HeaderMap, name: &HeaderName) -> Option<UnixTime> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    OffsetDateTime::parse(text, &Rfc2822).ok().map(|at| UnixTime::from_secs(at.unix_timestamp()))
}

/// Digits alone; more than fits is the most.
fn seconds(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    /// Sat, 01 Jan 2022 00:00:00 GMT
    const NOW: UnixTime = UnixTime::from_secs(1_640_995_200);

    #[test]
    fn freshness_is_what_the_headers_say() {
        for (lines, expected) in [
            (&[] as &[&str], None),
            (&["Cache-Control: public"], None),
            (&["Cache-Control: public, max-age=600"], Some(600)),
            (&["Cache-Control: MAX-AGE=\"600\""], Some(600)),
            (&["Cache-Control: max-age=600, s-maxage=5"], Some(600)),
            (&["Cache-Control: max-age=600, max-age=60"], Some(60)),
            (&["Cache-Control: public", "Cache-Control: max-age=60"], Some(60)),
            (&["Cache-Control: max-age=600", "Age: 200"], Some(400)),
            (&["Cache-Control: max-age=600", "Age: 601"], Some(0)),
            (&["Cache-Control: max-age=600", "Age: rubbish"], Some(600)),
            (&["Cache-Control: max-age=600, no-cache"], Some(0)),
            (&["Cache-Control: no-store"], Some(0)),
            (&["Cache-Control: max-age=-1"], Some(0)),
            (&["Cache-Control: max-age"], Some(0)),
            (&["Cache-Control: max-age=99999999999999999999999"], Some(LONGEST)),
            (&["Cache-Control: max-age=10", "Expires: Sat, 01 Jan 2022 01:00:00 GMT"], Some(10)),
            (&["Expires: Sat, 01 Jan 2022 01:00:00 GMT"], Some(3600)),
            (&["Expires: Sat, 01 Jan 2022 01:00:00 GMT", "Date: Sat, 01 Jan 2022 00:59:00 GMT"], Some(60)),
            (&["Expires: Sat, 01 Jan 2022 01:00:00 GMT", "Age: 600"], Some(3000)),
            (&["Expires: Fri, 31 Dec 2021 01:00:00 GMT"], Some(0)),
            (&["Expires: 0"], Some(0)),
            (&["Expires: never"], Some(0)),
        ] {
            assert_eq!(fresh_for(&headers(lines), NOW), expected.map(Duration::from_secs), "{lines:?}");
        }
    }

    #[test]
    fn a_server_may_ask_for_patience_in_seconds_or_by_date() {
        for (line, expected) in [
            ("Retry-After: 120", Some(120)),
            ("Retry-After: Sat, 01 Jan 2022 00:05:00 GMT", Some(300)),
            ("Retry-After: Fri, 31 Dec 2021 00:05:00 GMT", Some(0)),
            ("Retry-After: 99999999999999999999999", Some(LONGEST)),
            ("Retry-After: soon", None),
            ("Retry-After: -5", None),
        ] {
            assert_eq!(retry_after(&headers(&[line]), NOW), expected.map(Duration::from_secs), "{line}");
        }
        assert_eq!(retry_after(&headers(&[]), NOW), None);
    }
}
