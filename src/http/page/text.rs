//! What stands on a page as text: names from outside made harmless, times, counts, and links.
//!
//! `maud` escapes whatever is spliced into a template. On top of that [`visible`] goes over each finished page once, so that no control
//! character, and nothing that changes the direction of text, reaches a browser, wherever it came from; templates hold none of these.
//! [`said`] and [`cut`] bound what comes from certificates and servers, which may be megabytes.

use std::fmt::Write;
use std::time::Duration;

use maud::{Escaper, Markup, Render, html};

use crate::model::UnixTime;
use crate::model::visible::is_hidden;

/// The most bytes of a text from outside that are shown.
const TEXT_BYTES: usize = 512;

/// Text from outside as an element of its own: its direction ends with it, and it may be broken anywhere.
pub fn said(text: &str) -> Markup {
    html! { bdi { (cut(text)) } }
}

/// Text from outside, bare: for attributes and headings.
pub fn cut(text: &str) -> Cut<'_> {
    Cut(text)
}

/// The beginning of a text, and an ellipsis where that is not all.
pub struct Cut<'a>(&'a str);

impl Render for Cut<'_> {
    fn render_to(&self, buffer: &mut String) {
        let end = self.0.floor_char_boundary(TEXT_BYTES);
        let _ = Escaper::new(buffer).write_str(&self.0[..end]);
        if end < self.0.len() {
            buffer.push('…');
        }
    }
}

/// Writes out what a browser would obey or hide instead of showing: control characters, and what changes the direction of text or has no width.
pub fn visible(page: String) -> String {
    if !page.chars().any(is_hidden) {
        return page;
    }
    let mut shown = String::with_capacity(page.len() + 64);
    for char in page.chars() {
        if is_hidden(char) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(char));
        } else {
            shown.push(char);
        }
    }
    shown
}

/// A link within the program, relative to the page, which all stand beside each other: so it works below any path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    text: String,
    asked: bool,
}

impl Link {
    /// To a page.
    pub fn to(page: &'static str) -> Self {
        Self { text: page.to_owned(), asked: false }
    }

