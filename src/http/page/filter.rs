//! The form on top of every page: what is looked for, as a query and as a filter. It works without the script, which asks as one types.

use maud::{Markup, html};
use serde::Deserialize;

use crate::http::query::{Filter, Needle, Outcome};
use crate::model::vocabulary::closed;
use crate::model::{Finding, Reason, RevocationStatus, SourceKind, UnixTime};

use super::Frame;
use super::text::{Link, cut, words};

/// The longest text that is looked for, in bytes.
const TEXT_BYTES: usize = 200;
const DAY: i64 = 86_400;

closed! {
    /// States that the form offers besides the findings.
    pub enum State {
        /// Anything that is wrong.
        Wrong = "wrong",
        /// The latest look failed.
        Failing = "failing",
        /// A part of the place cannot be read.
        Unreadable = "unreadable",
        /// Its validity is over.
        Ended = "ended",
        /// It ends within 7 days.
        Week = "ends_in_7_days",
        /// It ends within 30 days.
        Month = "ends_in_30_days",
        /// It ends within 90 days.
        Quarter = "ends_in_90_days",
        /// It is revoked.
        Revoked = "revoked",
        /// Nobody can say whether it is revoked.
        Unknown = "revocation_unknown",
        /// No label names an owner.
        Unowned = "unowned",
        /// It is in several places.
        Copied = "in_several_places",
    }
}

impl State {
    /// What the form calls it.
    const fn label(self) -> &'static str {
        match self {
            Self::Wrong => "anything wrong",
            Self::Failing => "fails",
            Self::Unreadable => "partly unreadable",
            Self::Ended => "has ended",
            Self::Week => "ends within 7 days",
            Self::Month => "ends within 30 days",
            Self::Quarter => "ends within 90 days",
            Self::Revoked => "revoked",
            Self::Unknown => "revocation unknown",
            Self::Unowned => "nobody owns it",
            Self::Copied => "in several places",
        }
    }
}

/// The query of a list, as it came.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Form {
    /// Text that is looked for.
    #[serde(default)]
    pub q: String,
    /// A [`State`], or a finding.
    #[serde(default)]
    pub state: String,
    /// Name of a source.
    #[serde(default)]
    pub source: String,
    /// Kind of a source.
    #[serde(default)]
    pub kind: String,
    /// A namespace of a cluster.
    #[serde(default)]
    pub namespace: String,
    /// Why the look failed.
    #[serde(default)]
    pub reason: String,
    /// Where the page before ended.
    #[serde(default)]
    pub after: String,
}

impl Form {
    /// What it asks for.
    ///
    /// # Errors
    /// What was expected.
    pub fn filter(&self, now: UnixTime) -> Result<Filter, &'static str> {
        if self.q.len() > TEXT_BYTES {
            return Err("The text to look for is too long: at most 200 bytes.");
        }
        let some = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(Box::from);
        let kind = SourceKind::ALL.iter().find(|kind| kind.as_str() == self.kind).copied();
        let reason = Reason::ALL.iter().find(|reason| reason.as_str() == self.reason).copied();
        if (kind.is_none() && !self.kind.is_empty()) || (reason.is_none() && !self.reason.is_empty()) {
            return Err("There is no such kind of source, or no such reason.");
        }
        let filter = Filter {
            text: Needle::new(self.q.trim()),
            source: some(&self.source),
            kind,
            namespace: some(&self.namespace),
            reason,
            ..Filter::default()
        };
        self.with_state(filter, now)
    }

    fn with_state(&self, filter: Filter, now: UnixTime) -> Result<Filter, &'static str> {
        let within = |days: i64| {
            let end = now.secs().saturating_add(days * DAY);
            Filter { expires_after: Some(now), expires_before: Some(UnixTime::from_secs(end)), dated: true, ..filter.clone() }
        };
        if self.state.is_empty() {
            return Ok(filter);
        }
        if let Some(finding) = Finding::ALL.iter().find(|finding| finding.as_str() == self.state) {
            return Ok(Filter { finding: Some(*finding), ..filter });
        }
        let state = State::ALL.iter().find(|state| state.as_str() == self.state).ok_or("There is no such state.")?;
        Ok(match state {
            State::Wrong => Filter { troubled: true, ..filter },
            State::Failing => Filter { outcome: Some(Outcome::Failing), ..filter },
            State::Unreadable => Filter { unreadable: true, ..filter },
            State::Ended => Filter { expires_before: Some(now), dated: true, ..filter },
            State::Week => within(7),
            State::Month => within(30),
            State::Quarter => within(90),
            State::Revoked => Filter { revocation: Some(RevocationStatus::Revoked), ..filter },
            State::Unknown => Filter { revocation: Some(RevocationStatus::Unknown), ..filter },
            State::Unowned => Filter { unowned: Some(true), ..filter },
            State::Copied => Filter { min_places: 2, ..filter },
        })
    }

    /// Whether anything is asked for.
    pub fn is_empty(&self) -> bool {
        [&self.q, &self.state, &self.source, &self.kind, &self.namespace, &self.reason].iter().all(|text| text.trim().is_empty())
    }

    /// The same list behind a row.
    pub fn link(&self, page: &'static str, after: Option<&str>) -> Link {
        let mut link = Link::to(page);
        for (name, value) in self.parts() {
            link = link.with_some(name, Some(value));
        }
        link.with_some("after", after)
    }

    fn parts(&self) -> [(&'static str, &str); 6] {
        [
            ("q", &self.q),
            ("state", &self.state),
            ("source", &self.source),
            ("kind", &self.kind),
            ("namespace", &self.namespace),
            ("reason", &self.reason),
        ]
    }

    /// What is asked for besides what the form shows, each with the list without it.
    pub fn besides(&self, page: &'static str) -> Vec<(&'static str, String, Link)> {
        let without_kind = Self { kind: String::new(), ..self.clone() };
        let without_reason = Self { reason: String::new(), ..self.clone() };
        let all = [("kind", &self.kind, without_kind), ("reason", &self.reason, without_reason)];
        let asked = all.into_iter().filter(|(_, value, _)| !value.is_empty());
        asked.map(|(name, value, without)| (name, words(value), without.link(page, None))).collect()
    }
}

