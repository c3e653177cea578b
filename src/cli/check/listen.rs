//! Listens in on a scan: the steps of each endpoint, which no state keeps. Judged as of another time, an endpoint has shown no clock: beside
//! that time it would be wrong by all that lies between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{
    ApiEvent, BoxFuture, Circumstances, Failure, Labels, Listing, Material, Observation, Place, ScanContext, Sink, Source, Stamp, Trace,
};

/// What was heard, by place.
#[derive(Clone, Default)]
pub(super) struct Traces {
    heard: Arc<Mutex<BTreeMap<Place, Trace>>>,
    other_time: bool,
}

impl Traces {
    /// Nothing yet. `other_time`: what is found is judged as of another time than now.
    pub(super) fn new(other_time: bool) -> Self {
        Self { other_time, ..Self::default() }
    }

    /// The source, listened to.
    pub(super) fn of(&self, source: Box<dyn Source>) -> Box<dyn Source> {
        Box::new(Heard { source, traces: self.clone() })
    }

    /// The steps at a place.
    pub(super) fn at(&self, place: &Place) -> Trace {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned().unwrap_or_default()
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
    fn observed(&self, mut observation: Observation) {
        if self.traces.other_time
            && let Some(Material::Handshake(shown)) = &mut observation.material
        {
            shown.clock = None;
        }
        self.traces.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(observation.place.clone(), observation.trace.clone());
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

    fn is_ours(&self, place: &Place) -> bool {
        self.sink.is_ours(place)
    }

    fn described(&self, place: &Place, labels: Option<Arc<Labels>>, circumstances: Option<Arc<Circumstances>>) {
        self.sink.described(place, labels, circumstances);
    }

    fn gone(&self, place: &Place) {
        self.sink.gone(place);
    }

    fn retain(&self, is_kept: &mut dyn FnMut(&Place) -> bool) {
        self.sink.retain(is_kept);
    }

    fn api_event(&self, event: ApiEvent) {
        self.sink.api_event(event);
    }

    fn is_over(&self) -> bool {
        self.sink.is_over()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::UnixTime;
    use crate::model::observation::{Handshake, Possession, ShownTime};

    /// Remembers which observations came with a clock.
    #[derive(Default)]
    struct Clocks(Mutex<Vec<bool>>);

    impl Sink for Clocks {
        fn observed(&self, observation: Observation) {
            let Some(Material::Handshake(shown)) = observation.material else { panic!("a handshake") };
            self.0.lock().unwrap().push(shown.clock.is_some());
        }

        fn source_error(&self, _: Failure) {}

        fn is_unchanged(&self, _: &Place, _: Stamp) -> bool {
            false
        }

        fn each_known(&self, _: &mut dyn FnMut(&Place)) {}

        fn is_over(&self) -> bool {
            false
        }
    }

    #[test]
    fn as_of_another_time_no_clock_is_compared() {
        for other_time in [false, true] {
            let clocks = Arc::new(Clocks::default());
            let shown = Handshake {
                chain: Vec::new(),
                staple: None,
                server_name: "a".into(),
                roots: None,
                version: None,
                cipher: None,
                group: None,
                alpn: None,
                client_certificate_requested: false,
                possession: Possession::Missing,
                method: crate::model::Method::Rustls,
                old_tls_accepted: false,
                client: Default::default(),
                clock: Some(ShownTime { at: UnixTime::from_secs(1), ago: Duration::ZERO }),
            };
            let place = Place::Endpoint { target: "a:1".into(), server_name: "a".into(), address: None };
            let ear = Ear { sink: clocks.clone(), traces: Traces::new(other_time) };
            ear.observed(Observation::found(place, Material::Handshake(Box::new(shown))));
            assert_eq!(*clocks.0.lock().unwrap(), [!other_time]);
        }
    }
}
