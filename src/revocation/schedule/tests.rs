use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_000_000);
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// The seed whose jitter shortens nothing, so that whole waits can be compared.
fn exact(kind: Kind, now: UnixTime) -> Schedule {
    Schedule { jitter: 0, ..Schedule::new(kind, b"", now) }
}

fn at(secs: i64) -> UnixTime {
    UnixTime::from_secs(NOW.secs() + secs)
}

/// thisUpdate, nextUpdate and the end of HTTP's freshness, counted from now.
fn validity(this_update: impl Into<Option<i64>>, next_update: impl Into<Option<i64>>, fresh: impl Into<Option<i64>>) -> Validity {
    let at = |secs: Option<i64>| secs.map(at);
    Validity { this_update: at(this_update.into()), next_update: at(next_update.into()), fresh_until: at(fresh.into()) }
}

#[test]
fn the_next_look_follows_the_answer() {
    use Kind::{Crl, Issuer, Ocsp};
    for (what, kind, validity, wait) in [
        ("a list of a week is looked at every half hour", Crl, validity(-DAY, 6 * DAY, None), 30 * MINUTE),
        ("a list without nextUpdate too", Crl, validity(-DAY, None, None), 30 * MINUTE),
        ("HTTP's freshness does not delay a list", Crl, validity(-DAY, 6 * DAY, 12 * HOUR), 30 * MINUTE),
        ("a list of 20 minutes is looked at every 10", Crl, validity(0, 20 * MINUTE, None), 10 * MINUTE),
        ("and at its nextUpdate at the latest", Crl, validity(-15 * MINUTE, 5 * MINUTE, None), 5 * MINUTE),
        ("a list of 10 seconds is looked at once a minute", Crl, validity(0, 10, None), MINUTE),
        ("a stale list is looked at every 5 minutes", Crl, validity(-8 * DAY, -DAY, None), 5 * MINUTE),
        ("a list whose dates make no sense is looked at once a minute", Crl, validity(2 * DAY, DAY, None), MINUTE),
        ("an answer is asked anew at half of its interval", Ocsp, validity(0, 4 * DAY, None), 2 * DAY),
        ("counted from thisUpdate", Ocsp, validity(-DAY, 3 * DAY, None), DAY),
        ("past its half: at half of what is left", Ocsp, validity(-3 * DAY, DAY, None), 12 * HOUR),
        ("not while HTTP calls it fresh", Ocsp, validity(-DAY, 3 * DAY, 2 * DAY), 2 * DAY),
        ("but before nextUpdate all the same", Ocsp, validity(-DAY, 4 * DAY, 90 * DAY), 3 * DAY),
        ("freshness that is over says nothing", Ocsp, validity(0, 4 * DAY, -DAY), 2 * DAY),
        ("an answer without nextUpdate is asked anew in an hour", Ocsp, validity(0, None, None), HOUR),
        ("or when it is no longer fresh", Ocsp, validity(0, None, 5 * HOUR), 5 * HOUR),
        ("but within a week", Ocsp, validity(0, None, 365 * DAY), 7 * DAY),
        ("a stale answer is asked anew in 5 minutes", Ocsp, validity(-8 * DAY, -DAY, DAY), 5 * MINUTE),
        ("an answer for a year is asked anew within a week", Ocsp, validity(0, 365 * DAY, None), 7 * DAY),
        ("an issuer's certificate is looked at daily", Issuer, validity(None, None, None), DAY),
    ] {
        let mut schedule = exact(kind, NOW);
        schedule.succeeded(validity, NOW);
        assert_eq!(schedule.next_at().secs() - NOW.secs(), wait, "{what}");
        assert!(!schedule.is_due(at(wait - 1)) && schedule.is_due(at(wait)), "{what}");
    }
}

#[test]
fn failures_back_off_up_to_an_hour_and_a_success_forgets_them() {
    let mut schedule = exact(Kind::Crl, NOW);
    let mut now = NOW;
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        schedule.failed(RevocationReason::Unreachable, None, now);
        assert_eq!(schedule.next_at().since(now).as_secs(), minutes * 60);
        now = schedule.next_at();
    }
    assert_eq!(schedule.failures(), 9);
    for _ in 0..5000 {
        schedule.failed(RevocationReason::HttpError, None, now);
    }
    assert_eq!(schedule.next_at().since(now).as_secs(), 3600);
    schedule.succeeded(Validity::default(), now);
    assert_eq!(schedule.failures(), 0);
    schedule.failed(RevocationReason::Unreachable, None, now);
    assert_eq!(schedule.next_at().since(now).as_secs(), 60);
}

