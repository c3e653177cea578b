use std::io::Read;

use flate2::read::DeflateDecoder;

use crate::metrics::example::{START, certificate, crl, source, target};
use crate::metrics::table::{FAMILIES, Id};
use crate::model::{Finding, SourceKind};

use super::*;

fn lines(rendered: &Rendered, id: Id) -> Vec<String> {
    let Some(fragment) = rendered.fragments.iter().find(|fragment| fragment.family == id.index()) else { return Vec::new() };
    let mut text = vec![0; usize::try_from(fragment.len).unwrap()];
    DeflateDecoder::new(&*fragment.deflated).read_exact(&mut text).unwrap();
    assert_eq!(crc32fast::hash(&text), fragment.crc);
    let lines: Vec<String> = String::from_utf8(text).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), fragment.lines as usize);
    lines
}

fn render(header: &SourceHeader, targets: &[TargetState]) -> Rendered {
    Renderer::default().targets(header, &mut targets.iter())
}

fn place() -> Place {
    Place::file("/a.pem")
}

#[test]
fn a_leaf_has_its_lines_and_nothing_more() {
    let leaf = certificate(CertRole::Leaf, "www", "CA", 1);
    let rendered = render(&source(SourceKind::File, "f"), &[target(place(), vec![leaf], vec![])]);
    let names: Vec<_> = rendered.fragments.iter().map(|fragment| FAMILIES[usize::from(fragment.family)].name).collect();
    assert_eq!(
        names,
        ["x509_cert_not_before", "x509_cert_not_after", "x509_cert_renewal_due_timestamp_seconds", "x509_cert_info", "x509_cert_error"]
    );
    assert_eq!(
        lines(&rendered, table::CERT_NOT_AFTER),
        ["x509_cert_not_after{source_kind=\"file\",source_name=\"f\",filename=\"a.pem\",filepath=\"/a.pem\",cert_role=\"leaf\",\
          subject_CN=\"www\",issuer_CN=\"CA\",subject=\"CN=www,O=Example,C=DE\",serial_number=\"1001\",\
          not_after=\"2026-04-11T00:00:00Z\"} 1775865600"]
    );
    let due = START.secs() + 75 * 86_400;
    assert!(lines(&rendered, table::CERT_RENEWAL_DUE)[0].ends_with(&format!(" {due}")));
}

#[test]
fn only_members_of_a_clash_carry_a_discriminator_in_every_family() {
    let twins = |seeds: &[u8]| seeds.iter().map(|seed| certificate(CertRole::Leaf, "twin", "CA", *seed)).collect::<Vec<_>>();
    let mut alike = twins(&[0xaa, 0xaa]);
    alike[1].fingerprint[6] = 0;
    let mut nearly_equal = twins(&[0xaa, 0xaa]);
    nearly_equal[1].fingerprint[31] = 0;
    let others = vec![
        certificate(CertRole::Leaf, "a", "CA", 1),
        certificate(CertRole::Leaf, "b", "CA", 2),
        certificate(CertRole::Root, "a", "CA", 3),
    ];
    for (behaviour, certificates, digits, clashes) in [
        ("one certificate", twins(&[1]), vec![0], 0),
        ("other names or roles", others, vec![0, 0, 0], 0),
        ("two of one name", twins(&[1, 2]), vec![8, 8], 1),
        ("three of one name", twins(&[1, 2, 3]), vec![8, 8, 8], 2),
        ("the first 8 digits are equal too", alike, vec![16, 16], 1),
        ("the first 16 too", nearly_equal, vec![64, 64], 1),
    ] {
        let mut state = target(place(), certificates, vec![]);
        let findings = [Finding::WeakKey].into_iter().collect();
        state.report.certificates = vec![findings; state.content.certificates.len()].into();
        let rendered = render(&source(SourceKind::File, "f"), &[state]);
        for id in [table::CERT_NOT_BEFORE, table::CERT_NOT_AFTER, table::CERT_INFO, table::CERT_FINDING, table::CERT_RENEWAL_DUE] {
            let of_line = |line: &String| line.split_once("discriminator=\"").map_or(0, |(_, rest)| rest.find('"').unwrap());
            let found: Vec<usize> = lines(&rendered, id).iter().map(of_line).collect();
            // The root of the second row has no line in the families of leaves.
            assert_eq!(found, digits[..found.len()], "{behaviour}: {}", id.family().name);
            assert!(found.len() >= digits.len().min(2), "{behaviour}");
        }
        assert_eq!(rendered.clashes, clashes, "{behaviour}");
    }
}

