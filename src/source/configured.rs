//! Files that another program's configuration names: who uses each, and the look at it.
//!
//! May touch: `model`, the file system. Must not: metrics, the store, the clock's date; the syntax of any program.
//!
//! **Nothing is lost to a configuration that cannot be read.** Then the files of the last good one, and those that the readable
//! parts name, are looked at all the same; the scan fails, so that nothing known is dropped and the source is not up.

mod matches;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, statat};

use super::file::read::{is_settled, read_at};
use super::file::system::stamp;
use super::file::walk::text;
use crate::model::{ByteSize, Circumstances, Failure, Listing, Material, Observation, Place, Reason, ScanContext, Stage, Use, UseKind};

pub use matches::Matches;

/// The most users of a file that are named.
pub const MOST_USES: usize = 32;
/// The most bytes of a user's name or host. Names of DNS have 253 at most, paths of sockets 107.
const LONGEST_NAME: usize = 512;
/// The most files that one configuration may name.
const MOST_FILES: usize = 10_000;

/// The files that a configuration names, with their users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedFiles(BTreeMap<PathBuf, BTreeSet<Use>>);

impl NamedFiles {
    /// A file that is named, whether anything uses it or not.
    pub fn add(&mut self, path: &Path) {
        self.users(path);
    }

    /// A file that is used so by this server, for this host.
    pub fn add_use(&mut self, path: &Path, kind: UseKind, name: &str, host: &str) {
        let used = Use { kind: kind.as_str().into(), name: cut(name).into(), host: cut(host).into() };
        if let Some(users) = self.users(path) {
            insert_capped(users, used);
        }
    }

    /// Each file with its users, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &BTreeSet<Use>)> {
        self.0.iter().map(|(path, users)| (&**path, users))
    }

    fn users(&mut self, path: &Path) -> Option<&mut BTreeSet<Use>> {
        // One more than is looked at, so that it is seen that there are too many.
        if self.0.len() > MOST_FILES && !self.0.contains_key(path) {
            return None;
        }
        Some(self.0.entry(path.to_owned()).or_default())
    }

    fn merge(&mut self, other: &Self) {
        for (path, users) in &other.0 {
            if let Some(known) = self.users(path) {
                users.iter().for_each(|used| insert_capped(known, used.clone()));
            }
        }
    }
}

/// Keeps the first [`MOST_USES`] in order.
pub fn insert_capped<T: Ord>(set: &mut BTreeSet<T>, value: T) {
    set.insert(value);
    if set.len() > MOST_USES {
        set.pop_last();
    }
}

/// As much of a name or host as is told; what is longer is none that could be used.
pub fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_NAME)]
}

/// How a host is written that is served at a port: the port of HTTPS goes without saying.
pub fn host_at(name: &str, port: &str) -> String {
    if matches!(port, "443" | "") { name.to_owned() } else { format!("{name}:{port}") }
}

/// A path of a configuration, from the folder that relative ones start from. Tidied as paths of a file source are: no `.`, no
/// doubled slash; `..` stays, since a link may stand before it.
pub fn path_from(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path).components().filter(|component| !matches!(component, Component::CurDir)).collect()
}

/// A path as messages and labels show it.
pub fn shown(path: &Path) -> String {
    text(path.as_os_str().as_bytes()).into_owned()
}

/// The largest file that is read, where nothing is configured.
pub fn default_max_size() -> ByteSize {
    ByteSize(16 << 20)
}

/// What a configuration names, as far as it could be read.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The files.
    pub files: NamedFiles,
    failure: Option<Failure>,
    more_failures: usize,
    unseen: Option<String>,
    more_unseen: usize,
}

impl Gathered {
    /// A part of the configuration could not be read.
    pub fn fail(&mut self, reason: Reason, detail: String) {
        let stage = if matches!(reason, Reason::DecodeFailed | Reason::TooLarge) { Stage::Parse } else { Stage::Read };
        match self.failure {
            None => self.failure = Some(Failure::new(stage, reason, detail)),
            Some(_) => self.more_failures += 1,
        }
    }

    /// Certificates that are configured in a way that leads to no file, or that the program itself passes over.
    pub fn unseen(&mut self, what: impl FnOnce() -> String) {
        match self.unseen {
            None => self.unseen = Some(what()),
            Some(_) => self.more_unseen += 1,
        }
    }

