//! Where a page of targets ended: opaque to the client, valid whatever was published since.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::model::{Place, SourceId};

/// The last target of a page.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its source.
    pub source: SourceId,
    /// Its place.
    pub place: Place,
}

impl Cursor {
    /// The text that the client hands back.
    pub fn encode(&self) -> String {
        // These types always serialize.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads such a text; `None` when it is none.
    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}
