use std::time::Duration;

use super::*;
use crate::model::Pointers;
use crate::pki::crl::testing::name;
use crate::pki::fixtures::tlv;

const DAY: i64 = 86_400;
const NOW: UnixTime = UnixTime::from_secs(1_000 * DAY);

use RevocationReason::{
    CriticalExtension, Malformed, NoSource, NotForCertificate, NotYetValid, ReasonsIncomplete, ScopeMismatch, Stale, WrongIssuer,
};

fn url(text: &str) -> Box<[u8]> {
    tlv(0x86, text.as_bytes()).into()
}

fn point(names: &[&str], reasons: Option<u16>, crl_issuer: Option<&str>) -> DistributionPoint {
    let crl_issuer = crl_issuer.map(|issuer| name(issuer).into());
    DistributionPoint { names: names.iter().map(|text| url(text)).collect(), urls: Box::default(), reasons, crl_issuer }
}

/// Serial number 1 of `CA`.
fn certificate(points: &[DistributionPoint]) -> Lookup {
    Lookup {
        serial: [1].into(),
        issuer: name("CA").into(),
        pointers: Arc::new(Pointers { crls: points.into(), ..Pointers::default() }),
        signed: None,
        must_staple: false,
        no_rev_avail: false,
        is_ca: false,
    }
}

fn held(reason: RevokedFor) -> Entry {
    Entry { serial: [1].into(), issuer: None, at: UnixTime::from_secs(7), reason, invalid_since: None }
}

/// Number 10 of `CA`, a day old, for another day.
fn list(change: impl FnOnce(&mut CrlList)) -> Checked {
    let mut list = CrlList {
        issuer: name("CA").into(),
        this_update: UnixTime::from_secs(NOW.secs() - DAY),
        next_update: Some(UnixTime::from_secs(NOW.secs() + DAY)),
        number: Some([10].into()),
        ..CrlList::default()
    };
    change(&mut list);
    let signer = Authority { subject: name("CA").into(), key: [1].into(), key_id: None, key_usage: None };
    Checked { list: Arc::new(list), signer: Arc::new(signer), weak: false, from: "here".into() }
}

fn revoking(reason: RevokedFor) -> Checked {
    list(|list| list.matches.push(held(reason)))
}

fn scoped(scope: Scope, change: impl FnOnce(&mut CrlList)) -> Checked {
    list(|list| {
        list.scope = Some(scope);
        change(list);
    })
}

fn named(text: &str) -> Scope {
    Scope { names: Box::new([url(text)]), ..Scope::default() }
}

/// Number 12 for lists from 10 on.
fn delta(reason: Option<RevokedFor>, change: impl FnOnce(&mut CrlList)) -> Checked {
    list(|list| {
        (list.number, list.base_number) = (Some([12].into()), Some([10].into()));
        list.matches.extend(reason.map(held));
        change(list);
    })
}

fn stale(list: &mut CrlList) {
    list.next_update = Some(UnixTime::from_secs(NOW.secs() - 3600));
}

fn said(certificate: &Lookup, lists: &[Checked]) -> Result<Option<RevokedFor>, RevocationReason> {
    let mut lists: Vec<_> = lists.iter().collect();
    let says = |lists: &[&Checked]| {
        answer(certificate, lists, NOW, &Policy::default()).map(|answer| match answer.says {
            Says::Good => None,
            Says::Revoked { reason, .. } => Some(reason),
        })
    };
    let outcome = says(&lists);
    lists.reverse();
    assert_eq!(says(&lists), outcome, "the order of lists must not matter");
    outcome
}

