//! What the operating system says of files, in this program's words.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, Stat, statat};
use rustix::io::Errno;

use crate::model::{Failure, Reason, Stage, Stamp};

/// Why a name in a folder cannot be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is not there.
    Gone,
    /// It is a link that leads nowhere or round in a circle.
    BrokenLink,
    /// Something else.
    Failed,
}

/// Tells a name that is gone from a link that leads nowhere.
pub fn missing(dir: BorrowedFd<'_>, name: &CStr, error: Errno) -> Missing {
    let is_link =
        || statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
    match error {
        Errno::LOOP => Missing::BrokenLink,
        Errno::NOENT | Errno::NOTDIR if is_link() => Missing::BrokenLink,
        Errno::NOENT | Errno::NOTDIR => Missing::Gone,
        _ => Missing::Failed,
    }
}

/// What a file is recognised by.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion, reason = "the fields' types differ between architectures")]
pub fn stamp(stat: &Stat) -> Stamp {
    let nanoseconds = |seconds: i64, nanoseconds: u64| seconds.saturating_mul(1_000_000_000).saturating_add_unsigned(nanoseconds);
    Stamp {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        size: stat.st_size as u64,
        modified: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        changed: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
    }
}

/// A configured path that does not exist.
pub fn not_found(path: &str) -> Failure {
    Failure::new(Stage::Read, Reason::NotFound, format!("{path} does not exist"))
}

/// A link that leads nowhere.
pub fn broken_link(path: &str) -> Failure {
    Failure::new(Stage::Read, Reason::BrokenSymlink, format!("{path} is a symbolic link that leads nowhere"))
}

/// What the system said of a file.
pub fn read_failure(error: Errno) -> Failure {
    Failure::new(Stage::Read, reason(error, Reason::ReadFailed), std::io::Error::from(error))
}

/// What the system said of a folder.
pub fn folder_failure(error: Errno) -> Failure {
    Failure::new(Stage::Read, reason(error, Reason::WalkError), std::io::Error::from(error))
}

fn reason(error: Errno, other: Reason) -> Reason {
    match error {
        Errno::ACCESS | Errno::PERM => Reason::PermissionDenied,
        Errno::NOENT | Errno::NOTDIR => Reason::NotFound,
        Errno::LOOP => Reason::BrokenSymlink,
        _ => other,
    }
}

/// What a thing that is no file is called.
pub fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a folder",
        FileType::Socket => "a socket",
        FileType::Fifo => "a FIFO",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    }
}
