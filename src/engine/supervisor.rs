//! All sources: starts, replaces and stops their runners, and starts a runner again that died of a defect.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::plan::plan;
use super::runner::{Runner, deadline};
use super::schedule::Schedule;
pub use super::watch::Parts;
use super::watch::Watch;
use crate::model::{Render, Source, SourceHeader, SourceId, TargetState};

/// A source, built and ready to run.
pub struct SourceSpec {
    /// Which source, and how its targets are shown.
    pub header: SourceHeader,
    /// When it is scanned.
    pub schedule: Schedule,
    /// What looks.
    pub source: Arc<dyn Source>,
    /// Another one than before when any setting has changed; the same means that a reload leaves the source alone.
    pub revision: u64,
}

impl SourceSpec {
    pub(super) fn deadline(&self, now: SystemTime) -> Duration {
        deadline(self.header.options.deadline, &self.schedule, now)
    }
}

/// Runs the sources.
pub struct Supervisor {
    parts: Parts,
    running: BTreeMap<SourceId, Running>,
    restored: HashMap<SourceId, Vec<TargetState>>,
}

struct Running {
    revision: u64,
    watch: Arc<Watch>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Nothing runs yet. `restored` is what an earlier process knew.
    pub fn new(parts: Parts, restored: HashMap<SourceId, Vec<TargetState>>) -> Self {
        Self { parts, running: BTreeMap::new(), restored }
    }

    /// Renders what is started from now on in this way.
    pub fn render_with(&mut self, render: Arc<dyn Render>) {
        self.parts.render = render;
    }

    /// Makes the running sources be these. Unchanged ones go on undisturbed, changed ones keep what they know.
    pub async fn apply(&mut self, specs: Vec<SourceSpec>) {
        let plan = {
            let running = self.running.iter().map(|(id, running)| (id.clone(), running.revision)).collect();
            let wanted = specs.iter().map(|spec| (spec.header.id.clone(), spec.revision)).collect();
            plan(&running, &wanted)
        };
        let mut known = std::mem::take(&mut self.restored);
        for id in plan.stop.iter().chain(&plan.replace) {
            let Some(running) = self.running.remove(id) else { continue };
            running.stop().await;
            running.close().await;
            if plan.replace.contains(id) {
                known.insert(id.clone(), running.watch.known());
            } else {
                self.parts.store.remove(id);
                self.parts.board.take(id);
                self.parts.events.source_removed(id);
            }
        }
        for spec in specs {
            if !plan.keep.contains(&spec.header.id) {
                let targets = known.remove(&spec.header.id).unwrap_or_default();
                self.start(spec, targets).await;
            }
        }
        self.parts.store.open();
        if !self.running.is_empty() {
            info!(
                kept = plan.keep.len(),
                replaced = plan.replace.len(),
                started = plan.start.len(),
                stopped = plan.stop.len(),
                "sources are running"
            );
        }
    }

    /// Stops every source. What is known stays published.
    pub async fn drain(&mut self) {
        for running in self.running.values() {
            let _ = running.stop.send(true);
        }
        for (_, running) in std::mem::take(&mut self.running) {
            running.stop().await;
        }
    }

    async fn start(&mut self, spec: SourceSpec, known: Vec<TargetState>) {
        let id = spec.header.id.clone();
        self.parts.events.source_added(&id);
        let now = self.parts.clock.now().into();
        // What was told before the start is not told again when it comes to other places.
        let renewals = known.iter().filter_map(|state| state.history.as_deref()).flat_map(|history| &history.renewals);
        renewals.for_each(|renewed| self.parts.renewals.remember(&renewed.new));
        let watch = Arc::new(Watch::new(spec.header, self.parts.clone(), known));
        watch.ledger().judge_all(&*self.parts.revocations.load(), now);
        super::once::publish(&watch).await;
        let (stop, stopped) = watch::channel(false);
        let runner = Runner { watch: watch.clone(), source: spec.source, schedule: spec.schedule, stop: stopped };
        #[expect(clippy::disallowed_methods, reason = "the supervisor starts the runners")]
        let task = tokio::spawn(supervise(runner));
        self.running.insert(id, Running { revision: spec.revision, watch, stop, task });
    }
}

impl Running {
    /// What was cut off may still publish, and must not overwrite what the successor does.
    async fn close(&self) {
        let watch = self.watch.clone();
        // A panic in there is told by whoever published.
        _ = tokio::task::spawn_blocking(move || watch.close()).await;
    }

    async fn stop(&self) {
        let _ = self.stop.send(true);
        while !self.task.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Runs a runner; one that dies of a defect is started again after a pause that grows.
async fn supervise(runner: Runner) {
    let mut pause = Duration::from_secs(1);
    while AssertUnwindSafe(runner.run()).catch_unwind().await.is_err() {
        error!(source = %runner.watch.id(), "a defect of this program stopped the source's runner; it starts again in {pause:?}");
        let mut stop = runner.stop.clone();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => (),
        }
        pause = (pause * 2).min(Duration::from_secs(300));
    }
}
