//! What the overview is made of, and that only what has changed is looked through.

use std::sync::Arc;

use super::*;
use crate::metrics::example::{DAY, START, certificate, failing, source, target};
use crate::model::{
    CertRole, CertificateFacts, Circumstances, Finding, PieceVisitor, Place, Reason, Relations, Rendered, Services, SourceKind,
    SourceStatus, Stage, TargetState, Use,
};

use super::super::trouble::{Trouble, Weight};

const NOW: UnixTime = START;

/// Sources in pieces, as the store publishes them.
#[derive(Clone, Default)]
struct Held(Vec<(SourceHeader, Vec<Bucket>)>);

type Bucket = Arc<Vec<Arc<TargetState>>>;

struct Shown {
    held: Held,
    generation: u64,
    status: SourceStatus,
    services: Services,
    relations: Relations,
}

impl SnapshotView for Shown {
    fn rendered(&self, _: &mut dyn FnMut(&Rendered)) {}
    fn sources<'a>(&'a self, visit: &mut dyn FnMut(&'a SourceHeader, &'a SourceStatus)) {
        self.held.0.iter().for_each(|(header, _)| visit(header, &self.status));
    }
    fn targets<'a>(&'a self, _: &SourceId, _: &mut dyn FnMut(&'a TargetState)) {}
    fn pieces<'a>(&'a self, source: &SourceId, visit: PieceVisitor<'_, 'a>) {
        for piece in self.held.0.iter().filter(|(header, _)| header.id == *source).flat_map(|(_, pieces)| pieces) {
            visit(Arc::as_ptr(piece).addr(), &mut piece.iter());
        }
    }
    fn services(&self) -> &Services {
        &self.services
    }
    fn relations(&self) -> &Relations {
        &self.relations
    }
    fn generation(&self) -> u64 {
        self.generation
    }
    fn ready(&self) -> bool {
        true
    }
}

impl Held {
    fn with(mut self, header: SourceHeader, pieces: Vec<Vec<TargetState>>) -> Self {
        let pieces = pieces.into_iter().map(|piece| Arc::new(piece.into_iter().map(Arc::new).collect())).collect();
        self.0.push((header, pieces));
        self
    }

    fn view(&self, generation: u64) -> Arc<dyn SnapshotView> {
        let (status, services, relations) = Default::default();
        Arc::new(Shown { held: self.clone(), generation, status, services, relations })
    }

    fn overview(&self) -> Overview {
        let mut kept = Kept::default();
        kept.follow(self.view(1), NOW);
        kept.merge(1)
    }
}

fn files() -> SourceHeader {
    source(SourceKind::File, "files")
}

fn ending(seed: u8, days: i64) -> CertificateFacts {
    let mut facts = certificate(CertRole::Leaf, &format!("host-{seed}"), "CA", seed);
    facts.not_after = UnixTime::from_secs(START.secs() + days * DAY);
    facts
}

fn at(path: &str, facts: CertificateFacts) -> TargetState {
    target(Place::file(path), vec![facts], vec![])
}

fn found(mut target: TargetState, finding: Finding) -> TargetState {
    target.report.certificates = [[finding].into_iter().collect()].into();
    target
}

#[test]
fn a_certificate_counts_once_wherever_it_is() {
    let held = Held::default()
        .with(
            files(),
            vec![vec![at("/a", ending(1, 5)), at("/b", ending(2, 9))], vec![found(at("/c", ending(1, 5)), Finding::RotationOverdue)]],
        )
        .with(source(SourceKind::Tls, "edge"), vec![vec![at("/d", ending(1, 5)), at("/e", ending(3, -1))]]);
    let overview = held.overview();
    let ends: Vec<_> = overview.ends.iter().map(|end| ((end.at.secs() - START.secs()) / DAY, end.overdue)).collect();
    assert_eq!(ends, [(-1, false), (5, true), (9, false)], "overdue in one place is overdue");
    let soonest: Vec<_> = overview.soonest.iter().map(|ending| (&*ending.name, ending.places, ending.overdue)).collect();
    assert_eq!(soonest, [("host-1", 3, true), ("host-2", 1, false)], "what has ended is not next");
    let between = |from: i64, before: i64| {
        let at = |days: i64| UnixTime::from_secs(START.secs() + days * DAY);
        overview.ends_between(at(from), at(before)).len()
    };
    assert_eq!((between(0, 9), between(0, 10), between(-5, 0), between(10, 5)), (1, 2, 1, 0));
}

