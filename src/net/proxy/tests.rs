//! URLs, and the bytes of both protocols against a scripted proxy.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;
use crate::model::clock::SystemClock;

#[test]
fn a_url_is_taken_apart() {
    for (url, kind, host, port, credentials) in [
        ("http://proxy.example:3128", Kind::Http, "proxy.example", 3128, None),
        ("http://proxy.example:3128/", Kind::Http, "proxy.example", 3128, None),
        ("http://[::1]:80", Kind::Http, "::1", 80, None),
        ("http://me@proxy:80", Kind::Http, "proxy", 80, Some(("me", ""))),
        ("socks5://me:p%40ss:%3a@192.0.2.1:1080", Kind::Socks5, "192.0.2.1", 1080, Some(("me", "p@ss::"))),
        ("socks5h://proxy:1080", Kind::Socks5, "proxy", 1080, None),
    ] {
        let credentials = credentials.map(|(user, password)| (Secret(user.to_owned()), Secret(password.to_owned())));
        assert_eq!(Proxy::parse(url), Ok(Proxy { kind, host: host.to_owned(), port, credentials }), "{url}");
    }
}

#[test]
fn what_is_no_proxy_is_refused_without_telling_its_password() {
    for url in [
        "https://me:hunter2@proxy:1",
        "me:hunter2@proxy:1",
        "http://me:hunter2@proxy",
        "http://me:hunter2@proxy:0",
        "http://me:hunter2@proxy:+1",
        "http://me:hunter2@:1",
        "http://me:hunter2@[proxy]:1",
        "http://me:hunter2@pro xy:1",
        "http://me:hunter2@proxy/x:1",
        "http://me:hunter2%zz@proxy:1",
        "http://me:hunter2%0d%0aX:@proxy:1",
        "http://m%3ae:hunter2@proxy:1",
        "socks5://hunter2@proxy:1",
    ] {
        let words = Proxy::parse(url).expect_err(url);
        assert!(!words.contains("hunter2"), "{url}: {words}");
        let error = toml::from_str::<std::collections::BTreeMap<String, Proxy>>(&format!("proxy = \"{url}\"")).unwrap_err();
        assert!(!error.message().contains("hunter2"), "{url}: {error}");
    }
    let proxy = Proxy::parse("http://me:hunter2@proxy:1").unwrap();
    assert!(!format!("{proxy:?}").contains("hunter2"));
    assert_eq!(proxy.to_string(), "http://proxy:1");
}

/// Lets the proxy say this whatever it hears; gives the outcome, what it heard, and what is left for TLS.
async fn pass(url: &str, target: (&str, u16), says: &[u8]) -> (Result<(), Reason>, Vec<u8>, Vec<u8>) {
    let (mut ours, mut theirs) = duplex(1 << 21);
    theirs.write_all(says).await.unwrap();
    let (mut hears, mut talks) = tokio::io::split(theirs);
    talks.shutdown().await.unwrap();
    let budget = Budget::new(Arc::new(SystemClock::new()), Duration::from_secs(20));
    let outcome = Proxy::parse(url).unwrap().pass(&mut ours, target.0, target.1, &budget).await;
    let outcome = outcome.map_err(|failure| {
        assert_eq!(failure.stage, Stage::Proxy, "{failure}");
        failure.reason
    });
    let mut left = Vec::new();
    (&mut ours).take(1 << 20).read_buf(&mut left).await.unwrap();
    drop(ours);
    let mut heard = Vec::new();
    while hears.read_buf(&mut heard).await.unwrap() > 0 {}
    (outcome, heard, left)
}

#[tokio::test]
async fn connect_asks_as_http_has_it_and_leaves_what_is_the_targets() {
    let ok = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n220 mail";
    for (url, target, expected) in [
        ("http://p:1", ("mail.example.com", 25), "CONNECT mail.example.com:25 HTTP/1.1\r\nHost: mail.example.com:25\r\n\r\n"),
        ("http://p:1", ("::1", 443), "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"),
        ("http://me:secret@p:1", ("a", 1), "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"),
    ] {
        let (outcome, heard, left) = pass(url, target, ok).await;
        assert_eq!((outcome, String::from_utf8(heard).unwrap().as_str(), &left[..]), (Ok(()), expected, &b"220 mail"[..]));
    }
}

