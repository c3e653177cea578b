//! The OCSP response that a server staples, judged against its leaf (RFC 6066 section 8).

use std::sync::Arc;

use super::super::certificate::Certificate;
use super::super::ocsp::{self, DelegateCache, Question};
use super::super::{authority, name};
use super::contents;
use crate::model::observation::Roots;
use crate::model::revocation::Policy;
use crate::model::{Answer, Authority, Lookup, RevocationReason, UnixTime};

/// What a staple comes to.
pub(super) struct Staple {
    pub(super) says: Result<Answer, RevocationReason>,
    /// How many seconds an authentic response was produced in our future: the other clock is ahead by at least that. One from the past tells
    /// nothing, because responses are produced beforehand.
    pub(super) ahead: Option<i64>,
}

/// What the staple says. The leaf's issuer is looked for in the chain that was sent, then among the trust anchors.
pub(super) fn judge(
    staple: &[u8],
    leaf: &Certificate<'_>,
    chain: &[Option<Certificate<'_>>],
    roots: Option<&Roots>,
    now: UnixTime,
) -> Staple {
    let mut ahead = None;
    let says = answer(staple, leaf, chain, roots, now, &mut ahead);
    Staple { says, ahead }
}

fn answer(
    staple: &[u8],
    leaf: &Certificate<'_>,
    chain: &[Option<Certificate<'_>>],
    roots: Option<&Roots>,
    now: UnixTime,
    ahead: &mut Option<i64>,
) -> Result<Answer, RevocationReason> {
    let response = ocsp::read(staple).map_err(|error| error.reason())?;
    let lookup = leaf.facts.lookup.as_deref().ok_or(RevocationReason::IssuerUnknown)?;
    let authority = issuer(lookup, chain, roots).ok_or(RevocationReason::IssuerUnknown)?;
    let question = Question { lookup, authority: &authority, nonce: None, from: &Arc::from("staple") };
    let answered = ocsp::answer(&response, &question, now, &Policy::default(), &mut DelegateCache::default())?;
    // Both clocks are known to the second.
    *ahead = Some(response.produced_at.secs().saturating_sub(now.secs())).filter(|seconds| *seconds > 1);
    answered.answer
}

fn issuer(lookup: &Lookup, chain: &[Option<Certificate<'_>>], roots: Option<&Roots>) -> Option<Arc<Authority>> {
    // A leaf that is its own issuer is a CA certificate: it may stand first.
    let sent = chain.iter().flatten().filter_map(|certificate| certificate.facts.authority.as_ref());
    sent.filter(|sent| authority::issued(sent, lookup)).map(Arc::clone).next().or_else(|| {
        let issuer = contents(&lookup.issuer)?;
        // Byte for byte first: there are hundreds of anchors, and folding their names is slow.
        let anchors = || roots.into_iter().flat_map(|roots| &roots.anchors);
        let exact = anchors().filter(|anchor| anchor.subject.as_ref() == issuer).map(authority::of_anchor);
        let folded = anchors().map(authority::of_anchor).filter(|anchor| name::same(&anchor.subject, &lookup.issuer));
        exact.chain(folded).find(|anchor| authority::issued(anchor, lookup)).map(Arc::new)
    })
}
