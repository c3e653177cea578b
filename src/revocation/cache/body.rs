//! Bodies of lists: arriving, and read again.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::CacheError;
use crate::disk::{self, Folder};

/// A body that is arriving.
#[derive(Debug)]
pub struct Incoming {
    size: u64,
    crc: crc32fast::Hasher,
    to: To,
}

#[derive(Debug)]
enum To {
    Disk {
        file: BufWriter<File>,
        name: Temporary,
    },
    Memory {
        bytes: Vec<u8>,
        most: u64,
    },
    /// The disk did not take it: it passes by, and cannot be kept.
    Lost(CacheError),
}

/// A file's name until it has its final one; removed when dropped before.
#[derive(Debug)]
struct Temporary {
    folder: Arc<Folder>,
    id: u64,
    is_published: bool,
}

/// Where a body is.
#[derive(Clone, Debug)]
pub(super) enum Body {
    File { folder: PathBuf, id: u64, size: u64, crc: u32 },
    Memory(Arc<[u8]>),
}

/// A list's body, to be read once. Damage of what was kept is an error of kind `InvalidData` or `UnexpectedEof`, at the latest at the end.
#[derive(Debug)]
pub struct CrlBody {
    from: From,
    left: u64,
    /// Summed up so far, and what it must come to.
    crc: Option<(crc32fast::Hasher, u32)>,
}

#[derive(Debug)]
enum From {
    File(BufReader<File>),
    Memory(Cursor<Arc<[u8]>>),
}

/// The file of a body.
pub(super) fn file_name(id: u64) -> String {
    format!("crl-{id:016x}")
}

/// The number in a body's file name.
pub(super) fn id_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("crl-").filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

impl Incoming {
    /// A disk that is full or gone costs the copy alone: whoever reads along must not be stopped by it.
    pub(super) fn on_disk(folder: Arc<Folder>, id: u64) -> Self {
        let to = match folder.create(&temporary(id)) {
            Ok(file) => {
                let name = Temporary { folder, id, is_published: false };
                To::Disk { file: BufWriter::with_capacity(64 << 10, file), name }
            }
            Err(error) => To::Lost(error.into()),
        };
        Self { size: 0, crc: crc32fast::Hasher::new(), to }
    }

    pub(super) fn in_memory(most: u64) -> Self {
        Self { size: 0, crc: crc32fast::Hasher::new(), to: To::Memory { bytes: Vec::new(), most } }
    }

    /// Takes the next piece. An error of the file system is told when the body is to be kept.
    ///
    /// # Errors
    /// More than memory may hold.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), CacheError> {
        match &mut self.to {
            To::Disk { file, name } => {
                if let Err(error) = file.write_all(piece) {
                    let error = disk::at(&name.path())(error);
                    self.to = To::Lost(error.into());
                }
            }
            To::Lost(_) => {}
            To::Memory { bytes, most } => {
                if (bytes.len() + piece.len()) as u64 > *most {
                    return Err(CacheError::Full { limit: *most });
                }
                bytes.extend_from_slice(piece);
            }
        }
        self.size += piece.len() as u64;
        self.crc.update(piece);
        Ok(())
    }

    /// Gives it its final name, for good.
    pub(super) fn publish(self) -> Result<(u64, Body), CacheError> {
        let crc = self.crc.finalize();
        let body = match self.to {
            To::Memory { bytes, .. } => Body::Memory(bytes.into()),
            To::Lost(error) => return Err(error),
            To::Disk { file, mut name } => {
                let file = file.into_inner().map_err(|error| disk::at(&name.path())(error.into_error()))?;
                name.folder.publish(&file, &temporary(name.id), &file_name(name.id))?;
                name.is_published = true;
                Body::File { folder: name.folder.path().to_owned(), id: name.id, size: self.size, crc }
            }
        };
        Ok((self.size, body))
    }
}

fn temporary(id: u64) -> String {
    file_name(id) + ".new"
}

impl Temporary {
    fn path(&self) -> PathBuf {
        self.folder.path().join(temporary(self.id))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_published {
            // If it stays, the next start removes it.
            let _ = std::fs::remove_file(self.path());
        }
    }
}

impl Body {
    /// Whether its file is there, a plain one of the right size.
    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Memory(_) => true,
            Self::File { folder, id, size, .. } => is_plain(&folder.join(file_name(*id)), *size),
        }
    }

    /// Opens it; `None` when it is not there any more.
    pub(super) fn open(&self) -> Result<Option<CrlBody>, CacheError> {
        match self {
            Self::Memory(bytes) => {
                let left = bytes.len() as u64;
                Ok(Some(CrlBody { from: From::Memory(Cursor::new(bytes.clone())), left, crc: None }))
            }
            Self::File { folder, id, size, crc } => {
                let path = folder.join(file_name(*id));
                if !self.is_there() {
                    return Ok(None);
                }
                match File::open(&path) {
                    Ok(file) => {
                        let from = From::File(BufReader::with_capacity(64 << 10, file));
                        Ok(Some(CrlBody { from, left: *size, crc: Some((crc32fast::Hasher::new(), *crc)) }))
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(disk::at(&path)(error).into()),
                }
            }
        }
    }

    /// The number in its file's name.
    pub(super) fn id(&self) -> Option<u64> {
        match self {
            Self::File { id, .. } => Some(*id),
            Self::Memory(_) => None,
        }
    }

    /// Its number and CRC-32, for its record.
    pub(super) fn identity(&self) -> (u64, u32) {
        match self {
            Self::File { id, crc, .. } => (*id, *crc),
            Self::Memory(_) => (0, 0),
        }
    }

    /// Removes its file.
    pub(super) fn remove(&self) {
        if let Self::File { folder, id, .. } = self {
            // If it stays, the next start removes it.
            let _ = std::fs::remove_file(folder.join(file_name(*id)));
        }
    }
}

/// Nothing else is opened: a pipe of that name would make us wait for ever.
fn is_plain(path: &Path, size: u64) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == size)
}

impl Read for CrlBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..most];
        let read = match &mut self.from {
            From::File(file) => file.read(buffer)?,
            From::Memory(bytes) => bytes.read(buffer)?,
        };
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the cached file is shorter than it was"));
        }
        self.left -= read as u64;
        if let Some((crc, expected)) = &mut self.crc {
            crc.update(&buffer[..read]);
            if self.left == 0 && crc.clone().finalize() != *expected {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the cached file is damaged"));
            }
        }
        Ok(read)
    }
}
