//! Rotation: whether a leaf should have been renewed by now, and with which key it was.

use super::due::Due;
use super::findings::Subject;
use crate::model::renewal;
use crate::model::{CertRole, CertificateFacts, Finding, FindingSet, UnixTime};

/// What passes between the moment at which a renewal is due and the one at which it is overdue: a quarter of what is left then, as a healthy
/// renewal takes its time.
const PATIENCE: i64 = 4;

/// Adds what is wrong with the renewal of one certificate.
pub(super) fn judge(subject: &Subject<'_>, facts: &CertificateFacts, findings: &mut FindingSet, due: &mut Due) {
    let options = &subject.header.options;
    if facts.role != CertRole::Leaf || options.trust_store {
        return;
    }
    findings.insert_if(due.begins(overdue_at(subject, facts)), Finding::RotationOverdue);
    findings.insert_if(subject.history.is_some_and(|history| history.reused_key(&facts.fingerprint)), Finding::KeyReused);
}

fn overdue_at(subject: &Subject<'_>, facts: &CertificateFacts) -> UnixTime {
    let due = renewal::due(facts, &subject.header.options, subject.circumstances, subject.history);
    let left = facts.not_after.secs().saturating_sub(due.secs()).max(0);
    UnixTime::from_secs(due.secs().saturating_add(left / PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::assess;
    use crate::assess::fixtures::{certificate, header};
    use crate::model::revocation::NoRevocations;
    use crate::model::{Circumstances, Content, History, Place, Renewed, SourceHeader, SourceOptions};

    const DAY: i64 = 86_400;

    /// Whether a certificate of 100 days is overdue after so many of them.
    fn overdue(days: i64, options: SourceOptions, renewal_due: Option<i64>, history: Option<&History>) -> bool {
        let content = Content { certificates: [certificate("a", 0, 100 * DAY)].into(), ..Content::default() };
        let circumstances =
            Circumstances { renewal_due: renewal_due.map(|day| UnixTime::from_secs(day * DAY)), ..Circumstances::default() };
        let header = SourceHeader { options, ..header() };
        let subject = Subject {
            header: &header,
            place: &Place::file("/a"),
            labels: None,
            circumstances: Some(&circumstances),
            content: &content,
            endpoint: None,
            related: None,
            history,
        };
        let report = assess(&subject, &NoRevocations::default(), None, UnixTime::from_secs(days * DAY));
        report.certificate(0).contains(Finding::RotationOverdue)
    }

    fn habit(used: i32) -> History {
        let renewed = Renewed { at: UnixTime::from_secs(0), old: [1; 32], new: [2; 32], used, same_key: false };
        History::default().with(renewed.clone()).with(renewed)
    }

    #[test]
    fn a_renewal_is_overdue_after_a_quarter_of_what_is_left_when_it_is_due() {
        let at = |rotate_at| SourceOptions { rotate_at, ..SourceOptions::default() };
        let half = habit(500);
        for (name, first, options, told, history) in [
            // 75 + 25 / 4
            ("the usual part", 82, at(None), None, None),
            ("the source's own part", 63, at(Some(0.5)), None, None),
            ("what cert-manager says", 48, at(Some(0.5)), Some(30), None),
            ("what its renewals show", 67, at(None), None, Some(&half)),
            ("the source's word before what its renewals show", 93, at(Some(0.9)), None, Some(&half)),
            ("told to renew it after its end", 120, at(None), Some(120), None),
        ] {
            assert!(!overdue(first - 1, options.clone(), told, history), "{name}: not yet");
            assert!(overdue(first, options, told, history), "{name}: now");
        }
        let store = SourceOptions { trust_store: true, ..SourceOptions::default() };
        assert!(!overdue(99, store, None, None), "nobody renews what a trust store holds");
    }
}
