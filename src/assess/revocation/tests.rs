use std::sync::Arc;

use super::*;
use crate::assess::fixtures::{certificate, crl, endpoint, judged};
use crate::model::facts::ResponseFacts;
use crate::model::revocation::{FixedRevocations, NoRevocations};
use crate::model::{DistributionPoint, Pointers};

use RevocationMethod::{Crl, Ocsp, Staple};
use RevocationReason as Why;
use RevocationStatus::{Good, NotApplicable, Pending, Revoked, Unknown};

const DAY: i64 = 86_400;
const NOW: i64 = 100 * DAY;
const LONG: i64 = 90 * DAY;

fn at(secs: i64) -> UnixTime {
    UnixTime::from_secs(secs)
}

fn pointers() -> Arc<Pointers> {
    let point = DistributionPoint { urls: ["http://crl.example/1".into()].into(), ..DistributionPoint::default() };
    Arc::new(Pointers { crls: [point].into(), responders: ["http://ocsp.example".into()].into(), ..Pointers::default() })
}

/// A leaf that points to a CRL and a responder.
fn leaf() -> CertificateFacts {
    let lookup = Lookup {
        serial: [1].into(),
        issuer: Arc::from([]),
        pointers: pointers(),
        signed: None,
        must_staple: false,
        no_rev_avail: false,
        is_ca: false,
    };
    CertificateFacts { lookup: Some(Box::new(lookup)), ..certificate("a", NOW - 10 * DAY, NOW - 10 * DAY + LONG) }
}

fn changed(change: impl FnOnce(&mut CertificateFacts, &mut Lookup)) -> CertificateFacts {
    let mut facts = leaf();
    let mut lookup = facts.lookup.take().unwrap();
    change(&mut facts, &mut lookup);
    facts.lookup = Some(lookup);
    facts
}

fn answer(says: Says, this_update: i64, until: i64) -> Outcome {
    Ok(Answer { says, this_update: at(this_update), until: at(until), produced_at: None, from: "somewhere".into() })
}

fn good() -> Outcome {
    answer(Says::Good, NOW - 3600, NOW + DAY)
}

fn stale() -> Outcome {
    answer(Says::Good, NOW - 2 * DAY, NOW - 1)
}

fn revoked(reason: RevokedFor) -> Outcome {
    answer(Says::Revoked { at: at(NOW - 5 * DAY), reason }, NOW - 3600, NOW + DAY)
}

fn stale_revoked(reason: RevokedFor) -> Outcome {
    answer(Says::Revoked { at: at(NOW - 5 * DAY), reason }, NOW - 2 * DAY, NOW - 1)
}

/// `crl`, `ocsp`, as the service knows them.
fn known(crl: Option<Outcome>, ocsp: Option<Outcome>) -> Answers {
    Answers { crl, ocsp, staple: None }
}

fn methods(revocation: &[RevocationMethod]) -> SourceOptions {
    SourceOptions { revocation: revocation.into(), ..SourceOptions::default() }
}

fn service(facts: &CertificateFacts, answers: Answers) -> FixedRevocations {
    FixedRevocations { answers: [(facts.fingerprint, answers)].into(), ..FixedRevocations::default() }
}

fn content(certificates: &[CertificateFacts]) -> Content {
    Content { certificates: certificates.into(), ..Content::default() }
}

fn before(verdict: Verdict) -> Report {
    Report { revocation: [verdict].into(), ..Report::default() }
}

fn verdict(facts: CertificateFacts, answers: Option<Answers>, order: &[RevocationMethod], previous: Option<Verdict>) -> Verdict {
    let view = answers.map(|answers| service(&facts, answers)).unwrap_or_default();
    let report = judged(&content(&[facts]), None, &view, &methods(order), previous.map(before).as_ref(), at(NOW));
    report.verdict(0).cloned().expect("there is a verdict")
}

const ORDER: [RevocationMethod; 3] = [Staple, Crl, Ocsp];

