//! Keys of Secrets and ConfigMaps to observations: what both have in common.
//!
//! May touch: `model`.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::held::Held;
use super::json::{Entry, Read, Value, Wants, read};
use super::{Subject, identity, number, place_of, stamp, unreadable};
use crate::model::{Circumstances, Failure, Labels, Material, Observation, Place, Reason, ScanContext, Secret, Stage};
use crate::source::kubernetes::api::Handler;
use crate::source::kubernetes::keys::Keys;
use crate::source::kubernetes::owner::{Owner, shortened};
use crate::source::kubernetes::selector::Selector;
use crate::source::kubernetes::surroundings::{Changed, Named, Surroundings, Used};

/// What tells Secrets and ConfigMaps apart.
pub trait Flavour: Send + Sync {
    /// For numbers and messages.
    const WHAT: &'static str;
    /// Whether `data` is text as it is.
    const TEXT: bool;

    /// The place of a key.
    fn place(namespace: &Arc<str>, name: &str, key: &Arc<str>) -> Place;
    /// Namespace and name of such a place.
    fn object(place: &Place) -> Option<(&Arc<str>, &str)>;
    /// The key of such a place.
    fn key(place: &Place) -> Option<&Arc<str>> {
        match place {
            Place::Secret { key, .. } | Place::ConfigMap { key, .. } => Some(key),
            _ => None,
        }
    }
    /// A listing begins.
    fn begin(&self, cx: &ScanContext) {
        let _ = cx;
    }
    /// The object, for whoever is asked who uses it.
    fn used(named: Named) -> Used;
    /// The object's name, when it is one of this kind.
    fn named(used: &Used) -> Option<&Named>;
    /// Keys that are needed to open others.
    fn reads(&self, key: &str) -> bool {
        let _ = key;
        false
    }
    /// What opens the keystores of an object. `own`: keys of the object that are needed for it.
    fn passphrases(&self, namespace: &Arc<str>, own: &[Entry], cx: &ScanContext) -> Arc<[Secret]>;
    /// Whether a certificate under the key is the one that the object's owner renews.
    fn is_renewed(key: &str) -> bool {
        let _ = key;
        true
    }
}

/// Handles all objects of one kind.
pub struct Values<F> {
    pub flavour: F,
    pub keys: Keys,
    pub owner: Arc<Owner>,
    pub annotation_selector: Option<Selector>,
    pub surroundings: Arc<Surroundings>,
    pub held: Held,
    /// Places were known before the first list: of an earlier process, or of other settings.
    pub inherits: AtomicBool,
}

/// What goes with each key of an object.
struct Described {
    labels: Option<Arc<Labels>>,
    renewed: Option<Arc<Circumstances>>,
    other: Option<Arc<Circumstances>>,
}

impl<F: Flavour> Values<F> {
    /// The number of an object.
    pub fn number(namespace: &str, name: &str) -> u64 {
        number(F::WHAT, namespace, name)
    }

    /// Whether places were known before the first list.
    pub fn inherits(&self) -> bool {
        self.inherits.load(Ordering::Relaxed)
    }

    /// Of the namespace (of all) only what was seen stays, with the keys that it has.
    pub fn sweep(&self, of: Option<&Arc<str>>, seen: &HashSet<u64>, cx: &ScanContext) {
        cx.retain(|place| {
            let Some((namespace, name, key)) = F::object(place).zip(F::key(place)).map(|((namespace, name), key)| (namespace, name, key))
            else {
                return true;
            };
            let number = Self::number(namespace, name);
            let is_other = of.is_some_and(|of| of != namespace);
            is_other || seen.contains(&number) && self.held.get(number).is_some_and(|kept| kept.keys.contains(key))
        });
    }

    fn describe(&self, namespace: &Arc<str>, name: &str, words: Option<&Labels>) -> Described {
        let of_namespace = if self.owner.reads_namespaces() { self.surroundings.namespace(namespace) } else { None };
        let labels = self.owner.labels(words, of_namespace.as_deref());
        let all = self.surroundings.of(&F::used((Arc::clone(namespace), name.into())));
        let other = Circumstances { used_by: all.used_by.clone(), ..Circumstances::default() };
        let told = |circumstances: Circumstances| (!circumstances.is_empty()).then(|| Arc::new(circumstances));
        let other = if all == other { None } else { Some(told(other)) };
        let renewed = told(all);
        Described { labels, other: other.unwrap_or_else(|| renewed.clone()), renewed }
    }

