//! Random histories of a source, carried and held against a plain account of the same events.
//!
//! The account keeps, for each place, what DESIGN's sentences say and nothing else; it knows none of the code above.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::assess::fixtures::{certificate, header};
use crate::model::revocation::NoRevocations;
use crate::model::{Problem, SourceOptions, Trace};
use crate::testing::cases;

/// Places of the source.
const PLACES: u8 = 4;
/// What a place may hold; each is one certificate, or two.
const CONTENTS: u8 = 4;

/// How one look at a place ends.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// These certificates, and whether something was wrong with the way there.
    Holds(u8, Option<Wrong>),
    /// Nothing but something that cannot be read.
    Garbage,
    /// Nothing at all.
    Nothing(Wrong),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Denied,
    Gone,
    Refused,
}

#[derive(Clone, Debug)]
enum Event {
    /// Seconds go by.
    Passes(u32),
    /// A scan looked at these places, and whether it listed all there are.
    Scan { seen: Vec<(u8, Seen)>, complete: bool },
    /// A scan could not list anything.
    ScanFailed,
    /// Labels of a place are others.
    Described(u8, bool),
}

/// One place in the account.
#[derive(Clone, Debug, Default, PartialEq)]
struct Account {
    holds: Option<u8>,
    fails_since: Option<i64>,
    reason: Option<Reason>,
    changed_at: i64,
    labelled: bool,
    ok: u64,
    errors: BTreeMap<Reason, u64>,
}

impl Account {
    fn look(&mut self, seen: Seen, retain: Option<u32>, now: i64) {
        let (holds, reason) = match seen {
            Seen::Holds(what, wrong) => (Some(what), wrong.map(Wrong::reason)),
            Seen::Garbage => (None, Some(Reason::BadPem)),
            Seen::Nothing(wrong) => (None, Some(wrong.reason())),
        };
        match reason {
            None => {
                self.ok += 1;
                self.fails_since = None;
            }
            Some(reason) => {
                *self.errors.entry(reason).or_default() += 1;
                self.fails_since.get_or_insert(now);
            }
        }
        self.reason = reason;
        match (holds, self.fails_since, retain) {
            (Some(what), ..) => {
                if self.holds != Some(what) {
                    self.changed_at = now;
                }
                self.holds = Some(what);
            }
            (None, Some(since), Some(retain)) if now - since > i64::from(retain) => self.holds = None,
            _ => {}
        }
        // A look says everything about a place's labels, too.
        self.labelled = false;
    }
}

impl Wrong {
    fn reason(self) -> Reason {
        match self {
            Self::Denied => Reason::PermissionDenied,
            Self::Gone => Reason::NotFound,
            Self::Refused => Reason::Refused,
        }
    }
}

fn place(number: u8) -> Place {
    Place::file(format!("/{number}.pem"))
}

fn facts(what: u8) -> Facts {
    let one = |name: &str| certificate(name, 0, 1_000_000_000);
    let mut certificates = vec![one(&format!("c{what}"))];
    if what % 2 == 1 {
        certificates.push(one("shared"));
    }
    Facts { certificates, ..Facts::default() }
}

fn looked(number: u8, seen: Seen) -> TargetEvent {
    let problem = Problem { reason: Reason::BadPem, detail: "line 3".into() };
    let failure = |wrong: Wrong| Failure::new(Stage::Read, wrong.reason(), "words");
    let (facts, failure) = match seen {
        Seen::Holds(what, wrong) => (Some(facts(what)), wrong.map(failure)),
        Seen::Garbage => (Some(Facts { problems: vec![problem], ..Facts::default() }), None),
        Seen::Nothing(wrong) => (None, Some(failure(wrong))),
    };
    let stamp = Some(Stamp { device: 1, inode: 2, size: 3, modified: 4, changed: 5 });
    TargetEvent::Looked(Box::new(Look {
        place: place(number),
        labels: None,
        circumstances: None,
        facts,
        failure,
        stamp,
        counted: Some(Trace::default()),
    }))
}

fn described(labelled: bool) -> TargetEvent {
    let labels = Labels([("team".into(), "a".into())].into());
    TargetEvent::Described(labelled.then(|| Arc::new(labels)), None)
}

/// What the state shows, as an account would have it.
fn shown(state: &TargetState) -> Account {
    let counters = state.counters.as_deref().cloned().unwrap_or_default();
    let certificates = &state.content.certificates;
    let holds = certificates.first().map(|first| first.subject_cn[1..].parse().unwrap());
    assert_eq!(holds.map_or(0, |what: u8| 1 + usize::from(what % 2)), certificates.len());
    Account {
        holds,
        fails_since: state.failure.as_ref().map(|failure| failure.since.secs()),
        reason: state.failure.as_ref().map(|failure| failure.reason),
        changed_at: state.changed_at.secs(),
        labelled: state.labels.is_some(),
        ok: counters.ok,
        errors: counters.errors.iter().map(|(_, reason, count)| (*reason, *count)).collect(),
    }
}

