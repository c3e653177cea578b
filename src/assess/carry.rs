//! What is kept of a target from one look to the next: the one place where that is decided.
//!
//! Target failed: keep its certificates, show the failure. Absent from a complete listing: drop. Absent from a partial one, or
//! the whole scan failed: nothing calls this, so everything stays. Failing for longer than `retain`: drop the certificates, keep
//! the failure.

use std::sync::Arc;

use super::failed::note;
use super::findings::{Subject, assess};
use super::renewal::renewals;
use crate::model::options::Labels;
use crate::model::state::Counters;
use crate::model::{
    Circumstances, Content, Facts, Failure, FailureFacts, History, Place, Reason, Related, Renewed, Report, RevocationView, SourceHeader,
    Stage, Stamp, TargetState, Trace, UnixTime,
};

/// What happened to a target.
#[derive(Debug)]
pub enum TargetEvent {
    /// It was looked at.
    Looked(Box<Look>),
    /// Time passed, or the revocation service knows more.
    TimePassed,
    /// A complete listing does not have it.
    Absent,
    /// What is known of it besides its bytes is now this.
    Described(Option<Arc<Labels>>, Option<Arc<Circumstances>>),
    /// What other places say about it is now this.
    Related(Option<Arc<Related>>),
}

/// One look at a target, decoded.
#[derive(Debug)]
pub struct Look {
    /// Where.
    pub place: Place,
    /// The user's labels of this target alone.
    pub labels: Option<Arc<Labels>>,
    /// What is known of it besides its bytes.
    pub circumstances: Option<Arc<Circumstances>>,
    /// What was read; `None` when nothing was.
    pub facts: Option<Facts>,
    /// What went wrong on the way there.
    pub failure: Option<Failure>,
    /// How an unchanged thing is recognised.
    pub stamp: Option<Stamp>,
    /// How a handshake went that was tried, step by step: it is counted.
    pub counted: Option<Trace>,
}

/// The state that follows. `None` drops the target with all its series.
pub fn carry(
    previous: Option<&TargetState>,
    event: TargetEvent,
    revocation: &dyn RevocationView,
    header: &SourceHeader,
    now: UnixTime,
) -> Option<TargetState> {
    let judged = |state: TargetState| {
        let report = assess(&Subject::of(header, &state), revocation, Some(&state.report), now);
        Some(TargetState { report, ..state })
    };
    match event {
        TargetEvent::Absent => None,
        TargetEvent::Described(labels, circumstances) => judged(TargetState { labels, circumstances, ..previous?.clone() }),
        TargetEvent::Related(related) => judged(TargetState { related, ..previous?.clone() }),
        TargetEvent::TimePassed => judged(previous?.clone()),
        TargetEvent::Looked(look) => Some(looked(previous, *look, revocation, header, now)),
    }
}

fn looked(
    previous: Option<&TargetState>,
    look: Look,
    revocation: &dyn RevocationView,
    header: &SourceHeader,
    now: UnixTime,
) -> TargetState {
    let options = &header.options;
    let Look { place, labels, circumstances, facts, failure, stamp, counted } = look;
    let (facts, problem) = match facts {
        Some(facts) => match facts.failure().cloned() {
            Some(problem) => (None, Some((Stage::Parse, problem.reason, problem.detail))),
            None => (Some(facts), None),
        },
        None => (None, None),
    };
    let since = previous.and_then(|state| state.failure.as_ref()).map_or(now, |known| known.since);
    let failure = failure
        .map(|failure| (failure.stage, failure.reason, failure.detail.to_string()))
        .or(problem)
        .map(|(stage, reason, detail): (Stage, Reason, String)| Box::new(FailureFacts { stage, reason, detail: detail.into(), since }));
    let counters = counted.map(|trace| count(previous, failure.as_deref(), trace, now));
    let outlived = failure.is_some() && options.retain.is_some_and(|retain| now.since(since) > retain);

    let mut changed_at = previous.map_or(now, |state| state.changed_at);
    let mut problems = Box::default();
    let (content, endpoint) = match (facts, previous) {
        (Some(facts), previous) => {
            problems = facts.problems.into_boxed_slice();
            let content = Content { certificates: facts.certificates.into(), crls: facts.crls.into(), responses: facts.responses.into() };
            let content = match previous {
                Some(state) if *state.content == content => state.content.clone(),
                _ => {
                    changed_at = now;
                    Arc::new(content)
                }
            };
            // What has not changed stays where it lies: memory does not move about with every round.
            let known = previous.and_then(|state| state.endpoint.clone());
            let endpoint = facts.endpoint.map(|endpoint| match known {
                Some(known) if *known == *endpoint => known,
                _ => Arc::new(*endpoint),
            });
            (content, endpoint)
        }
        (None, Some(_)) if outlived => Default::default(),
        (None, Some(state)) => (state.content.clone(), state.endpoint.clone()),
        (None, None) => Default::default(),
    };
    let known = previous.map(|state| known_verdicts(state, &content));
    let related = previous.and_then(|state| state.related.clone());
    let history = history(previous, &content, now);
    let subject = Subject {
        header,
        place: &place,
        labels: labels.as_deref(),
        circumstances: circumstances.as_deref(),
        content: &content,
        endpoint: endpoint.as_deref(),
        related: related.as_deref(),
        history: history.as_deref(),
    };
    let report = assess(&subject, revocation, known.as_ref(), now);
    // What is not well is read again at the next scan, so that its errors are counted for as long as they last.
    let stamp = stamp.filter(|_| failure.is_none() && problems.is_empty());
    TargetState {
        place,
        labels,
        circumstances,
        content,
        endpoint,
        related,
        history,
        report,
        failure,
        problems,
        stamp,
        changed_at,
        counters,
    }
}

