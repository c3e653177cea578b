//! Any bytes as everything that a verdict is made of: the first certificate is judged, the last one is trusted, the rest may help.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notafter::model::{Limits, Policy, UnixTime};
use notafter::pki::container;
use notafter::pki::verify::{self, File, Given, Purpose, Question};

fuzz_target!(|bytes: &[u8]| {
    let file = || vec![File { name: "bytes".into(), bytes: Some(bytes.to_vec()) }];
    let contents = container::open(bytes, &[], &Limits { kdf_iterations: 20, ..Limits::default() });
    let question = Question {
        now: UnixTime::from_secs(1_800_000_000),
        purpose: Purpose::Server,
        server_name: "shop.example".try_into().ok(),
        policy: Policy::default(),
    };
    let anchors = contents.certificates.last().cloned().into_iter().collect();
    let given = Given { target: bytes.to_vec(), chain: vec![bytes.to_vec()], anchors, crls: file(), responses: file() };
    let once = verify::verify(&given, &question).map(|verdict| (verdict.status, verdict.path, verdict.sources));
    let again = verify::verify(&given, &question).map(|verdict| (verdict.status, verdict.path, verdict.sources));
    assert_eq!(once, again);
});
