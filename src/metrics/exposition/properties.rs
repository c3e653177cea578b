//! Any state renders to a valid exposition: a strict parser that shares nothing with the renderer reads it, and what places and certificates say
//! comes out of it as it went in.

use std::collections::{BTreeMap, BTreeSet};

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::tests::{drained, through};
use super::*;
use crate::metrics::Renderer;
use crate::metrics::example::{self, View, Watched};
use crate::model::facts::SubjectName;
use crate::model::{
    CertRole, CertificateFacts, EmbeddedKind, Finding, Place, Reason, SourceKind, SourceStatus, Stage, TargetState, UnixTime, Use,
};
use crate::testing::cases;

/// A sample: its family's labels and value.
type Sample = (BTreeMap<String, String>, f64);

/// Reads the text format 0.0.4 (and what Prometheus asks beyond it): families by name.
fn parse(text: &str) -> Result<BTreeMap<String, Vec<Sample>>, String> {
    let mut families: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    let mut current: Option<(String, Option<String>)> = None;
    let mut series = BTreeSet::new();
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line does not end".to_owned());
    }
    for line in text.split_terminator('\n') {
        let wrong = |what: &str| format!("{what}: {line:?}");
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, _) = help.split_once(' ').ok_or_else(|| wrong("no help"))?;
            is_name(name, true).then_some(()).ok_or_else(|| wrong("a family's name"))?;
            if families.insert(name.to_owned(), Vec::new()).is_some() {
                return Err(wrong("a family twice"));
            }
            current = Some((name.to_owned(), None));
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').ok_or_else(|| wrong("no type"))?;
            let is_expected = current.as_ref().is_some_and(|(known, kind)| known == name && kind.is_none());
            if !is_expected || !["counter", "gauge", "histogram"].contains(&kind) {
                return Err(wrong("a type out of place"));
            }
            current = Some((name.to_owned(), Some(kind.to_owned())));
        } else {
            let (name, rest) = line.split_at(line.find(['{', ' ']).ok_or_else(|| wrong("no value"))?);
            let Some((family, Some(kind))) = &current else { return Err(wrong("a sample before its type")) };
            let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            if !suffixes.iter().any(|suffix| name.strip_suffix(suffix) == Some(family)) {
                return Err(wrong("a sample of another family"));
            }
            let (labels, value) = labelled(rest).map_err(|what| wrong(&what))?;
            if !series.insert((name.to_owned(), labels.clone())) {
                return Err(wrong("a series twice"));
            }
            families.get_mut(family).ok_or_else(|| wrong("no family"))?.push((labels, number(value).ok_or_else(|| wrong("a value"))?));
        }
    }
    Ok(families)
}

fn is_name(name: &str, colons: bool) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || colons && byte == b':';
    name.bytes().all(fits) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// `{a="b",c="d"} 1`
fn labelled(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else { return Ok((labels, text.strip_prefix(' ').ok_or("no blank")?)) };
    loop {
        let (name, value) = rest.split_once("=\"").ok_or("no label")?;
        if !is_name(name, false) || name.starts_with("__") {
            return Err(format!("a label's name {name:?}"));
        }
        let mut chars = value.char_indices();
        let mut read = String::new();
        let end = loop {
            match chars.next().ok_or("a value that does not end")? {
                (at, '"') => break at,
                (_, '\\') => read.push(match chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, escaped @ ('\\' | '"'))) => escaped,
                    other => return Err(format!("an escape {other:?}")),
                }),
                (_, char) => read.push(char),
            }
        };
        if read.is_empty() || labels.insert(name.to_owned(), read).is_some() {
            return Err(format!("{name} is empty or stands twice"));
        }
        rest = &value[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok((labels, rest.strip_prefix("} ").ok_or("no end of the labels")?)),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => text.parse().ok(),
        _ => None,
    }
}

/// Any text, hostile ones often.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => any::<String>(), 2 => "[\\\\\"\n,{}= a#\u{0}\r\u{1b}]{0,10}", 1 => "(ü|\\\\|\n){300,400}"]
}

