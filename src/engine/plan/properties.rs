//! Any reload: what the plan's steps make of the running sources is what is wanted, and nothing is touched that need not be.

use proptest::prelude::*;

use super::*;
use crate::model::SourceKind;
use crate::testing::cases;

type Sources = BTreeMap<SourceId, u64>;

fn sources() -> impl Strategy<Value = Sources> {
    let kind = prop_oneof![Just(SourceKind::File), Just(SourceKind::Tls), Just(SourceKind::KubeSecret)];
    let id = (kind, "[a-e]").prop_map(|(kind, name)| SourceId { kind, name: name.into() });
    proptest::collection::btree_map(id, 0..3_u64, 0..10)
}

/// Does what the steps say, one after the other; what cannot be done is `None`.
fn apply(plan: &Plan, running: &Sources, wanted: &Sources) -> Option<Sources> {
    let mut after = running.clone();
    for id in &plan.stop {
        after.remove(id)?;
    }
    for id in &plan.replace {
        *after.get_mut(id)? = *wanted.get(id)?;
    }
    for id in &plan.start {
        if after.insert(id.clone(), *wanted.get(id)?).is_some() {
            return None;
        }
    }
    plan.keep.iter().all(|id| after.contains_key(id)).then_some(after)
}

#[test]
fn a_plan_leads_from_what_runs_to_what_is_wanted_and_touches_nothing_else() {
    cases(2_000, &(sources(), sources()), |(running, wanted)| {
        let plan = plan(&running, &wanted);
        prop_assert_eq!(apply(&plan, &running, &wanted), Some(wanted.clone()));
        for (id, revision) in &running {
            let is_same = wanted.get(id) == Some(revision);
            prop_assert_eq!(plan.keep.contains(id), is_same, "{:?} goes on exactly when it is the same", id);
        }
        let all: Vec<&SourceId> = [&plan.keep, &plan.replace, &plan.start, &plan.stop].into_iter().flatten().collect();
        let each: std::collections::BTreeSet<&SourceId> = all.iter().copied().collect();
        prop_assert_eq!(all.len(), each.len(), "a source stands in one list");
        prop_assert!(each.into_iter().eq(running.keys().chain(wanted.keys()).collect::<std::collections::BTreeSet<_>>()));
        Ok(())
    });
}

#[test]
fn a_reload_of_the_same_does_nothing() {
    cases(500, &sources(), |running| {
        let ids = running.keys().cloned().collect();
        prop_assert_eq!(plan(&running, &running), Plan { keep: ids, ..Plan::default() });
        Ok(())
    });
}
