//! Times the file source alone: the first scan of a folder, then one where nothing has changed. Nothing is decoded.
//!
//! `walk PATTERN`: prints what was done, how many files, and milliseconds.

#![expect(clippy::disallowed_methods, reason = "a stopwatch outside the program")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use notafter::model::clock::SystemClock;
use notafter::model::{BuildContext, Failure, Observation, Place, ScanContext, Sink, Stamp};
use notafter::source::{Settings, file::FileSettings};

/// Keeps the stamps alone.
#[derive(Default)]
struct Stamps {
    known: Mutex<HashMap<Place, Option<Stamp>>>,
    unchanged: Mutex<u64>,
}

impl Sink for Stamps {
    fn observed(&self, observation: Observation) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(observation.place, observation.stamp);
    }

    fn source_error(&self, _: Failure) {}

    fn is_unchanged(&self, place: &Place, stamp: Stamp) -> bool {
        let same = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(place) == Some(&Some(stamp));
        *self.unchanged.lock().unwrap_or_else(PoisonError::into_inner) += u64::from(same);
        same
    }

    fn each_known(&self, _: &mut dyn FnMut(&Place)) {}

    fn is_over(&self) -> bool {
        false
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let pattern = std::env::args().nth(1).ok_or("usage: walk PATTERN")?;
    let source = FileSettings::of(vec![pattern]).build(&BuildContext { base: std::env::current_dir()? })?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let sink = Arc::new(Stamps::default());
    for what in ["first scan", "rescan", "rescan"] {
        let cx = ScanContext {
            sink: Arc::clone(&sink) as Arc<dyn Sink>,
            clock: Arc::new(SystemClock::new()),
            // A corpus made a moment ago counts as settled.
            started_at: SystemTime::now() + Duration::from_secs(60),
            timeout: Duration::from_secs(10),
        };
        let begun = Instant::now();
        runtime.block_on(source.scan(cx)).map_err(|failure| failure.to_string())?;
        let (elapsed, known) = (begun.elapsed(), sink.known.lock().unwrap_or_else(PoisonError::into_inner).len());
        let unchanged = std::mem::take(&mut *sink.unchanged.lock().unwrap_or_else(PoisonError::into_inner));
        println!("{what}: {known} files, {unchanged} unchanged, {:.1} ms", elapsed.as_secs_f64() * 1e3);
    }
    Ok(())
}
