//! What is wrong, one by one: the words that alerts use, why it usually is so, how to confirm it, what helps; and what was waived.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::model::command::in_list;
use crate::model::{Evidence, Finding, FindingSet, Item, SourceHeader, TargetState, Waived, advice};

use super::Frame;
use super::show::{self, Tone, mark};
use super::text::{Link, count, lasting, said, time, words};
use super::trouble::{self, Trouble, Weight, Wrong};

/// Places that are named of each.
const NAMED: usize = 5;

/// What the page is about, and needs not be told of again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A place.
    Place,
    /// A certificate.
    Certificate,
}

/// Something wrong in a place.
pub struct Found<'a> {
    weight: Weight,
    trouble: Trouble,
    source: &'a SourceHeader,
    target: &'a TargetState,
    /// On which of its certificates.
    certificate: Option<usize>,
}

/// Everything that is wrong with a place and what it holds.
pub fn of_place<'a>(source: &'a SourceHeader, target: &'a TargetState, all: &mut Vec<Found<'a>>) {
    trouble::each(source, target, &mut |wrong| all.push(Found::of(source, target, wrong)));
}

/// Everything that is wrong with one certificate of a place.
pub fn of_certificate<'a>(source: &'a SourceHeader, target: &'a TargetState, index: usize, all: &mut Vec<Found<'a>>) {
    trouble::of_certificate(source, target, index, &mut |wrong| all.push(Found::of(source, target, wrong)));
}

impl<'a> Found<'a> {
    fn of(source: &'a SourceHeader, target: &'a TargetState, wrong: Wrong) -> Self {
        Self { weight: wrong.weight, trouble: wrong.trouble, source, target, certificate: wrong.certificate }
    }

    /// What other places have to do with it.
    fn evidence(&self) -> impl Iterator<Item = &'a Evidence> {
        let certificate = self.certificate.and_then(|index| self.target.content.certificates.get(index)).map(|facts| facts.fingerprint);
        let trouble = self.trouble;
        let all = self.target.related.iter().flat_map(|related| &related.evidence);
        all.filter(move |evidence| trouble == Trouble::Finding(evidence.finding) && evidence.certificate == certificate)
    }

    /// The command that confirms it, made out for the certificate where it asks about one, else for the place.
    fn confirm(&self, frame: &Frame, text: &str) -> String {
        let certificate = self.certificate.and_then(|index| self.target.content.certificates.get(index));
        let lookup = certificate.and_then(|facts| facts.lookup.as_deref());
        lookup.and_then(|lookup| in_list(text, lookup)).unwrap_or_else(|| frame.command(&self.target.place, text))
    }

    /// The policies that say so.
    fn policies(&self) -> impl Iterator<Item = &'a str> {
        let (trouble, certificate) = (self.trouble, self.certificate);
        let is_it = move |findings: FindingSet| matches!(trouble, Trouble::Finding(finding) if findings.contains(finding));
        let all = self.target.report.broken.iter();
        let of_it = all.filter(move |broken| usize::try_from(broken.certificate).ok() == certificate && is_it(broken.findings));
        of_it.map(|broken| &*broken.policy)
    }
}

/// The section with all of it; nothing where there is nothing.
pub fn draw(frame: &Frame, all: Vec<Found<'_>>, subject: Subject) -> Markup {
    let mut kinds: BTreeMap<(Weight, Trouble), Vec<Found<'_>>> = BTreeMap::new();
    for found in all {
        kinds.entry((found.weight, found.trouble)).or_default().push(found);
    }
    if kinds.is_empty() {
        return Markup::default();
    }
    html! {
        section.wrong aria-labelledby="wrong" {
            h2 #wrong { "What is wrong" }
            ul.troubles { @for ((weight, trouble), found) in &kinds { (one(frame, *weight, *trouble, found, subject)) } }
        }
    }
}

