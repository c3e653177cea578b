//! Paths to CA certificates, which webpki does not judge: the basic rules of RFC 5280 section 6.1.
//!
//! May touch: `model`. Signatures, validity, basicConstraints, key usage, path length, extended key usage, critical extensions. Name constraints on
//! directory names are not evaluated: such a path is refused, rather than believed.

use super::pool::{Member, Pool, is_same};
use super::{PathError, Question, path};
use crate::model::{Limits, UnixTime};
use crate::pki::certificate;
use crate::pki::der::{self, Malformed, Reader};

/// CAs above one another.
const DEPTH: usize = 16;
/// Certificates that are looked at, over all paths.
const STEPS: usize = 1_000;

/// The CAs between the target and an anchor, of up to `most` paths.
///
/// # Errors
/// When there is no path: what was wrong with the one that came furthest.
pub(super) fn paths<'p>(target: &Member, pool: &'p Pool, question: &Question, most: usize) -> Result<Vec<Vec<&'p Member>>, PathError> {
    let mut search = Search { pool, question, most, steps: 0, found: Vec::new(), failure: None };
    if pool.is_anchor(&target.authority) {
        // What is trusted needs no path, only time.
        timely(target, question.now)?;
        return Ok(vec![Vec::new()]);
    }
    search.climb(target, &mut Vec::new(), 0);
    let Search { found, failure, .. } = search;
    if found.is_empty() { Err(failure.map_or(PathError::UnknownIssuer, |(_, error)| error)) } else { Ok(found) }
}

struct Search<'p, 'q> {
    pool: &'p Pool,
    question: &'q Question,
    most: usize,
    steps: usize,
    found: Vec<Vec<&'p Member>>,
    failure: Option<(usize, PathError)>,
}

impl<'p> Search<'p, '_> {
    /// `above`: the CAs so far; `counted`: how many of them count for a path length (RFC 5280 section 4.2.1.9: self-issued ones do not).
    fn climb(&mut self, member: &Member, above: &mut Vec<&'p Member>, counted: usize) {
        self.steps += 1;
        if self.steps > STEPS || above.len() > DEPTH || self.found.len() >= self.most {
            return self.fail(above.len(), PathError::TooComplex);
        }
        if let Err(error) = self.allowed(member, !above.is_empty()) {
            return self.fail(above.len() + 1, error);
        }
        let Some(lookup) = member.facts.lookup.as_deref() else { return self.fail(above.len(), PathError::UnknownIssuer) };
        let issuers = self.pool.issuers(lookup);
        if issuers.is_empty() {
            self.fail(above.len(), PathError::UnknownIssuer);
        }
        for issuer in issuers {
            if self.pool.is_anchor(&issuer) {
                self.found.push(above.clone());
                continue;
            }
            let pool = self.pool;
            for parent in pool.members.iter().filter(|parent| parent.is_ca() && is_same(&parent.authority, &issuer)) {
                if above.iter().any(|known| is_same(&known.authority, &issuer)) {
                    continue;
                }
                let Ok(limit) = path_length(parent) else {
                    self.fail(above.len() + 1, PathError::Malformed);
                    continue;
                };
                if limit.is_some_and(|limit| counted as u64 > limit) {
                    self.fail(above.len() + 1, PathError::PathLength);
                    continue;
                }
                above.push(parent);
                self.climb(parent, above, counted + usize::from(!parent.facts.self_issued));
                above.pop();
            }
        }
    }

    fn fail(&mut self, at: usize, error: PathError) {
        if self.failure.is_none_or(|(before, _)| at > before) {
            self.failure = Some((at, error));
        }
    }

    fn allowed(&self, member: &Member, is_issuer: bool) -> Result<(), PathError> {
        timely(member, self.question.now)?;
        if !path::serves(&member.facts, self.question.purpose) {
            return Err(PathError::WrongPurpose);
        }
        let limits = Limits::default();
        let read = certificate::read(&member.der, &limits).map_err(|_| PathError::Malformed)?;
        for extension in read.parsed.extensions() {
            match extension.oid.as_bytes() {
                [0x55, 0x1d, 0x1e] if is_issuer && constrains_directory_names(extension.value).unwrap_or(true) => {
                    return Err(PathError::NameConstraints);
                }
                // Identifiers of keys, usages, names, constraints, distribution points, access to information. Policies are not evaluated: who names
                // some is let through, who constrains or maps them critically is not.
                [0x55, 0x1d, 0x0e | 0x0f | 0x11..=0x13 | 0x1e..=0x20 | 0x23 | 0x25 | 0x2e] => {}
                b"\x2b\x06\x01\x05\x05\x07\x01\x01" | b"\x2b\x06\x01\x05\x05\x07\x01\x0b" => {}
                _ if extension.critical => return Err(PathError::CriticalExtension),
                _ => {}
            }
        }
        Ok(())
    }
}

fn timely(member: &Member, now: UnixTime) -> Result<(), PathError> {
    if now > member.facts.not_after {
        Err(PathError::Expired)
    } else if now < member.facts.not_before {
        Err(PathError::NotYetValid)
    } else {
        Ok(())
    }
}

/// pathLenConstraint (RFC 5280 section 4.2.1.9).
fn path_length(member: &Member) -> Result<Option<u64>, Malformed> {
    let limits = Limits::default();
    let Ok(read) = certificate::read(&member.der, &limits) else { return Ok(None) };
    let constraints = read.parsed.extensions().iter().find(|extension| extension.oid.as_bytes() == [0x55, 0x1d, 0x13]);
    let Some(constraints) = constraints else { return Ok(None) };
    let mut fields = Reader::new(Reader::new(constraints.value).expect(der::SEQUENCE)?);
    fields.optional(0x01)?;
    fields.optional(der::INTEGER)?.map(der::unsigned).transpose()
}

/// Whether any subtree is of directory names (RFC 5280 section 4.2.1.10). A CA certificate has no other name that matters.
fn constrains_directory_names(value: &[u8]) -> Result<bool, Malformed> {
    let mut constraints = Reader::new(Reader::new(value).expect(der::SEQUENCE)?);
    while !constraints.is_empty() {
        let mut subtrees = Reader::new(constraints.next()?.contents);
        while !subtrees.is_empty() {
            if Reader::new(subtrees.expect(der::SEQUENCE)?).peek() == Some(0xa4) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
