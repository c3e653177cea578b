//! What each kind of object means: JSON of the API server to observations and surroundings.
//!
//! May touch: `model`. Must not: metrics, the store, the wall clock; no object is kept, and no private key is decoded.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::surroundings::Changed;
use crate::model::{Failure, Reason, ScanContext, Stage, Stamp};

pub mod bundle;
pub mod certmanager;
pub mod configmap;
pub mod csr;
pub mod held;
pub mod json;
pub mod namespace;
pub mod passphrases;
pub mod pod;
pub mod route;
pub mod scoped;
pub mod secret;
pub mod values;

/// What a source does with the objects of its feeds. All of it is called on threads that may block.
pub trait Subject: Send + Sync {
    /// A listing begins.
    fn begin(&self, cx: &ScanContext) {
        let _ = cx;
    }

    /// A listing has ended, and every object of it has been handed over.
    fn listed(&self, cx: &ScanContext) {
        let _ = cx;
    }

    /// What others know of its objects has changed.
    fn redescribe(&self, changed: &Changed, cx: &ScanContext) {
        let _ = (changed, cx);
    }
}

/// A subject that needs nothing but its feeds.
pub struct Plain;

impl Subject for Plain {}

/// The number of an object: the same in every process of one build.
pub fn number(kind: &str, namespace: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, namespace, name).hash(&mut hasher);
    hasher.finish()
}

/// Which object it is, and nothing more.
#[derive(Deserialize)]
pub struct Identity {
    pub metadata: Name,
}

/// See [`Identity`].
#[derive(Clone, Debug, Deserialize)]
pub struct Name {
    #[serde(default)]
    pub namespace: String,
    pub name: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        write!(f, "{}{slash}{}", self.namespace, self.name)
    }
}

/// The object's identity, when at least that can be read.
pub fn identity(json: &[u8]) -> Option<Name> {
    serde_json::from_slice::<Identity>(json).ok().map(|object| object.metadata)
}

/// An object that cannot be read, in the error's words. It says what of it is known.
pub fn unreadable(what: &str, json: &[u8], error: &serde_json::Error) -> Failure {
    let name = identity(json).map_or_else(|| "of unknown name".to_owned(), |name| name.to_string());
    Failure::new(Stage::Read, Reason::DecodeFailed, format!("{what} {name}: {}", place_of(error)))
}

/// Where an error of JSON is, without what stands there: it may be secret.
pub fn place_of(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "not of the expected form",
        _ => "not JSON",
    };
    format!("{what} at line {}, column {}", error.line(), error.column())
}

/// The stamp of bytes.
pub fn stamp(bytes: &[u8]) -> Stamp {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    Stamp::of_digest(digest, bytes.len() as u64)
}

/// Base64 as Kubernetes writes it.
pub fn base64(text: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|_| Failure::new(Stage::Parse, Reason::DecodeFailed, "not base64"))
}

/// What a condition says.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Condition {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub message: String,
}

impl Condition {
    /// Its reason and message, bounded.
    pub fn words(&self) -> String {
        let words = match (&*self.reason, &*self.message) {
            ("", message) => message.to_owned(),
            (reason, "") => reason.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        };
        super::owner::shortened(&words).into()
    }
}

/// Null where a list is expected, as Go writes empty ones.
pub fn null_is_empty<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
