//! `/`: what is wrong, what ends next, whether the monitor itself sees.

use maud::{Markup, html};

use crate::model::{CertRole, Finding, Noun, SnapshotView, SourceHeader, SourceStatus, UnixTime};

use super::Frame;
use super::digest::{Ending, NAMED, Named, Wrongs};
use super::filter::State;
use super::fresh::Health;
use super::layout::sight;
use super::show::{self, Tone, mark};
use super::sources;
use super::text::{Link, count, grouped, lasting, relative, said, time, words};
use super::timeline;
use super::trouble::{self, Trouble, Weight};

const DAY: i64 = 86_400;
/// CAs, CRLs and responders that are named; the rest is counted.
const SHOWN: usize = 8;
/// More kinds of warnings than these are folded away.
const UNFOLDED: usize = 4;
/// Sources that are listed.
const SOURCES: usize = 50;

/// The page.
pub fn draw(frame: &Frame) -> Markup {
    html! {
        h1.hidden { "Overview" }
        section.state aria-label="State" {
            p.watch {
                "Watching " strong { (count(frame.pulse.places, "place", "places")) }
                " of " strong { (count(frame.pulse.sources, "source", "sources")) }
                " that hold " strong { (count(frame.pulse.certificates, "certificate", "certificates")) }
                ", each copy counted"
            }
            p.sight { (sight(&frame.pulse, frame)) }
        }
        div.columns {
            (wrong_now(frame))
            (ends_next(frame))
        }
        (authorities(frame))
        (all_sources(frame))
    }
}

fn wrong_now(frame: &Frame) -> Markup {
    let wrong = &frame.overview.wrong;
    let is_well = wrong.is_empty() && frame.beside == Beside::default();
    html! {
        section.wrong aria-labelledby="wrong" {
            h2 #wrong { "Wrong now" }
            @if is_well {
                @let sees = frame.pulse.sources > 0 && frame.pulse.first == 0;
                p.calm { @if sees { (mark(Tone::Good, "nothing")) } @else { (mark(Tone::Plain, "nothing that is known")) } }
            } @else {
                ul.troubles { (sources_down(frame)) (weighing(frame, Weight::Critical)) }
                @for weight in [Weight::Warning, Weight::Note] { (folded(frame, weight)) }
            }
        }
    }
}

/// Everything that weighs so much.
fn weighing(frame: &Frame, weight: Weight) -> Markup {
    let of_it = frame.overview.wrong.iter().filter(|wrongs| wrongs.weight == weight);
    html! {
        @for wrongs in of_it { (group(wrongs, frame.now)) }
        @for (noun, finding, number) in frame.beside.of_weight(weight) { (service(frame, weight, noun, finding, number)) }
    }
}

/// The same, folded away where there is much of it: what pages somebody stays in sight.
fn folded(frame: &Frame, weight: Weight) -> Markup {
    let all = weighing(frame, weight);
    let kinds = frame.overview.weighing(weight).0 + frame.beside.of_weight(weight).count();
    let (one, many) = if weight == Weight::Note { ("kind of note", "kinds of notes") } else { ("kind of warning", "kinds of warnings") };
    html! {
        @if kinds > UNFOLDED {
            details.rest data-key=(weight.as_str()) {
                summary { (mark(Tone::Wrong(weight), &count(kinds as u64, one, many))) " " span.aside { (kinds_of(frame, weight)) } }
                ul.troubles { (all) }
            }
        } @else if !all.0.is_empty() { ul.troubles { (all) } }
    }
}

/// What they are, in a line.
fn kinds_of(frame: &Frame, weight: Weight) -> Markup {
    let of_places = frame.overview.wrong.iter().filter(|wrongs| wrongs.weight == weight);
    let of_places = of_places.map(|wrongs| (words(wrongs.trouble.word()), wrongs.group.places));
    let of_services = frame.beside.of_weight(weight).map(|(noun, finding, number)| (service_title(noun, finding), number));
    html! {
        @for (at, (name, number)) in of_places.chain(of_services).enumerate() {
            @if at > 0 { ", " } (name) @if number > 1 { " \u{d7} " (grouped(number)) }
        }
    }
}

/// One kind of trouble: what, where, why, and what helps.
fn group(wrongs: &Wrongs, now: UnixTime) -> Markup {
    let Wrongs { weight, trouble, unused, group } = wrongs;
    let title = if *unused { format!("{}, in use by nobody that is known", trouble.title()) } else { trouble.title() };
    let more = group.places.saturating_sub(group.named.len() as u64);
    item(
        *weight,
        &title,
        &count(group.places, "place", "places"),
        html! {
            (help(*trouble, &title))
            ul.named {
                @for named in &group.named { (name(named, now)) }
                @if more > 0 { li.more { a href=(trouble.link()) { "all " (count(group.places, "place", "places")) } } }
            }
        },
    )
}

