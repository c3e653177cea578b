//! Who stands above a certificate, over all sources: the answer as a tree.

use super::Relate;
use crate::model::CertificateFacts;
use crate::model::relations::{Above, Top};

/// Certificates on one way that are told.
const DEPTH: usize = 10;
/// CA certificates of one authority that are told: it may have been renewed and cross-signed often.
const OF_ONE: usize = 8;
/// Certificates in all that are told.
const IN_ALL: usize = 64;

impl Relate {
    /// See [`TrustQueries::above`](crate::model::TrustQueries::above).
    pub fn above(&self, certificate: &[u8; 32]) -> Option<Above> {
        let number = self.certificates.number(certificate)?;
        self.with_those_above(number, &mut Vec::new(), &mut 0)
    }

    /// `way` is of the authorities that were passed: cross-signs may go round in a circle.
    fn with_those_above(&self, number: u32, way: &mut Vec<u32>, told: &mut usize) -> Option<Above> {
        let known = self.certificates.get(number)?;
        let facts = self.certificates.facts(number, &self.nodes)?;
        *told += 1;
        let at = known.issuer.filter(|at| !way.contains(at));
        let authority = at.and_then(|at| self.trust.all.get(at as usize));
        let mut issuers: Vec<(u32, &CertificateFacts)> = authority
            .into_iter()
            .flat_map(|authority| &authority.certificates)
            .filter_map(|number| Some((*number, self.certificates.facts(*number, &self.nodes)?)))
            .collect();
        issuers.sort_by_key(|(_, facts)| (std::cmp::Reverse(facts.not_after), facts.fingerprint));
        let top = match (authority, known.issuer) {
            (Some(authority), _) if !authority.certificates.is_empty() => None,
            (Some(authority), _) if authority.anchor => Some(Top::Anchor),
            (None, Some(_)) => Some(Top::Circle),
            _ if facts.lookup.is_none() && facts.authority.is_some() => Some(Top::Root),
            _ => Some(Top::Unknown),
        };
        way.extend(at);
        let mut left_out = issuers.len().saturating_sub(OF_ONE);
        let mut told_issuers = Vec::new();
        for (issuer, _) in issuers.into_iter().take(OF_ONE) {
            if *told >= IN_ALL || way.len() >= DEPTH {
                left_out += 1;
                continue;
            }
            told_issuers.extend(self.with_those_above(issuer, way, told));
        }
        at.iter().for_each(|_| _ = way.pop());
        Some(Above {
            fingerprint: facts.fingerprint,
            subject: facts.subject.clone(),
            issuer: facts.issuer.clone(),
            role: facts.role,
            not_after: facts.not_after,
            places: known.places.len() as u64,
            proved: known.checked,
            top,
            issuers: told_issuers,
            left_out: left_out as u64,
        })
    }
}