/// The renewals at a place, with those that this content brings.
fn history(previous: Option<&TargetState>, content: &Arc<Content>, now: UnixTime) -> Option<Box<History>> {
    let previous = previous?;
    let known = previous.history.clone();
    if Arc::ptr_eq(&previous.content, content) {
        return known;
    }
    renewals(&previous.content, content, now).iter().fold(known, |known, renewal| {
        let renewed = Renewed {
            at: now,
            old: renewal.old.fingerprint,
            new: renewal.new.fingerprint,
            used: (1000.0 - renewal.margin * 1000.0).round() as i32,
            same_key: renewal.old.key.digest == renewal.new.key.digest,
        };
        Some(Box::new(known.unwrap_or_default().with(renewed)))
    })
}

/// What was known of the revocation of the certificates that are there now: a renewal moves them.
fn known_verdicts(state: &TargetState, content: &Arc<Content>) -> Report {
    if Arc::ptr_eq(&state.content, content) || state.report.revocation.is_empty() {
        return Report { revocation: state.report.revocation.clone(), ..Report::default() };
    }
    let former = |fingerprint| state.content.certificates.iter().position(|facts| facts.fingerprint == fingerprint);
    let verdict = |fingerprint| former(fingerprint).and_then(|at| state.report.verdict(at)).cloned().unwrap_or_default();
    let revocation = content.certificates.iter().map(|facts| verdict(facts.fingerprint)).collect();
    Report { revocation, ..Report::default() }
}

