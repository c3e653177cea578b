//! YAML as the tables that the rest of the configuration is read from: every key and value with where it stands.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The most levels.
const MOST_DEEP: usize = 16;
/// The most keys and values, each as often as it is referred to.
const MOST_NODES: usize = 20_000;

/// The document, a mapping. An empty one is an empty mapping.
///
/// # Errors
/// Where something else stands, and what.
pub(super) fn table(text: &str) -> Result<DeTable<'static>, (usize, String)> {
    let budget = serde_saphyr::budget! { max_depth: MOST_DEEP, max_nodes: MOST_NODES, max_events: 2 * MOST_NODES };
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true, budget: budget };
    let root: Option<Node> = serde_saphyr::from_str_with_options(text, options).map_err(|error| refused(text, &error))?;
    match root.map_or(Kind::Nothing, |root| root.0.value) {
        Kind::Nothing => Ok(DeTable::new()),
        Kind::Map(entries) => table_of(entries),
        _ => Err((0, "expected a mapping of keys to values".to_owned())),
    }
}

/// In few words of our own: the library's may repeat a secret.
fn refused(text: &str, error: &serde_saphyr::Error) -> (usize, String) {
    let at = error.location().map_or(0, |at| offset(text, at.line(), at.column()));
    let words = match error {
        serde_saphyr::Error::DuplicateMappingKey { .. } => "this key is there already: every key stands once",
        serde_saphyr::Error::MultipleDocuments { .. } => "expected one document, found several",
        _ => "not YAML, or nested or repeated too much",
    };
    (at, words.to_owned())
}

/// The byte at which a line's column begins; both count from 1, the column in characters.
fn offset(text: &str, line: u64, column: u64) -> usize {
    let before = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let column = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

/// A value and where it stands.
struct Node(Spanned<Kind>);

enum Kind {
    Nothing,
    Bool(bool),
    /// Numbers, too: whoever wants one reads it.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

type Placed<T> = toml::Spanned<T>;

fn place<T>(of: &Spanned<T>) -> usize {
    of.referenced.span().byte_offset().and_then(|at| usize::try_from(at).ok()).unwrap_or(0)
}

fn placed<T>(at: usize, value: T) -> Placed<T> {
    Placed::new(at..at, value)
}

fn table_of(entries: Vec<(Spanned<String>, Node)>) -> Result<DeTable<'static>, (usize, String)> {
    let mut table = DeTable::new();
    for (key, value) in entries {
        let at = place(&key);
        if matches!(value.0.value, Kind::Nothing) {
            return Err((at, format!("{}: nothing stands here; leave the key out", super::quoted(&key.value))));
        }
        let value = value_of(value)?;
        table.insert(placed(at, Cow::Owned(key.value)), value);
    }
    Ok(table)
}

fn value_of(Node(node): Node) -> Result<Placed<DeValue<'static>>, (usize, String)> {
    let at = place(&node);
    let value = match node.value {
        Kind::Nothing => return Err((at, "nothing stands here".to_owned())),
        Kind::Bool(value) => DeValue::Boolean(value),
        Kind::Text(text) => DeValue::String(Cow::Owned(text)),
        Kind::List(values) => {
            let mut list = DeArray::new();
            for value in values {
                list.push(value_of(value)?);
            }
            DeValue::Array(list)
        }
        Kind::Map(entries) => DeValue::Table(table_of(entries)?),
    };
    Ok(placed(at, value))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind)
    }
}

struct AnyKind;

impl<'de> Visitor<'de> for AnyKind {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Nothing)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Kind::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Kind::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_know_where_they_stand() {
        let text = "# é\na: x\nb:\n  c: [y, 7]\n  \"d\": true\n";
        let table = table(text).unwrap();
        let (key, value) = table.get_key_value("b").unwrap();
        assert_eq!(text[key.span().start..].chars().next(), Some('b'));
        let inner = value.get_ref().as_table().unwrap();
        let list = inner.get("c").unwrap().get_ref().as_array().unwrap();
        let found: Vec<_> = list.iter().map(|value| (value.get_ref().as_str().unwrap(), &text[value.span().start..][..1])).collect();
        assert_eq!(found, [("y", "y"), ("7", "7")], "a number is its text");
        assert_eq!(inner.get("d").unwrap().get_ref().as_bool(), Some(true));
        assert!(table_is_empty("") && table_is_empty("# nothing\n---\n"));
    }

    fn table_is_empty(text: &str) -> bool {
        table(text).unwrap().is_empty()
    }

    #[test]
    fn what_is_no_mapping_is_refused_where_it_stands() {
        for (behaviour, text, at, words) in [
            ("a key twice", "a: 1\na: 2\n", 5, "every key stands once"),
            ("a key without a value", "a: 1\nb:\n", 5, "b: nothing stands here"),
            ("a list", "- a\n", 0, "expected a mapping"),
            ("two documents", "a: 1\n---\nb: 2\n", 0, "one document"),
            ("a tab", "é: 1\na:\n\tb: 1\n", 10, "not YAML"),
            ("a key without a value, further in", "a:\n  b:\n", 5, "b: nothing stands here"),
            ("nothing in a list", "a: [~]\n", 4, "nothing stands here"),
            ("deep", &("a: ".to_owned() + &"[".repeat(1000)), 0, "nested or repeated too much"),
        ] {
            let (found, message) = table(text).expect_err(behaviour);
            assert!(message.contains(words), "{behaviour}: {message}");
            assert!(at == 0 || found == at, "{behaviour}: at {found}");
        }
    }

    #[test]
    fn aliases_are_followed_as_far_as_the_budget_goes() {
        assert_eq!(table("a: &x 1\nb: *x\n").unwrap().get("b").unwrap().get_ref().as_str(), Some("1"));
        let bomb = (1..12).fold("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, at| {
            let before = at - 1;
            text + &format!("a{at}: &a{at} [{}]\n", vec![format!("*a{before}"); 10].join(","))
        });
        assert!(table(&bomb).is_err());
    }
}
