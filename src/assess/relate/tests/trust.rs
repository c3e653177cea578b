//! The trust graph.

use super::*;
use crate::model::AuthorityRow;
use crate::model::relations::{Above, Top};

/// Dependants and stranded ones of each CA certificate, by subject and serial.
fn rows(outcome: &Outcome) -> Vec<(String, u64, u64, u64)> {
    let row = |row: &AuthorityRow| (row.subject.to_string(), row.dependants, row.stranded, row.places);
    let mut rows: Vec<_> = outcome.relations.iter().flat_map(|relations| &relations.authorities).map(row).collect();
    rows.sort();
    rows
}

fn ca_until(above: Option<&Issued>, name: &str, days: i64) -> Issued {
    let mut params = ca_params(name);
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (day(-100), day(days));
    match above {
        Some(above) => above.issue(params),
        None => crate::pki::fixtures::self_signed(params),
    }
}

#[test]
fn leaves_are_counted_on_every_ca_above_them_each_once() {
    let root = ca_until(None, "Root", 1000);
    let issuing = ca_until(Some(&root), "Issuing", 50);
    let leaves: Vec<_> = (0..3).map(|n| leaf(&issuing, &format!("n{n}.example"), -1, 20)).collect();
    let chain = |n: usize| vec![leaves[n].clone(), facts(&issuing)];
    let sources = [
        source(
            SourceKind::File,
            "files",
            [file("/0", chain(0)), file("/1", chain(1)), file("/copy", chain(1)), file("/ca", [facts(&root)])],
        ),
        source(SourceKind::Tls, "edge", [served("n2.example", chain(2))]),
    ];
    let (said, outcome) = said(&sources);
    assert_eq!(rows(&outcome), [("CN=Issuing".to_owned(), 3, 3, 4), ("CN=Root".to_owned(), 3, 3, 1)]);
    assert_eq!(said.0.len(), 0);
}

#[test]
fn a_cross_sign_keeps_leaves_from_being_stranded() {
    let (old, new) = (ca_until(None, "Old Root", 10), ca_until(None, "New Root", 1000));
    let issuing = ca_until(Some(&old), "Issuing", 500);
    let crossed = Issued { der: new.issue_for(&issuing), params: issuing.params.clone(), key: rcgen::KeyPair::generate().unwrap() };
    let below = leaf(&issuing, "a.example", -1, 90);
    let files = |cas: &[&Issued]| {
        let cas = cas.iter().enumerate().map(|(n, ca)| file(&format!("/ca{n}"), [facts(ca)]));
        [source(SourceKind::File, "files", cas.chain([file("/a", [below.clone()])]))]
    };
    let (said, outcome) = super::said(&files(&[&old, &issuing]));
    assert_eq!(said.at("files /a"), [Finding::OutlivesIssuer], "its only path ends with the old root");
    assert_eq!(rows(&outcome), [("CN=Issuing".to_owned(), 1, 1, 1), ("CN=Old Root".to_owned(), 1, 1, 1)]);
    let (said, outcome) = super::said(&files(&[&old, &issuing, &new, &crossed]));
    assert_eq!(said.at("files /a"), [], "the new root outlasts it");
    let rows = rows(&outcome);
    assert!(rows.contains(&("CN=Old Root".to_owned(), 1, 0, 1)) && rows.contains(&("CN=New Root".to_owned(), 1, 1, 1)), "{rows:?}");
    assert_eq!(outcome.relations.unwrap().authorities.iter().map(|row| row.cross_signs).max(), Some(1));
}

