//! The header of the PROXY protocol, version 2: for servers that stand behind a load balancer and expect it first.

use std::net::SocketAddr;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The header of a connection with these ends. Without ends, or with ends of two families, the command is LOCAL: the connection is the
/// sender's own, as a health check's is.
pub fn proxy_protocol_header(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    let mut header = SIGNATURE.to_vec();
    match ends {
        Some((SocketAddr::V4(from), SocketAddr::V4(to))) => {
            header.extend([PROXY, 0x11, 0, 12]);
            header.extend(from.ip().octets());
            header.extend(to.ip().octets());
            header.extend(from.port().to_be_bytes());
            header.extend(to.port().to_be_bytes());
        }
        Some((SocketAddr::V6(from), SocketAddr::V6(to))) => {
            header.extend([PROXY, 0x21, 0, 36]);
            header.extend(from.ip().octets());
            header.extend(to.ip().octets());
            header.extend(from.port().to_be_bytes());
            header.extend(to.port().to_be_bytes());
        }
        _ => header.extend([LOCAL, 0, 0, 0]),
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_and_none_are_written_as_the_specification_has_them() {
        let ends = |from: &str, to: &str| Some((from.parse().unwrap(), to.parse().unwrap()));
        for (behaviour, ends, behind_signature) in [
            ("IPv4", ends("192.0.2.1:258", "192.0.2.2:443"), &b"\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x01\x02\x01\xbb"[..]),
            (
                "IPv6",
                ends("[::1]:1", "[::2]:2"),
                b"\x21\x21\x00\x24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\x01\0\x02",
            ),
            ("through a proxy", None, b"\x20\0\0\0"),
        ] {
            let header = proxy_protocol_header(ends);
            assert_eq!(header.strip_prefix(b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"), Some(behind_signature), "{behaviour}");
        }
    }
}