type Row = (&'static str, Vec<Checked>, Result<Option<RevokedFor>, RevocationReason>);

fn all(certificate: &Lookup, rows: Vec<Row>) {
    for (what, lists, expected) in rows {
        assert_eq!(said(certificate, &lists), expected, "{what}");
    }
}

#[test]
fn one_complete_list() {
    use RevokedFor::{CertificateHold, KeyCompromise, RemoveFromCrl};
    all(
        &certificate(&[]),
        vec![
            ("nothing", vec![], Err(NoSource)),
            ("not in the list", vec![list(|_| {})], Ok(None)),
            ("in the list", vec![revoking(KeyCompromise)], Ok(Some(KeyCompromise))),
            ("on hold", vec![revoking(CertificateHold)], Ok(Some(CertificateHold))),
            (
                "twice, the worst counts",
                vec![list(|list| list.matches = vec![held(CertificateHold), held(KeyCompromise)])],
                Ok(Some(KeyCompromise)),
            ),
            ("removed from a complete list", vec![revoking(RemoveFromCrl)], Err(Malformed)),
            (
                "another serial number",
                vec![list(|list| list.matches = vec![Entry { serial: [2].into(), ..held(KeyCompromise) }])],
                Ok(None),
            ),
            ("another issuer's list", vec![list(|list| list.issuer = name("CB").into())], Err(WrongIssuer)),
            ("the issuer in other letters", vec![list(|list| list.issuer = name(" ca").into())], Ok(None)),
            ("stale", vec![list(stale)], Err(Stale)),
            (
                "stale and revoked",
                vec![list(|list| {
                    stale(list);
                    list.matches.push(held(KeyCompromise))
                })],
                Ok(Some(KeyCompromise)),
            ),
            ("within the clocks' difference", vec![list(|list| list.next_update = Some(UnixTime::from_secs(NOW.secs() - 300)))], Ok(None)),
            ("still to come", vec![list(|list| list.this_update = UnixTime::from_secs(NOW.secs() + 301))], Err(NotYetValid)),
            (
                "still to come and revoked",
                vec![list(|list| {
                    list.this_update = UnixTime::from_secs(NOW.secs() + 301);
                    list.matches.push(held(KeyCompromise))
                })],
                Err(NotYetValid),
            ),
            ("without nextUpdate", vec![list(|list| list.next_update = None)], Ok(None)),
            (
                "old without nextUpdate",
                vec![list(|list| {
                    list.next_update = None;
                    list.this_update = UnixTime::from_secs(NOW.secs() - 8 * DAY)
                })],
                Err(Stale),
            ),
            ("critical extension", vec![list(|list| list.unusable = Some(CriticalExtension))], Err(CriticalExtension)),
            (
                "critical extension and revoked",
                vec![list(|list| {
                    list.unusable = Some(CriticalExtension);
                    list.matches.push(held(KeyCompromise))
                })],
                Err(CriticalExtension),
            ),
            ("the newer one counts", vec![revoking(CertificateHold), list(|list| list.number = Some([0, 0x80].into()))], Ok(None)),
            (
                "of two keys both count",
                vec![
                    revoking(KeyCompromise),
                    Checked {
                        signer: Arc::new(Authority { subject: name("CA").into(), key: [2].into(), key_id: None, key_usage: None }),
                        ..list(|list| list.number = Some([11].into()))
                    },
                ],
                Ok(Some(KeyCompromise)),
            ),
        ],
    );
}

#[test]
fn scopes() {
    let mine = certificate(&[point(&["http://a/1.crl", "ldap://a"], None, None)]);
    let only = |user, ca, attribute| Scope { only_user: user, only_ca: ca, only_attribute: attribute, ..Scope::default() };
    all(
        &mine,
        vec![
            ("its shard", vec![scoped(named("http://a/1.crl"), |_| {})], Ok(None)),
            ("another shard", vec![scoped(named("http://a/2.crl"), |_| {})], Err(ScopeMismatch)),
            ("names are compared byte for byte", vec![scoped(named("http://A/1.crl"), |_| {})], Err(ScopeMismatch)),
            (
                "another shard revokes nothing",
                vec![scoped(named("http://a/2.crl"), |list| list.matches.push(held(RevokedFor::KeyCompromise)))],
                Err(ScopeMismatch),
            ),
            (
                "one of several names",
                vec![scoped(Scope { names: Box::new([url("x"), url("ldap://a")]), ..Scope::default() }, |_| {})],
                Ok(None),
            ),
            (
                "the issuer's name",
                vec![scoped(Scope { names: Box::new([points::as_general_name(&name("ca")).into()]), ..Scope::default() }, |_| {})],
                Ok(None),
            ),
            ("end entities", vec![scoped(only(true, false, false), |_| {})], Ok(None)),
            ("CAs", vec![scoped(only(false, true, false), |_| {})], Err(ScopeMismatch)),
            ("attribute certificates", vec![scoped(only(false, false, true), |_| {})], Err(ScopeMismatch)),
        ],
    );
    let ca = Lookup { is_ca: true, ..mine };
    all(
        &ca,
        vec![
            ("a CA, end entities", vec![scoped(only(true, false, false), |_| {})], Err(ScopeMismatch)),
            ("a CA, CAs", vec![scoped(only(false, true, false), |_| {})], Ok(None)),
        ],
    );
}

#[test]
fn reasons_have_to_be_covered_together() {
    let some = |reasons, change: fn(&mut CrlList)| scoped(Scope { reasons: Some(reasons), ..Scope::default() }, change);
    let plain = certificate(&[]);
    all(
        &plain,
        vec![
            ("some", vec![some(0b110, |_| {})], Err(ReasonsIncomplete)),
            (
                "some, and revoked",
                vec![some(0b110, |list| list.matches.push(held(RevokedFor::KeyCompromise)))],
                Ok(Some(RevokedFor::KeyCompromise)),
            ),
            ("all together", vec![some(0b110, |_| {}), some(0b1_1111_1000, |_| {})], Ok(None)),
            ("all but one", vec![some(0b110, |_| {}), some(0b0_1111_1000, |_| {})], Err(ReasonsIncomplete)),
            ("the rest is stale", vec![some(0b110, |_| {}), some(0b1_1111_1000, stale)], Err(Stale)),
            ("a complete one beside", vec![some(0b110, stale), list(|_| {})], Ok(None)),
        ],
    );
    let until = |lists: &[Checked]| answer(&plain, &lists.iter().collect::<Vec<_>>(), NOW, &Policy::default()).unwrap().until;
    let sooner = some(0b110, |list| list.next_update = Some(UnixTime::from_secs(NOW.secs() + 60)));
    assert_eq!(until(&[some(0b1_1111_1000, |_| {}), sooner.clone()]).secs(), NOW.secs() + 60 + 300, "the earliest end counts");
    assert_eq!(until(&[list(|_| {}), sooner]).secs(), NOW.secs() + DAY + 300, "a list that adds no reason does not");
    let partitioned = certificate(&[point(&["a"], Some(0b110), None), point(&["b"], Some(0b1_1111_1000), None)]);
    all(
        &partitioned,
        vec![
            ("one of the points", vec![scoped(named("a"), |_| {})], Err(ReasonsIncomplete)),
            ("both points", vec![scoped(named("a"), |_| {}), scoped(named("b"), |_| {})], Ok(None)),
        ],
    );
}

#[test]
fn indirect_lists() {
    let indirect = |change: fn(&mut CrlList)| {
        scoped(Scope { indirect: true, ..Scope::default() }, |list| {
            list.issuer = name("Lister").into();
            change(list);
        })
    };
    let of = |issuer: Option<&str>| Entry { issuer: issuer.map(|issuer| name(issuer).into()), ..held(RevokedFor::KeyCompromise) };
    let by_lister = certificate(&[point(&[], None, Some("Lister"))]);
    all(
        &by_lister,
        vec![
            ("by the lister", vec![indirect(|_| {})], Ok(None)),
            ("a lister whose list is not indirect", vec![list(|list| list.issuer = name("Lister").into())], Err(WrongIssuer)),
            (
                "another lister",
                vec![scoped(Scope { indirect: true, ..Scope::default() }, |list| list.issuer = name("X").into())],
                Err(WrongIssuer),
            ),
            (
                "an entry of the lister's own",
                vec![{
                    let entry = of(None);
                    scoped(Scope { indirect: true, ..Scope::default() }, |list| {
                        list.issuer = name("Lister").into();
                        list.matches.push(entry)
                    })
                }],
                Ok(None),
            ),
            (
                "an entry of its issuer",
                vec![{
                    let entry = of(Some("ca"));
                    scoped(Scope { indirect: true, ..Scope::default() }, |list| {
                        list.issuer = name("Lister").into();
                        list.matches.push(entry)
                    })
                }],
                Ok(Some(RevokedFor::KeyCompromise)),
            ),
            (
                "a name that is the lister's",
                vec![scoped(
                    Scope { indirect: true, names: Box::new([points::as_general_name(&name("Lister")).into()]), ..Scope::default() },
                    |list| list.issuer = name("Lister").into(),
                )],
                Ok(None),
            ),
        ],
    );
    all(&certificate(&[]), vec![("a lister that the certificate does not name", vec![indirect(|_| {})], Err(WrongIssuer))]);
}

#[test]
fn deltas() {
    use RevokedFor::{CertificateHold, KeyCompromise, RemoveFromCrl, Superseded};
    all(
        &certificate(&[]),
        vec![
            ("never a base", vec![delta(None, |_| {})], Err(NotForCertificate)),
            ("never a base, even revoked", vec![delta(Some(KeyCompromise), |_| {})], Err(NotForCertificate)),
            ("nothing new", vec![list(|_| {}), delta(None, |_| {})], Ok(None)),
            ("newly revoked", vec![list(|_| {}), delta(Some(KeyCompromise), |_| {})], Ok(Some(KeyCompromise))),
            ("a hold that became final", vec![revoking(CertificateHold), delta(Some(Superseded), |_| {})], Ok(Some(Superseded))),
            ("a hold that ended", vec![revoking(CertificateHold), delta(Some(RemoveFromCrl), |_| {})], Ok(None)),
            ("only a hold can end", vec![revoking(KeyCompromise), delta(Some(RemoveFromCrl), |_| {})], Ok(Some(KeyCompromise))),
            ("removed without being there", vec![list(|_| {}), delta(Some(RemoveFromCrl), |_| {})], Ok(None)),
            ("still revoked", vec![revoking(KeyCompromise), delta(None, |_| {})], Ok(Some(KeyCompromise))),
            ("makes a stale list current", vec![list(stale), delta(None, |_| {})], Ok(None)),
            (
                "a stale delta releases nothing",
                vec![revoking(CertificateHold), delta(Some(RemoveFromCrl), stale)],
                Ok(Some(CertificateHold)),
            ),
            ("a stale delta revokes", vec![list(|_| {}), delta(Some(KeyCompromise), stale)], Ok(Some(KeyCompromise))),
            ("both stale", vec![list(stale), delta(None, stale)], Err(Stale)),
            ("for a newer base", vec![list(|_| {}), delta(Some(KeyCompromise), |list| list.base_number = Some([11].into()))], Ok(None)),
            ("not newer than the base", vec![list(|_| {}), delta(Some(KeyCompromise), |list| list.number = Some([10].into()))], Ok(None)),
            ("of another scope", vec![list(|_| {}), delta(Some(KeyCompromise), |list| list.scope = Some(named("a")))], Ok(None)),
            (
                "of another key identifier",
                vec![list(|_| {}), delta(Some(KeyCompromise), |list| list.authority_key = Some([1].into()))],
                Ok(None),
            ),
            ("of another issuer", vec![list(|_| {}), delta(Some(KeyCompromise), |list| list.issuer = name("CB").into())], Ok(None)),
            ("unusable", vec![list(|_| {}), delta(Some(KeyCompromise), |list| list.unusable = Some(CriticalExtension))], Ok(None)),
            (
                "the newest of several",
                vec![
                    revoking(CertificateHold),
                    delta(Some(CertificateHold), |_| {}),
                    delta(Some(RemoveFromCrl), |list| list.number = Some([1, 0].into())),
                ],
                Ok(None),
            ),
        ],
    );
}

#[test]
fn each_list_has_its_word() {
    let mine = certificate(&[]);
    let policy = Policy::default();
    let (base, change) = (list(|_| {}), delta(None, |_| {}));
    for (what, one, lists, policy, expected) in [
        ("a complete one", &base, vec![&base], policy, Ok(())),
        ("a delta with its base", &change, vec![&base, &change], policy, Ok(())),
        ("a delta alone", &change, vec![&change], policy, Err(NotForCertificate)),
        ("stale", &list(stale), vec![], policy, Err(Stale)),
        ("older than allowed", &base, vec![], Policy { max_age: Some(Duration::from_secs(3600)), ..policy }, Err(Stale)),
        ("another issuer", &list(|list| list.issuer = name("CB").into()), vec![], policy, Err(WrongIssuer)),
    ] {
        assert_eq!(applies(&mine, one, &lists, NOW, &policy), expected, "{what}");
    }
}