fn count(previous: Option<&TargetState>, failure: Option<&FailureFacts>, trace: Trace, now: UnixTime) -> Box<Counters> {
    let mut counters = previous.and_then(|state| state.counters.clone()).unwrap_or_default();
    note(&mut counters.failed, failure, trace, now);
    match failure {
        None => counters.ok += 1,
        Some(failure) => {
            let known = counters.errors.iter_mut().find(|(stage, reason, _)| (*stage, *reason) == (failure.stage, failure.reason));
            match known {
                Some((_, _, count)) => *count += 1,
                None => counters.errors.push((failure.stage, failure.reason, 1)),
            }
        }
    }
    counters
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::assess::fixtures::{certificate, endpoint, header};
    use crate::model::revocation::NoRevocations;
    use crate::model::{EndpointFacts, Finding, Problem, SourceOptions};

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn carried(previous: Option<&TargetState>, event: TargetEvent, retain: Option<Duration>, now: UnixTime) -> Option<TargetState> {
        let options = SourceOptions { retain, ..SourceOptions::default() };
        carry(previous, event, &NoRevocations::default(), &SourceHeader { options, ..header() }, now)
    }

    fn look(facts: Option<Facts>, failure: Option<Failure>) -> TargetEvent {
        let place = Place::file("/a.pem");
        let stamp = Some(Stamp { device: 1, inode: 2, size: 3, modified: 4, changed: 5 });
        TargetEvent::Looked(Box::new(Look { place, labels: None, circumstances: None, facts, failure, stamp, counted: None }))
    }

    fn holding(name: &str) -> Option<Facts> {
        Some(Facts { certificates: vec![certificate(name, 0, 1_000_000)], ..Facts::default() })
    }

    fn garbage() -> Option<Facts> {
        let problem = Problem { reason: Reason::BadPem, detail: "line 3".into() };
        Some(Facts { problems: vec![problem], ..Facts::default() })
    }

    fn denied() -> Option<Failure> {
        Some(Failure::new(Stage::Read, Reason::PermissionDenied, "no"))
    }

    fn known() -> TargetState {
        carried(None, look(holding("a"), None), None, at(10)).unwrap()
    }

    #[test]
    fn a_failed_look_keeps_the_certificates_and_shows_the_failure() {
        for (event, reason) in [(look(None, denied()), Reason::PermissionDenied), (look(garbage(), None), Reason::BadPem)] {
            let state = carried(Some(&known()), event, None, at(20)).unwrap();
            assert_eq!(state.content, known().content);
            assert_eq!(state.failure.as_ref().map(|failure| (failure.reason, failure.since)), Some((reason, at(20))));
            assert_eq!(state.stamp, None, "it must be read again");
        }
    }

    #[test]
    fn a_failure_without_history_is_a_row_without_certificates() {
        let state = carried(None, look(None, denied()), None, at(20)).unwrap();
        assert!(state.content.certificates.is_empty() && state.failure.is_some());
    }

    #[test]
    fn a_failure_lasts_from_its_first_look_and_ends_with_a_good_one() {
        let first = carried(Some(&known()), look(None, denied()), None, at(20)).unwrap();
        let second = carried(Some(&first), look(garbage(), None), None, at(30)).unwrap();
        assert_eq!(second.failure.as_ref().unwrap().since, at(20));
        let third = carried(Some(&second), look(holding("a"), None), None, at(40)).unwrap();
        assert_eq!((third.failure, third.changed_at), (None, at(10)));
    }

    #[test]
    fn a_verdict_follows_its_certificate_to_another_position() {
        use crate::model::{Lookup, Pointers, RevocationStatus, Verdict};
        let looked_up = |name: &str| {
            let lookup = Lookup {
                serial: [1].into(),
                issuer: Arc::from([]),
                pointers: Arc::new(Pointers { responders: ["http://ocsp.example".into()].into(), ..Pointers::default() }),
                signed: None,
                must_staple: false,
                no_rev_avail: false,
                is_ca: false,
            };
            crate::model::CertificateFacts { lookup: Some(Box::new(lookup)), ..certificate(name, 0, 1_000_000) }
        };
        let facts = |names: &[&str]| Some(Facts { certificates: names.iter().map(|name| looked_up(name)).collect(), ..Facts::default() });
        let mut state = carried(None, look(facts(&["a", "b"]), None), None, at(10)).unwrap();
        state.report.revocation[1] = Verdict { status: RevocationStatus::Revoked, ..Verdict::default() };
        let moved = carried(Some(&state), look(facts(&["b", "c"]), None), None, at(20)).unwrap();
        let status = |state: &TargetState| state.report.revocation.iter().map(|verdict| verdict.status).collect::<Vec<_>>();
        assert_eq!(status(&moved), [RevocationStatus::Revoked, RevocationStatus::Pending]);
        let same = carried(Some(&moved), TargetEvent::TimePassed, None, at(30)).unwrap();
        assert_eq!(status(&same), status(&moved));
    }

    #[test]
    fn absence_from_a_complete_listing_drops() {
        assert_eq!(carried(Some(&known()), TargetEvent::Absent, None, at(20)), None);
    }

    #[test]
    fn certificates_older_than_retain_go_and_the_failure_stays() {
        let failing = carried(Some(&known()), look(None, denied()), Some(DAY), at(20)).unwrap();
        let kept = carried(Some(&failing), look(None, denied()), Some(DAY), at(20 + 86_400)).unwrap();
        assert_eq!(kept.content.certificates.len(), 1);
        let dropped = carried(Some(&failing), look(None, denied()), Some(DAY), at(21 + 86_400)).unwrap();
        assert!(dropped.content.certificates.is_empty() && dropped.failure.is_some());
    }

    #[test]
    fn a_place_with_good_and_bad_parts_is_no_failure_but_is_read_again() {
        let facts = Facts { problems: garbage().unwrap().problems, ..holding("a").unwrap() };
        let state = carried(None, look(Some(facts), None), None, at(10)).unwrap();
        assert_eq!((state.failure, state.stamp, state.problems.len()), (None, None, 1));
    }

    #[test]
    fn a_broken_endpoint_shows_its_new_chain_and_the_failure() {
        let state = carried(Some(&known()), look(holding("b"), denied()), None, at(20)).unwrap();
        assert_eq!(&*state.content.certificates[0].subject, "CN=b");
        assert!(state.failure.is_some());
    }

    #[test]
    fn what_an_endpoint_shows_again_stays_where_it_lies() {
        let showing = |version: &str| {
            let endpoint = EndpointFacts { version: Some(version.into()), ..endpoint() };
            look(Some(Facts { endpoint: Some(Box::new(endpoint)), ..holding("a").unwrap() }), None)
        };
        let first = carried(None, showing("TLS 1.3"), None, at(10)).unwrap();
        let again = carried(Some(&first), showing("TLS 1.3"), None, at(20)).unwrap();
        assert!(Arc::ptr_eq(&first.content, &again.content));
        assert!(Arc::ptr_eq(&first.endpoint.unwrap(), again.endpoint.as_ref().unwrap()));
        let other = carried(Some(&again), showing("TLS 1.2"), None, at(30)).unwrap();
        assert_eq!(other.endpoint.unwrap().version.as_deref(), Some("TLS 1.2"));
    }

    #[test]
    fn renewals_are_remembered_and_a_reused_key_is_found_until_the_next_one() {
        let holding = |not_after: i64, key: u8| {
            let mut facts = certificate("a", not_after - 1_000, not_after);
            facts.key.digest = [key; 16];
            look(Some(Facts { certificates: vec![facts], ..Facts::default() }), None)
        };
        let first = carried(None, holding(1_000, 1), None, at(0)).unwrap();
        assert_eq!(first.history, None);
        let second = carried(Some(&first), holding(1_800, 1), None, at(750)).unwrap();
        let renewed = &second.history.as_ref().unwrap().renewals[0];
        assert_eq!((renewed.used, renewed.same_key, renewed.at), (750, true, at(750)));
        assert!(second.report.certificate(0).contains(Finding::KeyReused));
        let third = carried(Some(&second), holding(2_600, 2), None, at(1_500)).unwrap();
        assert_eq!(third.history.as_ref().unwrap().renewals.len(), 2);
        assert!(!third.report.certificate(0).contains(Finding::KeyReused));
        let failing = carried(Some(&third), look(None, denied()), None, at(1_600)).unwrap();
        assert_eq!(failing.history, third.history, "a failed look forgets nothing");
    }

    #[test]
    fn what_other_places_say_stays_until_they_say_otherwise() {
        let target = [Finding::AddressesDiffer].into_iter().collect();
        let of_it = [(known().content.certificates[0].fingerprint, [Finding::CaUnused].into_iter().collect())];
        let related = Some(Arc::new(Related { target, certificates: of_it.into(), evidence: Box::default() }));
        let state = carried(Some(&known()), TargetEvent::Related(related), None, at(20)).unwrap();
        assert!(state.report.target.contains(Finding::AddressesDiffer) && state.report.certificate(0).contains(Finding::CaUnused));
        let looked = carried(Some(&state), look(holding("a"), None), None, at(30)).unwrap();
        assert_eq!(looked.report, state.report);
        let other = carried(Some(&state), look(holding("b"), None), None, at(30)).unwrap();
        assert!(!other.report.certificate(0).contains(Finding::CaUnused), "it was said of another certificate");
        let cleared = carried(Some(&looked), TargetEvent::Related(None), None, at(40)).unwrap();
        assert!(cleared.report.target.is_empty());
    }

    #[test]
    fn a_key_alone_is_no_error_and_takes_the_certificates_away() {
        let state = carried(Some(&known()), look(Some(Facts::default()), None), None, at(20)).unwrap();
        assert!(state.content.certificates.is_empty() && state.failure.is_none());
    }

    #[test]
    fn time_alone_makes_a_certificate_expire() {
        let state = carried(Some(&known()), TargetEvent::TimePassed, None, at(1_000_001)).unwrap();
        assert!(state.report.certificate(0).contains(Finding::Expired));
    }

    #[test]
    fn the_errors_of_a_target_are_counted_by_stage_and_reason() {
        let counted = |failure| {
            let TargetEvent::Looked(mut look) = look(None, failure) else { unreachable!() };
            look.counted = Some(Trace::default());
            TargetEvent::Looked(look)
        };
        let mut state = None;
        for failure in [None, denied(), denied(), Some(Failure::new(Stage::Dns, Reason::DnsFailed, "x"))] {
            state = carried(state.as_ref(), counted(failure), None, at(1));
        }
        let counters = state.unwrap().counters.unwrap();
        assert_eq!(counters.ok, 1);
        assert_eq!(counters.errors, [(Stage::Read, Reason::PermissionDenied, 2), (Stage::Dns, Reason::DnsFailed, 1)]);
    }
}
