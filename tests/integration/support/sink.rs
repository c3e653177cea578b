//! Runs one scan of a source without the engine, and remembers what it hands over.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use notafter::model::clock::SystemClock;
use notafter::model::{Failure, Listing, Observation, Place, ScanContext, Sink, Source, Stamp};

/// What a scan handed over.
#[derive(Default)]
pub struct Recorded {
    /// In the order in which they came.
    pub observations: Mutex<Vec<Observation>>,
    /// Errors of the source itself.
    pub errors: Mutex<Vec<Failure>>,
    known: Vec<(Place, Option<Stamp>)>,
}

impl Recorded {
    /// A sink that knows these from before.
    pub fn knowing(known: impl IntoIterator<Item = (Place, Option<Stamp>)>) -> Self {
        Self { known: known.into_iter().collect(), ..Self::default() }
    }
}

impl Sink for Recorded {
    fn observed(&self, observation: Observation) {
        self.observations.lock().unwrap().push(observation);
    }

    fn source_error(&self, failure: Failure) {
        self.errors.lock().unwrap().push(failure);
    }

    fn is_unchanged(&self, place: &Place, stamp: Stamp) -> bool {
        self.known.iter().any(|(known, with)| known == place && *with == Some(stamp))
    }

    fn each_known(&self, visit: &mut dyn FnMut(&Place)) {
        self.known.iter().for_each(|(place, _)| visit(place));
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// One scan, into this sink.
pub async fn scan_into(source: &dyn Source, sink: &Arc<Recorded>, timeout: Duration) -> Result<Listing, Failure> {
    #[allow(clippy::disallowed_methods)]
    let started_at = SystemTime::now();
    source.scan(ScanContext { sink: sink.clone(), clock: Arc::new(SystemClock::new()), started_at, timeout }).await
}

/// One complete scan that knows nothing from before, and its observations.
pub async fn scan(source: &dyn Source, timeout: Duration) -> Vec<Observation> {
    let sink = Arc::new(Recorded::default());
    assert_eq!(scan_into(source, &sink, timeout).await.unwrap(), Listing::Complete);
    std::mem::take(&mut *sink.observations.lock().unwrap())
}
