//! `/certificate?fingerprint=`: one certificate, wherever it is: what it says, what is wrong with it, who stands above it, what its revocation
//! rests on, where it is, and what hangs on it.

use maud::{Markup, html};

use crate::http::query::certificates::{PLACES, Row};
use crate::model::command::serial_hex;
use crate::model::facts::{KEY_USAGES, SubjectName, hex};
use crate::model::relations::{Above, Hanging, Top};
use crate::model::{CertRole, CertificateFacts, UnixTime};

use super::Frame;
use super::findings;
use super::revocation::{Grounds, verdict};
use super::show::{self, Tone, mark};
use super::text::{Link, count, cut, grouped, said, time, words};
use super::trouble::{self, Weight};

/// Names that are shown at once; the rest is folded.
const NAMES: usize = 12;
/// Leaves that are named of those that hang on a CA.
pub const HANGING: usize = 100;

/// What is known of a certificate.
pub struct Known<'a> {
    /// The certificate and its places.
    pub row: Row<'a>,
    /// Those above it; `None` where nobody knows.
    pub above: Option<Above>,
    /// What hangs on it; `None` of what is no CA's.
    pub hanging: Option<Hanging>,
    /// What its verdict rests on.
    pub grounds: Grounds<'a>,
}

/// The page.
pub fn draw(frame: &Frame, known: &Known<'_>) -> Markup {
    let (facts, now) = (known.row.facts, frame.now);
    html! {
        div.head {
            h1 { (said(&show::name(facts))) " " span.kind { (facts.role) } }
            p.lead { (standing(known, now)) }
        }
        (wrong(frame, known))
        div.columns {
            section aria-labelledby="says" { h2 #says { "What it says" } (says(facts, now)) }
            div {
                section aria-labelledby="above" { h2 #above { "Issued by" } (issued_by(known, now)) }
                section aria-labelledby="validity" { h2 #validity { "Validity" } (validity(known, now)) }
            }
        }
        section aria-labelledby="revocation" { h2 #revocation { "Revocation" } (revoked(known)) }
        section aria-labelledby="places" { h2 #places { "Where it is" } (places(known)) }
        @if let Some(hanging) = &known.hanging {
            section aria-labelledby="hanging" { h2 #hanging { "What hangs on it" } (hangs(hanging, now)) }
        }
        @if frame.admin {
            p.more { a href=(Link::to("api/v1/certificates").with("fingerprint", &facts.fingerprint_hex())) { "this certificate as JSON" } }
        }
    }
}

/// When it ends, and what is wrong, in a line.
fn standing(known: &Known<'_>, now: UnixTime) -> Markup {
    let facts = known.row.facts;
    let mut wrong = Vec::new();
    for held in &known.row.places {
        trouble::of_certificate(held.source, held.target, held.index, &mut |found| wrong.push((found.weight, found.trouble)));
    }
    html! {
        (show::marks(&wrong)) " "
        @if facts.not_after < now { "ended " } @else { "ends " } (time(facts.not_after, now))
        " \u{b7} in " (count(known.row.count, "place", "places"))
    }
}

/// Its findings, each once with the places where they are.
fn wrong(frame: &Frame, known: &Known<'_>) -> Markup {
    let mut all: Vec<findings::Found<'_>> = Vec::new();
    for held in &known.row.places {
        findings::of_certificate(held.source, held.target, held.index, &mut all);
    }
    findings::draw(frame, all, findings::Subject::Certificate)
}

fn says(facts: &CertificateFacts, now: UnixTime) -> Markup {
    let usages: Vec<&str> = facts
        .key_usage
        .into_iter()
        .flat_map(|bits| (0..).zip(KEY_USAGES).filter(move |(bit, _)| bits & (1 << bit) != 0))
        .map(|(_, name)| name)
        .collect();
    let some = |text: &str| Some(text).filter(|text| !text.is_empty()).map(said);
    let constraints = facts.constraints.as_deref();
    html! {
        dl.facts {
            (show::fact("Subject", some(&facts.subject)))
            (show::fact("Issuer", some(&facts.issuer)))
            (show::fact("Names", (!facts.names.is_empty()).then(|| names(facts))))
            (show::fact("SPIFFE ID", facts.spiffe_id().map(said)))
            (show::fact("Serial number", Some(html! {
                (said(&facts.serial))
                // As openssl writes it, in a certificate as in a CRL.
                @if let Some(lookup) = &facts.lookup { div.aside { code { (cut(&serial_hex(&lookup.serial))) } } }
            })))
            (show::fact("SHA-256", Some(html! { code { (hex(&facts.fingerprint)) } })))
            (show::fact("Valid from", Some(time(facts.not_before, now))))
            (show::fact("Valid until", Some(time(facts.not_after, now))))
            (show::fact("Key", Some(html! {
                (facts.key.algorithm)
                @if facts.key.bits > 0 { " " (facts.key.bits) " bits" }
                @if let Some(curve) = facts.key.curve { " " (curve) }
            })))
            (show::fact("Signature", Some(said(&facts.signature_algorithm))))
            (show::fact("Key usage", (!usages.is_empty()).then(|| html! { (usages.join(", ")) })))
            (show::fact("Extended key usage", facts.extended_key_usage.as_deref().map(|usages| html! {
                @for (at, usage) in usages.iter().take(NAMES).enumerate() { @if at > 0 { ", " } (said(usage)) }
                @if usages.len() > NAMES { " and " (usages.len() - NAMES) " more" }
            })))
            (show::fact("May issue CAs", constraints.and_then(|constraints| constraints.path_length).map(|length| html! { (length) " below it" })))
            (show::fact("Permitted names", constraints.filter(|all| !all.permitted.is_empty()).map(|all| list(&all.permitted))))
            (show::fact("Excluded names", constraints.filter(|all| !all.excluded.is_empty()).map(|all| list(&all.excluded))))
        }
    }
}

fn list(all: &[Box<str>]) -> Markup {
    html! {
        ul.plain { @for name in all.iter().take(NAMES) { li { (said(name)) } } }
        @if all.len() > NAMES { "and " (all.len() - NAMES) " more" }
    }
}

fn names(facts: &CertificateFacts) -> Markup {
    let more = facts.names.len().saturating_sub(NAMES);
    let item = |name: &SubjectName| html! { li { (said(&name.prefixed())) } };
    html! {
        ul.plain { @for name in facts.names.iter().take(NAMES) { (item(name)) } }
        @if more > 0 { details { summary { (more) " more" } ul.plain { @for name in facts.names.iter().skip(NAMES) { (item(name)) } } } }
        @if facts.names_left_out > 0 { p.aside { "and " (facts.names_left_out) " that are not kept" } }
    }
}

/// How much of its lifetime is over, and when it should be renewed.
fn validity(known: &Known<'_>, now: UnixTime) -> Markup {
    const WIDTH: i64 = 1_000;
    let facts = known.row.facts;
    let due =
        known.row.places.first().filter(|_| facts.role == CertRole::Leaf).map(|held| held.target.renewal_due(facts, &held.source.options));
    let (start, end) = (facts.not_before.secs(), facts.not_after.secs());
    let lifetime = i128::from(end) - i128::from(start);
    let along = |at: UnixTime| {
        let passed = (i128::from(at.secs()) - i128::from(start)).clamp(0, lifetime.max(0));
        i64::try_from(passed * i128::from(WIDTH) / lifetime.max(1)).unwrap_or(0)
    };
    let class = if facts.not_after < now {
        "over"
    } else if due.is_some_and(|due| due < now) {
        "due"
    } else {
        "running"
    };
    html! {
        svg.validity role="img" viewBox=(format!("0 0 {WIDTH} 12")) preserveAspectRatio="none"
            aria-label=(format!("{} % of its lifetime is over", along(now) / 10)) {
            rect.whole x="0" y="3" width=(WIDTH) height="6" {}
            rect class=(class) x="0" y="3" width=(along(now)) height="6" {}
            @if let Some(due) = due { line.renewal x1=(along(due)) x2=(along(due)) y1="0" y2="12" vector-effect="non-scaling-stroke" {} }
        }
        dl.facts {
            (show::fact("Lifetime", Some(html! { (super::text::span(u64::try_from(lifetime).unwrap_or(0))) })))
            (show::fact("To be renewed", due.map(|due| time(due, now))))
        }
        @let renewals: Vec<_> = known.row.places.iter().flat_map(|held| &held.target.history).flat_map(|history| &history.renewals)
            .filter(|renewed| renewed.new == facts.fingerprint || renewed.old == facts.fingerprint).take(4).collect();
        @for renewed in renewals {
            p.aside {
                @if renewed.new == facts.fingerprint { "It came in place of " (show::certificate(&renewed.old, "another")) }
                @else { "It was replaced by " (show::certificate(&renewed.new, "another")) }
                " " (time(renewed.at, now))
                @if renewed.same_key { ", with the same key" }
            }
        }
    }
}

fn issued_by(known: &Known<'_>, now: UnixTime) -> Markup {
    match &known.above {
        Some(above) => html! { ul.tree { (branch(above, true, now)) } },
        None => html! { p { (said(&known.row.facts.issuer)) } p.aside { "Nothing is related before every source has been scanned once." } },
    }
}

fn branch(above: &Above, is_it: bool, now: UnixTime) -> Markup {
    html! {
        li {
            @if is_it { strong { (said(&above.subject)) } } @else { (show::certificate(&above.fingerprint, &above.subject)) }
            " " span.kind { (above.role) }
            div.aside {
                @if above.not_after < now { (mark(Tone::Wrong(Weight::Critical), "ended")) " " } @else { "ends " }
                (time(above.not_after, now))
                @if !is_it { " \u{b7} in " (count(above.places, "place", "places")) }
                @if above.top.is_none() && !above.proved { " \u{b7} its signature is not checked yet" }
            }
            @if above.top.is_some() || !above.issuers.is_empty() {
                ul {
                    @for issuer in &above.issuers { (branch(issuer, false, now)) }
                    @match above.top {
                        Some(Top::Anchor) => { li.end { (said(&above.issuer)) div.aside { "among the trust anchors of this machine, in no place that is watched" } } }
                        Some(Top::Unknown) => { li.end { (said(&above.issuer)) div.aside { "no certificate that is watched has signed it" } } }
                        Some(Top::Circle) => { li.end { (said(&above.issuer)) div.aside { "CAs that signed each other" } } }
                        Some(Top::Root) | None => {}
                    }
                }
            }
            @if above.left_out > 0 { div.aside { "and " (above.left_out) " more above it" } }
        }
    }
}

fn revoked(known: &Known<'_>) -> Markup {
    if known.row.facts.lookup.is_none() {
        return html! { p.aside { "A trust anchor: nobody stands above it who could revoke it." } };
    }
    // Sources may look it up in different ways; what one finds out first is told of all that find the same.
    let mut told = Vec::new();
    for held in &known.row.places {
        let found = held.target.report.verdict(held.index);
        if !told.iter().any(|(_, known)| *known == found) {
            told.push((held, found));
        }
    }
    let is_one = told.len() == 1;
    html! {
        @for (held, _) in told.iter().take(4) {
            @if !is_one { h3 { "in " (show::place_of(held.source, &held.target.place)) } }
            (verdict(held.target, held.index, &known.grounds))
        }
    }
}

fn places(known: &Known<'_>) -> Markup {
    html! {
        table.list {
            thead {
                tr {
                    th scope="col" { "Place" } th scope="col" { "Source" } th scope="col" { "State" } th scope="col" { "Owner" }
                    th scope="col" { "Used by" }
                }
            }
            tbody {
                @for held in &known.row.places {
                    tr {
                        td data-label="Place" { (show::place_of(held.source, &held.target.place)) }
                        td data-label="Source" { (show::source(&held.source.id.name, held.source.id.kind)) }
                        td data-label="State" {
                            @let mut wrong = Vec::new();
                            @let () = trouble::of_certificate(held.source, held.target, held.index, &mut |found| wrong.push((found.weight, found.trouble)));
                            (show::marks(&wrong))
                            @if let Some(failure) = &held.target.failure { " " (mark(Tone::Plain, &format!("the last look failed: {}", words(failure.reason.as_str())))) }
                        }
                        td data-label="Owner" { (show::owner(held.source, held.target)) }
                        td data-label="Used by" { (super::place::users(held.target, 3)) }
                    }
                }
            }
        }
        @if known.row.count > PLACES as u64 { p.aside { "and " (grouped(known.row.count - PLACES as u64)) " more places" } }
    }
}

fn hangs(hanging: &Hanging, now: UnixTime) -> Markup {
    html! {
        p { strong { (count(hanging.total, "leaf certificate", "leaf certificates")) } " below it." }
        @if !hanging.leaves.is_empty() {
            table.list {
                thead { tr { th scope="col" { "Certificate" } th scope="col" { "Ends" } th scope="col" { "A longer path" } th scope="col" { "Place" } } }
                tbody {
                    @for leaf in &hanging.leaves {
                        tr {
                            td data-label="Certificate" { (show::certificate(&leaf.fingerprint, &leaf.subject)) }
                            td data-label="Ends" { (time(leaf.not_after, now)) }
                            td data-label="A longer path" { @if leaf.stranded { "none" } @else { "there is one" } }
                            td data-label="Place" { (said(&leaf.place)) @if leaf.places > 1 { " " span.aside { "and " (count(leaf.places - 1, "more", "more")) } } }
                        }
                    }
                }
            }
            @if hanging.more { p.aside { "Those that end first. All of them: api/v1/trust/dependants" } }
        }
    }
}
