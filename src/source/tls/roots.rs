//! Trust anchors of a source, read again when their files change.
//!
//! When something of them cannot be read, there are none to judge by: `untrusted` must not be the result of a missing file here.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::pki_types::{CertificateDer, TrustAnchor};

use crate::model::observation::Roots;
use crate::model::{BuildError, Failure, Limits, Reason, ScanContext, Stage, Stamp};
use crate::pki::container::{self, Contents};

/// The word for the machine's own trust store.
pub(super) const SYSTEM: &str = "system";

/// The largest file of trust anchors.
const FILE_BYTES: u64 = 16 << 20;

/// Where the anchors come from, and what was read there last.
pub(super) struct RootFiles {
    inner: Arc<Inner>,
}

struct Inner {
    paths: Vec<PathBuf>,
    system: bool,
    last: Mutex<Option<Last>>,
}

/// What was read, and how it is recognised as unchanged.
struct Last {
    stamps: Vec<Stamp>,
    roots: Arc<Roots>,
    /// Parts of the files that could not be read: told at every scan for as long as it is so.
    problems: Vec<String>,
}

impl RootFiles {
    /// Reads nothing yet.
    ///
    /// # Errors
    /// An empty list, or an empty path.
    pub fn new(configured: &[String], base: &Path) -> Result<Self, BuildError> {
        if configured.is_empty() {
            return Err(BuildError::new("roots", "expected at least one path, or \"system\""));
        }
        if configured.iter().any(String::is_empty) {
            return Err(BuildError::new("roots", "expected a path or \"system\", got an empty string"));
        }
        let system = configured.iter().any(|entry| entry == SYSTEM);
        let paths = configured.iter().filter(|entry| *entry != SYSTEM).map(|entry| base.join(entry)).collect();
        Ok(Self { inner: Arc::new(Inner { paths, system, last: Mutex::new(None) }) })
    }

    /// The anchors as of now. `None`, with an error of the source, when some of them cannot be read.
    pub async fn current(&self, cx: &ScanContext) -> Option<Arc<Roots>> {
        let inner = self.inner.clone();
        let context = cx.clone();
        let read = tokio::task::spawn_blocking(move || {
            let _held_while_it_runs = context;
            inner.current(|bytes| container::open(bytes, &[], &Limits::default()))
        });
        let fail = |words: String| cx.source_error(Failure::new(Stage::Read, Reason::RootsUnreadable, words));
        match read.await {
            Ok(Ok((roots, problems))) => {
                problems.into_iter().for_each(fail);
                Some(roots)
            }
            Ok(Err(words)) => {
                fail(words);
                None
            }
            Err(error) => {
                fail(error.to_string());
                None
            }
        }
    }
}

impl Inner {
    /// The anchors, and what of their files cannot be read; or why there are none.
    fn current(&self, open: impl Fn(&[u8]) -> Contents) -> Result<(Arc<Roots>, Vec<String>), String> {
        if self.paths.is_empty() {
            return system().map(|roots| (roots, Vec::new()));
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last
            && self.stamps().as_ref() == Some(&last.stamps)
        {
            return Ok((last.roots.clone(), last.problems.clone()));
        }
        // Nothing is kept of an attempt that fails: the next scan tries again.
        *last = None;
        let mut stamps = Vec::with_capacity(self.paths.len());
        let mut anchors = if self.system { system()?.anchors.clone() } else { Vec::new() };
        let mut problems = Vec::new();
        for path in &self.paths {
            let (bytes, stamp) = read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let contents = open(&bytes);
            let tell = |words: &str| format!("{}: {words}", path.display());
            let mut here = 0;
            for certificate in &contents.certificates {
                match anchor(certificate) {
                    Ok(anchor) => {
                        here += 1;
                        anchors.push(anchor);
                    }
                    Err(error) => problems.push(tell(&format!("a certificate that cannot be a trust anchor: {error}"))),
                }
            }
            problems.extend(contents.problems.iter().map(|problem| tell(&problem.detail)));
            if here == 0 {
                return Err(problems.pop().unwrap_or_else(|| tell("no certificate in it")));
            }
            stamps.push(stamp);
        }
        let roots = Arc::new(Roots { anchors });
        *last = Some(Last { stamps, roots: roots.clone(), problems: problems.clone() });
        Ok((roots, problems))
    }

    /// Of the files as they are now; `None` when one is not there.
    fn stamps(&self) -> Option<Vec<Stamp>> {
        self.paths.iter().map(|path| std::fs::metadata(path).ok().map(|found| stamp(&found))).collect()
    }
}

/// The machine's own anchors: read once, when first asked for, and shared.
fn system() -> Result<Arc<Roots>, String> {
    static SYSTEM_ROOTS: OnceLock<Arc<Roots>> = OnceLock::new();
    if let Some(roots) = SYSTEM_ROOTS.get() {
        return Ok(roots.clone());
    }
    let found = rustls_native_certs::load_native_certs();
    let anchors: Vec<_> = found.certs.iter().filter_map(|certificate| anchor(certificate).ok()).collect();
    if anchors.is_empty() {
        let words: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let words = if words.is_empty() { "none installed".to_owned() } else { words.join("; ") };
        return Err(format!("the system's trust anchors: {words}"));
    }
    Ok(SYSTEM_ROOTS.get_or_init(|| Arc::new(Roots { anchors })).clone())
}

fn anchor(certificate: &[u8]) -> Result<TrustAnchor<'static>, webpki::Error> {
    webpki::anchor_from_trusted_cert(&CertificateDer::from(certificate)).map(|anchor| anchor.to_owned())
}

pub(super) fn read(path: &Path) -> std::io::Result<(Vec<u8>, Stamp)> {
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let file = File::open(path)?;
    let stamp = stamp(&file.metadata()?);
    let mut bytes = Vec::new();
    if std::io::copy(&mut file.take(FILE_BYTES + 1), &mut bytes)? > FILE_BYTES {
        return Err(std::io::Error::other(format!("larger than {FILE_BYTES} bytes")));
    }
    Ok((bytes, stamp))
}

pub(super) fn stamp(found: &std::fs::Metadata) -> Stamp {
    let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    Stamp {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        modified: nanoseconds(found.mtime(), found.mtime_nsec()),
        changed: nanoseconds(found.ctime(), found.ctime_nsec()),
    }
}

#[cfg(test)]
mod tests;
