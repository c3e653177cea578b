//! Answers that are put together when somebody asks.

use std::collections::HashSet;

use super::Relate;
use super::trust;
use crate::model::UnixTime;
use crate::model::relations::{Hanging, HangingLeaf, Verifies};

impl Relate {
    /// See [`TrustQueries::hanging`](crate::model::TrustQueries::hanging).
    pub fn hanging(&self, authority: &[u8; 32], after: Option<(UnixTime, [u8; 32])>, limit: usize) -> Option<Hanging> {
        let number = self.certificates.number(authority)?;
        let facts = self.certificates.facts(number, &self.nodes)?;
        let at = self.trust.of(facts)?;
        let below = self.trust.leaves_below(at, &self.certificates, &self.nodes);
        let total = below.len() as u64;
        let ends = |number: u32| self.certificates.facts(number, &self.nodes).map(|leaf| (leaf.not_after, leaf.fingerprint));
        let with_ends = below.into_iter().filter_map(|(leaf, until)| Some((ends(leaf)?, leaf, until)));
        let mut leaves: Vec<_> = with_ends.filter(|(ends, ..)| after.is_none_or(|after| *ends > after)).collect();
        leaves.sort_unstable_by_key(|(ends, ..)| *ends);
        let more = leaves.len() > limit;
        let told = leaves.into_iter().take(limit).filter_map(|((not_after, fingerprint), leaf, until)| {
            let known = self.certificates.get(leaf)?;
            let found = self.certificates.facts(leaf, &self.nodes)?;
            let place = known.places.iter().filter_map(|(id, _)| self.nodes.get(id)).map(|node| &node.state.place).min()?;
            Some(HangingLeaf {
                subject: found.subject.clone(),
                fingerprint,
                not_after,
                stranded: until.is_some_and(|until| until <= facts.not_after),
                place: place.to_string(),
                places: known.places.len() as u64,
            })
        });
        Some(Hanging { generation: self.generation, leaves: told.collect(), total, more })
    }

    /// See [`TrustQueries::verifies`](crate::model::TrustQueries::verifies).
    pub fn verifies(&self, certificate: &[u8; 32], source: &str, place: &str) -> Option<Verifies> {
        let number = self.certificates.number(certificate)?;
        let facts = self.certificates.facts(number, &self.nodes)?;
        let is_it = |node: &super::nodes::Node| *self.nodes.source(node).header.id.name == *source && node.state.place.to_string() == place;
        let (_, bundle) = self.nodes.iter().find(|(_, node)| is_it(node))?;
        let anchors: HashSet<u32> = bundle.state.content.certificates.iter().filter_map(|facts| self.trust.of(facts)).collect();
        let refused = |path, why: String| Some(Verifies { verifies: false, path, why: Some(why) });
        let own = vec![facts.subject.clone()];
        if anchors.is_empty() {
            return refused(own, "the place holds no CA certificate".to_owned());
        }
        let issuer = self.certificates.get(number)?.issuer.map(|at| &self.trust.all[at as usize]);
        let signer = issuer.and_then(|known| known.authority.as_deref());
        if facts.lookup.is_some() && !signer.is_some_and(|signer| trust::issued(signer, facts)) {
            return refused(own, format!("no watched CA certificate of {} has signed it", facts.issuer));
        }
        if self.trust.of(facts).is_some_and(|at| anchors.contains(&at)) {
            return Some(Verifies { verifies: true, path: own, why: None });
        }
        match self.reaches(number, &anchors) {
            Some(way) => {
                let mut subjects = way.iter().filter_map(|number| self.certificates.facts(*number, &self.nodes));
                let mut path: Vec<_> = subjects.clone().map(|facts| facts.subject.clone()).collect();
                path.extend(subjects.next_back().map(|facts| facts.issuer.clone()));
                Some(Verifies { verifies: true, path, why: None })
            }
            None => refused(own, format!("none of the place's CA certificates stands above {}", facts.issuer)),
        }
    }
}
