//! In which order, and how many at once.
//!
//! A target that hangs holds its place in a lane for its whole timeout. Those that timed out last time therefore run in a lane of
//! their own, beside the others and as wide, so that from the second round on they hold up only each other. Both lanes are
//! part of one future: nothing outlives the scan.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::probe::{Done, Job, Prober, Round};
use crate::model::Place;
use crate::net::Resolver;

/// Lookups at once in each lane: each blocks a thread.
const LOOKUPS: usize = 32;

/// The lanes of a source, and what it remembers of the last scan.
pub(super) struct Lanes {
    width: usize,
    /// Each lane has lookups of its own: a name that hangs cannot be given up, and would take the others' turns.
    resolver: Resolver,
    slow_resolver: Resolver,
    /// By place: the order of discovered targets changes from scan to scan.
    timed_out: Mutex<HashSet<Place>>,
}

struct Lane<F> {
    queue: VecDeque<(Job, Duration)>,
    running: FuturesUnordered<F>,
}

impl Lanes {
    /// Lanes that each run so many probes at once.
    pub fn new(width: usize) -> Self {
        Self { width, resolver: Resolver::new(LOOKUPS), slow_resolver: Resolver::new(LOOKUPS), timed_out: Mutex::default() }
    }

    /// Probes every target once.
    ///
    /// May be dropped at any await: probes under way end with it, and what timed out before is remembered.
    pub async fn run(&self, prober: &Prober, round: &Round<'_>) {
        let timed_out_before = self.timed_out().clone();
        let mut timed_out_now = HashSet::new();
        let (mut main, mut slow) = (Lane::new(), Lane::new());
        let place = |job: &Job| round.targets.get(job.target).map(|target| target.place(job.address));
        let was_slow = |job: &Job| !timed_out_before.is_empty() && place(job).is_some_and(|place| timed_out_before.contains(&place));
        let queue = |job: Job, spent: Duration, main: &mut Lane<_>, slow: &mut Lane<_>| {
            let lane = if was_slow(&job) { slow } else { main };
            lane.queue.push_back((job, spent));
        };
        let is_ours = |target: &super::target::Target| round.cx.is_ours(&target.place(None));
        for target in (0..round.targets.len()).filter(|target| round.targets.get(*target).is_some_and(is_ours)) {
            queue(Job { target, address: None }, Duration::ZERO, &mut main, &mut slow);
        }
        loop {
            if round.cx.is_over() {
                return;
            }
            main.start(self.width, |job, spent| prober.run(job, spent, &self.resolver, round));
            slow.start(self.width, |job, spent| prober.run(job, spent, &self.slow_resolver, round));
            let Done { job, timed_out, next } = tokio::select! {
                Some(done) = main.running.next() => done,
                Some(done) = slow.running.next() => done,
                else => break,
            };
            if timed_out && let Some(place) = place(&job) {
                timed_out_now.insert(place.clone());
                self.timed_out().insert(place);
            } else if !timed_out_before.is_empty()
                && let Some(place) = place(&job)
            {
                self.timed_out().remove(&place);
            }
            for (job, spent) in next {
                queue(job, spent, &mut main, &mut slow);
            }
        }
        // Addresses that are gone from their name are forgotten here.
        *self.timed_out() = timed_out_now;
    }

    fn timed_out(&self) -> MutexGuard<'_, HashSet<Place>> {
        self.timed_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = Done>> Lane<F> {
    fn new() -> Self {
        Self { queue: VecDeque::new(), running: FuturesUnordered::new() }
    }

    fn start(&mut self, width: usize, run: impl Fn(Job, Duration) -> F) {
        while self.running.len() < width
            && let Some((job, spent)) = self.queue.pop_front()
        {
            self.running.push(run(job, spent));
        }
    }
}