fn name(named: &Named, now: UnixTime) -> Markup {
    let Named { source, kind, place, owner, besides, since } = named;
    html! {
        li {
            (show::place(source, *kind, place)) " "
            span.aside {
                (said(source))
                @if let Some(owner) = owner { " \u{b7} " span.owner { (said(owner)) } }
                @if let Some(since) = since { " \u{b7} " (lasting(*since, now)) }
            }
            @if let Some(besides) = besides { span.besides { (said(besides)) } }
        }
    }
}

fn item(weight: Weight, title: &str, size: &str, content: Markup) -> Markup {
    html! {
        li class=(weight.as_str()) {
            h3 { (mark(Tone::Wrong(weight), title)) " " span.size { (size) } span.hidden { " (" (weight.as_str()) ")" } }
            (content)
        }
    }
}

fn help(trouble: Trouble, title: &str) -> Markup {
    let advice = trouble.advice();
    html! {
        details.help data-key=(title) {
            summary { "why, and what helps" }
            p { code.word { (trouble.word()) } " " (advice.cause) }
            p { strong { "Fix: " } (advice.fix) }
        }
    }
}

/// What is wrong besides places: sources, CRLs and responders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Sources that do not see.
    blind: u64,
    /// Findings on CRLs and responders, each with the number of those that have it.
    services: Vec<(Weight, Noun, Finding, u64)>,
}

impl Beside {
    /// Of a snapshot in which so many sources do not see.
    pub fn of(view: &dyn SnapshotView, blind: u64) -> Self {
        let (crls, responders) = (&view.services().crls, &view.services().responders);
        let mut services = Vec::new();
        for finding in Finding::ALL.iter().copied() {
            let on_crls = crls.iter().filter(|service| service.findings.contains(finding)).count() as u64;
            let on_responders = responders.iter().filter(|service| service.findings.contains(finding)).count() as u64;
            for (noun, number) in [(Noun::Crl, on_crls), (Noun::Responder, on_responders)] {
                if number > 0 {
                    services.push((trouble::of_finding(finding, noun), noun, finding, number));
                }
            }
        }
        Self { blind, services }
    }

    /// How many things weigh so much.
    pub fn weighing(&self, weight: Weight) -> u64 {
        let blind = if weight == Weight::Critical { self.blind } else { 0 };
        blind + self.of_weight(weight).map(|(_, _, number)| number).sum::<u64>()
    }

    fn of_weight(&self, weight: Weight) -> impl Iterator<Item = (Noun, Finding, u64)> {
        self.services.iter().filter(move |(known, ..)| *known == weight).map(|(_, noun, finding, number)| (*noun, *finding, *number))
    }
}

fn sources_down(frame: &Frame) -> Markup {
    let mut blind: Vec<(&SourceHeader, &SourceStatus, Health)> = Vec::new();
    frame.view.sources(&mut |source, status| {
        let health = Health::of(status, frame.now);
        if matches!(health, Health::Down | Health::Late) {
            blind.push((source, status, health));
        }
    });
    if blind.is_empty() {
        return Markup::default();
    }
    blind.sort_by_key(|(source, _, health)| (*health, &source.id));
    item(
        Weight::Critical,
        "The monitor is blind",
        &count(blind.len() as u64, "source", "sources"),
        html! {
            ul.named {
                @for (source, status, health) in blind.iter().take(SHOWN) {
                    li {
                        a href=(Link::to("sources")) { (said(&source.id.name)) } " " span.kind { (source.id.kind) } " "
                        span.aside {
                            (health.as_str())
                            @if let Some(failure) = &status.failure {
                                " \u{b7} " (words(failure.reason.as_str())) " \u{b7} " (lasting(failure.since, frame.now))
                            }
                        }
                        @if let Some(failure) = &status.failure { span.besides { (said(&failure.detail)) } }
                    }
                }
                @if blind.len() > SHOWN { li.more { a href=(Link::to("sources")) { "all " (blind.len()) " sources" } } }
            }
            p.aside { "What was known of it is still shown; what is new is not seen." }
        },
    )
}

