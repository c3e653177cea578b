//! What the sources of one table know together of Secrets, ConfigMaps and namespaces besides their bytes: who uses one, which Certificate owns a
//! Secret, what a namespace's labels are.
//!
//! May touch: `model`. Must not: the API server.
//!
//! Producers (namespaces, routes, Pods, webhooks, Certificates) put facts in; consumers (Secrets, ConfigMaps) ask for them as they observe, and are
//! told of changes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::model::{Circumstances, Labels, SourceKind, UnixTime, Use};

/// The most users of a Secret or ConfigMap that are named.
const USES: usize = 32;
/// So many changed objects are told one by one; more is all of them.
const CHANGES: usize = 10_000;

/// A namespace and a name.
pub type Named = (Arc<str>, Box<str>);

/// What others use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Used {
    /// A Secret.
    Secret(Named),
    /// A ConfigMap.
    ConfigMap(Named),
    /// A Certificate of cert-manager: whoever uses it uses its Secret.
    Certificate(Named),
}

/// What the sources of one table share.
pub struct Surroundings {
    facts: Mutex<Facts>,
    consumers: Vec<Arc<Changes>>,
    /// Producers whose first listing has not ended yet.
    awaited: watch::Sender<Vec<SourceKind>>,
    /// Whether only namespaces that are known count.
    selects: bool,
}

#[derive(Default)]
struct Facts {
    /// By the user's number.
    uses: HashMap<u64, Box<[(Used, Use)]>>,
    users: HashMap<Used, Vec<u64>>,
    /// By Secret: the Certificates that own it; there should be one.
    owners: HashMap<Named, BTreeMap<Box<str>, Option<UnixTime>>>,
    namespaces: HashMap<Arc<str>, Option<Arc<Labels>>>,
    namespaces_listed: bool,
}

/// What has changed since a consumer last looked.
#[derive(Default)]
pub struct Changes {
    changed: Mutex<Changed>,
    notify: Notify,
}

/// See [`Changes`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Too many to name them.
    pub everything: bool,
    /// Secrets and ConfigMaps that are used or owned otherwise than before.
    pub objects: HashSet<Used>,
    /// Namespaces that have other labels, or came or went; true: it came.
    pub namespaces: HashMap<Arc<str>, bool>,
}

impl Surroundings {
    /// Shared by these consumers and filled by these producers.
    pub fn new(consumers: Vec<Arc<Changes>>, producers: Vec<SourceKind>, selects: bool) -> Self {
        Self { facts: Mutex::default(), consumers, awaited: watch::Sender::new(producers), selects }
    }

    /// Waits until every producer but these has listed once, in success or failure, and no longer than this.
    pub async fn settled(&self, longest: Duration, but: &[SourceKind]) {
        let mut awaited = self.awaited.subscribe();
        let is_settled = |awaited: &Vec<SourceKind>| awaited.iter().all(|kind| but.contains(kind));
        // On time-out the first scan goes on with what is known.
        _ = tokio::time::timeout(longest, awaited.wait_for(is_settled)).await;
    }

    /// Whether only namespaces count that a selector has brought.
    pub fn selects(&self) -> bool {
        self.selects
    }

    /// A producer has listed, in success or failure.
    pub fn listed(&self, producer: SourceKind) {
        self.awaited.send_if_modified(|awaited| {
            let before = awaited.len();
            awaited.retain(|kind| *kind != producer);
            awaited.len() != before
        });
    }

    /// Namespaces have been listed once: those not known are not there.
    pub fn namespaces_listed(&self) {
        self.facts().namespaces_listed = true;
    }

    /// Whether it is known which namespaces are looked at.
    pub fn knows_namespaces(&self) -> bool {
        !self.selects || self.facts().namespaces_listed
    }

    /// Whether things in the namespace are looked at.
    pub fn is_selected(&self, namespace: &str) -> bool {
        !self.selects || self.facts().namespaces.contains_key(namespace)
    }