    /// One key, as it is now.
    fn observe(&self, place: Place, key: &str, value: Value, with: &Described, open: &mut dyn FnMut() -> Arc<[Secret]>, cx: &ScanContext) {
        let circumstances = with.of::<F>(key);
        let mut observation = match value {
            None => Observation::failed(place, Failure::new(Stage::Parse, Reason::DecodeFailed, "not base64")),
            Some(bytes) if bytes.is_empty() => {
                Observation::failed(place, Failure::new(Stage::Parse, Reason::NoCertificateFound, "the key is there, but empty"))
            }
            Some(mut bytes) => {
                let stamp = stamp(&bytes);
                if cx.is_unchanged(&place, stamp) {
                    cx.described(&place, with.labels.clone(), circumstances);
                    return;
                }
                let passphrases = if may_be_keystore(&bytes) { open() } else { [].into() };
                let material = Material::Blob { bytes: std::mem::take(&mut *bytes), passphrases };
                Observation { stamp: Some(stamp), ..Observation::found(place, material) }
            }
        };
        observation.labels.clone_from(&with.labels);
        observation.circumstances = circumstances;
        cx.observed(observation);
    }

    fn remove(&self, namespace: &Arc<str>, name: &str, cx: &ScanContext) -> u64 {
        let number = Self::number(namespace, name);
        for key in &*self.held.remove(number) {
            cx.gone(&F::place(namespace, name, key));
        }
        number
    }

    fn described_again(&self, namespace: &Arc<str>, name: &str, cx: &ScanContext) {
        let Some(kept) = self.held.get(Self::number(namespace, name)) else { return };
        let with = self.describe(namespace, name, kept.words.as_deref());
        for key in &*kept.keys {
            cx.described(&F::place(namespace, name, key), with.labels.clone(), with.of::<F>(key));
        }
    }

    /// The object is there, but cannot be read: what is known of it is kept, and shown as failing.
    fn broken(&self, json: &[u8], error: &serde_json::Error, cx: &ScanContext) -> Option<u64> {
        let known = identity(json).and_then(|name| {
            let kept = self.held.get(Self::number(&name.namespace, &name.name))?;
            Some((name, kept))
        });
        let Some((name, kept)) = known else {
            cx.source_error(unreadable(F::WHAT, json, error));
            return None;
        };
        let namespace = self.held.text(&name.namespace);
        for key in &*kept.keys {
            let failure = Failure::new(Stage::Read, Reason::DecodeFailed, place_of(error));
            cx.observed(Observation::failed(F::place(&namespace, &name.name, key), failure));
        }
        Some(Self::number(&namespace, &name.name))
    }
}

impl Described {
    fn of<F: Flavour>(&self, key: &str) -> Option<Arc<Circumstances>> {
        if F::is_renewed(key) { self.renewed.clone() } else { self.other.clone() }
    }
}

impl<F: Flavour> Wants for Values<F> {
    fn value(&self, key: &str) -> Option<Arc<str>> {
        self.keys.find(key).or_else(|| self.flavour.reads(key).then(|| Arc::from(key)))
    }

    fn word(&self, prefix: &'static str, key: &str) -> bool {
        let is_selected_by =
            prefix == "annotation:" && self.annotation_selector.as_ref().is_some_and(|selector| selector.keys().any(|known| known == key));
        is_selected_by || self.owner.reads_objects() && self.owner.reads(&format!("{prefix}{key}"))
    }

    fn data_is_text(&self) -> bool {
        F::TEXT
    }
}

