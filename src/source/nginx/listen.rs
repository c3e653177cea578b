//! What `listen` and `server_name` say: sockets and hosts. Pure.

use std::collections::BTreeSet;

use crate::source::configured::{cut, host_at, insert_capped};

/// A socket that a server listens on. Servers share sockets, and with them TLS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Socket {
    /// `*` for every address of IPv4.
    address: Box<str>,
    /// A port, a range of ports, or a socket's path with `unix:` before it.
    port: Box<str>,
    /// Over UDP: QUIC is another socket than the same port of TCP.
    quic: bool,
}

impl Socket {
    /// Where a server listens that does not say where.
    pub fn default_of_http() -> Self {
        Self { address: "*".into(), port: "80".into(), quic: false }
    }

    /// What follows `listen`, and whether it says that TLS is spoken there.
    pub fn parse(words: &[Box<[u8]>]) -> Option<(Self, bool)> {
        let (first, parameters) = words.split_first()?;
        let has = |word: &str| parameters.iter().any(|parameter| **parameter == *word.as_bytes());
        let text = String::from_utf8_lossy(first);
        let text = cut(&text);
        let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let (address, port) = match text.rsplit_once(':') {
            _ if text.starts_with("unix:") => ("", text),
            // The colon inside an address of IPv6 is none before a port.
            Some((address, port)) if is_port(port) && (!address.starts_with('[') || address.ends_with(']')) => (address, port),
            None if is_port(text) => ("*", text),
            _ => (text, "80"),
        };
        let address = if address == "0.0.0.0" { "*" } else { address };
        let quic = has("quic");
        Some((Self { address: address.to_ascii_lowercase().into(), port: port.into(), quic }, quic || has("ssl")))
    }
}

/// Adds what follows `server_name`, as hosts: `*` stands for what no name can be told of.
pub fn add_names(names: &mut BTreeSet<String>, words: &[Box<[u8]>]) {
    for word in words {
        let name = cut(&String::from_utf8_lossy(word)).to_lowercase();
        match name.strip_prefix('.') {
            Some(domain) if !domain.is_empty() => {
                insert_capped(names, format!("*.{domain}"));
                insert_capped(names, domain.to_owned());
            }
            _ if matches!(&*name, "" | "_") || name.starts_with('~') => insert_capped(names, "*".to_owned()),
            _ => insert_capped(names, name),
        }
    }
}

/// Every name at every port.
pub fn hosts(names: &BTreeSet<String>, sockets: &BTreeSet<Socket>) -> BTreeSet<String> {
    let ports: BTreeSet<&str> = sockets.iter().map(|socket| &*socket.port).collect();
    let any = BTreeSet::from(["*".to_owned()]);
    let names = if names.is_empty() { &any } else { names };
    let mut hosts = BTreeSet::new();
    for name in names {
        for port in &ports {
            insert_capped(&mut hosts, host_at(name, port));
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Box<[u8]>> {
        text.split(' ').map(|word| word.as_bytes().into()).collect()
    }

    #[test]
    fn sockets_are_told_apart_as_nginx_does() {
        for (text, address, port, quic, ssl) in [
            ("443 ssl", "*", "443", false, true),
            ("443 ssl http2 default_server", "*", "443", false, true),
            ("443 quic reuseport", "*", "443", true, true),
            ("443 http2", "*", "443", false, false),
            ("8080", "*", "8080", false, false),
            ("0.0.0.0:443 ssl", "*", "443", false, true),
            ("*:443 ssl", "*", "443", false, true),
            ("127.0.0.1:8443 ssl", "127.0.0.1", "8443", false, true),
            ("127.0.0.1 ssl", "127.0.0.1", "80", false, true),
            ("LocalHost:8443 ssl", "localhost", "8443", false, true),
            ("[::]:443 ssl ipv6only=on", "[::]", "443", false, true),
            ("[::1] ssl", "[::1]", "80", false, true),
            ("9000-9010 ssl", "*", "9000-9010", false, true),
            ("unix:/run/a:1.sock ssl", "", "unix:/run/a:1.sock", false, true),
        ] {
            let expected = Socket { address: address.into(), port: port.into(), quic };
            assert_eq!(Socket::parse(&words(text)), Some((expected, ssl)), "{text}");
        }
        assert_eq!(Socket::parse(&[]), None);
    }

    #[test]
    fn names_become_hosts() {
        for (text, ports, expected) in [
            ("A.example b.example", "443", "a.example b.example"),
            ("a.example", "443 8443", "a.example a.example:8443"),
            ("*.a.example www.a.*", "8443", "*.a.example:8443 www.a.*:8443"),
            (".a.example", "443", "*.a.example a.example"),
            ("_", "443", "*"),
            ("_", "8443", "*:8443"),
            ("~^(www\\.)?(.+)$ a.example", "443", "* a.example"),
            ("$hostname", "443", "$hostname"),
        ] {
            let mut names = BTreeSet::new();
            add_names(&mut names, &words(text));
            let sockets = ports.split(' ').filter_map(|port| Socket::parse(&words(port))).map(|(socket, _)| socket).collect();
            assert_eq!(hosts(&names, &sockets).into_iter().collect::<Vec<_>>().join(" "), expected, "{text} at {ports}");
        }
        let sockets = BTreeSet::from([Socket::default_of_http()]);
        assert_eq!(hosts(&BTreeSet::new(), &sockets), BTreeSet::from(["*:80".to_owned()]), "a server without a name");
    }
}