    /// What was kept of a namespace's labels and annotations.
    pub fn namespace(&self, namespace: &str) -> Option<Arc<Labels>> {
        self.facts().namespaces.get(namespace).cloned().flatten()
    }

    /// What is known of a Secret or ConfigMap.
    pub fn of(&self, used: &Used) -> Circumstances {
        let facts = self.facts();
        let owners = if let Used::Secret(secret) = used { facts.owners.get(secret) } else { None };
        let mut used_by: Vec<Use> = facts.used_by(used).cloned().collect();
        for certificate in owners.into_iter().flat_map(BTreeMap::keys).filter_map(|name| name.split_once('/')) {
            let certificate = Used::Certificate((certificate.0.into(), certificate.1.into()));
            used_by.extend(facts.used_by(&certificate).cloned());
        }
        used_by.sort_unstable();
        used_by.dedup();
        used_by.truncate(USES);
        let owner = owners.and_then(|owners| owners.first_key_value());
        Circumstances {
            used_by: used_by.into(),
            renewal_due: owner.and_then(|(_, due)| *due),
            certificate: owner.map(|(certificate, _)| certificate.clone()),
        }
    }

    /// What a user (an Ingress, the Pods of a controller) uses; nothing: it is no more.
    pub fn set_uses(&self, user: u64, mut uses: Vec<(Used, Use)>) {
        uses.sort_unstable();
        uses.dedup();
        let mut facts = self.facts();
        if facts.uses.get(&user).map_or(&[][..], |known| known) == uses {
            return;
        }
        let mut touched: HashSet<Used> = HashSet::new();
        for (used, _) in facts.uses.remove(&user).into_iter().flatten() {
            if let Some(users) = facts.users.get_mut(&used) {
                users.retain(|known| *known != user);
                if users.is_empty() {
                    facts.users.remove(&used);
                }
            }
            touched.insert(used);
        }
        let mut all: Vec<&Used> = uses.iter().map(|(used, _)| used).collect();
        all.dedup();
        for used in all {
            facts.users.entry(used.clone()).or_default().push(user);
            touched.insert(used.clone());
        }
        if !uses.is_empty() {
            facts.uses.insert(user, uses.into());
        }
        let touched: HashSet<Used> = touched.into_iter().flat_map(|used| facts.shown_at(used)).collect();
        drop(facts);
        self.tell(|changed| changed.add(touched.iter().cloned()));
    }

    /// Whether this user is known to use anything.
    pub fn is_user(&self, user: u64) -> bool {
        self.facts().uses.contains_key(&user)
    }

    /// A Certificate (`namespace/name`) owned one Secret, and owns another now, to be renewed then.
    pub fn set_owner(&self, certificate: &str, before: Option<&Named>, after: Option<(&Named, Option<UnixTime>)>) {
        let mut touched = Vec::new();
        let mut facts = self.facts();
        if let Some(before) = before.filter(|before| after.is_none_or(|(after, _)| after != *before))
            && let Some(owners) = facts.owners.get_mut(before)
        {
            owners.remove(certificate);
            if owners.is_empty() {
                facts.owners.remove(before);
            }
            touched.push(before.clone());
        }
        if let Some((secret, due)) = after
            && facts.owners.entry(secret.clone()).or_default().insert(certificate.into(), due) != Some(due)
        {
            touched.push(secret.clone());
        }
        drop(facts);
        if !touched.is_empty() {
            self.tell(|changed| changed.add(touched.iter().cloned().map(Used::Secret)));
        }
    }

    /// A namespace is there, with what is kept of its labels and annotations.
    pub fn set_namespace(&self, namespace: &str, labels: Option<Arc<Labels>>) {
        let namespace: Arc<str> = namespace.into();
        let before = self.facts().namespaces.insert(Arc::clone(&namespace), labels.clone());
        if before.as_ref() != Some(&labels) {
            self.tell(|changed| *changed.namespaces.entry(Arc::clone(&namespace)).or_default() |= before.is_none());
        }
    }

