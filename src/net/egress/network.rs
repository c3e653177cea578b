//! A network of addresses, as it is written in `allow`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Addresses that share a prefix: `10.20.0.0/16`, `fd00::/8`; a single address is a network of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// What a network is written like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a network such as \"10.20.0.0/16\" or \"fd00::/8\", found {found:?}{hint}")]
pub struct NotANetwork {
    found: String,
    hint: String,
}

impl Network {
    /// Of IPv4, from its first address; bits beyond the prefix must be zero.
    pub const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])), prefix }
    }

    /// Of IPv6, from its first address; bits beyond the prefix must be zero.
    pub const fn v6(groups: [u16; 8], prefix: u8) -> Self {
        let [a, b, c, d, e, f, g, h] = groups;
        Self { address: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix }
    }

    /// Whether the address is one of them. An IPv4-mapped one counts as the IPv4 address that it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => masked_v4(address, self.prefix) == first,
            (IpAddr::V6(first), IpAddr::V6(address)) => masked_v6(address, self.prefix) == first,
            _ => false,
        }
    }
}

fn masked_v4(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0))
}

fn masked_v6(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0))
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = |hint: String| NotANetwork { found: text.to_owned(), hint };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong(String::new()))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= most).ok_or_else(|| wrong(format!("; its prefix is at most {most}")))?
            }
            Some(_) => return Err(wrong(String::new())),
        };
        let first = match address {
            IpAddr::V4(address) => IpAddr::V4(masked_v4(address, prefix)),
            // Written as mapped it would match nothing: addresses are compared as what they are.
            IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
                return Err(wrong("; write the IPv4 address itself".to_owned()));
            }
            IpAddr::V6(address) => IpAddr::V6(masked_v6(address, prefix)),
        };
        if first != address {
            return Err(wrong(format!("; did you mean \"{first}/{prefix}\"?")));
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.prefix) {
            (IpAddr::V4(address), 32) => write!(f, "{address}"),
            (IpAddr::V6(address), 128) => write!(f, "{address}"),
            (address, prefix) => write!(f, "{address}/{prefix}"),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
