//! The service at work: it follows snapshots, starts what the core asks for, feeds what comes back in, and publishes views.
//!
//! May touch: `model`, `pki`, `net`, the cache. Everything slow runs beside it: fetches as futures of its own, scans on threads for blocking
//! work. Cancel safe: what is cut off is fetched again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tracing::{debug, warn};

use super::cache::Cache;
use super::core::{Core, Job};
use super::jobs::{Done, Tools};
use super::settings::Settings;
use super::view::Views;
use crate::model::{BoxFuture, Clock, Events, Snapshots, UnixTime};
use crate::net::Fetcher;
use crate::pki::ocsp::DelegateCache;

/// Jobs under way at once.
const AT_ONCE: usize = 64;
/// How often a new snapshot is looked for.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// How often the rows of lists and responders are made.
const ROWS_EVERY: Duration = Duration::from_secs(1);
/// How often they are looked at for what time alone changes.
const TIME_EVERY: Duration = Duration::from_secs(30);
/// How often the cache is told what is in use.
const MARKS_EVERY: Duration = Duration::from_secs(300);

/// What the service works with.
pub struct Parts {
    /// What is watched.
    pub snapshots: Arc<dyn Snapshots>,
    /// Where views go.
    pub views: Arc<Views>,
    /// Fetches within the egress policy.
    pub fetcher: Fetcher,
    /// Keeps what was fetched.
    pub cache: Arc<Cache>,
    /// Counts fetches.
    pub events: Arc<dyn Events>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The revocation service.
pub struct Service {
    core: Arc<Mutex<Core>>,
    views: Arc<Views>,
    snapshots: Arc<dyn Snapshots>,
    clock: Arc<dyn Clock>,
    tools: Arc<Tools>,
    generation: Option<u64>,
    /// When rows are looked at again: by the clock that never goes back.
    rows_at: Duration,
    time_at: Duration,
    marks_at: Option<Duration>,
}

impl Service {
    /// A service that has done nothing yet.
    pub fn new(settings: Settings, parts: Parts) -> Self {
        let Parts { snapshots, views, fetcher, cache, events, clock } = parts;
        let settings = Arc::new(settings);
        let tools = Arc::new(Tools {
            fetcher,
            cache,
            events,
            clock: clock.clone(),
            settings: settings.clone(),
            delegates: DelegateCache::default(),
        });
        let core = Arc::new(Mutex::new(Core::new(settings)));
        views.belong_to(&core);
        Self { core, views, snapshots, clock, tools, generation: None, rows_at: Duration::ZERO, time_at: Duration::ZERO, marks_at: None }
    }

    /// Works for ever.
    pub async fn run(&mut self) {
        self.work(false).await;
    }

    /// Works until everything that is needed has been tried once.
    pub async fn settle(&mut self) {
        self.work(true).await;
    }

    async fn work(&mut self, until_settled: bool) {
        let mut running: FuturesUnordered<BoxFuture<'static, Done>> = FuturesUnordered::new();
        loop {
            self.follow().await;
            for job in self.jobs(AT_ONCE.saturating_sub(running.len())).await {
                debug!(job = job.name(), "started");
                running.push(self.tools.clone().run(self.core.clone(), job));
            }
            if until_settled && running.is_empty() && lock(&self.core).is_settled() {
                self.rows_at = Duration::ZERO;
                self.follow().await;
                return;
            }
            let pause = self.pause();
            tokio::select! {
                Some(done) = running.next(), if !running.is_empty() => {
                    let mut ended = vec![done];
                    // Whatever has ended meanwhile is taken at once: judging goes by groups.
                    while let Some(Some(done)) = running.next().now_or_never() {
                        ended.push(done);
                    }
                    self.ended(ended).await;
                }
                () = tokio::time::sleep(pause) => (),
            }
        }
    }

    /// Follows the newest snapshot, judges what changed and publishes it.
    async fn follow(&mut self) {
        let snapshot = self.snapshots.load();
        let generation = snapshot.generation();
        let is_new = self.generation.replace(generation) != Some(generation);
        let (rows, marks) = (self.rows_due(), self.marks_due());
        let (core, views, now, tools) = (self.core.clone(), self.views.clone(), self.now(), self.tools.clone());
        self.blocking(move || {
            let mut core = lock(&core);
            if is_new {
                core.follow(snapshot);
            }
            let changes = core.judge(&views.view(), now);
            views.publish(changes);
            if marks {
                tools.mark(&core);
            }
            if rows {
                let changes = core.rows(&views.view(), now);
                views.publish(changes);
            }
        })
        .await;
    }

    async fn jobs(&self, room: usize) -> Vec<Job> {
        let (core, now) = (self.core.clone(), self.now());
        self.blocking(move || lock(&core).jobs(now, room)).await.unwrap_or_default()
    }

    async fn ended(&self, done: Vec<Done>) {
        let (core, now) = (self.core.clone(), self.now());
        let tools = self.tools.clone();
        self.blocking(move || {
            tools.keep_answers(&done);
            let mut core = lock(&core);
            done.into_iter().for_each(|done| tools.ended(&mut core, done, now));
        })
        .await;
    }

    /// Runs what takes its time off the async threads. A panic there is a defect, and ends no more than this step.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => Some(done),
            Err(error) => {
                warn!("a defect of this program in the revocation service, caught; please report it: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                None
            }
        }
    }

    /// Rows are made of everything: once a second is enough, and once a minute for what time alone changes.
    fn rows_due(&mut self) -> bool {
        let now = self.clock.monotonic();
        if now >= self.time_at {
            self.time_at = now + TIME_EVERY;
            lock(&self.core).time_passed();
        }
        let due = now >= self.rows_at;
        if due {
            self.rows_at = now + ROWS_EVERY;
        }
        due
    }

    /// Only after a while: at the start nothing is collected yet, and everything would seem unused.
    fn marks_due(&mut self) -> bool {
        let now = self.clock.monotonic();
        let at = *self.marks_at.get_or_insert(now + MARKS_EVERY);
        let due = now >= at;
        if due {
            self.marks_at = Some(now + MARKS_EVERY);
        }
        due
    }

    fn pause(&self) -> Duration {
        let now = self.now();
        let due = lock(&self.core).next_due();
        due.map_or(FOLLOW_EVERY, |due| due.since(now)).clamp(Duration::from_millis(20), FOLLOW_EVERY)
    }

    fn now(&self) -> UnixTime {
        UnixTime::from(self.clock.now())
    }
}

fn lock(core: &Mutex<Core>) -> MutexGuard<'_, Core> {
    core.lock().unwrap_or_else(PoisonError::into_inner)
}