    /// The first failure; the text counts the others.
    pub fn failure(&self) -> Option<Failure> {
        let Failure { stage, reason, detail } = self.failure.as_ref()?;
        let detail = detail.to_string() + &and_more(self.more_failures, "failure");
        Some(Failure::new(*stage, *reason, detail))
    }

    /// What leads to no file, in words.
    pub fn unseen_text(&self) -> Option<String> {
        self.unseen.as_ref().map(|text| text.clone() + &and_more(self.more_unseen, "such case"))
    }
}

fn and_more(count: usize, what: &str) -> String {
    match count {
        0 => String::new(),
        1 => format!(" (and 1 more {what})"),
        _ => format!(" (and {count} more {what}s)"),
    }
}

/// Looks at named files, scan by scan.
pub struct Lookout {
    limit: u64,
    last: Mutex<Last>,
}

/// What the scans before have left.
#[derive(Default)]
struct Last {
    /// Of the last configuration that could be read.
    files: Option<Arc<NamedFiles>>,
    /// What was last said to be unseen.
    unseen: Option<String>,
}

impl Lookout {
    /// Reads files of at most `limit` bytes.
    pub fn new(limit: ByteSize) -> Self {
        Self { limit: limit.0, last: Mutex::default() }
    }

    /// Looks at every file that is named.
    ///
    /// # Errors
    /// Why a part of the configuration could not be read; what is known of it has been looked at all the same.
    pub fn scan(&self, cx: &ScanContext, mut gathered: Gathered) -> Result<Listing, Failure> {
        // What was gathered of a scan that was given up is not the configuration.
        if cx.is_over() {
            return Ok(Listing::Partial);
        }
        if gathered.files.0.len() > MOST_FILES {
            gathered.fail(Reason::TooLarge, format!("the configuration names more than {MOST_FILES} files"));
        }
        self.tell_unseen(cx, &gathered);
        let failure = gathered.failure();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).files.clone();
        let mut files = gathered.files;
        // After a restart nobody knows what the unreadable part says of a file that is not read again: then it keeps its users.
        let is_sure = failure.is_none() || last.is_some();
        if failure.is_some() {
            last.iter().for_each(|last| files.merge(last));
        }
        for (path, users) in files.iter() {
            if cx.is_over() {
                return Ok(Listing::Partial);
            }
            self.look(cx, path, users, is_sure);
        }
        match failure {
            Some(failure) => Err(failure),
            None => {
                self.last.lock().unwrap_or_else(PoisonError::into_inner).files = Some(Arc::new(files));
                Ok(Listing::Complete)
            }
        }
    }

    /// Said once, and again when it is something else: it is no fault that a scan could find mended.
    fn tell_unseen(&self, cx: &ScanContext, gathered: &Gathered) {
        let unseen = gathered.unseen_text();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.unseen != unseen {
            last.unseen.clone_from(&unseen);
            drop(last);
            if let Some(text) = unseen {
                cx.source_error(Failure::new(Stage::Parse, Reason::DecodeFailed, text));
            }
        }
    }

    fn look(&self, cx: &ScanContext, path: &Path, users: &BTreeSet<Use>, is_sure: bool) {
        let shown = shown(path);
        let place = Place::file(&*shown);
        if !cx.is_ours(&place) {
            return;
        }
        let used_by: Box<[Use]> = users.iter().cloned().collect();
        let circumstances = (!used_by.is_empty()).then(|| Arc::new(Circumstances { used_by, ..Circumstances::default() }));
        let begun = cx.clock.monotonic();
        let mut observation = match CString::new(path.as_os_str().as_bytes()) {
            Err(error) => Observation::failed(place, Failure::new(Stage::Read, Reason::ReadFailed, error)),
            Ok(name) => {
                if statat(CWD, &name, AtFlags::empty()).is_ok_and(|stat| cx.is_unchanged(&place, stamp(&stat))) {
                    if is_sure {
                        cx.described(&place, None, circumstances);
                    }
                    return;
                }
                match read_at(CWD, &name, self.limit) {
                    Ok((bytes, stamp)) => {
                        let stamp = is_settled(stamp, cx.started_at).then_some(stamp);
                        Observation { stamp, ..Observation::found(place, Material::Blob { bytes, passphrases: [].into() }) }
                    }
                    Err(error) => Observation::failed(place, error.at(&shown)),
                }
            }
        };
        observation.circumstances = circumstances;
        observation.elapsed = cx.clock.monotonic().saturating_sub(begun);
        cx.observed(observation);
    }
}

#[cfg(test)]
mod tests;
