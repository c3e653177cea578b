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
struct Look {
    files: Files,
    outcome: Result<(WebSettings, Material), WebFileError>,
}

/// The files that were read, and what they held.
#[derive(Clone, Default)]
struct Files {
    paths: Vec<PathBuf>,
    print: Print,
}

/// One that works.
pub struct Taken {
    /// What it asks for.
    pub settings: WebSettings,
    web: Web,
    files: Files,
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
        None => Ok(Taken { settings: WebSettings::default(), web: Web::open(), files: Files::default(), path: None }),
    }
}

/// Reads everything, without a judgement of what is read.
fn look(path: &Path) -> Look {
    let mut reading = Reading { paths: Vec::new(), seen: Context::new(&SHA256) };
    let outcome = gather(path, &mut reading);
    Look { files: reading.finish(), outcome }
}

/// What these files hold now: as [`look`] has it, when it reads the same ones.
fn print(paths: &[PathBuf]) -> Print {
    let mut reading = Reading { paths: Vec::new(), seen: Context::new(&SHA256) };
    for path in paths {
        // What cannot be read has left its mark.
        let _ = reading.read(path);
    }
    reading.finish().print
}

/// Reads files, and keeps of each what it is recognised by. Which ones follow from what the first one holds.
struct Reading {
    paths: Vec<PathBuf>,
    seen: Context,
}

impl Reading {
    fn read(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, WebFileError> {
        self.paths.push(path.to_owned());
        let read = read_bounded(path, LARGEST).map(Zeroizing::new).map_err(|failure| failure.detail.to_string());
        let (mark, bytes) = match &read {
            Ok(bytes) => (0, bytes.as_slice()),
            Err(why) => (1, why.as_bytes()),
        };
        self.seen.update(&[mark]);
        self.seen.update(&bytes.len().to_be_bytes());
        self.seen.update(bytes);
        read.map_err(WebFileError::Unreadable)
    }

    fn pem(&mut self, pem: &Pem) -> Result<Zeroizing<Vec<u8>>, WebFileError> {
        match pem {
            Pem::File(path) => self.read(path),
            Pem::Inline(text) => Ok(Zeroizing::new(text.0.as_bytes().to_vec())),
        }
    }

    fn finish(self) -> Files {
        let mut print = [0; 32];
        print.copy_from_slice(self.seen.finish().as_ref());
        Files { paths: self.paths, print }
    }
}

fn gather(path: &Path, reading: &mut Reading) -> Result<(WebSettings, Material), WebFileError> {
    let settings = config::web::parse(&reading.read(path)?, path)?;
    let material = match &settings.tls {
        Some(tls) => Material {
            certificate: reading.pem(&tls.certificate)?.to_vec(),
            key: reading.pem(&tls.key)?,
            client_ca: tls.client_ca.as_ref().map(|ca| reading.pem(ca)).transpose()?.map(|bytes| bytes.to_vec()).unwrap_or_default(),
        },
        None => Material::default(),
    };
    Ok((settings, material))
}

impl Look {
    fn take(self, path: &Path) -> Result<Taken, WebFileError> {
        let (settings, material) = self.outcome?;
        let web = Web::new(&settings, &material).map_err(|error| told(path, &settings, error))?;
        Ok(Taken { settings, web, files: self.files, path: Some(path.to_owned()) })
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
    /// Without the key.
    settings: WebSettings,
    in_force: Files,
    /// What was refused, and said to be.
    refused: Option<Files>,
    /// Counts what was put in force: files that were read before are of the past.
    turn: u64,
}

impl WebFile {
    pub(super) fn new(taken: Taken, counters: Arc<Counters>) -> Self {
        taken.warn();
        let Taken { settings, web, files, path } = taken;
        counters.web_reloaded(path.as_ref().map(|_| true));
        let known = Known { path, settings: settings.without_key(), in_force: files, refused: None, turn: 0 };
        Self { known: Mutex::new(known), serving: watch::Sender::new(Arc::new(web)), counters }
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
        let Taken { settings, web, files, path } = taken;
        let mut known = self.known();
        let (has_file, turn) = (path.is_some(), known.turn + 1);
        let is_new = known.in_force.print != files.print || known.path != path;
        *known = Known { path, settings: settings.without_key(), in_force: files, refused: None, turn };
        drop(known);
        // An equal one would only forget whose passwords it has checked.
        if is_new {
            self.serving.send_modify(|serving| *serving = Arc::new(web.after(serving)));
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
            let Some(known) = self.to_look_at() else { continue };
            let turn = known.turn;
            let Ok(changed) = tokio::task::spawn_blocking(move || known.changed()).await else { continue };
            match changed {
                Changed::Nothing => before = None,
                Changed::Back => {
                    before = None;
                    self.is_back(turn);
                }
                // Those that have come to rest.
                Changed::To(path, look) if before.replace(look.files.print) == Some(look.files.print) => self.consider(&path, *look, turn),
                Changed::To(..) => {}
            }
        }
    }

