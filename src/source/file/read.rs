//! Reading: bounded, never waiting for a FIFO's other end, on one thread or several.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use super::system::{Missing, broken_link, kind_name, missing, not_found, read_failure, stamp};
use crate::model::{Failure, Material, Observation, Place, Reason, ScanContext, Secret, Stage, Stamp};

/// The coarsest clock that stamps files: the kernel's tick is milliseconds, FAT counts in two seconds.
const CLOCK_GRAIN: Duration = Duration::from_secs(2);
/// Files handed over and not read yet.
const WAITING: usize = 256;
/// The most threads that read.
const MOST_THREADS: usize = 4;

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// Why it cannot be read, with the stage `read`.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| Failure::new(Stage::Read, Reason::ReadFailed, error))?;
    read_at(CWD, &name, limit).map(|(bytes, _)| bytes).map_err(|error| {
        let Failure { stage, reason, detail } = error.at(&shown.to_string());
        Failure::new(stage, reason, format!("{shown}: {detail}"))
    })
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// It is not there any more.
    Gone,
    /// It is a link that leads nowhere.
    BrokenLink,
    /// It is something that is no file.
    NotAFile(FileType),
    /// It has more bytes than the limit.
    TooLarge(u64),
    /// The system's word.
    System(Errno),
}

impl ReadError {
    /// The failure of a path that must be there.
    pub fn at(self, path: &str) -> Failure {
        match self {
            Self::Gone => not_found(path),
            Self::BrokenLink => broken_link(path),
            Self::NotAFile(kind) => Failure::new(Stage::Read, Reason::ReadFailed, format!("{path} is {}, not a file", kind_name(kind))),
            Self::TooLarge(limit) => Failure::new(Stage::Read, Reason::TooLarge, format!("larger than {limit} bytes")),
            Self::System(error) => read_failure(error),
        }
    }
}

/// Reads a file of at most `limit` bytes, and what it is recognised by: taken from the open file before its first byte is read.
pub fn read_at(dir: BorrowedFd<'_>, name: &CStr, limit: u64) -> Result<(Vec<u8>, Stamp), ReadError> {
    // Should the name have become a FIFO or a terminal meanwhile, opening it must neither wait nor take it over.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(dir, name, flags, Mode::empty()).map_err(|error| match missing(dir, name, error) {
        Missing::Gone => ReadError::Gone,
        Missing::BrokenLink => ReadError::BrokenLink,
        Missing::Failed => ReadError::System(error),
    })?;
    let stat = fstat(&file).map_err(ReadError::System)?;
    let (kind, stamp) = (FileType::from_raw_mode(stat.st_mode), stamp(&stat));
    if kind != FileType::RegularFile {
        return Err(ReadError::NotAFile(kind));
    }
    if stamp.size > limit {
        return Err(ReadError::TooLarge(limit));
    }
    let mut bytes = vec![0; usize::try_from(stamp.size).map_or(0, |size| size.saturating_add(1))];
    let mut length = 0;
    loop {
        let asked = bytes.len() - length;
        let read = match rustix::io::read(&file, &mut bytes[length..]) {
            Ok(read) => read,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(ReadError::System(error)),
        };
        length += read;
        // One byte more than its size was asked for: most files end with their first call. Those of the kernel have no size.
        let ended = read == 0 || (read < asked && stamp.size > 0 && length as u64 >= stamp.size);
        if ended || length as u64 > limit {
            break;
        }
        if length == bytes.len() {
            bytes.resize(length.saturating_mul(2), 0);
        }
    }
    bytes.truncate(length);
    if bytes.len() as u64 > limit { Err(ReadError::TooLarge(limit)) } else { Ok((bytes, stamp)) }
}

/// Whether a stamp can be trusted to change when the file does.
///
/// A file that was written moments before it was read may be written again within one tick of its file system's clock, to the same
/// size: its times stay what they were. Such a stamp is not kept, so that the file is read again at the next scan.
pub fn is_settled(stamp: Stamp, started_at: SystemTime) -> bool {
    let since_epoch =
        |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_nanos()).ok());
    started_at.checked_sub(CLOCK_GRAIN).and_then(since_epoch).is_some_and(|limit| stamp.modified.max(stamp.changed) < limit)
}

/// Reads a file: its folder, its name there, its path as text, whether it was written without wildcards.
pub type ReadFile<'a> = dyn FnMut(&Arc<OwnedFd>, &CStr, &str, bool) + 'a;

/// How files are read during one scan.
pub struct Reading {
    /// Where they go.
    pub cx: ScanContext,
    /// The most bytes of one.
    pub limit: u64,
    /// For keystores.
    pub passphrases: Arc<[Secret]>,
}

impl Reading {
    /// Reads one file and hands it over.
    fn read(&self, dir: BorrowedFd<'_>, name: &CStr, path: &str, literal: bool) {
        let begun = self.cx.clock.monotonic();
        let mut observation = match read_at(dir, name, self.limit) {
            Ok((bytes, stamp)) => {
                let material = Material::Blob { bytes, passphrases: Arc::clone(&self.passphrases) };
                let stamp = is_settled(stamp, self.cx.started_at).then_some(stamp);
                Observation { stamp, ..Observation::found(Place::file(path), material) }
            }
            // It went, or became something else, after it was listed: a glob matches only what is there.
            Err(ReadError::Gone | ReadError::NotAFile(_)) if !literal => return,
            Err(error) => Observation::failed(Place::file(path), error.at(path)),
        };
        observation.elapsed = self.cx.clock.monotonic().saturating_sub(begun);
        self.cx.observed(observation);
    }

    /// Runs `walk` with a way to read files: on its own thread, or on others while it goes on.
    pub fn run<T>(&self, threads: usize, walk: impl FnOnce(&mut ReadFile<'_>) -> T) -> T {
        if threads <= 1 {
            return walk(&mut |dir, name, path, literal| self.read(dir.as_fd(), name, path, literal));
        }
        std::thread::scope(|scope| {
            let (sender, receiver): (SyncSender<Job>, Receiver<Job>) = sync_channel(WAITING);
            // Owned by the readers alone: when the last of them is gone, sending fails instead of waiting for ever.
            let receiver = Arc::new(Mutex::new(receiver));
            for _ in 0..threads {
                let receiver = Arc::clone(&receiver);
                scope.spawn(move || {
                    while let Some(job) = { receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok() } {
                        self.read(job.dir.as_fd(), &job.name, &job.path, job.literal);
                    }
                });
            }
            drop(receiver);
            walk(&mut |dir, name, path, literal| {
                // An error means that every reader panicked; the scope says so when it ends.
                _ = sender.send(Job { dir: Arc::clone(dir), name: name.to_owned(), path: path.into(), literal });
            })
        })
    }
}

/// How many threads read: one core is left to the scrapes.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1)).clamp(1, MOST_THREADS)
}

/// A file to be read.
struct Job {
    dir: Arc<OwnedFd>,
    name: CString,
    path: Box<str>,
    literal: bool,
}
