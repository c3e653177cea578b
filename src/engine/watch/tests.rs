//! What is published while a scan goes on.

use std::sync::Weak;

use super::*;
use crate::engine::testing::{CountingRender, Recorded};
use crate::model::clock::SystemClock;
use crate::model::revocation::NoRevocations;
use crate::model::{Failure, Observation, Place, Reason, Relations, Rendered, Services, Sink, SourceKind, SourceOptions, Stage};

/// Sees one file more, and ends the scan, while it renders for the first time.
#[derive(Default)]
struct Slow {
    watch: Mutex<Weak<Watch>>,
    counting: CountingRender,
}

impl Render for Slow {
    fn targets(&self, header: &SourceHeader, targets: &mut dyn Iterator<Item = &TargetState>) -> Rendered {
        if let Some(watch) = std::mem::take(&mut *lock(&self.watch)).upgrade() {
            see(&watch, "/late");
            watch.status().up = Some(true);
        }
        self.counting.targets(header, targets)
    }

    fn source(&self, header: &SourceHeader, status: &SourceStatus) -> Rendered {
        self.counting.source(header, status)
    }

    fn services(&self, services: &Services) -> Rendered {
        self.counting.services(services)
    }

    fn relations(&self, relations: &Relations) -> Rendered {
        self.counting.relations(relations)
    }

    fn series(&self, header: &SourceHeader, target: &TargetState) -> u64 {
        self.counting.series(header, target)
    }
}

fn see(watch: &Arc<Watch>, path: &str) {
    let failure = Failure::new(Stage::Read, Reason::ReadFailed, "test");
    super::super::sink::ScanSink::following(watch.clone()).observed(Observation::failed(Place::file(path), failure));
}

#[test]
fn a_scan_that_ends_during_a_publication_has_not_ended_for_it() {
    let render = Arc::new(Slow::default());
    let parts = Parts {
        store: Arc::new(SnapshotStore::default()),
        render: render.clone(),
        events: Arc::new(Recorded::default()),
        clock: Arc::new(SystemClock::new()),
        revocations: Arc::new(NoRevocations::default()),
        shard: Shard::default(),
        board: Arc::default(),
        renewals: Arc::default(),
    };
    let id = SourceId { kind: SourceKind::File, name: "s".into() };
    let watch = Arc::new(Watch::new(SourceHeader { id: id.clone(), options: SourceOptions::default() }, parts, Vec::new()));
    *lock(&render.watch) = Arc::downgrade(&watch);
    see(&watch, "/early");
    let published = || {
        watch.publish();
        let source = watch.parts.store.load().sources[&id].clone();
        (source.status.up, source.status.targets, source.targets().count())
    };
    assert_eq!(published(), (None, 1, 1), "what the scan still found is not in it, so neither is its end");
    assert_eq!(published(), (Some(true), 2, 2));
}
