//! The service's mind: what is watched, what is known, what is needed next. It does no I/O; what was fetched comes in, jobs go out.
//!
//! May touch: `model`, `pki`. `now` is an argument.

mod judging;
mod outcomes;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::asks::{Asks, Question, Responders};
use super::authorities::Authorities;
use super::issuers::Downloads;
use super::lists::{ByUrl, List};
use super::settings::Settings;
use super::watched::{Delta, Watched};
use crate::model::revocation::Policy;
use crate::model::{Answer, Authority, FindingSet, Lookup, RevocationMethod, RevocationReason, SnapshotView, UnixTime};
use crate::pki::crl::Serials;
use crate::pki::ocsp::DelegateCache;

/// Questions that the cache is asked for at once.
const RECALLED_AT_ONCE: usize = 2_000;
/// How often at the same time: checking signatures is a core's work, and others want to live.
const RECALLS: usize = 4;

/// Everything the service knows.
pub(super) struct Core {
    pub(super) settings: Arc<Settings>,
    policy: Policy,
    pub(super) watched: Watched,
    authorities: Authorities,
    /// Lists at URLs.
    pub(super) lists: ByUrl,
    /// Lists in files, by fingerprint.
    files: HashMap<[u8; 32], List>,
    /// The groups that look for a list at a URL.
    users: HashMap<Arc<str>, HashSet<u32>>,
    pub(super) asks: Asks,
    /// Looks into the cache that are under way.
    recalls: usize,
    pub(super) responders: Responders,
    downloads: Downloads,
    /// Who issued certificates, by their own signatures.
    proved: HashMap<[u8; 32], Proof>,
    serials: Option<(u64, Arc<Serials>)>,
    /// Groups to be judged anew.
    dirty: HashSet<u32>,
    /// Certificates to be judged anew.
    changed: HashSet<[u8; 32]>,
    removed: Vec<[u8; 32]>,
    responses_dirty: bool,
    by_response: HashMap<[u8; 32], Result<Answer, RevocationReason>>,
    responses_checked: HashMap<[u8; 32], FindingSet>,
    delegates: DelegateCache,
    rows_dirty: bool,
}

/// Who issued a certificate.
struct Proof {
    /// `None`: nobody that was known at this revision of the authorities.
    issuer: Option<Arc<Authority>>,
    revision: u64,
}

/// Something to be done outside.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// Fetch a list.
    List(Arc<str>),
    /// Look through the kept copy of a list: for the first time, or for certificates that came since.
    Rescan(Arc<str>),
    /// Read a list that a source found.
    File([u8; 32], PathBuf),
    /// Ask a responder about a certificate.
    Ask(Question),
    /// Look for kept answers.
    Recall(Vec<Question>),
    /// Fetch an issuer's certificate.
    Issuer(Arc<str>),
}

