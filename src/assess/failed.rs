//! The latest times in which looks at an endpoint failed, step by step: what a person wants to know of one that fails now and then.

use crate::model::state::FailedLooks;
use crate::model::{FailureFacts, Step, Trace, UnixTime};

/// Adds what came of a look. Failures of one kind in a row are one entry, with the steps of the latest.
pub(super) fn note(known: &mut Vec<FailedLooks>, failure: Option<&FailureFacts>, trace: Trace, now: UnixTime) {
    let open = known.last_mut().filter(|latest| latest.ended.is_none());
    let Some(failure) = failure else {
        open.into_iter().for_each(|latest| latest.ended = Some(now));
        return;
    };
    let (detail, steps) = (cut(&failure.detail), trace.steps.into_iter().take(FailedLooks::STEPS).map(bounded).collect());
    match open {
        Some(latest) if (latest.stage, latest.reason) == (failure.stage, failure.reason) => {
            (latest.looks, latest.latest, latest.detail, latest.steps) = (latest.looks + 1, now, detail, steps);
        }
        open => {
            open.into_iter().for_each(|latest| latest.ended = Some(now));
            let left_out = (known.len() + 1).saturating_sub(FailedLooks::KEPT);
            known.drain(..left_out);
            let (stage, reason) = (failure.stage, failure.reason);
            known.push(FailedLooks { stage, reason, looks: 1, since: now, latest: now, ended: None, detail, steps });
        }
    }
}

fn bounded(step: Step) -> Step {
    let Step { stage, elapsed, detail, ended, failure } = step;
    Step { stage, elapsed, detail: cut(&detail), ended: ended.map(|text| cut(&text)), failure: failure.map(|text| cut(&text)) }
}

fn cut(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(FailedLooks::TEXT)].into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Reason, Stage};

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn trace(steps: usize) -> Trace {
        let step = |n: usize| Step {
            stage: Stage::Connect,
            elapsed: Duration::from_millis(n as u64),
            detail: "192.0.2.1:443".into(),
            ended: None,
            failure: Some("ü".repeat(FailedLooks::TEXT).into()),
        };
        Trace { steps: (0..steps).map(step).collect(), peer: None }
    }

    /// Looks in their order: the reason of a failed one, `None` for a good one.
    fn seen(looks: &[Option<Reason>]) -> Vec<FailedLooks> {
        let mut known = Vec::new();
        for (now, reason) in (0..).zip(looks) {
            let failure =
                reason.map(|reason| FailureFacts { stage: Stage::Connect, reason, detail: format!("{now}").into(), since: at(0) });
            note(&mut known, failure.as_ref(), trace(1), at(now));
        }
        known
    }

    #[test]
    fn failures_of_one_kind_in_a_row_are_one_entry() {
        let (no, timeout, refused) = (None, Some(Reason::Timeout), Some(Reason::Refused));
        for (behaviour, looks, expected) in [
            ("nothing failed", &[no, no][..], &[][..]),
            ("it fails", &[timeout, timeout], &[(Reason::Timeout, 2, 0, 1, None)]),
            ("it is well again", &[timeout, no, no], &[(Reason::Timeout, 1, 0, 0, Some(1))]),
            ("it fails otherwise", &[timeout, refused], &[(Reason::Timeout, 1, 0, 0, Some(1)), (Reason::Refused, 1, 1, 1, None)]),
            ("again after it was well", &[timeout, no, timeout], &[(Reason::Timeout, 1, 0, 0, Some(1)), (Reason::Timeout, 1, 2, 2, None)]),
        ] {
            let found = seen(looks);
            let told: Vec<_> = found
                .iter()
                .map(|looks| (looks.reason, looks.looks, looks.since.secs(), looks.latest.secs(), looks.ended.map(UnixTime::secs)))
                .collect();
            assert_eq!(told, expected, "{behaviour}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_of_the_latest_look() {
        let flapping: Vec<_> = (0..20).map(|n| (n % 2 == 0).then_some(Reason::Timeout)).collect();
        let found = seen(&flapping);
        assert_eq!(found.iter().map(|looks| looks.since.secs()).collect::<Vec<_>>(), [14, 16, 18], "the oldest go");
        assert_eq!(&*seen(&[Some(Reason::Timeout); 3])[0].detail, "2");

        let mut known = Vec::new();
        let failure = FailureFacts { stage: Stage::Connect, reason: Reason::Timeout, detail: "x".repeat(9_999).into(), since: at(0) };
        note(&mut known, Some(&failure), trace(100), at(1));
        assert_eq!((known[0].steps.len(), known[0].detail.len()), (FailedLooks::STEPS, FailedLooks::TEXT));
        assert!(known[0].steps.iter().all(|step| step.failure.as_ref().is_some_and(|text| text.len() <= FailedLooks::TEXT)));
    }
}
