//! What a response says about one certificate, once it is known who signed it.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY as SHA1, digest};

use super::super::signature::{Check, verify};
use super::super::{authority, name};
use super::delegate::{Delegate, DelegateCache, Known, Weak};
use super::request::hash;
use super::response::{ResponderId, Response, Single, Status};
use crate::model::revocation::Policy;
use crate::model::{Answer, Authority, Lookup, RevocationReason, Says, UnixTime};

/// What is asked of a response.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// About which certificate.
    pub lookup: &'a Lookup,
    /// Its issuer; that it is the issuer has been established ([`authority::issued`]).
    pub authority: &'a Authority,
    /// The nonce that was sent, if one was.
    pub nonce: Option<&'a [u8]>,
    /// Where the response comes from.
    pub from: &'a Arc<str>,
}

/// What an authentic response says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The answer. A stale revocation is still one, with its `until` in the past; `Err`: stale, not yet valid, unknown to the responder, a
    /// critical extension.
    pub answer: Result<Answer, RevocationReason>,
    /// thisUpdate of what is said about the certificate.
    pub this_update: UnixTime,
    /// nextUpdate of it.
    pub next_update: Option<UnixTime>,
    /// Who signed it.
    pub signer: Signer,
    /// A signature, of the response or of its signer's certificate, is weak: SHA-1, or RSA below 2048 bits.
    pub weak: bool,
}

/// Who signed a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The issuer's own key.
    Issuer,
    /// Somebody in its stead.
    Delegate(Arc<Delegate>),
}

/// Answers a question by a response (RFC 6960 section 3.2).
///
/// # Errors
/// When the response is not about the certificate, its signature does not hold, its signer may not answer, or its nonce is another: then nothing
/// that it says is to be believed.
pub fn answer(
    response: &Response<'_>,
    question: &Question<'_>,
    now: UnixTime,
    policy: &Policy,
    delegates: &mut DelegateCache,
) -> Result<Answered, RevocationReason> {
    let about: Vec<&Single<'_>> = response.singles.iter().filter(|single| is_about(single, question)).collect();
    if about.is_empty() {
        let namesake = response.singles.iter().any(|single| *single.serial == *question.lookup.serial);
        return Err(if namesake { RevocationReason::WrongIssuer } else { RevocationReason::NotForCertificate });
    }
    if response.critical {
        return Err(RevocationReason::CriticalExtension);
    }
    // RFC 9654 section 2.1: a responder may leave the nonce out, because its answers are produced beforehand.
    if let (Some(sent), Some(received)) = (question.nonce, response.nonce)
        && sent != received
    {
        return Err(RevocationReason::NonceMismatch);
    }
    let (signer, weak) = signer(response, question.authority, now, delegates)?;
    // RFC 6960 does not say what several answers about one certificate mean: the worst counts.
    let judged = about.into_iter().map(|single| (single, judge(single, response, question, now, policy)));
    let (single, answer) = judged.max_by_key(|(_, answer)| severity(answer)).ok_or(RevocationReason::NotForCertificate)?;
    Ok(Answered { answer, this_update: single.this_update, next_update: single.next_update, signer, weak })
}

/// Whether the CertID is the certificate's: by our own hashes, with the algorithm that the responder chose.
fn is_about(single: &Single<'_>, question: &Question<'_>) -> bool {
    let Some(algorithm) = hash(single.hash).filter(|_| *single.serial == *question.lookup.serial) else { return false };
    // The name as it stands in the certificate, byte for byte, not as its issuer writes it.
    digest(algorithm, &question.lookup.issuer).as_ref() == single.issuer_name
        && authority::key_bits(&question.authority.key).is_some_and(|key| digest(algorithm, key).as_ref() == single.issuer_key)
}

/// Finds who signed, and checks that they did and may.
fn signer(
    response: &Response<'_>,
    issuer: &Authority,
    now: UnixTime,
    delegates: &mut DelegateCache,
) -> Result<(Signer, Weak), RevocationReason> {
    let is_signer = |subject: &[u8], key: &[u8]| match response.responder {
        ResponderId::Name(responder) => name::same(responder, subject),
        ResponderId::Key(id) => authority::key_bits(key).is_some_and(|key| digest(&SHA1, key).as_ref() == id),
    };
    let checked = |key: &[u8]| match verify(response.algorithm, key, response.tbs, response.signature) {
        Check::Holds { weak } => Ok(weak),
        Check::Fails => Err(RevocationReason::SignatureInvalid),
        Check::Unsupported => Err(RevocationReason::UnsupportedAlgorithm),
    };
    // Nobody who may answer: its certificate is missing, or it is somebody else's.
    let mut refusal = RevocationReason::ResponderUnauthorized;
    if is_signer(&issuer.subject, &issuer.key) {
        match checked(&issuer.key) {
            Ok(weak) => return Ok((Signer::Issuer, weak)),
            Err(reason) => refusal = reason,
        }
    }
    // The issuer's own certificate, when it is sent along, is no delegate.
    let is_other_signer = |subject: &[u8], key: &[u8]| *key != *issuer.key && is_signer(subject, key);
    for der in &response.certificates {
        let Some(known) = delegates.look(der, issuer, is_other_signer) else { continue };
        let outcome =
            may_answer(&known, issuer, response.produced_at, now).and_then(|weak| checked(&known.key).map(|response| weak || response));
        match outcome {
            Ok(weak) => return Ok((Signer::Delegate(known.delegate.clone()), weak)),
            Err(reason) => refusal = reason,
        }
    }
    Err(refusal)
}

/// RFC 6960 section 4.2.2.2: issued directly by the CA that issued the certificate in question, and valid.
fn may_answer(known: &Known, issuer: &Authority, produced_at: UnixTime, now: UnixTime) -> Result<Weak, RevocationReason> {
    let weak = known.authorized?;
    let validity = known.delegate.not_before..=known.delegate.not_after;
    if !name::same(&known.issuer, &issuer.subject) || !validity.contains(&now) || !validity.contains(&produced_at) {
        return Err(RevocationReason::ResponderUnauthorized);
    }
    Ok(weak)
}

fn judge(
    single: &Single<'_>,
    response: &Response<'_>,
    question: &Question<'_>,
    now: UnixTime,
    policy: &Policy,
) -> Result<Answer, RevocationReason> {
    if single.critical {
        return Err(RevocationReason::CriticalExtension);
    }
    if !policy.has_begun(single.this_update, now) {
        return Err(RevocationReason::NotYetValid);
    }
    let until = policy.until(single.this_update, single.next_update);
    let says = match single.status {
        // Whoever was revoked stays so.
        Status::Revoked { at, reason } => Says::Revoked { at, reason },
        _ if now > until => return Err(RevocationReason::Stale),
        Status::Good => Says::Good,
        Status::Unknown => return Err(RevocationReason::UnknownToResponder),
    };
    Ok(Answer { says, this_update: single.this_update, until, produced_at: Some(response.produced_at), from: question.from.clone() })
}

fn severity(answer: &Result<Answer, RevocationReason>) -> u8 {
    match answer {
        Ok(Answer { says: Says::Good, .. }) => 0,
        Err(RevocationReason::UnknownToResponder) => 1,
        Err(_) => 2,
        Ok(Answer { says: Says::Revoked { .. }, .. }) => 3,
    }
}
