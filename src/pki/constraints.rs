//! Name constraints (RFC 5280 section 4.2.1.10), in words.
//!
//! May touch: `model`, [`der`] and names. Bounded: the first [`SUBTREES`] of each list are kept.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::der::{self, Malformed, Reader, Value};
use super::name::{Name, lossless};
use crate::model::facts::Constraints;

const SUBTREES: usize = Constraints::KEPT;

/// Permitted and excluded subtrees.
pub type Subtrees = (Box<[Box<str>]>, Box<[Box<str>]>);

/// Reads the extension's value.
///
/// # Errors
/// It is not DER of that form.
pub fn read(value: &[u8]) -> Result<Subtrees, Malformed> {
    let mut constraints = Reader::new(Reader::new(value).expect(der::SEQUENCE)?);
    let permitted = constraints.optional(0xa0)?.map(subtrees).transpose()?.unwrap_or_default();
    let excluded = constraints.optional(0xa1)?.map(subtrees).transpose()?.unwrap_or_default();
    Ok((permitted, excluded))
}

fn subtrees(value: &[u8]) -> Result<Box<[Box<str>]>, Malformed> {
    let mut values = Reader::new(value);
    let mut found = Vec::new();
    while !values.is_empty() && found.len() < SUBTREES {
        // minimum and maximum are not used (RFC 5280).
        found.push(base(Reader::new(values.expect(der::SEQUENCE)?).next()?).into());
    }
    Ok(found.into())
}

fn base(value: Value<'_>) -> String {
    let text = || lossless(value.contents);
    match value.tag & 0x1f {
        1 => format!("email:{}", text()),
        2 => format!("DNS:{}", text()),
        4 => match Reader::new(value.contents).expect(der::SEQUENCE).and_then(Name::read) {
            Ok(name) => format!("dirName:{}", name.text),
            Err(_) => "dirName:".to_owned(),
        },
        6 => format!("URI:{}", text()),
        7 => network(value.contents).unwrap_or_else(|| "IP:".to_owned()),
        _ => "other:".to_owned(),
    }
}

/// An address and a mask; `None` when the mask is no prefix: what it lets through cannot be said in these words.
fn network(octets: &[u8]) -> Option<String> {
    if let Ok(both) = <[u8; 8]>::try_from(octets) {
        let [a, b, c, d, mask @ ..] = both;
        return Some(format!("IP:{}/{}", Ipv4Addr::new(a, b, c, d), prefix(&mask)?));
    }
    let both = <[u8; 32]>::try_from(octets).ok()?;
    let (address, mask) = both.split_at(16);
    Some(format!("IP:{}/{}", Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?), prefix(mask)?))
}

/// How many ones a mask begins with; `None` when others follow (RFC 4632 section 5.1 knows no such mask).
fn prefix(mask: &[u8]) -> Option<u32> {
    let full = mask.iter().take_while(|byte| **byte == 0xff).count();
    let rest = mask.get(full..).unwrap_or_default();
    let (first, others) = rest.split_first().map_or((0, rest), |(first, others)| (*first, others));
    let is_prefix = first.leading_ones() == first.count_ones() && others.iter().all(|byte| *byte == 0);
    is_prefix.then(|| mask.iter().map(|byte| byte.count_ones()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtrees_are_told_in_words() {
        // permitted: DNS .prod.internal and 10.0.0.0/8; excluded: DNS .dev.internal
        let dns = |name: &str| der::encode(der::SEQUENCE, &der::encode(0x82, name.as_bytes()));
        let ip = der::encode(der::SEQUENCE, &der::encode(0x87, &[10, 0, 0, 0, 255, 0, 0, 0]));
        let permitted = der::encode(0xa0, &[dns(".prod.internal"), ip].concat());
        let excluded = der::encode(0xa1, &dns(".dev.internal"));
        let (permitted, excluded) = read(&der::encode(der::SEQUENCE, &[permitted, excluded].concat())).unwrap();
        assert_eq!(permitted.iter().map(|name| &**name).collect::<Vec<_>>(), ["DNS:.prod.internal", "IP:10.0.0.0/8"]);
        assert_eq!(excluded.iter().map(|name| &**name).collect::<Vec<_>>(), ["DNS:.dev.internal"]);
        assert!(read(b"\x30\x05\xa0").is_err());
    }

    #[test]
    fn a_mask_that_is_no_prefix_is_no_network() {
        let wide = |mask: &[u8]| network(&[&[0x20, 1][..], &[0; 14], mask, &vec![0; 16 - mask.len()]].concat());
        for (behaviour, found, expected) in [
            ("a prefix", network(&[10, 0, 0, 0, 255, 0, 0, 0]), Some("IP:10.0.0.0/8")),
            ("within a byte", network(&[10, 0, 0, 0, 255, 0xf0, 0, 0]), Some("IP:10.0.0.0/12")),
            ("one address", network(&[10, 0, 0, 7, 255, 255, 255, 255]), Some("IP:10.0.0.7/32")),
            ("all of them", network(&[0; 8]), Some("IP:0.0.0.0/0")),
            ("from behind", network(&[10, 0, 0, 0, 0, 0, 0, 255]), None),
            ("with a gap", network(&[10, 0, 0, 0, 255, 0, 255, 0]), None),
            ("with a gap within a byte", network(&[10, 0, 0, 0, 0xa0, 0, 0, 0]), None),
            ("a prefix of IPv6", wide(&[255, 0xfe]), Some("IP:2001::/15")),
            ("a gap in IPv6", wide(&[255, 0, 1]), None),
            ("of another length", network(&[10, 0, 0, 0]), None),
        ] {
            assert_eq!(found.as_deref(), expected, "{behaviour}");
        }
    }
}
