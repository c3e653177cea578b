//! Listens in on a scan: the steps of each endpoint, which no state keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{BoxFuture, Failure, Listing, Observation, Place, ScanContext, Sink, Source, Stamp, Trace};

/// What was heard, by place.
#[derive(Clone, Default)]
pub(super) struct Traces(Arc<Mutex<BTreeMap<Place, Trace>>>);

impl Traces {
    /// The source, listened to.
    pub(super) fn of(&self, source: Box<dyn Source>) -> Box<dyn Source> {
        Box::new(Heard { source, traces: self.clone() })
    }

    /// The steps at a place.
    pub(super) fn at(&self, place: &Place) -> Trace {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned().unwrap_or_default()
    }
}

struct Heard {
    source: Box<dyn Source>,
    traces: Traces,
}

impl Source for Heard {
    fn scan(&self, cx: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        let sink = Arc::new(Ear { sink: cx.sink.clone(), traces: self.traces.clone() });
        self.source.scan(ScanContext { sink, ..cx })
    }
}

struct Ear {
    sink: Arc<dyn Sink>,
    traces: Traces,
}

impl Sink for Ear {
    fn observed(&self, observation: Observation) {
        self.traces.0.lock().unwrap_or_else(PoisonError::into_inner).insert(observation.place.clone(), observation.trace.clone());
        self.sink.observed(observation);
    }

    fn source_error(&self, failure: Failure) {
        self.sink.source_error(failure);
    }

    fn is_unchanged(&self, place: &Place, stamp: Stamp) -> bool {
        self.sink.is_unchanged(place, stamp)
    }

    fn each_known(&self, visit: &mut dyn FnMut(&Place)) {
        self.sink.each_known(visit);
    }

    fn is_over(&self) -> bool {
        self.sink.is_over()
    }
}