#[test]
fn answers_come_to_one_status_by_the_order_of_the_source() {
    use RevokedFor::{CertificateHold, KeyCompromise};
    type Row = (&'static str, Option<Answers>, Vec<RevocationMethod>, (RevocationStatus, Option<Why>, Option<RevocationMethod>));
    let rows: Vec<Row> = vec![
        ("not asked yet", None, ORDER.into(), (Pending, None, None)),
        ("the list is good and nobody else was asked", Some(known(Some(good()), None)), ORDER.into(), (Good, None, Some(Crl))),
        ("the preferred of two", Some(known(Some(good()), Some(good()))), vec![Ocsp, Crl], (Good, None, Some(Ocsp))),
        ("the other order", Some(known(Some(good()), Some(good()))), vec![Crl, Ocsp], (Good, None, Some(Crl))),
        ("a method that is not wanted makes nothing good", Some(known(Some(good()), None)), vec![Ocsp], (Pending, None, None)),
        (
            "the second is asked when the first has nothing",
            Some(known(Some(Err(Why::Unreachable)), None)),
            ORDER.into(),
            (Pending, None, None),
        ),
        ("the second answers", Some(known(Some(Err(Why::Unreachable)), Some(good()))), ORDER.into(), (Good, None, Some(Ocsp))),
        (
            "a stale good is unknown",
            Some(known(Some(stale()), Some(Err(Why::NoSource)))),
            ORDER.into(),
            (Unknown, Some(Why::Stale), Some(Crl)),
        ),
        ("a stale good while another method is asked", Some(known(Some(stale()), None)), ORDER.into(), (Pending, None, None)),
        ("revoked", Some(known(Some(revoked(KeyCompromise)), None)), ORDER.into(), (Revoked, None, Some(Crl))),
        ("revoked by anyone wins", Some(known(Some(good()), Some(revoked(KeyCompromise)))), ORDER.into(), (Revoked, None, Some(Ocsp))),
        (
            "even by a method that is not wanted",
            Some(known(Some(good()), Some(revoked(KeyCompromise)))),
            vec![Crl],
            (Revoked, None, Some(Ocsp)),
        ),
        (
            "a stale revoked stays revoked",
            Some(known(Some(stale_revoked(KeyCompromise)), None)),
            ORDER.into(),
            (Revoked, Some(Why::Stale), Some(Crl)),
        ),
        (
            "and beats a fresh good",
            Some(known(Some(stale_revoked(KeyCompromise)), Some(good()))),
            ORDER.into(),
            (Revoked, Some(Why::Stale), Some(Crl)),
        ),
        (
            "a fresh revoked before a stale one",
            Some(known(Some(stale_revoked(KeyCompromise)), Some(revoked(KeyCompromise)))),
            ORDER.into(),
            (Revoked, None, Some(Ocsp)),
        ),
        (
            "a lasting revocation before a hold",
            Some(known(Some(revoked(CertificateHold)), Some(revoked(KeyCompromise)))),
            ORDER.into(),
            (Revoked, None, Some(Ocsp)),
        ),
        ("a hold is revoked", Some(known(Some(revoked(CertificateHold)), Some(good()))), ORDER.into(), (Revoked, None, Some(Crl))),
        (
            "a stale hold gives way to a newer good",
            Some(known(Some(stale_revoked(CertificateHold)), Some(good()))),
            ORDER.into(),
            (Good, None, Some(Ocsp)),
        ),
        (
            "but not to an older one",
            Some(known(Some(stale_revoked(CertificateHold)), Some(answer(Says::Good, NOW - 3 * DAY, NOW + DAY)))),
            ORDER.into(),
            (Revoked, Some(Why::Stale), Some(Crl)),
        ),
        (
            "the first reason counts",
            Some(known(Some(Err(Why::ScopeMismatch)), Some(Err(Why::Unreachable)))),
            ORDER.into(),
            (Unknown, Some(Why::ScopeMismatch), Some(Crl)),
        ),
        (
            "a place that fails tells more than no place",
            Some(known(Some(Err(Why::NoSource)), Some(Err(Why::ResponderStatus)))),
            ORDER.into(),
            (Unknown, Some(Why::ResponderStatus), Some(Ocsp)),
        ),
        (
            "and a place that is not fetched from more than none",
            Some(known(Some(Err(Why::NoSource)), Some(Err(Why::UnsupportedScheme)))),
            ORDER.into(),
            (Unknown, Some(Why::UnsupportedScheme), Some(Ocsp)),
        ),
        (
            "nobody says where to ask",
            Some(known(Some(Err(Why::NoSource)), Some(Err(Why::NoSource)))),
            ORDER.into(),
            (Unknown, Some(Why::NoSource), Some(Crl)),
        ),
        ("offline", Some(known(Some(Err(Why::Offline)), Some(Err(Why::Offline)))), ORDER.into(), (Unknown, Some(Why::Offline), Some(Crl))),
        ("only a staple is wanted, and there is none", None, vec![Staple], (Unknown, Some(Why::NotWanted), None)),
        ("a staple in a file", Some(Answers { staple: Some(good()), ..Answers::default() }), ORDER.into(), (Good, None, Some(Staple))),
    ];
    for (behaviour, answers, order, expected) in rows {
        let found = verdict(leaf(), answers, &order, None);
        assert_eq!((found.status, found.reason, found.method), expected, "{behaviour}");
        assert_eq!(found.revoked.is_some(), found.status == Revoked, "{behaviour}");
        assert_eq!(found.until.is_some(), matches!(found.status, Good | Revoked) || found.reason == Some(Why::Stale), "{behaviour}");
    }
}

#[test]
fn a_revocation_says_since_when_and_why() {
    let found = verdict(leaf(), Some(known(Some(revoked(RevokedFor::CertificateHold)), None)), &ORDER, None);
    assert_eq!(found.revoked.as_deref(), Some(&(at(NOW - 5 * DAY), RevokedFor::CertificateHold)));
    assert_eq!(found.until, Some(at(NOW + DAY)));
}

#[test]
fn what_nobody_can_or_needs_to_say_is_not_applicable() {
    type Change = fn(&mut CertificateFacts, &mut Lookup);
    let weeks = |facts: &mut CertificateFacts| facts.not_after = facts.not_before.plus(std::time::Duration::from_secs(7 * 86_400));
    let short: Change = |facts, lookup| {
        facts.not_after = at(facts.not_before.secs() + 7 * DAY);
        lookup.pointers = Arc::default();
    };
    let longer: Change = |facts, lookup| {
        facts.not_after = at(facts.not_before.secs() + 7 * DAY + 1);
        lookup.pointers = Arc::default();
    };
    let no_rev_avail: Change = |_, lookup| lookup.no_rev_avail = true;
    let none = || Some(known(Some(Err(Why::NoSource)), Some(Err(Why::NoSource))));
    let gone = || Some(known(Some(revoked(RevokedFor::KeyCompromise)), None));
    for (behaviour, change, answers, expected) in [
        ("noRevAvail", no_rev_avail, none(), (NotApplicable, Some(Why::NoRevAvail))),
        ("noRevAvail before anybody was asked", no_rev_avail, None, (NotApplicable, Some(Why::NoRevAvail))),
        (
            "noRevAvail, whatever a list says of others",
            no_rev_avail,
            Some(known(Some(good()), None)),
            (NotApplicable, Some(Why::NoRevAvail)),
        ),
        ("noRevAvail, and revoked all the same", no_rev_avail, gone(), (Revoked, None)),
        ("seven days without a place", short, none(), (NotApplicable, Some(Why::ShortLived))),
        ("seven days, and a configured list answers", short, Some(known(Some(good()), None)), (Good, None)),
        ("a second more", longer, none(), (Unknown, Some(Why::NoSource))),
        (
            "seven days with a place",
            |facts, _| facts.not_after = at(facts.not_before.secs() + 7 * DAY),
            none(),
            (Unknown, Some(Why::NoSource)),
        ),
    ] as [(&str, Change, Option<Answers>, (RevocationStatus, Option<Why>)); 8]
    {
        let found = verdict(changed(change), answers, &ORDER, None);
        assert_eq!((found.status, found.reason), expected, "{behaviour}");
    }
    let ldap = changed(|facts, lookup| {
        weeks(facts);
        lookup.pointers = Arc::new(Pointers { unsupported: true, ..Pointers::default() });
    });
    let found = verdict(ldap, Some(known(Some(Err(Why::UnsupportedScheme)), Some(Err(Why::NoSource)))), &ORDER, None);
    assert_eq!((found.status, found.reason), (Unknown, Some(Why::UnsupportedScheme)), "a place in LDAP is a place");
}

#[test]
fn what_was_known_stands_until_the_service_knows_better() {
    let was = |status, method, until: i64| Verdict { status, method: Some(method), until: Some(at(until)), ..Verdict::default() };
    let held = Verdict { revoked: Some(Box::new((at(5), RevokedFor::Superseded))), ..was(Revoked, Crl, NOW + 1) };
    let lapsed = Verdict { until: Some(at(NOW - 1)), ..held.clone() };
    let blind = Verdict { status: Unknown, reason: Some(Why::Unreachable), ..Verdict::default() };
    let failing = || Some(known(Some(Err(Why::Unreachable)), Some(Err(Why::NoSource))));
    for (behaviour, previous, answers, expected) in [
        ("good and nothing said yet", was(Good, Crl, NOW), None, (Good, None)),
        ("good, and the fetch failed", was(Good, Crl, NOW), failing(), (Good, None)),
        ("good no longer", was(Good, Crl, NOW - 1), None, (Unknown, Some(Why::Stale))),
        ("good no longer, and the fetch failed", was(Good, Crl, NOW - 1), failing(), (Unknown, Some(Why::Unreachable))),
        ("good, and revoked since", was(Good, Crl, NOW), Some(known(Some(revoked(RevokedFor::Superseded)), None)), (Revoked, None)),
        ("revoked and nothing said yet", held.clone(), None, (Revoked, None)),
        ("revoked, and the fetch failed", held.clone(), failing(), (Revoked, None)),
        ("revoked long ago", lapsed, failing(), (Revoked, Some(Why::Stale))),
        ("revoked, and good by a fresh answer", held, Some(known(Some(good()), None)), (Good, None)),
        ("unknown and nothing said yet", blind, None, (Unknown, Some(Why::Unreachable))),
        ("pending", Verdict::default(), None, (Pending, None)),
    ] {
        let found = verdict(leaf(), answers, &ORDER, Some(previous));
        assert_eq!((found.status, found.reason), expected, "{behaviour}");
    }
    let other_method = verdict(leaf(), None, &[Ocsp], Some(was(Good, Crl, NOW)));
    assert_ne!(other_method.status, Good, "a method that is no longer wanted");
}

#[test]
fn nobody_waits_for_what_points_nowhere() {
    let of = |pointers: Pointers| changed(|_, lookup| lookup.pointers = Arc::new(pointers));
    let ldap = || of(Pointers { unsupported: true, ..Pointers::default() });
    for (behaviour, facts, answers, expected) in [
        ("no place at all", of(Pointers::default()), None, (Unknown, Some(Why::NoSource))),
        ("LDAP alone", ldap(), None, (Unknown, Some(Why::UnsupportedScheme))),
        ("a list of its issuer is configured and says good", of(Pointers::default()), Some(known(Some(good()), None)), (Good, None)),
        ("a list of its issuer is configured and was not looked through yet", ldap(), Some(Answers::default()), (Pending, None)),
        ("it points to a list", leaf(), None, (Pending, None)),
    ] {
        let found = verdict(facts, answers, &ORDER, None);
        assert_eq!((found.status, found.reason), expected, "{behaviour}");
    }
}

#[test]
fn only_sources_and_certificates_that_ask_for_it_have_verdicts() {
    let root = || CertificateFacts { lookup: None, role: CertRole::Root, ..certificate("root", 0, NOW + LONG) };
    let ca = || changed(|facts, lookup| (facts.role, lookup.is_ca) = (CertRole::Intermediate, true));
    let chain = content(&[leaf(), ca(), root()]);
    let judged =
        |options: SourceOptions, content: &Content| judged(content, None, &NoRevocations::default(), &options, None, at(NOW)).revocation;
    let words = |verdicts: &[Verdict]| verdicts.iter().map(|verdict| (verdict.status, verdict.reason)).collect::<Vec<_>>();
    let self_signed = (NotApplicable, Some(Why::SelfSigned));
    for (behaviour, options, expected) in [
        ("by default", methods(&ORDER), vec![(Pending, None), (Pending, None), self_signed]),
        ("switched off", methods(&[]), vec![]),
        ("a trust store", SourceOptions { trust_store: true, ..methods(&ORDER) }, vec![]),
        (
            "leaves only",
            SourceOptions { chain: ChainScope::Leaf, ..methods(&ORDER) },
            vec![(Pending, None), (Unknown, Some(Why::NotWanted)), self_signed],
        ),
    ] {
        assert_eq!(words(&judged(options, &chain)), expected, "{behaviour}");
    }
    assert_eq!(words(&judged(methods(&ORDER), &content(&[root()]))), [], "nothing but roots");
}

#[test]
fn methods_that_differ_for_longer_than_a_day_are_a_finding() {
    let says =
        |since: i64, this_update: i64| answer(Says::Revoked { at: at(since), reason: RevokedFor::Superseded }, this_update, NOW + DAY);
    let hold = answer(Says::Revoked { at: at(NOW - 5 * DAY), reason: RevokedFor::CertificateHold }, NOW - 2 * DAY, NOW - 1);
    for (behaviour, crl, ocsp, expected, due) in [
        ("since more than a day", says(NOW - DAY - 1, NOW - 60), Some(good()), true, None),
        ("since a day", says(NOW - DAY, NOW - 60), Some(good()), false, Some(NOW + 1)),
        ("dated ahead, and told of for more than a day", says(NOW + DAY, NOW - DAY - 1), Some(good()), true, None),
        ("the other one is stale", says(NOW - 9 * DAY, NOW - 60), Some(stale()), false, None),
        ("the other one cannot say", says(NOW - 9 * DAY, NOW - 60), Some(Err(Why::Unreachable)), false, None),
        ("both say revoked", says(NOW - 9 * DAY, NOW - 60), Some(revoked(RevokedFor::Superseded)), false, None),
        ("nobody else was asked", says(NOW - 9 * DAY, NOW - 60), None, false, None),
        ("both good", good(), Some(good()), false, None),
        ("a hold that was released", hold, Some(good()), false, None),
    ] {
        let facts = leaf();
        let view = service(&facts, known(Some(crl), ocsp));
        let report = judged(&content(&[facts]), None, &view, &methods(&ORDER), None, at(NOW));
        assert_eq!(report.certificate(0).contains(Finding::RevocationDisagreement), expected, "{behaviour}");
        if let Some(due) = due {
            assert_eq!(report.due, Some(at(due)), "{behaviour}");
        }
    }
}

#[test]
fn a_staple_is_judged_at_its_endpoint() {
    use Finding::{MustStapleMissing, StapleInvalid, StapleStale};
    let shown = |staple: Option<Outcome>| EndpointFacts { stapled: staple.is_some(), staple: staple.map(Box::new), ..endpoint() };
    let raw = EndpointFacts { method: Method::Raw, ..shown(None) };
    let broken_off = EndpointFacts { version: None, ..shown(None) };
    for (behaviour, demanded, endpoint, order, expected, status) in [
        ("none, and none demanded", false, shown(None), &ORDER[..], vec![], Pending),
        ("none, though demanded", true, shown(None), &ORDER, vec![MustStapleMissing], Pending),
        ("a good one, as demanded", true, shown(Some(good())), &ORDER, vec![], Good),
        ("one that says revoked is valid", true, shown(Some(revoked(RevokedFor::Superseded))), &ORDER, vec![], Revoked),
        ("a stale one", false, shown(Some(stale())), &ORDER, vec![StapleStale], Pending),
        ("stale when it came", true, shown(Some(Err(Why::Stale))), &ORDER, vec![MustStapleMissing, StapleStale], Pending),
        ("of another certificate", true, shown(Some(Err(Why::NotForCertificate))), &ORDER, vec![MustStapleMissing, StapleInvalid], Pending),
        ("a signature that does not hold", false, shown(Some(Err(Why::SignatureInvalid))), &ORDER, vec![StapleInvalid], Pending),
        ("nobody knows: the issuer is missing", true, shown(Some(Err(Why::IssuerUnknown))), &ORDER, vec![], Pending),
        ("nobody knows: the algorithm", true, shown(Some(Err(Why::UnsupportedAlgorithm))), &ORDER, vec![], Pending),
        ("a hello by hand asks for none", true, raw, &ORDER, vec![], Pending),
        ("broken off before one could come", true, broken_off, &ORDER, vec![], Pending),
        ("only by staple, and it is stale", false, shown(Some(stale())), &[Staple], vec![StapleStale], Unknown),
    ] {
        let content = content(&[changed(|_, lookup| lookup.must_staple = demanded)]);
        let report = judged(&content, Some(&endpoint), &NoRevocations::default(), &methods(order), None, at(NOW));
        let found: Vec<Finding> = report.certificate(0).iter().chain(report.target.iter()).collect();
        assert_eq!(found, expected, "{behaviour}");
        assert_eq!(report.verdict(0).map(|verdict| verdict.status), Some(status), "{behaviour}");
        let off = judged(&content, Some(&endpoint), &NoRevocations::default(), &methods(&[]), None, at(NOW));
        assert!(off.certificate(0).is_empty() && off.target.is_empty(), "{behaviour}: switched off");
    }
}

#[test]
fn time_alone_makes_a_good_answer_stale() {
    let facts = leaf();
    let view = service(&facts, known(Some(good()), Some(Err(Why::NoSource))));
    let content = content(&[facts]);
    let status = |now| judged(&content, None, &view, &methods(&ORDER), None, at(now)).verdict(0).map(|verdict| verdict.status);
    let report = judged(&content, None, &view, &methods(&ORDER), None, at(NOW));
    assert_eq!(report.due, Some(at(NOW + DAY + 1)));
    assert_eq!((status(NOW + DAY), status(NOW + DAY + 1)), (Some(Good), Some(Unknown)));
    // The verdict of a former process has no answer behind it, and ends all the same.
    let again = judged(&content, None, &NoRevocations::default(), &methods(&ORDER), Some(&report), at(NOW));
    assert_eq!((again.due, &again.revocation), (Some(at(NOW + DAY + 1)), &report.revocation));
}

#[test]
fn files_of_lists_and_responses_show_what_was_checked() {
    use Finding::{Regressed, SignatureInvalid, Stale, StapleInvalid, StapleStale, Unauthorized, WeakSignature};
    let list = |change: fn(&mut crate::model::CrlFacts)| {
        let mut facts = crl("ca", NOW - DAY, Some(NOW));
        change(&mut facts);
        facts
    };
    for (behaviour, list, checked, now, expected) in [
        ("well, as far as is known", list(|_| ()), None, NOW, vec![]),
        ("past its next update", list(|_| ()), None, NOW + 1, vec![Stale]),
        ("a weak signature", list(|facts| facts.weak_signature = true), None, NOW, vec![WeakSignature]),
        ("checked", list(|_| ()), Some(vec![Regressed, SignatureInvalid]), NOW, vec![Regressed, SignatureInvalid]),
        ("what is about something else is left out", list(|_| ()), Some(vec![StapleStale, Regressed]), NOW, vec![Regressed]),
    ] {
        let view = FixedRevocations {
            checked: checked.into_iter().map(|found| (list.fingerprint, found.into_iter().collect())).collect(),
            ..FixedRevocations::default()
        };
        let content = Content { crls: [list].into(), ..Content::default() };
        let report = judged(&content, None, &view, &SourceOptions::default(), None, at(now));
        assert_eq!(report.crl(0).iter().collect::<Vec<_>>(), expected, "{behaviour}");
    }
    for (behaviour, checked, now, expected) in [
        ("well, as far as is known", None, NOW, vec![]),
        ("past its next update", None, NOW + 1, vec![StapleStale]),
        ("its signature does not hold", Some(SignatureInvalid), NOW, vec![StapleInvalid]),
        ("its signer may not answer", Some(Unauthorized), NOW, vec![StapleInvalid]),
        ("not valid", Some(StapleInvalid), NOW, vec![StapleInvalid]),
    ] {
        let response = ResponseFacts {
            fingerprint: [9; 32],
            serial: "1".into(),
            produced_at: at(NOW - DAY),
            this_update: at(NOW - DAY),
            next_update: Some(at(NOW)),
            der: Arc::from([]),
        };
        let view = FixedRevocations {
            checked: checked.into_iter().map(|found| ([9; 32], [found].into_iter().collect())).collect(),
            ..FixedRevocations::default()
        };
        let content = Content { responses: [response].into(), ..Content::default() };
        let report = judged(&content, None, &view, &SourceOptions::default(), None, at(now));
        assert_eq!(report.target.iter().collect::<Vec<_>>(), expected, "{behaviour}");
        assert_eq!(report.due, (now == NOW).then(|| at(NOW + 1)), "{behaviour}");
    }
}
