//! What the repository ships for Prometheus and Grafana speaks of families, labels and words that exist.

use std::collections::BTreeSet;

use notafter::metrics::Group;
use notafter::metrics::table::{FAMILIES, Family, Kind};
use notafter::model::{CertRole, Finding, Reason, SourceKind, Stage};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, AggregateExpr, BinaryExpr, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

use crate::support::queries::{self, Query};

/// Series that are not ours, and the labels of theirs that may be matched.
const FOREIGN: &[(&str, &[&str])] = &[
    ("up", &[]),
    ("ALERTS", OF_ALERTS),
    ("ALERTS_FOR_STATE", OF_ALERTS),
    ("scrape_samples_scraped", &[]),
    ("scrape_duration_seconds", &[]),
    ("envoy_listener_ssl_connection_error", &["envoy_listener_address"]),
    ("envoy_listener_ssl_fail_verify_no_cert", &["envoy_listener_address"]),
    ("envoy_listener_ssl_fail_verify_error", &["envoy_listener_address"]),
    ("envoy_listener_ssl_fail_verify_san", &["envoy_listener_address"]),
    ("envoy_listener_ssl_fail_verify_cert_hash", &["envoy_listener_address"]),
    ("envoy_listener_ssl_handshake", &["envoy_listener_address"]),
    ("envoy_listener_ssl_no_certificate", &["envoy_listener_address"]),
    ("envoy_cluster_ssl_connection_error", &["envoy_cluster_name"]),
    ("envoy_cluster_ssl_fail_verify_no_cert", &["envoy_cluster_name"]),
    ("envoy_cluster_ssl_fail_verify_error", &["envoy_cluster_name"]),
    ("envoy_cluster_ssl_fail_verify_san", &["envoy_cluster_name"]),
    ("envoy_cluster_ssl_fail_verify_cert_hash", &["envoy_cluster_name"]),
    ("certmanager_certificate_ready_status", &["condition", "name"]),
    ("certmanager_certificate_expiration_timestamp_seconds", &["name"]),
    ("certmanager_certificate_renewal_timestamp_seconds", &["name"]),
    ("istio_requests_total", &["reporter", "connection_security_policy", "destination_workload", "destination_workload_namespace"]),
    ("istio_agent_cert_expiry_seconds", &["resource_name"]),
    ("citadel_server_root_cert_expiry_timestamp", &[]),
    ("citadel_server_cert_chain_expiry_timestamp", &[]),
    ("control_identity_cert_expiration_timestamp_seconds", &[]),
    ("consul_mesh_active_root_ca_expiry", &[]),
    ("consul_mesh_active_signing_ca_expiry", &[]),
];
/// What an alert has of its own or from other systems; the rest comes from the series that it is about.
const OF_ALERTS: &[&str] = &["alertname", "alertstate", "severity", "cause", "envoy_listener_address", "destination_workload"];
/// Families that no rule and no panel needs, and why they are there.
const DIAGNOSTIC: &[(&str, &str)] = &[
    ("x509_cert_expired", "for dashboards of the closest peer; what it says is not_after against the time"),
    ("process_start_time_seconds", "restarts are seen in the age of the configuration"),
    ("process_virtual_memory_bytes", "every process has it, and it means little"),
];
/// What Prometheus puts on every target.
const OF_TARGETS: &[&str] = &["job", "instance", "pod"];

/// The labels whose values are closed, and these.
fn closed_values(label: &str) -> Option<Vec<&'static str>> {
    match label {
        "source_kind" => Some(SourceKind::ALL.iter().map(|word| word.as_str()).collect()),
        "cert_role" => Some(CertRole::ALL.iter().map(|word| word.as_str()).collect()),
        "finding" => Some(Finding::ALL.iter().map(|word| word.as_str()).collect()),
        "stage" => Some(Stage::ALL.iter().map(|word| word.as_str()).collect()),
        "reason" => Some(Reason::ALL.iter().map(|word| word.as_str()).collect()),
        "result" => Some(vec!["ok", "error"]),
        _ => None,
    }
}

