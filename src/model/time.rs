//! Points in time as certificates state them: whole seconds since the Unix epoch, before it too.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Whole seconds since 1970-01-01T00:00:00Z; negative before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixTime(i64);

impl UnixTime {
    /// A time from its Unix seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// The Unix seconds.
    pub const fn secs(self) -> i64 {
        self.0
    }

    /// This time and so much; stops at the ends of the range.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)))
    }

    /// Seconds from `earlier` to this time, 0 when it lies later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC (`2026-11-23T18:44:52Z`); the bare number where no calendar reaches.
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp(self.0).ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| self.0.to_string())
    }

    /// The same instant for the standard library; the epoch when it cannot hold it.
    pub fn system_time(self) -> SystemTime {
        let distance = Duration::from_secs(self.0.unsigned_abs());
        if self.0 >= 0 { SystemTime::UNIX_EPOCH.checked_add(distance) } else { SystemTime::UNIX_EPOCH.checked_sub(distance) }
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl From<SystemTime> for UnixTime {
    fn from(at: SystemTime) -> Self {
        match at.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_secs()).unwrap_or(i64::MAX)),
            Err(before) => Self(i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs)),
        }
    }
}

impl std::fmt::Display for UnixTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_covers_the_calendar_and_falls_back_beyond_it() {
        assert_eq!(UnixTime::from_secs(0).rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(UnixTime::from_secs(-1).rfc3339(), "1969-12-31T23:59:59Z");
        assert_eq!(UnixTime::from_secs(253_402_300_799).rfc3339(), "9999-12-31T23:59:59Z");
        assert_eq!(UnixTime::from_secs(i64::MAX).rfc3339(), i64::MAX.to_string());
    }

    #[test]
    fn system_time_goes_there_and_back() {
        for secs in [-86_400, 0, 1_700_000_000] {
            assert_eq!(UnixTime::from(UnixTime::from_secs(secs).system_time()).secs(), secs);
        }
    }
}
