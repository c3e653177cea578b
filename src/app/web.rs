//! The web configuration in force: its files read, made real, looked at again every second.
//!
//! May touch: the files that it names. Must not: be more trusting by itself than it was: what a file no longer asks of clients is given up by a
//! reload alone, since a file that is just being written looks like one with less in it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use tokio::sync::watch;
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::config::{self, ConfigError};
use crate::http::web::settings::{Pem, WebSettings};
use crate::http::web::{Material, Web, WebError};
use crate::metrics::Counters;
use crate::source::file::read_bounded;

/// How often the files are looked at. A change is taken when they look the same a second time.
const EVERY: Duration = Duration::from_secs(1);
/// The most bytes of one file.
const LARGEST: u64 = 1 << 20;

/// Why there is no web configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebFileError {
    /// The file itself is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file cannot be read; in words.
    #[error("{0}")]
    Unreadable(String),
    /// What it names cannot be used.
    #[error("{file}: tls_server_config.{key}: {place}{error}")]
    Part {
        /// The web configuration.
        file: String,
        /// Which key.
        key: String,
        /// The file that the key names, with a colon behind it.
        place: String,
        /// Why not.
        error: WebError,
    },
    /// The parts do not fit together.
    #[error("{file}: tls_server_config: {error}")]
    Together {
        /// The web configuration.
        file: String,
        /// Why not.
        error: WebError,
    },
    /// It asks less of clients than the one in force.
    #[error("{file}: no longer asks for {what}: that is taken with a reload only (SIGHUP), in case the file was not complete yet")]
    GivesUp {
        /// The web configuration.
        file: String,
        /// What clients would no longer need.
        what: &'static str,
    },
}

/// What files held at one moment, by which they are recognised.
type Print = [u8; 32];

/// A web configuration as its files are now.
pub struct Look {
    print: Print,
    outcome: Result<(WebSettings, Material), WebFileError>,
}

/// One that works.
pub struct Taken {
    /// What it asks for.
    pub settings: WebSettings,
    web: Web,
    print: Print,
    path: Option<PathBuf>,
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Taken({:?})", self.path)
    }
}

/// Reads the files of a web configuration and makes it real; `None`: plain connections, open to everybody.
///
/// # Errors
/// It is wrong, or a file that it names is.
pub fn take(path: Option<&Path>) -> Result<Taken, WebFileError> {
    match path {
        Some(path) => look(path).take(path),
        None => Ok(Taken { settings: WebSettings::default(), web: Web::open(), print: [0; 32], path: None }),
    }
}

/// Reads everything, without a judgement of what is read.
fn look(path: &Path) -> Look {
    let mut seen = Context::new(&SHA256);
    let outcome = gather(path, &mut seen);
    if let Err(error) = &outcome {
        seen.update(error.to_string().as_bytes());
    }
    let mut print = [0; 32];
    print.copy_from_slice(seen.finish().as_ref());
    Look { print, outcome }
}

fn gather(path: &Path, seen: &mut Context) -> Result<(WebSettings, Material), WebFileError> {
    let mut read = |path: &Path| {
        let bytes = Zeroizing::new(read_bounded(path, LARGEST).map_err(|failure| WebFileError::Unreadable(failure.detail.to_string()))?);
        seen.update(&bytes.len().to_be_bytes());
        seen.update(&bytes);
        Ok::<_, WebFileError>(bytes)
    };
    let settings = config::web::parse(&read(path)?, path)?;
    let mut pem = |pem: &Pem| match pem {
        Pem::File(path) => read(path),
        Pem::Inline(text) => Ok(Zeroizing::new(text.0.as_bytes().to_vec())),
    };
    let material = match &settings.tls {
        Some(tls) => Material {
            certificate: pem(&tls.certificate)?.to_vec(),
            key: pem(&tls.key)?,
            client_ca: tls.client_ca.as_ref().map(pem).transpose()?.map(|bytes| bytes.to_vec()).unwrap_or_default(),
        },
        None => Material::default(),
    };
    Ok((settings, material))
}

impl Look {
    fn take(self, path: &Path) -> Result<Taken, WebFileError> {
        let (settings, material) = self.outcome?;
        let web = Web::new(&settings, &material).map_err(|error| told(path, &settings, error))?;
        Ok(Taken { settings, web, print: self.print, path: Some(path.to_owned()) })
    }
}