#[test]
fn two_crls_of_one_issuer_are_two_series() {
    let state = target(place(), vec![], vec![crl("CA", Some("5"), 1), crl("CA", None, 2), crl("Other", Some("5"), 3)]);
    let rendered = render(&source(SourceKind::File, "f"), &[state]);
    let written = lines(&rendered, table::CRL_THIS_UPDATE);
    assert!(written[0].contains("discriminator=\"01010101\"") && written[1].contains("discriminator=\"02020202\""), "{written:?}");
    assert!(!written[2].contains("discriminator"));
    assert_eq!(rendered.clashes, 1);
    assert_eq!(lines(&rendered, table::CRL_NEXT_UPDATE).len(), 2, "absent without");
    assert_eq!(lines(&rendered, table::CRL_NUMBER).len(), 2, "absent without");
}

#[test]
fn a_certificate_with_everything_known_stays_within_its_budget() {
    use crate::metrics::example::{decided, looked_up};
    use crate::model::{RevocationMethod, RevocationReason, RevocationStatus, Verdict};

    let header = source(SourceKind::File, "f");
    let unknown = |status| Verdict { status, reason: Some(RevocationReason::NoSource), ..Verdict::default() };
    for (behaviour, role, verdict, revoked, series) in [
        ("a good leaf", CertRole::Leaf, decided(RevocationStatus::Good, RevocationMethod::Crl), Some(" 0"), 6),
        ("a revoked leaf", CertRole::Leaf, decided(RevocationStatus::Revoked, RevocationMethod::Ocsp), Some(" 1"), 6),
        ("nobody can say", CertRole::Leaf, unknown(RevocationStatus::Unknown), None, 5),
        ("not applicable", CertRole::Leaf, unknown(RevocationStatus::NotApplicable), None, 5),
        ("not asked yet", CertRole::Leaf, Verdict::default(), None, 5),
        ("a good intermediate", CertRole::Intermediate, decided(RevocationStatus::Good, RevocationMethod::Crl), None, 2),
        ("a revoked intermediate", CertRole::Intermediate, decided(RevocationStatus::Revoked, RevocationMethod::Crl), Some(" 1"), 4),
        ("a root has nobody above", CertRole::Root, unknown(RevocationStatus::NotApplicable), None, 2),
    ] {
        let mut state = target(place(), vec![looked_up(certificate(role, "www", "CA", 1))], vec![]);
        // A CA is shown only while it is revoked.
        let is_shown = role == CertRole::Leaf || verdict.status == RevocationStatus::Revoked;
        let status = is_shown.then_some(verdict.status);
        state.report.revocation = [verdict].into();
        let rendered = render(&header, std::slice::from_ref(&state));
        let of_revoked = lines(&rendered, table::CERT_REVOKED);
        assert_eq!(of_revoked.len(), usize::from(revoked.is_some()), "{behaviour}");
        assert!(
            of_revoked.iter().zip(revoked).all(|(line, value)| line.ends_with(value) && !line.contains("serial_number")),
            "{behaviour}"
        );
        let of_status = lines(&rendered, table::CERT_REVOCATION_STATUS);
        let expected: Vec<String> = status.iter().map(|status| format!(",status=\"{status}\"}} 1")).collect();
        assert_eq!(of_status.len(), expected.len(), "{behaviour}");
        assert!(of_status.iter().zip(&expected).all(|(line, end)| line.ends_with(end.as_str())), "{behaviour}: {of_status:?}");
        let all: u64 = rendered.fragments.iter().map(|fragment| u64::from(fragment.lines)).sum();
        // One of them is the place's own x509_cert_error.
        assert_eq!((all, Renderer::default().series(&header, &state)), (series + 1, series + 1), "{behaviour}");
    }
}

