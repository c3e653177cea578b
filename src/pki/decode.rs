//! The one way from material to facts.

use std::collections::HashSet;

use super::certificate::{self, CertificateError};
use super::container::{self, note};
use super::ocsp::OcspError;
use super::{chain, crl, ocsp};
use crate::model::{CertRole, Facts, Handshake, Limits, Material, Reason, Secret, UnixTime};

/// Reads material. Never fails as a whole: what cannot be read stands in [`Facts::problems`].
///
/// `now` is used only to choose a path to a trust anchor that is valid today where there are several.
pub fn decode(material: &Material, limits: &Limits, now: UnixTime) -> Facts {
    match material {
        Material::Blob { bytes, passphrases } => blob(bytes, passphrases, limits),
        Material::ClientCertificate { bytes, passphrases } => {
            let mut facts = blob(bytes, passphrases, limits);
            // Those behind it are CAs, whose extended key usage is another matter.
            facts.certificates.iter_mut().for_each(|facts| facts.shown_to_servers = facts.role == CertRole::Leaf);
            facts
        }
        Material::Handshake(shown) => handshake(shown, limits, now),
    }
}

fn blob(bytes: &[u8], passphrases: &[Secret], limits: &Limits) -> Facts {
    let contents = container::open(bytes, passphrases, limits);
    let mut facts = Facts { problems: contents.problems, ..Facts::default() };
    let mut seen = HashSet::new();
    let several = contents.certificates.len() + contents.crls.len() + contents.responses.len() > 1;
    facts.certificates.reserve_exact(contents.certificates.len());
    for der in &contents.certificates {
        match certificate::read(der, limits) {
            Ok(read) if !several || seen.insert(read.facts.fingerprint) => facts.certificates.push(read.facts),
            Ok(_) => {}
            Err(error) => note(&mut facts.problems, reason(&error), error.to_string()),
        }
    }
    for der in &contents.crls {
        match crl::read(der) {
            Ok(list) if !several || seen.insert(list.fingerprint) => facts.crls.push(list),
            Ok(_) => {}
            Err(error) => note(&mut facts.problems, Reason::BadCrl, error.to_string()),
        }
    }
    for der in &contents.responses {
        match ocsp::facts(der) {
            Ok(response) if !several || seen.insert(response.fingerprint) => facts.responses.push(response),
            Ok(_) => {}
            Err(error @ OcspError::TooLarge(_)) => note(&mut facts.problems, Reason::TooLarge, error.to_string()),
            Err(error) => note(&mut facts.problems, Reason::BadDer, error.to_string()),
        }
    }
    facts
}

fn handshake(shown: &Handshake, limits: &Limits, now: UnixTime) -> Facts {
    let mut facts = Facts::default();
    let mut chain = Vec::with_capacity(shown.chain.len().min(limits.items));
    for (position, der) in shown.chain.iter().enumerate() {
        if position == limits.items {
            note(&mut facts.problems, Reason::TooLarge, format!("more than {} certificates sent", limits.items));
            break;
        }
        let read = certificate::read(der, limits)
            .map_err(|error| note(&mut facts.problems, reason(&error), format!("certificate {} of the chain: {error}", position + 1)));
        chain.push(read.ok());
    }
    facts.endpoint = Some(Box::new(chain::judge(shown, &chain, now)));
    let mut seen = HashSet::new();
    facts.certificates = chain.into_iter().flatten().map(|read| read.facts).filter(|facts| seen.insert(facts.fingerprint)).collect();
    facts
}

fn reason(error: &CertificateError) -> Reason {
    match error {
        CertificateError::TooLarge { .. } => Reason::TooLarge,
        _ => Reason::BadDer,
    }
}

#[cfg(test)]
mod tests;