#[tokio::test]
async fn socks_asks_as_the_rfc_has_it_and_leaves_what_is_the_targets() {
    for (behaviour, url, target, says, expected) in [
        (
            "a name",
            "socks5://p:1",
            ("a.example", 443),
            &b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\x01left"[..],
            &b"\x05\x01\x00\x05\x01\x00\x03\x09a.example\x01\xbb"[..],
        ),
        (
            "an address, and the bound one by its name",
            "socks5://p:1",
            ("192.0.2.1", 25),
            b"\x05\x00\x05\x00\x00\x03\x02ab\0\x01left",
            b"\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x19",
        ),
        (
            "IPv6",
            "socks5://p:1",
            ("::1", 25),
            b"\x05\x00\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01left",
            b"\x05\x01\x00\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x19",
        ),
        (
            "with a password",
            "socks5://me:word@p:1",
            ("a", 1),
            b"\x05\x02\x01\x00\x05\x00\x00\x01\0\0\0\0\0\x01left",
            b"\x05\x02\x00\x02\x01\x02me\x04word\x05\x01\x00\x03\x01a\x00\x01",
        ),
        (
            "with a password that nobody asks for",
            "socks5://me:word@p:1",
            ("a", 1),
            b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\x01left",
            b"\x05\x02\x00\x02\x05\x01\x00\x03\x01a\x00\x01",
        ),
    ] {
        let (outcome, heard, left) = pass(url, target, says).await;
        assert_eq!((outcome, &heard[..], &left[..]), (Ok(()), expected, &b"left"[..]), "{behaviour}");
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_connect_says_why() {
    let endless = [&b"HTTP/1.1 200 OK\r\n"[..], &b"X: y\r\n".repeat(1 << 14)].concat();
    let (http, socks) = ("http://p:1", "socks5://p:1");
    for (behaviour, url, says, expected) in [
        ("forbidden", http, &b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], Reason::ProxyRefused),
        ("cannot reach it", http, b"HTTP/1.0 502 Bad Gateway\r\n\r\n", Reason::ProxyRefused),
        ("wants a password", http, b"HTTP/1.1 407 Proxy Authentication Required\r\n", Reason::ProxyAuthFailed),
        ("no HTTP", http, b"SSH-2.0-x\r\n", Reason::ProxyProtocolError),
        ("no code", http, b"HTTP/1.1 OK\r\n", Reason::ProxyProtocolError),
        ("headers without end", http, &endless, Reason::ProxyProtocolError),
        ("closes within the headers", http, b"HTTP/1.1 200 OK\r\nVia", Reason::Closed),
        ("closes at once", socks, b"", Reason::Closed),
        ("wants a way we do not have", socks, b"\x05\xff", Reason::ProxyAuthFailed),
        ("takes a password that was not offered", socks, b"\x05\x02", Reason::ProxyProtocolError),
        ("does not take the password", "socks5://a:b@p:1", b"\x05\x02\x01\x01", Reason::ProxyAuthFailed),
        ("SOCKS4", socks, b"\x00\x5a", Reason::ProxyProtocolError),
        ("not allowed", socks, b"\x05\x00\x05\x02\x00\x01\0\0\0\0\0\0", Reason::ProxyRefused),
        ("refused", socks, b"\x05\x00\x05\x05\x00\x01\0\0\0\0\0\0", Reason::ProxyRefused),
        ("an unknown address type", socks, b"\x05\x00\x05\x00\x00\x09", Reason::ProxyProtocolError),
        ("closes within the answer", socks, b"\x05\x00\x05\x00\x00\x01\0\0", Reason::Closed),
    ] {
        assert_eq!(pass(url, ("a.example", 443), says).await.0, Err(expected), "{behaviour}");
    }
}

#[tokio::test]
async fn a_proxy_that_repeats_our_password_has_nobody_told_of_it() {
    let word = "bWU6aHVudGVyMg==";
    let long = "x".repeat(90);
    for (behaviour, url, says) in [
        ("in the refusal", "http://me:hunter2@p:1", format!("HTTP/1.1 407 no: Basic {word}\r\n\r\n")),
        ("decoded", "http://me:hunter2@p:1", "HTTP/1.1 403 not for me:hunter2\r\n\r\n".to_owned()),
        ("and speaks no HTTP", "http://me:hunter2@p:1", format!("CONNECT a Basic {word}\r\n")),
        ("and closes", "http://me:hunter2@p:1", format!("HTTP/1.1 407 {word}")),
        ("where it is cut", "http://me:hunter2@p:1", format!("HTTP/1.1 407 {long}{word}{long}\r\n\r\n")),
    ] {
        let (mut ours, mut theirs) = duplex(1 << 16);
        theirs.write_all(says.as_bytes()).await.unwrap();
        let (_hears, mut talks) = tokio::io::split(theirs);
        talks.shutdown().await.unwrap();
        let budget = Budget::new(Arc::new(SystemClock::new()), Duration::from_secs(20));
        let failure = Proxy::parse(url).unwrap().pass(&mut ours, "a", 1, &budget).await.unwrap_err();
        let told = format!("{failure} {failure:?}");
        assert!(!told.contains("hunter2") && !told.contains(&word[..8]), "{behaviour}: {told}");
    }
}
