//! Where a page ended: opaque to the client, valid whatever was published since.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::query::{crls, findings};
use crate::model::{Place, SourceId};

/// Longer parts of places are cut: a cursor must fit into a URL, and names in kubeconfigs and in the documents of others are as long as they like.
const LONGEST: usize = 1024;

/// The key of a list's row, as a text that the client hands back.
pub trait Cursor: Sized {
    /// The text.
    fn encode(&self) -> String;
    /// Reads such a text; `None` when it is none of this list.
    fn decode(text: &str) -> Option<Self>;
}

/// The cursor of what has no pages.
pub enum NoPages {}

impl Cursor for NoPages {
    fn encode(&self) -> String {
        match *self {}
    }

    fn decode(_: &str) -> Option<Self> {
        None
    }
}

/// Every key that serializes, with the name of its list before it: a cursor of another list is none.
macro_rules! cursors {
    ($($name:literal $key:ty = $bounded:expr;)*) => { $(
        impl Cursor for $key {
            fn encode(&self) -> String {
                let bounded: fn(&Self) -> Self = $bounded;
                to_text(&($name, bounded(self)))
            }

            fn decode(text: &str) -> Option<Self> {
                let (name, key): (String, Self) = from_text(text)?;
                (name == $name).then_some(key)
            }
        }
    )* };
}

cursors! {
    "authorities" (std::cmp::Reverse<u64>, [u8; 32]) = Self::clone;
    "certificates" (crate::model::UnixTime, [u8; 32]) = Self::clone;
    "crls" crls::Key<'_> = |key| match key {
        crls::Key::Stored(source, place, list) => crls::Key::Stored(source.clone(), cut_place(place), *list),
        crls::Key::Fetched(..) => key.clone(),
    };
    "findings" findings::Key<'_> = |key| match key {
        findings::Key::Placed(source, place, part, finding) => findings::Key::Placed(source.clone(), cut_place(place), *part, *finding),
        findings::Key::Fetched(..) | findings::Key::Responder(..) => key.clone(),
    };
    "services" (bool, Cow<'_, str>, Option<[u8; 32]>) = Self::clone;
    "sources" Cow<'_, SourceId> = Self::clone;
    "targets" (Cow<'_, SourceId>, Cow<'_, Place>) = |(source, place)| (source.clone(), cut_place(place));
}

fn to_text(value: &impl Serialize) -> String {
    // These types always serialize.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap_or_default())
}

fn from_text<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// A place that sorts behind every one whose parts begin as long as this one's, so that paging always goes on: of places that differ only behind
/// that, those behind the first are left out.
fn cut_place(place: &Place) -> Cow<'static, Place> {
    let mut place = place.clone();
    match &mut place {
        Place::File { path } => cut(path),
        Place::Embedded { path, key, .. } => [path, key].into_iter().for_each(cut),
        Place::Endpoint { target, server_name, .. } => [target, server_name].into_iter().for_each(cut),
        Place::Secret { name, .. } | Place::ConfigMap { name, .. } | Place::Request { name } | Place::Certificate { name, .. } => cut(name),
        Place::CaBundle { name, entry, .. } => [name, entry].into_iter().for_each(cut),
    }
    Cow::Owned(place)
}

fn cut(text: &mut Box<str>) {
    if text.len() > LONGEST {
        let kept = &text[..text.floor_char_boundary(LONGEST)];
        *text = format!("{kept}{}", char::MAX).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceKind;

    type Target = (Cow<'static, SourceId>, Cow<'static, Place>);

    fn target(path: &str) -> Target {
        (Cow::Owned(SourceId { name: "files".into(), kind: SourceKind::File }), Cow::Owned(Place::file(path)))
    }

    #[test]
    fn a_cursor_is_read_back_by_its_own_list_alone() {
        let key = target("/a \u{1}\"ü.pem");
        assert_eq!(Target::decode(&key.encode()), Some(key.clone()));
        assert_eq!(crls::Key::decode(&key.encode()), None);
        for text in ["", "rubbish", "e30", "!!!", &key.encode()[1..]] {
            assert_eq!(Target::decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_cursor_fits_into_a_url_and_goes_on_behind_its_row_however_long_that_is_called() {
        let long = |end: &str| target(&("\u{1}".repeat(30_000) + end));
        let cursor = long("b").encode();
        assert!(cursor.len() < 16_000, "{}", cursor.len());
        let behind = Target::decode(&cursor).unwrap();
        assert!(behind > long("b") && behind < target("\u{2}"));
    }
}
