//! Renewals that were seen at a place, and when the next one is due.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::facts::CertificateFacts;
use super::options::{Labels, SourceOptions};
use super::state::{Circumstances, TargetState};
use super::time::UnixTime;
use super::vocabulary::CertRole;

/// The part of the lifetime after which a leaf should have been renewed, where nobody says otherwise.
pub const ROTATE_AT: f64 = 0.75;
/// Renewals of a place that are kept.
pub const KEPT: usize = 4;
/// So many renewals make a habit.
const HABIT: usize = 2;
/// Renewals before this part of the lifetime, in thousandths, make none.
const EARLY: i32 = 400;
/// How much later than seen the next renewal may come, as a part of the lifetime.
const TOLERANCE: f64 = 0.05;
/// Later than this nothing is due: the rest is needed to act in.
const LATEST: f64 = 0.95;

/// The latest renewals at a place, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// At most [`KEPT`].
    pub renewals: Box<[Renewed]>,
}

/// One renewal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// When it was seen.
    pub at: UnixTime,
    /// SHA-256 of the certificate that went.
    pub old: [u8; 32],
    /// SHA-256 of the certificate that came.
    pub new: [u8; 32],
    /// The part of the old one's lifetime that had passed, in thousandths.
    pub used: i32,
    /// Both have the same key.
    pub same_key: bool,
}

impl History {
    /// The history with one more renewal.
    pub fn with(&self, renewed: Renewed) -> Self {
        let skipped = (self.renewals.len() + 1).saturating_sub(KEPT);
        Self { renewals: self.renewals.iter().skip(skipped).cloned().chain([renewed]).collect() }
    }

    /// The part of the lifetime after which the next renewal is late, by the latest of those seen; `None` before there is a habit.
    pub fn learnt(&self) -> Option<f64> {
        // An early one is a correction (a name added, a key lost), and no habit.
        let usual = || self.renewals.iter().map(|renewed| renewed.used).filter(|used| *used >= EARLY);
        let latest = usual().max().filter(|_| usual().count() >= HABIT)?;
        Some((f64::from(latest) / 1000.0 + TOLERANCE).min(LATEST))
    }

    /// Whether this certificate came with the key of the one before it.
    pub fn reused_key(&self, fingerprint: &[u8; 32]) -> bool {
        self.renewals.iter().any(|renewed| renewed.new == *fingerprint && renewed.same_key)
    }
}

/// When a leaf should have been renewed: the word of who renews it, else a part of its lifetime.
pub fn due(
    facts: &CertificateFacts,
    options: &SourceOptions,
    circumstances: Option<&Circumstances>,
    history: Option<&History>,
) -> UnixTime {
    if let Some(told) = circumstances.and_then(|known| known.renewal_due) {
        return told;
    }
    let part = options.rotate_at.or_else(|| history.and_then(History::learnt)).unwrap_or(ROTATE_AT);
    let (start, end) = (facts.not_before.secs(), facts.not_after.secs());
    let used = end.saturating_sub(start) as f64 * part;
    // A float cast saturates.
    UnixTime::from_secs(start.saturating_add(used.round() as i64))
}

impl TargetState {
    /// When the certificate at this index should have been renewed.
    pub fn renewal_due(&self, facts: &CertificateFacts, options: &SourceOptions) -> UnixTime {
        due(facts, options, self.circumstances.as_deref(), self.history.as_deref())
    }

    /// The user's labels of the target, its own before those of its source.
    pub fn label<'a>(&'a self, shared: &'a Labels, name: &str) -> Option<&'a str> {
        let own = self.labels.as_deref().and_then(|labels| labels.value(name));
        own.or_else(|| shared.value(name)).filter(|value| !value.is_empty())
    }

    /// Whether it holds a leaf and nobody is named who owns it.
    pub fn is_unowned(&self, options: &SourceOptions) -> bool {
        !options.trust_store
            && self.content.certificates.iter().any(|facts| facts.role == CertRole::Leaf)
            && !options.rules.owners.iter().any(|name| self.label(&options.labels, name).is_some())
    }

    /// Who owns it, by the first label that says so.
    pub fn owner<'a>(&'a self, options: &'a SourceOptions) -> Option<(&'a str, &'a str)> {
        let shared: &Arc<Labels> = &options.labels;
        options.rules.owners.iter().find_map(|name| Some((&**name, self.label(shared, name)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(used: &[i32]) -> History {
        let renewed = |used| Renewed { at: UnixTime::from_secs(0), old: [0; 32], new: [1; 32], used, same_key: false };
        used.iter().fold(History::default(), |history, used| history.with(renewed(*used)))
    }

    #[test]
    fn a_habit_is_learnt_from_the_latest_renewals() {
        for (used, learnt) in [
            (&[][..], None),
            (&[500], None),
            (&[500, 510], Some(0.56)),
            (&[990, 500, 500, 500, 500], Some(0.55)),
            (&[960, 999], Some(0.95)),
            (&[-100, -200], None),
            (&[20, 50], None),
            (&[20, 500, 50, 510], Some(0.56)),
        ] {
            let found = history(used).learnt().map(|part| (part * 1000.0).round() / 1000.0);
            assert_eq!(found, learnt, "{used:?}");
        }
        assert_eq!(history(&[1, 2, 3, 4, 5, 6]).renewals.len(), KEPT);
    }
}