    /// Namespaces are no more.
    pub fn drop_namespaces(&self, mut is_gone: impl FnMut(&str) -> bool) {
        let mut gone = Vec::new();
        self.facts().namespaces.retain(|name, _| {
            let goes = is_gone(name);
            if goes {
                gone.push(Arc::clone(name));
            }
            !goes
        });
        if !gone.is_empty() {
            self.tell(|changed| changed.namespaces.extend(gone.iter().map(|name| (Arc::clone(name), false))));
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, tell: impl Fn(&mut Changed)) {
        for consumer in &self.consumers {
            tell(&mut consumer.changed.lock().unwrap_or_else(PoisonError::into_inner));
            consumer.notify.notify_one();
        }
    }
}

impl Facts {
    fn used_by(&self, used: &Used) -> impl Iterator<Item = &Use> {
        let all = self.users.get(used).into_iter().flatten().filter_map(|user| self.uses.get(user));
        all.flat_map(move |uses| uses.iter().filter(move |(of, _)| of == used).map(|(_, one)| one))
    }

    /// Where a use is seen: of a Certificate, at the Secrets that it owns. Few use Certificates, so that looking through all is fine.
    fn shown_at(&self, used: Used) -> Vec<Used> {
        let Used::Certificate((namespace, name)) = &used else { return vec![used] };
        let certificate = format!("{namespace}/{name}");
        let owned = self.owners.iter().filter(|((of, _), owners)| of == namespace && owners.contains_key(&*certificate));
        owned.map(|(secret, _)| Used::Secret(secret.clone())).collect()
    }
}

impl Changes {
    /// Takes what has changed so far.
    pub fn take(&self) -> Changed {
        std::mem::take(&mut self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was taken has not been told after all.
    pub fn give_back(&self, taken: Changed) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.everything |= taken.everything;
        changed.add(taken.objects.into_iter());
        for (namespace, is_new) in taken.namespaces {
            *changed.namespaces.entry(namespace).or_default() |= is_new;
        }
        self.notify.notify_one();
    }

    /// Waits until something has changed. Cancel safe.
    pub async fn wait(&self) {
        loop {
            if *self.changed.lock().unwrap_or_else(PoisonError::into_inner) != Changed::default() {
                return;
            }
            self.notify.notified().await;
        }
    }
}

impl Changed {
    fn add(&mut self, objects: impl Iterator<Item = Used>) {
        if self.everything {
            return;
        }
        self.objects.extend(objects);
        if self.objects.len() > CHANGES {
            self.everything = true;
            self.objects = HashSet::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(namespace: &str, name: &str) -> Named {
        (namespace.into(), name.into())
    }

    fn secret(namespace: &str, name: &str) -> Used {
        Used::Secret(named(namespace, name))
    }

    fn used(host: &str) -> Use {
        Use { kind: "Ingress".into(), name: "a/i".into(), host: host.into() }
    }

    #[test]
    fn uses_come_and_go_with_their_routes() {
        let changes = Arc::<Changes>::default();
        let shared = Surroundings::new(vec![Arc::clone(&changes)], Vec::new(), false);
        let (s, t) = (secret("a", "s"), secret("a", "t"));
        for (case, user, uses, of_s, touched) in [
            ("a route", 1, vec![(s.clone(), used("b")), (s.clone(), used("a"))], &["a", "b"][..], &[&s][..]),
            ("the same again", 1, vec![(s.clone(), used("a")), (s.clone(), used("b"))], &["a", "b"], &[]),
            ("a second one", 2, vec![(s.clone(), used("c")), (t.clone(), used("c"))], &["a", "b", "c"], &[&s, &t]),
            ("the first uses another", 1, vec![(t.clone(), used("a"))], &["c"], &[&s, &t]),
            ("the second is gone", 2, vec![], &[], &[&s, &t]),
        ] {
            shared.set_uses(user, uses);
            assert_eq!(shared.is_user(user), user == 1 || case != "the second is gone", "{case}");
            let hosts: Vec<Box<str>> = shared.of(&s).used_by.iter().map(|one| one.host.clone()).collect();
            assert_eq!(hosts, of_s.iter().map(|host| Box::from(*host)).collect::<Vec<_>>(), "{case}");
            assert_eq!(changes.take().objects, touched.iter().map(|name| (*name).clone()).collect(), "{case}");
        }
    }

    #[test]
    fn uses_and_changes_are_bounded() {
        let changes = Arc::<Changes>::default();
        let shared = Surroundings::new(vec![Arc::clone(&changes)], Vec::new(), false);
        shared.set_uses(1, (0..100).map(|n| (secret("a", "s"), used(&format!("{n:03}")))).collect());
        assert_eq!(shared.of(&secret("a", "s")).used_by.len(), USES);
        shared.set_uses(2, (0..=CHANGES).map(|n| (secret("a", &n.to_string()), used("x"))).collect());
        let changed = changes.take();
        assert!(changed.everything && changed.objects.is_empty());
    }

    #[test]
    fn who_uses_a_certificate_uses_the_secret_that_it_owns_now() {
        let changes = Arc::<Changes>::default();
        let shared = Surroundings::new(vec![Arc::clone(&changes)], Vec::new(), false);
        let (s, t, certificate) = (named("a", "s"), named("a", "t"), Used::Certificate(named("a", "c")));
        let users = |secret: &Named| shared.of(&Used::Secret(secret.clone())).used_by.len();
        shared.set_uses(1, vec![(certificate.clone(), used("x"))]);
        assert!(changes.take().objects.is_empty(), "it owns nothing yet");
        shared.set_owner("a/c", None, Some((&s, None)));
        shared.set_owner("a/other", None, Some((&t, None)));
        assert_eq!((users(&s), users(&t)), (1, 0));
        shared.set_owner("a/c", Some(&s), Some((&t, None)));
        assert_eq!((users(&s), users(&t)), (0, 1), "it has moved");
        assert!(shared.of(&Used::ConfigMap(t.clone())).is_empty(), "a ConfigMap of the same name");
        changes.take();
        shared.set_uses(1, Vec::new());
        assert_eq!(changes.take().objects, [Used::Secret(t.clone())].into(), "the user is gone");
        assert_eq!(users(&t), 0);
    }

    #[test]
    fn an_owner_that_names_another_secret_leaves_the_first() {
        let shared = Surroundings::new(Vec::new(), Vec::new(), false);
        let (s, t) = (named("a", "s"), named("a", "t"));
        let of = |name: &Named| shared.of(&Used::Secret(name.clone()));
        let due = Some(UnixTime::from_secs(5));
        shared.set_owner("a/c", None, Some((&s, due)));
        assert_eq!((of(&s).certificate.as_deref(), of(&s).renewal_due), (Some("a/c"), due));
        shared.set_owner("a/c", Some(&s), Some((&t, due)));
        assert!(of(&s).is_empty() && of(&t).certificate.is_some());
        shared.set_owner("a/c", Some(&t), None);
        assert!(of(&t).is_empty());
    }

    #[tokio::test]
    async fn consumers_wait_for_every_producer_but_not_for_ever() {
        use futures_util::FutureExt;
        let shared = Surroundings::new(Vec::new(), vec![SourceKind::KubeRoute, SourceKind::KubeNamespace], false);
        let (short, long) = (Duration::from_millis(5), Duration::from_secs(3600));
        shared.listed(SourceKind::KubeRoute);
        assert!(shared.settled(long, &[]).now_or_never().is_none(), "namespaces are still awaited");
        assert!(shared.settled(long, &[SourceKind::KubeNamespace]).now_or_never().is_some(), "but not by everyone");
        shared.settled(short, &[]).await;
        shared.listed(SourceKind::KubeNamespace);
        assert!(shared.settled(long, &[]).now_or_never().is_some());
    }
}
