//! The service's mind: what is watched, what is known, what is needed next. It does no I/O; what was fetched comes in, jobs go out.
//!
//! May touch: `model`, `pki`. `now` is an argument.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::asks::{Ask, Responders};
use super::authorities::Authorities;
use super::issuers::Downloads;
use super::lists::{ByUrl, List};
use super::schedule::Kind;
use super::settings::Settings;
use super::view::{Changes, View};
use super::watched::{Delta, Watched};
use crate::model::revocation::Policy;
use crate::model::{
    Answer, Answers, Authority, FindingSet, Lookup, Pointers, RevocationMethod, RevocationReason, RevocationView, SnapshotView, UnixTime,
};
use crate::pki::authority;
use crate::pki::crl::Usable;

/// Everything the service knows.
pub(super) struct Core {
    pub(super) settings: Arc<Settings>,
    pub(super) policy: Policy,
    pub(super) watched: Watched,
    pub(super) authorities: Authorities,
    /// Lists at URLs.
    pub(super) lists: ByUrl,
    /// Lists in files, by fingerprint.
    pub(super) files: HashMap<[u8; 32], List>,
    /// The groups that look for a list at a URL.
    pub(super) users: HashMap<Arc<str>, HashSet<u32>>,
    pub(super) asks: HashMap<[u8; 32], Ask>,
    pub(super) responders: Responders,
    pub(super) downloads: Downloads,
    issuers: HashMap<u32, Issuer>,
    /// Certificates whose own signature was checked, because no key identifier binds them to their issuer.
    proved: HashMap<[u8; 32], Arc<Authority>>,
    /// Groups to be judged anew.
    dirty: HashSet<u32>,
    responses_dirty: bool,
    pub(super) by_response: HashMap<[u8; 32], Result<Answer, RevocationReason>>,
    pub(super) checked: HashMap<[u8; 32], FindingSet>,
    pub(super) rows_dirty: bool,
    removed: Vec<[u8; 32]>,
}

/// Who issued the certificates of a group, as of a revision of the authorities.
struct Issuer {
    authority: Option<Arc<Authority>>,
    /// A key identifier binds every member to it.
    by_key: bool,
    revision: u64,
}

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Fetch a list.
    List(Arc<str>),
    /// Look into the kept copy of a list again, for certificates that came since.
    Rescan(Arc<str>),
    /// Read a list that a source found.
    File([u8; 32], PathBuf),
    /// Ask a responder about a certificate.
    Ask([u8; 32]),
    /// Fetch an issuer's certificate.
    Issuer(Arc<str>),
}

