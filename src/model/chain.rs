//! What a place shows as a chain: from the leaf to whoever issued it, as far as that is there.
//!
//! May touch: `model`. For people: who issued what is told by names here; judgement follows signatures.

use super::facts::CertificateFacts;
use super::finding::Finding;
use super::state::TargetState;

/// The certificates of a place, the first of them as a leaf with those above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain<'a> {
    /// From the leaf upwards, each with its index among all that are sent.
    pub way: Vec<(usize, &'a CertificateFacts)>,
    /// What comes above the last of them.
    pub end: End,
    /// Those that do not belong to it, with their indices.
    pub others: Vec<(usize, &'a CertificateFacts)>,
}

/// What stands above the last certificate of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing: it names itself as its issuer.
    SelfIssued,
    /// Its issuer was not sent and is not needed: the leaf itself is among the trust anchors.
    LeafIsAnchor,
    /// Its issuer was not sent; nothing is known of anchors.
    NotSent,
    /// Its issuer was not sent, and is not among the trust anchors.
    Missing,
    /// Its issuer was not sent, and was found in the trust anchors.
    Anchor,
}

impl End {
    /// Of an issuer that is not there: what is known of it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SelfIssued => "self-issued",
            Self::LeafIsAnchor => "not sent, not needed: the certificate itself is among the trust anchors",
            Self::NotSent => "not sent",
            Self::Missing => "NOT SENT, and not among the trust anchors: this link is missing",
            Self::Anchor => "not sent, found in the trust anchors",
        }
    }
}

impl<'a> Chain<'a> {
    /// The chain of a place; `None` where there is no certificate.
    pub fn of(target: &'a TargetState) -> Option<Self> {
        let sent = &target.content.certificates;
        let mut way = vec![(0, sent.first()?)];
        let mut used = vec![false; sent.len()];
        used[0] = true;
        let end = loop {
            let Some((_, last)) = way.last() else { break End::NotSent };
            if last.self_issued {
                break End::SelfIssued;
            }
            let issuer = sent.iter().enumerate().find(|(index, candidate)| !used[*index] && candidate.subject == last.issuer);
            let Some(issuer) = issuer else { break end(target, way.len()) };
            used[issuer.0] = true;
            way.push(issuer);
        };
        let others = sent.iter().enumerate().filter(|(index, _)| !used[*index]).collect();
        Some(Self { way, end, others })
    }
}

fn end(target: &TargetState, length: usize) -> End {
    let untrusted = target.report.is_so_of_certificate(0, Finding::Untrusted);
    match &target.endpoint {
        Some(endpoint) if length == 1 && endpoint.leaf_is_anchor => End::LeafIsAnchor,
        None => End::NotSent,
        Some(endpoint) if endpoint.path_error.is_some() && !untrusted => End::NotSent,
        Some(_) if untrusted => End::Missing,
        Some(_) => End::Anchor,
    }
}