/// Says which file it is that cannot be used.
fn told(path: &Path, settings: &WebSettings, error: WebError) -> WebFileError {
    let file = path.display().to_string();
    let WebError::Part { key, .. } = error else { return WebFileError::Together { file, error } };
    let tls = settings.tls.as_ref();
    let pem = match key {
        "cert" => tls.map(|tls| &tls.certificate),
        "key" => tls.map(|tls| &tls.key),
        _ => tls.and_then(|tls| tls.client_ca.as_ref()),
    };
    match pem.and_then(Pem::path) {
        Some(named) => WebFileError::Part { file, key: format!("{key}_file"), place: format!("{}: ", named.display()), error },
        None => WebFileError::Part { file, key: key.to_owned(), place: String::new(), error },
    }
}

impl Taken {
    /// Files with a private key that everybody on this machine may read.
    pub fn exposed(&self) -> Vec<PathBuf> {
        let key = self.settings.tls.as_ref().map(|tls| &tls.key);
        let holders = [key.and_then(Pem::path), self.path.as_deref().filter(|_| matches!(key, Some(Pem::Inline(_))))];
        let is_open = |path: &&Path| path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0);
        holders.into_iter().flatten().filter(is_open).map(Path::to_owned).collect()
    }

    fn warn(&self) {
        for path in self.exposed() {
            warn!(path = %path.display(), "everybody on this machine may read the server's private key");
        }
    }
}

/// The web configuration in force, and what follows its files.
pub(super) struct WebFile {
    known: Mutex<Known>,
    serving: watch::Sender<Arc<Web>>,
    counters: Arc<Counters>,
}

struct Known {
    path: Option<PathBuf>,
    settings: WebSettings,
    in_force: Print,
    /// What was refused, and said to be.
    refused: Option<Print>,
    /// Counts what was put in force: files that were read before are of the past.
    turn: u64,
}

impl WebFile {
    pub(super) fn new(taken: Taken, counters: Arc<Counters>) -> Self {
        taken.warn();
        let Taken { settings, web, print, path } = taken;
        let known = Known { path: path.clone(), settings, in_force: print, refused: None, turn: 0 };
        let this = Self { known: Mutex::new(known), serving: watch::Sender::new(Arc::new(web)), counters };
        this.counters.web_reloaded(path.map(|_| true));
        this
    }

    /// What servers follow.
    pub(super) fn serving(&self) -> watch::Receiver<Arc<Web>> {
        self.serving.subscribe()
    }

    /// Whether connections are encrypted.
    pub(super) fn is_tls(&self) -> bool {
        self.known().settings.tls.is_some()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts it in force, whatever it gives up.
    pub(super) fn put(&self, taken: Taken) {
        taken.warn();
        let mut known = self.known();
        let has_file = taken.path.is_some();
        let is_new = known.in_force != taken.print || known.path != taken.path;
        let turn = known.turn + 1;
        *known = Known { path: taken.path, settings: taken.settings, in_force: taken.print, refused: None, turn };
        drop(known);
        // An equal one would only forget whose passwords it has checked.
        if is_new {
            self.serving.send_replace(Arc::new(taken.web));
        }
        self.counters.web_reloaded(has_file.then_some(true));
    }

    /// A reload found the files wrong: known and said already.
    pub(super) fn refused(&self) {
        self.counters.web_reloaded(self.known().path.is_some().then_some(false));
    }

    /// Follows the files for ever.
    pub(super) async fn follow(&self) {
        let mut before = None;
        loop {
            tokio::time::sleep(EVERY).await;
            let (path, turn) = {
                let known = self.known();
                (known.path.clone(), known.turn)
            };
            let Some(path) = path else { continue };
            let looked_at = path.clone();
            let Ok(look) = tokio::task::spawn_blocking(move || look(&looked_at)).await else { continue };
            let print = look.print;
            if before.replace(print) == Some(print) {
                self.consider(&path, look, turn);
            }
        }
    }

    /// Files that have come to rest.
    fn consider(&self, path: &Path, look: Look, turn: u64) {
        let mut known = self.known();
        if known.turn != turn || known.refused == Some(look.print) {
            return;
        }
        let print = look.print;
        if known.in_force == print {
            // A reload may have refused what did not last until it was seen here.
            self.counters.web_reloaded(Some(true));
            if known.refused.take().is_some() {
                info!(path = %path.display(), "the web configuration is again the one in force");
            }
            return;
        }
        let settings = known.settings.clone();
        drop(known);
        let taken = look.take(path).and_then(|taken| match taken.settings.gives_up(&settings) {
            Some(what) => Err(WebFileError::GivesUp { file: path.display().to_string(), what }),
            None => Ok(taken),
        });
        match taken {
            Ok(taken) => {
                self.put(taken);
                info!(path = %path.display(), "web configuration: its files have changed and are in force");
            }
            Err(error) => {
                self.known().refused = Some(print);
                self.counters.web_reloaded(Some(false));
                warn!("web configuration not taken, the former one stays in force: {error}");
            }
        }
    }
}
