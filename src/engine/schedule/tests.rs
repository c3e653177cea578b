use std::time::{Duration, SystemTime};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc};

use super::*;

fn at(text: &str) -> SystemTime {
    let time: DateTime<Utc> = text.replace(' ', "T").parse::<chrono::NaiveDateTime>().unwrap().and_utc();
    time.into()
}

fn shown(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).format("%Y-%m-%d %H:%M:%S").to_string()
}

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_next_fire_is_the_first_later_date_that_matches() {
    let rows = [
        ("every five minutes", "*/5 * * * *", "2026-11-23 18:44:52", "2026-11-23 18:45:00"),
        ("a fire itself is not later than itself", "*/5 * * * *", "2026-11-23 18:45:00", "2026-11-23 18:50:00"),
        ("over midnight", "0 3 * * *", "2026-11-23 03:00:00", "2026-11-24 03:00:00"),
        ("over the year", "30 4 1 1 *", "2026-11-23 03:00:00", "2027-01-01 04:30:00"),
        ("six fields begin with seconds", "*/30 * * * * *", "2026-11-23 18:44:52", "2026-11-23 18:45:00"),
        ("the 31st skips short months", "0 0 31 * *", "2026-03-31 00:00:00", "2026-05-31 00:00:00"),
        ("29 February waits for a leap year", "0 0 29 2 *", "2026-11-23 00:00:00", "2028-02-29 00:00:00"),
        ("2000 was a leap year", "0 0 29 2 *", "1999-03-01 00:00:00", "2000-02-29 00:00:00"),
        ("from 30 April on", "0 0 * * *", "2026-04-30 23:59:59", "2026-05-01 00:00:00"),
        ("from 28 February on", "0 12 * * *", "2027-02-28 12:00:00", "2027-03-01 12:00:00"),
        ("0 is Sunday", "0 0 * * 0", "2026-11-23 00:00:00", "2026-11-29 00:00:00"),
        ("7 is Sunday", "0 0 * * 7", "2026-11-23 00:00:00", "2026-11-29 00:00:00"),
        ("1 is Monday", "0 0 * * 1", "2026-11-23 00:00:00", "2026-11-30 00:00:00"),
        ("names in any case", "0 0 * JAN Tue", "2026-11-23 00:00:00", "2027-01-05 00:00:00"),
        ("5-7 is Friday to Sunday", "0 0 * * 5-7", "2026-11-28 00:00:00", "2026-11-29 00:00:00"),
        ("sat-sun is the weekend", "0 0 * * sat-sun", "2026-11-28 00:00:00", "2026-11-29 00:00:00"),
        ("sun-mon begins the week", "0 0 * * sun-mon", "2026-11-29 00:00:00", "2026-11-30 00:00:00"),
        ("lists of ranges with steps", "10-20/5,40 * * * *", "2026-11-23 18:15:00", "2026-11-23 18:20:00"),
        ("blanks do not matter", "  0   3 * *  * ", "2026-11-23 00:00:00", "2026-11-23 03:00:00"),
        ("hourly", "@hourly", "2026-11-23 18:44:52", "2026-11-23 19:00:00"),
        ("daily", "@daily", "2026-11-23 18:44:52", "2026-11-24 00:00:00"),
        ("midnight", "@midnight", "2026-11-23 18:44:52", "2026-11-24 00:00:00"),
        ("weekly is Sunday", "@weekly", "2026-11-23 18:44:52", "2026-11-29 00:00:00"),
        ("monthly", "@monthly", "2026-11-23 18:44:52", "2026-12-01 00:00:00"),
        ("yearly", "@yearly", "2026-11-23 18:44:52", "2027-01-01 00:00:00"),
        ("annually", "@annually", "2026-11-23 18:44:52", "2027-01-01 00:00:00"),
        ("every 30s from the epoch", "@every 30s", "2026-11-23 18:44:52", "2026-11-23 18:45:00"),
        ("every 7h does not restart at midnight", "@every 7h", "1970-01-01 21:00:00", "1970-01-02 04:00:00"),
        ("before the epoch", "@every 1h", "1969-12-31 22:30:00", "1969-12-31 23:00:00"),
        ("a calendar before the epoch starts with it", "0 3 * * *", "1969-12-31 22:30:00", "1970-01-01 03:00:00"),
        ("after the calendar's end it is a year later", "0 0 * * *", "2101-06-01 00:00:00", "2102-06-01 00:00:00"),
    ];
    for (name, text, after, expected) in rows {
        assert_eq!(shown(schedule(text).next(at(after))), expected, "{name}");
    }
}

