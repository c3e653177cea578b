//! The egress policy: where a fetch may go that somebody else's certificate asks for.
//!
//! Whoever controls a certificate writes the URLs in it, so by default only what everybody may reach is open: global unicast
//! addresses. Everything else is denied, in whatever spelling and under whatever name it comes, unless an `allow` entry opens it. The
//! check is made twice: on the URL, where a literal address needs no resolver, and on every resolved address.

mod network;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use reqwest::Url;

pub use network::{Network, NotANetwork};

/// What is denied of IPv4 (IANA's registry of special purposes), and in words why.
const CLOSED_V4: &[(Network, &str)] = &[
    (Network::v4([0, 0, 0, 0], 8), "an unspecified address"),
    (Network::v4([10, 0, 0, 0], 8), "a private address"),
    (Network::v4([100, 64, 0, 0], 10), "a carrier's internal address"),
    (Network::v4([127, 0, 0, 0], 8), "a loopback address"),
    (Network::v4([169, 254, 0, 0], 16), "a link-local address"),
    (Network::v4([172, 16, 0, 0], 12), "a private address"),
    (Network::v4([192, 0, 0, 0], 24), "an address of a protocol"),
    (Network::v4([192, 0, 2, 0], 24), "an address for documentation"),
    (Network::v4([192, 88, 99, 0], 24), "an address of 6to4 relays"),
    (Network::v4([192, 168, 0, 0], 16), "a private address"),
    (Network::v4([198, 18, 0, 0], 15), "an address for benchmarks"),
    (Network::v4([198, 51, 100, 0], 24), "an address for documentation"),
    (Network::v4([203, 0, 113, 0], 24), "an address for documentation"),
    // Looks public, and is how a virtual machine of that cloud reaches its host.
    (Network::v4([168, 63, 129, 16], 32), "a cloud's internal address"),
    (Network::v4([224, 0, 0, 0], 4), "a multicast address"),
    (Network::v4([255, 255, 255, 255], 32), "the broadcast address"),
    (Network::v4([240, 0, 0, 0], 4), "a reserved address"),
];

/// What is denied of IPv6 and worth a name of its own.
const CLOSED_V6: &[(Network, &str)] = &[
    (Network::v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "an unspecified address"),
    (Network::v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "a loopback address"),
    (Network::v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "an IPv4-compatible address"),
    (Network::v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "an address of a local NAT64"),
    (Network::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "an address for documentation"),
    (Network::v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), "an address for benchmarks"),
    (Network::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "an address for documentation"),
    (Network::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "a private address"),
    (Network::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "a link-local address"),
    (Network::v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "a site-local address"),
    (Network::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "a multicast address"),
];

const GLOBAL_UNICAST: Network = Network::v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
const NAT64: Network = Network::v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const SIX_TO_FOUR: Network = Network::v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
const TEREDO: Network = Network::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32);
const PROTOCOLS: Network = Network::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23);

/// Where fetches may go.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    allow: Arc<[Network]>,
}

/// The policy's no, and what would open it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// Only http and https are fetched.
    #[error("{0:?} is not fetched from, only http and https are")]
    Scheme(String),
    /// Nowhere to go.
    #[error("the URL has no host")]
    NoHost,
    /// Credentials in a certificate are nobody's secret, and somebody's trick.
    #[error("the URL has a user or a password in it")]
    UserInformation,
    /// The address is not open to everybody.
    #[error("{address} is {what}; `allow = [\"{address}\"]` in [revocation] would open it")]
    Address {
        /// Which.
        address: IpAddr,
        /// What kind it is.
        what: &'static str,
    },
}

impl Egress {
    /// Global unicast, and what these networks add.
    pub fn new(allow: impl Into<Arc<[Network]>>) -> Self {
        Self { allow: allow.into() }
    }

    /// Checks what can be seen without resolving.
    ///
    /// # Errors
    /// Another scheme, user information, or an address that is denied.
    pub fn url(&self, url: &Url) -> Result<(), Denied> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Denied::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Denied::UserInformation);
        }
        // The URL standard has read odd spellings by now: `0x7f.1` and `2130706433` are 127.0.0.1 here.
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Denied::NoHost)?;
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.address(address),
            Err(_) => Ok(()),
        }
    }

    /// Checks an address that is about to be connected to.
    ///
    /// # Errors
    /// It is denied.
    pub fn address(&self, address: IpAddr) -> Result<(), Denied> {
        // What is mapped is sent over IPv4, so it is that address.
        let address = address.to_canonical();
        match closed(address) {
            Some(what) if !self.allow.iter().any(|network| network.contains(address)) => Err(Denied::Address { address, what }),
            _ => Ok(()),
        }
    }
}

/// Why an address is not open to everybody; `None`: it is.
fn closed(address: IpAddr) -> Option<&'static str> {
    let named = |table: &[(Network, &'static str)]| table.iter().find(|(network, _)| network.contains(address)).map(|(_, what)| *what);
    match address {
        IpAddr::V4(_) => named(CLOSED_V4),
        IpAddr::V6(v6) => named(CLOSED_V6).or_else(|| carried(v6)),
    }
}

/// The same for addresses that carry one of IPv4, and for what is no global unicast.
fn carried(address: Ipv6Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let v4_at = |lowest: u32| {
        closed(Ipv4Addr::from_bits((bits >> lowest) as u32).into()).map(|_| "an address that leads to one of IPv4 which is closed")
    };
    let inside = |network: Network| network.contains(address.into());
    if inside(NAT64) {
        return v4_at(0);
    }
    if inside(SIX_TO_FOUR) {
        return v4_at(80);
    }
    if inside(TEREDO) {
        // The client's address stands in it inverted (RFC 4380 section 4).
        let client = Ipv4Addr::from_bits(!(bits as u32));
        return v4_at(64).or_else(|| closed(client.into()).map(|_| "a Teredo address that leads to one of IPv4 which is closed"));
    }
    if inside(PROTOCOLS) {
        return Some("an address of a protocol");
    }
    (!inside(GLOBAL_UNICAST)).then_some("not a global unicast address")
}
