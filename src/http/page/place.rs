//! `/place?source=&kind=&place=`: one place: why it fails, step by step; what is wrong and what helps; what it holds; who uses and owns it.

use maud::{Markup, html};

use crate::model::chain::{Chain, End};
use crate::model::facts::{ClientCertificate, ResponseFacts};
use crate::model::state::{Counters, FailedLooks};
use crate::model::{CertificateFacts, EndpointFacts, Place, SourceHeader, Step, TargetState, UnixTime};

use super::Frame;
use super::findings;
use super::show::{self, Tone, mark};
use super::text::{Link, count, cut, grouped, lasting, relative, said, time, words};
use super::trouble::Weight;

/// Certificates, CRLs and the like that are listed.
const LISTED: usize = 200;
/// CAs that are named of those whose client certificates a server takes.
const CAS: usize = 20;

/// The page.
pub fn draw(frame: &Frame, source: &SourceHeader, target: &TargetState) -> Markup {
    let now = frame.now;
    let mut wrong = Vec::new();
    findings::of_place(source, target, &mut wrong);
    html! {
        div.head {
            h1 { (said(&target.place.to_string())) }
            p.lead { (show::marks(&show::troubles(source, target))) " " (show::source(&source.id.name, source.id.kind)) }
        }
        @if let Some(failure) = &target.failure {
            p.failure {
                strong { "The last look failed" } " at " (words(failure.stage.as_str())) ": " (words(failure.reason.as_str()))
                ", " (lasting(failure.since, now)) ": " (said(&failure.detail)) "."
                @if !target.content.certificates.is_empty() { " What is shown below is from the last look that saw it." }
            }
        }
        (findings::draw(frame, wrong, findings::Subject::Place))
        @if let Some(counters) = &target.counters { (looks(counters, now)) }
        div.columns {
            section aria-labelledby="about" { h2 #about { "The place" } (about(frame, source, target)) }
            @if let Some(endpoint) = &target.endpoint { section aria-labelledby="shown" { h2 #shown { "What the server showed" } (shown(endpoint)) } }
        }
        (holds(target, now))
        (findings::waivers(frame, target))
        @if let Some(history) = &target.history {
            section aria-labelledby="renewals" {
                h2 #renewals { "Renewals seen here" }
                ul.plain {
                    @for renewed in history.renewals.iter().rev() {
                        li {
                            (time(renewed.at, now)) ": " (show::certificate(&renewed.old, "the old one")) " \u{2192} " (show::certificate(&renewed.new, "the new one"))
                            ", with " (format!("{:.1}", f64::from(1000 - renewed.used) / 10.0)) " % of the old one's lifetime left"
                            @if renewed.same_key { ", " (mark(Tone::Wrong(Weight::Note), "same key")) }
                        }
                    }
                }
            }
        }
        @if frame.admin { p.more { a href=(Link::to("api/v1/targets").with("source", &source.id.name).with("q", &target.place.to_string())) { "this place as JSON" } } }
    }
}

/// Handshakes as they were counted, and the latest that failed, step by step.
fn looks(counters: &Counters, now: UnixTime) -> Markup {
    let errors: u64 = counters.errors.iter().map(|(_, _, count)| count).sum();
    html! {
        section.looks aria-labelledby="looks" {
            h2 #looks { "Looks" }
            p {
                (count(counters.ok, "handshake", "handshakes")) " ended well, " (grouped(errors)) " failed, since this program started."
                @if !counters.errors.is_empty() {
                    " By stage and reason: "
                    @for (at, (stage, reason, count)) in counters.errors.iter().enumerate() { @if at > 0 { ", " } (stage) " " (reason) " " (count) "\u{d7}" }
                    "."
                }
            }
            @for failed in counters.failed.iter().rev() { (failed_looks(failed, now)) }
        }
    }
}

fn failed_looks(failed: &FailedLooks, now: UnixTime) -> Markup {
    let longest = failed.steps.iter().map(|step| step.elapsed.as_micros()).max().unwrap_or(0).max(1);
    html! {
        details.failed open[failed.ended.is_none()] {
            summary {
                (mark(if failed.ended.is_none() { Tone::Wrong(Weight::Critical) } else { Tone::Plain }, &format!("failed at {}: {}", words(failed.stage.as_str()), words(failed.reason.as_str()))))
                " " span.aside {
                    (count(failed.looks, "look", "looks")) ", "
                    @match failed.ended {
                        Some(ended) => { "from " (time(failed.since, now)) " until " (relative(ended, now)) }
                        None => { (lasting(failed.since, now)) ", the latest " (relative(failed.latest, now)) }
                    }
                }
            }
            p.besides { (said(&failed.detail)) }
            @if !failed.steps.is_empty() {
                table.list.steps {
                    thead { tr { th scope="col" { "Step" } th.n scope="col" { "Took" } th scope="col" { "About" } th scope="col" { "Outcome" } } }
                    tbody { @for step in &failed.steps { (one_step(step, longest)) } }
                }
            }
        }
    }
}

fn one_step(step: &Step, longest: u128) -> Markup {
    let width = u64::try_from(step.elapsed.as_micros() * 100 / longest).unwrap_or(100);
    html! {
        tr {
            td data-label="Step" { (words(step.stage.as_str())) }
            td.n data-label="Took" {
                (format!("{:.1} ms", step.elapsed.as_secs_f64() * 1000.0))
                svg.took viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" { rect x="0" y="0" width=(width) height="4" {} }
            }
            td data-label="About" { @if step.detail.is_empty() { span.none { "\u{2013}" } } @else { (said(&step.detail)) } }
            td data-label="Outcome" {
                @match (&step.failure, &step.ended) {
                    (Some(why), _) => { (mark(Tone::Wrong(Weight::Critical), "failed")) " " (said(why)) }
                    (None, Some(ended)) => { (said(ended)) }
                    (None, None) => { (mark(Tone::Good, "ok")) }
                }
            }
        }
    }
}

fn about(frame: &Frame, source: &SourceHeader, target: &TargetState) -> Markup {
    let now = frame.now;
    let known = target.circumstances.as_deref();
    let shared = source.options.labels.0.iter().filter(|(name, _)| target.labels.as_ref().is_none_or(|own| own.value(name).is_none()));
    let labels: Vec<_> = shared.chain(target.labels.iter().flat_map(|labels| &labels.0)).collect();
    html! {
        dl.facts {
            @let mut parts: Vec<(&'static str, String)> = Vec::new();
            @let () = target.place.each_label(|name, value| parts.push((name, value.to_owned())));
            @for (name, value) in &parts { dt { (words(name)) } dd { (said(value)) } }
            dt { "Owner" } dd { (show::owner(source, target)) }
            (show::fact("Labels", (!labels.is_empty()).then(|| html! {
                @for (name, value) in labels.iter().take(LISTED) { span.chip { (said(name)) "=" (said(value)) } " " }
            })))
            dt { "Used by" } dd { (users(target, LISTED)) }
            (show::fact("cert-manager's Certificate", known.and_then(|known| known.certificate.as_deref()).map(said)))
            (show::fact("To be renewed by its owner's word", known.and_then(|known| known.renewal_due).map(|due| time(due, now))))
            dt { "Last changed" } dd { (time(target.changed_at, now)) }
        }
        @for problem in target.problems.iter().take(LISTED) { p.besides { (words(problem.reason.as_str())) ": " (said(&problem.detail)) } }
    }
}

/// What uses it.
pub fn users(target: &TargetState, most: usize) -> Markup {
    let users = target.circumstances.as_ref().map_or(&[][..], |known| &known.used_by);
    html! {
        @if users.is_empty() { span.none { "\u{2013}" } } @else {
            ul.plain {
                @for used in users.iter().take(most) {
                    li { (words(&cut_word(&used.kind))) " " (said(&used.name)) @if !used.host.is_empty() { " " span.aside { (said(&used.host)) } } }
                }
            }
            @if users.len() > most { span.aside { "and " (users.len() - most) " more" } }
        }
    }
}

/// Kinds are words of Kubernetes or of this program, and short; one that is not is cut.
fn cut_word(kind: &str) -> String {
    kind.chars().take(64).collect()
}

fn shown(endpoint: &EndpointFacts) -> Markup {
    let some = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(said);
    let client = match endpoint.client.outcome {
        _ if !endpoint.client_certificate_requested => "it asked for none",
        ClientCertificate::Accepted => "it asked for one and accepted ours",
        ClientCertificate::Rejected => "it asked for one and refuses ours, or that there is none",
        ClientCertificate::NotRequired => "it asked for one and answers without, too",
        ClientCertificate::NotRequested | ClientCertificate::Unconfirmed => "it asked for one and has not said what it makes of the answer",
    };
    let cas = &endpoint.client.acceptable_cas;
    html! {
        dl.facts {
            (show::fact("Version", some(&endpoint.version)))
            (show::fact("Cipher suite", some(&endpoint.cipher)))
            (show::fact("Key exchange", some(&endpoint.group)))
            (show::fact("Application protocol", some(&endpoint.alpn)))
            dt { "Client certificate" } dd { (client) }
            (show::fact("Takes certificates of", (!cas.is_empty()).then(|| html! {
                ul.plain { @for name in cas.iter().take(CAS) { li { (said(name)) } } }
                @if cas.len() > CAS || endpoint.client.acceptable_cas_cut { span.aside { "and more" } }
            })))
            dt { "OCSP staple" } dd { @if endpoint.stapled { "yes" } @else { "no" } }
            (show::fact("Clock", endpoint.clock_skew.map(|skew| html! {
                @if skew == 0 { "as ours" } @else { (skew.unsigned_abs()) " s " @if skew > 0 { "ahead of ours" } @else { "behind ours" } }
            })))
            (show::fact("Trust", endpoint.path_error.as_deref().map(said)))
        }
    }
}

/// Certificates, CRLs and OCSP responses.
fn holds(target: &TargetState, now: UnixTime) -> Markup {
    let (certificates, crls, responses) = (&target.content.certificates, &target.content.crls, &target.content.responses);
    html! {
        @if let Some(chain) = Chain::of(target).filter(|_| matches!(target.place, Place::Endpoint { .. })) {
            section aria-labelledby="chain" { h2 #chain { "The chain as it was sent" } (tree(&chain, now)) }
        }
        @if !certificates.is_empty() {
            section aria-labelledby="certificates" {
                h2 #certificates { "Certificates" }
                table.list {
                    thead { tr { th scope="col" { "Certificate" } th scope="col" { "Ends" } th scope="col" { "Issued by" } th scope="col" { "Revocation" } th scope="col" { "Findings" } } }
                    tbody { @for (index, facts) in certificates.iter().enumerate().take(LISTED) { (certificate(target, index, facts, now)) } }
                }
                @if certificates.len() > LISTED { p.aside { "and " (certificates.len() - LISTED) " more" } }
            }
        }
        @if !crls.is_empty() {
            section aria-labelledby="crls" {
                h2 #crls { "CRLs" }
                table.list {
                    thead { tr { th scope="col" { "Issuer" } th scope="col" { "Of" } th scope="col" { "Until" } th.n scope="col" { "Entries" } th scope="col" { "Findings" } } }
                    tbody {
                        @for (index, list) in crls.iter().enumerate().take(LISTED) {
                            tr {
                                td data-label="Issuer" { (said(&list.issuer)) @if let Some(number) = &list.number { " " span.aside { "number " (cut(number)) } } }
                                td data-label="Of" { (time(list.this_update, now)) }
                                td data-label="Until" { (show::time(list.next_update, now)) }
                                td.n data-label="Entries" { (grouped(list.entries)) }
                                td data-label="Findings" { (found(target.report.crl(index).iter().map(crate::model::Finding::as_str))) }
                            }
                        }
                    }
                }
            }
        }
        @if !responses.is_empty() {
            section aria-labelledby="responses" {
                h2 #responses { "OCSP responses" }
                table.list {
                    thead { tr { th scope="col" { "About" } th scope="col" { "Made" } th scope="col" { "Of" } th scope="col" { "Until" } } }
                    tbody { @for response in responses.iter().take(LISTED) { (answer(response, now)) } }
                }
            }
        }
        @if certificates.is_empty() && crls.is_empty() && responses.is_empty() {
            p.calm {
                @if target.failure.is_some() { "What it holds is not known." } @else { "It holds no certificate, CRL or OCSP response." }
            }
        }
    }
}

fn certificate(target: &TargetState, index: usize, facts: &CertificateFacts, now: UnixTime) -> Markup {
    html! {
        tr {
            td data-label="Certificate" { (show::certificate(&facts.fingerprint, &show::name(facts))) " " span.kind { (facts.role) } }
            td data-label="Ends" { (time(facts.not_after, now)) }
            td data-label="Issued by" { (said(if facts.issuer_cn.is_empty() { &facts.issuer } else { &facts.issuer_cn })) }
            td data-label="Revocation" {
                @match target.report.verdict(index) { Some(verdict) => { (show::revocation(verdict.status)) } None => { span.none { "\u{2013}" } } }
            }
            td data-label="Findings" { (found(target.report.certificate(index).iter().map(crate::model::Finding::as_str))) }
        }
    }
}

fn found(all: impl Iterator<Item = &'static str>) -> Markup {
    let all: Vec<String> = all.map(words).collect();
    html! { @if all.is_empty() { span.none { "none" } } @else { (all.join(", ")) } }
}

fn answer(response: &ResponseFacts, now: UnixTime) -> Markup {
    html! {
        tr {
            td data-label="About" { "serial number " (said(&response.serial)) }
            td data-label="Made" { (time(response.produced_at, now)) }
            td data-label="Of" { (time(response.this_update, now)) }
            td data-label="Until" { (show::time(response.next_update, now)) }
        }
    }
}

fn tree(chain: &Chain<'_>, now: UnixTime) -> Markup {
    html! {
        ul.tree { (rung(chain, 0, now)) }
        @if !chain.others.is_empty() {
            p { "Also sent: "
                @for (at, (index, facts)) in chain.others.iter().take(LISTED).enumerate() {
                    @if at > 0 { ", " } "as number " (index + 1) " " (show::certificate(&facts.fingerprint, &show::name(facts)))
                }
            }
        }
    }
}

/// A certificate of the chain with those above it. Chains are as long as a server likes: what lies deeper than can be drawn is counted.
fn rung(chain: &Chain<'_>, depth: usize, now: UnixTime) -> Markup {
    const DEEPEST: usize = 12;
    let Some((_, facts)) = chain.way.get(depth) else { return Markup::default() };
    let is_last = depth + 1 == chain.way.len();
    html! {
        li {
            (show::certificate(&facts.fingerprint, if facts.subject.is_empty() { &facts.serial } else { &facts.subject })) " " span.kind { (facts.role) }
            div.aside { @if facts.not_after < now { (mark(Tone::Wrong(Weight::Critical), "ended")) " " } @else { "ends " } (time(facts.not_after, now)) }
            @if depth == DEEPEST && !is_last { div.aside { "and " (chain.way.len() - depth - 1) " more above it" } }
            @else if !is_last { ul { (rung(chain, depth + 1, now)) } }
            @else if chain.end != End::SelfIssued {
                ul {
                    li.end {
                        (said(&facts.issuer))
                        div.aside { @if chain.end == End::Missing { (mark(Tone::Wrong(Weight::Warning), chain.end.as_str())) } @else { (chain.end.as_str()) } }
                    }
                }
            }
        }
    }
}