fn one(frame: &Frame, weight: Weight, trouble: Trouble, all: &[Found<'_>], subject: Subject) -> Markup {
    let advice = trouble.advice();
    let Some(first) = all.first() else { return Markup::default() };
    let policies: Vec<&str> = all.iter().flat_map(Found::policies).collect();
    html! {
        li class=(weight.as_str()) {
            h3 { (mark(Tone::Wrong(weight), &trouble.title())) " " code.word { (trouble.word()) } span.hidden { " (" (weight.as_str()) ")" } }
            p { (advice.cause) }
            @for evidence in all.iter().flat_map(Found::evidence).take(NAMED) { (other(evidence, frame)) }
            @if let Some(policy) = policies.first() { p { "Policy " (said(policy)) @if policies.iter().any(|other| other != policy) { " and others" } "." } }
            dl.help {
                dt { "Confirm" } dd { code { (said(&first.confirm(frame, advice.confirm))) } }
                dt { "Fix" } dd { (said(&frame.command(&first.target.place, advice.fix))) }
            }
            (on(all, subject))
        }
    }
}

/// On what it is, where that is not the page's own subject alone.
fn on(all: &[Found<'_>], subject: Subject) -> Markup {
    html! {
        @if subject == Subject::Place {
            @let certificates: Vec<_> = all.iter().filter_map(|found| found.target.content.certificates.get(found.certificate?)).collect();
            @if !certificates.is_empty() {
                p.aside {
                    "On " @for (at, facts) in certificates.iter().take(NAMED).enumerate() {
                        @if at > 0 { ", " } (show::certificate(&facts.fingerprint, &show::name(facts)))
                    }
                    @if certificates.len() > NAMED { " and " (count((certificates.len() - NAMED) as u64, "more", "more")) }
                }
            }
        } @else if all.len() > 1 {
            p.aside {
                "In " @for (at, found) in all.iter().take(NAMED).enumerate() { @if at > 0 { ", " } (show::place_of(found.source, &found.target.place)) }
                @if all.len() > NAMED { " and " (count((all.len() - NAMED) as u64, "more place", "more places")) }
            }
        }
    }
}

fn other(evidence: &Evidence, frame: &Frame) -> Markup {
    html! {
        p.evidence {
            @if !evidence.place.is_empty() { strong { (said(&evidence.place)) } " " span.aside { "(" a href=(Link::to("places").with("source", &evidence.source).with("q", &evidence.place)) { (said(&evidence.source)) } ")" } " " }
            @if !evidence.detail.is_empty() { (said(&evidence.detail)) " " }
            span.aside { (lasting(evidence.since, frame.now)) }
        }
    }
}

/// What is waived on a place and what it holds, and what was.
pub fn waivers(frame: &Frame, target: &TargetState) -> Markup {
    let (waived, ended) = (&target.report.waived, &target.report.ended);
    if waived.is_empty() && ended.is_empty() {
        return Markup::default();
    }
    html! {
        section aria-labelledby="waived" {
            h2 #waived { "Waivers" }
            table.list {
                thead { tr { th scope="col" { "Finding" } th scope="col" { "On" } th scope="col" { "Until" } th scope="col" { "Answers for it" } th scope="col" { "Why" } } }
                tbody {
                    @for waived in waived.iter() { (waiver(frame, target, waived, false)) }
                    @for waived in ended.iter() { (waiver(frame, target, waived, true)) }
                }
            }
        }
    }
}

fn waiver(frame: &Frame, target: &TargetState, waived: &Waived, is_over: bool) -> Markup {
    let finding: Finding = waived.finding;
    html! {
        tr {
            td data-label="Finding" title=(advice::of_finding(finding).cause) { (words(finding.as_str())) }
            td data-label="On" {
                @match waived.on {
                    Item::Target => { "the place" }
                    Item::Certificate(index) => {
                        @match target.content.certificates.get(index as usize) {
                            Some(facts) => { (show::certificate(&facts.fingerprint, &show::name(facts))) }
                            None => { "a certificate" }
                        }
                    }
                    Item::Crl(index) => { "CRL " (index.saturating_add(1)) }
                }
            }
            td data-label="Until" {
                @if is_over { (mark(Tone::Wrong(Weight::Warning), "ended")) " " }
                (time(waived.until, frame.now))
            }
            td data-label="Answers for it" { (said(&waived.owner)) }
            td data-label="Why" { (said(&waived.why)) }
        }
    }
}