#[test]
fn who_only_writes_a_name_hangs_on_nothing() {
    let (real, forged) = (ca_until(None, "CA", 1000), ca_until(None, "CA", 1000));
    // It names the real CA's key, too.
    let mut leaf = leaf(&forged, "evil.example", -1, 20);
    let id = facts(&real).authority.unwrap().key_id.clone();
    let lookup = leaf.lookup.as_mut().unwrap();
    lookup.pointers = Arc::new(crate::model::Pointers { authority_key: id, ..Default::default() });
    let sources = [
        source(SourceKind::File, "files", [file("/ca", [facts(&real)])]),
        source(SourceKind::Tls, "edge", [served("evil.example", [leaf])]),
    ];
    let mut relate = Relate::default();
    let outcome = relate.pass(view(&sources), at(NOW));
    assert_eq!(rows(&outcome), [("CN=CA".to_owned(), 0, 0, 1)]);
}

#[test]
fn what_an_endpoint_shows_makes_no_path_longer() {
    let root = ca_until(None, "Root", 10);
    let below = leaf(&root, "a.example", -1, 90);
    // The same name and key, for ever: anybody can write that, and nobody has signed it.
    let mut longer = facts(&root);
    longer.fingerprint = [7; 32];
    longer.not_after = at(NOW + 10_000 * DAY);
    let stored = source(SourceKind::File, "files", [file("/ca", [facts(&root)]), file("/a", [below.clone()])]);
    let shown = source(SourceKind::Tls, "edge", [served("b.example", [below.clone(), longer.clone()])]);
    assert_eq!(said(&[stored.clone(), shown]).0.at("files /a"), [Finding::OutlivesIssuer]);
    let kept = source(SourceKind::File, "more", [file("/renewed", [longer])]);
    assert_eq!(said(&[stored, kept]).0.at("files /a"), [], "the operator's own copy counts");
}

#[test]
fn a_ca_that_comes_later_takes_up_what_waits_for_it_and_leaves_it_when_it_goes() {
    let (root, other) = (ca_until(None, "Root", 1000), ca_until(None, "Root", 1000));
    let below = leaf(&root, "a.example", -1, 20);
    let files = |targets: Vec<TargetState>| [source(SourceKind::File, "files", targets)];
    let mut relate = Relate::default();
    let mut count = |targets| {
        let outcome = relate.pass(view(&files(targets)), at(NOW));
        rows(&outcome).iter().map(|(_, dependants, ..)| *dependants).collect::<Vec<_>>()
    };
    let with = |cas: &[&Issued]| {
        let cas = cas.iter().enumerate().map(|(n, ca)| file(&format!("/ca{n}"), [facts(ca)]));
        cas.chain([file("/a", [below.clone()])]).collect::<Vec<_>>()
    };
    assert_eq!(count(with(&[])), Vec::<u64>::new());
    assert_eq!(count(with(&[&root])), [1]);
    let mut both = count(with(&[&root, &other]));
    both.sort_unstable();
    assert_eq!(both, [0, 1], "a namesake gets nothing");
    assert_eq!(count(with(&[&other])), [0]);
    assert_eq!(count(with(&[&root])), [1]);
}

#[test]
fn queries_name_what_hangs_on_a_ca_and_whether_a_bundle_takes_a_certificate() {
    let root = ca_until(None, "Root", 30);
    let issuing = ca_until(Some(&root), "Issuing", 500);
    let stranger = ca_until(None, "Stranger", 500);
    let (first, second) = (leaf(&issuing, "a.example", -1, 20), leaf(&issuing, "b.example", -1, 90));
    let sources = [source(
        SourceKind::File,
        "files",
        [
            file("/a", [first.clone(), facts(&issuing)]),
            file("/b", [second.clone()]),
            file("/ca", [facts(&root)]),
            file("/other", [facts(&stranger)]),
        ],
    )];
    let mut relate = Relate::default();
    relate.pass(view(&sources), at(NOW));
    let hanging = relate.hanging(&facts(&root).fingerprint, None, 1).unwrap();
    assert_eq!((hanging.total, hanging.leaves.len()), (2, 1));
    assert_eq!((&*hanging.leaves[0].subject, &*hanging.leaves[0].place, hanging.leaves[0].stranded), ("CN=a.example", "/a", true));
    assert!(relate.hanging(&[9; 32], None, 1).is_none());
    let verifies = |facts: &CertificateFacts, place: &str| relate.verifies(&facts.fingerprint, "files", place);
    let good = verifies(&first, "/ca").unwrap();
    assert!(good.verifies && good.path.iter().map(|name| &**name).eq(["CN=a.example", "CN=Issuing", "CN=Root"]), "{good:?}");
    let bad = verifies(&first, "/other").unwrap();
    assert!(!bad.verifies && bad.why.is_some());
    assert!(verifies(&first, "/none").is_none());
}