#[test]
fn lists_at_one_url_are_told_apart_like_those_of_one_file() {
    let rendered = Renderer::default().services(&crate::metrics::example::services());
    let written = lines(&rendered, table::CRL_NUMBER);
    assert_eq!(written.len(), 2, "{written:?}");
    assert!(
        written[0].starts_with("x509_crl_number{url=\"http://crl.example/a.crl\",issuer=\"CN=Example Issuing CA,O=Example\""),
        "{written:?}"
    );
    assert!(written[0].contains("discriminator=\"46464646\"") && written[1].contains("discriminator=\"47474747\""), "{written:?}");
    assert_eq!(rendered.clashes, 1);
    assert_eq!(
        lines(&rendered, table::CRL_FINDING)[1],
        "x509_crl_finding{url=\"http://gone.example/d.crl\",finding=\"unreachable\"} 1",
        "a list that never came has no issuer"
    );
    assert_eq!(lines(&rendered, table::OCSP_OLDEST_THIS_UPDATE).len(), 1, "absent without answers");
    let same = crate::metrics::example::services();
    let twice = crate::model::Services {
        crls: same.crls.iter().chain(&same.crls).cloned().collect(),
        responders: same.responders.iter().chain(&same.responders).cloned().collect(),
    };
    let count = |rendered: &Rendered| rendered.fragments.iter().map(|fragment| fragment.lines).sum::<u32>();
    assert_eq!(count(&Renderer::default().services(&twice)), count(&rendered), "the same twice is there once");
}

#[test]
fn a_trust_store_shows_what_ends_first_among_the_living() {
    let mut header = source(SourceKind::File, "t");
    header.options.trust_store = true;
    let roots = |days: &[i64]| {
        let mut all: Vec<_> = (1..).zip(days).map(|(seed, _)| certificate(CertRole::Root, "root", "root", seed)).collect();
        for (root, days) in all.iter_mut().zip(days) {
            root.not_after = crate::model::UnixTime::from_secs(*days);
        }
        let mut state = target(place(), all, vec![]);
        let set = |days: &i64| if *days < 100 { [Finding::Expired].into_iter().collect() } else { Default::default() };
        state.report.certificates = days.iter().map(set).collect();
        state
    };
    for (behaviour, days, shown) in [
        ("expired ones do not count", &[50, 300, 200][..], Some(" 200")),
        ("all expired: the one that ended last", &[50, 70, 60], Some(" 70")),
        ("none", &[], None),
    ] {
        let state = roots(days);
        let rendered = render(&header, std::slice::from_ref(&state));
        let written = lines(&rendered, table::CERT_NOT_AFTER);
        assert_eq!(written.len(), usize::from(shown.is_some()), "{behaviour}");
        assert!(written.iter().zip(shown).all(|(line, end)| line.ends_with(end)), "{behaviour}: {written:?}");
        assert_eq!(rendered.fragments.iter().map(|fragment| u64::from(fragment.lines)).sum::<u64>(), written.len() as u64, "{behaviour}");
        assert_eq!(Renderer::default().series(&header, &state), written.len() as u64, "{behaviour}");
    }
}

#[test]
fn buffers_of_one_rendering_do_not_leak_into_the_next() {
    let renderer = Renderer::default();
    let header = source(SourceKind::File, "f");
    let one = target(place(), vec![certificate(CertRole::Leaf, "www", "CA", 1)], vec![crl("CA", Some("5"), 1)]);
    let first = renderer.targets(&header, &mut [one.clone(), one.clone()].iter());
    let other = target(Place::file("/b.pem"), vec![certificate(CertRole::Root, "x", "x", 2)], vec![]);
    let again = renderer.targets(&header, &mut [other.clone()].iter());
    assert_eq!(format!("{again:?}"), format!("{:?}", render(&header, &[other])));
    assert_eq!(lines(&first, table::CERT_NOT_AFTER).len(), 2);
}

#[test]
fn absurd_dates_and_numbers_stay_numbers() {
    let mut absurd = certificate(CertRole::Leaf, "www", "CA", 1);
    absurd.not_before = crate::model::UnixTime::from_secs(i64::MIN);
    absurd.not_after = crate::model::UnixTime::from_secs(i64::MAX);
    let list = crl("CA", Some(&"9".repeat(400)), 1);
    let state = target(place(), vec![absurd], vec![list]);
    let header = source(SourceKind::File, "f");
    let rendered = render(&header, std::slice::from_ref(&state));
    assert!(lines(&rendered, table::CERT_NOT_AFTER)[0].ends_with(" 9223372036854775807"));
    assert_eq!(lines(&rendered, table::CRL_NUMBER), Vec::<String>::new(), "beyond a float");
    let all: u64 = rendered.fragments.iter().map(|fragment| u64::from(fragment.lines)).sum();
    assert_eq!(Renderer::default().series(&header, &state), all);
}

