//! Tables of a TOML document that are emptied key by key: what is left at the end is unknown.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::error::{ConfigError, Problem};
use super::message::{self, SECRETS, Said};

/// More are counted, not shown.
const MOST_SHOWN: usize = 20;
/// Longer names and messages repeat a value that nobody reads to its end.
const LONGEST_TEXT: usize = 800;

/// What is wrong with a document, gathered while it is read.
pub(super) struct Problems<'t> {
    notation: Notation,
    file: String,
    text: &'t str,
    found: Vec<Found>,
}

/// What a document is written in, as far as messages speak of it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Notation {
    Toml,
    Yaml,
}

struct Found {
    at: usize,
    table: String,
    key: String,
    message: String,
}

/// A table of the document.
pub(super) struct Section<'t> {
    /// `sources.edge`; empty at the top.
    pub(super) name: String,
    /// Where the table as a whole stands.
    pub(super) at: usize,
    /// The keys that were not taken yet.
    pub(super) table: DeTable<'t>,
    /// The keys that were asked for.
    pub(super) known: Vec<String>,
    /// Keys that its type has, and that may not stand here.
    pub(super) unwanted: &'static [&'static str],
}

impl<'t> Problems<'t> {
    pub(super) fn new(file: String, text: &'t str) -> Self {
        Self::written_in(Notation::Toml, file, text)
    }

    pub(super) fn written_in(notation: Notation, file: String, text: &'t str) -> Self {
        Self { notation, file, text, found: Vec::new() }
    }

    pub(super) fn add(&mut self, at: usize, table: &str, key: &str, message: impl Into<String>) {
        self.found.push(Found { at, table: clipped(table.to_owned()), key: clipped(key.to_owned()), message: clipped(message.into()) });
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How much is wrong so far.
    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// The parser's own complaint; the table is the last header before it.
    pub(super) fn add_syntax(&mut self, error: &toml::de::Error) {
        let span = error.span().unwrap_or_default();
        let at = span.start;
        let before = self.text.get(..at).unwrap_or_default();
        let header = |line: &str| Some(line.trim().strip_prefix('[')?.trim_matches(['[', ']', ' ']).to_owned());
        let (earlier, line) = before.rsplit_once('\n').unwrap_or(("", before));
        let table = earlier.lines().rev().find_map(header).unwrap_or_default();
        let key = line.split_once('=').map(|(key, _)| key.trim().to_owned()).unwrap_or_default();
        let message = match (error.message(), self.text.get(span)) {
            ("duplicate key", Some(name)) => format!("{name} is there already: every table and key stands once"),
            (message, _) => message.to_owned(),
        };
        self.add(at, &table, &key, message);
    }

    /// Something serde said of a value or table that stands at `key` of `section` (`""`: the whole of it).
    fn add_said(&mut self, section: &Section<'_>, key: &str, at: usize, said: Said) {
        match said {
            Said::Wrong(text) => {
                let secret = SECRETS.contains(&key.rsplit('.').next().unwrap_or(key));
                let text = if secret {
                    text.rsplit_once(", found ").map_or("expected a string", |(expected, _)| expected).to_owned()
                } else {
                    text
                };
                self.add(at, &section.name, key, text);
            }
            Said::MissingKey(missing) => self.add(at, &section.name, &join(key, &missing), "required, but missing"),
            Said::UnknownKey { key: unknown, mut known } => {
                let full = if key.is_empty() { quoted(&unknown) } else { key.to_owned() };
                if full == quoted(&unknown) {
                    known.extend(section.known.iter().cloned());
                }
                known.retain(|key| !section.unwanted.contains(&key.as_str()));
                self.add(at, &section.name, &full, message::unknown_key(&unknown, &known));
            }
        }
    }

    /// Nothing, or all that was found, in the order of the file.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|found| found.at);
        let more = self.found.len().saturating_sub(MOST_SHOWN);
        let problems = self.found.iter().take(MOST_SHOWN).map(|found| {
            let (line, column) = position(self.text, found.at);
            let (table, key) = match self.notation {
                Notation::Toml => (found.table.clone(), found.key.clone()),
                Notation::Yaml => (String::new(), join(&found.table, &found.key)),
            };
            Problem { file: self.file.clone(), line, column, table, key, message: found.message.clone() }
        });
        Err(ConfigError::Invalid { problems: problems.collect(), more })
    }
}

impl<'t> Section<'t> {
    pub(super) fn new(name: impl Into<String>, at: usize, table: DeTable<'t>) -> Self {
        Self { name: name.into(), at, table, known: Vec::new(), unwanted: &[] }
    }

