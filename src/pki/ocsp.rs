//! OCSP (RFC 6960, 5019, 9654): the request, the response, and what it says about one certificate.
//!
//! May touch: `model`, pure. Only what was signed is believed: everything is read from the raw bytes that the signature covers, hashes are
//! recomputed, and the signer must be the issuer's key or its explicit delegate.

mod delegate;
mod request;
mod response;
mod verdict;

pub use delegate::{Delegate, DelegateCache};
pub use request::{CertId, get_path, get_url, request};
pub use response::{OcspError, ResponderStatus, Response, facts, read};
pub use verdict::{Answered, Question, Signer, answer};

#[cfg(test)]
mod peer_tests;
#[cfg(test)]
mod tests;
