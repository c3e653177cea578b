//! Documents that sources read: configurations of other programs, lists of targets, objects of an API server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use notafter::model::clock::SystemClock;
use notafter::model::{Failure, Limits, Material, Observation, Place, ScanContext, Sink, Stamp, UnixTime};
use notafter::source::kubernetes::{KubernetesSettings, replay};
use notafter::source::{envoy_config, kubeconfig, nginx, tls};

/// A configuration of nginx.
pub(super) fn nginx(bytes: &[u8]) {
    for (path, users) in nginx::named(bytes, 1_000).unwrap_or_default() {
        assert!(path.starts_with("/") && users.len() <= 32 && users.is_sorted());
    }
}

/// A configuration of Envoy, in YAML and JSON.
pub(super) fn envoy(bytes: &[u8]) {
    let _ = envoy_config::named("a.yaml", bytes);
    let _ = envoy_config::named("a.json", bytes);
}

/// A kubeconfig.
pub(super) fn kubeconfig(bytes: &[u8]) {
    for (_, _, embedded) in kubeconfig::named(bytes).unwrap_or_default() {
        assert!(embedded.is_none_or(|embedded| embedded.len() <= bytes.len()));
    }
}

/// A list of targets, in YAML and JSON.
pub(super) fn discovery(bytes: &[u8]) {
    let heard = Arc::new(Heard::default());
    for name in ["a.yml", "a.json"] {
        let listed = tls::listed(name, bytes, &heard.context()).unwrap_or_default();
        assert!(listed <= bytes.len());
    }
    assert!(heard.errors() <= 2, "what is wrong with single targets is told once for each document");
}

/// What an API server says: the first byte says how it is cut into chunks and whether it is a list or a watch. Every object goes to everyone.
pub(super) fn kubernetes(bytes: &[u8]) {
    let Some((choice, body)) = bytes.split_first() else { return };
    let chunk = usize::from(choice >> 1) + 1;
    let events = if choice & 1 == 0 { list(body, chunk) } else { watch(body, chunk) };
    let heard = Arc::new(Heard::default());
    // Few globs: they are compiled each time.
    let keys = || vec!["*.crt".to_owned(), "*.pem".to_owned()];
    let settings = KubernetesSettings { secret_keys: keys(), configmap_keys: keys(), ..KubernetesSettings::default() };
    let everyone = replay::Everyone::new(&settings).expect("sensible settings");
    let cx = heard.context();
    for (is_deleted, json) in events.iter().take(16) {
        if *is_deleted { everyone.deleted(json, &cx) } else { everyone.applied(json, &cx) }
    }
}

fn list(body: &[u8], chunk: usize) -> Vec<(bool, Vec<u8>)> {
    let whole = replay::list([body]);
    assert_eq!(whole, replay::list(body.chunks(chunk)), "the chunks are the network's");
    let Ok((objects, _)) = whole else { return Vec::new() };
    let escapes = body.contains(&b'\\') || body.windows(7).filter(|text| text == b"\"items\"").count() != 1;
    if let (false, Ok(serde_json::Value::Object(list))) = (escapes, serde_json::from_slice(body))
        && let Some(serde_json::Value::Array(items)) = list.get("items")
        && items.iter().all(serde_json::Value::is_object)
    {
        let cut: Vec<serde_json::Value> = objects.iter().map(|json| serde_json::from_slice(json).expect("an object")).collect();
        assert_eq!(cut, *items, "what a parser of JSON finds");
    }
    objects.into_iter().map(|json| (false, json)).collect()
}

fn watch(body: &[u8], chunk: usize) -> Vec<(bool, Vec<u8>)> {
    let whole = replay::watch([body]);
    assert_eq!(whole, replay::watch(body.chunks(chunk)), "the chunks are the network's");
    whole.0
}

/// Decodes what it is handed, as the engine would, and counts what is wrong.
#[derive(Default)]
struct Heard {
    errors: Mutex<usize>,
}

impl Heard {
    fn context(self: &Arc<Self>) -> ScanContext {
        let sink = Arc::clone(self) as Arc<dyn Sink>;
        ScanContext { sink, clock: Arc::new(SystemClock::new()), started_at: SystemTime::UNIX_EPOCH, timeout: Duration::from_secs(1) }
    }

    fn errors(&self) -> usize {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Heard {
    fn observed(&self, observation: Observation) {
        if let Some(material @ Material::Blob { .. }) = observation.material {
            notafter::pki::decode(&material, &Limits { kdf_iterations: 20, ..Limits::default() }, UnixTime::from_secs(0));
        }
    }

    fn source_error(&self, _: Failure) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn is_unchanged(&self, _: &Place, _: Stamp) -> bool {
        false
    }

    fn each_known(&self, _: &mut dyn FnMut(&Place)) {}

    fn is_over(&self) -> bool {
        false
    }
}