#[test]
fn a_server_may_ask_for_patience_up_to_an_hour_and_a_denial_waits_as_long() {
    for (reason, retry_after, wait) in [
        (RevocationReason::HttpError, Some(10), 60),
        (RevocationReason::HttpError, Some(600), 600),
        (RevocationReason::HttpError, Some(86_400), 3600),
        (RevocationReason::EgressDenied, None, 3600),
        (RevocationReason::UnsupportedScheme, None, 3600),
    ] {
        let mut schedule = exact(Kind::Ocsp, NOW);
        schedule.failed(reason, retry_after.map(Duration::from_secs), NOW);
        assert_eq!(schedule.next_at().since(NOW).as_secs(), wait, "{reason} {retry_after:?}");
    }
}

#[test]
fn places_are_due_at_first_and_when_asked_for() {
    let mut schedule = Schedule::new(Kind::Crl, b"http://crl.example/", NOW);
    assert!(schedule.is_due(NOW));
    schedule.succeeded(Validity::default(), NOW);
    assert!(!schedule.is_due(at(MINUTE)));
    schedule.look_now(at(MINUTE));
    assert!(schedule.is_due(at(MINUTE)));
}

#[test]
fn jitter_is_the_places_own_spreads_looks_and_only_ever_shortens() {
    let wait = |url: &str| {
        let mut schedule = Schedule::new(Kind::Crl, url.as_bytes(), NOW);
        schedule.succeeded(validity(-DAY, 6 * DAY, None), NOW);
        schedule.next_at().since(NOW).as_secs()
    };
    let waits: Vec<u64> = (0..1000).map(|n| wait(&format!("http://crl{n}.example/"))).collect();
    assert!(waits.iter().all(|wait| (27 * 60..=30 * 60).contains(wait)), "{waits:?}");
    for tenth in 0..9 {
        let part = 27 * 60 + tenth * 18..27 * 60 + (tenth + 2) * 18;
        assert!(waits.iter().any(|wait| part.contains(wait)), "none within {part:?}");
    }
    assert_eq!(wait("http://crl.example/"), wait("http://crl.example/"));
    // What is due once a minute stays so.
    let mut schedule = Schedule { jitter: 255, ..Schedule::new(Kind::Crl, b"", NOW) };
    schedule.failed(RevocationReason::Unreachable, None, NOW);
    assert_eq!(schedule.next_at().since(NOW).as_secs(), 60);
}

#[test]
fn a_restart_changes_nothing() {
    let seed = b"http://crl.example/";
    let mut before = Schedule::new(Kind::Crl, seed, NOW);
    before.succeeded(validity(-DAY, 6 * DAY, None), NOW);
    let after = Schedule::restored(Kind::Crl, seed, NOW, validity(-DAY, 6 * DAY, None), CRL_EVERY);
    assert_eq!(before, after);
    assert!(!after.is_due(at(5 * MINUTE)), "a fresh copy causes no request");
    assert!(after.is_due(at(DAY)), "an old one does");
}

#[test]
fn a_clock_that_is_set_back_silences_no_place() {
    let mut schedule = Schedule::new(Kind::Ocsp, b"x", at(300 * DAY));
    schedule.succeeded(Validity { next_update: Some(at(304 * DAY)), ..Validity::default() }, at(300 * DAY));
    assert!(schedule.is_due(NOW));
    // A few seconds are what clocks do.
    assert!(!schedule.is_due(at(300 * DAY - 60)));
}

#[test]
fn absurd_times_are_survived() {
    let ends = [i64::MIN, -1, 0, 1, i64::MAX];
    for kind in [Kind::Crl, Kind::Ocsp, Kind::Issuer] {
        for a in ends {
            for b in ends {
                for c in ends {
                    for now in ends.map(UnixTime::from_secs) {
                        let at = |secs| Some(UnixTime::from_secs(secs));
                        let validity = Validity { this_update: at(a), next_update: at(b), fresh_until: at(c) };
                        let schedule = Schedule::restored(kind, b"", now, validity, CRL_EVERY);
                        let wait = schedule.next_at().since(now);
                        assert!(wait <= LONGEST, "{kind:?} {a} {b} {c} {now}: {wait:?}");
                    }
                }
            }
        }
    }
}