fn certificate(seed: u8) -> impl Strategy<Value = CertificateFacts> {
    let role = proptest::sample::select(CertRole::ALL);
    let names = proptest::collection::vec(text().prop_map(|name| SubjectName::Dns(name.into())), 0..4);
    let one_in_three_alike = 0..3_u8;
    let texts = [text().boxed(), text().boxed(), text().boxed(), text().boxed()];
    (role, texts, names, any::<i64>(), any::<i64>(), one_in_three_alike).prop_map(
        move |(role, [subject, cn, issuer, issuer_cn], names, not_before, not_after, alike)| {
            // Twins in subject and issuer stand in many places.
            let twin = alike == 0;
            let or = |text: String, other: &str| if twin { other.into() } else { text.into_boxed_str().into() };
            let mut facts = example::certificate(role, "twin", "twin CA", seed);
            facts.subject = or(subject, "CN=twin");
            facts.subject_cn = or(cn, "twin");
            facts.issuer = or(issuer, "CN=twin CA");
            facts.issuer_cn = or(issuer_cn, "twin CA");
            facts.names = names.into();
            (facts.not_before, facts.not_after) = (UnixTime::from_secs(not_before), UnixTime::from_secs(not_after));
            facts
        },
    )
}

fn target(number: usize) -> impl Strategy<Value = TargetState> {
    let place = (0..4_u8, text(), text()).prop_map(move |(kind, one, other)| {
        // Two places are never one.
        let one = format!("{number}{one}");
        match kind {
            0 => Place::file(format!("/{one}")),
            1 => example::endpoint(&one, &other),
            2 => Place::Embedded { path: one.into(), kind: EmbeddedKind::User, key: other.into() },
            _ => Place::Secret { namespace: one.into(), name: other.as_str().into(), key: "tls.crt".into() },
        }
    });
    let seeds = [0, 1, 2].map(|seed| proptest::option::of(certificate(seed + 1)).boxed());
    let findings = proptest::collection::vec(proptest::sample::subsequence(Finding::ALL, 0..3), 3);
    let uses = proptest::collection::btree_set((text(), text()), 0..3);
    (place, seeds, findings, proptest::option::of(text()), text(), text(), uses).prop_map(
        move |(place, certificates, findings, failure, team, words, uses)| {
            let certificates: Vec<CertificateFacts> = certificates.into_iter().flatten().collect();
            let mut state = example::target(place, certificates.clone(), Vec::new());
            state.report.certificates = certificates.iter().zip(findings).map(|(_, found)| found.into_iter().collect()).collect();
            state.labels = Some(example::labels(&[("team", &*team)]));
            let used_by =
                uses.iter().map(|(name, host)| Use { kind: "Ingress".into(), name: name.as_str().into(), host: host.as_str().into() });
            state.circumstances =
                Some(std::sync::Arc::new(crate::model::Circumstances { used_by: used_by.collect(), ..Default::default() }));
            match failure {
                Some(detail) => example::failing(state, Stage::Read, Reason::PermissionDenied, &(detail + &words)),
                None => state,
            }
        },
    )
}

fn watched() -> impl Strategy<Value = Vec<Watched>> {
    let targets = [0, 1, 2].map(|number| proptest::option::weighted(0.8, target(number)).boxed());
    (text(), targets, text(), any::<bool>()).prop_map(|(name, targets, owner, trust_store)| {
        let mut header = example::source(SourceKind::File, &format!("s{name}"));
        header.options.labels = example::labels(&[("owner", &*owner)]);
        header.options.trust_store = trust_store;
        vec![Watched { header, status: SourceStatus::default(), targets: targets.into_iter().flatten().collect() }]
    })
}

fn scraped(view: &View) -> Scrape {
    Exposition::new().scrape(view, &Counters::of_sources("1.2.3", None).unwrap())
}