    /// With a parameter.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.text.push(if self.asked { '&' } else { '?' });
        self.asked = true;
        self.text += name;
        self.text.push('=');
        for byte in value.bytes() {
            // RFC 3986 section 2.1.
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => self.text.push(char::from(byte)),
                other => _ = write!(self.text, "%{other:02X}"),
            }
        }
        self
    }

    /// With a parameter, where there is a value for it.
    pub fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value.filter(|value| !value.is_empty()) {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl Render for Link {
    fn render_to(&self, buffer: &mut String) {
        let _ = Escaper::new(buffer).write_str(&self.text);
    }
}

/// A time as its date (where it is near: to the minute) and how far it is from now; in full on asking. The script keeps the distance up to date.
pub fn time(at: UnixTime, now: UnixTime) -> Markup {
    let is_near = at.since(now).max(now.since(at)) < Duration::from_secs(2 * 86_400);
    let text = in_full(at);
    let shown = text.get(..if is_near { 16 } else { 10 }).unwrap_or(&text);
    html! { span.when { span.date { (shown) } " " (relative(at, now)) } }
}

/// How far a time is from now, alone.
pub fn relative(at: UnixTime, now: UnixTime) -> Markup {
    html! { time.ago datetime=(at.rfc3339()) data-at=(at.secs()) title=(in_full(at)) { (distance(at, now)) } }
}

/// Its date alone.
pub fn date(at: UnixTime) -> String {
    let mut text = in_full(at);
    if text.ends_with("UTC") {
        text.truncate(10);
    }
    text
}

/// `2026-11-23 18:44:52 UTC`.
pub fn in_full(at: UnixTime) -> String {
    let text = at.rfc3339();
    match text.strip_suffix('Z').and_then(|text| text.split_once('T')) {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => text,
    }
}

/// `in 12 days`, `3 hours ago`, `now`. The script says the same.
pub fn distance(at: UnixTime, now: UnixTime) -> String {
    let (ahead, behind) = (at.since(now).as_secs(), now.since(at).as_secs());
    if ahead.max(behind) < 1 {
        return "now".to_owned();
    }
    if ahead > 0 { format!("in {}", span(ahead)) } else { format!("{} ago", span(behind)) }
}

/// A length of time in whole units of the largest that it has two of.
pub fn span(secs: u64) -> String {
    const UNITS: &[(u64, &str)] = &[(31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
    let (size, unit) = UNITS.iter().find(|(size, _)| secs >= size * 2).copied().unwrap_or((1, "second"));
    let count = secs / size;
    if count == 1 { format!("{count} {unit}") } else { format!("{count} {unit}s") }
}

/// `1 place`, `1,234 places`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A word of a vocabulary as people write it: `old_tls_accepted` is `old TLS accepted`.
pub fn words(word: &str) -> String {
    const SHORT: &[&str] = &["ca", "crl", "der", "dns", "ech", "http", "id", "io", "ip", "jks", "mac", "ocsp", "pem", "psk", "tls"];
    let part = |part: &str| if SHORT.contains(&part) { part.to_ascii_uppercase() } else { part.to_owned() };
    word.split('_').map(part).collect::<Vec<_>>().join(" ").replace("pkcs", "PKCS#").replace("spiffe", "SPIFFE")
}

/// The beginning of something that still lasts, as how long it has.
pub fn lasting(since: UnixTime, now: UnixTime) -> Markup {
    let text = format!("for {}", span(now.since(since).as_secs()));
    html! { time.ago datetime=(since.rfc3339()) data-at=(since.secs()) data-for title=(in_full(since)) { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    #[test]
    fn text_from_outside_is_harmless_in_every_context() {
        for (behaviour, text, shown) in [
            ("plain", "CN=a", "CN=a"),
            ("an element", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("out of an attribute", "\" onmouseover=\"alert(1)", "&quot; onmouseover=&quot;alert(1)"),
            ("an entity", "&lt;", "&amp;lt;"),
            ("a comment", "<!-- --!>", "&lt;!-- --!&gt;"),
            ("a line of a header", "a\r\nb", "a\\u{d}\\u{a}b"),
            ("NUL and escape", "a\0\u{1b}[31m", "a\\u{0}\\u{1b}[31m"),
            ("backwards", "txt.\u{202e}exe", "txt.\\u{202e}exe"),
            ("isolates", "\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
            ("no width", "pay\u{200b}pal\u{feff}", "pay\\u{200b}pal\\u{feff}"),
            ("C1 and soft hyphen", "\u{9b}\u{ad}", "\\u{9b}\\u{ad}"),
            ("tags", "\u{e0041}", "\\u{e0041}"),
            ("letters of any script", "Müller 株式会社 مرحبا", "Müller 株式会社 مرحبا"),
        ] {
            let inside = visible(said(text).into_string());
            assert_eq!(inside, format!("<bdi>{shown}</bdi>"), "{behaviour}");
            let attribute = visible(html! { i title=(cut(text)) {} }.into_string());
            assert_eq!(attribute, format!("<i title=\"{shown}\"></i>"), "{behaviour}");
        }
    }

    #[test]
    fn text_from_outside_is_bounded_at_a_character() {
        let cut_text = |text: &str| visible(html! { (cut(text)) }.into_string());
        assert_eq!(cut_text(&"x".repeat(512)), "x".repeat(512));
        assert_eq!(cut_text(&"x".repeat(513)), format!("{}…", "x".repeat(512)));
        assert_eq!(cut_text(&"ü".repeat(400)), format!("{}…", "ü".repeat(256)));
        assert_eq!(cut_text(&format!("{}ü", "x".repeat(511))), format!("{}…", "x".repeat(511)));
    }

    #[test]
    fn links_encode_what_they_carry() {
        let link =
            Link::to("target").with("source", "a&b").with_some("none", None).with_some("empty", Some("")).with("place", "ü \"<'>#?/\n");
        let written = html! { a href=(link) {} }.into_string();
        assert_eq!(written, "<a href=\"target?source=a%26b&amp;place=%C3%BC%20%22%3C%27%3E%23%3F%2F%0A\"></a>");
    }

    #[test]
    fn distances_are_told_in_the_largest_unit_that_says_enough() {
        for (secs, text) in [
            (0, "now"),
            (1, "in 1 second"),
            (-1, "1 second ago"),
            (119, "in 119 seconds"),
            (120, "in 2 minutes"),
            (-7_199, "119 minutes ago"),
            (86_400, "in 24 hours"),
            (12 * 86_400 + 5, "in 12 days"),
            (-800 * 86_400, "2 years ago"),
            (700 * 86_400, "in 700 days"),
            (i64::MAX - 1_800_000_000, "in 292271022988 years"),
        ] {
            assert_eq!(distance(UnixTime::from_secs(NOW.secs() + secs), NOW), text, "{secs}");
        }
    }

    #[test]
    fn times_say_date_distance_and_all_of_it() {
        let text = time(UnixTime::from_secs(NOW.secs() + 86_400 * 3), NOW).into_string();
        assert_eq!(
            text,
            "<span class=\"when\"><span class=\"date\">2027-01-18</span> <time class=\"ago\" datetime=\"2027-01-18T08:00:00Z\" \
             data-at=\"1800259200\" title=\"2027-01-18 08:00:00 UTC\">in 3 days</time></span>"
        );
        let near = time(UnixTime::from_secs(NOW.secs() - 60), NOW).into_string();
        assert!(near.contains(">2027-01-15 07:59</span>") && near.contains(">60 seconds ago<"), "{near}");
        assert_eq!(in_full(UnixTime::from_secs(i64::MAX)), i64::MAX.to_string());
    }

    #[test]
    fn words_of_vocabularies_are_written_as_people_do() {
        for (word, text) in [
            ("stored_not_served", "stored not served"),
            ("old_tls_accepted", "old TLS accepted"),
            ("client_ca_not_accepted", "client CA not accepted"),
            ("bad_pkcs12", "bad PKCS#12"),
            ("spiffe_id_missing", "SPIFFE ID missing"),
            ("io_error", "IO error"),
        ] {
            assert_eq!(words(word), text);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in
            [(0, "0 places"), (1, "1 place"), (999, "999 places"), (1_000, "1,000 places"), (1_234_567, "1,234,567 places")]
        {
            assert_eq!(count(number, "place", "places"), text);
        }
    }
}
