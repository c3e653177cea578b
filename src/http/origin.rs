//! Where a request comes from, as far as its head tells: what is trusted because only this machine can ask must not be asked for by others
//! through a browser or a proxy of this machine.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

/// What proxies say of whom they ask for.
const FORWARDED: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

/// Whether who asks is on this machine, given that the listener is: no page of another site, no proxy that says whom it asks for, and by an
/// address or as `localhost`, since any other name may have been made to lead here by whoever owns it (DNS rebinding).
pub fn is_asked_here(head: &HeaderMap) -> bool {
    !is_from_elsewhere(head) && !FORWARDED.iter().any(|name| head.contains_key(*name)) && is_this_machine(head)
}

fn is_this_machine(head: &HeaderMap) -> bool {
    let Some(host) = head.get(header::HOST) else { return true };
    let Ok(authority) = host.to_str().unwrap_or_default().parse::<axum::http::uri::Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

/// A browser sends a POST without being asked by its user, also to addresses that only this machine reaches.
pub fn is_from_elsewhere(head: &HeaderMap) -> bool {
    let text = |name: &str| head.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else { return false };
    let host = text(header::HOST.as_str()).unwrap_or_default();
    origin.split_once("://").is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_sends_for_another_site_is_recognised() {
        for (behaviour, headers, elsewhere) in [
            ("curl", &[("host", "a:1")][..], false),
            ("typed into the address line", &[("host", "a:1"), ("sec-fetch-site", "none")], false),
            ("its own page", &[("host", "a:1"), ("origin", "http://a:1"), ("sec-fetch-site", "same-origin")], false),
            ("its own page in an older browser", &[("host", "A:1"), ("origin", "https://a:1")], false),
            ("another site", &[("host", "a:1"), ("sec-fetch-site", "cross-site")], true),
            ("another port of this machine", &[("host", "a:1"), ("sec-fetch-site", "same-site")], true),
            ("another site in an older browser", &[("host", "a:1"), ("origin", "http://b:1")], true),
            ("a page from a file", &[("host", "a:1"), ("origin", "null")], true),
            ("nonsense", &[("host", "a:1"), ("origin", "")], true),
        ] {
            let mut head = HeaderMap::new();
            for (name, value) in headers {
                head.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_from_elsewhere(&head), elsewhere, "{behaviour}");
        }
    }

    #[test]
    fn who_is_not_on_this_machine_is_recognised() {
        for (behaviour, headers, here) in [
            ("curl", &[("host", "127.0.0.1:9849")][..], true),
            ("by name", &[("host", "LocalHost:9849")], true),
            ("IPv6", &[("host", "[::1]:9849")], true),
            ("HTTP/1.0", &[], true),
            ("a name that somebody made lead here", &[("host", "evil.example:9849"), ("sec-fetch-site", "same-origin")], false),
            ("a page of another site", &[("host", "127.0.0.1:9849"), ("sec-fetch-site", "cross-site")], false),
            ("a proxy", &[("host", "127.0.0.1:9849"), ("x-forwarded-for", "203.0.113.9")], false),
            ("a proxy by RFC 7239", &[("host", "127.0.0.1:9849"), ("forwarded", "for=203.0.113.9")], false),
            ("no name at all", &[("host", "")], false),
            ("nonsense", &[("host", "a b")], false),
        ] {
            let mut head = HeaderMap::new();
            for (name, value) in headers {
                head.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_asked_here(&head), here, "{behaviour}");
        }
    }
}
