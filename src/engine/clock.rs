//! A clock that is not believed at once when it jumps: a wrong date for a minute must not make findings of everything.
//!
//! May touch: the clock of `model`. Steps of more than two minutes either way are doubted: for ten minutes the time goes on from where it was,
//! by the clock that counts since boot. Then the machine's date is taken, whatever it is.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use tracing::{info, warn};

use crate::model::clock::{SystemClock, sleep_until};
use crate::model::{BoxFuture, Clock};

/// Smaller steps are taken at once: clocks are set.
const STEP: Duration = Duration::from_secs(120);
/// So long a step is doubted.
const DOUBTED_FOR: Duration = Duration::from_secs(600);
/// A date before this one was never right (2025-01-01): a machine without a battery boots at the epoch.
const NEVER_BEFORE: Duration = Duration::from_secs(1_735_689_600);

/// The machine's clock, doubted when it jumps.
#[derive(Debug)]
pub struct SteadyClock {
    machine: SystemClock,
    belief: Mutex<Belief>,
}

/// What the time is believed to be.
#[derive(Debug)]
struct Belief {
    /// The date at the moment `since_boot`.
    date: SystemTime,
    since_boot: Duration,
    doubted_at: Option<Duration>,
}

/// Something that is worth a line in the log.
#[derive(Debug, PartialEq)]
enum Said {
    Doubted,
    Taken,
    Back,
}

impl SteadyClock {
    /// Believes the machine's date as it is now.
    pub fn new() -> Self {
        let machine = SystemClock::new();
        let belief = Belief { date: machine.now(), since_boot: since_boot(), doubted_at: None };
        Self { machine, belief: Mutex::new(belief) }
    }
}

impl Default for SteadyClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> SystemTime {
        let (date, since_boot) = (self.machine.now(), since_boot());
        let (now, said) = self.belief.lock().unwrap_or_else(PoisonError::into_inner).tell(date, since_boot);
        let shown = |at: SystemTime| crate::model::UnixTime::from(at).rfc3339();
        match said {
            Some(Said::Doubted) => warn!(
                believed = shown(now),
                "the machine's clock jumped to {}; it is not believed before it has stayed so for {DOUBTED_FOR:?}",
                shown(date)
            ),
            Some(Said::Taken) => warn!("the machine's clock stays as it is: the date is {} from now on", shown(now)),
            Some(Said::Back) => info!("the machine's clock has jumped back; it is {}", shown(now)),
            None => {}
        }
        now
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    fn sleep_until(&self, at: SystemTime) -> BoxFuture<'_, ()> {
        Box::pin(sleep_until(self, at))
    }
}

impl Belief {
    fn tell(&mut self, date: SystemTime, since_boot: Duration) -> (SystemTime, Option<Said>) {
        let expected = self.date + since_boot.saturating_sub(self.since_boot);
        let apart = date.duration_since(expected).unwrap_or_else(|error| error.duration());
        let was_never_right = expected < SystemTime::UNIX_EPOCH + NEVER_BEFORE;
        if apart <= STEP || was_never_right {
            let said = self.doubted_at.is_some().then_some(Said::Back);
            *self = Self { date, since_boot, doubted_at: None };
            return (date, said);
        }
        match self.doubted_at {
            None => {
                self.doubted_at = Some(since_boot);
                (expected, Some(Said::Doubted))
            }
            Some(since) if since_boot.saturating_sub(since) >= DOUBTED_FOR => {
                *self = Self { date, since_boot, doubted_at: None };
                (date, Some(Said::Taken))
            }
            Some(_) => (expected, None),
        }
    }
}

/// Goes on while the machine is suspended, and never back.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: i64 = 365 * 86_400;
    const START: i64 = 1_800_000_000;

    fn at(secs: i64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(secs).unwrap())
    }

    /// What is believed at each moment: seconds since the start, and how far the machine's clock is off.
    fn believed(moments: &[(i64, i64)]) -> Vec<i64> {
        let mut belief = Belief { date: at(START), since_boot: Duration::ZERO, doubted_at: None };
        let tell = |(passed, off): &(i64, i64)| {
            let since_boot = Duration::from_secs(u64::try_from(*passed).unwrap());
            let (now, _) = belief.tell(at(START + passed + off), since_boot);
            crate::model::UnixTime::from(now).secs() - START
        };
        moments.iter().map(tell).collect()
    }

    #[test]
    fn a_jump_is_believed_only_when_it_stays() {
        assert_eq!(believed(&[(10, 0), (20, YEAR), (300, YEAR), (619, YEAR)]), [10, 20, 300, 619], "forward: doubted");
        assert_eq!(believed(&[(10, 0), (20, YEAR), (620, YEAR), (630, YEAR)]), [10, 20, 620 + YEAR, 630 + YEAR], "it stayed");
        assert_eq!(believed(&[(10, 0), (20, -YEAR), (300, -YEAR), (310, 0)]), [10, 20, 300, 310], "back and right again");
        assert_eq!(believed(&[(10, 60), (20, -40), (30, 50)]), [70, -20, 80], "clocks are set a little all the time");
        assert_eq!(believed(&[(10, 0), (100_000, 0)]), [10, 100_000], "a suspended machine has not jumped");
    }

    #[test]
    fn a_machine_that_boots_at_the_epoch_is_corrected_at_once() {
        let mut belief = Belief { date: at(100), since_boot: Duration::ZERO, doubted_at: None };
        assert_eq!(belief.tell(at(START), Duration::from_secs(5)).0, at(START));
    }
}
