//! Any schedule against an oracle that knows no library: it walks through the calendar day by day, and through each day that fits second by second
//! or minute by minute.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::testing::cases;

/// One field: what is written, and the numbers that it means.
type Field = (String, BTreeSet<u32>);

/// Numbers, ranges and steps of a field, names included where it has some.
fn field(low: u32, high: u32, names: &'static [&'static str]) -> impl Strategy<Value = Field> {
    let all = move |step: usize| (low..=high).step_by(step).collect::<BTreeSet<u32>>();
    let word = move |number: u32, named: bool| match names.get((number - low) as usize) {
        Some(name) if named => (*name).to_owned(),
        _ => number.to_string(),
    };
    let part = (low..=high, low..=high, 1..=high - low + 1, 0..4_u8, any::<bool>()).prop_map(move |(a, b, step, form, named)| {
        let (first, last) = (a.min(b), a.max(b));
        let range = format!("{}-{}", word(first, named), word(last, false));
        match form {
            0 => (word(a, named), BTreeSet::from([a])),
            1 => (range, (first..=last).collect()),
            2 => (format!("{range}/{step}"), (first..=last).step_by(step as usize).collect()),
            _ => (format!("*/{step}"), all(step as usize)),
        }
    });
    let list = proptest::collection::vec(part, 1..3).prop_map(|parts: Vec<Field>| {
        let text = parts.iter().map(|(text, _)| &**text).collect::<Vec<_>>().join(",");
        (text, parts.into_iter().flat_map(|(_, numbers)| numbers).collect())
    });
    prop_oneof![2 => Just(("*".to_owned(), all(1))), 3 => list]
}

#[derive(Clone, Debug)]
struct Written {
    text: String,
    /// Second, minute, hour, day of month, month, day of week.
    fields: [BTreeSet<u32>; 6],
}

