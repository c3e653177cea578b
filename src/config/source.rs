//! `[defaults]` and `[sources.*]`: the keys that every source has; those of its kind are read by the kind.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::SourceConfig;
use super::message::{self, SECRETS};
use super::section::{Problems, Section, each_key_below};
use crate::engine::schedule::Schedule;
use crate::model::user_labels::check_name;
use crate::model::visible::without_values;
use crate::model::{BuildContext, HumanDuration, RevocationMethod, Rules, SourceId, SourceKind, SourceOptions, UserLabels};
use crate::source::SourceSettings;

/// Every five minutes.
const DEFAULT_SCHEDULE: &str = "*/5 * * * *";
/// Longer names would be cut in labels.
const LONGEST_NAME: usize = 128;
/// Endpoints that the certificates of one source are for.
const MOST_SERVED: usize = 1_000;
/// A DNS name has 253 bytes; scheme and port come with it.
const LONGEST_TARGET: usize = 300;

/// The keys that may stand in `[defaults]` and in every source.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    schedule: Schedule,
    options: SourceOptions,
}

impl Defaults {
    /// What holds where nothing is written.
    pub(super) fn built_in(compare: bool, rules: Arc<Rules>) -> Self {
        #[expect(clippy::expect_used, reason = "a constant, and a test loads an empty configuration")]
        let schedule = Schedule::parse(DEFAULT_SCHEDULE).expect("the default schedule parses");
        Self { schedule, options: SourceOptions { compare, rules, ..SourceOptions::default() } }
    }

    /// How long one target may take.
    pub(super) fn timeout(&self) -> std::time::Duration {
        self.options.timeout
    }

    /// These, but for what the table says.
    pub(super) fn overridden(&self, table: &mut Section<'_>, problems: &mut Problems<'_>) -> Self {
        let schedule = table.take("schedule", problems, |text: String| Schedule::parse(&text).map_err(|error| error.to_string()));
        let mut duration = |key| table.take(key, problems, |HumanDuration(duration)| Ok(duration));
        let (timeout, deadline, retain) = (duration("timeout"), duration("deadline"), duration("retain"));
        let max_series = table.take("max_series", problems, |value: toml::Value| {
            let count = value.as_integer().and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0);
            count.ok_or_else(|| format!("expected a whole number of at least 1, found {value}"))
        });
        let rotate_at = table.take("rotate_at", problems, |value: toml::Value| {
            let part = value.as_float().filter(|part| *part > 0.0 && *part < 1.0);
            part.ok_or_else(|| format!("expected a part of the lifetime between 0 and 1, such as 0.75, found {value}"))
        });
        let revocation = table.take("revocation", problems, |methods: Vec<RevocationMethod>| {
            let is_repeated = |(at, method): (usize, &RevocationMethod)| methods[..at].contains(method);
            match methods.iter().enumerate().find(|(at, method)| is_repeated((*at, method))) {
                Some((_, method)) => Err(format!("expected each method once, found \"{method}\" twice")),
                None => Ok(methods),
            }
        });
        let known = &self.options;
        Self {
            schedule: schedule.unwrap_or_else(|| self.schedule.clone()),
            options: SourceOptions {
                timeout: timeout.unwrap_or(known.timeout),
                deadline: deadline.or(known.deadline),
                retain: retain.or(known.retain),
                max_series: max_series.unwrap_or(known.max_series),
                rotate_at: rotate_at.or(known.rotate_at),
                revocation: revocation.map_or_else(|| known.revocation.clone(), Arc::from),
                ..known.clone()
            },
        }
    }
}

/// `[sources]`: a table per source, by name.
pub(super) fn parse_all(mut sources: Section<'_>, defaults: &Defaults, base: &Path, problems: &mut Problems<'_>) -> Vec<SourceConfig> {
    let tables = std::mem::take(&mut sources.table);
    let mut parsed = Vec::new();
    for (key, value) in tables {
        let name: Arc<str> = key.get_ref().as_ref().into();
        let at = key.span().start;
        let Some(table) = sources.table_of(key, value, problems) else { continue };
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            let message = format!("expected a name of 1 to {LONGEST_NAME} bytes without control characters");
            problems.add(at, &table.name, "", message);
        }
        parsed.extend(parse(name, table, defaults, base, problems));
    }
    parsed
}

