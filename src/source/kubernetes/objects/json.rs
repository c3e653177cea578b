//! Secrets and ConfigMaps as JSON: only the wanted keys are decoded, straight into the bytes that are handed on.
//!
//! May touch: nothing. What is not wanted is skipped in the text: a private key is never copied out of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use zeroize::Zeroizing;

/// What of an object is wanted.
pub trait Wants {
    /// The key's shared name when its value is.
    fn value(&self, key: &str) -> Option<Arc<str>>;
    /// Whether a label or annotation (`label:…`, `annotation:…`) is.
    fn word(&self, prefix: &'static str, key: &str) -> bool;
    /// Whether `data` is text as it is (ConfigMaps), and not base64 (Secrets).
    fn data_is_text(&self) -> bool;
}

/// What a key holds; `None` when it is not base64.
pub type Value = Option<Zeroizing<Vec<u8>>>;

/// A key and what it holds.
pub type Entry = (Arc<str>, Value);

/// What is read of an object.
#[derive(Default)]
pub struct Read {
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// The wanted labels and annotations under `label:…` and `annotation:…`, unsorted.
    pub words: Vec<(Box<str>, Box<str>)>,
    /// The wanted keys, and what they hold.
    pub values: Vec<Entry>,
}

/// Reads one object.
///
/// # Errors
/// It is not JSON, or not of the form of Secrets and ConfigMaps.
pub fn read(json: &[u8], wants: &dyn Wants) -> Result<Read, serde_json::Error> {
    let mut read = Read::default();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Whole { wants, read: &mut read }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    if read.name.is_empty() {
        return Err(serde_json::Error::missing_field("name"));
    }
    Ok(read)
}

/// A string that is borrowed where it can be.
struct Text<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Either)
    }
}

/// Declares a seed that reads a table, or null, key by key.
macro_rules! table {
    ($name:ident { $($field:ident: $type:ty),* }, |$self:ident, $key:ident, $map:ident| $each:expr) => {
        struct $name<'s> { wants: &'s dyn Wants, read: &'s mut Read, $($field: $type),* }

        impl<'de> DeserializeSeed<'de> for $name<'_> {
            type Value = ();
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $name<'_> {
            type Value = ();
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_unit<E: Error>(self) -> Result<(), E> {
                Ok(())
            }
            fn visit_map<A: MapAccess<'de>>($self, mut $map: A) -> Result<(), A::Error> {
                while let Some(Text($key)) = $map.next_key::<Text<'de>>()? {
                    $each
                }
                Ok(())
            }
        }
    };
}

table!(Whole {}, |self, key, map| match &*key {
    "metadata" => map.next_value_seed(Metadata { wants: self.wants, read: &mut *self.read })?,
    "data" => {
        // Which of the two kinds it is, the keys before and behind it do not say.
        map.next_value_seed(Values { wants: self.wants, read: &mut *self.read, kind: ValueKind::Data })?;
    }
    "binaryData" => map.next_value_seed(Values { wants: self.wants, read: &mut *self.read, kind: ValueKind::Binary })?,
    _ => _ = map.next_value::<IgnoredAny>()?,
});

table!(Metadata {}, |self, key, map| match &*key {
    "namespace" => self.read.namespace = map.next_value()?,
    "name" => self.read.name = map.next_value()?,
    "labels" => map.next_value_seed(Words { wants: self.wants, read: &mut *self.read, prefix: "label:" })?,
    "annotations" => map.next_value_seed(Words { wants: self.wants, read: &mut *self.read, prefix: "annotation:" })?,
    _ => _ = map.next_value::<IgnoredAny>()?,
});

table!(Words { prefix: &'static str }, |self, key, map| {
    if self.wants.word(self.prefix, &key) {
        let Text(value) = map.next_value()?;
        self.read.words.push((format!("{}{key}", self.prefix).into(), value.into()));
    } else {
        map.next_value::<IgnoredAny>()?;
    }
});

#[derive(Clone, Copy, PartialEq)]
enum ValueKind {
    Data,
    Binary,
}

table!(Values { kind: ValueKind }, |self, key, map| {
    match self.wants.value(&key) {
        Some(name) => {
            let is_text = self.kind == ValueKind::Data && self.wants.data_is_text();
            let value = map.next_value_seed(Bytes { is_text })?;
            self.read.values.push((name, value));
        }
        None => _ = map.next_value::<IgnoredAny>()?,
    }
});

struct Bytes {
    is_text: bool,
}

impl<'de> DeserializeSeed<'de> for Bytes {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bytes {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let bytes = if self.is_text { Some(text.as_bytes().to_vec()) } else { STANDARD.decode(text).ok() };
        Ok(bytes.map(Zeroizing::new))
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Some(Zeroizing::default()))
    }
}
