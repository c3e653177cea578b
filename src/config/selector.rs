//! `match = { … }` of policies and waivers, and whether anything in the configuration can be meant.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::SourceConfig;
use super::message::nearest;
use super::ownership::label_name;
use super::section::{Problems, Section, quoted};
use crate::model::options::Labels;
use crate::model::rules::{Pattern, Selector};
use crate::model::{CertRole, FindingSet, SourceKind};

/// Longer lists are no rules but data.
pub(super) const MOST_ENTRIES: usize = 256;
/// Keys of a source by which it brings labels that the configuration does not know.
const BRING_LABELS: &[&str] = &["file_sd", "http_sd", "kubernetes_sd", "labels_from", "secret_labels", "configmap_labels"];

/// What is meant, and where that is written.
pub(super) struct Meant {
    pub(super) selector: Selector,
    /// `policy.services.match`
    table: String,
    sources_at: usize,
    kinds_at: usize,
    labels_at: usize,
    /// Of a waiver: what is waived, and where that is written.
    pub(super) waived: Option<(FindingSet, usize)>,
}

/// Reads the table `match` of another one; without it anything is meant.
pub(super) fn take(outer: &mut Section<'_>, problems: &mut Problems<'_>) -> Meant {
    let Some(mut table) = outer.take_table("match", problems) else {
        let (table, at) = (outer.name.clone(), outer.at);
        return Meant { selector: Selector::default(), table, sources_at: at, kinds_at: at, labels_at: at, waived: None };
    };
    let at = |key: &str| table.table.get(key).map_or(table.at, |value| value.span().start);
    let (sources_at, kinds_at, labels_at) = (at("sources"), at("kinds"), at("labels"));
    let selector = Selector {
        sources: patterns(&mut table, "sources", Pattern::new, problems),
        kinds: list(&mut table, "kinds", problems, |kind: SourceKind| Ok(kind)),
        labels: table.take("labels", problems, labels).unwrap_or_default(),
        places: patterns(&mut table, "places", Pattern::new, problems),
        roles: list(&mut table, "roles", problems, |role: CertRole| Ok(role)),
        names: patterns(&mut table, "names", Pattern::ignoring_case, problems),
        subjects: patterns(&mut table, "subjects", Pattern::ignoring_case, problems),
        issuers: patterns(&mut table, "issuers", Pattern::ignoring_case, problems),
    };
    let name = table.name.clone();
    table.finish(problems);
    Meant { selector, table: name, sources_at, kinds_at, labels_at, waived: None }
}

/// A list of something, each once; empty when it is not there.
pub(super) fn list<T: DeserializeOwned, U: PartialEq>(
    table: &mut Section<'_>,
    key: &str,
    problems: &mut Problems<'_>,
    read: impl Fn(T) -> Result<U, String>,
) -> Box<[U]> {
    let taken = table.take(key, problems, |values: Vec<T>| {
        if values.is_empty() || values.len() > MOST_ENTRIES {
            return Err(format!("expected 1 to {MOST_ENTRIES} entries, found {}", values.len()));
        }
        let mut all = Vec::with_capacity(values.len());
        for value in values {
            let value = read(value)?;
            if all.contains(&value) {
                return Err("expected different entries, found one twice".to_owned());
            }
            all.push(value);
        }
        Ok(all.into_boxed_slice())
    });
    taken.unwrap_or_default()
}

/// A list of patterns.
pub(super) fn patterns(
    table: &mut Section<'_>,
    key: &str,
    read: fn(&str) -> Result<Pattern, String>,
    problems: &mut Problems<'_>,
) -> Box<[Pattern]> {
    list(table, key, problems, |text: String| read(&text))
}

fn labels(written: BTreeMap<String, String>) -> Result<Labels, String> {
    if written.is_empty() {
        return Err("expected at least one label such as { team = \"payments\" }, found none".to_owned());
    }
    written.keys().try_for_each(|name| label_name(name))?;
    Ok(Labels(written.into_iter().map(|(name, value)| (name.into(), value.into())).collect()))
}