/// The form, leading to a list.
pub fn draw(frame: &Frame, list: &'static str, form: &Form) -> Markup {
    let option = |value: &str, label: &str| html! { option value=(value) selected[form.state == value] { (label) } };
    let mut findings: Vec<&str> = Finding::ALL.iter().map(|finding| finding.as_str()).collect();
    findings.sort_unstable();
    let mut sources: Vec<&str> = Vec::new();
    frame.view.sources(&mut |source, _| sources.push(&source.id.name));
    sources.dedup();
    html! {
        form.filter #filter action=(list) method="get" role="search" autocomplete="off" {
            label.text {
                span.hidden { "Filter by name, serial number, fingerprint or place" }
                input #q type="search" name="q" value=(cut(&form.q)) maxlength="200" autocomplete="off" spellcheck="false"
                    placeholder="Filter: name, serial, fingerprint, place\u{2026}" aria-keyshortcuts="/";
            }
            label {
                span.hidden { "State" }
                select name="state" {
                    (option("", "any state"))
                    @for state in State::ALL { (option(state.as_str(), state.label())) }
                    optgroup label="finding" { @for word in findings { (option(word, &words(word))) } }
                }
            }
            label {
                span.hidden { "Source" }
                select name="source" {
                    option value="" { "any source" }
                    @for name in &sources { option value=(cut(name)) selected[form.source == **name] { (cut(name)) } }
                    // One that is gone is still what is asked for.
                    @if !form.source.is_empty() && !sources.contains(&&*form.source) {
                        option value=(cut(&form.source)) selected { (cut(&form.source)) }
                    }
                }
            }
            @if !frame.overview.namespaces.is_empty() || !form.namespace.is_empty() {
                label {
                    span.hidden { "Namespace" }
                    input name="namespace" list="namespaces" value=(cut(&form.namespace)) placeholder="any namespace" autocomplete="off"
                        spellcheck="false";
                    datalist #namespaces {
                        @for (name, places) in &frame.overview.namespaces { option value=(cut(name)) label=(super::text::count(*places, "place", "places")) {} }
                    }
                }
            }
            @for (name, value) in [("kind", &form.kind), ("reason", &form.reason)] {
                @if !value.is_empty() { input type="hidden" name=(name) value=(cut(value)); }
            }
            button type="submit" { "Filter" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);

    #[test]
    fn what_the_form_asks_for_is_a_filter() {
        let form = |state: &str| Form { state: state.into(), ..Form::default() };
        let nothing = Filter::default();
        for (behaviour, form, expected) in [
            ("nothing", Form::default(), nothing.clone()),
            ("blanks", Form { q: "  ".into(), source: " ".into(), ..Form::default() }, nothing.clone()),
            ("text", Form { q: " api ".into(), ..Form::default() }, Filter { text: Needle::new("api"), ..nothing.clone() }),
            ("a finding", form("weak_key"), Filter { finding: Some(Finding::WeakKey), ..nothing.clone() }),
            ("anything wrong", form("wrong"), Filter { troubled: true, ..nothing.clone() }),
            (
                "soon",
                form("ends_in_7_days"),
                Filter {
                    expires_after: Some(NOW),
                    expires_before: Some(UnixTime::from_secs(1_000_000 + 7 * DAY)),
                    dated: true,
                    ..nothing.clone()
                },
            ),
        ] {
            assert_eq!(form.filter(NOW), Ok(expected), "{behaviour}");
        }
        for form in [
            form("nonsense"),
            Form { q: "x".repeat(201), ..Form::default() },
            Form { kind: "nonsense".into(), ..Form::default() },
            Form { reason: "nonsense".into(), ..Form::default() },
        ] {
            assert!(form.filter(NOW).is_err(), "{form:?}");
        }
    }

    #[test]
    fn every_state_has_a_name_of_its_own_beside_the_findings() {
        for state in State::ALL {
            assert!(!Finding::ALL.iter().any(|finding| finding.as_str() == state.as_str()), "{state}");
            assert!(Form { state: state.as_str().into(), ..Form::default() }.filter(NOW).is_ok(), "{state}");
        }
    }

    #[test]
    fn links_keep_what_is_asked_for() {
        let form = Form { q: "a&b".into(), state: "failing".into(), reason: "refused".into(), ..Form::default() };
        assert_eq!(
            form.link("places", Some("x")),
            Link::to("places").with("q", "a&b").with("state", "failing").with("reason", "refused").with("after", "x")
        );
        let besides = form.besides("places");
        assert_eq!(besides, [("reason", "refused".to_owned(), Link::to("places").with("q", "a&b").with("state", "failing"))]);
    }
}
