//! `/revocation`: the CRLs that are fetched and the responders that are asked; and a certificate's verdict with what it rests on.

use std::cmp::Reverse;

use maud::{Markup, html};

use crate::http::query::Needle;
use crate::model::revocation::{Asked, CrlService, Responder};
use crate::model::{
    Answer, Finding, FindingSet, Noun, RevocationMethod, RevocationReason, RevocationStatus, RevocationView, Says, Services, TargetState,
    UnixTime, advice,
};

use super::Frame;
use super::show::{self, Tone, mark};
use super::text::{Link, count, cut, grouped, said, time, words};
use super::trouble::{self, Trouble, Weight};

/// Rows of a page.
const ROWS: usize = 100;

/// A place that is asked.
enum Service<'a> {
    Crl(&'a CrlService),
    Responder(&'a Responder),
}

impl Service<'_> {
    fn url(&self) -> &str {
        match self {
            Self::Crl(service) => &service.url,
            Self::Responder(service) => &service.url,
        }
    }

    fn weights(&self) -> Vec<(Weight, Trouble)> {
        let (noun, findings) = match self {
            Self::Crl(service) => (Noun::Crl, service.findings),
            Self::Responder(service) => (Noun::Responder, service.findings),
        };
        weights(findings, noun)
    }

    fn failure(&self) -> Option<&(RevocationReason, Box<str>)> {
        match self {
            Self::Crl(service) => service.failure.as_ref(),
            Self::Responder(service) => service.failure.as_ref(),
        }
    }
}

fn weights(findings: FindingSet, noun: Noun) -> Vec<(Weight, Trouble)> {
    findings.iter().map(|finding: Finding| (trouble::of_finding(finding, noun), Trouble::Finding(finding))).collect()
}

/// The page from this row on, of those whose URL holds the text.
pub fn draw(frame: &Frame, text: &str, from: usize) -> Markup {
    let services = frame.view.services();
    let needle = Needle::new(text.trim());
    let crls = services.crls.iter().map(Service::Crl);
    let mut all: Vec<Service<'_>> = crls.chain(services.responders.iter().map(Service::Responder)).collect();
    all.retain(|service| needle.as_ref().is_none_or(|needle| needle.is_in(service.url())));
    // What is wrong comes first.
    all.sort_by_cached_key(|service| {
        let heaviest = service.weights().into_iter().map(|(weight, _)| weight).min();
        (Reverse(heaviest.map(Reverse)), service.failure().is_none(), service.url().to_owned())
    });
    let total = all.len();
    html! {
        h1 { "Revocation" }
        p.lead {
            (count(services.crls.len() as u64, "CRL", "CRLs")) " and " (count(services.responders.len() as u64, "OCSP responder", "OCSP responders"))
            " that the watched certificates are looked up at."
        }
        @if needle.is_some() {
            p.chips { "Those with " span.chip { (said(text)) " " a href=(Link::to("revocation")) aria-label="without it" { "\u{d7}" } } }
        }
        @if total == 0 {
            p.calm { "Nothing to show: no watched certificate names one, fetching is turned off, or nothing fits." }
        } @else {
            table.list {
                thead {
                    tr {
                        th scope="col" { "Where" } th scope="col" { "State" } th scope="col" { "Of" } th scope="col" { "Until" }
                        th scope="col" { "Fetched" } th scope="col" { "Next" } th.n scope="col" { "Certificates" } th.n scope="col" { "Revoked" }
                    }
                }
                tbody { @for service in all.iter().skip(from).take(ROWS) { (row(service, frame.now)) } }
            }
            p.pages {
                @if from > 0 { a href=(Link::to("revocation").with_some("q", Some(text))) { "first page" } " " }
                @if total > from.saturating_add(ROWS) {
                    a rel="next" href=(Link::to("revocation").with_some("q", Some(text)).with("from", &(from + ROWS).to_string())) { "next page" }
                }
            }
        }
    }
}

