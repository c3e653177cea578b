//! What is given: files, as bytes.
//!
//! May touch: `model`.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::pool::{Anchor, Member, Pool};
use crate::model::Limits;
use crate::pki::container;

/// A file with CRLs or OCSP responses.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name, for people.
    pub name: Arc<str>,
    /// What it holds; `None`: it cannot be read.
    pub bytes: Option<Vec<u8>>,
}

/// All that the verdict is made of. Each file is PEM or DER (or another container that is known) and may hold several things.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The file whose first certificate is judged; the others may be its issuers.
    pub target: Vec<u8>,
    /// Certificates that may stand in the path, or sign CRLs.
    pub chain: Vec<Vec<u8>>,
    /// Certificates that are trusted.
    pub anchors: Vec<Vec<u8>>,
    /// Files with CRLs.
    pub crls: Vec<File>,
    /// Files with OCSP responses.
    pub responses: Vec<File>,
}

/// What cannot be read, so that there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The target.
    #[error("target: {0}")]
    Target(String),
    /// A file of the chain.
    #[error("chain file {}: {detail}", index + 1)]
    Chain {
        /// Which, counted from 0.
        index: usize,
        /// Why.
        detail: String,
    },
    /// A file of anchors.
    #[error("anchor file {}: {detail}", index + 1)]
    Anchor {
        /// Which, counted from 0.
        index: usize,
        /// Why.
        detail: String,
    },
}

/// The target, and all certificates that are at hand.
pub(super) fn pool(given: &Given) -> Result<(Member, Pool), Unreadable> {
    let mut found = certificates(&given.target).map_err(Unreadable::Target)?.into_iter();
    let target = Member::read(found.next().unwrap_or_default()).map_err(Unreadable::Target)?;
    let mut pool = Pool::default();
    for (index, bytes) in given.anchors.iter().enumerate() {
        let unreadable = |detail| Unreadable::Anchor { index, detail };
        let (mut first_error, before) = (None, pool.anchors.len());
        for der in certificates(bytes).map_err(unreadable)? {
            match anchor(der) {
                Ok((anchor, member)) => pool.trust(anchor, member),
                Err(error) => _ = first_error.get_or_insert(error),
            }
        }
        if let Some(error) = first_error.filter(|_| pool.anchors.len() == before) {
            return Err(unreadable(error));
        }
    }
    for (index, bytes) in given.chain.iter().enumerate() {
        let unreadable = |detail| Unreadable::Chain { index, detail };
        let read = certificates(bytes).map_err(unreadable)?.into_iter().map(Member::read).collect::<Vec<_>>();
        // One that cannot be read may be one that is not needed.
        if let [Err(error), rest @ ..] = &read[..]
            && rest.iter().all(Result::is_err)
        {
            return Err(unreadable(error.clone()));
        }
        read.into_iter().flatten().for_each(|member| pool.add(member));
    }
    found.filter_map(|der| Member::read(der).ok()).for_each(|member| pool.add(member));
    Ok((target, pool))
}

fn certificates(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let contents = container::open(bytes, &[], &Limits::default());
    if contents.certificates.is_empty() {
        return Err(contents.problems.into_iter().next().map_or_else(|| "no certificate".to_owned(), |problem| problem.detail));
    }
    Ok(contents.certificates)
}

fn anchor(der: Vec<u8>) -> Result<(Anchor, Member), String> {
    let trusted = webpki::anchor_from_trusted_cert(&CertificateDer::from(der.as_slice())).map(|anchor| anchor.to_owned());
    let trusted = trusted.map_err(|error| format!("no trust anchor: {error}"))?;
    Ok((Anchor::new(trusted), Member::read(der)?))
}
