//! What serde and the TOML parser say, in the words of this configuration.

/// A message of serde's, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A key that the type does not have, and those that it has.
    UnknownKey { key: String, known: Vec<String> },
    /// A key that must be there.
    MissingKey(String),
    /// Anything else, to be shown.
    Wrong(String),
}

/// Keys that later versions know: refused now, but not as a typing error.
const LATER: &[&str] = &["namespaces"];
/// Values of `type` that later versions know.
const LATER_KINDS: &[&str] = &["vault"];
/// Keys whose values stand in no message and no listing.
pub(super) const SECRETS: &[&str] = &["passphrase"];
/// Longer names are no typing errors of ours.
const LONGEST_NAME: usize = 40;

/// Reads a message of `serde::de::Error`.
pub(super) fn understand(message: &str) -> Said {
    let message = message.trim_end();
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    // The key stands first and may hold anything, the known ones come after the last comma that precedes them.
    let unknown = |prefix: &str| {
        let rest = message.strip_prefix(prefix)?;
        let (found, expected) = rest.rsplit_once("`, expected ").or_else(|| rest.rsplit_once("`, there are "))?;
        Some((found.to_owned(), quoted(expected)))
    };
    if let Some((key, known)) = unknown("unknown field `") {
        return Said::UnknownKey { key, known };
    }
    if let Some(key) = message.strip_prefix("missing field `") {
        return Said::MissingKey(key.trim_end_matches('`').to_owned());
    }
    if let Some((found, known)) = unknown("unknown variant `") {
        return Said::Wrong(choice(&found, &known));
    }
    let wrong = ["invalid type: ", "invalid value: ", "invalid length "].iter().find_map(|prefix| message.strip_prefix(prefix));
    match wrong.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((found, expected)) => Said::Wrong(format!("expected {}, found {}", wanted(expected), plain(found))),
        // The standard library's word, which says neither.
        None if message == "invalid IP address syntax" => {
            Said::Wrong("expected an IP address such as \"192.0.2.7\" or \"2001:db8::7\"".to_owned())
        }
        None => Said::Wrong(message.to_owned()),
    }
}

/// What is said of a key that does not exist.
pub(super) fn unknown_key(key: &str, known: &[String]) -> String {
    let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
    known.sort_unstable();
    known.dedup();
    let what = if LATER.contains(&key) { "this key is not in this version of notafter" } else { "unknown key" };
    let list = if known.is_empty() { "no keys are known here".to_owned() } else { format!("known here: {}", known.join(", ")) };
    match nearest(key, &known) {
        Some(near) if !LATER.contains(&key) => format!("{what}, did you mean {near:?}? ({list})"),
        _ => format!("{what} ({list})"),
    }
}

/// What is said of a word that is none of those that are known.
pub(super) fn choice(found: &str, known: &[String]) -> String {
    let words: Vec<&str> = known.iter().map(String::as_str).collect();
    let list = words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
    let expected = if words.len() == 1 { format!("expected {list}") } else { format!("expected one of {list}") };
    match nearest(found, &words) {
        _ if LATER_KINDS.contains(&found) => format!("{expected}; {found:?} is not in this version of notafter"),
        Some(near) => format!("{expected}, found {found:?}; did you mean {near:?}?"),
        None => format!("{expected}, found {found:?}"),
    }
}

/// serde's names of types, as TOML calls them.
fn wanted(expected: &str) -> &str {
    match expected {
        "a sequence" => "an array",
        "a map" => "a table",
        "a boolean" => "true or false",
        _ if expected.starts_with("struct ") => "a table",
        _ if expected.starts_with(['u', 'i']) && expected[1..].bytes().all(|byte| byte.is_ascii_alphanumeric()) => "a whole number",
        _ => expected,
    }
}

/// serde's names of values, without the type's where the value shows it.
fn plain(found: &str) -> String {
    let bare = ["integer `", "floating point `", "boolean `"].iter().find_map(|prefix| found.strip_prefix(prefix));
    match bare {
        Some(value) => value.trim_end_matches('`').to_owned(),
        None => match found {
            "sequence" => "an array".to_owned(),
            "map" => "a table".to_owned(),
            _ => found.strip_prefix("string ").unwrap_or(found).to_owned(),
        },
    }
}

/// The known word that is fewest typing errors away, if these are few.
pub(super) fn nearest<'k>(found: &str, known: &[&'k str]) -> Option<&'k str> {
    if found.len() > LONGEST_NAME {
        return None;
    }
    let scored = known.iter().map(|word| (distance(&found.to_lowercase().replace('-', "_"), word), *word));
    scored.filter(|(errors, word)| *errors <= word.len().div_ceil(4)).min().map(|(_, word)| word)
}

/// Letters inserted, left out, replaced or swapped with their neighbour (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let mut errors = (row[j] + usize::from(l != r)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *l == right[j - 1] && left[i - 1] == *r {
                errors = errors.min(before[j - 1] + 1);
            }
            next.push(errors);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serdes_messages_are_turned_into_expected_and_found() {
        let rows = [
            ("invalid type: integer `10`, expected a duration", "expected a duration, found 10"),
            ("invalid type: string \"a, expected b\", expected u64", "expected a whole number, found \"a, expected b\""),
            ("invalid type: map, expected a string", "expected a string, found a table"),
            (
                "unknown variant `fisrt`, expected `first` or `all`",
                "expected one of \"first\", \"all\", found \"fisrt\"; did you mean \"first\"?",
            ),
            ("unknown variant `x`, expected `enix`", "expected \"enix\", found \"x\""),
            ("whatever else", "whatever else"),
        ];
        for (message, expected) in rows {
            assert_eq!(understand(message), Said::Wrong(expected.to_owned()));
        }
        assert_eq!(understand("missing field `paths`"), Said::MissingKey("paths".to_owned()));
        for (message, key, known) in [
            ("unknown field `a`, expected `b`", "a", vec!["b"]),
            ("unknown field `a`, expected `b` or `c`", "a", vec!["b", "c"]),
            ("unknown field `a`, expected one of `b`, `c`, `d`", "a", vec!["b", "c", "d"]),
            ("unknown field `a`, there are no fields", "a", vec![]),
            ("unknown field `a`, expected `x`, expected `b`", "a`, expected `x", vec!["b"]),
        ] {
            let known = known.into_iter().map(str::to_owned).collect();
            assert_eq!(understand(message), Said::UnknownKey { key: key.to_owned(), known });
        }
    }

    #[test]
    fn few_typing_errors_are_recognised_and_many_are_not() {
        let known = ["timeout", "targets", "labels", "type"];
        for (found, near) in [
            ("timeuot", Some("timeout")),
            ("TimeOut", Some("timeout")),
            ("target", Some("targets")),
            ("label", Some("labels")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, &known), near, "{found}");
        }
        assert_eq!(nearest(&"timeout".repeat(100), &known), None);
    }
}