fn row(service: &Service<'_>, now: UnixTime) -> Markup {
    let state = html! {
        @if service.weights().is_empty() && service.failure().is_some() { (mark(Tone::Wrong(Weight::Note), "fetch failed")) }
        @else { (show::marks(&service.weights())) }
        @if let Some((reason, detail)) = service.failure() {
            div.besides title=(advice::of_revocation(*reason).cause) { (words(reason.as_str())) ": " (said(detail)) }
        }
    };
    match service {
        Service::Crl(crl) => {
            let list = crl.list.as_deref();
            html! {
                tr {
                    td data-label="CRL" {
                        (said(&crl.url)) " " span.kind { "CRL" }
                        @if let Some(list) = list {
                            div.aside {
                                (said(&list.issuer))
                                @if let Some(number) = &list.number { " \u{b7} number " (cut(number)) }
                                " \u{b7} " (count(list.entries, "entry", "entries")) @if list.delta { " \u{b7} delta" }
                            }
                        }
                    }
                    td data-label="State" { (state) }
                    td data-label="Of" { (show::time(list.map(|list| list.this_update), now)) }
                    td data-label="Until" { (show::time(list.and_then(|list| list.next_update), now)) }
                    td data-label="Fetched" { (show::distance(crl.checked_at, now)) }
                    td data-label="Next" { (show::distance(crl.next_at, now)) }
                    td.n data-label="Certificates" { (grouped(crl.certificates)) }
                    td.n data-label="Revoked" {
                        @if crl.revoked > 0 { a href=(Link::to("certificates").with("state", "revoked")) { (grouped(crl.revoked)) } } @else { "0" }
                    }
                }
            }
        }
        Service::Responder(responder) => html! {
            tr {
                td data-label="Responder" {
                    (said(&responder.url)) " " span.kind { "OCSP" }
                    @if let Some(at) = responder.certificate_not_after { div.aside { "signs until " (time(at, now)) } }
                }
                td data-label="State" { (state) }
                td data-label="Of" { (show::time(responder.oldest_this_update, now)) }
                td data-label="Until" { span.none { "\u{2013}" } }
                td data-label="Fetched" { span.aside { "for each certificate" } }
                td data-label="Next" { span.none { "\u{2013}" } }
                td.n data-label="Certificates" { (grouped(responder.certificates)) }
                td.n data-label="Revoked" { span.none { "\u{2013}" } }
            }
        },
    }
}

/// What a verdict rests on.
pub struct Grounds<'a> {
    /// What the service knows.
    pub view: &'a dyn RevocationView,
    /// The places that are asked.
    pub services: &'a Services,
    /// How a responder is asked about the certificate.
    pub asked: Option<&'a Asked>,
    /// Now.
    pub now: UnixTime,
}

/// The verdict on a certificate of a place, and every answer behind it.
pub fn verdict(target: &TargetState, index: usize, grounds: &Grounds<'_>) -> Markup {
    let Some(verdict) = target.report.verdict(index) else {
        return html! { p.aside { "It is not looked up in this place." } };
    };
    let now = grounds.now;
    let answers = target.content.certificates.get(index).and_then(|facts| grounds.view.answers(&facts.fingerprint));
    let stapled = target.endpoint.as_ref().filter(|_| index == 0).and_then(|facts| facts.staple.as_deref());
    let all = [
        (RevocationMethod::Staple, stapled.or_else(|| answers?.staple.as_ref())),
        (RevocationMethod::Ocsp, answers.and_then(|answers| answers.ocsp.as_ref())),
        (RevocationMethod::Crl, answers.and_then(|answers| answers.crl.as_ref())),
    ];
    let is_asked = |method: RevocationMethod| method == RevocationMethod::Ocsp && grounds.asked.is_some();
    html! {
        p.verdict {
            (show::revocation(verdict.status))
            @if let Some(revoked) = &verdict.revoked { " since " (time(revoked.0, now)) ", reason " (revoked.1) }
            @if let Some(method) = verdict.method { ", by " (called(method)) }
            @if let Some(reason) = verdict.reason { ", " (words(reason.as_str())) }
            @if let Some(until) = verdict.until { ", holds until " (time(until, now)) }
        }
        @if let (RevocationStatus::Unknown, Some(reason)) = (verdict.status, verdict.reason) {
            @let advice = advice::of_revocation(reason);
            p { (advice.cause) " " strong { "Fix: " } (advice.fix) }
        }
        table.list.answers {
            thead {
                tr {
                    th scope="col" { "Answer" } th scope="col" { "Says" } th scope="col" { "From" } th scope="col" { "Of" }
                    th scope="col" { "Until" } th scope="col" { "Fetched" } th scope="col" { "Next" }
                }
            }
            tbody {
                @for (method, outcome) in all.iter().filter(|(method, outcome)| outcome.is_some() || is_asked(*method)) {
                    (answer(*method, *outcome, grounds))
                }
            }
        }
    }
}