#[test]
fn the_first_of_all_pieces_are_the_first_of_all() {
    // Of each certificate a copy in every piece, so that none may be left out of the count.
    let pieces: Vec<Vec<TargetState>> = (0..5_u8)
        .map(|piece| (0..60_u8).map(|seed| at(&format!("/{piece}/{seed}"), ending(seed, i64::from(seed) + 1))).collect())
        .collect();
    let overview = Held::default().with(files(), pieces).overview();
    let soonest: Vec<_> = overview.soonest.iter().map(|ending| (ending.name.to_string(), ending.places)).collect();
    assert_eq!(soonest, (0..piece::SOONEST).map(|seed| (format!("host-{seed}"), 5)).collect::<Vec<_>>());
    assert_eq!(overview.ends.len(), 60);
}

#[test]
fn ends_of_trust_stores_and_of_copies_in_requests_are_nobodys() {
    let mut store = files();
    store.options.trust_store = true;
    let held = Held::default()
        .with(store, vec![vec![found(at("/roots", CertificateFacts { role: CertRole::Root, ..ending(1, 5) }), Finding::Expired)]])
        .with(source(SourceKind::KubeCsr, "cluster"), vec![vec![found(at("/csr", ending(2, 5)), Finding::Expired)]]);
    let overview = held.overview();
    assert!(overview.ends.is_empty() && overview.soonest.is_empty() && overview.wrong.is_empty(), "{overview:?}");
}

#[test]
fn what_is_wrong_is_grouped_by_weight_and_kind() {
    let down = |n: i64| {
        let mut target = failing(at(&format!("/down/{n}"), ending(9, 50)), Stage::Read, Reason::NotFound, "x");
        target.failure.as_mut().unwrap().since = UnixTime::from_secs(START.secs() + n);
        target
    };
    let held = Held::default().with(
        files(),
        vec![
            (0..10).map(down).collect(),
            vec![found(at("/weak", ending(1, 50)), Finding::WeakKey), found(at("/old", ending(2, -5)), Finding::Expired)],
            vec![found(at("/weak2", ending(3, 50)), Finding::WeakKey), found(at("/note", ending(4, 50)), Finding::KeyReused)],
        ],
    );
    let overview = held.overview();
    let told: Vec<_> = overview.wrong.iter().map(|wrongs| (wrongs.weight, wrongs.trouble.word(), wrongs.group.places)).collect();
    assert_eq!(
        told,
        [
            (Weight::Critical, "expired", 1),
            (Weight::Warning, "not_found", 10),
            (Weight::Warning, "weak_key", 2),
            (Weight::Note, "key_reused", 1)
        ]
    );
    assert_eq!(overview.wrong[1].group.named.len(), piece::NAMED);
    assert_eq!(overview.weighing(Weight::Warning), (2, 12));
}

#[test]
fn what_nothing_uses_weighs_less_where_users_are_known() {
    let secret = |name: &str, users: usize| {
        let place = Place::Secret { namespace: "shop".into(), name: name.into(), key: "tls.crt".into() };
        let mut target = found(target(place, vec![ending(1, -1)], vec![]), Finding::Expired);
        let used = Use { kind: "Ingress".into(), name: "shop/web".into(), host: "".into() };
        target.circumstances = Some(Arc::new(Circumstances { used_by: vec![used; users].into(), ..Circumstances::default() }));
        target
    };
    let told = |targets: Vec<TargetState>| {
        let overview = Held::default().with(source(SourceKind::KubeSecret, "cluster"), vec![targets]).overview();
        overview.wrong.iter().map(|wrongs| (wrongs.weight, wrongs.unused, wrongs.trouble)).collect::<Vec<_>>()
    };
    let expired = Trouble::Finding(Finding::Expired);
    assert_eq!(told(vec![secret("web", 0)]), [(Weight::Critical, false, expired)], "nobody knows who uses what");
    let both = [(Weight::Critical, false, expired), (Weight::Warning, true, expired)];
    assert_eq!(told(vec![secret("web", 1), secret("left-over", 0)]), both);
}

