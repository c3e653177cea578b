//! A finished page on its way out: the shell around it, and the headers that keep a browser from doing anything that the program did not write.
//!
//! Style and script stand in the page itself, and the policy names their digests: nothing else runs, not even what this address or another
//! program behind the same proxy serves, and no page needs a second request.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::text::{cut, visible};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// A page's mark in the browser's tab: a ring with a hand at the hour. In the page, so that no browser asks for another file.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='%232f6fde' \
                    stroke-width='2' stroke-linecap='round'%3E%3Ccircle cx='8' cy='8' r='6.5'/%3E%3Cpath d='M8 4.5V8l2.5 1.5'/%3E%3C/svg%3E";

/// A page, ready but for its shell.
pub struct Document<'a> {
    /// What the browser's tab says.
    pub title: &'a str,
    /// Everything inside the body.
    pub body: Markup,
}

impl Document<'_> {
    /// The answer with this page.
    pub fn answer(self, status: StatusCode) -> Response<Body> {
        (status, HEADERS.clone(), self.text()).into_response()
    }

    fn text(self) -> String {
        // What templates made is gone over once more; what is the program's own and has line breaks stands outside of it.
        let title = visible(html! { (cut(self.title)) }.into_string());
        let body = visible(self.body.into_string());
        let icon = html! { link rel="icon" href=(ICON); }.into_string();
        [
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>",
            &title,
            "</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">",
            &icon,
            "<style>",
            STYLE,
            "</style></head><body>",
            &body,
            "<script>",
            SCRIPT,
            "</script></body></html>\n",
        ]
        .concat()
    }
}

/// The same on every page.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
        integrity(SCRIPT),
        integrity(STYLE)
    );
    let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    let mut headers = HeaderMap::from_iter([
        fixed(header::CONTENT_TYPE, "text/html; charset=utf-8"),
        fixed(header::CACHE_CONTROL, "private, no-cache"),
        fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Older browsers know no frame-ancestors.
        fixed(header::X_FRAME_OPTIONS, "DENY"),
        fixed(header::REFERRER_POLICY, "no-referrer"),
        fixed(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        fixed(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        fixed(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ]);
    // It is made of ASCII alone.
    headers.extend(HeaderValue::try_from(policy).ok().map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
    headers
});

/// What the policy calls a script or style that it lets through (CSP level 3, section 2.3.1).
fn integrity(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(digest(&SHA256, source.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_but_what_the_policy_names() {
        let policy = HEADERS[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "script-src 'sha256-"] {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        for part in ["unsafe", "*", "http:", "https:", "script-src 'self'", "script-src data:"] {
            assert!(!policy.contains(part), "{part}: {policy}");
        }
        for name in ["x-content-type-options", "referrer-policy", "x-frame-options", "cache-control"] {
            assert!(HEADERS.contains_key(name), "{name}");
        }
    }

    #[test]
    fn style_and_script_end_where_they_should_and_fetch_nothing() {
        for source in [STYLE, SCRIPT] {
            assert!(!source.to_ascii_lowercase().contains("</s"), "it would end its element");
            assert!(!source.contains("//") || !source.contains("http"), "nothing from elsewhere");
            assert!(source.is_ascii() && !source.contains("@import") && !source.contains("url("), "nothing from elsewhere");
        }
        for word in ["eval", "innerHTML", "outerHTML", "document.write", "insertAdjacentHTML", "setAttribute(\"on"] {
            assert!(!SCRIPT.contains(word), "{word}");
        }
    }

    #[test]
    fn a_page_has_one_shell_whatever_its_title_says() {
        let document = Document { title: "</title><script>\u{202e}", body: html! { p { "a\nb" } } };
        let text = document.text();
        assert!(text.contains("<title>&lt;/title&gt;&lt;script&gt;\\u{202e}</title>"), "{text}");
        assert!(text.contains("<p>a\\u{a}b</p>"), "{text}");
        assert_eq!((text.matches("<script>").count(), text.matches("<style>").count()), (1, 1));
    }
}