/// CRLs or responders with a finding.
fn service(frame: &Frame, weight: Weight, noun: Noun, finding: Finding, number: u64) -> Markup {
    let services = frame.view.services();
    let crls = services.crls.iter().filter(|_| noun == Noun::Crl).map(|service| (&service.url, service.findings));
    let responders = services.responders.iter().filter(|_| noun == Noun::Responder).map(|service| (&service.url, service.findings));
    let urls = crls.chain(responders).filter(|(_, findings)| findings.contains(finding)).map(|(url, _)| url);
    let (one, many) = if noun == Noun::Crl { ("list", "lists") } else { ("responder", "responders") };
    let title = service_title(noun, finding);
    item(
        weight,
        &title,
        &count(number, one, many),
        html! {
            (help(Trouble::Finding(finding), &title))
            ul.named {
                @for url in urls.take(NAMED) { li { a href=(Link::to("revocation").with("q", url)) { (said(url)) } } }
                @if number > NAMED as u64 { li.more { a href=(Link::to("revocation")) { "all of them" } } }
            }
        },
    )
}

fn service_title(noun: Noun, finding: Finding) -> String {
    format!("{} {}", if noun == Noun::Crl { "CRL" } else { "OCSP responder" }, words(finding.as_str()))
}

fn ends_next(frame: &Frame) -> Markup {
    let now = frame.now;
    let within = |days: i64| frame.overview.ends_between(now, UnixTime::from_secs(now.secs().saturating_add(days * DAY))).len() as u64;
    let ended = frame.overview.ends_between(UnixTime::from_secs(i64::MIN), now).len() as u64;
    let soonest: Vec<&Ending> = frame.overview.soonest.iter().filter(|ending| ending.at >= now).collect();
    html! {
        section.ends aria-labelledby="ends" {
            h2 #ends { "Ends next" }
            ul.tiles {
                (tile("have ended", ended, State::Ended))
                (tile("within 7 days", within(7), State::Week))
                (tile("within 30 days", within(30), State::Month))
                (tile("within 90 days", within(90), State::Quarter))
            }
            (timeline::draw(&frame.overview, now))
            @if soonest.is_empty() { p.calm { "No certificate is watched that has not ended." } }
            @else {
                table.list {
                    thead { tr { th scope="col" { "Certificate" } th scope="col" { "Ends" } th scope="col" { "Renewal" } } }
                    tbody { @for ending in &soonest { (ending_row(ending, now)) } }
                }
                p.more { a href=(Link::to("certificates")) { "all certificates, by their end" } }
            }
        }
    }
}

fn tile(label: &str, number: u64, state: State) -> Markup {
    html! {
        li class=[(number == 0).then_some("zero")] {
            a href=(Link::to("certificates").with("state", state.as_str())) { strong { (grouped(number)) } " " span { (label) } }
        }
    }
}

fn ending_row(ending: &Ending, now: UnixTime) -> Markup {
    let Ending { at, fingerprint, name, role, renewal_due, overdue, named, places } = ending;
    html! {
        tr {
            td data-label="Certificate" {
                (show::certificate(fingerprint, name))
                @if *role != CertRole::Leaf { " " span.kind { (role) } }
                div.aside {
                    (show::place(&named.source, named.kind, &named.place))
                    @if *places > 1 { " and " a href=(show::certificate_link(fingerprint)) { (count(*places - 1, "more", "more")) } }
                    @if let Some(owner) = &named.owner { " \u{b7} " span.owner { (said(owner)) } }
                }
            }
            td data-label="Ends" { (time(*at, now)) }
            td data-label="Renewal" {
                @if *overdue { (mark(Tone::Wrong(Weight::Warning), "overdue")) }
                @else if let Some(due) = renewal_due {
                    @if *due <= now { span.due { "due " (lasting(*due, now)) } } @else { "due " (relative(*due, now)) }
                } @else { span.none { "\u{2013}" } }
            }
        }
    }
}

/// The CA certificates that end first and have leaves hanging on them.
fn authorities(frame: &Frame) -> Markup {
    let relations = frame.view.relations();
    let mut in_use: Vec<_> = relations.authorities.iter().filter(|row| row.dependants > 0).collect();
    in_use.sort_by_key(|row| (row.not_after, row.fingerprint));
    if in_use.is_empty() {
        return Markup::default();
    }
    html! {
        section.cas aria-labelledby="cas" {
            h2 #cas { "CAs in use, those first that end first" }
            (super::authorities::table(in_use.iter().take(SHOWN).copied(), frame.now))
            @if in_use.len() > SHOWN { p.more { a href=(Link::to("authorities")) { "all " (in_use.len()) " CA certificates in use" } } }
            @if relations.copied > 0 {
                p.more {
                    a href=(Link::to("certificates").with("state", State::Copied.as_str())) {
                        (count(relations.copied, "leaf certificate is", "leaf certificates are")) " in several places"
                    }
                }
            }
        }
    }
}

fn all_sources(frame: &Frame) -> Markup {
    html! {
        section.sources aria-labelledby="sources" {
            h2 #sources { "Sources" }
            (sources::table(frame, SOURCES))
        }
    }
}
