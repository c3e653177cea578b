//! What users rely on only grows: names of metrics and labels, words, keys, options, paths and files, as `docs/interface.txt` lists them.
//!
//! `UPDATE_GOLDEN=1 cargo test --test integration interface` adds what is new. What is gone is taken out only when the table of removals in
//! `docs/COMPATIBILITY.md` names it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use notafter::config::{Origin, load_str, web};
use notafter::http::api;
use notafter::http::web::settings;
use notafter::metrics::table::{FAMILIES, Origin as Family};
use notafter::model::facts::{ClientCertificate, Curve, KeyAlgorithm};
use notafter::model::revocation::{RevocationReason, RevokedFor};
use notafter::model::vocabulary::{Compatibility, RefusedReason};
use notafter::model::{
    BundleKind, CertRole, EmbeddedKind, FetchKind, FetchOutcome, Finding, KubeResource, Method, Reason, RevocationMethod, RevocationStatus,
    SourceKind, Stage, UseKind,
};
use notafter::net::Starttls;
use notafter::pki::verify::{self, PathError, PathState, Purpose, Remark, Why};
use notafter::source::kubernetes::{Kind, Preset, discovery};

use crate::support::exporter::Folder;

/// A thing that has names, such as `metric x509_cert_error gauge`, and the names.
type Interface = BTreeMap<String, BTreeSet<String>>;

const LIST: &str = "docs/interface.txt";
const PAGE: &str = "docs/COMPATIBILITY.md";
const HEAD: &str = "\
# What users rely on: docs/COMPATIBILITY.md says what that means. Generated, and it only grows:
# UPDATE_GOLDEN=1 cargo test --test integration interface
";

/// A table of the configuration, and a text in which a key that does not exist stands in it.
const TABLES: &[(&str, &str)] = &[
    ("the top", "?"),
    ("[server]", "[server]\n?"),
    ("[storage]", "[storage]\n?"),
    ("[metrics]", "[metrics]\n?"),
    ("[defaults]", "[defaults]\n?"),
    ("[revocation]", "[revocation]\n?"),
    ("[revocation] responders", "[revocation]\nresponders = [{ ? }]"),
    ("[probe]", "[probe]\n?"),
    ("[probe.modules.NAME]", "[probe.modules.a]\n?"),
    ("[ownership]", "[ownership]\nlabels = [\"team\"]\n?"),
    ("[relations]", "[relations]\n?"),
    ("[policy.NAME]", "[policy.a]\nmatch = {}\n?"),
    ("[policy.NAME] match", "[policy.a]\nmatch = { ? }"),
    ("[[waiver]]", "[[waiver]]\n?"),
    ("[[waiver]] match", "[[waiver]]\nmatch = { ? }"),
    ("[sources.NAME] type file", "[sources.a]\ntype = \"file\"\npaths = [\"a\"]\n?"),
    ("[sources.NAME] type kubeconfig", "[sources.a]\ntype = \"kubeconfig\"\npaths = [\"a\"]\n?"),
    ("[sources.NAME] type nginx", "[sources.a]\ntype = \"nginx\"\n?"),
    ("[sources.NAME] type envoy-config", "[sources.a]\ntype = \"envoy-config\"\n?"),
    ("[sources.NAME] type kubernetes", "[sources.a]\ntype = \"kubernetes\"\n?"),
    ("[sources.NAME] type kubernetes, passphrase_refs", "[sources.a]\ntype = \"kubernetes\"\npassphrase_refs = [{ ? }]"),
    ("[sources.NAME] type tls", "[sources.a]\ntype = \"tls\"\ntargets = [\"a:1\"]\n?"),
    ("[sources.NAME] type tls, targets", "[sources.a]\ntype = \"tls\"\ntargets = [{ ? }]"),
    ("[sources.NAME] type tls, client_certificate", "[sources.a]\ntype = \"tls\"\ntargets = [\"a:1\"]\nclient_certificate = { ? }"),
    ("[sources.NAME] type tls, http", "[sources.a]\ntype = \"tls\"\ntargets = [\"a:1\"]\nhttp = { ? }"),
    ("[sources.NAME] type tls, kubernetes_sd", "[sources.a]\ntype = \"tls\"\nkubernetes_sd = [{ ? }]"),
];

/// The same of `web.yml`.
const WEB_TABLES: &[(&str, &str)] = &[
    ("the top", "?"),
    ("tls_server_config", "tls_server_config:\n  ?"),
    ("http_server_config", "http_server_config:\n  ?"),
    ("http_server_config headers", "http_server_config:\n  headers:\n    ?"),
    ("rate_limit", "rate_limit:\n  ?"),
];

