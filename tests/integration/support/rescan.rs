//! A sink that records, and a source that is scanned again and again with what it told before.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use notafter::model::clock::SystemClock;
use notafter::model::{
    BuildContext, BuildError, Clock, Failure, Listing, Material, Observation, Place, Reason, ScanContext, Sink, Source, SourceKind, Stamp,
};
use notafter::source::SourceSettings;

/// Records what a scan hands over.
#[derive(Default)]
pub struct RecordingSink {
    /// What is known from before.
    pub known: BTreeMap<Place, Option<Stamp>>,
    /// What was handed over.
    pub observed: Mutex<Vec<Observation>>,
    /// What was known and has not changed.
    pub unchanged: Mutex<Vec<Place>>,
    /// What belongs to no place.
    pub errors: Mutex<Vec<(Reason, String)>>,
    /// The scan has been given up.
    pub over: AtomicBool,
}

impl Sink for RecordingSink {
    fn observed(&self, observation: Observation) {
        self.observed.lock().unwrap().push(observation);
    }

    fn source_error(&self, failure: Failure) {
        self.errors.lock().unwrap().push((failure.reason, failure.detail.to_string()));
    }

    fn is_unchanged(&self, place: &Place, stamp: Stamp) -> bool {
        let unchanged = self.known.get(place) == Some(&Some(stamp));
        if unchanged {
            self.unchanged.lock().unwrap().push(place.clone());
        }
        unchanged
    }

    fn each_known(&self, visit: &mut dyn FnMut(&Place)) {
        self.known.keys().for_each(visit);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// A source and what it has told so far.
pub struct Watch {
    source: Box<dyn Source>,
    /// Places and stamps, as an engine keeps them.
    pub known: BTreeMap<Place, Option<Stamp>>,
    /// How long after the present the scans say they began: far enough for every file to be settled.
    pub ahead: Duration,
}

/// What one scan told, by the name of the place.
#[derive(Debug, Default)]
pub struct Told {
    /// `Ok` with the bytes, or the reason of the failure.
    pub places: BTreeMap<String, Result<Vec<u8>, Reason>>,
    /// The details of the failures.
    pub details: BTreeMap<String, String>,
    /// Known and not read again.
    pub unchanged: Vec<String>,
    /// What belongs to no place.
    pub errors: Vec<(Reason, String)>,
    /// Passphrases that came with the material.
    pub passphrases: BTreeMap<String, Vec<String>>,
    /// Places told more than once.
    pub repeated: Vec<String>,
}

impl Told {
    /// The places that gave bytes.
    pub fn found(&self) -> Vec<&str> {
        self.places.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(place, _)| &**place).collect()
    }

    /// The places that failed, with the reason.
    pub fn failed(&self) -> Vec<(&str, Reason)> {
        self.places.iter().filter_map(|(place, outcome)| Some((&**place, *outcome.as_ref().err()?))).collect()
    }
}

impl Watch {
    /// Builds a source from the TOML of its table.
    pub fn build(kind: SourceKind, base: &std::path::Path, table: &str) -> Result<Self, BuildError> {
        let settings = SourceSettings::parse(kind, toml::Deserializer::parse(table).unwrap()).unwrap();
        let source = settings.build(&BuildContext { base: base.to_owned() })?.remove(0).1;
        Ok(Self { source, known: BTreeMap::new(), ahead: Duration::from_secs(3600) })
    }

    /// Scans, and keeps what an engine would keep of a complete scan.
    pub fn scan(&mut self) -> Told {
        let (told, listing) = self.scan_with(RecordingSink { known: self.known.clone(), ..RecordingSink::default() });
        assert_eq!(listing.unwrap(), Listing::Complete);
        told
    }

    /// Scans into this sink.
    pub fn scan_with(&mut self, sink: RecordingSink) -> (Told, Result<Listing, Failure>) {
        let sink = Arc::new(sink);
        let clock = Arc::new(SystemClock::new());
        let started_at: SystemTime = clock.now() + self.ahead;
        let cx = ScanContext { sink: Arc::clone(&sink) as Arc<dyn Sink>, clock, started_at, timeout: Duration::from_secs(10) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listing = runtime.block_on(self.source.scan(cx));
        let mut told = Told { errors: std::mem::take(&mut sink.errors.lock().unwrap()), ..Told::default() };
        let mut known = BTreeMap::new();
        for place in std::mem::take(&mut *sink.unchanged.lock().unwrap()) {
            told.unchanged.push(place.to_string());
            known.insert(place.clone(), sink.known[&place]);
        }
        told.unchanged.sort();
        for observation in std::mem::take(&mut *sink.observed.lock().unwrap()) {
            let name = observation.place.to_string();
            known.insert(observation.place, observation.stamp);
            let outcome = match (observation.material, observation.failure) {
                (Some(Material::Blob { bytes, passphrases }), None) => {
                    told.passphrases.insert(name.clone(), passphrases.iter().map(|secret| secret.0.clone()).collect());
                    Ok(bytes)
                }
                (None, Some(failure)) => {
                    told.details.insert(name.clone(), failure.detail.to_string());
                    Err(failure.reason)
                }
                other => panic!("{name}: {other:?}"),
            };
            if told.places.insert(name.clone(), outcome).is_some() || told.unchanged.contains(&name) {
                told.repeated.push(name);
            }
        }
        self.known = known;
        (told, listing)
    }
}