/// What an expression gets wrong.
fn faults(query: &Query, recorded: &[String]) -> Vec<String> {
    let expression = match parser::parse(&query.filled("5m")) {
        Ok(expression) => expression,
        Err(error) => return vec![format!("{}: {error}", query.place)],
    };
    let mut reading = Reading { recorded, labels: BTreeSet::new(), named: Vec::new(), faults: Vec::new() };
    let _ = walk_expr(&mut reading, &expression);
    let in_legend = query.legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).map(|name| name.trim().to_owned());
    let named: Vec<String> = reading.named.iter().cloned().chain(in_legend).collect();
    let mut beside = Reading { recorded, labels: reading.labels.clone(), named: Vec::new(), faults: Vec::new() };
    query.filled_beside("5m").filter_map(|text| parser::parse(&text).ok()).for_each(|other| {
        let _ = walk_expr(&mut beside, &other);
    });
    let columns = query.columns.iter().filter(|label| !beside.labels.contains(*label) && !OF_TARGETS.contains(&&***label));
    reading.faults.extend(columns.map(|label| format!("no series of it fills the column {label}")));
    let unknown =
        named.into_iter().filter(|label| !reading.labels.contains(label) && !OF_TARGETS.contains(&&**label) && label != queries::OWNER);
    reading.faults.extend(unknown.map(|label| format!("no series of it has the label {label}")));
    reading.faults.into_iter().map(|fault| format!("{}: {fault}", query.place)).collect()
}

struct Reading<'a> {
    recorded: &'a [String],
    /// Labels that its series may have.
    labels: BTreeSet<String>,
    /// Labels that it groups or matches by.
    named: Vec<String>,
    faults: Vec<String>,
}

impl ExprVisitor for Reading<'_> {
    type Error = ();

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
        match expression {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(selector) => self.selector(&selector.vs),
            Expr::Aggregate(AggregateExpr { modifier: Some(modifier), .. }) => self.named.extend(modifier.labels().labels.clone()),
            Expr::Aggregate(AggregateExpr { param: Some(param), .. }) if literal(param).is_some() => {
                self.labels.extend(literal(param).map(str::to_owned)); // count_values
            }
            Expr::Binary(BinaryExpr { modifier: Some(modifier), .. }) => {
                let matched = modifier.matching.iter().flat_map(|matching| matching.labels().labels.clone());
                let carried = modifier.card.labels().into_iter().flat_map(|carried| carried.labels.clone());
                self.named.extend(matched.chain(carried));
            }
            Expr::Call(call) if matches!(call.func.name, "label_join" | "label_replace") => {
                let words: Vec<&str> = call.args.args.iter().filter_map(|argument| literal(argument)).collect();
                self.labels.extend(words.first().map(|made| (*made).to_owned()));
                let used = if call.func.name == "label_join" { words.get(2..) } else { words.get(2..3) };
                self.named.extend(used.into_iter().flatten().filter(|label| !label.is_empty()).map(|label| (*label).to_owned()));
            }
            _ => {}
        }
        Ok(true)
    }
}

impl Reading<'_> {
    fn selector(&mut self, selector: &VectorSelector) {
        let Some(name) = &selector.name else { return self.of_many(selector) };
        if self.recorded.contains(name) {
            return;
        }
        let matchers = || selector.matchers.matchers.iter().chain(selector.matchers.or_matchers.iter().flatten());
        let known: Vec<&str> = if let Some((_, labels)) = FOREIGN.iter().find(|(foreign, _)| foreign == name) {
            let also = FAMILIES.iter().filter(|_| labels == &OF_ALERTS).flat_map(|family| family.labels.names());
            labels.iter().copied().chain(also).collect()
        } else if let Some((family, histogram)) = family(name) {
            // What is there only with `compatibility` is nothing to rely on.
            let optional = Group::NameFields.names();
            family.labels.names().into_iter().filter(|label| !optional.contains(label)).chain(histogram.then_some("le")).collect()
        } else {
            return self.faults.push(format!("{name} is not in the metric table"));
        };
        for matcher in matchers() {
            if !known.contains(&&*matcher.name) && !OF_TARGETS.contains(&&*matcher.name) {
                self.faults.push(format!("{name} has no label {}", matcher.name));
            }
            self.values(matcher);
        }
        self.labels.extend(known.into_iter().map(str::to_owned));
    }

    /// All families of a beginning: `{__name__=~"x509_.+"}`.
    fn of_many(&mut self, selector: &VectorSelector) {
        let beginnings = selector.matchers.matchers.iter().find(|matcher| matcher.name == "__name__");
        let Some(beginnings) = beginnings else { return self.faults.push("a selector without a metric's name".to_owned()) };
        for beginning in beginnings.value.split('|').map(|word| word.trim_end_matches(".+")) {
            let found: Vec<&Family> = FAMILIES.iter().filter(|family| family.name.starts_with(beginning)).collect();
            if found.is_empty() {
                self.faults.push(format!("no family begins with {beginning}"));
            }
            self.labels.extend(found.iter().flat_map(|family| family.labels.names()).map(str::to_owned));
        }
    }

    /// A value that a closed label never has matches nothing, for ever.
    fn values(&mut self, matcher: &Matcher) {
        let Some(closed) = closed_values(&matcher.name) else { return };
        let words: Vec<&str> = match matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => vec![&matcher.value],
            MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').collect(),
        };
        let plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        for word in words.into_iter().filter(plain).filter(|word| !word.is_empty() && !closed.contains(word)) {
            self.faults.push(format!("{} is never {word:?}", matcher.name));
        }
    }
}

