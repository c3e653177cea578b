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

/// An address and a mask.
fn network(octets: &[u8]) -> Option<String> {
    let ones = |mask: &[u8]| mask.iter().map(|byte| byte.count_ones()).sum::<u32>();
    if let Ok(both) = <[u8; 8]>::try_from(octets) {
        let [a, b, c, d, mask @ ..] = both;
        return Some(format!("IP:{}/{}", Ipv4Addr::new(a, b, c, d), ones(&mask)));
    }
    let both = <[u8; 32]>::try_from(octets).ok()?;
    let (address, mask) = both.split_at(16);
    Some(format!("IP:{}/{}", Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?), ones(mask)))
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
}
