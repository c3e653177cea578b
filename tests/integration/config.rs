//! Configurations that are refused, each beside what is said of it, and one that is taken.
//!
//! `UPDATE_GOLDEN=1 cargo test --test integration config` writes the messages anew.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notafter::config::server::{Listen, parse_listen};
use notafter::config::{Config, ConfigError, Origin, RevocationConfig, builtin, load, load_str, show};
use notafter::model::facts::{Curve, KeyAlgorithm};
use notafter::model::options::{ChainScope, SourceOptions};
use notafter::model::user_labels;
use notafter::model::vocabulary::Compatibility;
use notafter::model::{Finding, RevocationMethod, SourceKind};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/config").join(name)
}

#[expect(clippy::disallowed_methods, reason = "the test's own files")]
fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    load_str(text, Origin::File("notafter.toml".into()))
}

fn source(keys: &str) -> Config {
    parse(&format!("[sources.a]\ntype = \"file\"\npaths = [\"/a.pem\"]\n{keys}")).unwrap()
}

#[test]
fn every_kind_of_error_says_where_and_what_was_expected() {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder("invalid")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    assert!(paths.len() > 50, "the folder has lost its files");
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let found = match parse(&text(&path)) {
            Ok(_) => "accepted\n".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = text(&golden);
        if found != expected || !found.starts_with("notafter.toml:") {
            wrong.push(format!("{name}\n  expected: {expected}  found:    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_cannot_be_read_says_why_once() {
    let error = anyhow::Error::from(load(Path::new("/nonexistent/notafter.toml")).unwrap_err());
    assert_eq!(format!("{error:#}"), "/nonexistent/notafter.toml: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn problems_carry_their_parts() {
    let Err(ConfigError::Invalid { problems, more }) = parse("\n[sources.edge]\ntype = \"file\"\npaths = []\n  timeout = 10") else {
        panic!("accepted")
    };
    let problem = problems.iter().find(|problem| problem.key == "timeout").unwrap();
    assert_eq!((problem.file.as_str(), problem.line, problem.column), ("notafter.toml", 5, 13));
    assert_eq!((problem.table.as_str(), more), ("sources.edge", 0));
}

#[test]
fn all_of_the_design_is_understood() {
    let config = parse(&text(&folder("valid/design.toml"))).unwrap();
    let cwd = std::env::current_dir().unwrap();
    assert_eq!(config.server.listen, ["0.0.0.0:9849", "[::1]:9849"].map(|text| parse_listen(text).unwrap()));
    assert_eq!(config.server.admin_listen, [Listen::Unix(cwd.join("run/admin.sock")), Listen::Systemd(Some("admin".to_owned()))]);
    assert_eq!((config.server.unix_mode, config.server.reload), (0o600, true));
    assert_eq!(config.server.web_config, Some(cwd.join("web.yml")));
    assert_eq!(config.storage.state_dir, Some("/var/lib/notafter".into()));
    assert_eq!(config.storage.cache_dir, Some(cwd.join("cache")));
    assert_eq!(config.metrics.compatibility, [Compatibility::Enix]);
    assert_eq!(config.build_context().base, cwd);

    let names: Vec<(&str, SourceKind)> = config.sources.iter().map(|source| (&*source.id.name, source.id.kind)).collect();
    let kinds =
        [("edge", SourceKind::Tls), ("nginx", SourceKind::File), ("trust stores", SourceKind::File), ("users", SourceKind::Kubeconfig)];
    assert_eq!(names, kinds);
    let [edge, nginx, trust, users] = config.sources.as_slice() else { unreachable!() };
    assert_eq!(edge.schedule.to_string(), "*/30 * * * * *");
    assert_eq!(edge.options.timeout, Duration::from_secs(8), "from [defaults]");
    assert_eq!(edge.options.retain, Some(Duration::from_secs(90 * 86_400)), "from [defaults]");
    assert_eq!(nginx.schedule.to_string(), "*/10 * * * *", "from [defaults]");
    assert_eq!(nginx.options.chain, ChainScope::Leaf);
    assert_eq!(nginx.options.deadline, Some(Duration::from_secs(120)));
    assert_eq!(nginx.options.rotate_at, Some(0.5));
    let labels: Vec<(&str, &str)> = nginx.options.labels.0.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(labels, [("owner", "a \"quoted\" \\ name"), ("team", "web")], "sorted by name");
    assert_eq!(*nginx.options.revocation, [RevocationMethod::Ocsp, RevocationMethod::Crl]);
    assert_eq!(edge.options.revocation, SourceOptions::default().revocation);
    assert!(trust.options.revocation.is_empty() && edge.options.compare);
    let revocation = &config.revocation;
    assert_eq!(revocation.allow.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.20.0.0/16", "fd00::1"]);
    assert!(revocation.compare && revocation.offline && revocation.nonce);
    assert_eq!(revocation.mirrors.apply("http://crl.example/a.crl"), "https://mirror.internal/crl/a.crl");
    assert_eq!(&*revocation.crls[0], "http://crl.internal/ca.crl");
    assert_eq!((&revocation.responders[0].issuer, &*revocation.responders[0].url), (&cwd.join("ca.pem"), "http://ocsp.internal:2560"));
    assert_eq!(revocation.issuers, [Path::new("/etc/pki/ca.pem")]);
    assert_eq!((revocation.max_crl_size, revocation.cache_size), (16 << 20, 256 << 20));
    assert_eq!(revocation.refresh, Duration::from_secs(600));
    assert!(trust.options.trust_store && !nginx.options.trust_store);
    assert_eq!(
        nginx.options.serves.iter().map(|target| &**target).collect::<Vec<_>>(),
        ["api.example.com:443", "smtp://mail.example.com:25"]
    );
    assert!(edge.options.must_be_stored && !nginx.options.must_be_stored);
    assert!(config.sources.iter().all(|source| source.options.rules == config.rules));
    assert_eq!((trust.options.max_series, users.options.max_series), (1000, SourceOptions::default().max_series));
}

#[test]
fn the_folder_of_a_configuration_is_called_as_people_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for name in ["etc", "opt/deep"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(root.join("opt/deep"), root.join("etc/link")).unwrap();
    for (behaviour, written, expected) in [
        ("there and back", "etc/../opt/notafter.toml", "opt"),
        ("to itself", "./etc/./notafter.toml", "etc"),
        ("behind a link the way back leads elsewhere", "etc/link/../notafter.toml", "etc/link/.."),
        ("a folder that does not exist", "gone/../notafter.toml", "gone/.."),
    ] {
        let base = Origin::File(root.join(written)).base();
        assert_eq!(base.as_os_str(), root.join(expected).as_os_str(), "{behaviour}");
    }
}

#[test]
fn policies_and_waivers_are_understood() {
    let rules = parse(&text(&folder("valid/design.toml"))).unwrap().rules;
    assert_eq!(rules.owners.iter().map(|name| &**name).collect::<Vec<_>>(), ["team", "secret_label_owner"]);
    assert_eq!(rules.grace, Duration::from_secs(1_800));
    let [cas, services] = &*rules.policies else { panic!("{:?}", rules.policies) };
    assert_eq!((&*cas.name, &*services.name), ("CAs of production", "services"), "sorted by name");
    let demands = &services.demands;
    assert_eq!(*demands.key_algorithms, [KeyAlgorithm::Ec, KeyAlgorithm::Rsa]);
    assert_eq!(*demands.curves, [Curve::P256, Curve::P384], "by any of their names");
    assert_eq!((demands.min_rsa_bits, demands.key_usage), (Some(3072), 0b101));
    assert_eq!((demands.validity, demands.max_validity), (Some(Duration::from_secs(86_400)), Some(Duration::from_secs(7 * 86_400))));
    let usages: Vec<&str> = demands.extended_key_usage.iter().map(|usage| &**usage).collect();
    assert_eq!(usages, ["clientAuth", "serverAuth", "1.3.6.1.4.1.99999.1"], "by name where there is one");
    assert!(demands.require_spiffe && !demands.allow_ip_sans && cas.demands.allow_ip_sans);
    assert_eq!((cas.demands.max_path_length, &*cas.demands.rsa_bits), (Some(0), &[4096][..]));
    let until: Vec<String> = rules.waivers.iter().map(|waiver| waiver.until.rfc3339()).collect();
    assert_eq!(until, ["2030-12-31T23:59:59Z", "2020-06-30T10:00:00Z"], "a date is its whole day in UTC");
    let findings: Vec<Finding> = rules.waivers[1].findings.iter().collect();
    assert_eq!(findings, [Finding::Expired, Finding::Stale]);
    assert_eq!((&*rules.waivers[0].owner, &*rules.waivers[0].why), ("team-edge", "The name moves\nto another host."));
}

#[test]
fn what_might_match_is_not_refused() {
    let files = "[sources.files]\ntype = \"file\"\npaths = [\"/a.pem\"]\n";
    let policy = "[policy.a]\nmax_validity = \"1d\"\nmatch = ";
    for (behaviour, text) in [
        ("no source is watched yet", format!("{policy}{{ labels = {{ team = \"web\" }} }}")),
        ("a label of the source", format!("{files}labels = {{ team = \"web\" }}\n{policy}{{ labels = {{ team = \"web\" }} }}")),
        (
            "a label of a target",
            format!(
                "[sources.edge]\ntype = \"tls\"\ntargets = [{{ target = \"a:443\", labels = {{ team = \"web\" }} }}]\n\
                 {policy}{{ labels = {{ team = \"web\" }} }}"
            ),
        ),
        (
            "a label that a document may bring",
            format!("[sources.edge]\ntype = \"tls\"\nfile_sd = [\"a.json\"]\n{policy}{{ labels = {{ team = \"web\" }} }}"),
        ),
        (
            "a label that a cluster may bring",
            format!(
                "[sources.c]\ntype = \"kubernetes\"\nlabels_from = {{ team = [\"label:team\"] }}\n\
                 {policy}{{ kinds = [\"kube-secret\"], labels = {{ team = \"web\" }} }}"
            ),
        ),
        (
            "a trust store beside another source",
            format!("{files}[sources.t]\ntype = \"file\"\npaths = [\"/t\"]\ntrust_store = true\n{policy}{{}}"),
        ),
        (
            "a waiver that has ended",
            format!(
                "{files}[[waiver]]\nmatch = {{ sources = [\"fil*\"] }}\nfinding = \"expired\"\nuntil = 2020-01-01\nowner = \"a\"\nwhy = \"b\""
            ),
        ),
    ] {
        assert!(parse(&text).is_ok(), "{behaviour}: {}", parse(&text).unwrap_err());
    }
}

#[test]
fn rules_are_bounded() {
    let entries: String = (0..300).map(|at| format!("\"n{at}\",")).collect();
    let policies: String = (0..300).map(|at| format!("[policy.p{at}]\nmax_validity = \"1d\"\n")).collect();
    let waivers =
        "[[waiver]]\nmatch = { names = [\"a\"] }\nfinding = \"expired\"\nuntil = 2020-01-01\nowner = \"a\"\nwhy = \"b\"\n".repeat(1_001);
    for (behaviour, text, message) in [
        ("a long list", format!("[policy.a]\nissuers = [{entries}]"), "expected 1 to 256 entries, found 300"),
        ("a long pattern", format!("[policy.a]\nissuers = [\"{}\"]", "a*".repeat(600)), "a pattern of 1 to 1024 bytes"),
        ("many policies", policies, "at most 256 policies, found 300"),
        ("many waivers", waivers, "at most 1000 waivers, found 1001"),
        ("a long reason", format!("[[waiver]]\nwhy = \"{}\"", "a".repeat(2_000)), "a text of 1 to 1024 bytes"),
    ] {
        let error = parse(&text).expect_err(behaviour).to_string();
        assert!(error.contains(message), "{behaviour}: {error}");
    }
}

#[test]
fn every_example_of_the_documentation_is_taken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = text(&root.join("docs/CONFIGURATION.md")) + &text(&root.join("docs/POLICY.md"));
    let examples: Vec<&str> = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() > 8, "the page has lost its examples");
    for example in examples {
        if let Err(error) = parse(example) {
            panic!("{error}\n{example}");
        }
    }
}

#[test]
fn the_documentation_names_every_key_and_label_that_is_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = text(&root.join("docs/CONFIGURATION.md")) + &text(&root.join("docs/POLICY.md"));
    for table in [
        "",
        "[server]\n",
        "[storage]\n",
        "[metrics]\n",
        "[revocation]\n",
        "[defaults]\n",
        "[ownership]\n",
        "[relations]\n",
        "[policy.a]\n",
        "[policy.a.match]\n",
        "[[waiver]]\n",
        "[sources.a]\ntype = \"file\"\n",
        "[sources.a]\ntype = \"tls\"\n",
        "[sources.a]\ntype = \"kubernetes\"\n",
        "[sources.a]\ntype = \"nginx\"\n",
        "[sources.a]\ntype = \"envoy-config\"\n",
    ] {
        let error = parse(&format!("{table}no_such_key = 1")).unwrap_err().to_string();
        let known = error.rsplit_once("known here: ").unwrap().1.trim_end_matches(')');
        for key in known.split(", ").filter(|key| *key != "sources") {
            let spellings = [format!("| `{key}` |"), format!("`[{key}]`"), format!("`[{key}.NAME]`"), format!("`[[{key}]]`")];
            assert!(spellings.iter().any(|spelling| page.contains(spelling)), "{key} of {table:?} is not described");
        }
    }
    for prefix in user_labels::OUR_PREFIXES.iter().chain(user_labels::PROMETHEUS) {
        assert!(page.contains(&format!("`{prefix}`")), "{prefix} is not described");
    }
}

#[test]
fn an_empty_file_watches_nothing_with_every_default() {
    let config = parse("").unwrap();
    assert_eq!(config.server.listen, [parse_listen("0.0.0.0:9849").unwrap()]);
    assert!(config.sources.is_empty() && config.metrics.compatibility.is_empty());
    assert_eq!((config.storage.state_dir, config.storage.cache_dir), (None, None));
    assert_eq!(config.revocation, RevocationConfig::default());
    let config = source("");
    assert_eq!(config.sources[0].schedule.to_string(), "*/5 * * * *");
    assert_eq!(config.sources[0].options, SourceOptions::default());
    assert_eq!(config.sources[0].options.timeout, Duration::from_secs(10));
}

#[test]
fn what_is_shown_reads_back_to_the_same() {
    let config = parse(&text(&folder("valid/design.toml"))).unwrap();
    let shown = show(&config);
    assert_eq!(parse(&shown).unwrap_or_else(|error| panic!("{error}\n{shown}")), config, "{shown}");
    for line in ["timeout = \"8s\"", "schedule = \"*/10 * * * *\"", "retain = \"90d\"", "[sources.\"trust stores\"]"] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    let empty = parse("").unwrap();
    assert_eq!(parse(&show(&empty)).unwrap(), empty);
}

#[test]
fn a_passphrase_is_neither_shown_nor_printed() {
    let config = source("passphrase = \"hunter2\"");
    assert!(show(&config).contains("passphrase = \"[secret]\""));
    assert!(!show(&config).contains("hunter2") && !format!("{config:?}").contains("hunter2"));
    assert_ne!(config.sources, source("passphrase = \"hunter3\"").sources, "a new passphrase is a change");
    let nested = "[sources.a]\ntype = \"tls\"\ntargets = [\"a:1\"]\nclient_certificate = { pkcs12 = \"a.p12\", passphrase = \"hunter2\" }";
    let config = parse(nested).unwrap();
    assert!(show(&config).contains("passphrase = \"[secret]\""), "{}", show(&config));
    assert!(!show(&config).contains("hunter2") && !format!("{config:?}").contains("hunter2"));
}

#[test]
fn user_and_password_of_a_url_are_neither_shown_nor_printed() {
    let urls = |password: &str| {
        let text = format!(
            "[sources.a]\ntype = \"tls\"\nproxy = \"http://me:{password}@proxy:3128\"\n\
             http_sd = [\"https://me:{password}@c/p@th?token={password}&q@r\"]\n\
             targets = [\"smtp://me:{password}@a\", \"me:{password}@a:1\", {{ target = \"https://me:{password}@b\", labels = {{ mail = \"we@b\" }} }}]"
        );
        parse(&text).unwrap()
    };
    let config = urls("hunter2");
    let shown = show(&config);
    for line in [
        "http://[secret]@proxy:3128",
        "smtp://[secret]@a",
        "\"[secret]@a:1",
        "https://[secret]@b",
        "https://[secret]@c/p@th?token=[secret]&[secret]",
        "\"we@b\"",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    let socks = parse("[sources.a]\ntype = \"tls\"\ntargets = [\"a:1\"]\nproxy = \"socks5://me:hunter2@p:1080\"").unwrap();
    assert!(parse(&show(&socks)).is_ok(), "without a password it would not be read again: {}", show(&socks));
    assert!(!shown.contains("hunter2") && !format!("{config:?}").contains("hunter2"), "{config:?}");
    assert_ne!(config.sources, urls("hunter3").sources, "a new password is a change");
    let error = parse("[sources.a]\ntype = \"tls\"\ntargets = [\"a:1\"]\nproxy = \"ftp://me:hunter2@proxy:1\"").unwrap_err().to_string();
    assert!(error.contains("[sources.a] proxy: expected `http://host:port`") && !error.contains("hunter2"), "{error}");
    let error = parse("[sources.a]\ntype = \"tls\"\nhttp_sd = [\"https://me:hunter2@\"]").unwrap_err().to_string();
    assert!(error.contains("http_sd[0]: expected a URL") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_module_is_not_told_of_keys_that_it_may_not_have() {
    let error = parse("[probe.modules.a]\nproxi = \"x\"").unwrap_err().to_string();
    assert!(error.contains("did you mean \"proxy\"?") && error.contains("known here: alpn"), "{error}");
    assert!(!["targets", "file_sd", "http_sd"].iter().any(|key| error.contains(key)), "{error}");
}

#[test]
fn only_what_is_written_differently_is_a_change() {
    assert_eq!(source("timeout = \"10s\"").sources, source("timeout = \"10000ms\"").sources);
    for other in [
        "timeout = \"11s\"",
        "schedule = \"@hourly\"",
        "labels = { team = \"web\" }",
        "exclude = [\"/b.pem\"]",
        "chain = \"leaf\"",
        "revocation = [\"crl\"]",
        "serves = [\"a:443\"]",
        "[policy.a]\nmax_validity = \"1d\"",
        "[ownership]\nlabels = [\"owner\"]",
    ] {
        assert_ne!(source(other).sources, source("").sources, "{other}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_taken() {
    let text = "\u{feff}[server]\r\nlisten = [\"127.0.0.1:1\"]\r\n";
    assert_eq!(parse(text).unwrap().server.listen, [parse_listen("127.0.0.1:1").unwrap()]);
}

#[test]
fn files_that_cannot_be_a_configuration_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notafter.toml");
    let message = |path: &Path| load(path).unwrap_err().to_string();
    assert!(message(&path).contains("cannot be read: No such file"), "{}", message(&path));
    assert!(message(folder.path()).contains("cannot be read: Is a directory"), "{}", message(folder.path()));
    assert!(message(Path::new("/dev/zero")).contains("expected at most 1048576 bytes"));

    fs::write(&path, b"[server]\nlisten = [\"\xff\"]").unwrap();
    assert!(message(&path).ends_with("notafter.toml:2:12: expected text in UTF-8"), "{}", message(&path));
    fs::write(&path, format!("#{}", " ".repeat((1 << 20) - 1))).unwrap();
    assert_eq!(load(&path).unwrap().sources, []);
    fs::write(&path, format!("#{}", " ".repeat(1 << 20))).unwrap();
    assert!(message(&path).contains("expected at most 1048576 bytes"));
}

#[test]
fn hostile_texts_are_refused_in_bounded_time_with_a_bounded_message() {
    let keys: String = (0..80_000).map(|number| format!("k{number} = 1\n")).collect();
    let tables: String = (0..30_000).map(|number| format!("[sources.k{number}]\na=1\n")).collect();
    let texts = [
        ("deep arrays", format!("[server]\nlisten = {}", "[".repeat(500_000))),
        ("deep tables", format!("a = {}", "{a=".repeat(200_000))),
        ("long dotted key", format!("{}a = 1", "a.".repeat(400_000))),
        ("many unknown keys", keys),
        ("many wrong sources", tables),
        ("a long value", format!("[defaults]\nschedule = \"{}\"", "1,".repeat(400_000))),
    ];
    for (name, text) in texts {
        let error = parse(&text).expect_err(name).to_string();
        assert!(error.len() < 64 << 10, "{name}: a message of {} bytes", error.len());
    }
}

#[test]
fn relative_paths_start_from_the_files_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notafter.toml");
    fs::write(&path, "[storage]\nstate_dir = \"state\"").unwrap();
    let config = load(&path).unwrap();
    assert_eq!(config.storage.state_dir, Some(folder.path().join("state")));
    assert_eq!(config.build_context().base, folder.path());
}

#[test]
fn the_built_in_places_load_whatever_exists() {
    let all = builtin::load(&|_| Some("/home/a[b]".into()), &|_| true).unwrap();
    assert_eq!(all.sources.len(), 10);
    assert_eq!(all.origin, Origin::BuiltIn);
    assert_eq!(load_str(&show(&all), Origin::BuiltIn).unwrap(), all);
    assert_eq!(builtin::load(&|_| None, &|_| false).unwrap().sources, []);
}