impl Job {
    /// For the log.
    pub(super) fn name(&self) -> String {
        match self {
            Self::List(url) => format!("fetch {url}"),
            Self::Rescan(url) => format!("look through {url}"),
            Self::File(_, path) => format!("read {}", path.display()),
            Self::Ask(question) => format!("ask {}", question.url),
            Self::Recall(questions) => format!("recall {} answers", questions.len()),
            Self::Issuer(url) => format!("fetch issuer {url}"),
        }
    }
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
            asks: Asks::default(),
            recalls: 0,
            responders: Responders::default(),
            downloads: Downloads::default(),
            proved: HashMap::new(),
            serials: None,
            dirty: HashSet::new(),
            changed: HashSet::new(),
            removed: Vec::new(),
            responses_dirty: false,
            by_response: HashMap::new(),
            responses_checked: HashMap::new(),
            delegates: DelegateCache::default(),
            rows_dirty: true,
            settings: settings.clone(),
        };
        settings.trusted.iter().for_each(|authority| core.authorities.trust(authority.clone()));
        for url in &settings.lists {
            core.lists.entry(url.clone()).or_insert_with(|| List::new(url.as_bytes(), settings.refresh));
        }
        core
    }

    /// Follows the newest snapshot.
    pub(super) fn follow(&mut self, snapshot: Arc<dyn SnapshotView>) {
        let named = self.named();
        let revision = self.authorities.revision;
        let Delta { added, removed, files } = self.watched.follow(snapshot, &named, &mut self.authorities);
        self.rows_dirty |= !added.is_empty() || !removed.is_empty() || files;
        let mut groups = HashSet::new();
        for index in added {
            let Some(certificate) = self.watched.get(index) else { continue };
            let (fingerprint, group) = (certificate.fingerprint, certificate.group);
            self.changed.insert(fingerprint);
            if groups.insert(group) {
                self.look_for_lists(group);
            }
        }
        for fingerprint in removed {
            if self.watched.index(&fingerprint).is_none() {
                self.asks.remove(&fingerprint);
                self.proved.remove(&fingerprint);
                self.changed.remove(&fingerprint);
                self.removed.push(fingerprint);
            }
        }
        // A number that was given back may be another group's now.
        let watched = &self.watched;
        for users in self.users.values_mut() {
            users.retain(|group| watched.groups.get(*group as usize).is_some_and(|group| !group.members.is_empty()));
        }
        if !self.removed.is_empty() {
            self.users.retain(|_, users| !users.is_empty());
            let (users, settings) = (&self.users, &self.settings);
            self.lists.retain(|url, list| list.in_flight || users.contains_key(url) || settings.lists.contains(url));
        }
        if files {
            self.files.retain(|fingerprint, _| watched.lists.contains_key(fingerprint));
            self.responses_dirty = true;
        }
        if !groups.is_empty() && !self.watched.responses.is_empty() {
            self.responses_dirty = true;
        }
        if self.authorities.revision != revision {
            self.authorities_came();
        } else if !groups.is_empty() {
            self.look_for_signers();
        }
    }

    /// What should be done now; all of it counts as under way from here on.
    pub(super) fn jobs(&mut self, now: UnixTime, room: usize) -> Vec<Job> {
        let mut jobs = Vec::new();
        let behind = |list: &List, newest: u64| list.held.as_ref().is_some_and(|held| held.epoch < newest);
        for (fingerprint, found) in &self.watched.lists {
            let is_due = self.files.get(fingerprint).is_none_or(|list| {
                let newest = list.held.as_ref().map_or(0, |held| self.watched.newest_of(&held.issuer));
                !list.in_flight && (!list.tried || behind(list, newest))
            });
            if is_due && jobs.len() < room {
                jobs.push(Job::File(*fingerprint, found.what.clone()));
            }
        }
        let mut urls: Vec<&Arc<str>> = self.lists.iter().filter(|(_, list)| !list.in_flight).map(|(url, _)| url).collect();
        urls.sort_unstable();
        for url in urls {
            let Some(list) = self.lists.get(url).filter(|_| jobs.len() < room && self.is_wanted(url)) else { continue };
            if !list.recalled || (list.usable().is_some() && behind(list, self.newest_user(url, list))) {
                jobs.push(Job::Rescan(url.clone()));
            } else if !self.settings.offline && list.schedule.is_due(now) {
                jobs.push(Job::List(url.clone()));
            }
        }
        // Nothing is asked before the cache has said what it knows.
        while jobs.len() < room && self.recalls < RECALLS {
            let recall = self.asks.take_unsought(RECALLED_AT_ONCE);
            let questions: Vec<Question> = recall.iter().filter_map(|fingerprint| self.question(fingerprint)).collect();
            let known: HashSet<[u8; 32]> = questions.iter().map(|question| question.fingerprint).collect();
            recall.iter().filter(|at| !known.contains(*at)).for_each(|at| self.asks.not_recalled(at));
            if questions.is_empty() {
                break;
            }
            self.recalls += 1;
            jobs.push(Job::Recall(questions));
        }
        if !self.settings.offline {
            jobs.extend(self.downloads.due(now, room.saturating_sub(jobs.len())).into_iter().map(Job::Issuer));
            for fingerprint in self.asks.start(now, room.saturating_sub(jobs.len())) {
                jobs.extend(self.question(&fingerprint).map(Job::Ask));
            }
        }
        for job in &jobs {
            match job {
                Job::List(url) | Job::Rescan(url) => self.lists.get_mut(url).into_iter().for_each(|list| list.in_flight = true),
                Job::File(fingerprint, _) => {
                    let refresh = self.settings.refresh;
                    self.files.entry(*fingerprint).or_insert_with(|| List::new(fingerprint, refresh)).in_flight = true;
                }
                Job::Issuer(url) => self.downloads.started(url),
                Job::Ask(_) | Job::Recall(_) => (),
            }
        }
        jobs
    }

    /// When something becomes due next; `None`: nothing is planned.
    pub(super) fn next_due(&self) -> Option<UnixTime> {
        if self.settings.offline {
            return None;
        }
        let lists = self.lists.iter().filter(|(url, list)| !list.in_flight && self.is_wanted(url)).map(|(_, list)| list.schedule.next_at());
        lists.chain(self.asks.next_at()).chain(self.downloads.next_at()).min()
    }

    /// Whether everything needed has been tried at least once.
    pub(super) fn is_settled(&self) -> bool {
        let offline = self.settings.offline;
        self.dirty.is_empty()
            && self.changed.is_empty()
            && self.watched.lists.keys().all(|fingerprint| self.files.get(fingerprint).is_some_and(|list| list.tried))
            && self.lists.iter().all(|(url, list)| list.tried || (offline && list.recalled) || !self.is_wanted(url))
            && (offline || (self.asks.are_tried() && self.downloads.are_tried()))
    }

    /// The serial numbers that lists are looked through for, and the epoch that they are of.
    pub(super) fn serials(&mut self) -> (Arc<Serials>, u64) {
        let epoch = self.watched.epoch;
        let serials = match &self.serials {
            Some((known, serials)) if *known == epoch => serials.clone(),
            _ => Arc::new(self.watched.serials().map(Into::into).collect()),
        };
        self.serials = Some((epoch, serials.clone()));
        (serials, epoch)
    }

    /// Whether a list is to be fetched: the operator configured it, or a watched certificate wants it and no alternative before it serves.
    pub(super) fn is_wanted(&self, url: &str) -> bool {
        self.is_configured(url) || self.users.get(url).into_iter().flatten().any(|group| self.wants(*group, url))
    }

    /// Whether no certificate looks for the list under one of the names that it has (RFC 5280 section 6.3.3 (b)(2)(i)).
    pub(super) fn is_out_of_scope(&self, url: &str) -> bool {
        let Some(checked) = self.lists.get(url).and_then(List::usable) else { return false };
        let Some(scope) = checked.list.scope.as_ref().filter(|scope| !scope.names.is_empty()) else { return false };
        let groups: Vec<_> =
            self.users.get(url).into_iter().flatten().filter_map(|group| self.watched.groups.get(*group as usize)).collect();
        let points = || groups.iter().flat_map(|group| group.pointers.crls.iter().chain(&group.pointers.freshest));
        let mut here = points().filter(|point| point.urls.iter().any(|at| **at == *url)).peekable();
        here.peek().is_some() && !here.any(|point| point.names.iter().any(|name| scope.names.contains(name)))
    }

    /// Whether a list at this URL is in use: the cache keeps it.
    pub(super) fn uses_list(&self, url: &str) -> bool {
        self.lists.contains_key(url)
    }

    /// Whether an answer about this certificate, or from this place, is in use.
    pub(super) fn uses_document(&self, key: &[u8; 32]) -> bool {
        self.asks.get(key).is_some() || self.downloads.uses(key)
    }

    /// Whether the kept copy of a list is damaged: a conditional request would bring nothing.
    pub(super) fn must_come_whole(&self, url: &str) -> bool {
        self.lists.get(url).is_none_or(|list| list.held.is_none() || list.forget_validators)
    }

    /// Who issued a certificate. Its signature is checked once for each set of authorities, and never again once it held.
    fn issuer_of(&mut self, fingerprint: &[u8; 32], lookup: &Lookup) -> Option<Arc<Authority>> {
        let revision = self.authorities.revision;
        if let Some(known) = self.proved.get(fingerprint).filter(|known| known.issuer.is_some() || known.revision == revision) {
            return known.issuer.clone();
        }
        let issuer = self.authorities.issuer_of(lookup);
        self.proved.insert(*fingerprint, Proof { issuer: issuer.clone(), revision });
        issuer
    }

    /// Who issued the certificates of a group: CAs of one name with several keys may all have.
    fn issuers_of(&mut self, group: u32) -> HashSet<Arc<Authority>> {
        let mut issuers = HashSet::new();
        let mut open = Vec::new();
        for (_, member) in self.watched.members(group) {
            match self.proved.get(&member.fingerprint).and_then(|known| known.issuer.clone()) {
                Some(issuer) => drop(issuers.insert(issuer)),
                None => open.extend(member.lookup().map(|lookup| (member.fingerprint, lookup.clone()))),
            }
        }
        issuers.extend(open.into_iter().filter_map(|(fingerprint, lookup)| self.issuer_of(&fingerprint, &lookup)));
        issuers
    }

    /// Whether somebody is known to have issued each certificate of a group.
    fn is_proved(&self, group: u32) -> bool {
        self.watched.members(group).all(|(_, member)| self.proved.get(&member.fingerprint).is_some_and(|known| known.issuer.is_some()))
    }

    fn question(&self, fingerprint: &[u8; 32]) -> Option<Question> {
        let ask = self.asks.get(fingerprint)?;
        let certificate = self.watched.get(self.watched.index(fingerprint)?)?;
        let (lookup, issuer, url) = (certificate.lookup()?.clone(), ask.issuer.clone()?, ask.url()?.clone());
        Some(Question { fingerprint: *fingerprint, lookup, issuer, url })
    }

    fn look_for_lists(&mut self, group: u32) {
        let Some(pointers) = self.watched.groups.get(group as usize).map(|group| group.pointers.clone()) else { return };
        for url in pointers.crls.iter().chain(&pointers.freshest).flat_map(|point| &point.urls) {
            self.look_for(Arc::from(&**url), group);
        }
    }

    fn look_for(&mut self, url: Arc<str>, group: u32) {
        let refresh = self.settings.refresh;
        self.lists.entry(url.clone()).or_insert_with_key(|url| List::new(url.as_bytes(), refresh));
        self.users.entry(url).or_default().insert(group);
    }

    fn is_configured(&self, url: &str) -> bool {
        self.settings.lists.iter().any(|configured| **configured == *url)
    }

    fn wants(&self, group: u32, url: &str) -> bool {
        let mut plans = self.watched.members(group).flat_map(|(_, certificate)| self.watched.plans_of(certificate));
        if !plans.any(|plan| plan.methods.contains(&RevocationMethod::Crl)) {
            return false;
        }
        let Some(group) = self.watched.groups.get(group as usize) else { return false };
        let mut here =
            group.pointers.crls.iter().chain(&group.pointers.freshest).filter(|point| point.urls.iter().any(|at| **at == *url)).peekable();
        if here.peek().is_none() {
            // A list says itself where its deltas are.
            return true;
        }
        here.any(|point| {
            let mut before = point.urls.iter().take_while(|at| ***at != *url).filter_map(|at| self.lists.get(&**at));
            // The names of one point are alternatives.
            before.all(|list| list.failure.is_some())
        })
    }

    fn newest_user(&self, url: &str, list: &List) -> u64 {
        let of_users = self.users.get(url).into_iter().flatten().filter_map(|group| self.watched.groups.get(*group as usize));
        let newest = of_users.map(|group| group.newest).max().unwrap_or(0);
        match &list.held {
            Some(held) if self.is_configured(url) => newest.max(self.watched.newest_of(&held.issuer)),
            _ => newest,
        }
    }

    /// Issuers whose certificates are watched although they point nowhere.
    fn named(&self) -> HashSet<Arc<[u8]>> {
        let configured = self.settings.lists.iter().filter_map(|url| self.lists.get(url));
        let lists = configured.chain(self.files.values()).filter_map(|list| list.held.as_ref()).map(|held| held.issuer.clone());
        lists.chain(self.settings.responders.iter().map(|(authority, _)| authority.subject.clone())).collect()
    }
}