/// Vocabularies that are no promise: what pages for people put into their links.
const OF_PAGES: &[&str] = &["State"];

/// The kinds of sources with a table above; a new one gets one.
const KINDS: &[&str] = &["file", "kubeconfig", "tls", "kubernetes", "nginx", "envoy-config"];

/// Every vocabulary: its enum, what its words are to users, and the words.
macro_rules! vocabularies {
    ($($name:literal: $enum:path),+ $(,)?) => {{
        use $crate::interface::Vocabulary;
        vec![$(Vocabulary {
            of: stringify!($enum),
            name: $name,
            words: <$enum>::ALL.iter().map(|word| word.as_str()).collect(),
        }),+]
    }};
}

struct Vocabulary {
    of: &'static str,
    name: &'static str,
    words: Vec<&'static str>,
}

fn vocabularies() -> Vec<Vocabulary> {
    vocabularies! {
        "source_kind": SourceKind,
        "cert_role": CertRole,
        "finding": Finding,
        "stage": Stage,
        "reason": Reason,
        "status of revocation": RevocationStatus,
        "method of revocation": RevocationMethod,
        "reason of revocation": RevocationReason,
        "what a certificate is revoked for": RevokedFor,
        "kind of fetch": FetchKind,
        "outcome of fetch": FetchOutcome,
        "method of handshake": Method,
        "embedded_kind": EmbeddedKind,
        "cabundle_resource_kind": BundleKind,
        "kind of use": UseKind,
        "resource of Kubernetes": KubeResource,
        "kinds of Kubernetes": Kind,
        "presets of Kubernetes": Preset,
        "from of kubernetes_sd": discovery::From,
        "compatibility": Compatibility,
        "reason of refused requests": RefusedReason,
        "client_auth_type": settings::ClientAuth,
        "min_version": settings::TlsVersion,
        "cipher_suites": settings::Suite,
        "curve_preferences": settings::Curve,
        "headers": settings::Header,
        "scheme of target": Starttls,
        "curve": Curve,
        "key algorithm": KeyAlgorithm,
        "client certificate": ClientCertificate,
        "purpose of verify": Purpose,
        "path of verify": PathState,
        "path_error of verify": PathError,
        "finding of verify": Remark,
        "kind of source of verify": verify::SourceKind,
        "why of verify": Why,
    }
}

fn metrics(all: &mut Interface) {
    for family in FAMILIES {
        let only = match family.origin {
            Family::Probe => " of /probe",
            Family::Compatibility => " with compatibility",
            _ => "",
        };
        let labels = family.labels.names().into_iter().map(str::to_owned).collect();
        all.insert(format!("metric {} {}{only}", family.name, family.kind.as_str()), labels);
    }
}

/// The keys that a refusal lists.
fn listed(table: &str, said: &str) -> BTreeSet<String> {
    let line = said.lines().find(|line| line.contains("no_such_key")).unwrap_or_else(|| panic!("{table}: {said}"));
    let (_, known) = line.split_once("(known here: ").unwrap_or_else(|| panic!("{table}: {said}"));
    let (known, _) = known.rsplit_once(')').unwrap();
    known.split(", ").map(str::to_owned).collect()
}

fn keys(table: &str, text: &str) -> BTreeSet<String> {
    let text = text.replace('?', "no_such_key = 1");
    listed(table, &load_str(&text, Origin::File("notafter.toml".into())).expect_err(table).to_string())
}

fn keys_of_web(table: &str, text: &str) -> BTreeSet<String> {
    let text = text.replace('?', "no_such_key: 1");
    listed(table, &web::parse(text.as_bytes(), Path::new("web.yml")).expect_err(table).to_string())
}

fn options(command: &clap::Command, name: &str, all: &mut Interface) {
    let spelled = |argument: &clap::Arg| match argument.get_long() {
        Some(long) => format!("--{long}"),
        None => argument.get_value_names().map_or_else(|| argument.get_id().to_string(), |names| names.join(" ")),
    };
    let arguments: Vec<&clap::Arg> = command.get_arguments().filter(|argument| !argument.is_hide_set()).collect();
    let mut names: BTreeSet<String> = arguments.iter().map(|argument| spelled(argument)).collect();
    for argument in arguments.into_iter().filter(|argument| argument.get_action().takes_values()) {
        names.extend(argument.get_possible_values().iter().map(|value| format!("{} {}", spelled(argument), value.get_name())));
    }
    names.retain(|name| !name.starts_with("--help"));
    all.insert(format!("command {name}"), names);
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        options(below, &format!("{name} {}", below.get_name()), all);
    }
}

