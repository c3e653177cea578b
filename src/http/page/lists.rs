//! `/certificates` and `/places`: what fits the form, in pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::{Markup, html};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::query::{Filter, certificates, targets};
use crate::model::{CertRole, SourceHeader, TargetState, UnixTime};

use super::Frame;
use super::filter::Form;
use super::show::{self, Tone, mark};
use super::text::{Link, count, lasting, said, time, words};
use super::trouble;

/// Rows of a page.
const ROWS: usize = 50;
/// The longest text of a place to go on behind.
const AFTER_BYTES: usize = 16 << 10;

/// The certificates that fit, those first that end first. A walk over everything. `None`: it cannot go on behind what the query says.
pub fn certificates(frame: &Frame, form: &Form, filter: &Filter) -> Option<Markup> {
    let after: Option<certificates::Key> = decoded(&form.after)?;
    let page = certificates::page(&*frame.view, filter, after.as_ref(), ROWS);
    let next = page.next().map(encoded);
    let rows = html! {
        table.list {
            thead {
                tr {
                    th scope="col" { "Certificate" } th scope="col" { "Ends" } th scope="col" { "State" } th scope="col" { "Place" }
                    th scope="col" { "Owner" } th scope="col" { "Issued by" }
                }
            }
            tbody { @for row in page.values() { (certificate(row, frame.now)) } }
        }
    };
    let total = count(page.total, "certificate", "certificates");
    Some(list("certificates", "Certificates", &total, page.rows.is_empty(), rows, form, next.as_deref()))
}

fn certificate(row: &certificates::Row<'_>, now: UnixTime) -> Markup {
    let facts = row.facts;
    let mut wrong = Vec::new();
    for held in &row.places {
        trouble::of_certificate(held.source, held.target, held.index, &mut |found| wrong.push((found.weight, found.trouble)));
    }
    let first = row.places.first();
    html! {
        tr {
            td data-label="Certificate" {
                (show::certificate(&facts.fingerprint, &show::name(facts)))
                @if facts.role != CertRole::Leaf { " " span.kind { (facts.role) } }
                @if facts.names.len() > 1 { " " span.aside { (count(facts.names.len() as u64 + u64::from(facts.names_left_out), "name", "names")) } }
            }
            td data-label="Ends" { (time(facts.not_after, now)) }
            td data-label="State" {
                (show::marks(&wrong))
                @if row.places.iter().any(|held| held.target.failure.is_some()) { " " (mark(Tone::Plain, "the place fails")) }
            }
            td data-label="Place" {
                @if let Some(held) = first { (show::place_of(held.source, &held.target.place)) }
                @if row.count > 1 { " " a.aside href=(show::certificate_link(&facts.fingerprint)) { "and " (count(row.count - 1, "more", "more")) } }
            }
            td data-label="Owner" { @if let Some(held) = first { (show::owner(held.source, held.target)) } }
            td.by data-label="Issued by" { (said(if facts.issuer_cn.is_empty() { &facts.issuer } else { &facts.issuer_cn })) }
        }
    }
}

/// The places that fit, sources by name. A walk over everything. `None`: it cannot go on behind what the query says.
pub fn places(frame: &Frame, form: &Form, filter: &Filter) -> Option<Markup> {
    let after: Option<targets::Key<'static>> = decoded(&form.after)?;
    let page = targets::page(&*frame.view, filter, after.as_ref(), ROWS);
    let next = page.next().map(encoded);
    let rows = html! {
        table.list {
            thead {
                tr {
                    th scope="col" { "Place" } th scope="col" { "Source" } th scope="col" { "State" } th scope="col" { "First end" }
                    th.n scope="col" { "Certificates" } th scope="col" { "Owner" }
                }
            }
            tbody { @for (source, target) in page.values() { (place(source, target, frame.now)) } }
        }
    };
    let total = count(page.total, "place", "places");
    Some(list("places", "Places", &total, page.rows.is_empty(), rows, form, next.as_deref()))
}

fn place(source: &SourceHeader, target: &TargetState, now: UnixTime) -> Markup {
    let first = target.content.certificates.iter().map(|facts| facts.not_after).min();
    html! {
        tr {
            td data-label="Place" { (show::place_of(source, &target.place)) }
            td data-label="Source" { (show::source(&source.id.name, source.id.kind)) }
            td data-label="State" {
                (show::marks(&show::troubles(source, target)))
                @if let Some(failure) = &target.failure {
                    div.besides {
                        (words(failure.stage.as_str())) ", " (lasting(failure.since, now)) ": " (said(&failure.detail))
                    }
                }
            }
            td data-label="First end" { (show::time(first, now)) }
            td.n data-label="Certificates" { (target.content.certificates.len()) }
            td data-label="Owner" { (show::owner(source, target)) }
        }
    }
}

fn list(page: &'static str, title: &str, total: &str, is_empty: bool, rows: Markup, form: &Form, next: Option<&str>) -> Markup {
    let other = if page == "places" { ("certificates", "certificates") } else { ("places", "places") };
    html! {
        div.head {
            h1 { (title) }
            p.lead role="status" {
                strong { (total) }
                @if !form.is_empty() { " fit" }
                " \u{b7} " a href=(form.link(other.0, None)) { "the " (other.1) " instead" }
                @if !form.is_empty() { " \u{b7} " a href=(Link::to(page)) { "all " (if page == "places" { "places" } else { "certificates" }) } }
            }
        }
        @let besides = form.besides(page);
        @if !besides.is_empty() {
            p.chips {
                @for (name, value, without) in &besides {
                    span.chip { (name) ": " (said(value)) " " a href=(without) aria-label=(format!("without this {name}")) { "\u{d7}" } } " "
                }
            }
        }
        @if is_empty { p.calm { @if form.is_empty() { "None is known." } @else { "Nothing fits." } } } @else { (rows) }
        p.pages {
            @if !form.after.is_empty() { a href=(form.link(page, None)) { "first page" } " " }
            @if let Some(next) = next { a rel="next" href=(form.link(page, Some(next))) { "next page" } }
        }
    }
}

fn encoded(key: &impl Serialize) -> String {
    // Keys always serialize.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

/// `None`: it is none.
#[expect(clippy::option_option, reason = "nothing to go on behind is no mistake")]
fn decoded<K: DeserializeOwned>(text: &str) -> Option<Option<K>> {
    if text.is_empty() {
        return Some(None);
    }
    let bytes = Some(text).filter(|text| text.len() <= AFTER_BYTES).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())?;
    serde_json::from_slice(&bytes).ok().map(Some)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::model::{Place, SourceId, SourceKind};

    #[test]
    fn where_a_page_ended_reads_back_and_rubbish_does_not() {
        let key: targets::Key<'_> =
            (Cow::Owned(SourceId { kind: SourceKind::File, name: "a".into() }), Cow::Owned(Place::file("/\u{202e}\"<\n")));
        assert_eq!(decoded(&encoded(&key)), Some(Some(key)));
        let key: certificates::Key = (UnixTime::from_secs(-5), [7; 32]);
        assert_eq!(decoded(&encoded(&key)), Some(Some(key)));
        assert_eq!(decoded::<certificates::Key>(""), Some(None));
        for rubbish in ["x", "{}", &"A".repeat(AFTER_BYTES + 4), &encoded(&"text")] {
            assert_eq!(decoded::<certificates::Key>(rubbish), None, "{rubbish:.20}");
        }
    }
}
