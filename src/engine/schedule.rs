//! When a source is looked at: crontab(5) expressions and `@every`, in UTC.
//!
//! Pure: every question takes its time as an argument. The only file that knows the `cron` and `chrono` crates. What a user
//! writes means what crontab(5) says; the crate, which counts Sunday as 1, ands the two day fields and wants seconds, is
//! given plain lists of numbers.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Datelike, Utc};

use crate::model::HumanDuration;
use crate::model::quantity::QuantityError;

mod expression;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// The longest wait between two rounds that `@every` takes: longer ones are typing errors.
const LONGEST_INTERVAL: Duration = Duration::from_secs(366 * 86_400);
/// A splay is never longer than this.
const LONGEST_SPLAY: Duration = Duration::from_secs(30);
/// How many fires [`Schedule::period`] looks at.
const FIRES_OF_A_PERIOD: usize = 50;
/// Where [`Schedule::fires_between`] stops counting.
const MOST_FIRES: u64 = 1000;
/// The last year that the `cron` crate knows.
const LAST_YEAR: i32 = 2100;
/// What stands for the next fire beyond [`LAST_YEAR`].
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);

/// A schedule as written, and what it means. Equal when written equally.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    text: Box<str>,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// At the multiples of this since the Unix epoch.
    Every(Duration),
    /// At these dates.
    Calendar(Box<cron::Schedule>),
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// Neither five nor six fields, nor one of the names.
    #[error("expected a schedule such as \"*/5 * * * *\" (five fields, or six with seconds first) or \"@every 30s\", found {found:?}")]
    Form {
        /// What stands there.
        found: String,
    },
    /// A name that begins with `@`, but none that is known.
    #[error("expected \"@every <duration>\", @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually, found {found:?}")]
    Name {
        /// What stands there.
        found: String,
    },
    /// The interval of `@every` is no duration.
    #[error("@every: {0}")]
    Interval(#[from] QuantityError),
    /// The interval of `@every` is too long.
    #[error("@every: expected at most \"366d\", found {found:?}")]
    LongInterval {
        /// What stands there.
        found: String,
    },
    /// A field that does not say what it should.
    #[error("{field} of the schedule: {message}")]
    Field {
        /// `minute`, `day of week` …
        field: &'static str,
        /// What was expected and found.
        message: String,
    },
    /// Both day fields are restricted.
    #[error(
        "day of month {month_day:?} and day of week {week_day:?} are both restricted: crontab(5) fires on either, other programs only where both hold; \
         write \"*\" for one of them, or split the source in two"
    )]
    BothDays {
        /// The day of month as written.
        month_day: String,
        /// The day of week as written.
        week_day: String,
    },
    /// No date matches, as for 30 February.
    #[error("never fires: no month of {months:?} has a day {days:?}")]
    Never {
        /// The day of month as written.
        days: String,
        /// The month as written.
        months: String,
    },
}