/// Whether a label says this: as it is, or its beginning where it is long; nothing where it is empty.
fn says(found: Option<&String>, expected: &str) -> bool {
    match found {
        None => expected.is_empty(),
        Some(found) if expected.len() <= 512 => found == expected,
        Some(found) => {
            found.len() <= 512
                && found.split_once('…').is_some_and(|_| expected.starts_with(&found[..100.min(found.floor_char_boundary(100))]))
        }
    }
}

#[test]
fn any_state_is_a_valid_exposition_that_says_what_it_was_given() {
    cases(100, &(watched(), any::<bool>()), |(watched, enix)| {
        let renderer = Renderer::new(enix);
        let view = View::new(watched, &renderer);
        let plain = drained(scraped(&view).plain());
        let mut inflated = Vec::new();
        let zipped = drained(scraped(&view).gzip());
        std::io::copy(&mut GzDecoder::new(&*zipped), &mut inflated).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(inflated == plain, "the gzip body is the plain one");
        let text = String::from_utf8(plain).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let families = parse(&text).map_err(TestCaseError::fail)?;

        let Watched { header, targets, .. } = &view.watched[0];
        let ends = families.get("x509_cert_not_after").map(Vec::as_slice).unwrap_or_default();
        let all: usize = targets.iter().map(|target| target.content.certificates.len()).sum();
        if !header.options.trust_store {
            prop_assert_eq!(ends.len(), all, "a series for each certificate");
            for target in targets {
                for facts in &target.content.certificates {
                    let is_it = |(labels, value): &&Sample| {
                        *value == facts.not_after.secs() as f64
                            && says(labels.get("subject"), &facts.subject)
                            && says(labels.get("subject_CN"), &facts.subject_cn)
                            && says(labels.get("issuer_CN"), &facts.issuer_cn)
                            && says(labels.get("source_name"), &header.id.name)
                            && target.labels.as_ref().is_some_and(|own| says(labels.get("team"), own.value("team").unwrap_or_default()))
                            && says(labels.get("owner"), header.options.labels.value("owner").unwrap_or_default())
                            && match &target.place {
                                Place::File { path } | Place::Embedded { path, .. } => says(labels.get("filepath"), path),
                                Place::Endpoint { target, .. } => says(labels.get("target"), target),
                                Place::Secret { namespace, name, .. } => {
                                    says(labels.get("secret_namespace"), namespace) && says(labels.get("secret_name"), name)
                                }
                                _ => false,
                            }
                    };
                    prop_assert!(ends.iter().any(|sample| is_it(&sample)), "{:?} at {} in\n{}", facts.subject, target.place, text);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn promtool_finds_nothing_to_say_about_any_of_them() {
    let cases_of_promtool = 6;
    cases(cases_of_promtool, &(watched(), any::<bool>()), |(watched, enix)| {
        let view = View::new(watched, &Renderer::new(enix));
        through("promtool", &["check", "metrics"], &drained(scraped(&view).plain()));
        Ok(())
    });
}

#[test]
fn the_parser_of_this_test_is_strict() {
    let head = "# HELP a b\n# TYPE a gauge\n";
    for (behaviour, text, valid) in [
        ("a sample", "a{b=\"c\\n\\\"\\\\\"} 1\n", true),
        ("without labels", "a 1.5\n", true),
        ("no end of line", "a 1", false),
        ("no value", "a{b=\"c\"}\n", false),
        ("another family", "b 1\n", false),
        ("a label twice", "a{b=\"c\",b=\"d\"} 1\n", false),
        ("an empty label", "a{b=\"\"} 1\n", false),
        ("an unknown escape", "a{b=\"\\t\"} 1\n", false),
        ("a series twice", "a{b=\"c\"} 1\na{b=\"c\"} 2\n", false),
        ("a name that is none", "a{1=\"c\"} 1\n", false),
        ("a raw line break", "a{b=\"c\nd\"} 1\n", false),
        ("a family twice", "# HELP a b\n", false),
    ] {
        assert_eq!(parse(&format!("{head}{text}")).is_ok(), valid, "{behaviour}");
    }
    assert!(parse("a 1\n").is_err(), "a sample without its type");
}
