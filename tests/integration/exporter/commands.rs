//! The commands that end by themselves.

use std::io::Read;

use super::golden::is_golden;
use super::rich::Rich;
use crate::support::ca::Ca;
use crate::support::exporter::{Exporter, Folder, promtool_accepts, ran};
use crate::support::scrape::Scrape;
use crate::support::servers::{Servers, closed_port};
use crate::support::tls_server::Mode;

/// Times and places that differ at each run, replaced by as many characters.
fn steady(text: &str, replaced: &[(String, &str)]) -> String {
    let text = replaced.iter().fold(text.to_owned(), |text, (what, with)| text.replace(what, with));
    // Within the second of their issue they have a whole day more.
    let text = text.replace("in 90 days", "in 89 days");
    let mut steady = String::new();
    let mut rest = text.as_str();
    // 2026-11-23T20:08:02Z
    while let Some(at) = rest.find("Z ") {
        let (before, after) = rest.split_at(at);
        let is_time = before.len() >= 19 && before.is_char_boundary(before.len() - 19) && before.as_bytes()[before.len() - 9] == b'T';
        steady.push_str(if is_time { &before[..before.len() - 19] } else { before });
        steady.push_str(if is_time { "YYYY-MM-DDThh:mm:ssZ" } else { "Z" });
        rest = &after[1..];
    }
    steady + rest
}

/// Files and endpoints of all conditions.
struct Things {
    folder: Folder,
    _servers: Servers,
    good: String,
    expired: String,
    closed: String,
}

impl Things {
    fn new() -> Self {
        let (ca, mut servers) = (Ca::root("Root"), Servers::new());
        let folder = Folder::new("");
        folder.write("ca.pem", ca.pem());
        folder.write("good.pem", ca.leaf(&["www.example.com"]).issue().chain_pem());
        folder.write("expired.pem", ca.leaf(&["old.example.com"]).expired().issue().chain_pem());
        folder.write("garbage.pem", "no certificate");
        folder.write("only.key", ca.leaf(&["x"]).issue().key_pem());
        let good = servers.tls(&ca.leaf(&["127.0.0.1"]).issue()).to_string();
        let expired = servers.tls(&ca.leaf(&["127.0.0.1"]).expired().issue()).to_string();
        Self { folder, _servers: servers, good, expired, closed: closed_port().to_string() }
    }
}

