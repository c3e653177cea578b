//! Who signed a list (RFC 5280 section 6.3.3 (f) and (g)).
//!
//! May touch: `model`.

use std::sync::Arc;

use super::Scanned;
use crate::model::{Authority, RevocationReason};
use crate::pki::name;
use crate::pki::signature::{self, Check};

/// RFC 5280 section 4.2.1.3: bit 6.
const CRL_SIGN: u16 = 1 << 6;

/// Which candidate signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Its place among the candidates.
    pub index: usize,
    /// SHA-1, or RSA below 2048 bits.
    pub weak: bool,
}

/// Finds the candidate that signed the list. A CA that changes its key is there twice, under one name: the authority key identifier says
/// whom to try first, and nothing more. Whether the signer is to be believed for a certificate is not asked here.
///
/// # Errors
/// `issuer_unknown`: no candidate has the list's issuer's name. `wrong_issuer`: those that have may not sign lists. `unsupported_algorithm`: none could be checked.
/// `signature_invalid`: none of them signed it.
pub fn authorities_check(scanned: &Scanned, candidates: &[Arc<Authority>]) -> Result<Signer, RevocationReason> {
    let list = &scanned.list;
    let mut named: Vec<_> = candidates.iter().enumerate().filter(|(_, authority)| name::same(&authority.subject, &list.issuer)).collect();
    if named.is_empty() {
        return Err(RevocationReason::IssuerUnknown);
    }
    named.retain(|(_, authority)| authority.key_usage.is_none_or(|usage| usage & CRL_SIGN != 0));
    if named.is_empty() {
        return Err(RevocationReason::WrongIssuer);
    }
    named.sort_by_key(|(_, authority)| list.authority_key.is_none() || authority.key_id != list.authority_key);
    let mut outcome = RevocationReason::UnsupportedAlgorithm;
    for (index, authority) in named {
        match signature::check(&scanned.signed, &authority.key) {
            Check::Holds { weak } => return Ok(Signer { index, weak }),
            Check::Fails => outcome = RevocationReason::SignatureInvalid,
            Check::Unsupported => {}
        }
    }
    Err(outcome)
}
