//! What was fetched, kept over restarts: lists as files, OCSP answers and issuers' certificates in one log.
//!
//! ```text
//! cache_dir/lock                    held by the one process that writes
//! cache_dir/log                     header, then records behind length and CRC-32; appended to, rewritten when half of it is dead
//! cache_dir/crl-000000000000002a    the body that a record in the log names; it never changes under that name
//! cache_dir/….new                   being written; removed at the next start
//! ```
//! A body is synced and has its name before the record that names it is appended and synced, and its predecessor goes after that. So there
//! is no byte at which being killed loses what an earlier call had kept. What is read back is not trusted: damage is told by CRC, and whoever
//! uses it checks the signatures again.
//!
//! A second process reads what is there and keeps its own in memory; so does a process without a usable folder. All calls block on
//! the file system: asynchronous callers make them on threads of their own.

mod body;
pub mod log;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{DiskError, Folder};
use crate::model::UnixTime;
use crate::net::Validators;
pub use body::{CrlBody, Incoming};
pub use log::{Document, DocumentKind};
use store::Store;

/// Which document: a digest of what it answers, made by whoever asks.
pub type DocumentKey = [u8; 32];

/// How much is kept, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// On disk: bodies and live records. A rewrite of the log, its dead part and what is arriving come on top for a while.
    pub disk: u64,
    /// In memory, for what cannot go to disk.
    pub memory: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { disk: 1 << 30, memory: 128 << 20 }
    }
}

/// Where a cache keeps things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// On disk; this process writes.
    Disk,
    /// It reads what another process wrote; its own is in memory.
    ReadOnly,
    /// In memory alone.
    Memory,
}

/// Why something was not kept or cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The file system's word.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Everything in it is in use, and there is no room.
    #[error("the cache is full: {limit} bytes, all in use")]
    Full {
        /// The limit that was reached.
        limit: u64,
    },
}

/// A list at hand; [`Cache::crl_body`] opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlCopy {
    /// Where it is from, as certificates have it.
    pub url: Arc<str>,
    /// For the next conditional request.
    pub validators: Validators,
    /// When it was fetched, or last confirmed.
    pub fetched_at: UnixTime,
    /// Until when HTTP calls it fresh.
    pub fresh_until: Option<UnixTime>,
    /// In bytes.
    pub size: u64,
}

/// The cache. Threads share it.
#[derive(Debug)]
pub struct Cache {
    home: Home,
    notice: Option<String>,
    folder: Option<Arc<Folder>>,
    limits: CacheLimits,
    store: Mutex<Store>,
}

impl Cache {
    /// Opens a folder, making it where it is missing. What cannot be used is not: see [`Cache::notice`].
    pub fn open(path: Option<&Path>, limits: CacheLimits) -> Self {
        let Some(path) = path else { return Self::memory(limits) };
        match Folder::open(path) {
            Ok(folder) => {
                let folder = Arc::new(folder);
                match Store::own(&folder, limits.disk) {
                    Ok((store, notice)) => Self { home: Home::Disk, notice, folder: Some(folder), limits, store: Mutex::new(store) },
                    Err(error) => Self::beside(path, limits, &error.to_string()),
                }
            }
            Err(error) => Self::beside(path, limits, &error.to_string()),
        }
    }

    /// Keeps everything in memory.
    pub fn memory(limits: CacheLimits) -> Self {
        Self { home: Home::Memory, notice: None, folder: None, limits, store: Mutex::new(Store::empty(limits.memory)) }
    }

    fn beside(path: &Path, limits: CacheLimits, why: &str) -> Self {
        match Store::read_only(path, limits.memory) {
            Some(store) => {
                let notice = format!("{why}; what is cached there is read, and nothing is written");
                Self { home: Home::ReadOnly, notice: Some(notice), folder: None, limits, store: Mutex::new(store) }
            }
            None => Self { notice: Some(format!("{why}; what is fetched will not outlast this process")), ..Self::memory(limits) },
        }
    }

    /// Where things are kept.
    pub fn home(&self) -> Home {
        self.home
    }

