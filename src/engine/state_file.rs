//! The last-known facts on disk, so that a restart resolves no alert: `state_dir/state`, and a lock beside it.
//!
//! The file is disposable: one that cannot be read, or that another build of this program wrote, is left aside. It holds what
//! `/metrics` and the API show, and no key material. Format: a header line, then records of postcard behind their length,
//! then the CRC-32 of everything before it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::store::Snapshot;
use crate::disk::{self, DiskError, Folder};
use crate::model::{
    CertRole, Finding, Method, Reason, RevocationMethod, RevocationReason, RevocationStatus, RevokedFor, SourceId, SourceKind, Stage,
    TargetState,
};

/// Grows when the layout of a record changes.
const LAYOUT: u32 = 8;
/// No record is larger; what claims to be is damage.
const RECORD_MAX: u32 = 256 << 20;

/// Why there is no state, or it cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The folder or a file in it cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Not a state file of this build, or damaged.
    #[error("{0}: {1}")]
    Unusable(PathBuf, String),
}

/// A state folder that this process alone writes to. Dropping it gives the lock back.
#[derive(Debug)]
pub struct StateDir {
    folder: Folder,
}

/// One record of the file.
#[derive(Serialize, Deserialize)]
enum Record<T> {
    Source(SourceId),
    Target(T),
    End,
}

impl StateDir {
    /// Takes the folder, making it (mode 0700) where it is missing.
    ///
    /// # Errors
    /// It cannot be made or written, or another process has it.
    pub fn open(dir: &Path) -> Result<Self, StateError> {
        Ok(Self { folder: Folder::open(dir)? })
    }

    /// What an earlier process knew; empty when there was none.
    ///
    /// # Errors
    /// The file is damaged or of another build. Nothing of it is used then.
    pub fn load(&self) -> Result<HashMap<SourceId, Vec<TargetState>>, StateError> {
        let path = self.folder.path().join("state");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
            Err(error) => return Err(disk::at(&path)(error).into()),
        };
        read(BufReader::new(file)).map_err(|why| StateError::Unusable(path, why))
    }

    /// Writes the snapshot: to a new file, synced, then renamed over the old one.
    ///
    /// # Errors
    /// The file system's. The old file stays.
    pub fn save(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        self.folder.replace("state", |out| write(out, snapshot))?;
        Ok(())
    }
}

/// The first line. Another build may number its enums otherwise, so every vocabulary is part of it.
fn header() -> String {
    let mut words = crc32fast::Hasher::new();
    let mut add = |word: &str| {
        words.update(word.as_bytes());
        words.update(b"\n");
    };
    Stage::ALL.iter().for_each(|word| add(word.as_str()));
    Reason::ALL.iter().for_each(|word| add(word.as_str()));
    Finding::ALL.iter().for_each(|word| add(word.as_str()));
    CertRole::ALL.iter().for_each(|word| add(word.as_str()));
    Method::ALL.iter().for_each(|word| add(word.as_str()));
    RevocationStatus::ALL.iter().for_each(|word| add(word.as_str()));
    RevocationReason::ALL.iter().for_each(|word| add(word.as_str()));
    RevocationMethod::ALL.iter().for_each(|word| add(word.as_str()));
    RevokedFor::ALL.iter().for_each(|word| add(word.as_str()));
    SourceKind::ALL.iter().for_each(|word| add(word.as_str()));
    format!("notafter state, layout {LAYOUT}, version {}, words {:08x}\n", env!("CARGO_PKG_VERSION"), words.finalize())
}

/// What these records come to behind the header of this build and before the checksum that fits them: for fuzzing, which finds neither. Whatever
/// is read is written again, and reads back to the same.
///
/// # Errors
/// What is damaged about them.
#[doc(hidden)]
pub fn replay(records: &[u8]) -> Result<HashMap<SourceId, Vec<TargetState>>, String> {
    let mut bytes = header().into_bytes();
    bytes.extend(records);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    read(&*bytes)
}

