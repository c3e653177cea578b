//! `[ownership]` and `[relations]`: who answers for a place, and how long places may disagree.

use std::time::Duration;

use super::section::{Problems, Section};
use crate::model::HumanDuration;
use crate::model::user_labels::check_name;

/// A renewal takes a moment to be served.
const SHORTEST_GRACE: Duration = Duration::from_secs(1);
/// Longer than a short-lived certificate lives, and what is not served after so long never will be.
const LONGEST_GRACE: Duration = Duration::from_secs(30 * 86_400);
/// Nobody looks at more labels to find an owner.
const MOST_LABELS: usize = 16;
/// Labels that a cluster's objects bring as they are.
const OF_OBJECTS: &[&str] = &["secret_label_", "configmap_label_"];

/// `[ownership]`: the labels that name an owner, the first one that is there counts.
pub(super) fn parse(mut table: Section<'_>, problems: &mut Problems<'_>) -> Option<Box<[Box<str>]>> {
    let labels = table.take("labels", problems, |names: Vec<String>| {
        if names.is_empty() || names.len() > MOST_LABELS {
            return Err(format!("expected 1 to {MOST_LABELS} names of labels, found {}", names.len()));
        }
        if let Some((_, name)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(format!("expected each label once, found {name:?} twice"));
        }
        names.iter().try_for_each(|name| label_name(name))?;
        Ok(names.into_iter().map(String::into_boxed_str).collect())
    });
    table.finish(problems);
    labels
}

/// `[relations]`: the grace time.
pub(super) fn parse_relations(mut table: Section<'_>, problems: &mut Problems<'_>) -> Option<Duration> {
    let grace = table.take("grace", problems, |HumanDuration(grace)| {
        let is_sensible = (SHORTEST_GRACE..=LONGEST_GRACE).contains(&grace);
        is_sensible.then_some(grace).ok_or_else(|| format!("expected \"1s\" to \"30d\", found \"{}\"", HumanDuration(grace)))
    });
    table.finish(problems);
    grace
}

/// Whether a place may have a label of this name: the user's own, or one that an object brings.
///
/// # Errors
/// Why not.
pub(super) fn label_name(name: &str) -> Result<(), String> {
    match OF_OBJECTS.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => Ok(()),
        _ => check_name(name),
    }
}