fn schedules() -> impl Strategy<Value = Written> {
    const MONTHS: &[&str] = &["jan", "Feb", "mar", "apr", "MAY", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: &[&str] = &["sun", "mon", "tue", "Wed", "thu", "fri", "sat"];
    let days = prop_oneof![
        (field(1, 31, &[]), Just(("*".to_owned(), (0..7).collect::<BTreeSet<u32>>()))),
        (Just(("*".to_owned(), (1..=31).collect::<BTreeSet<u32>>())), field(0, 6, DAYS)),
    ];
    let second = proptest::option::weighted(0.4, field(0, 59, &[]));
    (second, field(0, 59, &[]), field(0, 23, &[]), days, field(1, 12, MONTHS)).prop_map(|(second, minute, hour, (day, week_day), month)| {
        let written: Vec<&str> =
            second.iter().map(|second| &*second.0).chain([&*minute.0, &hour.0, &day.0, &month.0, &week_day.0]).collect();
        let text = written.join(" ");
        let second = second.map_or_else(|| BTreeSet::from([0]), |second| second.1);
        Written { text, fields: [second, minute.1, hour.1, day.1, month.1, week_day.1] }
    })
}

/// Seconds since 1970, from 1996 to 2090: leap years of every kind but 2100, which is no leap year, are in it.
fn times() -> impl Strategy<Value = u64> {
    820_454_400..3_786_912_000_u64
}

/// Year, month and day of so many days after 1970-01-01, counted month by month.
fn date(mut days: u64) -> (u64, u32, u32) {
    let (mut year, mut month) = (1970, 1);
    loop {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let long = match month {
            2 => 28 + u64::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if days < long {
            return (year, month, u32::try_from(days).unwrap() + 1);
        }
        days -= long;
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
}

impl Written {
    /// The first second later than this that fits; the walk ends after nine years, in which every date that there is has come.
    fn next(&self, after: u64) -> Option<u64> {
        let [seconds, minutes, hours, days, months, week_days] = &self.fields;
        let mut at = after + 1;
        let end = after + 9 * 366 * 86_400;
        while at < end {
            let day = at / 86_400;
            let (_, month, number) = date(day);
            // 1970-01-01 was a Thursday.
            let week_day = u32::try_from((day + 4) % 7).unwrap();
            if !(months.contains(&month) && days.contains(&number) && week_days.contains(&week_day)) {
                at = (day + 1) * 86_400;
                continue;
            }
            let [hour, minute, second] = [at / 3600 % 24, at / 60 % 60, at % 60].map(|part| u32::try_from(part).unwrap());
            if !(hours.contains(&hour) && minutes.contains(&minute)) {
                at = (at / 60 + 1) * 60;
            } else if !seconds.contains(&second) {
                at += 1;
            } else {
                return Some(at);
            }
        }
        None
    }
}

fn at(secs: u64, nanos: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(secs, nanos)
}

#[test]
fn it_fires_when_the_calendar_says() {
    let known = std::cell::Cell::new(0_u32);
    cases(400, &(schedules(), times(), 0..1_000_000_000_u32), |(written, time, nanos)| {
        let schedule = match Schedule::parse(&written.text) {
            Ok(schedule) => schedule,
            Err(error) => {
                prop_assert!(matches!(error, ScheduleError::Never { .. } | ScheduleError::BothDays { .. }), "{}: {}", written.text, error);
                prop_assert!(
                    matches!(error, ScheduleError::BothDays { .. }) || written.next(time).is_none(),
                    "{}: {}",
                    written.text,
                    error
                );
                return Ok(());
            }
        };
        known.set(known.get() + 1);
        let mut last = time;
        for round in 0..4 {
            let expected = written.next(last);
            let from = at(last, if round == 0 { nanos } else { 0 });
            let next = schedule.next(from);
            prop_assert!(next > from);
            prop_assert_eq!(Some(next), expected.map(|secs| at(secs, 0)), "{} after {}", written.text, last);
            prop_assert_eq!(schedule.fires_between(from, next), 1);
            last = expected.unwrap_or_default();
        }
        Ok(())
    });
    assert!(known.get() > 200, "most of the schedules can be parsed: {}", known.get());
}

#[test]
fn a_fire_is_later_and_within_the_interval() {
    cases(2_000, &(1..31_622_400_000_u64, times(), 0..1_000_000_000_u32), |(millis, time, nanos)| {
        let schedule = Schedule::parse(&format!("@every {millis}ms")).unwrap();
        let (from, interval) = (at(time, nanos), Duration::from_millis(millis));
        let next = schedule.next(from);
        prop_assert!(next > from && next <= from + interval);
        let since_epoch = next.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        prop_assert_eq!(since_epoch.as_nanos() % interval.as_nanos(), 0);
        prop_assert_eq!(schedule.next(next), next + interval);
        prop_assert_eq!(schedule.period(from), interval);
        Ok(())
    });
}

#[test]
fn a_splay_is_short_and_the_same_again() {
    cases(300, &(schedules(), times(), ".{0,12}"), |(written, time, name)| {
        let Ok(schedule) = Schedule::parse(&written.text) else { return Ok(()) };
        let (period, splay) = (schedule.period(at(time, 0)), schedule.splay(&name, at(time, 0)));
        prop_assert!(splay < LONGEST_SPLAY && splay < period / 10 + Duration::from_millis(1), "{:?} of {:?}", splay, period);
        prop_assert_eq!(schedule.splay(&name, at(time, 0)), splay);
        // The shortest distance is the period of none longer.
        let next = schedule.next(at(time, 0));
        prop_assert!(schedule.next(next).duration_since(next).unwrap() >= period);
        Ok(())
    });
}

#[test]
fn any_words_are_a_schedule_that_fires_or_an_error_that_says_what_was_expected() {
    let word = prop_oneof!["[0-9*/,@a-z-]{1,6}", Just("*".to_owned()), "[*]/[0-9]{1,3}", "[0-9]{1,2}-[0-9]{1,2}", "\\PC{0,3}"];
    cases(3_000, &(proptest::collection::vec(word, 0..8), times()), |(words, time)| {
        match Schedule::parse(&words.join(" ")) {
            Ok(schedule) => prop_assert!(schedule.next(at(time, 0)) > at(time, 0)),
            Err(error) => prop_assert!(error.to_string().len() > 10),
        }
        Ok(())
    });
}