    /// What the user should know about how it was opened.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// Bytes in use: bodies and live records.
    pub fn bytes(&self) -> u64 {
        self.store().bytes()
    }

    /// A place for a list's body that is about to arrive. Dropping it forgets what came.
    pub fn incoming(&self) -> Incoming {
        match &self.folder {
            Some(folder) => {
                let id = self.store().new_id();
                Incoming::on_disk(folder.clone(), id)
            }
            None => Incoming::in_memory(self.limits.memory),
        }
    }

    /// Keeps a list that arrived as the newest of its URL; when this returns, it outlasts being killed.
    ///
    /// # Errors
    /// No room, or the file system's. The URL's older list stays.
    pub fn keep_crl(
        &self,
        incoming: Incoming,
        url: &str,
        validators: Validators,
        fetched_at: UnixTime,
        fresh_until: Option<UnixTime>,
    ) -> Result<(), CacheError> {
        let (size, body) = incoming.publish()?;
        let copy = CrlCopy { url: url.into(), validators, fetched_at, fresh_until, size };
        self.store().keep_crl(copy, body)
    }

    /// Notes that a URL's list was confirmed as the newest (HTTP 304). Validators that the server did not repeat stay as they are. `false`: there is
    /// no such list.
    ///
    /// # Errors
    /// The file system's. What was known stays.
    pub fn confirm_crl(
        &self,
        url: &str,
        validators: &Validators,
        fetched_at: UnixTime,
        fresh_until: Option<UnixTime>,
    ) -> Result<bool, CacheError> {
        self.store().confirm_crl(url, validators, fetched_at, fresh_until)
    }

    /// The list of a URL, and marks it as in use.
    pub fn crl(&self, url: &str) -> Option<CrlCopy> {
        self.store().crl(url)
    }

    /// All lists, by URL.
    pub fn crls(&self) -> Vec<CrlCopy> {
        self.store().crls()
    }

    /// Opens the list of a URL. `None`: there is none (any more).
    ///
    /// # Errors
    /// The file system's.
    pub fn crl_body(&self, url: &str) -> Result<Option<CrlBody>, CacheError> {
        let Some(body) = self.store().body(url) else { return Ok(None) };
        body.open()
    }

    /// Drops the list of a URL: it turned out to be damaged.
    ///
    /// # Errors
    /// The file system's.
    pub fn forget_crl(&self, url: &str) -> Result<(), CacheError> {
        self.store().forget_crl(url)
    }

    /// Keeps documents, each as the newest of its key, all with one sync; when this returns, they outlast being killed.
    ///
    /// # Errors
    /// No room, or the file system's. None of them is kept then.
    pub fn keep_documents(&self, documents: &[Document<'_>]) -> Result<(), CacheError> {
        self.store().keep_documents(documents)
    }

    /// The document of a key, and marks it as in use.
    ///
    /// # Errors
    /// The file system's. A damaged document is none.
    pub fn document(&self, key: &DocumentKey) -> Result<Option<Document<'static>>, CacheError> {
        let Some(place) = self.store().place(key) else { return Ok(None) };
        place.read()
    }

    /// Shows all documents, in the order in which they lie on disk. Marks none.
    ///
    /// # Errors
    /// The file system's. Damaged documents are left out.
    pub fn documents(&self, visit: &mut dyn FnMut(Document<'static>)) -> Result<(), CacheError> {
        let places = self.store().places();
        for place in places {
            if let Some(document) = place.read()? {
                visit(document);
            }
        }
        Ok(())
    }

    /// Drops documents.
    ///
    /// # Errors
    /// The file system's.
    pub fn forget_documents(&self, keys: &[DocumentKey]) -> Result<(), CacheError> {
        self.store().forget_documents(keys)
    }

    /// Says what is in use; the rest may go when room is needed, oldest first. What is read or kept later counts as in use, too.
    pub fn mark(&self, crl: &dyn Fn(&str) -> bool, document: &dyn Fn(&DocumentKey) -> bool) {
        self.store().mark(crl, document);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
