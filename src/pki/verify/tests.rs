use super::*;
use crate::model::Limits;
use crate::pki::container;

/// A leaf, its issuer, the root, the issuer's list, a response by a delegate; one after another.
const SEED: &[u8] = include_bytes!("../../../fuzz/seeds/pki/verdict.der");
const NOW: i64 = 1_800_000_000;

struct Parts {
    leaf: Vec<u8>,
    issuing: Vec<u8>,
    root: Vec<u8>,
    list: Vec<u8>,
    response: Vec<u8>,
}

fn parts() -> Parts {
    let contents = container::open(SEED, &[], &Limits::default());
    let [leaf, issuing, root] = contents.certificates.try_into().unwrap();
    let ([list], [response]) = (contents.crls.try_into().unwrap(), contents.responses.try_into().unwrap());
    Parts { leaf, issuing, root, list, response }
}

fn judge(parts: &Parts, by_list: bool, by_response: bool) -> Result<Verdict, Unreadable> {
    let file = |given: bool, bytes: &Vec<u8>| {
        if given { vec![File { name: "file".into(), bytes: Some(bytes.clone()) }] } else { Vec::new() }
    };
    let given = Given {
        target: parts.leaf.clone(),
        chain: vec![parts.issuing.clone()],
        anchors: vec![parts.root.clone()],
        crls: file(by_list, &parts.list),
        responses: file(by_response, &parts.response),
    };
    let server_name = "shop.example".try_into().ok();
    verify(&given, &Question { now: UnixTime::from_secs(NOW), purpose: Purpose::Server, server_name, policy: Policy::default() })
}

#[test]
fn either_source_is_enough() {
    for (by_list, by_response, status) in [
        (true, true, RevocationStatus::Good),
        (true, false, RevocationStatus::Good),
        (false, true, RevocationStatus::Good),
        (false, false, RevocationStatus::Unknown),
    ] {
        let verdict = judge(&parts(), by_list, by_response).unwrap();
        assert_eq!((verdict.status, verdict.path), (status, PathState::Valid), "{by_list} {by_response}");
        assert!(verdict.sources.iter().all(|source| source.usable.is_ok()), "{:?}", verdict.sources);
        assert_eq!(verdict.is_good(), status == RevocationStatus::Good);
    }
}

#[test]
fn no_bit_of_what_is_believed_can_be_changed() {
    type Take = fn(&mut Parts) -> &mut Vec<u8>;
    let takes: [(&str, Take, bool); 4] = [
        ("leaf", |parts| &mut parts.leaf, true),
        ("issuing", |parts| &mut parts.issuing, true),
        ("list", |parts| &mut parts.list, true),
        ("response", |parts| &mut parts.response, false),
    ];
    for (name, take, by_list) in takes {
        let length = take(&mut parts()).len();
        let mut harmless = 0;
        for at in 0..length {
            let mut bent = parts();
            take(&mut bent)[at] ^= 1 << (at % 8);
            harmless += usize::from(judge(&bent, by_list, !by_list).is_ok_and(|verdict| verdict.is_good()));
        }
        assert!(harmless == 0, "{name}: {harmless} of {length} bits are not looked at");
    }
}

#[test]
fn bytes_cut_off_anywhere_are_no_panic_and_nothing_good() {
    for end in 0..SEED.len() {
        let cut = &SEED[..end];
        let file = || vec![File { name: "cut".into(), bytes: Some(cut.to_vec()) }];
        let given = Given { target: cut.to_vec(), chain: vec![cut.to_vec()], anchors: Vec::new(), crls: file(), responses: file() };
        let question = Question { now: UnixTime::from_secs(NOW), purpose: Purpose::Any, server_name: None, policy: Policy::default() };
        if let Ok(verdict) = verify(&given, &question) {
            // The list stands whole before the response does.
            let before_list = end < SEED.len() - parts().response.len();
            assert!(verdict.status == RevocationStatus::Unknown || !before_list, "{end}: {:?}", verdict.status);
        }
    }
}
