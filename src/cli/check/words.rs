//! The answer in plain words, below the table: what happened at each endpoint, and what usually helps.

use super::listen::Traces;
use crate::app::story;
use crate::model::advice::{self, Advice};
use crate::model::command::command;
use crate::model::{Evidence, FindingSet, Place, RevocationReason, RevocationStatus, Services, TargetState, UnixTime};

/// More endpoints than these are told in the table alone.
const MOST: usize = 20;

/// The story of each endpoint, the places that were asked about revocation, then every distinct reason and finding once, with what usually
/// helps.
pub(super) fn words(targets: &[&TargetState], services: &Services, traces: &Traces) -> String {
    let mut text = String::new();
    let endpoints = targets.iter().filter(|target| matches!(target.place, Place::Endpoint { .. }));
    for target in endpoints.take(MOST) {
        text += &format!("\n{}, step by step\n", story::printable(&target.place.to_string()));
        text += &story::steps(&traces.at(&target.place));
        text += &story::told(target);
    }
    let others = targets.iter().filter(|target| !matches!(target.place, Place::Endpoint { .. }));
    for (target, revocation) in others.map(|target| (target, story::revocation(target))).filter(|(_, lines)| !lines.is_empty()).take(MOST) {
        text += &format!("\n{}\n{revocation}", story::printable(&target.place.to_string()));
    }
    text += &together(targets);
    text += &asked(services);
    let mut told: Vec<(&str, Advice)> = Vec::new();
    for target in targets {
        let mut tell = |name: &'static str, advice: Advice| {
            if !told.contains(&(name, advice)) {
                told.push((name, advice));
                let place = &target.place;
                let heading = if told.len() == 1 { "\nWhat is wrong, and what usually helps\n" } else { "" };
                text += &format!("{heading}  {name}: {}\n", advice.cause);
                text += &format!("    confirm  {}\n    fix      {}\n", at(place, advice.confirm), at(place, advice.fix));
            }
        };
        if let Some(failure) = &target.failure {
            tell(failure.reason.as_str(), advice::of_failure(failure.stage, failure.reason));
        }
        target.problems.iter().for_each(|problem| tell(problem.reason.as_str(), advice::of_reason(problem.reason)));
        for verdict in &target.report.revocation {
            match (verdict.status, verdict.reason) {
                (RevocationStatus::Revoked, _) => tell("revoked", advice::REVOKED),
                (RevocationStatus::Unknown, Some(reason)) => tell(reason.as_str(), advice::of_revocation(reason)),
                _ => {}
            }
        }
        let sets = target.report.certificates.iter().chain(&target.report.crls).chain([&target.report.target]);
        sets.flat_map(|set| set.iter()).for_each(|finding| tell(finding.as_str(), advice::of_finding(finding)));
    }
    text
}

/// What the places say about each other: the other place behind a finding.
fn together(targets: &[&TargetState]) -> String {
    let of_each = |target: &TargetState| {
        let place = story::printable(&target.place.to_string());
        let related = target.related.iter().flat_map(|related| &related.evidence);
        let line = |evidence: &Evidence| {
            let about: Vec<&str> = [&*evidence.place, &*evidence.detail].into_iter().filter(|text| !text.is_empty()).collect();
            format!("  {place}: {}: {}\n", evidence.finding, story::printable(&about.join(": ")))
        };
        related.map(line).collect::<Vec<_>>()
    };
    let lines: Vec<String> = targets.iter().flat_map(|target| of_each(target)).take(MOST).collect();
    if lines.is_empty() { String::new() } else { format!("\nWhat the places say about each other\n{}", lines.concat()) }
}

/// The CRLs and responders, and what came of them.
fn asked(services: &Services) -> String {
    let of = |what: &str, at: Option<UnixTime>| at.map(|at| format!("{what} {}", at.rfc3339()));
    let crls = services.crls.iter().map(|crl| {
        let list = crl.list.as_deref();
        let revoked = (crl.revoked > 0).then(|| format!("{} revoked", count_of(crl.revoked)));
        let known = [of("of", list.map(|list| list.this_update)), of("until", list.and_then(|list| list.next_update)), revoked];
        (&crl.url, known, crl.findings, &crl.failure)
    });
    let responders = services.responders.iter().map(|responder| {
        let known = [of("answers of", responder.oldest_this_update), of("signs until", responder.certificate_not_after), None];
        (&responder.url, known, responder.findings, &responder.failure)
    });
    let lines: Vec<String> = crls
        .chain(responders)
        .map(|(url, known, findings, failure)| format!("  {}: {}\n", story::printable(url), outcome(known, findings, failure.as_ref())))
        .take(MOST)
        .collect();
    if lines.is_empty() { String::new() } else { format!("\nCRLs and OCSP responders\n{}", lines.concat()) }
}

fn outcome(known: [Option<String>; 3], findings: FindingSet, failure: Option<&(RevocationReason, Box<str>)>) -> String {
    let findings = findings.iter().map(|finding| finding.to_string());
    let failure = failure.map(|(reason, detail)| story::printable(&format!("{reason}: {detail}")));
    let parts: Vec<String> = known.into_iter().flatten().chain(findings).chain(failure).collect();
    if parts.is_empty() { "not asked".to_owned() } else { parts.join(", ") }
}

fn count_of(certificates: u64) -> String {
    super::super::count(usize::try_from(certificates).unwrap_or(usize::MAX), "certificate")
}

/// The command for this place.
fn at(place: &Place, text: &str) -> String {
    let authority = match place {
        Place::Endpoint { target, .. } => crate::source::tls::authority(target, 443).ok(),
        _ => None,
    };
    command(place, text, authority.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_were_asked_say_what_came_of_it() {
        assert_eq!(asked(&Services::default()), "");
        let told = asked(&crate::metrics::example::services());
        assert!(told.starts_with("\nCRLs and OCSP responders\n"), "{told}");
        for expected in [
            "  http://ocsp.example/: answers of 2026-01-01T00:00:00Z, signs until 2026-01-06T00:00:00Z, expiring\n",
            "until 2026-01-08T00:00:00Z",
            "unreachable: ",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }
}
