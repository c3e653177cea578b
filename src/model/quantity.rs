//! Quantities as people write them in the configuration: `"10s"`, `"16MiB"`.
//!
//! Both have one unit, a whole number and are never 0, so that no key has to say so again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// Milliseconds in a week, the largest unit.
const WEEK: u64 = 7 * 24 * 3_600_000;
/// Longer ones are typing errors, and would leave the calendar when added to a date.
const LONGEST: u64 = 5200 * WEEK;

const TIME_UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", WEEK / 7), ("w", WEEK)];
const SIZE_UNITS: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A length of time, `<int>(ms|s|m|h|d|w)`: more than 0, at most 5200 weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

/// A number of bytes, `<int>(B|KiB|MiB|GiB)`: more than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// Not a whole number followed by one of the units.
    #[error("expected {expected}, found {found:?}")]
    Form {
        /// What such a text looks like.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Zero, which is never meant.
    #[error("expected {expected} of more than 0, found {found:?}")]
    Zero {
        /// What such a text looks like.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Beyond what can be counted.
    #[error("expected at most {limit}, found {found:?}")]
    TooLarge {
        /// The largest one that is taken.
        limit: &'static str,
        /// What stands there.
        found: String,
    },
}

impl HumanDuration {
    /// What such a text looks like, for error messages.
    pub const EXPECTED: &'static str = "a duration such as \"10s\" (ms, s, m, h, d, w)";
}

impl ByteSize {
    /// What such a text looks like, for error messages.
    pub const EXPECTED: &'static str = "a size such as \"16MiB\" (B, KiB, MiB, GiB)";
}

impl FromStr for HumanDuration {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let millis = parse(text, TIME_UNITS, Self::EXPECTED, "\"5200w\"")?;
        if millis > LONGEST {
            return Err(QuantityError::TooLarge { limit: "\"5200w\"", found: text.to_owned() });
        }
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl FromStr for ByteSize {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text, SIZE_UNITS, Self::EXPECTED, "\"17179869183GiB\"").map(Self)
    }
}

/// The largest unit that leaves a whole number: what parses gives the same value again.
impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), TIME_UNITS)
    }
}

/// The largest unit that leaves a whole number: what parses gives the same value again.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, SIZE_UNITS)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(Self::EXPECTED)).and_then(|text: String| text.parse().map_err(de::Error::custom))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(Self::EXPECTED)).and_then(|text: String| text.parse().map_err(de::Error::custom))
    }
}

/// Takes a string and tells what was expected when it meets anything else.
struct Text(&'static str);

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

fn parse(text: &str, units: &[(&str, u64)], expected: &'static str, limit: &'static str) -> Result<u64, QuantityError> {
    let form = || QuantityError::Form { expected, found: text.to_owned() };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or_else(form)?;
    if number.is_empty() {
        return Err(form());
    }
    let too_large = || QuantityError::TooLarge { limit, found: text.to_owned() };
    // The number has digits only, so that it can fail by size alone.
    let number: u64 = number.parse().map_err(|_| too_large())?;
    match number.checked_mul(*factor).ok_or_else(too_large)? {
        0 => Err(QuantityError::Zero { expected, found: text.to_owned() }),
        value => Ok(value),
    }
}

fn write(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let (unit, factor) = units.iter().rev().find(|(_, factor)| value.is_multiple_of(*factor)).unwrap_or(&("", 1));
    f.pad(&format!("{}{unit}", value / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_whole_number_and_one_unit() {
        let rows =
            [("250ms", 250), ("10s", 10_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000), ("1w", 604_800_000), ("007s", 7_000)];
        for (text, millis) in rows {
            assert_eq!(text.parse(), Ok(HumanDuration(Duration::from_millis(millis))), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_was_expected() {
        let rows = [
            ("", HumanDuration::EXPECTED),
            ("10", HumanDuration::EXPECTED),
            ("s", HumanDuration::EXPECTED),
            ("-1s", HumanDuration::EXPECTED),
            ("1.5h", HumanDuration::EXPECTED),
            ("1h30m", HumanDuration::EXPECTED),
            ("10 s", HumanDuration::EXPECTED),
            ("10S", HumanDuration::EXPECTED),
            ("1y", HumanDuration::EXPECTED),
            ("٣s", HumanDuration::EXPECTED),
            ("0s", "of more than 0"),
            ("5201w", "at most \"5200w\""),
            ("99999999999999999999s", "at most \"5200w\""),
            ("18446744073709551615w", "at most \"5200w\""),
        ];
        for (text, expected) in rows {
            let error = text.parse::<HumanDuration>().unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(&format!("{text:?}")), "{text}: {error}");
        }
    }

    #[test]
    fn sizes_are_binary() {
        for (text, bytes) in [("1000B", 1000), ("512KiB", 512 << 10), ("16MiB", 16 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "16", "16MB", "16mib", "0B", "1TiB", "17179869184GiB", "99999999999GiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_and_uses_the_largest_whole_unit() {
        for (text, shown) in [("1000ms", "1s"), ("90s", "90s"), ("120s", "2m"), ("1500ms", "1500ms"), ("14d", "2w"), ("36h", "36h")] {
            let duration: HumanDuration = text.parse().unwrap();
            assert_eq!(duration.to_string(), shown);
            assert_eq!(shown.parse(), Ok(duration));
        }
        for (text, shown) in [("1024B", "1KiB"), ("1000B", "1000B"), ("2048MiB", "2GiB")] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn other_types_are_refused_with_what_was_expected() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "only its errors are looked at")]
        struct Table {
            timeout: HumanDuration,
        }
        let error = toml::from_str::<Table>("timeout = 10").unwrap_err();
        assert_eq!(error.message(), format!("invalid type: integer `10`, expected {}", HumanDuration::EXPECTED));
    }
}
