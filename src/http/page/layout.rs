//! What is the same on every page: where to go, the form, how the monitor does, and the foot.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use maud::{Markup, html};

use super::Frame;
use super::answer::Document;
use super::filter::{self, Form};
use super::fresh::Pulse;
use super::show::{Tone, mark};
use super::text::{Link, count, grouped, in_full, relative};
use super::trouble::Weight;

/// The pages that can be gone to from everywhere.
const PAGES: &[(&str, &str)] = &[
    ("./", "Overview"),
    ("certificates", "Certificates"),
    ("places", "Places"),
    ("authorities", "CAs"),
    ("revocation", "Revocation"),
    ("sources", "Sources"),
];

/// One page, ready but for what is the same on all of them.
pub struct Page<'a> {
    /// Which of the pages; the form leads to the list that is shown, or to the certificates.
    pub name: &'static str,
    /// What the browser's tab says.
    pub title: &'a str,
    /// What is asked for.
    pub form: &'a Form,
    /// What stands on it.
    pub content: Markup,
}

impl Page<'_> {
    /// The answer with this page.
    pub fn answer(self, frame: &Frame, status: StatusCode) -> Response<Body> {
        let title = format!("{} \u{b7} notafter", self.title);
        let list = if self.name == "places" { "places" } else { "certificates" };
        // Fetched again and again: those who only look on are shown the newest.
        let body = html! {
            a.skip href="#main" { "Skip to the content" }
            header.top {
                div.bar {
                    a.brand href=(Link::to("./")) { "notafter" }
                    nav aria-label="Pages" {
                        @for (page, label) in PAGES {
                            a href=(Link::to(page)) aria-current=[(*page == self.name).then_some("page")] { (label) }
                        }
                    }
                    (pulse(frame))
                }
                (filter::draw(frame, list, self.form))
                // The script shows it when the program no longer answers.
                p.lost #lost role="alert" hidden { "notafter does not answer. What stands here is from " (relative(frame.now, frame.now)) "." }
            }
            main #main tabindex="-1" data-page=(self.name) { (self.content) }
            (foot(frame))
        };
        Document { title: &title, body }.answer(status)
    }
}

/// How everything does, in a few words.
fn pulse(frame: &Frame) -> Markup {
    let weighing = |weight: Weight| frame.overview.weighing(weight).1 + frame.beside.weighing(weight);
    let (critical, warning) = (weighing(Weight::Critical), weighing(Weight::Warning));
    html! {
        a.pulse href=(Link::to("./")) title="What is wrong now" {
            @if critical > 0 { (mark(Tone::Wrong(Weight::Critical), &format!("{} critical", grouped(critical)))) " " }
            @if warning > 0 { (mark(Tone::Wrong(Weight::Warning), &count(warning, "warning", "warnings"))) }
            @if critical + warning == 0 {
                @if frame.pulse.sources == 0 { (mark(Tone::Plain, "nothing is watched")) }
                @else if frame.pulse.first > 0 { (mark(Tone::Plain, "first scan")) }
                @else { (mark(Tone::Good, "all is well")) }
            }
        }
    }
}

fn foot(frame: &Frame) -> Markup {
    html! {
        footer {
            p {
                "notafter " (frame.version) " \u{b7} as of "
                time datetime=(frame.now.rfc3339()) { (in_full(frame.now)) }
                " \u{b7} snapshot " (frame.view.generation()) " \u{b7} all times are UTC"
            }
            nav aria-label="For programs" {
                a href=(Link::to("metrics")) { "metrics" } " "
                a href=(Link::to("-/healthy")) { "healthy" } " "
                a href=(Link::to("-/ready")) { "ready" } " "
                @if frame.admin {
                    a href=(Link::to("api/v1/sources")) { "sources (JSON)" } " "
                    a href=(Link::to("api/v1/targets")) { "places (JSON)" } " "
                    a href=(Link::to("api/v1/certificates")) { "certificates (JSON)" }
                }
            }
        }
    }
}

/// A page that only says something: what was asked for is not there, or makes no sense.
pub fn notice(frame: &Frame, status: StatusCode, title: &str, text: &str) -> Response<Body> {
    let content = html! {
        h1 { (title) }
        p { (text) }
        p { a href=(Link::to("./")) { "To the overview" } }
    };
    Page { name: "", title, form: &Form::default(), content }.answer(frame, status)
}

/// Whether the monitor itself sees, as a sentence.
pub fn sight(pulse: &Pulse, frame: &Frame) -> Markup {
    let listed = |number: u64, one: &str, many: &str| count(number, one, many);
    html! {
        @if pulse.sources == 0 { (mark(Tone::Plain, "nothing is watched")) }
        @else if pulse.is_well() && pulse.first == 0 {
            (mark(Tone::Good, &format!("{} up to date", if pulse.sources == 1 { "the source is" } else { "all sources are" })))
        } @else {
            @if pulse.down > 0 { (mark(Tone::Wrong(Weight::Critical), &listed(pulse.down, "source is down", "sources are down"))) " " }
            @if pulse.late > 0 { (mark(Tone::Wrong(Weight::Critical), &listed(pulse.late, "scan is late", "scans are late"))) " " }
            @if pulse.first > 0 { (mark(Tone::Plain, &listed(pulse.first, "first scan runs", "first scans run"))) }
        }
        @if let Some(oldest) = pulse.oldest {
            " " span.aside { "the oldest scan ended " (super::text::relative(oldest, frame.now)) }
        }
    }
}