fn wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![Just(Wrong::Denied), Just(Wrong::Gone), Just(Wrong::Refused)]
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        4 => (0..CONTENTS).prop_map(|what| Seen::Holds(what, None)),
        1 => (0..CONTENTS, wrong()).prop_map(|(what, wrong)| Seen::Holds(what, Some(wrong))),
        1 => Just(Seen::Garbage),
        3 => wrong().prop_map(Seen::Nothing),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let scan = (proptest::collection::btree_map(0..PLACES, seen(), 0..=usize::from(PLACES)), any::<bool>());
    prop_oneof![
        2 => (1..200_u32).prop_map(Event::Passes),
        6 => scan.prop_map(|(seen, complete)| Event::Scan { seen: seen.into_iter().collect(), complete }),
        1 => Just(Event::ScanFailed),
        1 => (0..PLACES, any::<bool>()).prop_map(|(place, labelled)| Event::Described(place, labelled)),
    ]
}

/// The source as a ledger holds it, and its account; both take the same events.
#[derive(Default)]
struct Both {
    now: i64,
    states: BTreeMap<u8, TargetState>,
    accounts: BTreeMap<u8, Account>,
}

impl Both {
    fn carry(&mut self, number: u8, event: TargetEvent, retain: Option<u32>) {
        let options = SourceOptions { retain: retain.map(|secs| Duration::from_secs(secs.into())), ..SourceOptions::default() };
        let (header, now) = (SourceHeader { options, ..header() }, UnixTime::from_secs(self.now));
        match carry(self.states.get(&number), event, &NoRevocations::default(), &header, now) {
            Some(state) => _ = self.states.insert(number, state),
            None => _ = self.states.remove(&number),
        }
    }

    fn take(&mut self, event: &Event, retain: Option<u32>) {
        match event {
            Event::ScanFailed => {}
            Event::Passes(seconds) => {
                self.now += i64::from(*seconds);
                for number in 0..PLACES {
                    self.carry(number, TargetEvent::TimePassed, retain);
                }
            }
            Event::Described(number, labelled) => {
                self.carry(*number, described(*labelled), retain);
                if let Some(account) = self.accounts.get_mut(number) {
                    account.labelled = *labelled;
                }
            }
            Event::Scan { seen, complete } => {
                for (number, seen) in seen {
                    self.carry(*number, looked(*number, *seen), retain);
                    let new = Account { changed_at: self.now, ..Account::default() };
                    self.accounts.entry(*number).or_insert(new).look(*seen, retain, self.now);
                }
                if *complete {
                    let is_absent = |number: &u8| !seen.iter().any(|(seen, _)| seen == number);
                    (0..PLACES).filter(is_absent).for_each(|number| self.carry(number, TargetEvent::Absent, retain));
                    self.accounts.retain(|number, _| !is_absent(number));
                }
            }
        }
    }
}

#[test]
fn a_history_is_carried_as_its_account_says() {
    let histories = (proptest::option::of(0..300_u32), proptest::collection::vec(event(), 1..30));
    cases(400, &histories, |(retain, events)| {
        let mut both = Both::default();
        for event in events {
            let before: BTreeMap<u8, Account> = both.states.iter().map(|(number, state)| (*number, shown(state))).collect();
            both.take(&event, retain);
            let after: BTreeMap<u8, Account> = both.states.iter().map(|(number, state)| (*number, shown(state))).collect();
            prop_assert_eq!(&after, &both.accounts, "after {:?}", event);
            for (number, state) in &both.states {
                prop_assert_eq!(&state.place, &place(*number));
                // What is not well is read again.
                prop_assert!(state.stamp.is_none() || state.failure.is_none());
                if let (Some(before), Some(after)) = (before.get(number), after.get(number)) {
                    prop_assert!(after.ok >= before.ok && before.errors.iter().all(|(reason, count)| after.errors[reason] >= *count));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_the_same_again_stays_where_it_lies() {
    cases(200, &(0..CONTENTS, proptest::collection::vec(proptest::option::of(wrong()), 1..10)), |(what, looks)| {
        let mut both = Both::default();
        both.carry(0, looked(0, Seen::Holds(what, None)), None);
        let first = Arc::clone(&both.states[&0].content);
        for wrong in looks {
            both.now += 1;
            both.carry(0, looked(0, wrong.map_or(Seen::Holds(what, None), Seen::Nothing)), None);
            prop_assert!(Arc::ptr_eq(&first, &both.states[&0].content));
        }
        Ok(())
    });
}
