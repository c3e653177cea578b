//! `[probe]`: who may be probed on request, and the modules to choose from.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use globset::{Glob, GlobMatcher};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::section::{Problems, Section};
use super::source::shown;
use crate::model::{BuildContext, HumanDuration, SourceKind, SourceOptions};
use crate::source::SourceSettings;

/// Keys of a tls source that name targets: those of a probe come with the request.
const OF_TARGETS: &[&str] = &["targets", "file_sd", "http_sd", "kubernetes_sd"];

/// Longer names of modules are no names.
const LONGEST_NAME: usize = 128;

/// `[probe]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeConfig {
    /// Targets that may be asked for; empty: any, from loopback only.
    pub allow: Vec<AllowPattern>,
    /// `[probe.modules.*]`, by name.
    pub modules: BTreeMap<String, ModuleConfig>,
}

/// One `[probe.modules.<name>]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleConfig {
    /// One probe, all stages.
    pub timeout: Duration,
    /// The keys of a tls source, without targets.
    pub table: toml::Table,
    /// The same, secrets masked: for people.
    pub shown: toml::Table,
}

impl Default for ModuleConfig {
    /// What is probed with where no module is asked for: the system's roots and nothing else.
    fn default() -> Self {
        Self { timeout: SourceOptions::default().timeout, table: toml::Table::new(), shown: toml::Table::new() }
    }
}

/// A glob over `host:port`, without regard to case.
#[derive(Clone, Debug)]
pub struct AllowPattern {
    text: String,
    matcher: GlobMatcher,
}

impl PartialEq for AllowPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::fmt::Display for AllowPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.text)
    }
}

impl AllowPattern {
    /// Reads `*.example.com:443`; without a port it means 443.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a host and port such as \"*.example.com:443\", found {text:?}");
        let after_host = if text.starts_with('[') { text.rsplit_once(']').map_or("", |(_, rest)| rest) } else { text };
        let with_port = if after_host.contains(':') { text.to_owned() } else { format!("{text}:443") };
        let (host, port) = with_port.rsplit_once(':').ok_or_else(expected)?;
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | '@' | '\\');
        let port_is_fine = port == "*" || port.parse::<u16>().is_ok_and(|port| port != 0);
        let is_number_or_glob = port.chars().all(|c| c.is_ascii_digit() || "*?[]{},!-".contains(c));
        if host.is_empty() || !host.chars().all(is_plain) || !is_number_or_glob {
            return Err(expected());
        }
        if !port_is_fine {
            return Err(format!("{}; the port is a number from 1 to 65535, or * for any: part of it cannot be a glob", expected()));
        }
        // The brackets of an IPv6 address are no class of characters.
        let escaped = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => format!("\\[{address}\\]:{port}"),
            None => with_port.clone(),
        };
        let glob = Glob::new(&escaped.to_lowercase()).map_err(|error| format!("{}: {error}", expected()))?;
        Ok(Self { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// Whether this `host:port`, in lower case, may be asked for.
    pub fn matches(&self, authority: &str) -> bool {
        self.matcher.is_match(authority)
    }
}

pub(super) fn parse(mut table: Section<'_>, timeout: Duration, base: &Path, problems: &mut Problems<'_>) -> ProbeConfig {
    let allow = table.take("allow", problems, |texts: Vec<String>| {
        if texts.is_empty() {
            return Err("expected at least one host and port such as \"*.example.com:443\", found none".to_owned());
        }
        texts.iter().map(|text| AllowPattern::parse(text)).collect::<Result<Vec<_>, _>>()
    });
    let mut modules = BTreeMap::new();
    if let Some(mut listed) = table.take_table("modules", problems) {
        for (key, value) in std::mem::take(&mut listed.table) {
            let (name, at) = (key.get_ref().to_string(), key.span().start);
            let Some(section) = listed.table_of(key, value, problems) else { continue };
            if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
                let message = format!("expected a name of 1 to {LONGEST_NAME} bytes without control characters");
                problems.add(at, &section.name, "", message);
                continue;
            }
            if let Some(module) = module(section, timeout, base, problems) {
                modules.insert(name, module);
            }
        }
    }
    table.finish(problems);
    ProbeConfig { allow: allow.unwrap_or_default(), modules }
}

fn module(mut table: Section<'_>, timeout: Duration, base: &Path, problems: &mut Problems<'_>) -> Option<ModuleConfig> {
    let timeout = table.take("timeout", problems, |HumanDuration(timeout)| Ok(timeout)).unwrap_or(timeout);
    table.unwanted = OF_TARGETS;
    let mut rest = std::mem::take(&mut table.table);
    let named: Vec<_> = rest.keys().filter(|key| OF_TARGETS.contains(&&**key.get_ref())).cloned().collect();
    for key in &named {
        problems.add(key.span().start, &table.name, key.get_ref(), "expected no targets here: they come with the request");
    }
    if !named.is_empty() {
        return None;
    }
    let shown = shown(Spanned::new(table.at..table.at, rest.clone()));
    let raw = toml::Table::deserialize(Deserializer::from(Spanned::new(table.at..table.at, rest.clone()))).unwrap_or_default();
    // With any target it must be a source that can be built.
    let mut example = toml::de::DeArray::new();
    example.push(Spanned::new(table.at..table.at, DeValue::String("localhost:443".into())));
    rest.insert(Spanned::new(table.at..table.at, "targets".into()), Spanned::new(table.at..table.at, DeValue::Array(example)));
    check(&table, &rest, base, problems)?;
    Some(ModuleConfig { timeout, table: raw, shown })
}

fn check(table: &Section<'_>, rest: &DeTable<'_>, base: &Path, problems: &mut Problems<'_>) -> Option<()> {
    let deserializer = Deserializer::from(Spanned::new(table.at..table.at, rest.clone()));
    let settings = SourceSettings::parse(SourceKind::Tls, deserializer).map_err(|error| table.refuse(rest, &error, problems)).ok()?;
    if let Err(error) = settings.build(&BuildContext { base: base.to_owned() }) {
        problems.add(table.position_of(rest, &error.key), &table.name, &error.key, error.message);
        return None;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_globs_over_host_and_port() {
        for (pattern, authority, expected) in [
            ("*.example.com:443", "api.example.com:443", true),
            ("*.example.com:443", "a.b.example.com:443", true),
            ("*.example.com:443", "example.com:443", false),
            ("*.example.com:443", "api.example.com:8443", false),
            ("*.example.com:443", "api.example.com.evil:443", false),
            ("*.example.com", "api.example.com:443", true),
            ("*.example.com", "api.example.com:22", false),
            ("*.Example.COM:*", "api.example.com:22", true),
            ("10.0.0.*:443", "10.0.0.7:443", true),
            ("[::1]:443", "[::1]:443", true),
            ("[::1]", "[::1]:443", true),
            ("[2001:db8::*]:443", "[2001:db8::7]:443", true),
            ("[2001:db8::*]:443", "[2001:db9::7]:443", false),
        ] {
            assert_eq!(AllowPattern::parse(pattern).unwrap().matches(authority), expected, "{pattern} {authority}");
        }
        for pattern in ["", ":443", "a:0", "a:https", "https://a:443", "a b:443", "a{:443"] {
            assert!(AllowPattern::parse(pattern).unwrap_err().starts_with("expected a host and port"), "{pattern}");
        }
        for pattern in ["a:84*", "a:44?", "*:{80,443}", "a:[0-9]", "a:0"] {
            assert!(AllowPattern::parse(pattern).unwrap_err().ends_with("part of it cannot be a glob"), "{pattern}");
        }
    }
}
