//! The answer as a table that a person likes to read in a terminal.

use crate::cli::count;
use crate::model::facts::ResponseFacts;
use crate::model::{
    CertRole, CertificateFacts, CrlFacts, Finding, FindingSet, RevocationReason, RevocationStatus, TargetState, UnixTime, Verdict,
};

/// Less than so many days left is worth a colour, though no finding.
const SOON_DAYS: u64 = 30;

/// One line of the table below a place.
struct Row {
    what: String,
    name: String,
    ends: String,
    left: String,
    verdict: String,
    mood: Mood,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Soon,
    Bad,
}

/// Everything that was seen, place by place, and a last line that sums it up.
pub(super) fn table(targets: &[&TargetState], now: UnixTime, colour: bool) -> String {
    let paint = |mood: Mood, text: &str| match (colour, mood) {
        (false, _) => text.to_owned(),
        (true, Mood::Good) => format!("\x1b[32m{text}\x1b[0m"),
        (true, Mood::Soon) => format!("\x1b[33m{text}\x1b[0m"),
        (true, Mood::Bad) => format!("\x1b[31m{text}\x1b[0m"),
    };
    let bold = |text: &str| if colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
    let blocks: Vec<(&TargetState, Vec<Row>)> = targets.iter().map(|target| (*target, rows(target, now))).collect();
    let all = || blocks.iter().flat_map(|(_, rows)| rows);
    let width = |text: fn(&Row) -> &String| all().map(|row| text(row).chars().count()).max().unwrap_or(0);
    let (what, name, ends, left) = (width(|row| &row.what), width(|row| &row.name).min(60), width(|row| &row.ends), width(|row| &row.left));

    let mut text = String::new();
    for (target, rows) in &blocks {
        text += &bold(&printable(&target.place.to_string()));
        text += &connection(target);
        text.push('\n');
        for row in rows {
            let line = format!("  {:what$}  {:name$}  {:ends$}  {:>left$}  ", row.what, row.name, row.ends, row.left);
            text += &line;
            text += &paint(row.mood, &row.verdict);
            text.push('\n');
        }
        for line in remarks(target) {
            text += "  ";
            text += &paint(Mood::Bad, &printable(&line));
            text.push('\n');
        }
    }
    let certificates: usize = targets.iter().map(|target| target.content.certificates.len()).sum();
    let wrong = targets.iter().filter(|target| super::is_wrong(target)).count();
    let (mood, verdict) = match wrong {
        _ if targets.is_empty() => (Mood::Soon, "nothing to judge".to_owned()),
        0 => (Mood::Good, "no problems".to_owned()),
        1 if targets.len() == 1 => (Mood::Bad, "problems".to_owned()),
        1 => (Mood::Bad, "problems in 1 of them".to_owned()),
        wrong => (Mood::Bad, format!("problems in {wrong} of them")),
    };
    let (places, certificates) = (count(targets.len(), "place"), count(certificates, "certificate"));
    text += &format!("{places}, {certificates}: {}\n", paint(mood, &verdict));
    text
}

fn rows(target: &TargetState, now: UnixTime) -> Vec<Row> {
    let content = &target.content;
    let certificates = content.certificates.iter().enumerate().map(|(at, facts)| {
        let row = certificate(facts, target.report.certificate(at), now);
        match target.report.verdict(at).filter(|_| facts.role != CertRole::Root) {
            Some(verdict) => with_revocation(row, verdict),
            None => row,
        }
    });
    let responses = content.responses.iter().map(|facts| response(facts, now));
    let crls = content.crls.iter().enumerate().map(|(at, facts)| crl(facts, target.report.crl(at), now));
    certificates.chain(crls).chain(responses).collect()
}

fn certificate(facts: &CertificateFacts, findings: FindingSet, now: UnixTime) -> Row {
    let days = facts.not_after.since(now).as_secs() / 86_400;
    let soon = days < SOON_DAYS && facts.role == CertRole::Leaf;
    let name = if facts.subject.is_empty() {
        facts.names.first().map_or_else(|| "(no subject)".to_owned(), |name| name.prefixed())
    } else {
        facts.subject.to_string()
    };
    row(facts.role.as_str().to_owned(), name, Some(facts.not_after), findings, soon, now)
}

/// The state of its revocation behind what else is said of a certificate; the story has the rest.
fn with_revocation(mut row: Row, verdict: &Verdict) -> Row {
    let (text, mood) = match (verdict.status, verdict.reason) {
        (RevocationStatus::Good | RevocationStatus::NotApplicable, _) => return row,
        // Most private CAs publish nothing; the JSON says so.
        (RevocationStatus::Unknown, Some(RevocationReason::NoSource)) => return row,
        (RevocationStatus::Revoked, _) => ("revoked".to_owned(), Mood::Bad),
        (RevocationStatus::Unknown, Some(reason)) => (format!("revocation unknown ({reason})"), Mood::Soon),
        (RevocationStatus::Unknown, None) => ("revocation unknown".to_owned(), Mood::Soon),
        (RevocationStatus::Pending, _) => ("revocation not asked yet".to_owned(), Mood::Soon),
    };
    row.verdict = if row.verdict == "ok" && mood == Mood::Bad { text } else { format!("{}, {text}", row.verdict) };
    if row.mood != Mood::Bad {
        row.mood = mood;
    }
    row
}

fn response(facts: &ResponseFacts, now: UnixTime) -> Row {
    // What is wrong with it stands with the place: a server would show it there.
    let name = format!("for serial number {}", facts.serial);
    row("OCSP response".to_owned(), name, facts.next_update, FindingSet::EMPTY, false, now)
}

