//! `[metrics]`: what is exposed beyond the usual.

use super::section::{Problems, Section};

pub use crate::model::vocabulary::Compatibility;

/// `[metrics]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Whose further families are exposed too.
    pub compatibility: Vec<Compatibility>,
}

pub(super) fn parse(mut table: Section<'_>, problems: &mut Problems<'_>) -> MetricsConfig {
    let compatibility = table.take("compatibility", problems, |mut list: Vec<Compatibility>| {
        list.sort_unstable();
        list.dedup();
        Ok(list)
    });
    table.finish(problems);
    MetricsConfig { compatibility: compatibility.unwrap_or_default() }
}
