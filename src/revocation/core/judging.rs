//! What follows for certificates from everything that is known.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::super::asks::Ask;
use super::super::lists::List;
use super::super::rows;
use super::super::view::{Changes, View};
use super::Core;
use crate::model::{
    Answer, Answers, Authority, Finding, FindingSet, Lookup, Pointers, RevocationMethod, RevocationReason, RevocationView, Says, UnixTime,
};
use crate::pki::crl::{self, Checked};
use crate::pki::ocsp;

/// A certificate with what its judgement needs.
struct Member {
    fingerprint: [u8; 32],
    index: u32,
    lookup: Lookup,
    issuer: Option<Arc<Authority>>,
}

impl Core {
    /// Judges what changed. The changes say how the next view differs from this one.
    pub(in super::super) fn judge(&mut self, view: &View, now: UnixTime) -> Changes {
        let mut changes = Changes::default();
        if std::mem::take(&mut self.responses_dirty) {
            self.judge_responses(now);
        }
        let mut by_group: HashMap<u32, Vec<u32>> = HashMap::new();
        for fingerprint in std::mem::take(&mut self.changed) {
            let Some(index) = self.watched.index(&fingerprint) else { continue };
            let Some(group) = self.watched.get(index).map(|certificate| certificate.group) else { continue };
            if !self.dirty.contains(&group) {
                by_group.entry(group).or_default().push(index);
            }
        }
        for group in std::mem::take(&mut self.dirty) {
            by_group.insert(group, self.watched.members(group).map(|(index, _)| index).collect());
        }
        for (group, members) in by_group {
            self.judge_members(group, members, view, &mut changes, now);
        }
        changes.answers.extend(self.removed.drain(..).map(|fingerprint| (fingerprint, None)));
        self.rows_dirty |= !changes.answers.is_empty();
        changes
    }

    /// The rows of lists and responders, and what is found about lists and responses in files, when they differ from those of the view.
    pub(in super::super) fn rows(&mut self, view: &View, now: UnixTime) -> Changes {
        let mut changes = Changes::default();
        if std::mem::take(&mut self.rows_dirty) {
            let services = rows::rows(self, view, now);
            changes.services = (services != *view.services()).then_some(services);
            let lists = self.files.iter().filter(|(_, list)| list.tried).map(|(at, list)| (*at, list.findings));
            let checked: HashMap<[u8; 32], FindingSet> =
                self.responses_checked.iter().map(|(at, findings)| (*at, *findings)).chain(lists).collect();
            changes.checked = (!view.has_checked(&checked)).then_some(checked);
        }
        changes
    }

    /// Time has passed: rows may have become stale.
    pub(in super::super) fn time_passed(&mut self) {
        self.rows_dirty = true;
    }

    fn judge_members(&mut self, group: u32, members: Vec<u32>, view: &View, changes: &mut Changes, now: UnixTime) {
        let Some(pointers) = self.watched.groups.get(group as usize).map(|group| group.pointers.clone()) else { return };
        let mut judged = Vec::with_capacity(members.len());
        for index in members {
            let Some(certificate) = self.watched.get(index) else { continue };
            let (fingerprint, Some(lookup)) = (certificate.fingerprint, certificate.lookup().cloned()) else { continue };
            let issuer = self.issuer_of(&fingerprint, &lookup);
            judged.push(Member { fingerprint, index, lookup, issuer });
        }
        if judged.iter().any(|member| member.issuer.is_none()) {
            self.downloads.want(pointers.issuers.iter().map(|url| Arc::from(&**url)));
        }
        let mut lists: HashMap<Option<Arc<Authority>>, Vec<&Checked>> = HashMap::new();
        let mut by_list = Vec::with_capacity(judged.len());
        for Member { lookup, issuer, .. } in &judged {
            let usable = lists
                .entry(issuer.clone())
                .or_insert_with_key(|issuer| issuer.as_ref().map(|issuer| self.lists_for(&pointers, issuer)).unwrap_or_default());
            by_list.push(match crl::answer(lookup, usable, now, &self.policy) {
                Ok(answer) => Some(Ok(answer)),
                Err(why) => self.why_not(&pointers, issuer.as_ref(), !usable.is_empty(), why).map(Err),
            });
        }
        drop(lists);
        for (member, crl) in judged.into_iter().zip(by_list) {
            let nobody = self.plan_ask(&member, crl.as_ref(), now).map(Err);
            let fingerprint = member.fingerprint;
            let ocsp = self.asks.get(&fingerprint).and_then(Ask::answer).or(nobody);
            let answers = Answers { crl, ocsp, staple: self.by_response.get(&fingerprint).cloned() };
            if view.answers(&fingerprint) != Some(&answers) {
                changes.answers.push((fingerprint, Some(answers)));
            }
        }
    }

    /// The lists that answer for certificates with these pointers and this issuer: at the URLs they name, at those that are configured, and in files.
    pub(super) fn lists_for(&self, pointers: &Pointers, issuer: &Arc<Authority>) -> Vec<&Checked> {
        let points = pointers.crls.iter().chain(&pointers.freshest);
        let named = points.flat_map(|point| &point.urls).map(|url| &**url);
        let mut urls: BTreeSet<&str> = named.chain(self.settings.lists.iter().map(|url| &**url)).collect();
        let bases: Vec<&Checked> = urls.iter().filter_map(|url| self.lists.get(*url)?.usable()).collect();
        urls.extend(bases.iter().flat_map(|base| base.list.freshest.iter()).flat_map(|point| &point.urls).map(|url| &**url));
        let at_urls = urls.into_iter().filter_map(|url| self.lists.get(url));
        let mut names: HashMap<&Arc<[u8]>, Vec<Arc<Authority>>> = HashMap::new();
        let usable = at_urls.chain(self.files.values()).filter_map(List::usable);
        usable
            .filter(|checked| {
                let name = &checked.signer.subject;
                names.entry(name).or_insert_with(|| self.authorities.signers(issuer, name)).contains(&checked.signer)
            })
            .collect()
    }

