//! What a reload does to the running sources: a pure difference.

use std::collections::BTreeMap;

use crate::model::SourceId;

/// The steps of a reload. Every source is in exactly one list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Unchanged: goes on with its state and its schedule.
    pub keep: Vec<SourceId>,
    /// Changed: starts anew from what its predecessor knows.
    pub replace: Vec<SourceId>,
    /// New.
    pub start: Vec<SourceId>,
    /// No longer wanted: goes with its series.
    pub stop: Vec<SourceId>,
}

/// Compares running sources with wanted ones, by their revisions.
pub fn plan(running: &BTreeMap<SourceId, u64>, wanted: &BTreeMap<SourceId, u64>) -> Plan {
    let mut plan = Plan::default();
    for (id, revision) in wanted {
        let list = match running.get(id) {
            Some(known) if known == revision => &mut plan.keep,
            Some(_) => &mut plan.replace,
            None => &mut plan.start,
        };
        list.push(id.clone());
    }
    plan.stop = running.keys().filter(|id| !wanted.contains_key(id)).cloned().collect();
    plan
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceKind;

    #[test]
    fn each_source_gets_the_step_that_its_change_asks_for() {
        let id = |name: &str| SourceId { kind: SourceKind::File, name: name.into() };
        let running = BTreeMap::from([(id("same"), 1), (id("changed"), 1), (id("gone"), 1)]);
        let wanted = BTreeMap::from([(id("same"), 1), (id("changed"), 2), (id("new"), 1)]);
        let expected = Plan { keep: vec![id("same")], replace: vec![id("changed")], start: vec![id("new")], stop: vec![id("gone")] };
        assert_eq!(plan(&running, &wanted), expected);
    }

    #[test]
    fn another_kind_under_the_same_name_is_another_source() {
        let id = |kind| SourceId { kind, name: "x".into() };
        let plan = plan(&BTreeMap::from([(id(SourceKind::File), 1)]), &BTreeMap::from([(id(SourceKind::Tls), 1)]));
        assert_eq!((plan.start, plan.stop), (vec![id(SourceKind::Tls)], vec![id(SourceKind::File)]));
    }
}
