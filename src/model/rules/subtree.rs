//! Name constraints as a policy writes them, and whether one lies in another (RFC 5280 section 4.2.1.10).

use std::fmt;
use std::net::IpAddr;

/// A part of a name space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subtree {
    /// A DNS name and all below it. Whether the certificate writes a dot in front makes no difference here: RFC 5280 knows none, and many CAs
    /// write one.
    Dns(Box<str>),
    /// An address and the length of its prefix.
    Ip(IpAddr, u8),
    /// Any other kind with its prefix (`URI:.example.com`), as it stands.
    Other(Box<str>),
}

impl Subtree {
    /// Reads what certificates say: `DNS:.prod.internal`, `IP:10.0.0.0/8`; `None` when it says nothing that can be compared.
    pub fn of(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            // The empty name has all others below it.
            ("DNS", "") => Some(Self::Dns("".into())),
            (_, "") => None,
            ("DNS", name) => Some(Self::Dns(name.trim_start_matches('.').to_ascii_lowercase().into())),
            ("IP", network) => Self::network(network),
            _ => Some(Self::Other(text.into())),
        }
    }

    /// Reads what a policy says: the same, and without a prefix a DNS name or a network.
    ///
    /// # Errors
    /// What was expected.
    pub fn written(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a name such as \".prod.internal\", \"10.0.0.0/8\" or \"URI:.example.com\", found {text:?}");
        let has_kind = ["DNS:", "IP:", "URI:", "email:", "dirName:"].iter().any(|kind| text.starts_with(kind));
        let found = if has_kind { Self::of(text) } else { Self::network(text).or_else(|| Self::of(&format!("DNS:{text}"))) };
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let bare = text.strip_prefix("DNS:").unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Err(format!(
                "expected a network such as \"10.0.0.0/8\", found {text:?}; the address alone is \"{address}/{}\"",
                if address.is_ipv4() { 32 } else { 128 }
            ));
        }
        match found {
            Some(Self::Dns(name)) if !is_name(&name) || name.contains("..") => Err(expected()),
            Some(subtree) => Ok(subtree),
            None => Err(expected()),
        }
    }

    fn network(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
        (length <= if address.is_ipv4() { 32 } else { 128 }).then_some(Self::Ip(address, length))
    }

    /// Whether both are of one kind of names.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dns(_), Self::Dns(_)) => true,
            (Self::Ip(one, _), Self::Ip(other, _)) => one.is_ipv4() == other.is_ipv4(),
            (Self::Other(one), Self::Other(other)) => kind(one) == kind(other),
            _ => false,
        }
    }

    /// Whether everything in it lies in the other one.
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dns(inner), Self::Dns(outer)) => {
                outer.is_empty() || inner.strip_suffix(&**outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Ip(inner, inner_length), Self::Ip(outer, length)) => {
                inner_length >= length
                    && match (inner, outer) {
                        (IpAddr::V4(inner), IpAddr::V4(outer)) => {
                            let differ = inner.to_bits() ^ outer.to_bits();
                            differ.checked_shr(32 - u32::from(*length)).unwrap_or(0) == 0
                        }
                        (IpAddr::V6(inner), IpAddr::V6(outer)) => {
                            let differ = inner.to_bits() ^ outer.to_bits();
                            differ.checked_shr(128 - u32::from(*length)).unwrap_or(0) == 0
                        }
                        _ => false,
                    }
            }
            (Self::Other(inner), Self::Other(outer)) => inner == outer,
            _ => false,
        }
    }
}

fn kind(text: &str) -> &str {
    text.split(':').next().unwrap_or_default()
}

impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, ".{name}"),
            Self::Ip(address, length) => write!(f, "{address}/{length}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_in_the_whole() {
        for (inner, outer, within) in [
            (".prod.internal", ".prod.internal", true),
            ("prod.internal", ".prod.internal", true),
            ("DNS:api.Prod.internal", ".prod.internal", true),
            (".internal", ".prod.internal", false),
            (".notprod.internal", "prod.internal", false),
            ("10.1.0.0/16", "10.0.0.0/8", true),
            ("10.0.0.0/8", "10.1.0.0/16", false),
            ("11.0.0.0/8", "10.0.0.0/8", false),
            ("10.0.0.0/8", "0.0.0.0/0", true),
            ("fd00::/16", "fd00::/8", true),
            ("fd00::/8", "10.0.0.0/8", false),
            (".prod.internal", "10.0.0.0/8", false),
            ("URI:.example.com", "URI:.example.com", true),
            ("URI:.example.com", "URI:.example.org", false),
        ] {
            let (one, other) = (Subtree::written(inner).unwrap(), Subtree::written(outer).unwrap());
            assert_eq!(one.is_within(&other), within, "{inner} in {outer}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_and_what_is_shown_reads_back() {
        for text in ["", ".", "DNS:", "IP:10.0.0.0", "IP:10.0.0.0/33", "*.prod.internal", "a b", "a..b", "10.0.0.0/33"] {
            assert!(Subtree::written(text).unwrap_err().starts_with("expected a name"), "{text}");
        }
        for (text, network) in [("10.0.0.0", "10.0.0.0/32"), ("DNS:10.0.0.0", "10.0.0.0/32"), ("fd00::", "fd00::/128")] {
            let refused = Subtree::written(text).unwrap_err();
            assert!(refused.starts_with("expected a network such as") && refused.ends_with(&format!("{network:?}")), "{refused}");
        }
        for text in [".prod.internal", "10.0.0.0/8", "fd00::/8", "URI:.example.com", "email:example.com"] {
            let subtree = Subtree::written(text).unwrap();
            assert_eq!(Subtree::written(&subtree.to_string()).unwrap(), subtree, "{text}");
        }
        assert_eq!(Subtree::of("DNS:"), Some(Subtree::Dns("".into())), "every name");
        for text in ["IP:", "dirName:", "other:", "nothing"] {
            assert_eq!(Subtree::of(text), None, "{text}");
        }
    }
}
