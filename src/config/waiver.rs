//! `[[waiver]]`: findings that somebody answers for until a date.

use std::sync::Arc;

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime};

use super::message::nearest;
use super::section::{Problems, Section};
use super::selector::{self, MOST_ENTRIES, Meant};
use crate::model::rules::{Selector, Waiver};
use crate::model::{Finding, FindingSet, Noun, UnixTime};

/// More waivers are no exceptions.
const MOST: usize = 1_000;
/// Longer reasons are documents.
const LONGEST_TEXT: usize = 1_024;
const DATES: &str = "a date such as \"2026-12-31\" (through its end in UTC) or a time such as \"2026-12-31T12:00:00Z\"";

/// All of them, with what they mean.
pub(super) fn parse_all(root: &mut Section<'_>, problems: &mut Problems<'_>) -> Vec<(Waiver, Meant)> {
    let tables = root.take_tables("waiver", problems);
    if let Some(first) = tables.get(MOST) {
        problems.add(first.at, &first.name, "", format!("expected at most {MOST} waivers, found {}", tables.len()));
        return Vec::new();
    }
    tables.into_iter().filter_map(|table| parse(table, problems)).collect()
}

fn parse(mut table: Section<'_>, problems: &mut Problems<'_>) -> Option<(Waiver, Meant)> {
    for key in ["match", "finding", "until", "owner", "why"].iter().filter(|key| !table.table.contains_key(**key)) {
        problems.add(table.at, &table.name, key, "required, but missing");
    }
    let has_match = table.table.contains_key("match");
    let (match_at, finding_at) = (position(&table, "match"), position(&table, "finding"));
    let mut meant = selector::take(&mut table, problems);
    let findings = table.take("finding", problems, |value: toml::Value| findings(&value));
    let until = table.take("until", problems, |value: toml::Value| until(&value));
    let mut text = |key| table.take(key, problems, |text: String| said(&text));
    let (owner, why) = (text("owner"), text("why"));
    let name = table.name.clone();
    table.finish(problems);
    if has_match && meant.selector == Selector::default() {
        problems.add(match_at, &name, "match", "expected at least one key such as sources or names: a waiver is for something");
    }
    let findings = findings?;
    for finding in findings.iter().filter(|finding| !can_be_on(*finding, &meant.selector)) {
        let message =
            format!("\"{finding}\" is not about certificates, and match asks for what only certificates have: nothing would be waived");
        problems.add(finding_at, &name, "finding", message);
    }
    let roles = &meant.selector.roles;
    for finding in findings.iter().filter(|finding| !roles.is_empty() && !roles.iter().any(|role| finding.is_of(*role))) {
        let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let message = format!("\"{finding}\" is never found on a certificate of the role {}: nothing would be waived", roles.join(" or "));
        problems.add(finding_at, &name, "finding", message);
    }
    meant.waived = Some((findings, finding_at));
    let waiver = Waiver { applies: meant.selector.clone(), findings, until: until?, owner: owner?, why: why? };
    Some((waiver, meant))
}

fn position(table: &Section<'_>, key: &str) -> usize {
    table.table.get(key).map_or(table.at, |value| value.span().start)
}

/// One finding or a list.
fn findings(value: &toml::Value) -> Result<FindingSet, String> {
    let expected = "expected a finding such as \"expired\", or a list of them";
    let words: Vec<&str> = match value {
        toml::Value::String(word) => vec![word],
        toml::Value::Array(words) => words.iter().map(toml::Value::as_str).collect::<Option<_>>().ok_or(expected)?,
        _ => return Err(format!("{expected}, found {value}")),
    };
    if words.is_empty() || words.len() > MOST_ENTRIES {
        return Err(format!("{expected}, found {} of them", words.len()));
    }
    words.into_iter().map(finding).collect()
}

fn finding(word: &str) -> Result<Finding, String> {
    let Some(finding) = Finding::ALL.iter().copied().find(|finding| finding.as_str() == word) else {
        let known: Vec<&str> = Finding::ALL.iter().map(|finding| finding.as_str()).collect();
        let near = nearest(word, &known).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        let hint = if word == "*" { "; a waiver names what it is for" } else { "" };
        return Err(format!("expected a finding such as \"expired\", found {word:?}{near}{hint}"));
    };
    if finding == Finding::WaiverEnded {
        return Err("the end of a waiver cannot be waived: move until of the one that has ended".to_owned());
    }
    let can_be_waived = [Noun::Certificate, Noun::Crl, Noun::Target].iter().any(|noun| finding.is_about(*noun));
    if can_be_waived {
        Ok(finding)
    } else {
        Err(format!("\"{finding}\" is about OCSP responders, which stand in no source: it cannot be waived"))
    }
}

/// Whether a selector leaves anything that the finding may be on.
fn can_be_on(finding: Finding, selector: &Selector) -> bool {
    let of_lists = selector.roles.is_empty() && selector.names.is_empty() && selector.subjects.is_empty();
    finding.is_about(Noun::Certificate)
        || (finding.is_about(Noun::Crl) && of_lists)
        || (finding.is_about(Noun::Target) && !selector.is_about_certificates())
}

/// The last second in which it is in force.
fn until(value: &toml::Value) -> Result<UnixTime, String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Datetime(at) => at.to_string(),
        _ => return Err(format!("expected {DATES}, found {value}")),
    };
    let at = match OffsetDateTime::parse(&text, &Rfc3339) {
        Ok(at) => Some(at),
        Err(_) => end_of_day(&text),
    };
    at.map(|at| UnixTime::from_secs(at.unix_timestamp())).ok_or_else(|| format!("expected {DATES}, found {text:?}"))
}

fn end_of_day(text: &str) -> Option<OffsetDateTime> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') && (year.len(), month.len(), day.len()) == (4, 2, 2);
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok().filter(|_| is_plain)?;
    Some(date.with_hms(23, 59, 59).ok()?.assume_utc())
}

/// A text that says something.
fn said(text: &str) -> Result<Arc<str>, String> {
    let said = text.trim();
    if said.is_empty() || said.len() > LONGEST_TEXT || said.chars().any(|c| c.is_control() && c != '\n') {
        return Err(format!("expected a text of 1 to {LONGEST_TEXT} bytes without control characters, found {said:?}"));
    }
    Ok(said.into())
}