fn crl(facts: &CrlFacts, findings: FindingSet, now: UnixTime) -> Row {
    let number = facts.number.as_ref().map_or(String::new(), |number| format!(" number {number}"));
    let name = format!("{}{number}, {} entries", facts.issuer, facts.entries);
    row(if facts.delta { "delta CRL" } else { "CRL" }.to_owned(), name, facts.next_update, findings, false, now)
}

fn row(what: String, name: String, ends_at: Option<UnixTime>, findings: FindingSet, soon: bool, now: UnixTime) -> Row {
    let mood = match (findings.is_empty(), soon) {
        (false, _) => Mood::Bad,
        (true, true) => Mood::Soon,
        (true, false) => Mood::Good,
    };
    let words: Vec<&str> = findings.iter().map(Finding::as_str).collect();
    let verdict = if words.is_empty() { "ok".to_owned() } else { words.join(", ") };
    let left = ends_at.map_or_else(|| "-".to_owned(), |at| distance(at, now));
    Row { what, name: cut(&printable(&name)), ends: ends_at.map_or_else(|| "no end".to_owned(), |at| at.rfc3339()), left, verdict, mood }
}

/// `in 41 days`, `3 hours ago`.
fn distance(at: UnixTime, now: UnixTime) -> String {
    let (secs, past) = if at >= now { (at.since(now).as_secs(), false) } else { (now.since(at).as_secs(), true) };
    let (number, unit) = match secs {
        0..60 => (secs, "second"),
        60..3_600 => (secs / 60, "minute"),
        3_600..172_800 => (secs / 3_600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    if past { format!("{number} {unit}{plural} ago") } else { format!("in {number} {unit}{plural}") }
}

fn connection(target: &TargetState) -> String {
    let Some(endpoint) = &target.endpoint else { return String::new() };
    let parts = [&endpoint.version, &endpoint.cipher, &endpoint.group, &endpoint.alpn];
    let mut text: String = parts.into_iter().flatten().map(|part| format!("  {}", printable(part))).collect();
    if endpoint.client_certificate_requested {
        text += "  asks for a client certificate";
    }
    text
}

/// What is wrong with the place as a whole.
fn remarks(target: &TargetState) -> Vec<String> {
    let failure = target.failure.iter().map(|failure| format!("failed at {}: {} ({})", failure.stage, failure.reason, failure.detail));
    let problems = target.problems.iter().map(|problem| format!("partly unreadable: {} ({})", problem.reason, problem.detail));
    let findings = target.report.target.iter().map(|finding| finding.to_string());
    let path = super::path_error(target).map(|why| format!("trust: {why}"));
    let mut lines: Vec<String> = failure.chain(problems).chain(findings).chain(path).collect();
    let content = &target.content;
    if lines.is_empty() && content.certificates.is_empty() && content.crls.is_empty() && content.responses.is_empty() {
        lines.push("holds no certificate (a key, a request or parameters)".to_owned());
    }
    lines
}

/// What comes from a certificate or server must not move the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn cut(name: &str) -> String {
    const MOST: usize = 60;
    if name.chars().count() <= MOST { name.to_owned() } else { name.chars().take(MOST - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_said_as_people_say_them() {
        let cases =
            [(0, "in 0 seconds"), (60, "in 1 minute"), (-7_200, "2 hours ago"), (172_800, "in 2 days"), (-86_400 * 400, "400 days ago")];
        for (secs, expected) in cases {
            assert_eq!(distance(UnixTime::from_secs(1_000_000_000 + secs), UnixTime::from_secs(1_000_000_000)), expected);
        }
    }

    #[test]
    fn a_revocation_shows_and_a_good_answer_needs_no_word() {
        use crate::metrics::example::{certificate, decided, looked_up, target};
        use crate::model::{Place, RevocationMethod, RevocationReason};
        let decided = |status| decided(status, RevocationMethod::Crl);
        let unknown = Verdict { reason: Some(RevocationReason::Unreachable), method: None, ..decided(RevocationStatus::Unknown) };
        let story = |verdict| format!("  revocation of CN=www,O=Example,C=DE: {verdict}\n");
        for (verdict, text, bad, told) in [
            (decided(RevocationStatus::Good), "ok", false, "not revoked, by crl, until 2026-01-08T00:00:00Z"),
            (
                decided(RevocationStatus::Revoked),
                "revoked",
                true,
                "REVOKED since 2026-01-01T00:00:00Z, reason keyCompromise, by crl, until 2026-01-08T00:00:00Z",
            ),
            (Verdict { until: None, ..unknown }, "ok, revocation unknown (unreachable)", false, "unknown, unreachable"),
            (Verdict::default(), "ok, revocation not asked yet", false, "not asked yet"),
        ] {
            let mut state = target(Place::file("/a.pem"), vec![looked_up(certificate(CertRole::Leaf, "www", "CA", 1))], vec![]);
            state.report.revocation = [verdict].into();
            let row = &rows(&state, crate::metrics::example::START)[0];
            assert_eq!((&*row.verdict, row.mood == Mood::Bad), (text, bad));
            assert_eq!(super::super::is_wrong(&state), bad, "{text}");
            assert_eq!(crate::app::story::revocation(&state), story(told));
        }
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        assert_eq!(printable("a\x1b[31m\nb\u{9b}c"), "a\u{fffd}[31m\u{fffd}b\u{fffd}c");
    }
}
