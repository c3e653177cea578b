//! A client certificate with its key, ready to sign.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// A certificate chain and the key of its leaf.
pub struct ClientIdentity {
    pub(in crate::net) certified: Arc<CertifiedKey>,
    own: Arc<[Vec<u8>]>,
}

impl ClientIdentity {
    /// Finds the certificate that one of the keys belongs to and puts it first; the others follow in their order.
    ///
    /// # Errors
    /// No key fits any certificate, or none is of a kind that can sign here; in words.
    pub fn new(certificates: &[Vec<u8>], keys: Vec<PrivateKeyDer<'static>>) -> Result<Self, String> {
        let mut why = "the key does not belong to the certificate".to_owned();
        for key in keys {
            let key = match rustls::crypto::aws_lc_rs::sign::any_supported_type(&key) {
                Ok(key) => key,
                Err(error) => {
                    why = format!("the key cannot be used: {error}");
                    continue;
                }
            };
            for leaf in 0..certificates.len() {
                let mut own = certificates.to_vec();
                own.get_mut(..=leaf).unwrap_or_default().rotate_right(1);
                let chain = own.iter().map(|der| CertificateDer::from(der.clone())).collect();
                let certified = CertifiedKey::new(chain, key.clone());
                match certified.keys_match() {
                    Ok(()) => return Ok(Self { certified: Arc::new(certified), own: own.into() }),
                    Err(rustls::Error::InconsistentKeys(_)) => {}
                    Err(error) => why = format!("the certificate cannot be used: {error}"),
                }
            }
        }
        Err(why)
    }

    /// The chain, DER, leaf first.
    pub fn chain(&self) -> Arc<[Vec<u8>]> {
        self.own.clone()
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientIdentity of {} certificates", self.own.len())
    }
}