impl Meant {
    /// Says what can be known to match nothing. `is_judged`: trust stores are not meant.
    pub(super) fn check(&self, sources: &[SourceConfig], is_judged: bool, problems: &mut Problems<'_>) {
        let mut are_named = true;
        for pattern in &self.selector.sources {
            if !sources.iter().any(|source| pattern.fits(&source.id.name)) {
                problems.add(self.sources_at, &self.table, "sources", no_such_source(pattern, sources));
                are_named = false;
            }
        }
        let meant: Vec<&SourceConfig> = sources.iter().filter(|source| self.may_mean(source)).collect();
        if !are_named || sources.is_empty() {
            return;
        }
        if meant.is_empty() {
            return problems.add(self.kinds_at, &self.table, "kinds", "no source that is meant is of these kinds: nothing would match");
        }
        if is_judged && meant.iter().all(|source| source.options.trust_store) {
            let message = "every source that is meant is a trust_store, and these are not judged: nothing would match";
            return problems.add(self.sources_at, &self.table, "sources", message);
        }
        self.check_endpoints(&meant, problems);
        for (name, value) in &self.selector.labels.0 {
            if !meant.iter().any(|source| may_have(source, name, value)) {
                let message = format!("no source or target that is meant has the label {name} = {value:?}: nothing would match");
                problems.add(self.labels_at, &self.table, &format!("labels.{}", quoted(name)), message);
            }
        }
    }

    /// Says which findings none of the sources that are named can have. Where none is named, one may be added any day.
    fn check_endpoints(&self, meant: &[&SourceConfig], problems: &mut Problems<'_>) {
        let is_named = !self.selector.sources.is_empty() || !self.selector.kinds.is_empty();
        let Some((findings, at)) = self.waived.filter(|_| is_named && meant.iter().all(|source| source.id.kind != SourceKind::Tls)) else {
            return;
        };
        let table = self.table.strip_suffix(".match").unwrap_or(&self.table);
        for finding in findings.iter().filter(|finding| finding.is_of_endpoints()) {
            let message = format!(
                "\"{finding}\" is found at endpoints alone, and none of the sources that are meant has any: nothing would be waived"
            );
            problems.add(at, table, "finding", message);
        }
    }

    fn may_mean(&self, source: &SourceConfig) -> bool {
        let Selector { sources, kinds, .. } = &self.selector;
        let is_of =
            |kind: &SourceKind| *kind == source.id.kind || (source.id.kind == SourceKind::Kubernetes && kind.as_str().starts_with("kube-"));
        (sources.is_empty() || sources.iter().any(|pattern| pattern.fits(&source.id.name))) && (kinds.is_empty() || kinds.iter().any(is_of))
    }
}

fn no_such_source(pattern: &Pattern, sources: &[SourceConfig]) -> String {
    let names: Vec<&str> = sources.iter().map(|source| &*source.id.name).collect();
    match nearest(pattern.as_str(), &names) {
        Some(near) => format!("no source is called {:?}, did you mean {near:?}?", pattern.as_str()),
        None if names.is_empty() => format!("no source is called {:?}: there are none", pattern.as_str()),
        None => format!("no source is called {:?} (there are: {})", pattern.as_str(), names.join(", ")),
    }
}

/// Whether anything of a source may have the label, as far as the configuration tells.
fn may_have(source: &SourceConfig, name: &str, value: &str) -> bool {
    let of_targets = source.shown.get("targets").and_then(toml::Value::as_array).into_iter().flatten();
    let has = |target: &toml::Value| {
        target.get("labels").and_then(|labels| labels.get(name)).and_then(toml::Value::as_str).is_some_and(|own| own == value)
    };
    BRING_LABELS.iter().any(|key| source.shown.contains_key(*key))
        || source.options.labels.value(name) == Some(value)
        || of_targets.into_iter().any(has)
}
