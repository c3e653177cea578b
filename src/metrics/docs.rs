//! The metric table as documentation: what `notafter metrics` prints and `docs/METRICS.md` holds.

use std::fmt::Write;

use serde_json::json;

use super::labels::{Group, LabelSet};
use super::table::{FAMILIES, Family, Origin};

const INTRODUCTION: &str = "\
# Metrics

Generated from the metric table (`notafter metrics`); do not edit.

No value depends on the moment of the scrape, except `process_*`: times are Unix seconds, never \"seconds left\". Only labels that
apply are written; to PromQL an absent label equals an empty one. Values longer than 512 bytes are cut and end in `…` and 8 digits of
their SHA-256.

## Label groups

Short names stand for groups in the table below: **L** says where it is and is stable over renewals, **N** says which certificate of
the place and is stable over a plain renewal, **V** says which generation and changes with every renewal.

| group | labels |
|---|---|
";

const AFTER_GROUPS: &str = "\
`discriminator` (the first 8 digits of the SHA-256, more where those are equal) is there only when two certificates, or two CRLs, of
one place share all other labels of their group. With `compatibility = [\"enix\"]` series with V also carry ";

/// The table as a page of Markdown.
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    let place = [Group::Source, Group::Place].iter().flat_map(|group| group.names());
    let _ = writeln!(page, "| L | {}, and the user's own `labels` of the source and of the target |", quoted(place));
    for group in [Group::Which, Group::Generation] {
        let _ = writeln!(page, "| {} | {} |", group.short(), quoted(group.names()));
    }
    let _ = writeln!(page, "\n{AFTER_GROUPS}{}.", quoted(Group::NameFields.names()));
    page.push_str("\n## Families\n\n| family | type | labels | meaning |\n|---|---|---|---|\n");
    for family in FAMILIES {
        let Family { name, kind, .. } = family;
        let _ = writeln!(page, "| `{name}` | {} | {} | {}{} |", kind.as_str(), labels(family.labels), family.help(), only_with(family));
    }
    page
}

/// The table for programs: an array of objects with `name`, `type`, `help`, `labels` and `compatibility`.
pub fn json() -> String {
    let families = FAMILIES.iter().map(|family| {
        json!({
            "name": family.name,
            "type": family.kind.as_str(),
            "help": family.help(),
            "labels": family.labels.names(),
            "user_labels": family.labels.groups().contains(&Group::User),
            "compatibility": family.origin == Origin::Compatibility,
            "probe": family.origin == Origin::Probe,
        })
    });
    format!("{:#}\n", serde_json::Value::Array(families.collect()))
}

fn only_with(family: &Family) -> &'static str {
    match family.origin {
        Origin::Compatibility => " Only with `compatibility = [\"enix\"]`.",
        Origin::Probe => " Only on `/probe`.",
        _ => "",
    }
}

/// L, N and V for those groups, names for the rest.
fn labels(set: LabelSet) -> String {
    let groups = set.groups();
    let mut parts = Vec::new();
    match (groups.contains(&Group::Place), groups.contains(&Group::User), groups.contains(&Group::Source)) {
        (true, ..) => parts.push("L".to_owned()),
        (false, true, _) => parts.push(format!("{}, the user's own", quoted(Group::Source.names()))),
        (false, false, true) => parts.push(quoted(Group::Source.names())),
        (false, false, false) => {}
    }
    if groups.contains(&Group::Url) {
        parts.push(format!("or {} alone", quoted(Group::Url.names())));
    }
    for (group, short) in [(Group::Which, "N"), (Group::Generation, "V")] {
        if groups.contains(&group) {
            parts.push(short.to_owned());
        }
    }
    if groups.contains(&Group::Crl) {
        parts.push(quoted(Group::Crl.names()));
    }
    if !set.own().is_empty() {
        parts.push(quoted(set.own()));
    }
    parts.join(", ")
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_metrics_md_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/METRICS.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        #[expect(clippy::disallowed_methods, reason = "a file of this repository")]
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == markdown(), "run the tests with UPDATE_GOLDEN=1 and commit docs/METRICS.md");
    }

    #[test]
    fn json_lists_every_family() {
        let parsed: serde_json::Value = serde_json::from_str(&json()).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), FAMILIES.len());
        assert_eq!(parsed[0]["name"], FAMILIES[0].name);
    }
}