impl<F: Flavour> Handler for Values<F> {
    fn applied(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let Read { namespace, name, mut words, values } = match read(json, self) {
            Ok(read) => read,
            Err(error) => return self.broken(json, &error, cx),
        };
        let namespace = self.held.text(&namespace);
        let number = Self::number(&namespace, &name);
        let is_unwanted = |selector: &Selector| {
            let value = |key: &str| {
                let found = words.iter().find(|(word, _)| word.strip_prefix("annotation:") == Some(key));
                found.map(|(_, value)| &**value)
            };
            !selector.matches(value)
        };
        if !cx.is_ours(&F::place(&namespace, &name, &namespace)) {
            return None;
        }
        if self.annotation_selector.as_ref().is_some_and(is_unwanted) || !self.surroundings.is_selected(&namespace) {
            // Kept track of: it may be wanted later without an event of its own.
            return Some(self.remove(&namespace, &name, cx));
        }
        words.retain(|(word, _)| self.owner.reads_objects() && self.owner.reads(word));
        for (_, value) in &mut words {
            *value = shortened(value);
        }
        words.sort_unstable();
        let words = (!words.is_empty()).then(|| Labels(words.into()));

        let (mut shown, own): (Vec<_>, Vec<_>) = values.into_iter().partition(|(key, _)| self.keys.find(key).is_some());
        let is_filled =
            |key: &str| shown.iter().any(|(known, value)| **known == *key && value.as_ref().is_none_or(|bytes| !bytes.is_empty()));
        // cert-manager writes it so when the issuer names no CA (ACME).
        if is_filled("tls.crt") && !is_filled("ca.crt") {
            shown.retain(|(key, _)| **key != *"ca.crt");
        }
        for key in self.held.put(number, shown.iter().map(|(key, _)| Arc::clone(key)).collect(), words.clone()) {
            cx.gone(&F::place(&namespace, &name, &key));
        }
        if shown.is_empty() {
            return None;
        }
        let with = self.describe(&namespace, &name, words.as_ref());
        let mut opened: Option<Arc<[Secret]>> = None;
        // A key may be shown and open others, too.
        let copies: Vec<_> = shown.iter().filter(|(key, _)| self.flavour.reads(key)).cloned().collect();
        let own: Vec<_> = own.into_iter().chain(copies).collect();
        let mut open = || Arc::clone(opened.get_or_insert_with(|| self.flavour.passphrases(&namespace, &own, cx)));
        for (key, value) in shown {
            self.observe(F::place(&namespace, &name, &key), &key, value, &with, &mut open, cx);
        }
        Some(number)
    }

    fn deleted(&self, json: &[u8], cx: &ScanContext) -> Option<u64> {
        let Some(name) = identity(json) else {
            cx.source_error(Failure::new(Stage::Read, Reason::DecodeFailed, format!("a deleted {} of unknown name", F::WHAT)));
            return None;
        };
        Some(self.remove(&self.held.text(&name.namespace), &name.name, cx))
    }

    fn vanished(&self, gone: &HashSet<u64>, cx: &ScanContext) {
        for number in gone {
            self.held.remove(*number);
        }
        cx.retain(|place| F::object(place).is_none_or(|(namespace, name)| !gone.contains(&Self::number(namespace, name))));
    }
}

impl<F: Flavour> Subject for Values<F> {
    fn begin(&self, cx: &ScanContext) {
        self.flavour.begin(cx);
        if !cx.knows_nothing() && self.held.is_empty() {
            self.inherits.store(true, Ordering::Relaxed);
        }
    }

    fn redescribe(&self, changed: &Changed, cx: &ScanContext) {
        let unselected = |namespace: &Arc<str>| changed.namespaces.contains_key(namespace) && !self.surroundings.is_selected(namespace);
        if changed.namespaces.keys().any(unselected) {
            cx.retain(|place| {
                let Some((namespace, name)) = F::object(place).filter(|(namespace, _)| unselected(namespace)) else { return true };
                self.held.remove(Self::number(namespace, name));
                false
            });
        }
        if changed.everything || !changed.namespaces.is_empty() && self.owner.reads_namespaces() {
            let mut objects: HashSet<(Arc<str>, Box<str>)> = HashSet::new();
            cx.each_known(|place| {
                if let Some((namespace, name)) = F::object(place)
                    && (changed.everything || changed.namespaces.contains_key(namespace))
                {
                    objects.insert((Arc::clone(namespace), name.into()));
                }
            });
            for (namespace, name) in &objects {
                self.described_again(namespace, name, cx);
            }
        }
        for (namespace, name) in changed.objects.iter().filter_map(F::named) {
            self.described_again(namespace, name, cx);
        }
    }
}

/// Whether it looks like a Java keystore or PKCS#12 (RFC 7292 section 4: a sequence that begins with version 3): nothing else needs a passphrase.
fn may_be_keystore(bytes: &[u8]) -> bool {
    match bytes {
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => true,
        [0x30, length, rest @ ..] => {
            let skipped = if *length > 0x80 { usize::from(length - 0x80) } else { 0 };
            rest.get(skipped..).is_some_and(|rest| rest.starts_with(&[2, 1, 3]))
        }
        _ => false,
    }
}