#[test]
fn an_endpoint_says_what_is_known_and_no_more() {
    use crate::metrics::example::{endpoint, failing, handshake_facts};
    use crate::model::{EndpointFacts, Reason, Stage};

    let header = source(SourceKind::Tls, "edge");
    let fresh = || target(endpoint("a:443", "a"), vec![], vec![]);
    let with = |facts: EndpointFacts| TargetState { endpoint: Some(facts.into()), ..fresh() };
    let broken_off = || EndpointFacts { version: None, client_certificate_requested: false, ..handshake_facts() };
    let refused = failing(fresh(), Stage::Connect, Reason::Refused, "refused");
    let values = |state: &TargetState, id: Id| {
        let rendered = render(&header, std::slice::from_ref(state));
        assert_eq!(lines(&rendered, table::CERT_ERROR), Vec::<String>::new(), "that family is not for endpoints");
        lines(&rendered, id).iter().map(|line| line.rsplit_once(' ').unwrap().1.to_owned()).collect::<Vec<_>>().join(" ")
    };
    for (behaviour, state, id, expected) in [
        ("both results are there from the start", fresh(), table::HANDSHAKES, "0 0"),
        ("no failure", fresh(), table::PROBE_SUCCESS, "1"),
        ("a failure", refused.clone(), table::PROBE_SUCCESS, "0"),
        ("a failure has its reason", refused, table::PROBE_FAILURE, "1"),
        ("no failure, no reason", fresh(), table::PROBE_FAILURE, ""),
        ("never reached, nothing known", fresh(), table::OCSP_STAPLED, ""),
        ("a complete handshake without a staple", with(handshake_facts()), table::OCSP_STAPLED, "0"),
        ("broken off before a staple could come", with(broken_off()), table::OCSP_STAPLED, ""),
        ("broken off before the server could ask", with(broken_off()), table::CLIENT_CERTIFICATE_REQUESTED, ""),
        ("the server asked", with(handshake_facts()), table::CLIENT_CERTIFICATE_REQUESTED, "1"),
        (
            "asked, and then broke off",
            with(EndpointFacts { client_certificate_requested: true, ..broken_off() }),
            table::CLIENT_CERTIFICATE_REQUESTED,
            "1",
        ),
    ] {
        assert_eq!(values(&state, id), expected, "{behaviour}: {}", id.family().name);
    }
}

#[test]
fn compatibility_adds_a_family_and_name_fields_and_the_default_has_neither() {
    let header = source(SourceKind::File, "f");
    let mut state = target(place(), vec![certificate(CertRole::Root, "r", "r", 1)], vec![]);
    state.report.certificates = [[Finding::Expired].into_iter().collect()].into();
    let rendered = |enix| Renderer::new(enix).targets(&header, &mut std::iter::once(&state));
    let (plain, enix) = (rendered(false), rendered(true));
    assert_eq!(lines(&plain, table::CERT_EXPIRED), Vec::<String>::new());
    assert!(!lines(&plain, table::CERT_NOT_AFTER)[0].contains("subject_O="));
    let fields = r#",subject_C="DE",subject_O="Example",issuer_O="Example, Inc."} "#;
    for id in [table::CERT_EXPIRED, table::CERT_NOT_AFTER, table::CERT_NOT_BEFORE] {
        assert!(lines(&enix, id)[0].contains(fields), "{:?}", lines(&enix, id));
    }
    assert!(lines(&enix, table::CERT_EXPIRED)[0].ends_with(" 1"));
}

#[test]
fn a_source_says_nothing_of_what_it_does_not_know_yet() {
    let status = |up| SourceStatus { up, ..SourceStatus::default() };
    for (behaviour, up, written) in [("before its first scan", None, ""), ("listed", Some(true), "1"), ("not listed", Some(false), "0")] {
        let rendered = Renderer::default().source(&source(SourceKind::File, "f"), &status(up));
        let values: Vec<_> = lines(&rendered, table::SOURCE_UP).iter().map(|line| line.rsplit_once(' ').unwrap().1.to_owned()).collect();
        assert_eq!(values.concat(), written, "{behaviour}");
        assert!(lines(&rendered, table::SOURCE_LAST_SCAN).is_empty(), "{behaviour}: no year 1970");
    }
}
