//! What the operator demands of certificates, put together: `[ownership]`, `[relations]`, `[policy.*]` and `[[waiver]]`.

use std::sync::Arc;

use super::section::{Problems, Section};
use super::selector::Meant;
use super::{SourceConfig, ownership, policy, waiver};
use crate::model::Rules;

/// The rules, and what remains to be held against the sources.
pub(super) struct Parsed {
    pub(super) rules: Arc<Rules>,
    of_policies: Vec<Meant>,
    of_waivers: Vec<Meant>,
}

pub(super) fn parse(root: &mut Section<'_>, problems: &mut Problems<'_>) -> Parsed {
    let mut rules = Rules::default();
    if let Some(owners) = root.take_table("ownership", problems).and_then(|table| ownership::parse(table, problems)) {
        rules.owners = owners;
    }
    if let Some(grace) = root.take_table("relations", problems).and_then(|table| ownership::parse_relations(table, problems)) {
        rules.grace = grace;
    }
    let policies = root.take_table("policy", problems).map(|tables| policy::parse_all(tables, problems)).unwrap_or_default();
    let waivers = waiver::parse_all(root, problems);
    let (policies, of_policies): (Vec<_>, Vec<_>) = policies.into_iter().unzip();
    let (waivers, of_waivers): (Vec<_>, Vec<_>) = waivers.into_iter().unzip();
    (rules.policies, rules.waivers) = (policies.into(), waivers.into());
    Parsed { rules: Arc::new(rules), of_policies, of_waivers }
}

impl Parsed {
    /// Says which policies and waivers match nothing, as far as that can be known.
    pub(super) fn check(&self, sources: &[SourceConfig], problems: &mut Problems<'_>) {
        // A source that was refused is no source that is missing.
        if problems.is_empty() {
            self.of_policies.iter().for_each(|meant| meant.check(sources, true, problems));
            self.of_waivers.iter().for_each(|meant| meant.check(sources, false, problems));
        }
    }
}
