//! Through a proxy: HTTP CONNECT (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929). The proxy looks up the target's name.
//!
//! Which proxy stands in the configuration; the environment is not asked. Nothing is read beyond the proxy's answer: what comes behind
//! it is the target's.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use serde::{Deserialize, Deserializer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Budget;
use super::talk::{Talk, quoted};
use crate::model::{Failure, Reason, Secret, Stage};

/// RFC 1928: one byte holds the length of a name, RFC 1929: of user and password.
const SOCKS_TEXT: usize = 255;

/// `http://user:password@host:port` or `socks5://user:password@host:port`. Its text never appears in logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    credentials: Option<(Secret, Secret)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

impl<'de> Deserialize<'de> for Proxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Proxy {
    /// Takes a URL apart. Special characters of user and password are written `%XX`.
    ///
    /// # Errors
    /// What was expected, without what was there: it may be a password.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected `http://host:port` or `socks5://host:port`, with `user:password@` before the host where needed";
        let (scheme, rest) = url.split_once("://").ok_or(EXPECTED)?;
        let kind = match scheme {
            "http" => Kind::Http,
            "socks5" | "socks5h" => Kind::Socks5,
            _ => return Err(EXPECTED),
        };
        let (user_information, authority) = match rest.rsplit_once('@') {
            Some((user_information, authority)) => (Some(user_information), authority),
            None => (None, rest),
        };
        let (host, port) = authority.strip_suffix('/').unwrap_or(authority).rsplit_once(':').ok_or(EXPECTED)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_is_fine = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#\\@:[]".contains(&byte)),
        };
        let port = if port.bytes().all(|byte| byte.is_ascii_digit()) { port.parse().ok() } else { None };
        let (true, Some(port @ 1..)) = (host_is_fine, port) else { return Err(EXPECTED) };
        let credentials = match user_information {
            None => None,
            Some(text) => {
                let (user, password) = text.split_once(':').unwrap_or((text, ""));
                let decoded = (percent_decoded(user).ok_or(EXPECTED)?, percent_decoded(password).ok_or(EXPECTED)?);
                let fits = |text: &str| (1..=SOCKS_TEXT).contains(&text.len());
                match kind {
                    Kind::Http if decoded.0.contains(':') => return Err("a user's name with a colon cannot be told to an HTTP proxy"),
                    Kind::Socks5 if !fits(&decoded.0) || !fits(&decoded.1) => {
                        return Err("SOCKS5 wants a user and a password of 1 to 255 bytes each");
                    }
                    _ => Some((Secret(decoded.0), Secret(decoded.1))),
                }
            }
        };
        Ok(Self { kind, host: bare.unwrap_or(host).to_owned(), port, credentials })
    }

    /// Where it listens: a name or an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Has the proxy connect to a target; what comes behind is the target's.
    ///
    /// # Errors
    /// Stage `proxy`: it refuses, wants other credentials, does not speak the protocol, stalls or closes.
    pub async fn pass(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        host: &str,
        port: u16,
        budget: &Budget,
    ) -> Result<(), Failure> {
        let talk = Talk::proxy(stream);
        let outcome = match self.kind {
            Kind::Http => budget.within(Stage::Proxy, self.connect(talk, host, port)).await,
            Kind::Socks5 => budget.within(Stage::Proxy, self.socks(talk, host, port)).await,
        };
        outcome.map_err(|failure| self.without_credentials(failure))
    }

    /// Some proxies repeat what they were asked: what they say is told as far as that.
    fn without_credentials(&self, failure: Failure) -> Failure {
        let Some((_, password)) = &self.credentials else { return failure };
        let (word, words) = (self.basic().unwrap_or_default(), failure.detail.to_string());
        // Words are cut to a length, so the end of the secret may be missing.
        let begins = [word.get(..8).unwrap_or(&word), &password.0].into_iter().filter(|secret| !secret.is_empty());
        match begins.filter_map(|secret| words.find(secret)).min().and_then(|at| words.get(..at)) {
            Some(before) => Failure::new(failure.stage, failure.reason, format!("{before}[secret]…")),
            None => failure,
        }
    }

    /// User and password as HTTP has them.
    fn basic(&self) -> Option<String> {
        let (user, password) = self.credentials.as_ref()?;
        Some(base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", user.0, password.0)))
    }

    async fn connect<S: AsyncRead + AsyncWrite + Unpin>(&self, mut talk: Talk<'_, S>, host: &str, port: u16) -> Result<(), Failure> {
        let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(word) = self.basic() {
            request += &format!("Proxy-Authorization: Basic {word}\r\n");
        }
        talk.send((request + "\r\n").as_bytes()).await?;
        loop {
            let status = talk.line().await?;
            let code = match &status[..] {
                [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', code @ ..] => code.get(..3),
                _ => None,
            };
            let code = code.and_then(|code| std::str::from_utf8(code).ok()?.parse::<u16>().ok());
            let says = format!("the proxy answers {}", quoted(&status));
            match code {
                Some(100..200) => while !talk.line().await?.is_empty() {},
                Some(200..300) => {
                    while !talk.line().await?.is_empty() {}
                    return Ok(());
                }
                Some(407) => return Err(talk.fail(Reason::ProxyAuthFailed, says)),
                Some(300..600) => return Err(talk.fail(Reason::ProxyRefused, says)),
                _ => return Err(talk.garbled(format!("this is no HTTP proxy: {}", quoted(&status)))),
            }
        }
    }

    async fn socks<S: AsyncRead + AsyncWrite + Unpin>(&self, mut talk: Talk<'_, S>, host: &str, port: u16) -> Result<(), Failure> {
        const NO_AUTHENTICATION: u8 = 0;
        const PASSWORD: u8 = 2;
        talk.send(if self.credentials.is_some() { &[5, 2, NO_AUTHENTICATION, PASSWORD] } else { &[5, 1, NO_AUTHENTICATION] }).await?;
        let chosen = talk.exact(2).await?;
        match (&chosen[..], &self.credentials) {
            ([5, NO_AUTHENTICATION], _) => {}
            ([5, PASSWORD], Some((user, password))) => {
                let mut request = vec![1];
                for text in [&user.0, &password.0] {
                    // Longer ones were refused when the URL was read.
                    request.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
                    request.extend(text.bytes().take(SOCKS_TEXT));
                }
                talk.send(&request).await?;
                match &talk.exact(2).await?[..] {
                    [_, 0] => {}
                    _ => return Err(talk.fail(Reason::ProxyAuthFailed, "the proxy does not take the user and password")),
                }
            }
            ([5, 0xff], _) => return Err(talk.fail(Reason::ProxyAuthFailed, "the proxy takes none of the ways to authenticate")),
            (other, _) => return Err(talk.garbled(format!("this is no SOCKS5 proxy: {}", quoted(other)))),
        }

        let mut request = vec![5, 1, 0];
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => {
                request.push(1);
                request.extend(address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                request.push(4);
                request.extend(address.octets());
            }
            Err(_) => {
                let Ok(length) = u8::try_from(host.len()) else {
                    return Err(talk.fail(Reason::ProxyRefused, "the target's name is too long for SOCKS5"));
                };
                request.extend([3, length]);
                request.extend(host.bytes());
            }
        }
        request.extend(port.to_be_bytes());
        talk.send(&request).await?;
        let answer = talk.exact(4).await?;
        let address_bytes = match answer[..] {
            [5, 0, _, 1] => 4,
            [5, 0, _, 4] => 16,
            [5, 0, _, 3] => talk.exact(1).await?.first().copied().map_or(0, usize::from),
            [5, code, _, _] if code != 0 => {
                return Err(talk.fail(Reason::ProxyRefused, format!("the proxy answers {code}: {}", socks_words(code))));
            }
            _ => return Err(talk.garbled(format!("this is no SOCKS5 proxy: {}", quoted(&answer)))),
        };
        talk.exact(address_bytes + 2).await?;
        Ok(())
    }
}

/// For messages: without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// RFC 1928 section 6.
fn socks_words(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "an unknown code",
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        decoded.push(if byte == b'%' { digit(bytes.next())? << 4 | digit(bytes.next())? } else { byte });
    }
    // A line's end would be a header of its own.
    String::from_utf8(decoded).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests;