/// The family of a series, and whether the series is a bucket of a histogram.
fn family(name: &str) -> Option<(&'static Family, bool)> {
    let named = |name: &str| FAMILIES.iter().find(|family| family.name == name);
    if let Some(family) = named(name) {
        return (family.kind != Kind::Histogram).then_some((family, false));
    }
    ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| {
        let family = named(name.strip_suffix(suffix)?)?;
        (family.kind == Kind::Histogram).then_some((family, suffix == "_bucket"))
    })
}

fn literal(expression: &Expr) -> Option<&str> {
    if let Expr::StringLiteral(literal) = expression { Some(&literal.val) } else { None }
}

#[test]
fn every_expression_speaks_of_what_exists() {
    let mut recorded = Vec::new();
    let mut all = queries::of_rules(&mut recorded);
    all.extend(queries::dashboards().iter().flat_map(|(path, dashboard)| queries::of_dashboard(path, dashboard)));
    assert!(all.len() >= 200, "{}", all.len());
    let faults: Vec<String> = all.iter().flat_map(|query| faults(query, &recorded)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_family_is_used_or_diagnostic() {
    let mut all = queries::of_rules(&mut Vec::new());
    all.extend(queries::dashboards().iter().flat_map(|(path, dashboard)| queries::of_dashboard(path, dashboard)));
    let words = |text: &str| text.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).map(str::to_owned).collect::<Vec<_>>();
    let used: BTreeSet<&str> = all.iter().flat_map(|query| words(&query.text)).filter_map(|word| Some(family(&word)?.0.name)).collect();
    // What stands on /probe alone is for the rules and dashboards of those who bring them along (docs/PROBE.md).
    let idle = FAMILIES.iter().filter(|family| !family.name.starts_with("probe_") && !used.contains(family.name)).map(|family| family.name);
    let diagnostic: BTreeSet<&str> = DIAGNOSTIC.iter().map(|(name, _)| *name).collect();
    assert_eq!(idle.collect::<BTreeSet<_>>(), diagnostic, "left: used by no rule and no panel; right: said to be so");
}

#[test]
fn what_does_not_exist_is_noticed() {
    let recorded = ["job:recorded".to_owned()];
    for (behaviour, text, legend, fault) in [
        ("a rule of ours", "x509_cert_not_after{cert_role=\"leaf\"} - time() < 86400", "", None),
        ("a recorded name", "job:recorded > 1", "", None),
        ("a foreign one", "certmanager_certificate_ready_status{condition=\"False\"} == 1", "", None),
        ("a bucket", "sum by (le) (rate(x509_renewal_margin_ratio_bucket{job=~\"$job\"}[$__rate_interval]))", "", None),
        ("a label that is made on the way", "label_join(x509_cert_error, \"place\", \"\", \"target\") > 0", "{{place}}", None),
        ("a misspelt metric", "x509_cert_not_afer > 0", "", Some("not in the metric table")),
        ("a histogram without its suffix", "x509_renewal_margin_ratio > 0", "", Some("not in the metric table")),
        ("a suffix on what is no histogram", "x509_cert_not_after_count > 0", "", Some("not in the metric table")),
        ("a label of another family", "x509_cert_not_after{finding=\"expired\"}", "", Some("has no label finding")),
        ("le outside buckets", "x509_renewal_margin_ratio_sum{le=\"1\"}", "", Some("has no label le")),
        ("a word that never is", "x509_cert_finding{finding=~\"expired|expird\"}", "", Some("never \"expird\"")),
        ("a group by nothing", "sum by (host) (x509_cert_error)", "", Some("has the label host")),
        ("a match on nothing", "x509_cert_error and on (host) tls_probe_success", "", Some("has the label host")),
        ("a join of nothing", "label_join(x509_cert_error, \"place\", \"\", \"host\")", "", Some("has the label host")),
        ("a legend of nothing", "x509_cert_error", "{{host}}", Some("has the label host")),
        ("no metric at all", "{job=\"x\"}", "", Some("without a metric's name")),
        ("no family at all", "count({__name__=~\"x590_.+\"})", "", Some("no family begins with x590_")),
        ("a label that is counted into being", "count_values(\"week\", x509_cert_error)", "{{week}}", None),
        ("no PromQL", "sum by (", "", Some("")),
    ] {
        let query =
            Query { place: String::new(), text: text.to_owned(), legend: legend.to_owned(), columns: Vec::new(), beside: Vec::new() };
        let found = faults(&query, &recorded);
        match fault {
            None => assert_eq!(found, Vec::<String>::new(), "{behaviour}"),
            Some(words) => assert!(found.iter().any(|found| found.contains(words)), "{behaviour}: {found:?}"),
        }
    }
}

#[test]
fn dashboards_follow_the_conventions() {
    for (path, dashboard) in queries::dashboards() {
        let name = path.display();
        assert!(dashboard["id"].is_null(), "{name}: Grafana gives the id");
        assert!(dashboard["uid"].as_str().is_some_and(|uid| uid.starts_with("notafter-")), "{name}: a stable uid");
        assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| (39..=41).contains(&version)), "{name}");
        assert_eq!(dashboard["editable"], false, "{name}");

        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let variable = |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap();
        assert_eq!(variable("datasource")["type"], "datasource", "{name}");
        assert_eq!(variable("datasource")["label"], "Data source", "{name}");
        for choice in ["job", "source_name"] {
            let choice = variable(choice);
            let shape = (&choice["multi"], &choice["includeAll"], &choice["allValue"]);
            assert_eq!(shape, (&true.into(), &true.into(), &".+".into()), "{name}: {choice}");
            let query = choice["query"]["query"].as_str().unwrap();
            let metric = query.trim_start_matches("label_values(").split([',', '{']).next().unwrap();
            assert!(family(metric).is_some(), "{name}: {query}");
        }

        let panels = queries::panels(&dashboard);
        let rows = dashboard["panels"].as_array().unwrap();
        assert!(panels.iter().any(|panel| panel["title"] == "Age of the data"), "{name}: how old what it shows is");
        let mut ids = BTreeSet::new();
        for panel in panels {
            let title = panel["title"].as_str().filter(|title| !title.is_empty()).expect("a title");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {title}: its id is taken");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{name}: {title}: a unit");
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}: {title}: a description");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}: {title}");
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{name}: {title}: a target");
            let references: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
            assert_eq!(references.len(), targets.len(), "{name}: {title}: each target has a letter of its own");
            for target in targets {
                let text = target["expr"].as_str().unwrap();
                // Alerts have the labels of what they are about; what Envoy counts is of another job.
                let own = ["x509_", "tls_", "notafter_"].iter().any(|beginning| text.contains(beginning)) && !text.contains("ALERTS");
                assert!(!own || text.contains("job=~\"$job\""), "{name}: {title}: {text}");
                assert!(!text.contains("source_name=") || text.contains("source_name=~\"$source_name"), "{name}: {title}: {text}");
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{name}: {title}");
            }
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{name}: {title}: inside the grid");
            let overlaps = rows.iter().filter(|other| {
                let [ox, oy, ow, oh] = ["x", "y", "w", "h"].map(|key| other["gridPos"][key].as_u64().unwrap());
                x < ox + ow && ox < x + w && y < oy + oh && oy < y + h
            });
            assert_eq!(overlaps.count(), 1, "{name}: {title} lies on another panel");
        }
    }
}

#[test]
fn expressions_of_those_who_come_from_elsewhere_run_on_our_series() {
    let queries = queries::of_page("docs/MIGRATING.md");
    assert!(queries.len() >= 11, "{queries:#?}");
    let faults: Vec<String> = queries.iter().flat_map(|query| faults(query, &[])).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