    fn to_look_at(&self) -> Option<ToLookAt> {
        let known = self.known();
        Some(ToLookAt { path: known.path.clone()?, in_force: known.in_force.clone(), refused: known.refused.clone(), turn: known.turn })
    }

    /// The files are as they are in force, after all.
    fn is_back(&self, turn: u64) {
        let mut known = self.known();
        if known.turn != turn {
            return;
        }
        // A reload may have refused what did not last until it was seen here.
        self.counters.web_reloaded(Some(true));
        if known.refused.take().is_some() {
            info!("web configuration: its files are again what is in force");
        }
    }

    fn consider(&self, path: &Path, look: Look, turn: u64) {
        let known = self.known();
        if known.turn != turn {
            return;
        }
        let before = known.settings.clone();
        drop(known);
        let files = look.files.clone();
        let taken = look.take(path).and_then(|taken| match taken.settings.gives_up(&before) {
            Some(what) => Err(WebFileError::GivesUp { file: path.display().to_string(), what }),
            None => Ok(taken),
        });
        match taken {
            Ok(taken) => {
                self.put(taken);
                info!(path = %path.display(), "web configuration: its files have changed and are in force");
            }
            Err(error) => {
                self.known().refused = Some(files);
                self.counters.web_reloaded(Some(false));
                warn!("web configuration not taken, the former one stays in force: {error}");
            }
        }
    }
}

/// What is known when the files are looked at.
struct ToLookAt {
    path: PathBuf,
    in_force: Files,
    refused: Option<Files>,
    turn: u64,
}

enum Changed {
    /// It is what was refused already.
    Nothing,
    /// It is what is in force.
    Back,
    /// It is something new.
    To(PathBuf, Box<Look>),
}

impl ToLookAt {
    /// Only what is new is understood: most looks end with the bytes.
    fn changed(self) -> Changed {
        if print(&self.in_force.paths) == self.in_force.print {
            return Changed::Back;
        }
        if self.refused.is_some_and(|refused| print(&refused.paths) == refused.print) {
            return Changed::Nothing;
        }
        let look = Box::new(look(&self.path));
        Changed::To(self.path, look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_what_they_hold_whatever_state_they_are_in() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let web = folder.path().join("web.yml");
        let tls = "tls_server_config: {cert_file: a.pem, key_file: a.key}\n";
        let states = [
            ("nothing there", &[][..], 1),
            ("not understood", &[("web.yml", "x: 1\n")], 1),
            ("no certificate", &[("web.yml", tls)], 2),
            ("no key", &[("a.pem", "certificate")], 3),
            ("all there", &[("a.key", "key")], 3),
            ("another key of the same size", &[("a.key", "KEY")], 3),
        ];
        let mut seen: Vec<Files> = Vec::new();
        for (behaviour, files, count) in states {
            files.iter().for_each(|(name, text)| write(name, text));
            let files = look(&web).files;
            assert_eq!(files.paths.len(), count, "{behaviour}");
            assert_eq!(print(&files.paths), files.print, "{behaviour}: the same without understanding it");
            assert!(seen.iter().all(|other| print(&other.paths) != other.print), "{behaviour}: none of the former ones");
            seen.push(files);
        }
    }

    #[test]
    fn a_change_is_told_from_what_is_in_force_and_from_what_was_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        let state = |text: &str| {
            std::fs::write(&path, text).unwrap();
            look(&path).files
        };
        let (refused, in_force) = (state("x: 1\n"), state("rate_limit: {interval: 1s, burst: 1}\n"));
        let changed = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let known = ToLookAt { path: path.clone(), in_force: in_force.clone(), refused: Some(refused.clone()), turn: 0 };
            match known.changed() {
                Changed::Nothing => "nothing",
                Changed::Back => "back",
                Changed::To(_, look) if look.outcome.is_ok() => "good",
                Changed::To(..) => "bad",
            }
        };
        for (text, expected) in [
            ("rate_limit: {interval: 1s, burst: 1}\n", "back"),
            ("x: 1\n", "nothing"),
            ("x: 2\n", "bad"),
            ("rate_limit: {interval: 1s, burst: 2}\n", "good"),
        ] {
            assert_eq!(changed(text), expected, "{text}");
        }
    }
}
