//! Quantities with their unit, as the configuration spells them.

use serde::de::{Deserialize, Deserializer, Error};

/// A number of bytes: `<int>(B|KiB|MiB|GiB)`, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl std::str::FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let unit: u64 = match &text[digits..] {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(format!("`{text}` is not a size: expected <int>(B|KiB|MiB|GiB)")),
        };
        let bytes = text[..digits].parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
        match bytes {
            Some(0) => Err("a size of 0".to_owned()),
            Some(bytes) => Ok(Self(bytes)),
            None => Err(format!("`{text}` is not a size: expected <int>(B|KiB|MiB|GiB)")),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_binary_unit_and_at_least_one_byte() {
        for (text, bytes) in [("1B", Some(1)), ("3KiB", Some(3 << 10)), ("16MiB", Some(16 << 20)), ("2GiB", Some(2 << 30))] {
            assert_eq!(text.parse().ok(), bytes.map(ByteSize), "{text}");
        }
        for text in ["", "0B", "0MiB", "16", "MiB", "16 MiB", "16MB", "-1B", "1.5MiB", "99999999999GiB", "99999999999999999999B"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
