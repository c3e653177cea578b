//! Namespaces: which of them are looked at, and whose they are.
//!
//! May touch: `model`.

use std::collections::HashSet;
use std::sync::Arc;

use super::json::{Wants, read};
use super::{Subject, identity, number, unreadable};
use crate::model::{Labels, ScanContext};
use crate::source::kubernetes::api::Handler;
use crate::source::kubernetes::owner::{Owner, shortened};
use crate::source::kubernetes::surroundings::Surroundings;

const WHAT: &str = "Namespace";

/// Handles all of them. The server selects: what is not handed over is not looked at.
pub struct Namespaces {
    /// What is needed of their labels and annotations.
    pub wanted: Vec<Arc<Owner>>,
    /// Where it goes.
    pub surroundings: Arc<Surroundings>,
}

impl Wants for Namespaces {
    fn value(&self, _: &str) -> Option<Arc<str>> {
        None
    }

    fn word(&self, prefix: &'static str, key: &str) -> bool {
        let word = format!("namespace_{prefix}{key}");
        self.wanted.iter().any(|owner| owner.reads(&word))
    }

    fn data_is_text(&self) -> bool {
        false
    }
}

impl Handler for Namespaces {
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let object = match read(json, self) {
            Ok(object) => object,
            Err(error) => {
                cx.source_error(unreadable(WHAT, json, &error));
                return identity(json).map(|name| number(WHAT, "", &name.name));
            }
        };
        let mut words: Vec<(Box<str>, Box<str>)> =
            object.words.iter().map(|(word, value)| (format!("namespace_{word}").into(), shortened(value))).collect();
        words.sort_unstable();
        let labels = (!words.is_empty()).then(|| Arc::new(Labels(words.into())));
        self.surroundings.set_namespace(&object.name, labels);
        Some(number(WHAT, "", &object.name))
    }

    fn deleted(&self, json: &[u8], _: &ScanContext) -> Option<u64> {
        let name = identity(json)?.name;
        self.surroundings.drop_namespaces(|known| known == name);
        Some(number(WHAT, "", &name))
    }

    fn vanished(&self, gone: &HashSet<u64>, _: &ScanContext) {
        self.surroundings.drop_namespaces(|known| gone.contains(&number(WHAT, "", known)));
    }
}

impl Subject for Namespaces {
    fn listed(&self, _: &ScanContext) {
        self.surroundings.namespaces_listed();
    }
}