#[test]
fn namespaces_are_offered_with_their_places() {
    let secret = |namespace: &str, name: &str| {
        let place = Place::Secret { namespace: namespace.into(), name: name.into(), key: "tls.crt".into() };
        target(place, vec![ending(1, 5)], vec![])
    };
    let piece = |number: usize| (0..900).map(|n| secret(&format!("n{}", number * 900 + n), "a")).collect::<Vec<_>>();
    let overview = Held::default().with(source(SourceKind::KubeSecret, "cluster"), vec![piece(0), piece(0), piece(1)]).overview();
    assert_eq!(overview.namespaces.len(), piece::NAMESPACES, "bounded");
    assert_eq!(overview.namespaces["n0"], 2);
}

#[test]
fn whoever_asks_does_not_take_the_snapshot_before_apart() {
    let held = Held::default().with(files(), vec![vec![at("/a", ending(1, 5))]]);
    let digests = Digests::default();
    let first = held.view(1);
    let before = Arc::downgrade(&first);
    let _ = digests.follow(first, NOW);
    let (overview, replaced) = digests.follow(held.view(2), NOW);
    assert_eq!(overview.generation, 2);
    assert!(before.upgrade().is_some(), "it comes back with the answer");
    drop(replaced);
    assert!(before.upgrade().is_none(), "and nothing else holds it");
}

#[test]
fn only_pieces_that_have_changed_are_looked_through_again() {
    let first = Held::default().with(files(), vec![vec![at("/a", ending(1, 5))], vec![at("/b", ending(2, 6))]]);
    let mut kept = Kept::default();
    kept.follow(first.view(1), NOW);
    let known = |kept: &Kept| {
        // Held, so that no other takes the place of one that is gone.
        kept.sources[&files().id].pieces.values().cloned().collect::<Vec<_>>()
    };
    let kept_of = |before: &[Arc<Piece>], kept: &Kept| {
        known(kept).iter().filter(|piece| before.iter().any(|known| Arc::ptr_eq(known, piece))).count()
    };
    let before = known(&kept);
    kept.follow(first.view(2), NOW);
    assert_eq!(kept_of(&before, &kept), 2, "another generation with the same pieces");

    let mut second = first.clone();
    second.0[0].1[1] = Arc::new(vec![Arc::new(at("/b", ending(3, 7)))]);
    kept.follow(second.view(3), NOW);
    assert_eq!(kept_of(&before, &kept), 1, "one of two has changed");
    assert_eq!(kept.merge(3).soonest.iter().map(|ending| &*ending.name).collect::<Vec<_>>(), ["host-1", "host-3"]);

    let before = known(&kept);
    second.0[0].0.options.rotate_at = Some(0.1);
    kept.follow(second.view(4), NOW);
    assert_eq!(kept_of(&before, &kept), 0, "another configuration shows everything otherwise");

    kept.follow(Held::default().view(5), NOW);
    assert!(kept.sources.is_empty(), "a source that is gone is forgotten");
}

/// Hands out one snapshot after the other.
struct Store(std::sync::Mutex<Arc<dyn SnapshotView>>);

impl Snapshots for Store {
    fn load(&self) -> Arc<dyn SnapshotView> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn the_overview_is_that_of_the_newest_snapshot_and_made_once_for_all_who_ask() {
    let held = Held::default().with(files(), vec![vec![at("/a", ending(1, 5))]]);
    let store = Arc::new(Store(std::sync::Mutex::new(held.view(1))));
    let (snapshots, clock): (Arc<dyn Snapshots>, _) = (store.clone(), crate::model::clock::SystemClock::new());
    let digests = Arc::new(Digests::default());
    let all = futures_util::future::join_all((0..20).map(|_| digests.overview(&snapshots, &clock))).await;
    let first = all[0].clone().unwrap();
    assert!(all.iter().all(|overview| overview.as_ref().is_some_and(|overview| Arc::ptr_eq(overview, &first))));
    *store.0.lock().unwrap() = held.view(2);
    let second = digests.overview(&snapshots, &clock).await.unwrap();
    assert_eq!((first.generation, second.generation), (1, 2));

    let weak = Arc::downgrade(&second);
    drop((all, first, second));
    digests.let_go();
    assert!(weak.upgrade().is_none(), "nothing is held when nobody looks");
    assert_eq!(digests.overview(&snapshots, &clock).await.unwrap().generation, 2);
}