    /// Why lists give no answer, seen from where they should be; `None` while one that may answer has not been looked for.
    fn why_not(
        &self,
        pointers: &Pointers,
        issuer: Option<&Arc<Authority>>,
        usable: bool,
        why: RevocationReason,
    ) -> Option<RevocationReason> {
        let urls = pointers.crls.iter().flat_map(|point| &point.urls).map(|url| &**url);
        let pointed: Vec<&List> = urls.chain(self.settings.lists.iter().map(|url| &**url)).filter_map(|url| self.lists.get(url)).collect();
        if pointed.is_empty() && !usable {
            return Some(if pointers.unsupported { RevocationReason::UnsupportedScheme } else { RevocationReason::NoSource });
        }
        if self.settings.offline {
            return Some(if usable { why } else { RevocationReason::Offline });
        }
        if pointed.iter().any(|list| !list.tried && list.failure.is_none()) {
            return None;
        }
        if usable {
            return Some(why);
        }
        if issuer.is_none() {
            return Some(RevocationReason::IssuerUnknown);
        }
        let failure = pointed.iter().find_map(|list| list.failure.as_ref()).map(|(reason, _)| *reason);
        Some(failure.unwrap_or(RevocationReason::WrongIssuer))
    }

    /// Whether a responder is to be asked: some place wants it, and no method before it answers. Returns why nobody can be asked.
    fn plan_ask(&mut self, member: &Member, crl: Option<&Result<Answer, RevocationReason>>, now: UnixTime) -> Option<RevocationReason> {
        let certificate = self.watched.get(member.index)?;
        let crl_serves = crl.is_none_or(|crl| crl.as_ref().is_ok_and(|answer| answer.until >= now));
        let is_wanted = self.watched.plans_of(certificate).any(|plan| {
            let mut before = plan.methods.iter().take_while(|method| **method != RevocationMethod::Ocsp);
            let crl_first = before.any(|method| *method == RevocationMethod::Crl);
            plan.methods.contains(&RevocationMethod::Ocsp) && (plan.compare || !crl_first || !crl_serves)
        });
        let urls = self.responders_of(member);
        let nobody = match (urls.is_empty(), self.settings.offline) {
            (true, _) => Some(RevocationReason::NoSource),
            (false, true) => Some(RevocationReason::Offline),
            (false, false) => None,
        };
        // Offline nobody is asked, but the cache may have an answer.
        if is_wanted && !urls.is_empty() {
            self.asks.want(member.fingerprint, urls, member.issuer.clone());
        } else {
            self.asks.let_be(&member.fingerprint);
        }
        nobody
    }

    /// Where a certificate is asked about: as configured for its issuer, then as it says itself.
    fn responders_of(&self, member: &Member) -> Vec<Arc<str>> {
        let is_for = |authority: &Authority| member.issuer.as_ref().is_some_and(|issuer| issuer.key == authority.key);
        let configured = self.settings.responders.iter().filter(|(authority, _)| is_for(authority)).map(|(_, url)| url.clone());
        configured.chain(member.lookup.pointers.responders.iter().map(|url| Arc::from(&**url))).collect()
    }

    /// What OCSP responses in files say about watched certificates.
    fn judge_responses(&mut self, now: UnixTime) {
        let mut found = HashMap::new();
        let mut checked = HashMap::new();
        let responses: Vec<([u8; 32], Arc<[u8]>)> = self.watched.responses.iter().map(|(at, found)| (*at, found.what.clone())).collect();
        for (at, der) in responses {
            let Ok(response) = ocsp::read(&der) else { continue };
            let members = self.watched.certificates.iter().flatten();
            let of_serial = members.filter_map(|member| {
                let lookup = member.lookup().filter(|lookup| response.is_about_serial(&lookup.serial))?;
                Some((member.fingerprint, lookup.clone()))
            });
            let about: Vec<([u8; 32], Lookup)> = of_serial.collect();
            let mut findings = FindingSet::EMPTY;
            for (fingerprint, lookup) in about {
                let Some(issuer) = self.issuer_of(&fingerprint, &lookup) else { continue };
                let from: Arc<str> = Arc::from("file");
                let question = ocsp::Question { lookup: &lookup, authority: &issuer, nonce: None, from: &from };
                let answer = match ocsp::answer(&response, &question, now, &self.policy, &mut self.delegates) {
                    Ok(answered) => answered.answer,
                    Err(RevocationReason::NotForCertificate | RevocationReason::WrongIssuer) => continue,
                    Err(reason) => {
                        findings.insert(Finding::StapleInvalid);
                        Err(reason)
                    }
                };
                let known = found.entry(fingerprint).or_insert_with(|| answer.clone());
                if worth(&answer) > worth(known) {
                    *known = answer;
                }
            }
            checked.insert(at, findings);
        }
        self.changed.extend(found.keys().chain(self.by_response.keys()).copied());
        (self.by_response, self.responses_checked, self.rows_dirty) = (found, checked, true);
    }
}

/// Of several responses about one certificate the one that revokes counts, else the newest.
fn worth(outcome: &Result<Answer, RevocationReason>) -> Option<(bool, UnixTime)> {
    outcome.as_ref().ok().map(|answer| (matches!(answer.says, Says::Revoked { .. }), answer.this_update))
}