/// A tree in one line: names, `!` where the signature is not proved, what ends a way in brackets.
fn told(above: &Above) -> String {
    let mark = if above.proved || above.top == Some(Top::Root) { "" } else { "!" };
    let over: Vec<String> = above.issuers.iter().map(told).collect();
    let top = above.top.map(|top| format!(" [{top:?}]")).unwrap_or_default();
    let over = if over.is_empty() { String::new() } else { format!(" < ({})", over.join(", ")) };
    format!("{}{mark}{top}{over}", above.subject.trim_start_matches("CN="))
}

#[test]
fn who_stands_above_a_certificate_is_a_tree() {
    let (old, new) = (ca_until(None, "Old Root", 10), ca_until(None, "New Root", 1000));
    let issuing = ca_until(Some(&old), "Issuing", 500);
    let crossed = Issued { der: new.issue_for(&issuing), params: issuing.params.clone(), key: rcgen::KeyPair::generate().unwrap() };
    let (below, stranger) = (leaf(&issuing, "a.example", -1, 90), leaf(&ca_until(None, "Elsewhere", 9), "b.example", -1, 9));
    let files = [&old, &issuing, &crossed].map(facts);
    let files = files.into_iter().chain([below.clone(), stranger.clone()]).enumerate().map(|(n, facts)| file(&format!("/{n}"), [facts]));
    let anchor = facts(&new);
    let mut relate = Relate::new(vec![(anchor.subject.clone(), anchor.authority.clone().unwrap())]);
    relate.pass(view(&[source(SourceKind::File, "files", files)]), at(NOW));
    let above = |facts: &CertificateFacts| relate.above(&facts.fingerprint).map(|above| told(&above));
    for (behaviour, certificate, expected) in [
        (
            "one CA by two roots, one of them known to this machine alone",
            &below,
            Some("a.example < (Issuing < (Old Root [Root]), Issuing [Anchor])"),
        ),
        ("a root", &facts(&old), Some("Old Root [Root]")),
        ("nobody that is watched has signed it", &stranger, Some("b.example! [Unknown]")),
        ("one that is not watched", &anchor, None),
    ] {
        let found = above(certificate);
        let swapped = expected
            .map(|text| text.replace("(Issuing < (Old Root [Root]), Issuing [Anchor])", "(Issuing [Anchor], Issuing < (Old Root [Root]))"));
        assert!(found.as_deref() == expected || found == swapped, "{behaviour}: {found:?}");
    }
}

#[test]
fn cas_that_signed_each_other_are_told_once_on_each_way() {
    let (one, other) = (ca_until(None, "One", 900), ca_until(None, "Other", 900));
    let cross = |by: &Issued, of: &Issued| {
        facts(&Issued { der: by.issue_for(of), params: of.params.clone(), key: rcgen::KeyPair::generate().unwrap() })
    };
    let all = [cross(&one, &other), cross(&other, &one), leaf(&one, "a.example", -1, 90)];
    let mut relate = Relate::default();
    let files = all.iter().enumerate().map(|(n, facts)| file(&format!("/{n}"), [facts.clone()]));
    relate.pass(view(&[source(SourceKind::File, "files", files)]), at(NOW));
    let above = relate.above(&all[2].fingerprint).unwrap();
    assert_eq!(told(&above), "a.example < (One < (Other [Circle]))");
}
