//! The five or six fields of a crontab(5) expression, as lists of numbers that the `cron` crate reads.

use super::ScheduleError;

/// One field: its name in messages, its lowest and highest number, the names of its numbers, and the number where `*` ends.
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
    full: u32,
}

const SECOND: Field = Field { name: "second", low: 0, high: 59, names: &[], full: 59 };
const MINUTE: Field = Field { name: "minute", low: 0, high: 59, names: &[], full: 59 };
const HOUR: Field = Field { name: "hour", low: 0, high: 23, names: &[], full: 23 };
const MONTH_DAY: Field = Field { name: "day of month", low: 1, high: 31, names: &[], full: 31 };
const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    full: 12,
};
// 7 is Sunday again; `*` counts it once, as 0.
const WEEK_DAY: Field = Field { name: "day of week", low: 0, high: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"], full: 6 };

/// The most days that each month can have.
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// The fields as the `cron` crate wants them: numbers alone, Sunday as 1.
pub(super) fn translate(fields: [&str; 6]) -> Result<String, ScheduleError> {
    let [second, minute, hour, month_day, month, week_day] = fields;
    let seconds = SECOND.numbers(second)?;
    let minutes = MINUTE.numbers(minute)?;
    let hours = HOUR.numbers(hour)?;
    let month_days = MONTH_DAY.numbers(month_day)?;
    let months = MONTH.numbers(month)?;
    let week_days = WEEK_DAY.numbers(week_day)?;
    let week_days = (week_days | week_days >> 7) & 0x7f;

    if MONTH_DAY.restricts(month_day, month_days) && WEEK_DAY.restricts(week_day, week_days) {
        return Err(ScheduleError::BothDays { month_day: month_day.to_owned(), week_day: week_day.to_owned() });
    }
    let earliest_day = month_days.trailing_zeros();
    if !DAYS.iter().zip(1..).any(|(days, number)| months & 1 << number != 0 && earliest_day <= *days) {
        return Err(ScheduleError::Never { days: month_day.to_owned(), months: month.to_owned() });
    }
    let lists = [
        SECOND.list(seconds, 0),
        MINUTE.list(minutes, 0),
        HOUR.list(hours, 0),
        MONTH_DAY.list(month_days, 0),
        MONTH.list(months, 0),
        WEEK_DAY.list(week_days, 1),
    ];
    Ok(lists.join(" "))
}

impl Field {
    /// The numbers that match, as bits.
    fn numbers(&self, text: &str) -> Result<u64, ScheduleError> {
        text.split(',').try_fold(0, |bits, part| Ok(bits | self.part(part)?))
    }

    /// `*`, `3`, `1-5`, each of the ranges with `/2`.
    fn part(&self, part: &str) -> Result<u64, ScheduleError> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.low, self.full),
            Some((first, last)) => self.range(part, first, last)?,
            None => {
                let number = self.number(range, part)?;
                if step.is_some() {
                    // Some programs go on to the end from here, others do not.
                    return Err(
                        self.error(format!("a step needs a range: expected \"*/n\" or \"{number}-{}/n\", found {part:?}", self.full))
                    );
                }
                (number, number)
            }
        };
        let step = step.map_or(Ok(1), |step| self.step(step, part))?;
        Ok((first..=last).step_by(step).fold(0, |bits, number| bits | 1 << number))
    }

    fn range(&self, part: &str, first: &str, last: &str) -> Result<(u32, u32), ScheduleError> {
        let from = self.number(first, part)?;
        // In `fri-sun` Sunday ends the week, in `sun-tue` it begins one.
        let to = match self.number(last, part)? {
            0 if from > 0 && !self.names.is_empty() && last != "0" => self.high,
            to => to,
        };
        if from <= to {
            return Ok((from, to));
        }
        let (low, full) = (self.low, self.full);
        Err(self.error(format!("expected a range that goes upwards, such as \"{from}-{full},{low}-{to}\", found {part:?}")))
    }

    fn step(&self, step: &str, part: &str) -> Result<usize, ScheduleError> {
        let size = self.full - self.low + 1;
        match number(step) {
            // A larger one silently means "once", which nobody writes on purpose.
            Some(steps) if (1..=size).contains(&steps) => Ok(usize::try_from(steps).unwrap_or(usize::MAX)),
            _ => Err(self.error(format!("expected a step from 1 to {size}, found {part:?} (for other intervals: \"@every 90m\")"))),
        }
    }

    fn number(&self, text: &str, part: &str) -> Result<u32, ScheduleError> {
        let named = || self.names.iter().position(|name| name.eq_ignore_ascii_case(text)).and_then(|index| u32::try_from(index).ok());
        let found = number(text).or_else(|| named().map(|index| index + self.low)).filter(|number| (self.low..=self.high).contains(number));
        found.ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(", {first} to {last},"),
                _ => String::new(),
            };
            self.error(format!("expected a number from {} to {}{names} or \"*\", found {part:?}", self.low, self.high))
        })
    }

    /// crontab(5): whatever begins with `*` leaves the day fields unrestricted. We ask that it means every day, too.
    fn restricts(&self, text: &str, bits: u64) -> bool {
        !text.starts_with('*') || bits != self.all()
    }

    fn all(&self) -> u64 {
        (self.low..=self.full).fold(0, |bits, number| bits | 1 << number)
    }

    /// `shift` is added to each number.
    fn list(&self, bits: u64, shift: u32) -> String {
        if bits == self.all() {
            return "*".to_owned();
        }
        let numbers: Vec<String> =
            (self.low..=self.full).filter(|number| bits & 1 << number != 0).map(|number| (number + shift).to_string()).collect();
        numbers.join(",")
    }

    fn error(&self, message: String) -> ScheduleError {
        ScheduleError::Field { field: self.name, message }
    }
}

/// Digits only: no sign, at most two.
fn number(text: &str) -> Option<u32> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