#[test]
fn check_exits_0_when_fine_1_on_problems_and_2_when_it_cannot_look() {
    let things = Things::new();
    for (what, targets, code) in [
        ("a good file", &["good.pem"][..], 0),
        ("a key, which holds no certificate", &["only.key"], 0),
        ("a good endpoint", &[&things.good], 0),
        ("file and endpoint", &["good.pem", &things.good], 0),
        ("a glob", &["g[o]*.pem"], 0),
        ("an expired file", &["good.pem", "expired.pem"], 1),
        ("an expired endpoint", &[&things.expired], 1),
        ("a missing file", &["good.pem", "missing.pem"], 2),
        ("garbage", &["garbage.pem"], 2),
        ("a closed port", &[&things.good, &things.closed], 2),
        ("a glob that matches nothing", &["nothing-*.pem"], 2),
        ("something expired and something missing", &["expired.pem", "missing.pem"], 2),
    ] {
        let ran = things.folder.run(&[&["check", "--roots", "ca.pem"], targets].concat());
        assert_eq!(ran.code, Some(code), "{what}: {ran:?}");
    }
    let untrusted = things.folder.run(&["check", "--roots", "good.pem", &things.good]);
    assert_eq!(untrusted.code, Some(1), "{untrusted:?}");
    assert!(untrusted.stdout.contains("untrusted"), "{untrusted:?}");
    assert_eq!(untrusted.stdout.matches("no path to a trust anchor").count(), 1, "said once: {untrusted:?}");
    for (what, arguments, why) in [
        ("trust anchors that are not there", &["--roots", "missing.pem", &things.good][..], "missing.pem"),
        ("trust anchors that are none", &["--roots", "garbage.pem", &things.good], "garbage.pem"),
        ("a passphrase that is not there", &["--passphrase-file", "missing.txt", "good.pem"], "missing.txt"),
    ] {
        let ran = things.folder.run(&[&["check"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{what}: what it does not know is not fine: {ran:?}");
        assert!(ran.stderr.contains(why), "{what}: {ran:?}");
        assert!(!arguments.contains(&"--roots") || !ran.stdout.contains("no problems"), "{what}: {ran:?}");
    }
    let later = things.folder.run(&["check", "--at", "4102444800", "good.pem"]);
    assert_eq!(later.code, Some(1), "by the year 2100 it has expired: {later:?}");
}

#[test]
fn checks_table_is_golden_and_has_no_colour_in_a_pipe() {
    let things = Things::new();
    let targets = ["good.pem", "expired.pem", "garbage.pem", "missing.pem", "only.key", &things.good, &things.expired, &things.closed];
    let ran = things.folder.run(&[&["check", "--roots", "ca.pem"], &targets[..]].concat());
    assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'), "{ran:?}");
    let replaced = [
        (things.folder.path().to_str().unwrap().to_owned(), "DIR"),
        (things.good.clone(), "GOOD"),
        (things.expired.clone(), "EXPIRED"),
        (things.closed.clone(), "CLOSED"),
    ];
    // Places are sorted, and the ports' order is chance.
    // What follows the table is an explanation, with times that differ at each run.
    let table = ran.stdout.split("\n\n").next().unwrap();
    let text = steady(table, &replaced);
    let mut blocks: Vec<String> = Vec::new();
    for line in text.lines() {
        match blocks.last_mut() {
            Some(block) if line.starts_with(' ') => *block += &format!("{line}\n"),
            _ => blocks.push(format!("{line}\n")),
        }
    }
    let last = blocks.pop().unwrap();
    blocks.sort();
    is_golden("check.txt", &(blocks.concat() + &last));
}

#[test]
fn check_speaks_json_and_prometheus_too() {
    let things = Things::new();
    let ran = things.folder.run(&["check", "--roots", "ca.pem", "--format", "json", "expired.pem", "missing.pem", &things.good]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let places = json.as_array().unwrap();
    assert_eq!((places.len(), ran.code), (3, Some(2)), "{json:#}");
    let at = |name: &str| places.iter().find(|place| place["place"]["filename"] == name).unwrap_or_else(|| panic!("{name}: {json:#}"));
    assert_eq!(at("missing.pem")["failure"]["reason"], "not_found");
    assert_eq!(at("expired.pem")["certificates"].as_array().unwrap().len(), 1);

    let ran = things.folder.run(&["check", "--roots", "ca.pem", "--format", "prometheus", "good.pem", "expired.pem", &things.good]);
    promtool_accepts(&ran.stdout);
    assert_eq!(Scrape::parse(&ran.stdout).all("x509_cert_not_after", &[]).len(), 3);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn config_check_says_what_is_right_and_what_is_not() {
    let folder = Folder::new("[sources.a]\ntype = \"file\"\npaths = [\"/a\"]\n");
    let fine = folder.run(&["config", "check", "notafter.toml"]);
    assert_eq!((fine.code, fine.stdout.as_str()), (Some(0), "notafter.toml: fine, 1 source\n"), "{fine:?}");
    folder.config("[sources.a]\ntype = \"file\"\npaths = [\"/a\"]\nschedule = \"* * * *\"\n\n[sources.b]\ntype = \"tsl\"\n");
    let wrong = folder.run(&["config", "check", "notafter.toml"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(64), ""));
    for part in ["notafter.toml:4:12: [sources.a] schedule", "notafter.toml:7:8: [sources.b] type", "did you mean \"tls\"?"] {
        assert!(wrong.stderr.contains(part), "{part}: {}", wrong.stderr);
    }
    let missing = folder.run(&["config", "check", "missing.toml"]);
    assert_eq!(missing.code, Some(64));
    assert!(missing.stderr.contains("missing.toml"), "{}", missing.stderr);
}

#[test]
fn the_estimate_is_the_number_of_series_of_a_scrape() {
    let rich = Rich::new();
    let ran = rich.folder.run(&["config", "check", "notafter.toml", "--estimate"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let estimate = |row: &str| -> usize {
        let line = ran.stdout.lines().find(|line| line.split(' ').next() == Some(row)).unwrap_or_else(|| panic!("{row}: {}", ran.stdout));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let exporter = rich.folder.ready();
    let scrape = exporter.scrape();
    for source in ["files", "kubeconfigs", "edge"] {
        assert_eq!(estimate(source), scrape.with("source_name", source).len(), "{source}: {}", ran.stdout);
    }
    assert_eq!(estimate("(notafter)"), scrape.with("source_name", "").len(), "{}", ran.stdout);
    assert_eq!(estimate("all"), scrape.samples.len(), "{}", ran.stdout);
}

#[test]
fn what_config_show_prints_loads_again_and_means_the_same() {
    let rich = Rich::new();
    let body = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    let shown = rich.folder.run(&["config", "show", "notafter.toml"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains("schedule = \"*/5 * * * *\""), "defaults are filled in: {}", shown.stdout);
    rich.folder.write("shown.toml", &shown.stdout);
    let again = rich.folder.run(&["config", "show", "shown.toml"]);
    assert_eq!((again.code, body(&again.stdout)), (Some(0), body(&shown.stdout)));
}

#[test]
fn scan_writes_a_file_for_the_textfile_collector_as_a_whole() {
    use std::os::unix::fs::PermissionsExt;
    let rich = Rich::new();
    rich.folder.write("out/notafter.prom", "old\n");
    let mut reader = std::fs::File::open(rich.folder.at("out/notafter.prom")).unwrap();
    let ran = rich.folder.run(&["scan", "--config", "notafter.toml", "--output", "out/notafter.prom"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "a place that fails is no source that fails: {ran:?}");
    let text = std::fs::read_to_string(rich.folder.at("out/notafter.prom")).unwrap();
    promtool_accepts(&text);
    let scrape = Scrape::parse(&text);
    assert!(!text.contains("process_") && scrape.all("x509_cert_not_after", &[]).len() == 17, "{text}");
    let mut old = String::new();
    reader.read_to_string(&mut old).unwrap();
    assert_eq!(old, "old\n", "who reads the former file reads it to its end");
    let left: Vec<_> = std::fs::read_dir(rich.folder.at("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notafter.prom"], "nothing else is left there");
    let mode = std::fs::metadata(rich.folder.at("out/notafter.prom")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "the collector is another user");

    // But for what only a running exporter has, it is what a scrape holds.
    let of_sources = |scrape: &Scrape| {
        let is_shared = |series: &String| !series.contains("next_scan") && !series.contains("_bucket");
        let prefixes = ["x509_", "tls_"].into_iter();
        prefixes.flat_map(|prefix| scrape.series(prefix)).filter(is_shared).collect::<std::collections::BTreeSet<String>>()
    };
    let exporter = rich.folder.ready();
    // Places are related to each other a moment after the last of them is known.
    let related =
        exporter.scrape_until("places are related", |scrape| (!scrape.all("x509_cert_dependants", &[]).is_empty()).then(|| scrape.clone()));
    assert_eq!(of_sources(&scrape), of_sources(&related));
}

#[test]
fn scan_exits_1_when_a_source_fails_and_keeps_the_rest() {
    let mut servers = Servers::new();
    let stalls = servers.start(Mode::StallAfterAccept);
    let folder = Folder::new(&format!(
        "[sources.edge]\ntype = \"tls\"\ndeadline = \"200ms\"\ntimeout = \"1m\"\ntargets = [\"{stalls}\"]\n\
         [sources.files]\ntype = \"file\"\npaths = [\"DIR/ca.pem\"]\n"
    ));
    folder.write("ca.pem", Ca::root("Root").pem());
    let ran = folder.run(&["scan", "--config", "notafter.toml", "--output", "out.prom"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let scrape = Scrape::parse(&std::fs::read_to_string(folder.at("out.prom")).unwrap());
    assert_eq!(scrape.value("x509_source_up", &[("source_name", "edge")]), Some(0.0));
    assert_eq!(scrape.all("x509_cert_not_after", &[("source_name", "files")]).len(), 1);

    let nowhere = folder.run(&["scan", "--config", "notafter.toml", "--output", "missing/out.prom"]);
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stderr.contains("missing/out.prom"), "{}", nowhere.stderr);
}

#[test]
fn the_metrics_command_prints_what_the_documentation_holds() {
    let folder = Folder::new("");
    let markdown = folder.run(&["metrics", "--format", "markdown"]);
    assert_eq!((markdown.code, markdown.stdout.as_str()), (Some(0), include_str!("../../../docs/METRICS.md")));
    assert_eq!(folder.run(&["metrics"]).stdout, markdown.stdout);
    let json: serde_json::Value = serde_json::from_str(&folder.run(&["metrics", "--format", "json"]).stdout).unwrap();
    assert!(json.to_string().contains("x509_cert_not_after"));
}

#[test]
fn every_family_of_a_scrape_is_in_the_documentation() {
    let scrape = Rich::new().folder.ready().scrape();
    let documented = include_str!("../../../docs/METRICS.md");
    for (family, kind) in &scrape.types {
        assert!(documented.contains(&format!("| `{family}` | {kind} |")), "{family} {kind}");
    }
}

#[test]
fn wrong_usage_is_exit_64_and_help_and_version_are_answers() {
    let folder = Folder::new("");
    for wrong in [
        &["frobnicate"][..],
        &["--nonsense"],
        &["check"],
        &["check", "a.pem", "--timeout", "5"],
        &["check", "a.pem", "--format", "xml"],
        &["check", "https://"],
        &["scan"],
        &["config"],
        &["config", "show", "missing.toml"],
        &["scan", "--config", "missing.toml", "--output", "x.prom"],
        &["--config", "missing.toml"],
        &["run", "--listen", "localhost"],
        &["run", "--log-level", "loud"],
        &["metrics", "--format", "xml"],
    ] {
        let ran = folder.run(wrong);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(64), ""), "{wrong:?} {ran:?}");
        assert!(!ran.stderr.is_empty(), "{wrong:?}");
    }
    for command in [&[][..], &["run"], &["check"], &["scan"], &["config"], &["config", "check"], &["config", "show"], &["metrics"]] {
        let ran = folder.run(&[command, &["--help"]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{command:?}");
        assert!(ran.stdout.contains("Usage: notafter"), "{command:?} {}", ran.stdout);
    }
    for command in [&[][..], &["check"]] {
        let help = folder.run(&[command, &["--help"]].concat()).stdout;
        assert!(help.contains("Examples:"), "{command:?} {help}");
    }
    let version = folder.run(&["--version"]);
    assert_eq!((version.code, version.stdout), (Some(0), format!("notafter {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_configuration_is_looked_for_in_the_environment_and_never_in_the_working_directory() {
    let folder = Folder::new("[sources.here]\ntype = \"file\"\npaths = [\"DIR/ca.pem\"]\n");
    let unnamed = ran(folder.command(["config", "show"]));
    assert!(unnamed.code == Some(0) && !unnamed.stdout.contains("sources.here"), "{unnamed:?}");
    let mut named = folder.command(["config", "show"]);
    named.env("NOTAFTER_CONFIG", "notafter.toml");
    let named = ran(named);
    assert!(named.stdout.contains("[sources.here]"), "{named:?}");
    let mut missing = folder.command(["config", "show"]);
    missing.env("NOTAFTER_CONFIG", "missing.toml");
    assert_eq!(ran(missing).code, Some(64));
}

#[test]
fn with_nothing_configured_it_watches_what_is_there_and_serves() {
    let folder = Folder::new("");
    folder.write("home/.kube/config", "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\n");
    let exporter = Exporter::spawn(folder.command(["--listen", "127.0.0.1:0"]));
    exporter.until_ready();
    let scrape = exporter.scrape();
    promtool_accepts(&scrape.text);
    assert_eq!(scrape.value("x509_source_up", &[("source_name", "kubeconfig")]), Some(1.0));
    crate::support::exporter::until("the banner", || exporter.stdout().contains("metrics: http://127.0.0.1:").then_some(()));
    assert!(exporter.stdout().contains("kubeconfig"), "{}", exporter.stdout());
}

#[test]
fn logs_in_json_are_json_and_nothing_else() {
    let folder = Folder::new("[sources.a]\ntype = \"file\"\npaths = [\"DIR/missing.pem\"]\n");
    let exporter = folder.start_with(&["--listen", "127.0.0.1:0", "--log-format", "json"]);
    exporter.until_ready();
    exporter.until_logged("ready:");
    assert_eq!(exporter.stdout(), "", "the banner is for people");
    let log = exporter.terminate();
    assert!(log.contains("not_found"), "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["message"].is_string() && line["level"].is_string(), "{line}");
    }
}
