//! A strict reader of the text exposition format: what is only nearly right is wrong.

use std::collections::{BTreeMap, BTreeSet};

/// One line of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name with suffix, `x_bucket`.
    pub name: String,
    /// The labels, unescaped.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// A label's value; empty when it is absent, as in PromQL.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// Whether it has these labels, among others.
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.label(name) == *value)
    }

    /// Name and labels: what makes it a series.
    pub fn series(&self) -> String {
        format!("{}{:?}", self.name, self.labels)
    }
}

/// A whole scrape.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// As it came.
    pub text: String,
    /// In order.
    pub samples: Vec<Sample>,
    /// Types by family.
    pub types: BTreeMap<String, String>,
}

impl Scrape {
    /// Reads a scrape; panics with the line that is wrong.
    pub fn parse(text: &str) -> Self {
        let mut scrape = Self { text: text.to_owned(), samples: Vec::new(), types: BTreeMap::new() };
        let (mut helped, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut family = String::new();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line does not end");
        for line in text.split_terminator('\n') {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("HELP without text: {line}"));
                assert!(!help.trim().is_empty() && helped.insert(name.to_owned()), "HELP empty or twice: {line}");
                name.clone_into(&mut family);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("TYPE without type: {line}"));
                assert_eq!(name, family, "TYPE does not follow its HELP: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(scrape.types.insert(name.to_owned(), kind.to_owned()).is_none(), "TYPE twice: {line}");
            } else {
                let sample = sample(line).unwrap_or_else(|why| panic!("{why}: {line}"));
                let kind = scrape.types.get(&family).unwrap_or_else(|| panic!("no TYPE before: {line}"));
                let suffix = sample.name.strip_prefix(&family).unwrap_or_else(|| panic!("not beside its family {family}: {line}"));
                let fits = if kind == "histogram" { ["_bucket", "_sum", "_count"].contains(&suffix) } else { suffix.is_empty() };
                assert!(fits, "not of the family {family}: {line}");
                assert!(seen.insert(sample.series()), "twice: {line}");
                scrape.samples.push(sample);
            }
        }
        assert_eq!(helped.len(), scrape.types.len(), "HELP and TYPE come together");
        scrape.histograms_add_up();
        scrape
    }

    fn histograms_add_up(&self) {
        for infinite in self.samples.iter().filter(|sample| sample.label("le") == "+Inf") {
            let mut labels = infinite.labels.clone();
            labels.remove("le");
            let name = infinite.name.replace("_bucket", "_count");
            let count = self.samples.iter().find(|sample| sample.name == name && sample.labels == labels);
            assert_eq!(count.map(|sample| sample.value), Some(infinite.value), "{infinite:?}");
        }
    }

    /// The samples of this name that have these labels, among others.
    pub fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.name == name && sample.has(labels)).collect()
    }

    /// The value of the one sample there is; `None` when there is none.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.all(name, labels);
        assert!(found.len() <= 1, "{name} {labels:?} is more than one: {found:#?}");
        found.first().map(|sample| sample.value)
    }

    /// Names and labels of all series whose name begins so.
    pub fn series(&self, prefix: &str) -> BTreeSet<String> {
        self.samples.iter().filter(|sample| sample.name.starts_with(prefix)).map(Sample::series).collect()
    }

    /// The series that carry this label and value.
    pub fn with(&self, label: &str, value: &str) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.label(label) == value).collect()
    }
}

fn sample(line: &str) -> Result<Sample, &'static str> {
    let is_name = |text: &str, more: &[char]| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(&c);
        !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(fits)
    };
    let end = line.find(['{', ' ']).ok_or("neither labels nor value")?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name, &[':']) {
        return Err("not a metric name");
    }
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.split_once("=\"").ok_or("a label without value")?;
            if !is_name(label, &[]) {
                return Err("not a label name");
            }
            let (value, after) = quoted(after)?;
            if value.is_empty() || labels.insert(label.to_owned(), value).is_some() {
                return Err("a label is empty or there twice");
            }
            rest = after.strip_prefix(',').unwrap_or(after);
            if rest == after && !rest.starts_with('}') {
                return Err("no comma between labels");
            }
        }
    }
    let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
    // Rust reads what Prometheus writes: 1e+06, NaN, +Inf. A second word would be a timestamp: we write none.
    let value = value.parse().map_err(|_| "not a value")?;
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// A value up to its closing quote, and what follows.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(match chars.next().map(|(_, c)| c) {
                Some('n') => '\n',
                Some(c @ ('\\' | '"')) => c,
                _ => return Err("an unknown escape"),
            }),
            c => value.push(c),
        }
    }
    Err("a value does not end")
}

#[cfg(test)]
mod tests {
    use super::Scrape;

    #[test]
    fn only_a_right_exposition_is_read() {
        let head = "# HELP a What.\n# TYPE a gauge\n";
        assert_eq!(Scrape::parse(&format!("{head}a{{x=\"q\\\"\\\\\\n\"}} 1\n")).samples[0].label("x"), "q\"\\\n");
        for (wrong, text) in [
            ("a series twice", "a{x=\"1\"} 1\na{x=\"1\"} 2\n"),
            ("a foreign family", "b 1\n"),
            ("a line that does not end", "a 1"),
            ("a raw newline in a value", "a{x=\"1\n2\"} 1\n"),
            ("a raw quote in a value", "a{x=\"1\"2\"} 1\n"),
            ("a timestamp", "a 1 1700000000000\n"),
            ("an unknown escape", "a{x=\"\\t\"} 1\n"),
            ("TYPE twice", "# TYPE a gauge\n"),
            ("HELP twice", "# HELP a What.\n"),
            ("an empty line", "\n"),
        ] {
            assert!(std::panic::catch_unwind(|| Scrape::parse(&format!("{head}{text}"))).is_err(), "{wrong}");
        }
    }
}
