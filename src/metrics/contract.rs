//! What is rendered and what the table declares are the same thing.

use std::collections::{BTreeMap, BTreeSet};

use super::example::{self, View};
use super::labels::Group;
use super::table::{FAMILIES, Family, Origin};
use super::{Exposition, Renderer};

/// The lines of a scrape: HELP and TYPE by family, and the samples.
struct Parsed {
    help: BTreeMap<String, String>,
    kinds: BTreeMap<String, String>,
    samples: Vec<(String, Vec<(String, String)>)>,
}

fn parsed(text: &str) -> Parsed {
    let mut all = Parsed { help: BTreeMap::new(), kinds: BTreeMap::new(), samples: Vec::new() };
    let words = |rest: &str| rest.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.to_owned())).unwrap();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = words(rest);
            assert!(all.help.insert(name.clone(), help).is_none(), "{name} has one HELP: its lines stay together");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            all.kinds.extend([words(rest)]);
        } else {
            all.samples.push(sample(line));
        }
    }
    all
}

fn sample(line: &str) -> (String, Vec<(String, String)>) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    assert!(value.parse::<f64>().is_ok(), "{line}");
    let Some((name, rest)) = series.split_once('{') else { return (series.to_owned(), Vec::new()) };
    let mut rest = rest.strip_suffix('}').unwrap();
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (label, tail) = rest.split_once("=\"").unwrap();
        let (mut end, mut escaped) = (0, false);
        for (at, byte) in tail.bytes().enumerate() {
            if byte == b'"' && !escaped {
                end = at;
                break;
            }
            escaped = byte == b'\\' && !escaped;
        }
        labels.push((label.trim_start_matches(',').to_owned(), tail[..end].to_owned()));
        rest = &tail[end + 1..];
    }
    (name.to_owned(), labels)
}

fn scraped(enix: bool) -> (Parsed, u64, usize) {
    let renderer = Renderer::new(enix);
    let watched = example::rich();
    let counters = example::counters(&watched);
    let view = View::new(watched, &renderer);
    let mut body = Exposition::new().scrape(&view, &counters).plain();
    let mut text = Vec::new();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    while let std::task::Poll::Ready(Some(frame)) = http_body::Body::poll_frame(std::pin::Pin::new(&mut body), &mut cx) {
        text.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    // Those of the sources, of services and of relations: all but the targets'.
    let own = view
        .rendered
        .iter()
        .step_by(2)
        .chain(view.rendered.last())
        .flat_map(|rendered| &rendered.fragments)
        .map(|fragment| fragment.lines as usize)
        .sum();
    (parsed(&String::from_utf8(text).unwrap()), view.foreseen(&renderer), own)
}

fn family<'a>(by_name: &BTreeMap<&str, &'a Family>, sample: &str) -> &'a Family {
    let plain = |suffix| sample.strip_suffix(suffix).and_then(|name| by_name.get(name));
    by_name.get(sample).or_else(|| plain("_bucket")).or_else(|| plain("_sum")).or_else(|| plain("_count")).unwrap_or_else(|| {
        panic!("{sample} is not in the table");
    })
}

#[test]
fn every_sample_is_declared_with_its_type_and_labels() {
    let by_name: BTreeMap<&str, &Family> = FAMILIES.iter().map(|family| (family.name, family)).collect();
    assert_eq!(by_name.len(), FAMILIES.len(), "names are unique");
    let (scrape, ..) = scraped(true);
    let of_users: BTreeSet<&str> = ["owner", "team", "secret_label_app"].into();
    let mut seen = BTreeSet::new();
    for (name, labels) in &scrape.samples {
        let family = family(&by_name, name);
        seen.insert(family.name);
        let declared = family.labels.names();
        let with_users = family.labels.groups().contains(&Group::User);
        for (label, value) in labels {
            let allowed = declared.contains(&&**label) || (with_users && of_users.contains(&**label)) || (label == "le");
            assert!(allowed, "{name} does not declare {label}");
            assert!(!value.is_empty(), "{name}: {label} applies or is absent");
        }
        assert_eq!(scrape.kinds[family.name], family.kind.as_str(), "{name}");
        assert_eq!(scrape.help[family.name], family.help(), "{name}");
    }
    let missing: Vec<_> = FAMILIES
        .iter()
        .filter(|family| family.origin != Origin::Probe)
        .map(|family| family.name)
        .filter(|name| !seen.contains(name))
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "the rich example shows every family");
}

#[test]
fn every_family_explains_itself() {
    for family in FAMILIES {
        let help = family.help();
        assert!(help.ends_with('.') && !help.contains('\n') && !help.contains('\\') && !help.contains("  "), "{}: {help}", family.name);
        assert_eq!(help.ends_with("From the last scheduled scan."), matches!(family.origin, Origin::Scan | Origin::Compatibility));
    }
}

#[test]
fn no_label_clashes_with_those_of_prometheus() {
    let reserved = ["type", "role", "instance", "job", "region", "zone", "cluster", "namespace", "pod", "service", "env"];
    for family in FAMILIES {
        let names = family.labels.names();
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{}: {names:?}", family.name);
        assert!(!names.iter().any(|name| reserved.contains(name)), "{}: {names:?}", family.name);
    }
}

#[test]
fn no_two_samples_have_the_same_labels() {
    for enix in [false, true] {
        let (scrape, ..) = scraped(enix);
        let mut seen = BTreeSet::new();
        for (name, mut labels) in scrape.samples {
            labels.sort();
            assert!(labels.windows(2).all(|pair| pair[0].0 != pair[1].0), "a label stands once: {name}{labels:?}");
            assert!(seen.insert((name.clone(), labels.clone())), "{name}{labels:?} is there twice");
        }
    }
}

#[test]
fn series_are_foreseen_exactly() {
    for enix in [false, true] {
        let (scrape, foreseen, of_sources) = scraped(enix);
        let from_snapshot = |name: &str| {
            let family = FAMILIES.iter().find(|family| family.name == name);
            family.is_some_and(|family| !matches!(family.origin, Origin::Registry | Origin::Process))
        };
        let rendered = scrape.samples.iter().filter(|(name, _)| from_snapshot(name)).count();
        assert_eq!(rendered as u64, foreseen + of_sources as u64, "enix: {enix}");
    }
}

#[test]
fn user_labels_of_a_target_replace_those_of_its_source() {
    let (scrape, ..) = scraped(false);
    let own = scrape.samples.iter().find(|(_, all)| all.contains(&("filepath".into(), "/srv/own.pem".into()))).unwrap();
    let of_users: Vec<_> = own.1.iter().filter(|(name, _)| ["owner", "team"].contains(&&**name)).map(|(_, value)| &**value).collect();
    assert_eq!(of_users, ["web", "search"]);
}
