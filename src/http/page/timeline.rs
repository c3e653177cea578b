//! The next thirteen weeks at a glance: a bar a day for the certificates that end then, drawn without a script or a style.

use maud::{Markup, html};

use crate::model::UnixTime;

use super::digest::{End, Overview};
use super::text::{count, date};

/// Days that are drawn.
pub const DAYS: i64 = 91;
const DAY: i64 = 86_400;
/// The drawing's own units: it is stretched to the room there is.
const WIDTH: i64 = 8;
const HEIGHT: u64 = 100;
/// The least height of a bar that is not empty.
const LEAST: u64 = 5;

/// Certificates that end on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// In all.
    pub all: u64,
    /// Those whose renewal is overdue.
    pub overdue: u64,
}

/// The days from today on (UTC). What has ended today is not in the first.
pub fn days(overview: &Overview, now: UnixTime) -> Vec<Day> {
    let today = now.secs().div_euclid(DAY);
    let mut days = vec![Day::default(); usize::try_from(DAYS).unwrap_or_default()];
    let end = UnixTime::from_secs((today + DAYS).saturating_mul(DAY));
    for End { at, overdue, .. } in overview.ends_between(now, end) {
        let day = usize::try_from(at.secs().div_euclid(DAY) - today).ok().and_then(|day| days.get_mut(day));
        if let Some(day) = day {
            day.all += 1;
            day.overdue += u64::from(*overdue);
        }
    }
    days
}

/// The drawing with its scale.
pub fn draw(overview: &Overview, now: UnixTime) -> Markup {
    let days = days(overview, now);
    let most = days.iter().map(|day| day.all).max().unwrap_or(0);
    let all: u64 = days.iter().map(|day| day.all).sum();
    let overdue: u64 = days.iter().map(|day| day.overdue).sum();
    let height = |number: u64| if number == 0 { 0 } else { (number * HEIGHT / most.max(1)).max(LEAST) };
    let at = |day: i64| UnixTime::from_secs((now.secs().div_euclid(DAY) + day).saturating_mul(DAY));
    let summary =
        format!("{} in the next 13 weeks, {} of them overdue for renewal", count(all, "certificate ends", "certificates end"), overdue);
    html! {
        figure.timeline {
            svg role="img" aria-label=(summary) viewBox=(format!("0 0 {} {HEIGHT}", DAYS * WIDTH)) preserveAspectRatio="none" {
                @for week in 1..13 {
                    line.week x1=(week * 7 * WIDTH) x2=(week * 7 * WIDTH) y1="0" y2=(HEIGHT) vector-effect="non-scaling-stroke" {}
                }
                @for (number, day) in (0..).zip(&days).filter(|(_, day)| day.all > 0) {
                    g {
                        title {
                            (date(at(number))) ": " (count(day.all, "certificate ends", "certificates end"))
                            @if day.overdue > 0 { ", " (day.overdue) " overdue for renewal" }
                        }
                        rect.room x=(number * WIDTH) y="0" width=(WIDTH) height=(HEIGHT) {}
                        rect.bar x=(number * WIDTH + 1) y=(HEIGHT - height(day.all)) width=(WIDTH - 2) height=(height(day.all)) {}
                        @if day.overdue > 0 {
                            rect.bar.overdue x=(number * WIDTH + 1) y=(HEIGHT - height(day.overdue)) width=(WIDTH - 2)
                                height=(height(day.overdue)) {}
                        }
                    }
                }
            }
            div.scale aria-hidden="true" {
                span { "today" } span { "4 weeks" } span { "8 weeks" } span { "13 weeks" }
            }
            figcaption {
                @if most == 0 { "Nothing ends in the next 13 weeks." }
                @else {
                    "Certificates by the day of their end; the highest bar is " (most) "."
                    @if overdue > 0 { " " span.key.overdue { "Overdue for renewal: " (overdue) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overview(ends: &[(i64, bool)]) -> Overview {
        let end = |(short, (at, overdue)): (u64, &(i64, bool))| End { at: UnixTime::from_secs(*at), short, overdue: *overdue };
        Overview { ends: (0..).zip(ends).map(end).collect(), ..Overview::default() }
    }

    #[test]
    fn ends_are_counted_by_the_days_from_today_on() {
        let noon = 100 * DAY + DAY / 2;
        let last = (100 + DAYS) * DAY;
        let ends = [(noon - 1, true), (noon, false), (101 * DAY - 1, true), (101 * DAY, false), (last - 1, false), (last, false)];
        let days = days(&overview(&ends), UnixTime::from_secs(noon));
        assert_eq!(days.len(), 91);
        let some: Vec<_> = days.iter().enumerate().filter(|(_, day)| day.all > 0).map(|(at, day)| (at, day.all, day.overdue)).collect();
        assert_eq!(some, [(0, 2, 1), (1, 1, 0), (90, 1, 0)], "what has ended is not in, nor what ends later");
    }

    #[test]
    fn it_is_drawn_without_styles_and_says_what_it_shows() {
        let now = UnixTime::from_secs(100 * DAY);
        let drawn = draw(&overview(&[(now.secs() + 5, false), (now.secs() + 6, true), (now.secs() + DAY * 3, false)]), now).into_string();
        assert!(drawn.contains("aria-label=\"3 certificates end in the next 13 weeks, 1 of them overdue for renewal\""), "{drawn}");
        assert!(drawn.contains("1970-04-11: 2 certificates end, 1 overdue for renewal"), "{drawn}");
        assert!(!drawn.contains("style="), "the policy lets none through");
        assert!(draw(&overview(&[]), now).into_string().contains("Nothing ends in the next 13 weeks."));
        let far = draw(&overview(&[]), UnixTime::from_secs(i64::MAX)).into_string();
        assert!(far.contains("Nothing ends"), "a clock beyond all calendars");
    }
}
