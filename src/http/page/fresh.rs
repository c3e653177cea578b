//! Whether the monitor itself sees: how each source's latest scan went, and whether the next one is late.

use std::time::SystemTime;

use crate::model::{SnapshotView, SourceStatus, UnixTime};

use super::show::Tone;
use super::trouble::Weight;

/// How a source does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// The latest scan could not list it.
    Down,
    /// A scan should have ended some time ago.
    Late,
    /// Its first scan has not ended.
    First,
    /// It was listed, and the next scan is not due.
    Up,
}

impl Health {
    /// Of a source at this moment.
    pub fn of(status: &SourceStatus, now: UnixTime) -> Self {
        match status.up {
            Some(false) => Self::Down,
            None => Self::First,
            Some(true) if is_late(status, now) => Self::Late,
            Some(true) => Self::Up,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Late => "late",
            Self::First => "first scan",
            Self::Up => "up",
        }
    }

    /// How it is shown.
    pub const fn tone(self) -> Tone {
        match self {
            Self::Down | Self::Late => Tone::Wrong(Weight::Critical),
            Self::First => Tone::Plain,
            Self::Up => Tone::Good,
        }
    }
}

/// A scan may take a period, and a minute at least; a minute more is late.
fn is_late(status: &SourceStatus, now: UnixTime) -> bool {
    let seconds = |at: Option<SystemTime>| at.map(|at| UnixTime::from(at).secs());
    let (Some(next), Some(last)) = (seconds(status.next_scan_at), seconds(status.last_scan_at)) else { return false };
    now.secs().saturating_sub(next) > next.saturating_sub(last).max(60).saturating_add(60)
}

/// All sources together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Sources.
    pub sources: u64,
    /// Those that are down.
    pub down: u64,
    /// Those that are late.
    pub late: u64,
    /// Those whose first scan has not ended.
    pub first: u64,
    /// The oldest of the latest scans.
    pub oldest: Option<UnixTime>,
    /// Known places.
    pub places: u64,
    /// Certificates in them.
    pub certificates: u64,
    /// Places with a leaf that nobody owns.
    pub unowned: u64,
}

impl Pulse {
    /// Of a snapshot at this moment.
    pub fn of(view: &dyn SnapshotView, now: UnixTime) -> Self {
        let mut pulse = Self::default();
        view.sources(&mut |_, status| {
            let health = Health::of(status, now);
            pulse.sources += 1;
            pulse.down += u64::from(health == Health::Down);
            pulse.late += u64::from(health == Health::Late);
            pulse.first += u64::from(health == Health::First);
            pulse.places += status.targets;
            pulse.certificates += status.certificates;
            pulse.unowned += status.unowned;
            let last = status.last_scan_at.map(UnixTime::from);
            pulse.oldest = [pulse.oldest, last].into_iter().flatten().min();
        });
        pulse
    }

    /// Whether every source was listed, and none is late.
    pub fn is_well(&self) -> bool {
        self.down == 0 && self.late == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_source_is_late_when_a_scan_should_have_ended() {
        let at = |secs: u64| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(secs));
        for (behaviour, up, last, next, now, health) in [
            ("never scanned", None, None, None, 1_000, Health::First),
            ("not due yet", Some(true), at(1_000), at(1_300), 1_299, Health::Up),
            ("being scanned", Some(true), at(1_000), at(1_300), 1_600, Health::Up),
            ("it takes too long", Some(true), at(1_000), at(1_300), 1_661, Health::Late),
            ("a short period has a minute, too", Some(true), at(1_000), at(1_010), 1_130, Health::Up),
            ("and no more", Some(true), at(1_000), at(1_010), 1_131, Health::Late),
            ("down is worse than late", Some(false), at(1_000), at(1_300), 9_999, Health::Down),
        ] {
            let status = SourceStatus { up, last_scan_at: last, next_scan_at: next, ..SourceStatus::default() };
            assert_eq!(Health::of(&status, UnixTime::from_secs(now)), health, "{behaviour}");
        }
    }
}
