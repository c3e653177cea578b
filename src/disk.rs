//! A folder on disk that one process at a time writes to: made private, locked, its files replaced whole.
//!
//! May touch: the file system. Must not: know what the files hold.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a folder cannot be used, or a file in it not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The operating system's word.
    #[error("{path}: {error}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Its error.
        error: io::Error,
    },
    /// Another process holds the lock.
    #[error("{0}: another process uses this folder")]
    Locked(PathBuf),
}

/// How often a held lock is tried again, and after how long.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// A folder that this process alone writes to. Dropping it gives the lock back.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder, making it (mode 0700) where it is missing.
    ///
    /// # Errors
    /// It cannot be made or written, or another process has it.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&lock_path).map_err(at(&lock_path))?;
        let mut tries = 0;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                // A child that is just being started (a credentials plugin) holds what its parent has held until it runs.
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(DiskError::Locked(path.to_owned())),
                Err(TryLockError::Error(error)) => return Err(DiskError::Io { path: lock_path, error }),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new file in the folder, for this user alone; one that an earlier process left under that name is emptied.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(&self, name: &str) -> Result<File, DiskError> {
        let path = self.path.join(name);
        OpenOptions::new().create(true).read(true).write(true).truncate(true).mode(0o600).open(&path).map_err(at(&path))
    }

    /// Gives a written file its name, for good: synced, renamed over what had the name, and the folder synced.
    ///
    /// # Errors
    /// The file system's. What had the name before stays.
    pub fn publish(&self, file: &File, from: &str, to: &str) -> Result<(), DiskError> {
        let path = self.path.join(from);
        file.sync_all().map_err(at(&path))?;
        std::fs::rename(&path, self.path.join(to)).map_err(at(&path))?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(at(&self.path))
    }

    /// Replaces a file: `write` fills a new one (`<name>.new`), which then takes the name.
    ///
    /// # Errors
    /// The file system's, or `write`'s. The old file stays.
    pub fn replace(&self, name: &str, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> Result<File, DiskError> {
        let fresh = format!("{name}.new");
        let file = self.create(&fresh)?;
        let mut buffered = BufWriter::new(&file);
        write(&mut buffered).and_then(|()| buffered.flush()).map_err(at(&self.path.join(&fresh)))?;
        drop(buffered);
        self.publish(&file, &fresh, name)?;
        Ok(file)
    }
}

/// Says where an error happened.
pub fn at(path: &Path) -> impl Fn(io::Error) -> DiskError {
    move |error| DiskError::Io { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_process_is_refused_and_the_folder_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = Folder::open(&path).unwrap();
        assert!(matches!(Folder::open(&path), Err(DiskError::Locked(_))));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(first);
        Folder::open(&path).unwrap();
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let read = || {
            let mut text = String::new();
            File::open(temporary.path().join("x")).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        folder.replace("x", |out| out.write_all(b"old")).unwrap();
        assert!(folder.replace("x", |out| out.write_all(b"ne").and(Err(io::Error::other("full")))).is_err());
        assert_eq!(read(), "old");
        folder.replace("x", |out| out.write_all(b"new")).unwrap();
        assert_eq!(read(), "new");
        assert_eq!(temporary.path().join("x").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