/// The records of these targets, as [`replay`] reads them.
///
/// # Errors
/// One is larger than a record can be.
#[doc(hidden)]
pub fn records<'t>(sources: impl IntoIterator<Item = (&'t SourceId, &'t [TargetState])>) -> io::Result<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), Vec::new());
    for (id, targets) in sources {
        record(&mut bytes, &mut buffer, &Record::<&TargetState>::Source(id.clone()))?;
        for target in targets {
            record(&mut bytes, &mut buffer, &Record::Target(target))?;
        }
    }
    record(&mut bytes, &mut buffer, &Record::<&TargetState>::End)?;
    Ok(bytes)
}

fn write(out: impl Write, snapshot: &Snapshot) -> io::Result<()> {
    let mut out = Checked { inner: out, crc: crc32fast::Hasher::new() };
    out.write_all(header().as_bytes())?;
    let mut buffer = Vec::new();
    for (id, source) in &snapshot.sources {
        record(&mut out, &mut buffer, &Record::<&TargetState>::Source(id.clone()))?;
        for target in source.targets() {
            record(&mut out, &mut buffer, &Record::Target(&**target))?;
        }
    }
    record(&mut out, &mut buffer, &Record::<&TargetState>::End)?;
    let crc = out.crc.clone().finalize();
    out.inner.write_all(&crc.to_le_bytes())?;
    out.inner.flush()
}

fn record(out: &mut impl Write, buffer: &mut Vec<u8>, record: &Record<&TargetState>) -> io::Result<()> {
    buffer.clear();
    let bytes = postcard::to_extend(record, std::mem::take(buffer)).map_err(io::Error::other)?;
    out.write_all(&u32::try_from(bytes.len()).map_err(io::Error::other)?.to_le_bytes())?;
    out.write_all(&bytes)?;
    *buffer = bytes;
    Ok(())
}

fn read(input: impl Read) -> Result<HashMap<SourceId, Vec<TargetState>>, String> {
    let mut input = Checked { inner: input, crc: crc32fast::Hasher::new() };
    let (expected, mut found) = (header(), vec![0; header().len()]);
    input.read_exact(&mut found).map_err(|error| error.to_string())?;
    if found != expected.as_bytes() {
        return Err("written by another build of this program".to_owned());
    }
    let mut sources: HashMap<SourceId, Vec<TargetState>> = HashMap::new();
    let mut current = None;
    let mut buffer = Vec::new();
    loop {
        let mut length = [0; 4];
        input.read_exact(&mut length).map_err(|error| error.to_string())?;
        let length = u32::from_le_bytes(length);
        if length > RECORD_MAX {
            return Err("damaged: a record is too long".to_owned());
        }
        buffer.clear();
        // Read as it comes: a damaged length must not allocate what the file does not have.
        let read = (&mut input).take(length.into()).read_to_end_bounded(&mut buffer).map_err(|error| error.to_string())?;
        if read as u64 != u64::from(length) {
            return Err("damaged: it ends early".to_owned());
        }
        match postcard::from_bytes(&buffer).map_err(|error| format!("damaged: {error}"))? {
            Record::Source(id) => current = Some(id),
            Record::Target(target) => {
                let id = current.clone().ok_or("damaged: a target without a source")?;
                sources.entry(id).or_default().push(target);
            }
            Record::End => break,
        }
    }
    let computed = input.crc.clone().finalize();
    let mut stored = [0; 4];
    input.inner.read_exact(&mut stored).map_err(|error| error.to_string())?;
    if u32::from_le_bytes(stored) != computed {
        return Err("damaged: its checksum is wrong".to_owned());
    }
    Ok(sources)
}

/// Sums up what passes.
struct Checked<T> {
    inner: T,
    crc: crc32fast::Hasher,
}

impl<T: Write> Write for Checked<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Checked<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.crc.update(&bytes[..read]);
        Ok(read)
    }
}

/// `read_to_end` on a reader that is limited already.
trait ReadBounded: Read {
    #[expect(clippy::disallowed_methods, reason = "implemented for Take alone, which is the bound")]
    fn read_to_end_bounded(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        self.read_to_end(buffer)
    }
}

impl<T: Read> ReadBounded for io::Take<T> {}

#[cfg(test)]
mod tests;
