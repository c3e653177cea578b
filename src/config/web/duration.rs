//! Durations as Go writes them: `1s`, `1m30s`, `1.5h`, `0`.

use std::time::Duration;

/// What such a text looks like, for error messages.
pub(super) const EXPECTED: &str = "expected a duration such as \"1s\" or \"1m30s\" (ns, us, ms, s, m, h)";
/// Longer ones are typing errors.
const LONGEST: f64 = 365.0 * 86_400.0;
/// Seconds of each unit.
const UNITS: &[(&str, f64)] = &[("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// A length of time, at most a year; may be 0.
///
/// # Errors
/// What was expected.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let refusal = || format!("{EXPECTED}, found {text:?}");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut seconds) = (text, 0.0);
    loop {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0).ok_or_else(refusal)?;
        let (digits, behind) = rest.split_at(number);
        let unit = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refusal)?;
        seconds += digits.parse::<f64>().map_err(|_| refusal())? * factor;
        if behind.is_empty() {
            break;
        }
        rest = behind;
    }
    if seconds > LONGEST { Err(format!("expected at most a year, found {text:?}")) } else { Ok(Duration::from_secs_f64(seconds)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_decimals_with_units() {
        for (text, millis) in [
            ("1s", Some(1000)),
            ("100ms", Some(100)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("1h0.5s", Some(3_600_500)),
            ("2000us", Some(2)),
            ("2000µs", Some(2)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("", None),
            ("1", None),
            ("s", None),
            ("1 s", None),
            ("-1s", None),
            ("1d", None),
            ("1..5s", None),
            ("1s5", None),
            ("9000h", None),
            ("1e9s", None),
            ("infs", None),
        ] {
            assert_eq!(parse(text).ok(), millis.map(Duration::from_millis), "{text}");
        }
    }
}
