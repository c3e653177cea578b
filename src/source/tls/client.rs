//! The client certificate of a source: read again when its files change, watched like any other certificate, and loud when it is broken.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::super::file::{FileSettings, Passphrases};
use super::roots;
use crate::model::{BuildError, Failure, Limits, Material, Observation, Place, Reason, ScanContext, Secret, Stage, Stamp};
use crate::net::ClientIdentity;
use crate::pki::container::client_identity;

/// `client_certificate` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificateSettings {
    /// The certificate and its intermediates, PEM or DER.
    cert: Option<PathBuf>,
    /// Its private key, not encrypted; may be the same file.
    key: Option<PathBuf>,
    /// Instead of both: a PKCS#12 store.
    pkcs12: Option<PathBuf>,
    /// Opens the store.
    passphrase: Option<Secret>,
    /// A file that holds the passphrase.
    passphrase_file: Option<PathBuf>,
    /// An environment variable that holds the passphrase.
    passphrase_env: Option<String>,
}

/// The files, and what was read there last.
pub(super) struct IdentityFiles {
    inner: Arc<Inner>,
}

struct Inner {
    certificate: PathBuf,
    key: Option<PathBuf>,
    passphrases: Passphrases,
    last: Mutex<Option<Last>>,
}

/// Only a pair that works is remembered: a broken one is read again at each scan.
struct Last {
    stamps: Vec<Stamp>,
    identity: Arc<ClientIdentity>,
}

impl IdentityFiles {
    /// Reads nothing yet.
    ///
    /// # Errors
    /// Neither a pair nor a store, or both.
    pub fn new(settings: &ClientCertificateSettings, base: &Path) -> Result<Self, BuildError> {
        let wrong = |message: &str| Err(BuildError::new("client_certificate", message));
        let ClientCertificateSettings { cert, key, pkcs12, passphrase, passphrase_file, passphrase_env } = settings;
        let has_passphrase = passphrase.is_some() || passphrase_file.is_some() || passphrase_env.is_some();
        let (certificate, key) = match (cert, key, pkcs12) {
            (Some(_), Some(_), None) if has_passphrase => {
                return wrong("a passphrase opens `pkcs12` alone; keys of `key` are not encrypted");
            }
            (Some(cert), Some(key), None) => (cert, Some(base.join(key))),
            (None, None, Some(store)) => (store, None),
            _ => return wrong("expected `cert` and `key`, or `pkcs12`"),
        };
        if certificate.as_os_str().is_empty() {
            return wrong("expected a path, got an empty string");
        }
        let files = FileSettings {
            passphrase: passphrase.clone(),
            passphrase_file: passphrase_file.clone(),
            passphrase_env: passphrase_env.clone(),
            ..FileSettings::of(Vec::new())
        };
        let in_table = |error: BuildError| BuildError::new("client_certificate", error.message);
        let passphrases = files.passphrases(base).map_err(in_table)?;
        let inner = Inner { certificate: base.join(certificate), key, passphrases, last: Mutex::new(None) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The identity as of now, its certificates handed over as an observation of their own. A broken one is a failure for every
    /// target: what a probe without it would show is not what was asked for.
    pub async fn current(&self, cx: &ScanContext) -> Result<Arc<ClientIdentity>, Failure> {
        let (inner, context) = (self.inner.clone(), cx.clone());
        match tokio::task::spawn_blocking(move || inner.current(&context)).await {
            Ok(current) => current,
            Err(error) => Err(unusable(error.to_string())),
        }
    }
}

impl Inner {
    fn current(&self, cx: &ScanContext) -> Result<Arc<ClientIdentity>, Failure> {
        let place = Place::file(self.certificate.to_string_lossy());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = self.stamps();
        if let Some(last) = last.as_ref().filter(|last| stamps.as_ref() == Some(&last.stamps))
            && last.stamps.first().is_some_and(|stamp| cx.is_unchanged(&place, *stamp))
        {
            return Ok(last.identity.clone());
        }
        *last = None;
        let (bytes, stamp) = match roots::read(&self.certificate) {
            Ok(read) => read,
            Err(error) => {
                let words = format!("{}: {error}", self.certificate.display());
                let reason = match error.kind() {
                    std::io::ErrorKind::NotFound => Reason::NotFound,
                    std::io::ErrorKind::PermissionDenied => Reason::PermissionDenied,
                    _ => Reason::ReadFailed,
                };
                cx.observed(Observation::failed(place, Failure::new(Stage::Read, reason, words.clone())));
                return Err(unusable(words));
            }
        };
        let passphrases = self.passphrases.now(cx);
        let identity = self.load(&bytes, &passphrases);
        let failure = identity.as_ref().err().map(|words| Failure::new(Stage::Parse, Reason::ClientCertificateUnusable, words.clone()));
        let known_as = failure.is_none().then_some(stamp);
        // The certificates of a broken pair are exposed all the same, as far as they can be read.
        let seen =
            Observation { failure, stamp: known_as, ..Observation::found(place, Material::ClientCertificate { bytes, passphrases }) };
        cx.observed(seen);
        let identity = identity.map(Arc::new).map_err(unusable)?;
        // Should a file have changed since, its stamp differs at the next scan.
        *last = stamps.map(|stamps| Last { stamps, identity: identity.clone() });
        Ok(identity)
    }

    fn load(&self, certificate: &[u8], passphrases: &[Secret]) -> Result<ClientIdentity, String> {
        let key = match &self.key {
            None => None,
            Some(path) => {
                let (bytes, _) = roots::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
                Some(zeroize::Zeroizing::new(bytes))
            }
        };
        let of = self.key.as_ref().unwrap_or(&self.certificate).display();
        let found = client_identity(certificate, key.as_deref().map(Vec::as_slice), passphrases, &Limits::default());
        let found = found.map_err(|error| format!("{of}: {error}"))?;
        ClientIdentity::new(&found.certificates, found.keys).map_err(|words| format!("{of}: {words}"))
    }

    /// Of the files as they are now; `None` when one is not there.
    fn stamps(&self) -> Option<Vec<Stamp>> {
        let paths = std::iter::once(&self.certificate).chain(&self.key);
        paths.map(|path| std::fs::metadata(path).ok().map(|found| roots::stamp(&found))).collect()
    }
}

fn unusable(words: String) -> Failure {
    Failure::new(Stage::ClientAuth, Reason::ClientCertificateUnusable, words)
}