fn called(method: RevocationMethod) -> &'static str {
    match method {
        RevocationMethod::Staple => "staple",
        RevocationMethod::Ocsp => "OCSP",
        RevocationMethod::Crl => "CRL",
    }
}

fn answer(method: RevocationMethod, outcome: Option<&Result<Answer, RevocationReason>>, grounds: &Grounds<'_>) -> Markup {
    let now = grounds.now;
    let found = outcome.and_then(|outcome| outcome.as_ref().ok());
    let list =
        found.filter(|_| method == RevocationMethod::Crl).and_then(|answer| {
            grounds.services.crls.iter().find(|service| {
                service.url == answer.from && service.list.as_ref().is_some_and(|list| list.this_update == answer.this_update)
            })
        });
    let asked = grounds.asked.filter(|_| method == RevocationMethod::Ocsp);
    let (fetched, next) = match (list, asked) {
        (Some(list), _) => (list.checked_at, list.next_at),
        (None, Some(asked)) => (asked.at, asked.next_at),
        (None, None) => (None, None),
    };
    html! {
        tr {
            td data-label="Answer" { (called(method)) }
            td data-label="Says" {
                @match outcome {
                    Some(Ok(answer)) => { (says(answer, now)) }
                    Some(Err(reason)) => {
                        (mark(Tone::Plain, &words(reason.as_str())))
                        div.besides { (why_not(method, *reason)) }
                    }
                    None => { (mark(Tone::Plain, "not yet")) }
                }
                @if let Some(failure) = asked.and_then(|asked| asked.failure).filter(|_| found.is_some()) {
                    div.besides { "asked in vain last: " (words(failure.as_str())) }
                }
            }
            td data-label="From" {
                @if let Some(from) = found.map(|answer| &answer.from).or_else(|| asked.map(|asked| &asked.url)) { (said(from)) }
                @else { span.none { "\u{2013}" } }
                @if let Some(facts) = list.and_then(|list| list.list.as_deref()) {
                    div.aside {
                        @if let Some(number) = &facts.number { "number " (cut(number)) ", " }
                        (count(facts.entries, "entry", "entries"))
                    }
                }
            }
            td data-label="Of" { (show::time(found.map(|answer| answer.this_update), now)) }
            td data-label="Until" { (show::time(found.map(|answer| answer.until), now)) }
            td data-label="Fetched" { (show::distance(fetched, now)) }
            td data-label="Next" { (show::distance(next, now)) }
        }
    }
}

/// Why one way has no answer. That there is nobody to ask is no more than that: there may be another way.
fn why_not(method: RevocationMethod, reason: RevocationReason) -> &'static str {
    match (reason, method) {
        (RevocationReason::NoSource, RevocationMethod::Ocsp) => "The certificate names no responder.",
        (RevocationReason::NoSource, RevocationMethod::Crl) => "The certificate names no CRL, and none is configured.",
        _ => advice::of_revocation(reason).cause,
    }
}

fn says(answer: &Answer, now: UnixTime) -> Markup {
    match answer.says {
        Says::Good => mark(Tone::Good, "not revoked"),
        Says::Revoked { at, reason } => html! {
            (mark(Tone::Wrong(Weight::Critical), "revoked"))
            div.besides { "since " (time(at, now)) ", reason " (reason) }
        },
    }
}
