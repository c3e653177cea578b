//! What is said about one target.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use super::bundles::is_bundle;
use super::nodes::{Id, Node};
use super::served::leaves;
use super::trust::{is_leaf, is_store};
use super::{Outcome, Relate};
use crate::model::{CertificateFacts, Evidence, Finding, FindingSet, Place, Related, UnixTime};

/// Pieces of evidence that are kept of one target.
const EVIDENCE: usize = 16;
/// Addresses that are named.
const NAMED: usize = 8;

/// The addresses of one name that answer.
pub(super) struct Members {
    /// When the last of them changed.
    since: Option<UnixTime>,
    /// Two of them that serve different leaves, if there are.
    different: Vec<([u8; 32], Id)>,
    /// What they serve, in words.
    told: String,
}

/// What is gathered about one target.
struct Case {
    now: UnixTime,
    grace: i64,
    target: FindingSet,
    certificates: Vec<([u8; 32], FindingSet)>,
    evidence: Vec<Evidence>,
    /// When something that holds now has held for the grace time.
    due: Option<UnixTime>,
    /// Something waits for another look at the endpoint.
    waits: bool,
    /// The judgement depends on who issued what is stored for it.
    asks_for_family: bool,
}

impl Relate {
    /// Judges a target, and tells when that is something else than what is known at it.
    pub(super) fn judge(&mut self, id: Id, outcome: &mut Outcome) {
        self.gather_group(id);
        let Some(node) = self.nodes.get(id) else { return };
        let options = &self.nodes.source(node).header.options;
        let grace = self.grace.unwrap_or(options.rules.grace).as_secs();
        let mut case = Case {
            now: self.now,
            grace: i64::try_from(grace).unwrap_or(i64::MAX),
            target: FindingSet::EMPTY,
            certificates: Vec::new(),
            evidence: Vec::new(),
            due: None,
            waits: false,
            asks_for_family: false,
        };
        if is_store(&node.state.place) {
            if is_bundle(node, &self.nodes) {
                self.judge_bundle(node, &mut case);
            }
        } else {
            self.judge_endpoint(node, &mut case);
        }
        if !options.trust_store {
            self.judge_paths(node, &mut case);
        }
        let related = case.related();
        if related.as_ref() != node.state.related.as_deref() {
            let source = self.nodes.source(node).header.id.clone();
            outcome.told.push((source, node.state.place.clone(), related.map(Arc::new)));
        }
        if case.asks_for_family {
            self.by_family.insert(id);
        } else {
            self.by_family.remove(&id);
        }
        if case.waits || case.due.is_some() {
            self.waiting.insert(id, case.due);
        } else {
            self.waiting.remove(&id);
        }
    }

    /// Puts together what the addresses of one name serve, once in a pass for all of them.
    fn gather_group(&mut self, id: Id) {
        let Some((group, node)) = self.nodes.get(id).and_then(|node| Some((self.served.group_of(node)?, node))) else { return };
        if self.groups.contains_key(&group) {
            return;
        }
        let mut members = Members { since: None, different: Vec::new(), told: String::new() };
        let well = self.served.group(node).into_iter().filter_map(|id| Some((id, self.nodes.get(id)?)));
        for (count, (id, member)) in well.filter(|(_, member)| member.state.failure.is_none()).enumerate() {
            let Some((_, facts)) = leaves(member).next() else { continue };
            members.since = members.since.max(Some(member.state.changed_at));
            if members.different.len() < 2 && members.different.iter().all(|(fingerprint, _)| *fingerprint != facts.fingerprint) {
                members.different.push((facts.fingerprint, id));
            }
            if let (Place::Endpoint { address: Some(address), .. }, true) = (&member.state.place, count < NAMED) {
                let comma = if members.told.is_empty() { "" } else { ", " };
                members.told += &format!("{comma}{address}: serial {}", facts.serial);
            }
        }
        self.groups.insert(group, Arc::new(members));
    }