/// Every path that something in `src/http/` routes, but for the pages for people below the first one.
fn paths() -> BTreeSet<String> {
    let mut found = BTreeSet::from(["/".to_owned()]);
    for path in sources("src/http").into_iter().filter(|path| !path.starts_with(root("src/http/page"))) {
        let prefix = if path.starts_with(root("src/http/api")) { api::PREFIX } else { "" };
        for rest in read(&path).split(".route(").skip(1) {
            let path = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            found.extend(path.filter(|path| path.starts_with('/')).map(|path| format!("{prefix}{path}")));
        }
    }
    for certain in ["/metrics", "/-/ready", "/probe", "/api/v1/targets"] {
        assert!(found.contains(certain), "routes are not written as expected: {found:?}");
    }
    found
}

/// What a run leaves in its two folders.
fn files(all: &mut Interface) {
    let folder = Folder::new(
        "[storage]\nstate_dir = \"DIR/state\"\ncache_dir = \"DIR/cache\"\n[sources.a]\ntype = \"file\"\npaths = [\"DIR/*.pem\"]\n",
    );
    folder.ready().terminate();
    for name in ["state", "cache"] {
        let entries = std::fs::read_dir(folder.path().join(name)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        all.insert(format!("files of {name}_dir"), names);
    }
}

fn now() -> Interface {
    let mut all = Interface::new();
    metrics(&mut all);
    for Vocabulary { name, words, .. } in vocabularies() {
        all.insert(format!("words {name}"), words.into_iter().map(str::to_owned).collect());
    }
    for (table, text) in TABLES {
        all.insert(format!("keys {table}"), keys(table, text));
    }
    for (table, text) in WEB_TABLES {
        all.insert(format!("keys web.yml {table}"), keys_of_web(table, text));
    }
    options(&notafter::cli::command(), "notafter", &mut all);
    all.insert("paths".to_owned(), paths());
    files(&mut all);
    all
}

fn written(interface: &Interface) -> String {
    let mut text = HEAD.to_owned();
    for (thing, names) in interface {
        let _ = writeln!(text, "\n{thing}");
        let mut line = String::new();
        for name in names {
            if !line.is_empty() && line.len() + name.len() > 120 {
                let _ = writeln!(text, "   {line}");
                line.clear();
            }
            let _ = write!(line, " {}", name.replace(' ', "="));
        }
        if !line.is_empty() {
            let _ = writeln!(text, "   {line}");
        }
    }
    text
}

fn understood(text: &str) -> Interface {
    let (mut all, mut thing) = (Interface::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_prefix("    ") {
            Some(names) => all.get_mut(&thing).unwrap().extend(names.split(' ').map(|name| name.replace('=', " "))),
            None => {
                thing = line.to_owned();
                all.insert(thing.clone(), BTreeSet::new());
            }
        }
    }
    all
}

/// What stands in one and not in the other, as `thing: name`; of a thing that is gone, itself.
fn lacking(of: &Interface, from: &Interface) -> BTreeSet<String> {
    let mut gone = BTreeSet::new();
    for (thing, names) in of {
        match from.get(thing) {
            None => drop(gone.insert(thing.clone())),
            Some(others) => gone.extend(names.difference(others).map(|name| format!("{thing}: {name}"))),
        }
    }
    gone
}

/// The first column of the table of removals.
fn removals(page: &str) -> BTreeSet<String> {
    let (_, table) = page.split_once("\n## Removed\n").expect("the page has a chapter \"Removed\"");
    let chapter = table.split("\n## ").next().unwrap();
    chapter.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

/// What was promised, after it was brought up to date: nothing goes that is not in the table.
fn grown(promised: &Interface, now: &Interface, removed: &BTreeSet<String>) -> Result<Interface, String> {
    let gone = lacking(promised, now);
    let broken: Vec<&String> = gone.difference(removed).collect();
    if !broken.is_empty() {
        return Err(format!("gone without a line in {PAGE}: {broken:#?}"));
    }
    let back: Vec<&String> = removed.iter().filter(|name| exists(now, name)).collect();
    if back.is_empty() { Ok(now.clone()) } else { Err(format!("{PAGE} says that these are removed, and they are there: {back:#?}")) }
}

fn exists(interface: &Interface, gone: &str) -> bool {
    let (thing, name) = gone.split_once(": ").unwrap_or((gone, ""));
    interface.get(thing).is_some_and(|names| name.is_empty() || names.contains(name))
}

#[test]
fn what_users_rely_on_only_grows() {
    let (list, page) = (root(LIST), read(&root(PAGE)));
    let now = now();
    if !list.exists() {
        std::fs::write(&list, HEAD).unwrap();
    }
    let promised = understood(&read(&list));
    let grown = grown(&promised, &now, &removals(&page)).unwrap_or_else(|broken| panic!("{broken}"));
    let text = written(&grown);
    assert_eq!(understood(&text), grown, "what is written is understood");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&list, &text).unwrap();
    }
    let new = lacking(&grown, &understood(&read(&list)));
    assert!(new.is_empty(), "not in {LIST} yet (UPDATE_GOLDEN=1 adds it; from then on it is promised): {new:#?}");
    assert_eq!(read(&list), text, "{LIST} is not as it is generated");
}

