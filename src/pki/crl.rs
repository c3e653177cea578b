//! Certificate revocation lists (RFC 5280 section 5): read in one pass over their bytes as they arrive, and judged (section 6.3.3).
//!
//! May touch: `model`. [`Scanner`] needs the same memory for a list of any size and allocates nothing per entry; what it finds is worth
//! nothing before [`authorities_check`] says who signed it. Version 1 lists and lists without nextUpdate are legal (section 5.1.2).

mod answer;
mod entry;
mod head;
mod list;
mod points;
mod scan;
mod signer;
mod sniff;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod watched;

pub use answer::{Checked, answer, applies};
pub use list::{CrlList, Entry, Scope};
pub use scan::{Limits, Scanned, Scanner};
pub use signer::{Signer, authorities_check};
pub use sniff::{NotDer, sniff};
pub use watched::{Nothing, Serials, Watched, normalised};

use super::der::Malformed;
use crate::model::{CrlFacts, RevocationReason};

/// Why a list cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// A part of it.
    #[error("not a certificate revocation list: {part}: {error}")]
    Part {
        /// Which.
        part: &'static str,
        /// Why.
        error: Malformed,
    },
    /// A version that does not exist.
    #[error("not a certificate revocation list: version {0}")]
    Version(u64),
    /// No DER at all.
    #[error("not a certificate revocation list: {0}")]
    NotDer(NotDer),
    /// A part of it is larger than anything sensible.
    #[error("{part} of more than {limit} bytes")]
    TooLarge {
        /// Which.
        part: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// It revokes more of what is watched than there can be.
    #[error("more than {limit} entries about watched serial numbers")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl CrlError {
    /// The closed word for it.
    pub fn reason(&self) -> RevocationReason {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => RevocationReason::TooLarge,
            Self::Part { .. } | Self::Version(_) | Self::NotDer(_) => RevocationReason::Malformed,
        }
    }
}

/// Reads one list (RFC 5280 section 5.1). Its signature is not checked.
///
/// # Errors
/// See [`CrlError`]. A list that is cut off anywhere is an error; what its extensions mean is not judged.
pub fn read(der: &[u8]) -> Result<CrlFacts, CrlError> {
    let mut scanner = Scanner::new(&Nothing, Limits { signature: false, ..Limits::default() });
    scanner.feed(der)?;
    Ok(scanner.finish()?.facts)
}

fn in_part(part: &'static str) -> impl Fn(Malformed) -> CrlError {
    move |error| CrlError::Part { part, error }
}