#[test]
fn fractions_of_a_second_neither_repeat_nor_skip_a_fire() {
    let half = Duration::from_millis(500);
    let minutely = schedule("* * * * *");
    assert_eq!(shown(minutely.next(at("2026-11-23 18:44:59") + half)), "2026-11-23 18:45:00");
    assert_eq!(shown(minutely.next(at("2026-11-23 18:45:00") + half)), "2026-11-23 18:46:00");
    assert_eq!(schedule("@every 500ms").next(at("2026-11-23 18:45:00")), at("2026-11-23 18:45:00") + half);
}

#[test]
fn texts_that_are_no_schedule_say_what_was_expected() {
    let rows = [
        ("", "expected a schedule such as \"*/5 * * * *\""),
        ("* * * *", "five fields, or six with seconds first"),
        ("* * * * * * 2026", "five fields, or six with seconds first"),
        ("@fortnightly", "expected \"@every <duration>\", @hourly"),
        ("@every", "expected \"@every <duration>\""),
        ("@every 1h 30m", "expected \"@every <duration>\""),
        ("@every soon", "@every: expected a duration such as \"10s\""),
        ("@every 0s", "@every: expected a duration such as \"10s\" (ms, s, m, h, d, w) of more than 0"),
        ("@every 367d", "@every: expected at most \"366d\""),
        ("60 * * * *", "minute of the schedule: expected a number from 0 to 59 or \"*\", found \"60\""),
        ("* 24 * * *", "hour of the schedule: expected a number from 0 to 23"),
        ("* * 0 * *", "day of month of the schedule: expected a number from 1 to 31"),
        ("* * * 13 *", "month of the schedule: expected a number from 1 to 12, jan to dec, or \"*\", found \"13\""),
        ("* * * * 8", "day of week of the schedule: expected a number from 0 to 7, sun to sat, or \"*\""),
        ("60 * * * * *", "second of the schedule"),
        ("+5 * * * *", "found \"+5\""),
        ("1,,2 * * * *", "found \"\""),
        ("1-2-3 * * * *", "found \"1-2-3\""),
        ("* * ? * *", "or \"*\", found \"?\""),
        ("* * L * *", "found \"L\""),
        ("* * * * mon#2", "found \"mon#2\""),
        ("5/10 * * * *", "a step needs a range: expected \"*/n\" or \"5-59/n\", found \"5/10\""),
        ("*/0 * * * *", "expected a step from 1 to 60, found \"*/0\""),
        ("*/90 * * * *", "expected a step from 1 to 60, found \"*/90\" (for other intervals: \"@every 90m\")"),
        ("*/x * * * *", "expected a step from 1 to 60"),
        ("0 22-6 * * *", "expected a range that goes upwards, such as \"22-23,0-6\", found \"22-6\""),
        ("0 0 * * fri-mon", "such as \"5-6,0-1\", found \"fri-mon\""),
        ("0 0 * * 6-0", "such as \"6-6,0-0\", found \"6-0\""),
        ("0 0 1 * mon", "day of month \"1\" and day of week \"mon\" are both restricted"),
        ("0 0 */2 * mon", "both restricted"),
        ("0 0 1-31 * mon", "write \"*\" for one of them, or split the source in two"),
        ("0 0 30 2 *", "never fires: no month of \"2\" has a day \"30\""),
        ("0 0 31 feb,apr,jun,sep,nov *", "never fires"),
    ];
    for (text, expected) in rows {
        let error = Schedule::parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_day_field_that_means_every_day_restricts_nothing() {
    for text in ["0 0 */1 * mon", "0 0 1 * */1", "0 0 * * *", "0 0 31 1,2 *"] {
        schedule(text);
    }
}

#[test]
fn the_period_is_the_shortest_of_the_next_distances() {
    let rows = [
        ("*/5 * * * *", 300),
        ("*/30 * * * * *", 30),
        ("@every 90s", 90),
        ("0,1 * * * *", 60),
        ("0 9 * * mon-fri", 86_400),
        ("@monthly", 28 * 86_400),
        ("@yearly", 365 * 86_400),
        ("0 0 29 2 *", 1461 * 86_400),
    ];
    for (text, secs) in rows {
        assert_eq!(schedule(text).period(at("2026-11-23 18:44:52")).as_secs(), secs, "{text}");
    }
}

#[test]
fn splay_is_fixed_by_name_bounded_and_spread() {
    let now = at("2026-11-23 18:44:52");
    for (text, most) in [("*/5 * * * *", 30_000), ("*/30 * * * * *", 3_000), ("@every 500ms", 50), ("@every 5ms", 1), ("@yearly", 30_000)] {
        let schedule = schedule(text);
        let splays: Vec<u128> = (0..1000).map(|index| schedule.splay(&format!("source-{index}"), now).as_millis()).collect();
        assert!(splays.iter().all(|splay| *splay < most), "{text}");
        assert_eq!(splays[7], schedule.splay("source-7", now + Duration::from_secs(9_999)).as_millis(), "{text}");
        if most > 1_000 {
            for quarter in 0..4 {
                let range = most * quarter / 4..most * (quarter + 1) / 4;
                let share = splays.iter().filter(|splay| range.contains(splay)).count();
                assert!((180..320).contains(&share), "{text}: {share} of 1000 in quarter {quarter}");
            }
        }
    }
    // Written down: a replica of another build must agree.
    assert_eq!(schedule("*/5 * * * *").splay("nginx", now), Duration::from_millis(22_574));
}

#[test]
fn fires_between_counts_the_end_but_not_the_start_and_stops_at_a_thousand() {
    let rows = [
        ("*/5 * * * *", "2026-11-23 18:45:00", "2026-11-23 19:00:00", 3),
        ("*/5 * * * *", "2026-11-23 18:45:00", "2026-11-23 18:49:59", 0),
        ("*/5 * * * *", "2026-11-23 19:45:00", "2026-11-23 18:45:00", 0),
        ("@every 30s", "2026-11-23 18:45:00", "2026-11-23 18:46:00", 2),
        ("@every 1ms", "2026-11-23 18:45:00", "2027-11-23 18:45:00", 1000),
        ("* * * * * *", "2026-11-23 18:45:00", "2027-11-23 18:45:00", 1000),
        ("0 0 29 2 *", "2026-11-23 18:45:00", "2099-11-23 18:45:00", 18),
    ];
    for (text, from, to, expected) in rows {
        assert_eq!(schedule(text).fires_between(at(from), at(to)), expected, "{text} {from} {to}");
    }
}

#[test]
fn the_ends_of_time_do_not_panic() {
    for text in ["*/5 * * * *", "@every 7h"] {
        let schedule = schedule(text);
        let mut far = SystemTime::UNIX_EPOCH;
        for exponent in 0..63 {
            for sign in [true, false] {
                let distance = Duration::from_secs(1 << exponent);
                far = if sign { far.checked_add(distance) } else { SystemTime::UNIX_EPOCH.checked_sub(distance) }.unwrap_or(far);
                assert!(schedule.next(far) >= far);
                schedule.period(far);
                schedule.fires_between(far, far);
            }
        }
    }
}

#[test]
fn it_is_shown_and_compared_as_written() {
    assert_eq!(schedule(" 0 3 * * * ").to_string(), " 0 3 * * * ");
    assert_eq!(schedule("0 3 * * *"), schedule("0 3 * * *"));
    assert_ne!(schedule("0 3 * * *"), schedule("0 4 * * *"));
    assert_ne!(schedule("@every 60s"), schedule("@every 61s"));
}

/// A second reading of crontab(5), as naive as can be: strings of numbers, minute by minute.
fn matches(expression: &[&str], date: DateTime<Utc>) -> bool {
    let values = [date.minute(), date.hour(), date.day(), date.month(), date.weekday().num_days_from_sunday()];
    let spans = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    expression.iter().zip(values).zip(spans).all(|((field, value), span)| {
        field.split(',').any(|part| {
            let (range, step) = part.split_once('/').map_or((part, 1), |(range, step)| (range, step.parse().unwrap()));
            let (low, high) = match range.split_once('-') {
                Some((low, high)) => (low.parse().unwrap(), high.parse().unwrap()),
                None if range == "*" => span,
                None => (range.parse().unwrap(), range.parse().unwrap()),
            };
            let hit = |value: u32| (low..=high).contains(&value) && (value - low).is_multiple_of(step);
            // Sunday is 0 and 7.
            hit(value) || (span == (0, 6) && value == 0 && hit(7))
        })
    })
}

#[test]
fn next_agrees_with_a_naive_matcher_minute_by_minute() {
    let expressions = [
        "* * * * *",
        "*/5 * * * *",
        "*/7 * * * *",
        "3-59/13 * * * *",
        "0 * * * *",
        "59 23 * * *",
        "0 0 * * *",
        "0,30 8-18 * * *",
        "15 */6 * * *",
        "0 */5 * * *",
        "0 0 1 * *",
        "0 0 31 * *",
        "0 0 30 * *",
        "0 0 29 * *",
        "0 0 29 2 *",
        "0 0 28-31 * *",
        "0 12 */10 * *",
        "0 0 1,15 * *",
        "0 0 * * 0",
        "0 0 * * 7",
        "0 0 * * 0,7",
        "0 0 * * 1-5",
        "0 0 * * 5-7",
        "0 0 * * 6",
        "0 0 * * */2",
        "0 0 * * */3",
        "0 0 * * 1-7/2",
        "30 4 * 1,3 *",
        "30 4 * */2 *",
        "0 0 1 3-5 *",
        "10 10 10 1-3 *",
        "* * 31 1,3 *",
        "45 23 28 2 *",
        "*/20 0 * 2 6,7",
    ];
    // From December before a leap year to March: the ends of the year and of February.
    let begin = NaiveDate::from_ymd_opt(2027, 12, 1).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc();
    let minutes: Vec<DateTime<Utc>> = (0..60 * 24 * 100).map(|minute| begin + TimeDelta::minutes(minute)).collect();
    for text in expressions {
        let fields: Vec<&str> = text.split(' ').collect();
        let expected: Vec<SystemTime> =
            minutes.iter().filter(|date| matches(&fields, **date)).map(|date| SystemTime::from(*date)).collect();
        assert!(!expected.is_empty(), "{text} says nothing");
        let schedule = schedule(text);
        let mut found = SystemTime::from(begin) - Duration::from_secs(1);
        for fire in expected {
            found = schedule.next(found);
            assert_eq!(shown(found), shown(fire), "{text}");
        }
        assert!(schedule.next(found) > SystemTime::from(*minutes.last().unwrap()), "{text}");
        // And from anywhere in between.
        for date in minutes.iter().step_by(7919) {
            let next = schedule.next((*date).into());
            assert!(next > SystemTime::from(*date) && matches(&fields, next.into()), "{text} {date}");
        }
    }
}
