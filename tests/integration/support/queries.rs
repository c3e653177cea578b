//! Every PromQL expression that the repository ships, and what Grafana would make of its variables.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The label that names owners where the tests look at dashboards.
pub const OWNER: &str = "team";

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub struct Query {
    /// File, then rule or panel.
    pub place: String,
    /// As written.
    pub text: String,
    /// The text that names a series in a graph, with `{{label}}`; empty for rules.
    pub legend: String,
    /// Columns of a table that come from labels of any of its queries; empty for rules and graphs.
    pub columns: Vec<String>,
    /// The other queries of the table.
    pub beside: Vec<String>,
}

impl Query {
    /// The expression with the variables of a dashboard filled in: all jobs and sources, `range` for time ranges.
    pub fn filled(&self, range: &str) -> String {
        self.fill(&self.text, range)
    }

    /// The other expressions of its table, filled in likewise.
    pub fn filled_beside(&self, range: &str) -> impl Iterator<Item = String> {
        self.beside.iter().map(move |text| self.fill(text, range))
    }

    fn fill(&self, text: &str, range: &str) -> String {
        let mut text = text.to_owned();
        let chosen = ["$job", "$source_name", "$subject_CN", "$serial_number", "$target", "$server_name"].map(|variable| (variable, ".*"));
        let given = [("$__rate_interval", range), ("$__range", range), ("$__interval", "1s"), ("$owner", OWNER)];
        for (variable, value) in given.into_iter().chain(chosen) {
            text = text.replace(variable, value);
        }
        // Of label_replace.
        assert!(!text.replace("\"$1\"", "").contains('$'), "{}: an unknown variable in {text}", self.place);
        text
    }
}

/// The dashboards, each with its file.
pub fn dashboards() -> Vec<(PathBuf, Value)> {
    let read = |path: PathBuf| {
        let dashboard = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        (path, dashboard)
    };
    files("dashboards", "json").into_iter().map(read).collect()
}

/// The panels of a dashboard, without the headings between them.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().expect("a dashboard has panels").iter().filter(|panel| panel["type"] != "row").collect()
}

/// The expressions of a dashboard.
pub fn of_dashboard(path: &Path, dashboard: &Value) -> Vec<Query> {
    let of_panel = |panel: &Value| -> Vec<Query> {
        let title = panel["title"].as_str().unwrap_or_default();
        let names =
            panel["transformations"].as_array().into_iter().flatten().find_map(|step| step["options"]["include"]["names"].as_array());
        let columns: Vec<String> = names.into_iter().flatten().map(text).filter(|name| !name.starts_with("Value")).collect();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let query = |target: &Value| Query {
            place: format!("{}: {title}", path.display()),
            text: text(&target["expr"]),
            legend: target["legendFormat"].as_str().unwrap_or_default().to_owned(),
            columns: columns.clone(),
            beside: targets.iter().map(|target| text(&target["expr"])).collect(),
        };
        targets.iter().map(query).collect()
    };
    let of_annotation = |annotation: &Value| Query {
        place: format!("{}: annotation {}", path.display(), text(&annotation["name"])),
        text: text(&annotation["target"]["expr"]),
        legend: format!("{}{}", text(&annotation["titleFormat"]), text(&annotation["textFormat"])),
        columns: Vec::new(),
        beside: Vec::new(),
    };
    let annotations = dashboard["annotations"]["list"].as_array().into_iter().flatten().map(of_annotation);
    panels(dashboard).into_iter().flat_map(of_panel).chain(annotations).collect()
}

/// The expressions of all rules. Names that rules record are in `recorded`.
pub fn of_rules(recorded: &mut Vec<String>) -> Vec<Query> {
    #[derive(serde::Deserialize)]
    struct Rules {
        groups: Vec<Group>,
    }
    #[derive(serde::Deserialize)]
    struct Group {
        rules: Vec<Rule>,
    }
    #[derive(serde::Deserialize)]
    struct Rule {
        alert: Option<String>,
        record: Option<String>,
        expr: String,
    }

    let mut queries = Vec::new();
    for path in files("alerts", "yml") {
        let rules: Rules =
            serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        for rule in rules.groups.into_iter().flat_map(|group| group.rules) {
            let name = rule.alert.or(rule.record.clone()).expect("a rule alerts or records");
            recorded.extend(rule.record);
            queries.push(Query {
                place: format!("{}: {name}", path.display()),
                text: rule.expr,
                legend: String::new(),
                columns: Vec::new(),
                beside: Vec::new(),
            });
        }
    }
    queries
}

/// The expressions of a page's tables: cells in backticks under the heading `expression`.
pub fn of_page(path: &str) -> Vec<Query> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let cells = |line: &str| line.trim().trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let (mut column, mut queries) = (None, Vec::new());
    for line in page.lines() {
        if !line.starts_with('|') {
            column = None;
        } else if line.starts_with("|---") {
        } else if let Some(at) = column {
            let row = cells(line);
            let cell: &String = row.get(at).unwrap_or_else(|| panic!("{path}: {line}"));
            let expression = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
            queries.extend(expression.map(|text| Query {
                place: format!("{path}: {}", row[0]),
                text: text.to_owned(),
                legend: String::new(),
                columns: Vec::new(),
                beside: Vec::new(),
            }));
        } else {
            column = cells(line).iter().position(|cell| cell == "expression");
        }
    }
    queries
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    found.sort();
    assert!(!found.is_empty(), "{folder:?} holds no {extension}");
    found
}