    /// Takes a key whose value `check` accepts; whatever is wrong with it is added to the problems.
    pub(super) fn take<T: DeserializeOwned, U>(
        &mut self,
        key: &str,
        problems: &mut Problems<'_>,
        check: impl FnOnce(T) -> Result<U, String>,
    ) -> Option<U> {
        self.known.push(key.to_owned());
        let value = self.table.remove(key)?;
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) => match check(read) {
                Ok(checked) => return Some(checked),
                Err(message) => problems.add(span.start, &self.name, key, message),
            },
            Err(error) => {
                let span = error.span().unwrap_or(span);
                let inner = match value.get_ref() {
                    DeValue::Table(table) => key_at(table, &span),
                    DeValue::Array(array) => index_at(array, &span),
                    _ => None,
                };
                problems.add_said(self, &join(key, &inner.unwrap_or_default()), span.start, message::understand(error.message()));
            }
        }
        None
    }

    /// Takes a table; `None` when it is not there, or something else.
    pub(super) fn take_table(&mut self, key: &str, problems: &mut Problems<'_>) -> Option<Self> {
        self.known.push(key.to_owned());
        let (name, value) = self.table.remove_entry(key)?;
        self.table_of(name, value, problems)
    }

    /// Takes an array of tables, `[[key]]`; none when it is not there, or something else.
    pub(super) fn take_tables(&mut self, key: &str, problems: &mut Problems<'_>) -> Vec<Self> {
        self.known.push(key.to_owned());
        let Some((name, value)) = self.table.remove_entry(key) else { return Vec::new() };
        let at = name.span().start;
        let DeValue::Array(values) = value.into_inner() else {
            problems.add(at, &self.name, key, format!("expected [[{key}]], once for each"));
            return Vec::new();
        };
        let tables = (0..).zip(values).filter_map(|(index, value)| {
            let at = value.span().start;
            match value.into_inner() {
                DeValue::Table(table) => Some(Self::new(join(&self.name, &format!("{key}[{index}]")), at, table)),
                other => {
                    problems.add(at, &self.name, &format!("{key}[{index}]"), format!("expected [[{key}]], found {}", other.type_str()));
                    None
                }
            }
        });
        tables.collect()
    }

    /// The value of a key as a table of its own.
    pub(super) fn table_of(
        &self,
        key: Spanned<std::borrow::Cow<'t, str>>,
        value: Spanned<DeValue<'t>>,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let name = quoted(key.get_ref());
        match value.into_inner() {
            DeValue::Table(table) => Some(Self::new(join(&self.name, &name), key.span().start, table)),
            other => {
                let found = if other.is_array() { "an array" } else { other.type_str() };
                let full = join(&self.name, &name);
                let expected = match problems.notation {
                    Notation::Toml => format!("a table [{full}]"),
                    Notation::Yaml => "a mapping".to_owned(),
                };
                problems.add(key.span().start, &self.name, &name, format!("expected {expected}, found {found}"));
                None
            }
        }
    }

    /// Adds what serde said of the keys that were left.
    pub(super) fn refuse(&self, rest: &DeTable<'_>, error: &toml::de::Error, problems: &mut Problems<'_>) {
        let said = message::understand(error.message());
        let place = error.span().and_then(|span| Some((key_at(rest, &span)?, span.start)));
        let (key, at) = place.unwrap_or((String::new(), self.at));
        problems.add_said(self, &key, at, said);
    }

    /// Where a key of the rest stands, by a path such as `targets[2].server_name`: as deep as it can be followed.
    pub(super) fn position_of(&self, rest: &DeTable<'_>, path: &str) -> usize {
        let first = path.split(['.', '[']).next().unwrap_or(path);
        let Some(value) = rest.get(first) else { return self.at };
        let index = path.strip_prefix(first).and_then(|path| path.strip_prefix('[')).and_then(|path| path.split(']').next());
        let element = index.and_then(|index| value.get_ref().as_array()?.get(index.parse::<usize>().ok()?));
        element.map_or(value.span().start, |element| element.span().start)
    }

    /// Every key that is left is unknown.
    pub(super) fn finish(self, problems: &mut Problems<'_>) {
        for key in self.table.keys() {
            problems.add(key.span().start, &self.name, &quoted(key.get_ref()), message::unknown_key(key.get_ref(), &self.known));
        }
    }
}

/// Every key of the tables that stand under `name` at any depth, with its path and place.
pub(super) fn each_key_below<'t>(table: &'t DeTable<'_>, name: &str, visit: &mut dyn FnMut(String, &'t str, usize)) {
    for (key, value) in table {
        let path = quoted(key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) if key.get_ref() == name => {
                inner.keys().for_each(|key| visit(join(&path, &quoted(key.get_ref())), key.get_ref(), key.span().start));
            }
            DeValue::Table(inner) => each_key_below(inner, name, &mut |below, key, at| visit(join(&path, &below), key, at)),
            DeValue::Array(values) => {
                let tables = values.iter().enumerate().filter_map(|(index, value)| Some((index, value.get_ref().as_table()?)));
                for (index, inner) in tables {
                    each_key_below(inner, name, &mut |below, key, at| visit(join(&format!("{path}[{index}]"), &below), key, at));
                }
            }
            _ => {}
        }
    }
}

/// The path of the innermost key that holds the span, in its name or in its value.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = quoted(key.get_ref());
        let inner = match value.get_ref() {
            DeValue::Table(table) => key_at(table, span),
            DeValue::Array(array) => index_at(array, span),
            _ => None,
        };
        match inner {
            Some(inner) => Some(join(&name, &inner)),
            None => (holds(&key.span(), span) || holds(&value.span(), span)).then_some(name),
        }
    })
}

fn index_at(array: &toml::de::DeArray<'_>, span: &Range<usize>) -> Option<String> {
    array.iter().enumerate().find_map(|(index, value)| {
        let inner = match value.get_ref() {
            DeValue::Table(table) => key_at(table, span),
            DeValue::Array(array) => index_at(array, span),
            _ => None,
        };
        match inner {
            Some(inner) => Some(join(&format!("[{index}]"), &inner)),
            None => holds(&value.span(), span).then(|| format!("[{index}]")),
        }
    })
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// `a.b`, `a[0]`.
fn join(outer: &str, inner: &str) -> String {
    if outer.is_empty() || inner.is_empty() || inner.starts_with('[') { format!("{outer}{inner}") } else { format!("{outer}.{inner}") }
}

/// A key as TOML writes it.
pub(super) fn quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    match key {
        _ if bare => key.to_owned(),
        // Only in messages: no source has such a name.
        _ if key.contains(char::is_control) => format!("{key:?}"),
        _ => toml::Value::from(key).to_string(),
    }
}

fn clipped(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Line and column from 1; the column counts characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}