impl Core {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        let mut core = Self {
            policy: Policy::default(),
            watched: Watched::default(),
            authorities: Authorities::default(),
            lists: ByUrl::default(),
            files: HashMap::new(),
            users: HashMap::new(),
            asks: HashMap::new(),
            responders: Responders::default(),
            downloads: Downloads::default(),
            issuers: HashMap::new(),
            proved: HashMap::new(),
            dirty: HashSet::new(),
            responses_dirty: false,
            by_response: HashMap::new(),
            checked: HashMap::new(),
            rows_dirty: true,
            removed: Vec::new(),
            settings: settings.clone(),
        };
        settings.trusted.iter().for_each(|authority| core.authorities.trust(authority.clone()));
        for url in &settings.lists {
            core.lists.entry(url.clone()).or_insert_with(|| List::new(Settings::schedule(Kind::Crl, url.as_bytes())));
        }
        core
    }

    /// Follows the newest snapshot.
    pub(super) fn follow(&mut self, snapshot: Arc<dyn SnapshotView>) {
        let named = self.named();
        let revision = self.authorities.revision;
        let Delta { added, removed, files } = self.watched.follow(snapshot, &named, &mut self.authorities);
        for index in added {
            let Some(group) = self.watched.get(index).map(|certificate| certificate.group) else { continue };
            if self.dirty.insert(group) {
                self.look_for_lists(group);
            }
        }
        for fingerprint in removed {
            if self.watched.index(&fingerprint).is_none() {
                self.asks.remove(&fingerprint);
                self.proved.remove(&fingerprint);
                self.removed.push(fingerprint);
                self.rows_dirty = true;
            }
        }
        if files {
            self.files.retain(|fingerprint, _| self.watched.lists.contains_key(fingerprint));
            self.checked.retain(|fingerprint, _| {
                self.watched.lists.contains_key(fingerprint) || self.watched.responses.contains_key(fingerprint)
            });
            self.responses_dirty = true;
        }
        if self.authorities.revision != revision {
            self.authorities_came();
        }
    }

    /// What should be done now. The caller starts as many as it likes and reports each end.
    pub(super) fn jobs(&mut self, now: UnixTime, room: usize) -> Vec<Job> {
        let mut jobs = Vec::new();
        for (fingerprint, found) in &self.watched.lists {
            let known = self.files.get(fingerprint);
            let is_behind = known.is_none_or(|list| list.held.as_ref().is_some_and(|held| held.epoch < self.watched.epoch));
            if is_behind && known.is_none_or(|list| !list.in_flight) && jobs.len() < room {
                jobs.push(Job::File(*fingerprint, found.what.clone()));
            }
        }
        for (url, list) in &self.lists {
            if list.in_flight || jobs.len() >= room {
                continue;
            }
            if self.is_wanted(url) && !self.settings.offline && list.schedule.is_due(now) {
                jobs.push(Job::List(url.clone()));
            } else if list.usable().is_some_and(|(held, _)| held.epoch < self.newest_user(url)) {
                jobs.push(Job::Rescan(url.clone()));
            }
        }
        if !self.settings.offline {
            jobs.extend(self.downloads.due(now, room.saturating_sub(jobs.len())).into_iter().map(Job::Issuer));
            let due = super::asks::due(&self.asks, now, room.saturating_sub(jobs.len()));
            jobs.extend(due.into_iter().map(Job::Ask));
        }
        for job in &jobs {
            match job {
                Job::List(url) | Job::Rescan(url) => self.lists.get_mut(url).into_iter().for_each(|list| list.in_flight = true),
                Job::File(fingerprint, _) => {
                    let list = || List::new(Settings::schedule(Kind::Crl, fingerprint));
                    self.files.entry(*fingerprint).or_insert_with(list).in_flight = true;
                }
                Job::Ask(fingerprint) => self.asks.get_mut(fingerprint).into_iter().for_each(|ask| ask.in_flight = true),
                Job::Issuer(url) => self.downloads.started(url),
            }
        }
        jobs
    }

    /// When something becomes due next; `None`: nothing is planned.
    pub(super) fn next_due(&self, now: UnixTime) -> Option<UnixTime> {
        if self.settings.offline {
            return None;
        }
        let lists = self.lists.iter().filter(|(url, list)| !list.in_flight && self.is_wanted(url)).map(|(_, list)| list.schedule.next_at());
        let asks = self.asks.values().filter(|ask| ask.is_open()).map(|ask| ask.schedule.next_at());
        lists.chain(asks).chain(self.downloads.next_at()).min().map(|at| at.max(now))
    }

    /// Whether everything needed has been tried at least once.
    pub(super) fn is_settled(&self) -> bool {
        let offline = self.settings.offline;
        self.dirty.is_empty()
            && self.watched.lists.keys().all(|fingerprint| self.files.get(fingerprint).is_some_and(|list| list.tried))
            && (offline || self.lists.iter().all(|(url, list)| list.tried || !self.is_wanted(url)))
            && (offline || self.asks.values().all(|ask| ask.tried || !ask.wanted))
            && (offline || self.downloads.are_tried())
    }

    /// Judges what changed. The changes say how the next view differs from this one.
    pub(super) fn judge(&mut self, view: &View, now: UnixTime) -> Changes {
        let mut changes = Changes::default();
        if std::mem::take(&mut self.responses_dirty) {
            self.judge_responses(now);
        }
        for group in std::mem::take(&mut self.dirty) {
            self.judge_group(group, view, &mut changes, now);
        }
        changes.answers.extend(self.removed.drain(..).map(|fingerprint| (fingerprint, None)));
        if std::mem::take(&mut self.rows_dirty) {
            let services = super::rows::rows(self);
            changes.services = (services != *view.services()).then_some(services);
            let checked = self.checked_files();
            changes.checked = (!view.has_checked(&checked)).then_some(checked);
        }
        changes
    }

    /// A list changed: whoever looks for it is judged anew.
    pub(super) fn list_changed(&mut self, url: &str) {
        self.dirty.extend(self.users.get(url).into_iter().flatten());
        let is_configured = self.settings.lists.iter().any(|configured| **configured == *url);
        if is_configured {
            let name = self.lists.get(url).and_then(List::usable).map(|(held, _)| held.list.issuer.clone());
            self.issuer_changed(name.as_deref());
        }
        self.rows_dirty = true;
    }

    /// Something of an issuer changed: its certificates are judged anew.
    pub(super) fn issuer_changed(&mut self, name: Option<&[u8]>) {
        let Some(name) = name else { return };
        for (at, group) in (0..).zip(&self.watched.groups) {
            if !group.members.is_empty() && crate::pki::name::same(&group.issuer, name) {
                self.dirty.insert(at);
            }
        }
    }

    /// A certificate's answer changed.
    pub(super) fn answer_changed(&mut self, fingerprint: &[u8; 32]) {
        if let Some(certificate) = self.watched.index(fingerprint).and_then(|index| self.watched.get(index)) {
            self.dirty.insert(certificate.group);
        }
        self.rows_dirty = true;
    }

    /// More authorities are known: signatures that nobody could check may be checked now.
    pub(super) fn authorities_came(&mut self) {
        let urls: Vec<Arc<str>> = self.lists.keys().cloned().collect();
        for url in urls {
            let signers = self.signers_at(&url);
            if self.lists.get_mut(&url).is_some_and(|list| list.look_for_signer(&signers)) {
                self.list_changed(&url);
            }
        }
        for group in 0..self.watched.groups.len() as u32 {
            if self.issuers.get(&group).is_none_or(|issuer| issuer.authority.is_none()) && !self.watched.groups[group as usize].members.is_empty() {
                self.dirty.insert(group);
            }
        }
        let unsigned: Vec<[u8; 32]> = self.files.iter().filter(|(_, list)| list.usable().is_none()).map(|(at, _)| *at).collect();
        for fingerprint in unsigned {
            let name = self.files.get(&fingerprint).and_then(|list| list.held.as_ref()).map(|held| held.list.issuer.clone());
            let signers = name.map(|name| self.signers_named(&name)).unwrap_or_default();
            if self.files.get_mut(&fingerprint).is_some_and(|list| list.look_for_signer(&signers)) {
                self.file_changed(&fingerprint);
            }
        }
        self.responses_dirty = true;
    }

    /// A list in a file changed.
    pub(super) fn file_changed(&mut self, fingerprint: &[u8; 32]) {
        let name = self.files.get(fingerprint).and_then(|list| list.held.as_ref()).map(|held| held.list.issuer.clone());
        self.issuer_changed(name.as_deref());
        self.rows_dirty = true;
    }

    /// Who may sign a list at this URL, for at least one of the certificates that look for it.
    pub(super) fn signers_at(&mut self, url: &str) -> Vec<Arc<Authority>> {
        let groups: Vec<u32> = self.users.get(url).into_iter().flatten().copied().collect();
        let mut signers: Vec<Arc<Authority>> = Vec::new();
        for group in groups {
            let Some(issuer) = self.issuer(group) else { continue };
            let pointers = self.watched.groups[group as usize].pointers.clone();
            let points = pointers.crls.iter().chain(&pointers.freshest).filter(|point| point.urls.iter().any(|at| **at == *url));
            for name in points.map(|point| point.crl_issuer.as_deref().unwrap_or(&issuer.subject)) {
                for signer in self.authorities.signers(&issuer, name) {
                    if !signers.contains(&signer) {
                        signers.push(signer);
                    }
                }
            }
        }
        if self.settings.lists.iter().any(|configured| **configured == *url) {
            let held = self.lists.get(url).and_then(|list| list.held.as_ref()).map(|held| held.list.issuer.clone());
            if let Some(name) = held {
                signers.extend(self.signers_named(&name));
            }
        }
        signers
    }

    /// Who may sign a list of this issuer that the operator has put there: the issuer of a watched certificate, or whom the operator trusts.
    pub(super) fn signers_named(&mut self, name: &[u8]) -> Vec<Arc<Authority>> {
        let mut signers = self.authorities.trusted(name);
        let groups: Vec<u32> = (0..).zip(&self.watched.groups).filter(|(_, group)| !group.members.is_empty()).map(|(at, _)| at).collect();
        for group in groups {
            if let Some(issuer) = self.issuer(group) {
                for signer in self.authorities.signers(&issuer, name) {
                    if !signers.contains(&signer) {
                        signers.push(signer);
                    }
                }
            }
        }
        signers
    }

    /// Who issued the certificates of a group.
    pub(super) fn issuer(&mut self, group: u32) -> Option<Arc<Authority>> {
        let revision = self.authorities.revision;
        if let Some(known) = self.issuers.get(&group).filter(|known| known.authority.is_some() || known.revision == revision) {
            return known.authority.clone();
        }
        let (_, first) = self.watched.members(group).next()?;
        let lookup = first.lookup()?;
        let found = self.authorities.issuer_of(lookup);
        let by_key = found.as_ref().is_some_and(|found| lookup.pointers.authority_key.as_deref().is_some_and(|id| authority::identifies(id, &found.key)));
        self.issuers.insert(group, Issuer { authority: found.clone(), by_key, revision });
        found
    }

    /// Who issued a certificate: its group's issuer, where a key identifier binds them or its own signature is by that key.
    pub(super) fn issuer_of(&mut self, group: u32, fingerprint: &[u8; 32], lookup: &Lookup) -> Option<Arc<Authority>> {
        let of_group = self.issuer(group)?;
        if self.issuers.get(&group).is_some_and(|issuer| issuer.by_key) {
            return Some(of_group);
        }
        if let Some(known) = self.proved.get(fingerprint) {
            return Some(known.clone());
        }
        let found = self.authorities.issuer_of(lookup)?;
        self.proved.insert(*fingerprint, found.clone());
        Some(found)
    }

    fn look_for_lists(&mut self, group: u32) {
        let pointers = self.watched.groups[group as usize].pointers.clone();
        for url in pointers.crls.iter().chain(&pointers.freshest).flat_map(|point| &point.urls) {
            let url: Arc<str> = Arc::from(&**url);
            self.lists.entry(url.clone()).or_insert_with_key(|url| List::new(Settings::schedule(Kind::Crl, url.as_bytes())));
            self.users.entry(url).or_default().insert(group);
        }
        self.rows_dirty = true;
    }

    /// Whether a list is to be fetched: the operator configured it, or a watched certificate wants it and no alternative before it serves.
    fn is_wanted(&self, url: &str) -> bool {
        if self.settings.lists.iter().any(|configured| **configured == *url) {
            return true;
        }
        self.users.get(url).into_iter().flatten().any(|group| self.wants(*group, url))
    }

    fn wants(&self, group: u32, url: &str) -> bool {
        let mut plans = self.watched.members(group).flat_map(|(_, certificate)| self.watched.plans_of(certificate));
        if !plans.any(|plan| plan.methods.contains(&RevocationMethod::Crl)) {
            return false;
        }
        let Some(group) = self.watched.groups.get(group as usize) else { return false };
        let mut points = group.pointers.crls.iter().chain(&group.pointers.freshest);
        points.any(|point| {
            let before = point.urls.iter().take_while(|at| ***at != *url);
            let is_here = point.urls.iter().any(|at| **at == *url);
            // The names of one point are alternatives.
            is_here && before.filter_map(|at| self.lists.get(&**at)).all(|list| list.failure.is_some())
        })
    }

    fn newest_user(&self, url: &str) -> u64 {
        let groups = self.users.get(url).into_iter().flatten();
        let of_users = groups.flat_map(|group| self.watched.members(*group)).map(|(_, certificate)| certificate.epoch).max();
        let is_configured = self.settings.lists.iter().any(|configured| **configured == *url);
        if is_configured { self.watched.epoch } else { of_users.unwrap_or(0) }
    }

    /// Issuers whose certificates are watched although they point nowhere.
    fn named(&self) -> HashSet<Arc<[u8]>> {
        let configured = self.settings.lists.iter().filter_map(|url| self.lists.get(url));
        let lists = configured.chain(self.files.values()).filter_map(|list| list.held.as_ref());
        let lists = lists.map(|held| Arc::from(&*held.list.issuer));
        lists.chain(self.settings.responders.iter().map(|(authority, _)| authority.subject.clone())).collect()
    }

    fn judge_group(&mut self, group: u32, view: &View, changes: &mut Changes, now: UnixTime) {
        let Some(pointers) = self.watched.groups.get(group as usize).map(|group| group.pointers.clone()) else { return };
        let members: Vec<([u8; 32], u32)> = self.watched.members(group).map(|(index, member)| (member.fingerprint, index)).collect();
        if self.issuer(group).is_none() {
            self.downloads.want(pointers.issuers.iter().map(|url| Arc::from(&**url)));
        }
        let of_group = self.issuer(group);
        // Whoever was issued by another key of the same name is looked at by itself.
        let by_key = self.issuers.get(&group).is_some_and(|issuer| issuer.by_key);
        let mut judged = Vec::with_capacity(members.len());
        for (fingerprint, index) in &members {
            let Some(lookup) = self.watched.get(*index).and_then(|member| member.lookup()).cloned() else { continue };
            let issuer = if by_key { of_group.clone() } else { self.issuer_of(group, fingerprint, &lookup) };
            judged.push((*fingerprint, *index, lookup, issuer));
        }
        let mut lists: HashMap<Option<Arc<Authority>>, Vec<Usable<'_>>> = HashMap::new();
        let mut by_list = Vec::with_capacity(judged.len());
        for (_, _, lookup, issuer) in &judged {
            let usable = lists
                .entry(issuer.clone())
                .or_insert_with_key(|issuer| issuer.as_ref().map(|issuer| self.lists_for(&pointers, issuer)).unwrap_or_default());
            by_list.push(match crate::pki::crl::answer(lookup, usable, now, &self.policy) {
                Ok(answer) => Some(Ok(answer)),
                Err(why) => self.why_not(&pointers, issuer.as_ref(), !usable.is_empty(), why).map(Err),
            });
        }
        drop(lists);
        for ((fingerprint, index, lookup, issuer), crl) in judged.into_iter().zip(by_list) {
            self.plan_ask(&fingerprint, index, &lookup, issuer.as_ref(), crl.as_ref(), now);
            let answers =
                Answers { crl, ocsp: self.asks.get(&fingerprint).and_then(Ask::answer), staple: self.by_response.get(&fingerprint).cloned() };
            if view.answers(&fingerprint) != Some(&answers) {
                changes.answers.push((fingerprint, Some(answers)));
            }
        }
        self.rows_dirty = true;
    }

    /// The lists that answer for certificates with these pointers and this issuer: at the URLs they name, at those that are configured, and in files.
    fn lists_for(&self, pointers: &Pointers, issuer: &Arc<Authority>) -> Vec<Usable<'_>> {
        let points = pointers.crls.iter().chain(&pointers.freshest);
        let urls: BTreeSet<&str> = points.flat_map(|point| &point.urls).map(|url| &**url).chain(self.settings.lists.iter().map(|url| &**url)).collect();
        let at_urls = urls.into_iter().filter_map(|url| self.lists.get_key_value(url)).map(|(url, list)| (url.clone(), list));
        let in_files = self.files.iter().filter_map(|(fingerprint, list)| {
            let path = self.watched.lists.get(fingerprint)?;
            Some((Arc::from(path.what.to_string_lossy()), list))
        });
        let mut names: HashMap<Arc<[u8]>, Vec<Arc<Authority>>> = HashMap::new();
        let mut usable = Vec::new();
        for (from, list) in at_urls.chain(in_files) {
            let Some((held, signer)) = list.usable() else { continue };
            let signers = names.entry(signer.subject.clone()).or_insert_with(|| self.authorities.signers(issuer, &signer.subject));
            if signers.contains(signer) {
                usable.push(Usable { list: &held.list, signer, from });
            }
        }
        usable
    }

    /// Why lists give no answer, seen from where they should be; `None` while one that may answer has not been looked for.
    fn why_not(&self, pointers: &Pointers, issuer: Option<&Arc<Authority>>, usable: bool, why: RevocationReason) -> Option<RevocationReason> {
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
        let failure = pointed.iter().find_map(|list| list.failure.as_ref()).map(|(reason, _)| *reason);
        let unknown = if issuer.is_none() { RevocationReason::IssuerUnknown } else { RevocationReason::WrongIssuer };
        Some(failure.unwrap_or(unknown))
    }

    fn plan_ask(
        &mut self,
        fingerprint: &[u8; 32],
        index: u32,
        lookup: &Lookup,
        issuer: Option<&Arc<Authority>>,
        crl: Option<&Result<Answer, RevocationReason>>,
        now: UnixTime,
    ) {
        let Some(member) = self.watched.get(index) else { return };
        let is_wanted = self.watched.plans_of(member).any(|plan| {
            let before = plan.methods.iter().take_while(|method| **method != RevocationMethod::Ocsp);
            let crl_first = before.clone().any(|method| *method == RevocationMethod::Crl);
            let crl_answers = crl_first && !plan.compare && crl.is_none_or(|crl| crl.as_ref().is_ok_and(|answer| answer.until >= now));
            plan.methods.contains(&RevocationMethod::Ocsp) && !crl_answers
        });
        let configured = self.settings.responders.iter().filter(|(authority, _)| issuer.is_some_and(|issuer| issuer.key == authority.key));
        let configured = configured.map(|(_, url)| url.clone());
        let urls: Vec<Arc<str>> = configured.chain(lookup.pointers.responders.iter().map(|url| Arc::from(&**url))).collect();
        if !is_wanted || urls.is_empty() {
            if let Some(ask) = self.asks.get_mut(fingerprint) {
                ask.wanted = false;
            }
            return;
        }
        let ask = self.asks.entry(*fingerprint).or_insert_with(|| Ask::new(Settings::schedule(Kind::Ocsp, fingerprint)));
        ask.wanted = true;
        ask.follow(urls, issuer.cloned());
    }

    fn judge_responses(&mut self, now: UnixTime) {
        let mut found = HashMap::new();
        let mut checked = HashMap::new();
        let all: Vec<([u8; 32], Arc<[u8]>)> = self.watched.responses.iter().map(|(at, found)| (*at, found.what.clone())).collect();
        for (at, der) in all {
            let Ok(response) = crate::pki::ocsp::read(&der) else { continue };
            let about: Vec<([u8; 32], u32, Lookup)> = {
                let members = self.watched.certificates.iter().flatten();
                let of_serial = members.filter_map(|member| {
                    let lookup = member.lookup().filter(|lookup| response.is_about_serial(&lookup.serial))?;
                    Some((member.fingerprint, member.group, lookup.clone()))
                });
                of_serial.collect()
            };
            let mut verdicts = FindingSet::EMPTY;
            for (fingerprint, group, lookup) in about {
                let Some(issuer) = self.issuer_of(group, &fingerprint, &lookup) else { continue };
                let answered = crate::pki::ocsp::answer(&response, &lookup, &issuer, None, now, &self.policy, &mut self.responders.delegates);
                let answer = match answered {
                    Ok(answered) => answered.answer.ok_or(RevocationReason::UnknownToResponder),
                    Err(RevocationReason::NotForCertificate) => continue,
                    Err(reason) => Err(reason),
                };
                let is_bad = matches!(&answer, Err(reason) if *reason != RevocationReason::Stale && *reason != RevocationReason::UnknownToResponder);
                verdicts.insert_if(is_bad, crate::model::Finding::StapleInvalid);
                found.insert(fingerprint, answer);
            }
            checked.insert(at, verdicts);
        }
        let changed: Vec<[u8; 32]> = found.keys().chain(self.by_response.keys()).copied().collect();
        self.by_response = found;
        self.checked = checked;
        changed.iter().for_each(|fingerprint| self.answer_changed(fingerprint));
    }

    fn checked_files(&self) -> HashMap<[u8; 32], FindingSet> {
        let lists = self.files.iter().filter(|(_, list)| list.tried).map(|(at, list)| (*at, list.findings));
        self.checked.iter().map(|(at, findings)| (*at, *findings)).chain(lists).collect()
    }
}
