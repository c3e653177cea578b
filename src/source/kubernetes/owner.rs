//! Whose a Secret or ConfigMap is: from labels and annotations, its own and its namespace's, to the user's labels on series.
//!
//! May touch: `model`. Pure.
//!
//! What may be needed later is kept under the words of the configuration: `label:app`, `annotation:a.example/b`, `namespace_label:team`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::selector::is_key;
use crate::model::user_labels::check_name;
use crate::model::{BuildError, Labels};

/// The longest value that goes into a series' label; annotations may be much longer.
const LONGEST: usize = 512;

/// From which labels and annotations of objects of one kind the labels of their series are made.
#[derive(Debug, Default)]
pub struct Owner {
    from: Vec<(Box<str>, Vec<Box<str>>)>,
    shown: Vec<(Box<str>, Box<str>)>,
    shows_all: bool,
    prefix: &'static str,
}

impl Owner {
    /// `labels_from`, and the labels shown as they are under names that begin with the prefix.
    ///
    /// # Errors
    /// A name or source that cannot be.
    pub fn new(from: &BTreeMap<String, Vec<String>>, (key, prefix): (&str, &'static str), shown: &[String]) -> Result<Self, BuildError> {
        let mut owner = Self { prefix, ..Self::default() };
        for (name, sources) in from {
            let at = format!("labels_from.{name}");
            check_name(name).map_err(|error| BuildError::new(&at, error))?;
            if sources.is_empty() {
                return Err(BuildError::new(
                    at,
                    "expected at least one of \"label:…\", \"annotation:…\", \"namespace_label:…\", \"namespace_annotation:…\"",
                ));
            }
            for source in sources {
                let known = ["label:", "annotation:", "namespace_label:", "namespace_annotation:"];
                if !known.iter().any(|prefix| source.strip_prefix(prefix).is_some_and(is_key)) {
                    let words = "expected \"label:KEY\", \"annotation:KEY\", \"namespace_label:KEY\" or \"namespace_annotation:KEY\"";
                    return Err(BuildError::new(at, format!("{words}, found {source:?}")));
                }
            }
            owner.from.push((name.as_str().into(), sources.iter().map(|source| source.as_str().into()).collect()));
        }
        for (index, label) in shown.iter().enumerate() {
            let refuse = |words: String| Err(BuildError::new(format!("{key}[{index}]"), words));
            if label == "*" {
                owner.shows_all = true;
                continue;
            }
            if !is_key(label) {
                return refuse(format!("expected the name of a label, or \"*\", found {label:?}"));
            }
            let name = owner.shown_name(label);
            if owner.shown.iter().any(|(_, taken)| *taken == name) {
                return refuse(format!("another label is shown as {name} already"));
            }
            owner.shown.push((format!("label:{label}").into(), name));
        }
        Ok(owner)
    }

    /// Whether anything of the objects' own is needed.
    pub fn reads_objects(&self) -> bool {
        self.shows_all || !self.shown.is_empty() || self.sources().any(|source| !source.starts_with("namespace_"))
    }

    /// Whether anything of namespaces is needed.
    pub fn reads_namespaces(&self) -> bool {
        self.sources().any(|source| source.starts_with("namespace_"))
    }

    /// Whether an object's label or annotation (`label:…`, `annotation:…`), or a namespace's, is needed.
    pub fn reads(&self, word: &str) -> bool {
        self.shows_all && word.starts_with("label:")
            || self.shown.iter().any(|(shown, _)| **shown == *word)
            || self.sources().any(|source| source == word)
    }

    /// The labels of the series of an object: of what was kept of it and of its namespace.
    pub fn labels(&self, own: Option<&Labels>, namespace: Option<&Labels>) -> Option<Arc<Labels>> {
        let value = |word: &str| {
            let of = |labels: Option<&Labels>| find(labels?, word).map(<Box<str>>::from);
            of(own).or_else(|| of(namespace))
        };
        let mut labels: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (name, sources) in &self.from {
            if let Some(value) = sources.iter().find_map(|source| value(source)).filter(|value| !value.is_empty()) {
                labels.push((name.clone(), value));
            }
        }
        for (word, text) in own.map_or(&[][..], |own| &own.0) {
            let name = match self.shown.iter().find(|(shown, _)| shown == word) {
                Some((_, name)) => name.clone(),
                None if self.shows_all => match word.strip_prefix("label:") {
                    Some(label) => self.shown_name(label),
                    None => continue,
                },
                None => continue,
            };
            labels.push((name, text.clone()));
        }
        // Names that differ in characters that labels cannot hold: the first counts.
        labels.sort();
        labels.dedup_by(|b, a| a.0 == b.0);
        (!labels.is_empty()).then(|| Arc::new(Labels(labels.into())))
    }

    fn sources(&self) -> impl Iterator<Item = &str> {
        self.from.iter().flat_map(|(_, sources)| sources.iter().map(|source| &**source))
    }

    fn shown_name(&self, label: &str) -> Box<str> {
        let plain = label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
        self.prefix.chars().chain(plain).collect::<String>().into()
    }
}

/// What was kept under a word.
fn find<'l>(labels: &'l Labels, word: &str) -> Option<&'l str> {
    labels.0.binary_search_by(|(known, _)| (**known).cmp(word)).ok().map(|at| &*labels.0[at].1)
}

/// A value as it may stand in a label.
pub fn shortened(value: &str) -> Box<str> {
    value[..value.floor_char_boundary(LONGEST)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    fn owner(shown: &[&str]) -> Owner {
        let sources = ["label:team", "annotation:a.example/team", "namespace_label:team"].map(str::to_owned).to_vec();
        let shown: Vec<String> = shown.iter().map(|label| (*label).to_owned()).collect();
        Owner::new(&BTreeMap::from([("team".to_owned(), sources)]), ("secret_labels", "secret_label_"), &shown).unwrap()
    }

    #[test]
    fn the_first_source_that_is_there_gives_the_label() {
        let namespace = labels(&[("namespace_label:team", "of-namespace")]);
        for (case, own, expected) in [
            ("nothing of its own", &[][..], "of-namespace"),
            ("an annotation", &[("annotation:a.example/team", "of-annotation")], "of-annotation"),
            ("both", &[("annotation:a.example/team", "of-annotation"), ("label:team", "of-label")], "of-label"),
        ] {
            let made = owner(&[]).labels(Some(&labels(own)), Some(&namespace)).unwrap();
            assert_eq!(*made, labels(&[("team", expected)]), "{case}");
        }
        assert_eq!(owner(&[]).labels(None, None), None);
    }

    #[test]
    fn shown_labels_get_names_that_prometheus_takes() {
        let own =
            labels(&[("annotation:x", "n"), ("label:app.example/part-of", "p"), ("label:app_example_part-of", "q"), ("label:tier", "t")]);
        for (shown, expected) in [
            (&["tier"][..], &[("secret_label_tier", "t")][..]),
            (&["app.example/part-of"], &[("secret_label_app_example_part_of", "p")]),
            (&["*"], &[("secret_label_app_example_part_of", "p"), ("secret_label_tier", "t")]),
        ] {
            assert_eq!(*owner(shown).labels(Some(&own), None).unwrap(), labels(expected), "{shown:?}");
        }
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(shortened(&"é".repeat(300)).len(), 512);
        assert_eq!(shortened(&format!("a{}", "é".repeat(300))).len(), 511);
        assert_eq!(&*shortened("short"), "short");
    }
}
