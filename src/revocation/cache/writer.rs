//! The log as a file that grows: what was appended is whole and synced, or not there.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::CacheError;
use super::log;
use crate::disk::{self, Folder};

/// The file's name.
pub(super) const LOG: &str = "log";

/// The log of the one process that writes.
#[derive(Debug)]
pub(super) struct Writer {
    folder: Arc<Folder>,
    file: Arc<File>,
    length: u64,
    /// What stands behind `length` is unknown: only a rewrite helps.
    is_broken: bool,
}

impl Writer {
    /// A log of `file`, all of whose bytes are understood; `None`: it must be rewritten before it is appended to.
    pub(super) fn new(folder: Arc<Folder>, file: Arc<File>, length: Option<u64>) -> Self {
        Self { folder, file, length: length.unwrap_or(0), is_broken: length.is_none() }
    }

    /// The file that spans point into.
    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// In bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether it must be rewritten first.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Appends and syncs; returns where.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<u64, CacheError> {
        let offset = self.length;
        match self.file.write_all_at(bytes, offset).and_then(|()| self.file.sync_data()) {
            Ok(()) => {
                self.length += bytes.len() as u64;
                Ok(offset)
            }
            Err(error) => {
                // A record that was refused must not be found by the next start.
                self.is_broken = self.file.set_len(offset).and_then(|()| self.file.sync_data()).is_err();
                Err(disk::at(&self.folder.path().join(LOG))(error).into())
            }
        }
    }

    /// Replaces the whole log by the frames that `next` yields.
    pub(super) fn rewrite(&mut self, next: &mut dyn FnMut() -> std::io::Result<Option<Vec<u8>>>) -> Result<(), CacheError> {
        let mut length = log::HEADER.len() as u64;
        let file = self.folder.replace(LOG, |out| {
            out.write_all(log::HEADER)?;
            while let Some(frames) = next()? {
                out.write_all(&frames)?;
                length += frames.len() as u64;
            }
            Ok(())
        })?;
        (self.file, self.length, self.is_broken) = (Arc::new(file), length, false);
        Ok(())
    }
}
