//! What opens keystores: keys of the same Secret or of another, then what the configuration gives, then the usual ones.
//!
//! May touch: `model`, the API server for single Secrets. What it has read of another Secret is kept for a minute at most, and wiped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use super::json::{Entry, Wants, read};
use crate::model::{Failure, KubeResource, Reason, ScanContext, Secret, Stage};
use crate::source::file::Passphrases;
use crate::source::kubernetes::api::{Api, Scope};
use crate::source::kubernetes::settings::PassphraseRef;

/// How long what another Secret holds is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// So many of them.
const MOST: usize = 1000;

/// Where the passphrases of one table come from.
pub struct KeystorePassphrases {
    api: Arc<Api>,
    refs: Vec<PassphraseRef>,
    configured: Passphrases,
    now: Mutex<Option<Arc<[Secret]>>>,
    remembered: Mutex<HashMap<Address, Remembered>>,
}

/// Namespace, name, key.
type Address = (Box<str>, Box<str>, Box<str>);

/// When it was read, and what.
type Remembered = (Duration, Option<Zeroizing<String>>);

impl KeystorePassphrases {
    /// Reads nothing yet.
    pub fn new(api: Arc<Api>, refs: Vec<PassphraseRef>, configured: Passphrases) -> Self {
        Self { api, refs, configured, now: Mutex::default(), remembered: Mutex::default() }
    }

    /// A listing begins: what the configuration points to is read again.
    pub fn begin(&self, cx: &ScanContext) {
        let now = self.configured.now(cx);
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let time = cx.clock.monotonic();
        remembered.retain(|_, (at, _)| time.saturating_sub(*at) < REMEMBERED);
    }

    /// Whether a key of the keystore's own Secret may be a passphrase.
    pub fn reads(&self, key: &str) -> bool {
        self.refs.iter().any(|reference| reference.secret.is_none() && reference.key == key)
    }

    /// What to try, in order. `own`: keys of the object itself, when it is a Secret.
    pub fn of(&self, namespace: &str, own: Option<&[Entry]>, cx: &ScanContext) -> Arc<[Secret]> {
        let mut found: Vec<Secret> = Vec::new();
        for reference in &self.refs {
            let text = match &reference.secret {
                None => {
                    let value = own.unwrap_or_default().iter().find(|(key, _)| **key == *reference.key);
                    value.and_then(|(_, bytes)| as_text(bytes.as_deref()?))
                }
                Some(secret) => {
                    let (namespace, name) = secret.split_once('/').unwrap_or((namespace, secret));
                    self.of_other(namespace, name, &reference.key, cx)
                }
            };
            found.extend(text.map(|text| Secret(text.to_string())));
        }
        let configured = self.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let configured = configured.unwrap_or_else(|| self.configured.now(cx));
        found.extend(configured.iter().cloned());
        found.extend(Passphrases::Usual.now(cx).iter().cloned());
        let mut unique: Vec<Secret> = Vec::new();
        for secret in found {
            if !unique.contains(&secret) {
                unique.push(secret);
            }
        }
        unique.into()
    }

    fn of_other(&self, namespace: &str, name: &str, key: &str, cx: &ScanContext) -> Option<Zeroizing<String>> {
        let now = cx.clock.monotonic();
        let at = (namespace.into(), name.into(), key.into());
        let lock = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = lock().get(&at).filter(|(read_at, _)| now.saturating_sub(*read_at) < REMEMBERED) {
            return text.clone();
        }
        let text = match self.fetch(namespace, name, key, cx) {
            Ok(text) => text,
            Err(failure) => {
                let words = format!("passphrase_refs: Secret {namespace}/{name}: {}", failure.detail);
                cx.source_error(Failure::new(Stage::Read, failure.reason, words));
                None
            }
        };
        let mut remembered = lock();
        remembered.retain(|_, (read_at, _)| now.saturating_sub(*read_at) < REMEMBERED);
        if remembered.len() < MOST {
            remembered.insert(at, (now, text.clone()));
        }
        text
    }

    fn fetch(&self, namespace: &str, name: &str, key: &str, cx: &ScanContext) -> Result<Option<Zeroizing<String>>, Failure> {
        let scope = Scope {
            resource: KubeResource::Secrets,
            namespace: Some(namespace.into()),
            field_selector: Some(format!("metadata.name={name}")),
            label_selector: None,
        };
        let mut found: Option<Option<Zeroizing<String>>> = None;
        let mut visit = |json: &[u8]| {
            let object = read(json, &Only(key)).ok().filter(|object| object.name == name);
            let Some(mut object) = object else { return };
            found = Some(object.values.pop().and_then(|(_, bytes)| as_text(bytes?.as_slice())));
        };
        let list = self.api.each(&scope, cx, &mut visit);
        // On a thread that may block: objects are handed over there.
        tokio::runtime::Handle::current().block_on(list)?;
        match found {
            Some(Some(text)) => Ok(Some(text)),
            Some(None) => Err(Failure::new(Stage::Read, Reason::NotFound, format!("there is no text under the key {key:?}"))),
            None => Err(Failure::new(Stage::Read, Reason::NotFound, "it does not exist")),
        }
    }
}

/// One key.
struct Only<'k>(&'k str);

impl Wants for Only<'_> {
    fn value(&self, key: &str) -> Option<Arc<str>> {
        (key == self.0).then(|| key.into())
    }

    fn word(&self, _: &'static str, _: &str) -> bool {
        false
    }

    fn data_is_text(&self) -> bool {
        false
    }
}

/// Without the end of line that editors and `echo` leave.
fn as_text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Some(Zeroizing::new(line.to_owned()))
}
