//! NIST PKITS: every case of the suite, judged as `notafter verify` judges. The files are those inside PyPI's `cryptography-vectors`, taken by pip when
//! the test runs; what they are for and what has to come out stands in `pkits/cases.txt`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use notafter::model::{Policy, RevocationStatus, UnixTime};
use notafter::pki::verify::{self, File, Given, PathState, Purpose, Question, Remark, Verdict};

const CASES: &str = include_str!("pkits/cases.txt");
const EXCEPTIONS: &str = include_str!("pkits/exceptions.txt");
const VECTORS: &str = "cryptography-vectors==50.0.2";
/// 2020-01-01: within the validity of what is meant to be valid.
const NOW: i64 = 1_577_836_800;

#[test]
fn every_verdict_on_revocation_is_right() {
    let files = files();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for case in cases().filter(Case::is_about_revocation) {
        count += 1;
        let got = words(&verdict(&files, &case));
        if got != case.expected {
            wrong.push(format!("{} {}: {got}, where {} belongs", case.number, case.target, case.expected));
        }
        assert!(!exceptions().contains_key(case.number), "{}: no exception is allowed here", case.number);
    }
    assert_eq!(count, 21 + 35 + 10);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_verdict_on_a_path_is_right_but_for_the_exceptions() {
    let (files, exceptions) = (files(), exceptions());
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for case in cases().filter(|case| !case.is_about_revocation()) {
        let verdict = verdict(&files, &case);
        let is_right = accepted(&verdict) == (case.expected == "valid");
        match (is_right, exceptions.get(case.number)) {
            (true, None) => {}
            (false, Some(_)) => seen += 1,
            (true, Some(reason)) => wrong.push(format!("{} comes out right now: its exception has to go ({reason})", case.number)),
            (false, None) => wrong.push(format!("{} {}: {}, where {} belongs", case.number, case.target, words(&verdict), case.expected)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen, exceptions.len(), "an exception is about no case");
}

#[test]
fn the_table_holds_all_cases_of_the_suite() {
    let mut sections = BTreeMap::<&str, u32>::new();
    for case in cases() {
        *sections.entry(case.number.rsplit_once('.').unwrap().0).or_default() += 1;
    }
    let expected = [
        ("4.1", 6),
        ("4.2", 8),
        ("4.3", 11),
        ("4.4", 21),
        ("4.5", 8),
        ("4.6", 17),
        ("4.7", 5),
        ("4.8", 20),
        ("4.9", 8),
        ("4.10", 14),
        ("4.11", 11),
        ("4.12", 10),
        ("4.13", 38),
        ("4.14", 35),
        ("4.15", 10),
        ("4.16", 2),
    ];
    assert_eq!(sections, expected.into_iter().collect());
}

struct Case {
    number: &'static str,
    expected: &'static str,
    target: &'static str,
    chain: Vec<&'static str>,
    lists: Vec<&'static str>,
}

impl Case {
    fn is_about_revocation(&self) -> bool {
        ["4.4.", "4.14.", "4.15."].iter().any(|section| self.number.starts_with(section))
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split('|').map(str::trim).collect())
}

fn cases() -> impl Iterator<Item = Case> {
    lines(CASES).map(|fields| {
        let [number, expected, target, chain, lists] = fields[..] else { panic!("{fields:?}") };
        let names = |text: &'static str| text.split_whitespace().filter(|name| *name != "-").collect();
        Case { number, expected, target, chain: names(chain), lists: names(lists) }
    })
}

fn exceptions() -> BTreeMap<&'static str, &'static str> {
    lines(EXCEPTIONS)
        .map(|fields| {
            let [number, reason] = fields[..] else { panic!("{fields:?}") };
            assert!(reason.len() > 20, "{number} needs a reason");
            (number, reason)
        })
        .collect()
}

fn verdict(files: &Path, case: &Case) -> Verdict {
    let certificate = |name: &str| std::fs::read(files.join(format!("certs/{name}.crt"))).expect(name);
    let list = |name: &&str| File { name: (*name).into(), bytes: Some(std::fs::read(files.join(format!("crls/{name}.crl"))).expect(name)) };
    let given = Given {
        target: certificate(case.target),
        chain: case.chain.iter().map(|name| certificate(name)).collect(),
        anchors: vec![certificate("TrustAnchorRootCertificate")],
        crls: case.lists.iter().map(list).collect(),
        responses: Vec::new(),
    };
    let question = Question { now: UnixTime::from_secs(NOW), purpose: Purpose::Any, server_name: None, policy: Policy::default() };
    verify::verify(&given, &question).expect("the target can be read")
}

/// PKITS asks for the revocation of every certificate of the path.
fn accepted(verdict: &Verdict) -> bool {
    verdict.status == RevocationStatus::Good
        && verdict.path == PathState::Valid
        && !verdict.remarks.contains(&Remark::IssuerRevocationUnknown)
}

fn words(verdict: &Verdict) -> String {
    let because = verdict.because.map(|because| format!(" {}", because.as_str())).unwrap_or_default();
    let path = verdict.path_error.map(|error| format!(", {error}")).unwrap_or_default();
    format!("{}{because}{path}", verdict.status)
}

/// The folder with `certs` and `crls`; taken from PyPI once.
fn files() -> PathBuf {
    static FETCHED: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    FETCHED.get_or_init(fetched).clone()
}

fn fetched() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = tmp.join("pkits");
    let inside = "cryptography_vectors/x509/PKITS_data";
    if !folder.join(inside).is_dir() {
        let fresh = tempfile::tempdir_in(tmp).unwrap();
        run(Command::new("python3").args(["-m", "pip", "download", "--quiet", "--no-deps", VECTORS, "--dest"]).arg(fresh.path()));
        let wheel = std::fs::read_dir(fresh.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|end| end == "whl"));
        let unpacked = fresh.path().join("unpacked");
        run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel.expect("a wheel")).arg(&unpacked));
        // The folder is there as a whole or not at all, whoever else is at it.
        let _ = std::fs::rename(&unpacked, &folder);
    }
    folder.join(inside)
}

fn run(command: &mut Command) {
    let done = command.output().expect("python3 is installed");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
