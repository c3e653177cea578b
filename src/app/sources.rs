//! From the configuration's sources to the engine's: built, and given a revision that changes when any setting does.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::progress::Progress;
use crate::config::{Config, SourceConfig};
use crate::engine::store::{Snapshot, SnapshotStore};
use crate::engine::{Parts, Relating, Round, SourceSpec, look_once};
use crate::metrics::{Counters, Exposition, Renderer};
use crate::model::clock::SystemClock;
use crate::model::vocabulary::Compatibility;
use crate::model::{BoxFuture, BuildError, Clock, RevocationView, Shard, SourceHeader, SourceId, UnixTime};
use crate::revocation::Views;
use crate::revocation::cache::{Cache, CacheLimits};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const REVISION: Option<&str> = option_env!("NOTAFTER_REVISION");

/// A source cannot be built from its settings.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: [sources.{name}] {error}")]
pub struct SourceError {
    origin: String,
    name: Arc<str>,
    error: BuildError,
}

/// The sources of the configuration in force, each with its revision.
#[derive(Clone, Debug, Default)]
pub struct Running {
    sources: BTreeMap<SourceId, (SourceConfig, std::path::PathBuf, u64)>,
    revision: u64,
}

impl Running {
    /// Builds every source of a configuration. A source whose settings are as before keeps its revision.
    ///
    /// # Errors
    /// The first source that cannot be built; nothing is changed then.
    pub fn build(&mut self, config: &Config) -> Result<Vec<SourceSpec>, SourceError> {
        let cx = config.build_context();
        let mut revision = self.revision;
        let mut sources = BTreeMap::new();
        let mut specs = Vec::new();
        for source in &config.sources {
            let built = source.settings.build(&cx).map_err(|error| SourceError {
                origin: config.origin.to_string(),
                name: source.id.name.clone(),
                error,
            })?;
            let known = self.sources.get(&source.id).filter(|(known, base, _)| known == source && *base == cx.base);
            let revision = known.map(|(_, _, revision)| *revision).unwrap_or_else(|| {
                revision += 1;
                revision
            });
            specs.extend(built.into_iter().map(|(kind, built)| SourceSpec {
                header: SourceHeader { id: SourceId { kind, name: source.id.name.clone() }, options: source.options.clone() },
                schedule: source.schedule.clone(),
                source: built.into(),
                revision,
            }));
            sources.insert(source.id.clone(), (source.clone(), cx.base.clone(), revision));
        }
        (self.sources, self.revision) = (sources, revision);
        Ok(specs)
    }

    /// Makes every source of the next build a changed one.
    pub fn forget(&mut self) {
        self.sources.clear();
    }
}

/// What one round of some sources found.
pub struct Seen {
    /// The state after it.
    pub snapshot: Arc<Snapshot>,
    /// What was known of revocation.
    pub revocation: Arc<dyn RevocationView>,
    /// How each source's round ended.
    pub rounds: Vec<Round>,
    counters: Arc<Counters>,
}

impl Seen {
    /// All of it as exposition text, without what is about this process.
    ///
    /// # Errors
    /// None in practice: only memory is written to.
    pub fn text(&self) -> std::io::Result<Vec<u8>> {
        text(&self.snapshot, &self.counters)
    }

    /// The counters of the sources alone.
    ///
    /// # Errors
    /// As [`Seen::text`].
    pub fn counters_text(&self) -> std::io::Result<Vec<u8>> {
        text(&Snapshot::default(), &self.counters)
    }
}

/// What an exporter that watches nothing says about itself.
///
/// # Errors
/// None in practice: only memory is written to, and no input changes what is registered.
pub fn own_text() -> std::io::Result<Vec<u8>> {
    text(&Snapshot::default(), &Counters::new(VERSION, REVISION).map_err(std::io::Error::other)?)
}

fn text(snapshot: &Snapshot, counters: &Counters) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Exposition::new().scrape(snapshot, counters).write_to(&mut text)?;
    Ok(text)
}

/// The renderer that this configuration asks for.
pub(super) fn renderer(compatibility: &[Compatibility]) -> Arc<Renderer> {
    Arc::new(Renderer::new(compatibility.contains(&Compatibility::Enix)))
}

/// Looks at sources once, outside the exporter, and asks for revocation. `cached`: with the exporter's cache. `at` judges as of that time
/// instead of now.
///
/// # Errors
/// The metric registry could not be made; no input does that.
pub async fn look(specs: Vec<SourceSpec>, config: &Config, cached: bool, at: Option<UnixTime>) -> Result<Seen, String> {
    let plan = super::revocation::plan(&config.revocation).map_err(|error| error.to_string())?;
    let cache = Arc::new(if cached { super::revocation::cache(config) } else { Cache::memory(CacheLimits::default()) });
    let counters = Arc::new(Counters::of_sources(VERSION, REVISION).map_err(|error| error.to_string())?);
    let store = Arc::new(SnapshotStore::default());
    let clock: Arc<dyn Clock> = match at {
        Some(at) => Arc::new(FixedClock { at, machine: SystemClock::new() }),
        None => Arc::new(SystemClock::new()),
    };
    let views = Arc::new(Views::default());
    let render = renderer(&config.metrics.compatibility);
    let parts = Parts {
        store: store.clone(),
        render,
        events: counters.clone(),
        clock,
        revocations: views.clone(),
        shard: Shard::default(),
        board: Arc::default(),
        renewals: Arc::default(),
    };
    let relate = super::revocation::relate();
    let relating = Relating::new(move || relate().at_once(), parts.clone());
    let settled = super::revocation::settle(plan, cache, views, &parts);
    let mut progress = Progress::new();
    let watching = async {
        loop {
            progress.show(&store.load());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let rounds = tokio::select! {
        rounds = look_once(specs, &parts, &relating, settled) => rounds,
        () = watching => Vec::new(),
    };
    progress.clear();
    Ok(Seen { snapshot: store.load(), revocation: parts.revocations.load(), rounds, counters })
}

/// A clock whose date stands still; durations go on.
struct FixedClock {
    at: UnixTime,
    machine: SystemClock,
}

impl Clock for FixedClock {
    fn now(&self) -> std::time::SystemTime {
        self.at.system_time()
    }

    fn monotonic(&self) -> std::time::Duration {
        self.machine.monotonic()
    }

    fn sleep_until(&self, at: std::time::SystemTime) -> BoxFuture<'_, ()> {
        self.machine.sleep_until(at)
    }
}
