//! The rate limit: one bucket for all requests.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::settings::RateSettings;

/// A bucket that begins full.
#[derive(Debug)]
pub struct Bucket {
    settings: RateSettings,
    /// When it would be full again, counted from any one moment.
    full_at: Mutex<Duration>,
}

impl Bucket {
    /// A full one.
    pub fn new(settings: RateSettings) -> Self {
        Self { settings, full_at: Mutex::new(Duration::ZERO) }
    }

    /// Takes one request out, if there is one. `now` counts from the same moment each time.
    pub fn take(&self, now: Duration) -> bool {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = (*full_at).max(now).saturating_add(self.settings.interval);
        // What is missing then must not be more than the bucket holds.
        let fits = after.saturating_sub(now) <= self.settings.interval.saturating_mul(self.settings.burst);
        if fits {
            *full_at = after;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_for_each_interval() {
        type Row = (&'static str, u64, u32, &'static [(u64, bool)]);
        let ms = Duration::from_millis;
        let rows: [Row; 4] = [
            ("burst of one", 1000, 1, &[(0, true), (0, false), (999, false), (1000, true), (1001, false), (9000, true), (9000, false)]),
            ("burst of three", 1000, 3, &[(0, true), (1, true), (2, true), (3, false), (1001, true), (1001, false), (2500, true)]),
            ("it never holds more than its burst", 10, 2, &[(60_000, true), (60_000, true), (60_000, false)]),
            ("a request that is refused costs nothing", 1000, 1, &[(0, true), (500, false), (999, false), (1000, true)]),
        ];
        for (behaviour, interval, burst, requests) in rows {
            let bucket = Bucket::new(RateSettings { interval: ms(interval), burst });
            let taken: Vec<(u64, bool)> = requests.iter().map(|(at, _)| (*at, bucket.take(ms(*at)))).collect();
            assert_eq!(taken, requests, "{behaviour}");
        }
    }

    #[test]
    fn the_largest_settings_do_not_overflow() {
        let bucket = Bucket::new(RateSettings { interval: Duration::MAX, burst: u32::MAX });
        assert!(bucket.take(Duration::from_secs(1)));
    }
}