    fn judge_endpoint(&self, node: &Node, case: &mut Case) {
        let state = &node.state;
        if state.failure.is_some() && !state.content.certificates.is_empty() {
            // What it serves now is not known: what was known stands.
            case.keep(state.related.as_deref(), &[Finding::StoredNotServed, Finding::ServedUnknown, Finding::AddressesDiffer]);
        } else if let Some((_, shown)) = leaves(node).next() {
            self.judge_served(node, shown, case);
            self.judge_addresses(node, shown, case);
        }
        if let Some(bundle) = self.untrusted_client(node).and_then(|id| self.nodes.get(id)) {
            let since = bundle.state.changed_at.max(state.changed_at);
            case.add(Finding::ClientNotTrusted, None, since, || (self.source(bundle), place(bundle), String::new()));
        }
    }

    /// Whether the endpoint serves what is stored for it.
    fn judge_served(&self, node: &Node, shown: &CertificateFacts, case: &mut Case) {
        let number = self.certificates.number(&shown.fingerprint);
        let is_stored = number.and_then(|number| self.certificates.get(number)).is_some_and(|known| known.stored > 0);
        let asked = Cell::new(false);
        let is_of_family = |stored: &CertificateFacts| {
            asked.set(true);
            self.is_of_family(stored, shown)
        };
        if let Some(leaf) = self.served.newer(node, shown, is_stored, &is_of_family, &self.nodes)
            && let (Some(store), Some(stored)) = (self.nodes.get(leaf.0), self.nodes.certificate(leaf))
        {
            // Only a look that came after the change has seen that the endpoint did not follow it.
            let seen_at = self.nodes.source(node).seen_at;
            if case.grace == 0 || seen_at.is_some_and(|at| at > store.state.changed_at) {
                // Not since the endpoint changed: behind a balanced address it changes with every look.
                let since = store.state.changed_at;
                case.add(Finding::StoredNotServed, None, since, || {
                    let detail = format!(
                        "stored: serial {}, ends {}; served: serial {}, ends {}",
                        stored.serial,
                        stored.not_after.rfc3339(),
                        shown.serial,
                        shown.not_after.rfc3339()
                    );
                    (self.source(store), place(store), detail)
                });
            } else {
                case.keep(node.state.related.as_deref(), &[Finding::StoredNotServed]);
                case.waits = true;
            }
        }
        case.asks_for_family = asked.get();
        if self.nodes.source(node).header.options.must_be_stored && !is_stored {
            let detail = || format!("served: serial {}, ends {}", shown.serial, shown.not_after.rfc3339());
            // The place that stores it may be away for a moment, while it is written anew.
            let since = self.unstored.get(&shown.fingerprint).map_or(node.state.changed_at, |at| node.state.changed_at.max(*at));
            case.add(Finding::ServedUnknown, None, since, || (Arc::from(""), String::new(), detail()));
        }
    }

    /// Whether all addresses of the name serve the same certificate.
    fn judge_addresses(&self, node: &Node, shown: &CertificateFacts, case: &mut Case) {
        let Some(members) = self.served.group_of(node).and_then(|group| self.groups.get(&group)) else { return };
        let (Some(since), [_, _, ..]) = (members.since, &members.different[..]) else { return };
        let other = members.different.iter().find(|(fingerprint, _)| *fingerprint != shown.fingerprint);
        let Some(other) = other.and_then(|(_, id)| self.nodes.get(*id)) else { return };
        case.add(Finding::AddressesDiffer, None, since, || (self.source(other), place(other), members.told.clone()));
    }

    fn judge_bundle(&self, node: &Node, case: &mut Case) {
        for lacks in self.lacks(node) {
            let Some(found) = self.certificates.get(lacks.number) else { continue };
            let holder = found.places.iter().filter_map(|(id, _)| self.nodes.get(id)).min_by_key(|node| node.state.changed_at);
            let (Some(holder), Some(facts)) = (holder, self.certificates.facts(lacks.number, &self.nodes)) else { continue };
            let since = holder.state.changed_at.max(node.state.changed_at);
            case.add(Finding::BundleLacksIssuer, None, since, || {
                let leaves = if lacks.leaves == 1 { "1 leaf hangs".to_owned() } else { format!("{} leaves hang", lacks.leaves) };
                let detail = format!("{leaves} on {} with serial {}", facts.subject, facts.serial);
                (self.source(holder), place(holder), detail)
            });
        }
        for facts in self.unused(node) {
            let detail = || format!("nothing hangs on {} with serial {}", facts.subject, facts.serial);
            case.add(Finding::CaUnused, Some(facts.fingerprint), node.state.changed_at, || (Arc::from(""), String::new(), detail()));
        }
    }

