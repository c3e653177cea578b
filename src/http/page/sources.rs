//! `/sources`: where certificates are looked for, and how the latest look went.

use maud::{Markup, html};

use crate::model::{SourceHeader, SourceStatus, UnixTime};

use super::Frame;
use super::fresh::Health;
use super::show::{self, Tone, mark};
use super::text::{Link, grouped, lasting, relative, said, words};
use super::trouble::Weight;

/// More sources than these are not drawn on one page.
const MOST: usize = 2_000;

/// The page.
pub fn draw(frame: &Frame) -> Markup {
    html! {
        h1 { "Sources" }
        p.sight { (super::layout::sight(&frame.pulse, frame)) }
        (table(frame, MOST))
    }
}

/// Those that do not see come first, then by name.
pub fn table(frame: &Frame, most: usize) -> Markup {
    let mut all: Vec<(Health, &SourceHeader, &SourceStatus)> = Vec::new();
    frame.view.sources(&mut |source, status| all.push((Health::of(status, frame.now), source, status)));
    all.sort_by_key(|(health, source, _)| (*health, &source.id));
    let more = all.len().saturating_sub(most);
    html! {
        @if all.is_empty() {
            p.calm { "No source is configured: nothing is watched." }
        } @else {
            table.list {
                thead {
                    tr {
                        th scope="col" { "Source" } th scope="col" { "State" } th.n scope="col" { "Places" } th.n scope="col" { "Certificates" }
                        th.n scope="col" { "Unowned" } th scope="col" { "Last scan" } th scope="col" { "Next scan" }
                    }
                }
                tbody { @for (health, source, status) in all.into_iter().take(most) { (row(health, source, status, frame.now)) } }
            }
            @if more > 0 { p.more { a href=(Link::to("sources")) { "and " (more) " more" } } }
        }
    }
}

fn row(health: Health, source: &SourceHeader, status: &SourceStatus, now: UnixTime) -> Markup {
    let since = |at: Option<std::time::SystemTime>| match at {
        Some(at) => relative(at.into(), now),
        None => html! { span.none { "\u{2013}" } },
    };
    html! {
        tr {
            td data-label="Source" { (show::source(&source.id.name, source.id.kind)) }
            td data-label="State" {
                (mark(health.tone(), health.as_str()))
                @if let Some(failure) = &status.failure {
                    div.besides {
                        (words(failure.stage.as_str())) ", " (words(failure.reason.as_str())) ", " (lasting(failure.since, now)) ": "
                        (said(&failure.detail))
                    }
                    @if let Some(at) = status.last_success_at { div.aside { "listed last " (relative(at.into(), now)) } }
                }
            }
            td.n data-label="Places" { (grouped(status.targets)) }
            td.n data-label="Certificates" { (grouped(status.certificates)) }
            td.n data-label="Unowned" {
                @if status.unowned > 0 {
                    a href=(Link::to("places").with("source", &source.id.name).with("kind", source.id.kind.as_str()).with("state", "unowned")) {
                        (grouped(status.unowned))
                    }
                } @else { "0" }
            }
            td data-label="Last scan" { (since(status.last_scan_at)) }
            td data-label="Next scan" {
                @if health == Health::Late { (mark(Tone::Wrong(Weight::Critical), "was due")) " " }
                (since(status.next_scan_at))
            }
        }
    }
}
