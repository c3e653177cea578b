//! Containers: what a file's bytes hold, whatever its format.

use crate::model::{Limits, Problem, Secret};

/// What was found in a container. Private keys are never taken out of it.
#[derive(Debug, Default)]
pub struct Contents {
    /// DER certificates, in the order found.
    pub certificates: Vec<Vec<u8>>,
    /// DER certificate revocation lists, in the order found.
    pub crls: Vec<Vec<u8>>,
    /// Something known that is neither: a private key, DH parameters, a certificate request …
    pub other: bool,
    /// Parts that could not be read.
    pub problems: Vec<Problem>,
}

/// Opens PEM, DER, PKCS#7, PKCS#12 or JKS, whichever it is by its bytes.
pub fn open(bytes: &[u8], passphrases: &[Secret], limits: &Limits) -> Contents {
    let _ = (bytes, passphrases, limits);
    Contents::default()
}
