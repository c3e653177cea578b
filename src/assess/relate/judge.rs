//! What is said about one target.

use std::collections::HashSet;
use std::sync::Arc;

use super::bundles::is_bundle;
use super::nodes::{Id, Node};
use super::served::leaves;
use super::trust::is_store;
use super::{Outcome, Relate};
use crate::model::{CertificateFacts, Evidence, Finding, FindingSet, Place, Related, UnixTime};

/// Pieces of evidence that are kept of one target.
const EVIDENCE: usize = 16;
/// Addresses that are named.
const NAMED: usize = 8;

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
}

impl Relate {
    /// Judges a target, and tells when that is something else than what is known at it.
    pub(super) fn judge(&mut self, id: Id, now: UnixTime, outcome: &mut Outcome) {
        let Some(node) = self.nodes.get(id) else { return };
        let options = &self.nodes.source(node).header.options;
        let grace = self.grace.unwrap_or(options.rules.grace).as_secs();
        let mut case = Case {
            now,
            grace: i64::try_from(grace).unwrap_or(i64::MAX),
            target: FindingSet::EMPTY,
            certificates: Vec::new(),
            evidence: Vec::new(),
            due: None,
            waits: false,
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
        let waits = case.waits || case.due.is_some();
        if let Some(due) = case.due {
            outcome.due = Some(outcome.due.map_or(due, |known| known.min(due)));
        }
        if related.as_ref() != node.state.related.as_deref() {
            let source = self.nodes.source(node).header.id.clone();
            outcome.told.push((source, node.state.place.clone(), related.map(Arc::new)));
        }
        if waits {
            self.waiting.insert(id);
        } else {
            self.waiting.remove(&id);
        }
    }

    fn judge_endpoint(&self, node: &Node, case: &mut Case) {
        let state = &node.state;
        if state.failure.is_some() {
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
        if let Some(leaf) = self.served.newer(node, shown, is_stored, &self.nodes)
            && let (Some(store), Some(stored)) = (self.nodes.get(leaf.0), self.nodes.certificate(leaf))
        {
            // Only a look that came after the change has seen that the endpoint did not follow it.
            let seen_at = self.nodes.source(node).seen_at;
            if case.grace == 0 || seen_at.is_some_and(|at| at > store.state.changed_at) {
                let since = store.state.changed_at.max(node.state.changed_at);
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
                case.waits = true;
            }
        }
        if self.nodes.source(node).header.options.must_be_stored && !is_stored {
            let detail = || format!("served: serial {}, ends {}", shown.serial, shown.not_after.rfc3339());
            case.add(Finding::ServedUnknown, None, node.state.changed_at, || (Arc::from(""), String::new(), detail()));
        }
    }

    /// Whether all addresses of the name serve the same certificate.
    fn judge_addresses(&self, node: &Node, shown: &CertificateFacts, case: &mut Case) {
        let members: Vec<&Node> = self.served.group(node).into_iter().filter_map(|id| self.nodes.get(id)).collect();
        let well = || members.iter().filter(|member| member.state.failure.is_none());
        let leaf = |member: &Node| leaves(member).next().map(|(_, facts)| (facts.fingerprint, facts.serial.clone()));
        let different: HashSet<[u8; 32]> = well().filter_map(|member| leaf(member)).map(|(fingerprint, _)| fingerprint).collect();
        if different.len() < 2 {
            return;
        }
        let since = well().map(|member| member.state.changed_at).max().unwrap_or(case.now);
        let other = well().find(|member| leaf(member).is_some_and(|(fingerprint, _)| fingerprint != shown.fingerprint));
        let Some(other) = other else { return };
        case.add(Finding::AddressesDiffer, None, since, || {
            let of_each = well().take(NAMED).filter_map(|member| match &member.state.place {
                Place::Endpoint { address: Some(address), .. } => Some(format!("{address}: serial {}", leaf(member)?.1)),
                _ => None,
            });
            (self.source(other), place(other), of_each.collect::<Vec<_>>().join(", "))
        });
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
        for (_, facts) in leaves(node) {
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