    /// Whether the paths of the target's leaves end before they do.
    fn judge_paths(&self, node: &Node, case: &mut Case) {
        for (_, facts) in leaves(node).filter(|(_, facts)| is_leaf(facts)) {
            let known = self.certificates.number(&facts.fingerprint).and_then(|number| self.certificates.get(number));
            let Some(until) = known.and_then(|known| known.issuer).and_then(|at| self.trust.all[at as usize].until) else { continue };
            if until < facts.not_after {
                let detail = || format!("the last path ends at {}, the certificate at {}", until.rfc3339(), facts.not_after.rfc3339());
                // A fact of the certificates themselves: there is nothing to wait for.
                case.found(Finding::OutlivesIssuer, Some(facts.fingerprint), node.state.changed_at, || {
                    (Arc::from(""), String::new(), detail())
                });
            }
        }
    }

    /// Whether two certificates are of one issuer, or of two that one CA stands above: public CAs issue by another intermediate each time.
    fn is_of_family(&self, one: &CertificateFacts, other: &CertificateFacts) -> bool {
        if one.issuer == other.issuer {
            return true;
        }
        let above = |facts: &CertificateFacts| -> HashSet<Arc<str>> {
            let number = self.certificates.number(&facts.fingerprint);
            let issuer = number.and_then(|number| self.certificates.get(number)?.issuer);
            let of_issuer = issuer.into_iter().flat_map(|at| &self.trust.all[at as usize].certificates);
            let names = of_issuer.filter_map(|number| self.certificates.facts(*number, &self.nodes)).map(|facts| facts.issuer.clone());
            names.chain([facts.issuer.clone()]).collect()
        };
        above(one).intersection(&above(other)).next().is_some()
    }

    fn source(&self, node: &Node) -> Arc<str> {
        self.nodes.source(node).header.id.name.clone()
    }
}

fn place(node: &Node) -> String {
    node.state.place.to_string()
}

/// The source of the other place, the place, and the rest in words.
type Told = (Arc<str>, String, String);

impl Case {
    /// Something holds since then; it is found when it has held for the grace time.
    fn add(&mut self, finding: Finding, certificate: Option<[u8; 32]>, since: UnixTime, tell: impl FnOnce() -> Told) {
        // A moment in the future comes from a clock that was wrong.
        let since = since.min(self.now);
        let at = UnixTime::from_secs(since.secs().saturating_add(self.grace));
        if at <= self.now {
            self.found(finding, certificate, since, tell);
        } else {
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
    }

    fn found(&mut self, finding: Finding, certificate: Option<[u8; 32]>, since: UnixTime, tell: impl FnOnce() -> Told) {
        match certificate {
            None => self.target.insert(finding),
            Some(fingerprint) => match self.certificates.iter_mut().find(|(known, _)| *known == fingerprint) {
                Some((_, findings)) => findings.insert(finding),
                None => self.certificates.push((fingerprint, [finding].into_iter().collect())),
            },
        }
        if self.evidence.len() < EVIDENCE {
            let (source, place, detail) = tell();
            self.evidence.push(Evidence { finding, certificate, since, source, place: place.into(), detail: detail.into() });
        }
    }

    /// Keeps these findings as they were told.
    fn keep(&mut self, told: Option<&Related>, findings: &[Finding]) {
        let Some(told) = told else { return };
        findings.iter().filter(|finding| told.target.contains(**finding)).for_each(|finding| self.target.insert(*finding));
        self.evidence.extend(told.evidence.iter().filter(|evidence| findings.contains(&evidence.finding)).cloned());
    }

    fn related(&self) -> Option<Related> {
        let is_empty = self.target.is_empty() && self.certificates.is_empty();
        (!is_empty).then(|| Related {
            target: self.target,
            certificates: self.certificates.clone().into(),
            evidence: self.evidence.clone().into(),
        })
    }
}