fn parse(name: Arc<str>, mut table: Section<'_>, defaults: &Defaults, base: &Path, problems: &mut Problems<'_>) -> Option<SourceConfig> {
    let missing = !table.table.contains_key("type");
    let has_own_revocation = table.table.contains_key("revocation");
    let kind = table.take("type", problems, |text: String| kind(&text));
    if missing {
        problems.add(table.at, &table.name, "type", format!("required, but missing; {}", expected_kinds()));
    }
    let Defaults { schedule, mut options } = defaults.overridden(&mut table, problems);
    if let Some(labels) = table.take("labels", problems, |UserLabels(labels)| Ok(labels)) {
        options.labels = Arc::new(labels);
    }
    if let Some(chain) = table.take("chain", problems, Ok) {
        options.chain = chain;
    }
    if let Some(trust_store) = table.take("trust_store", problems, Ok) {
        options.trust_store = trust_store;
    }

    if let Some(serves) = table.take("serves", problems, |targets: Vec<String>| serves(&targets)) {
        options.serves = serves;
    }
    let must_be_stored_at = table.table.get("must_be_stored").map_or(table.at, |value| value.span().start);
    if let Some(must_be_stored) = table.take("must_be_stored", problems, Ok) {
        options.must_be_stored = must_be_stored;
    }

    let kind = kind?;
    if options.must_be_stored && kind != SourceKind::Tls {
        let message = format!("it is about endpoints, and a source of type \"{kind}\" has none");
        problems.add(must_be_stored_at, &table.name, "must_be_stored", message);
    }
    // A cluster's certificates are many, and whom they name is not the operator's choice: responders are asked on request only.
    if kind == SourceKind::Kubernetes && !has_own_revocation {
        options.revocation = options.revocation.iter().copied().filter(|method| *method != RevocationMethod::Ocsp).collect();
    }
    let rest = std::mem::take(&mut table.table);
    // Kinds whose targets have labels of their own take them as they come.
    each_key_below(&rest, "labels", &mut |path, name, at| {
        if let Err(message) = check_name(name) {
            problems.add(at, &table.name, &path, message);
        }
    });
    let span = table.at..table.at;
    let deserializer = Deserializer::from(Spanned::new(span.clone(), rest.clone()));
    let settings = SourceSettings::parse(kind, deserializer).map_err(|error| table.refuse(&rest, &error, problems)).ok()?;
    // Building reads and dials nothing: it tells what the keys say only together, here with its line.
    if let Err(error) = settings.build(&BuildContext { base: base.to_owned() }) {
        problems.add(table.position_of(&rest, &error.key), &table.name, &error.key, error.message);
        return None;
    }
    let shown = shown(Spanned::new(span, rest));
    Some(SourceConfig { id: SourceId { kind, name }, schedule, options, settings, shown })
}

/// Endpoints as targets are written; whether anybody watches them is no concern of the source that is for them.
fn serves(targets: &[String]) -> Result<Arc<[Box<str>]>, String> {
    if targets.is_empty() || targets.len() > MOST_SERVED {
        return Err(format!("expected 1 to {MOST_SERVED} endpoints, found {}", targets.len()));
    }
    let is_target = |target: &str| {
        !target.is_empty() && target.len() <= LONGEST_TARGET && !target.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    for (at, target) in targets.iter().enumerate() {
        if !is_target(target) || target.contains('@') {
            return Err(format!("expected an endpoint as targets are written, such as \"api.example.com:443\", found {target:?}"));
        }
        if targets[..at].contains(target) {
            return Err(format!("expected each endpoint once, found {target:?} twice"));
        }
    }
    Ok(targets.iter().map(|target| target.as_str().into()).collect())
}

fn kind(text: &str) -> Result<SourceKind, String> {
    let known: Vec<String> = SourceSettings::KINDS.iter().map(SourceKind::to_string).collect();
    let kind = SourceSettings::KINDS.iter().copied().find(|kind| kind.as_str() == text);
    kind.ok_or_else(|| message::choice(text, &known))
}

fn expected_kinds() -> String {
    let kinds: Vec<String> = SourceSettings::KINDS.iter().map(|kind| format!("{:?}", kind.as_str())).collect();
    format!("expected one of {}", kinds.join(", "))
}

/// The keys of a kind as written, secrets masked.
pub(super) fn shown(rest: Spanned<DeTable<'_>>) -> toml::Table {
    // Any TOML table is one; dates have been refused by the settings.
    let mut table = toml::Table::deserialize(Deserializer::from(rest)).unwrap_or_default();
    mask(&mut table);
    table
}

/// Secrets stand in tables of the source too.
fn mask(table: &mut toml::Table) {
    for (key, value) in table {
        if SECRETS.contains(&key.as_str()) {
            *value = toml::Value::from("[secret]");
        } else if URLS.contains(&key.as_str()) {
            hide_user_information(key, value);
        } else if let toml::Value::Table(inner) = value {
            mask(inner);
        }
    }
}

/// Keys that hold URLs, or things with URLs in them.
const URLS: &[&str] = &["proxy", "targets", "http_sd"];

/// User and password of every URL below.
fn hide_user_information(key: &str, value: &mut toml::Value) {
    match value {
        toml::Value::String(text) => *text = without_user_information(key, text),
        toml::Value::Array(values) => values.iter_mut().for_each(|value| hide_user_information(key, value)),
        // A target's table has names and labels beside it, which may hold anything.
        toml::Value::Table(table) => table.get_mut("target").into_iter().for_each(|value| hide_user_information(key, value)),
        _ => {}
    }
}

fn without_user_information(key: &str, text: &str) -> String {
    let is_document = key == "http_sd";
    let text = &if is_document { without_values(text) } else { text.to_owned() };
    // A target may lack the scheme.
    let begin = text.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = text.split_at(begin);
    // Documents have a path, which may hold an @ itself; where none is allowed, all before the last @ is the user.
    let end = if is_document { rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()) } else { rest.len() };
    match rest.split_at(end).0.rsplit_once('@') {
        Some((user_information, _)) => {
            // SOCKS5 wants a password behind the user, or what is shown could not be read again.
            let masked = if scheme.starts_with("socks5") { "[secret]:[secret]" } else { "[secret]" };
            format!("{scheme}{masked}{}", rest.split_at(user_information.len()).1)
        }
        None => text.to_owned(),
    }
}