#[test]
fn a_name_that_goes_is_noticed() {
    let of = |text: &str| understood(text);
    let before = of("words finding\n    expired stale\n\nmetric a gauge\n    target\n");
    let none = BTreeSet::new();
    for (behaviour, text, removed, wanted) in [
        ("nothing changes", "words finding\n    expired stale\n\nmetric a gauge\n    target\n", "", Ok(())),
        ("names come", "words finding\n    expired new stale\n\nmetric a gauge\n    target url\n\npaths\n    /x\n", "", Ok(())),
        ("a word goes", "words finding\n    expired\n\nmetric a gauge\n    target\n", "", Err("words finding: stale")),
        ("a label goes", "words finding\n    expired stale\n\nmetric a gauge\n", "", Err("metric a gauge: target")),
        ("a type changes", "words finding\n    expired stale\n\nmetric a counter\n    target\n", "", Err("metric a gauge")),
        ("a word goes as announced", "words finding\n    expired\n\nmetric a gauge\n    target\n", "words finding: stale", Ok(())),
        (
            "what was removed comes back",
            "words finding\n    expired stale\n\nmetric a gauge\n    target\n",
            "words finding: stale",
            Err("stale"),
        ),
    ] {
        let removed = if removed.is_empty() { none.clone() } else { [removed.to_owned()].into() };
        match (grown(&before, &of(text), &removed), wanted) {
            (Ok(_), Ok(())) => {}
            (Err(said), Err(words)) => assert!(said.contains(words), "{behaviour}: {said}"),
            (got, _) => panic!("{behaviour}: {got:?}"),
        }
    }
    assert_eq!(
        removals("x\n\n## Removed\n\n| name | since |\n|---|---|\n| `words finding: stale` | 2.0 |\n\n## More\n| `y` | |\n"),
        ["words finding: stale".to_owned()].into()
    );
}

#[test]
fn no_vocabulary_no_table_and_no_kind_is_left_out() {
    let listed: BTreeSet<String> =
        vocabularies().iter().map(|vocabulary| vocabulary.of.replace(' ', "").rsplit("::").next().unwrap().to_owned()).collect();
    let mut declared: BTreeSet<String> = BTreeSet::new();
    for path in sources("src") {
        let text = read(&path);
        for rest in text.split("\nclosed! {").skip(1) {
            let (_, rest) = rest.split_once("pub enum ").unwrap();
            declared.insert(rest.split_whitespace().next().unwrap().to_owned());
        }
    }
    declared.retain(|name| !OF_PAGES.contains(&&**name));
    assert_eq!(declared, listed, "each closed! vocabulary is in this test");
    let tables = keys("the top", "?").into_iter().filter(|table| !TABLES.iter().any(|(listed, _)| listed.contains(&format!("[{table}"))));
    assert_eq!(tables.collect::<Vec<_>>(), Vec::<String>::new(), "each table of the configuration is in this test");
    let kinds: BTreeSet<&str> = notafter::source::SourceSettings::KINDS.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(kinds, KINDS.iter().copied().collect(), "each kind of source has a table in this test");
}

#[test]
fn every_key_is_explained() {
    let pages: Vec<String> = ["CONFIGURATION", "POLICY", "PROBE", "KUBERNETES", "TLS", "RELATIONS", "WEB"]
        .iter()
        .map(|page| read(&root(&format!("docs/{page}.md"))))
        .collect();
    let is_explained = |key: &str| {
        let spellings = [format!("`{key}`"), format!("[{key}]"), format!("[{key}."), format!(".{key}."), format!("[[{key}]]")];
        pages.iter().any(|page| spellings.iter().any(|spelling| page.contains(spelling)))
    };
    let missing: BTreeSet<String> = TABLES
        .iter()
        .flat_map(|(table, text)| keys(table, text).into_iter().filter(|key| !is_explained(key)).map(move |key| format!("{table}: {key}")))
        .collect();
    assert!(missing.is_empty(), "in no page of docs/: {missing:#?}");
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[expect(clippy::disallowed_methods, reason = "files of this repository")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files below a folder.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}
