//! The small things that all pages are made of: marks, names, and links to places and certificates.

use maud::{Markup, html};

use crate::model::facts::{SubjectName, hex};
use crate::model::{CertificateFacts, Place, RevocationStatus, SourceHeader, SourceKind, TargetState, UnixTime};

use super::text::{Link, cut, said, words};
use super::trouble::{self, Trouble, Weight};

/// A state by shape, colour and word: none of them is needed to tell it.
pub fn mark(tone: Tone, word: &str) -> Markup {
    html! { span class=(tone.class()) { span.shape aria-hidden="true" { (tone.shape()) } " " (cut(word)) } }
}

/// How something does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It weighs so much.
    Wrong(Weight),
    /// All is well.
    Good,
    /// Nobody knows, or it does not matter.
    Plain,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Wrong(Weight::Critical) => "mark critical",
            Self::Wrong(Weight::Warning) => "mark warning",
            Self::Wrong(Weight::Note) => "mark note",
            Self::Good => "mark good",
            Self::Plain => "mark plain",
        }
    }

    const fn shape(self) -> &'static str {
        match self {
            Self::Wrong(Weight::Critical) => "\u{25c6}",
            Self::Wrong(Weight::Warning) => "\u{25b2}",
            Self::Wrong(Weight::Note) => "\u{25a0}",
            Self::Good => "\u{25cf}",
            Self::Plain => "\u{25cb}",
        }
    }
}

/// What people call a certificate: its common name, else its first name, else its subject, else its serial number.
pub fn name(facts: &CertificateFacts) -> String {
    let first = || {
        facts.names.first().map(|name| match name {
            SubjectName::Dns(name) | SubjectName::Uri(name) | SubjectName::Email(name) | SubjectName::Other(name) => name.to_string(),
            SubjectName::Ip(address) => address.to_string(),
        })
    };
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    some(&facts.subject_cn).or_else(first).or_else(|| some(&facts.subject)).unwrap_or_else(|| format!("serial {}", facts.serial))
}

/// The page of a certificate.
pub fn certificate_link(fingerprint: &[u8; 32]) -> Link {
    Link::to("certificate").with("fingerprint", &hex(fingerprint))
}

/// A certificate by its name, leading to its page.
pub fn certificate(fingerprint: &[u8; 32], name: &str) -> Markup {
    html! { a href=(certificate_link(fingerprint)) { (said(if name.is_empty() { "(no name)" } else { name })) } }
}

/// The page of a place.
pub fn place_link(source: &str, kind: SourceKind, place: &str) -> Link {
    Link::to("place").with("source", source).with("kind", kind.as_str()).with("place", place)
}

/// A place by what it is called, leading to its page.
pub fn place(source: &str, kind: SourceKind, place: &str) -> Markup {
    html! { a href=(place_link(source, kind, place)) { (said(place)) } }
}

/// The same of a place that is at hand.
pub fn place_of(source: &SourceHeader, at: &Place) -> Markup {
    place(&source.id.name, source.id.kind, &at.to_string())
}

/// A source by its name, leading to its places.
pub fn source(name: &str, kind: SourceKind) -> Markup {
    html! { a href=(Link::to("places").with("source", name)) { (said(name)) } " " span.kind { (kind) } }
}

/// Who owns a place.
pub fn owner(source: &SourceHeader, target: &TargetState) -> Markup {
    match target.owner(&source.options) {
        Some((label, owner)) => html! { span.owner title=(cut(label)) { (said(owner)) } },
        None if target.is_unowned(&source.options) => html! { span.none { "nobody" } },
        None => html! { span.none { "\u{2013}" } },
    }
}

/// What is wrong, each once, the heaviest first; otherwise that nothing is.
pub fn marks(wrong: &[(Weight, Trouble)]) -> Markup {
    let mut all = wrong.to_vec();
    all.sort();
    all.dedup();
    html! {
        @if all.is_empty() { (mark(Tone::Good, "fine")) }
        @for (weight, trouble) in all { (mark(Tone::Wrong(weight), &words(trouble.word()))) " " }
    }
}

/// Everything that is wrong with a place.
pub fn troubles(source: &SourceHeader, target: &TargetState) -> Vec<(Weight, Trouble)> {
    let mut all = Vec::new();
    trouble::each(source, target, &mut |wrong| all.push((wrong.weight, wrong.trouble)));
    all
}

/// What is known of a certificate's revocation.
pub fn revocation(status: RevocationStatus) -> Markup {
    let tone = match status {
        RevocationStatus::Good => Tone::Good,
        RevocationStatus::Revoked => Tone::Wrong(Weight::Critical),
        RevocationStatus::Unknown => Tone::Wrong(Weight::Note),
        RevocationStatus::NotApplicable | RevocationStatus::Pending => Tone::Plain,
    };
    let word = match status {
        RevocationStatus::Good => "not revoked",
        RevocationStatus::Pending => "not asked yet",
        other => return mark(tone, &words(other.as_str())),
    };
    mark(tone, word)
}

/// A row of facts; nothing where there is nothing to say.
pub fn fact(name: &str, value: Option<Markup>) -> Markup {
    html! { @if let Some(value) = value { dt { (name) } dd { (value) } } }
}

/// How far a time is where there is one, else a dash.
pub fn distance(at: Option<UnixTime>, now: UnixTime) -> Markup {
    match at {
        Some(at) => super::text::relative(at, now),
        None => html! { span.none { "\u{2013}" } },
    }
}

/// A time where there is one, else a dash.
pub fn time(at: Option<UnixTime>, now: UnixTime) -> Markup {
    match at {
        Some(at) => super::text::time(at, now),
        None => html! { span.none { "\u{2013}" } },
    }
}