impl Schedule {
    /// Reads five fields, six fields (seconds first), `@every <duration>`, `@hourly`, `@daily`, `@midnight`, `@weekly`,
    /// `@monthly`, `@yearly` or `@annually`.
    ///
    /// # Errors
    /// It is none of these, or it never fires.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let rule = match words.as_slice() {
            [name, interval] if name.eq_ignore_ascii_case("@every") => Rule::Every(every(interval)?),
            [name] if name.starts_with('@') => calendar(named(name)?)?,
            [name, ..] if name.starts_with('@') => return Err(ScheduleError::Name { found: text.to_owned() }),
            [minute, hour, day, month, week_day] => calendar(["0", minute, hour, day, month, week_day])?,
            [second, minute, hour, day, month, week_day] => calendar([second, minute, hour, day, month, week_day])?,
            _ => return Err(ScheduleError::Form { found: text.to_owned() }),
        };
        Ok(Self { text: text.into(), rule })
    }

    /// The first fire later than `after`.
    ///
    /// `@every` fires at the multiples of its interval since the Unix epoch, whenever the process was started, so that two
    /// replicas fire together. After the year 2100, where the calendar of the `cron` crate ends, it is a year after `after`.
    pub fn next(&self, after: SystemTime) -> SystemTime {
        self.fire_after(after).or_else(|| after.checked_add(A_YEAR)).unwrap_or(after)
    }

    /// The shortest distance between two of the next 50 fires: what a round has time for.
    pub fn period(&self, at: SystemTime) -> Duration {
        if let Rule::Every(interval) = self.rule {
            return interval;
        }
        let mut shortest = None;
        let mut last = self.fire_after(at);
        for _ in 0..FIRES_OF_A_PERIOD {
            let Some(from) = last else { break };
            last = self.fire_after(from);
            let gap = last.and_then(|to| to.duration_since(from).ok());
            shortest = shortest.into_iter().chain(gap).min();
        }
        shortest.unwrap_or(A_YEAR)
    }

    /// How much later than the schedule says this source fires, so that not all fire at once: the same in every process for
    /// the same name, below a tenth of the period and 30 s.
    pub fn splay(&self, source_name: &str, at: SystemTime) -> Duration {
        let most = (self.period(at) / 10).min(LONGEST_SPLAY);
        let span = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(stable_hash(source_name).checked_rem(span).unwrap_or(0))
    }

    /// How often it fires later than `from` and not later than `to`; stops counting at 1000.
    pub fn fires_between(&self, from: SystemTime, to: SystemTime) -> u64 {
        let mut fires = 0;
        let mut last = from;
        while fires < MOST_FIRES {
            match self.fire_after(last) {
                Some(fire) if fire <= to => last = fire,
                _ => break,
            }
            fires += 1;
        }
        fires
    }

    fn fire_after(&self, after: SystemTime) -> Option<SystemTime> {
        let nanos = nanos_since_epoch(after);
        match &self.rule {
            Rule::Every(interval) => {
                let interval = i128::try_from(interval.as_nanos()).ok()?;
                from_nanos(nanos.checked_div_euclid(interval)?.checked_add(1)?.checked_mul(interval)?)
            }
            Rule::Calendar(calendar) => {
                let second = i64::try_from(nanos.div_euclid(NANOS)).ok()?;
                let after: DateTime<Utc> = DateTime::from_timestamp(second, 0)?;
                // Beyond it the crate searches in vain, and at the end of chrono's calendar it panics.
                let fire = (after.year() <= LAST_YEAR).then(|| calendar.after(&after).next())??;
                from_nanos(i128::from(fire.timestamp()).checked_mul(NANOS)?)
            }
        }
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        Self::parse(text)
    }
}

/// As written.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

fn every(interval: &str) -> Result<Duration, ScheduleError> {
    let HumanDuration(duration) = interval.parse()?;
    if duration > LONGEST_INTERVAL {
        return Err(ScheduleError::LongInterval { found: interval.to_owned() });
    }
    Ok(duration)
}

fn named(name: &str) -> Result<[&'static str; 6], ScheduleError> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "@hourly" => ["0", "0", "*", "*", "*", "*"],
        "@daily" | "@midnight" => ["0", "0", "0", "*", "*", "*"],
        "@weekly" => ["0", "0", "0", "*", "*", "0"],
        "@monthly" => ["0", "0", "0", "1", "*", "*"],
        "@yearly" | "@annually" => ["0", "0", "0", "1", "1", "*"],
        _ => return Err(ScheduleError::Name { found: name.to_owned() }),
    })
}

/// Six fields, seconds first.
fn calendar(fields: [&str; 6]) -> Result<Rule, ScheduleError> {
    let form = || ScheduleError::Form { found: fields.join(" ") };
    let plain = expression::translate(fields)?;
    plain.parse().map(|calendar| Rule::Calendar(Box::new(calendar))).map_err(|_| form())
}

const NANOS: i128 = 1_000_000_000;

fn nanos_since_epoch(at: SystemTime) -> i128 {
    let signed = |distance: Duration| i128::try_from(distance.as_nanos()).unwrap_or(i128::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => signed(after),
        Err(before) => -signed(before.duration()),
    }
}

fn from_nanos(nanos: i128) -> Option<SystemTime> {
    let distance = Duration::new(
        u64::try_from(nanos.unsigned_abs() / NANOS.unsigned_abs()).ok()?,
        u32::try_from(nanos.unsigned_abs() % NANOS.unsigned_abs()).ok()?,
    );
    if nanos < 0 { SystemTime::UNIX_EPOCH.checked_sub(distance) } else { SystemTime::UNIX_EPOCH.checked_add(distance) }
}

/// FNV-1a, mixed once more so that names which differ in their last letter lie apart. The standard library's hash may change.
fn stable_hash(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}
