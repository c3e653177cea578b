//! Any valid configuration reads back from what `config show` prints; anything else is refused with its place in the file.

use proptest::prelude::*;
use toml::Value;

use super::*;
use crate::testing::cases;

const FILE: &str = "/etc/notafter/notafter.toml";

fn read(text: &str) -> Result<Config, ConfigError> {
    load_str(text, Origin::File(FILE.into()))
}

/// Lines of a table: each key is there or not.
type Lines = Vec<String>;

fn line(key: &'static str, value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Lines> {
    let value = value.prop_map(move |value| vec![format!("{key} = {value}")]);
    prop_oneof![1 => Just(Lines::new()), 1 => value].boxed()
}

fn lines(keys: Vec<BoxedStrategy<Lines>>) -> BoxedStrategy<String> {
    keys.prop_map(|lines| lines.concat().iter().map(|line| format!("{line}\n")).collect()).boxed()
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    proptest::sample::select(words).prop_map(Value::from)
}

fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let words = proptest::sample::subsequence(words, 1..=words.len());
    words.prop_map(|words| Value::Array(words.into_iter().map(Value::from).collect()))
}

fn flag() -> impl Strategy<Value = Value> {
    any::<bool>().prop_map(Value::from)
}

fn duration() -> impl Strategy<Value = Value> {
    ((1..400_u32), proptest::sample::select(&["s", "m", "h"][..])).prop_map(|(count, unit)| Value::from(format!("{count}{unit}")))
}

/// Any text that is one line: quotes, backslashes and what is not ASCII included.
fn text() -> impl Strategy<Value = Value> {
    "[ -~äß€\u{1f512}]{1,20}".prop_map(Value::from)
}

fn labels() -> impl Strategy<Value = Value> {
    let labels = proptest::collection::btree_map("[a-z]{3}_x", "\\PC{0,8}", 0..3);
    labels.prop_map(|labels| Value::Table(labels.into_iter().map(|(name, value)| (name, Value::from(value))).collect()))
}

const SCHEDULES: &[&str] = &["*/5 * * * *", "@every 90s", "@daily", "0 12 * * mon-fri", "*/30 * * * * *", "1,2 3-9/2 1 jan,jul *"];

/// The keys that every source and `[defaults]` have.
fn common() -> Vec<BoxedStrategy<Lines>> {
    vec![
        line("schedule", one_of(SCHEDULES)),
        line("timeout", duration()),
        line("deadline", duration()),
        line("retain", duration()),
        line("max_series", (1..i64::MAX).prop_map(Value::from)),
        line("rotate_at", (1..1000_u32).prop_map(|part| Value::from(f64::from(part) / 1000.0))),
        line("revocation", some_of(&["crl", "ocsp", "staple"])),
    ]
}

fn kind(name: &'static str, own: Vec<BoxedStrategy<Lines>>) -> BoxedStrategy<String> {
    let every = vec![
        Just(vec![format!("type = \"{name}\"")]).boxed(),
        line("labels", labels()),
        line("chain", one_of(&["all", "leaf"])),
        line("trust_store", flag()),
        line("serves", some_of(&["a.example:443", "smtp://b.example", "[::1]:443"])),
    ];
    lines(every.into_iter().chain(common()).chain(own).collect())
}

fn required(key: &'static str, value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Lines> {
    value.prop_map(move |value| vec![format!("{key} = {value}")]).boxed()
}

fn paths() -> impl Strategy<Value = Value> {
    let path = prop_oneof!["(/[a-zäß .-]{1,5}){1,3}", Just("/etc/**/*.{pem,crt}".to_owned()), Just("a/[x-z]?\\*".to_owned())];
    proptest::collection::vec(path, 1..4).prop_map(|paths| Value::Array(paths.into_iter().map(Value::from).collect()))
}

fn endpoints() -> impl Strategy<Value = Value> {
    let target = ("[a-z]{1,6}", 1..u16::MAX, proptest::sample::select(&["", "tls://", "smtp://", "imap://"][..]), any::<bool>(), labels());
    let entry = target.prop_map(|(host, port, scheme, is_table, labels)| {
        let target = Value::from(format!("{scheme}{host}.example:{port}"));
        let name = || Value::from(format!("{host}.internal"));
        if is_table {
            Value::Table([("target".into(), target), ("server_name".into(), name()), ("labels".into(), labels)].into_iter().collect())
        } else {
            target
        }
    });
    proptest::collection::vec(entry, 1..5).prop_map(Value::Array)
}

/// The keys of a module of `/probe`, and of a tls source beside its targets.
fn of_probes() -> Vec<BoxedStrategy<Lines>> {
    vec![
        line("server_name", one_of(&["shop.example", "192.0.2.7"])),
        line("roots", some_of(&["system", "/ca.pem", "ca \"b\".pem"])),
        line("resolve", one_of(&["first"])),
        line("alpn", some_of(&["h2", "http/1.1"])),
        line("ip", one_of(&["any", "ipv4", "prefer_ipv6"])),
        line("proxy", one_of(&["http://p.example:3128", "socks5://u:p@p.example:1080"])),
        line("proxy_protocol", flag()),
        line("tls_versions", some_of(&["1.2", "1.3"])),
        line("check_old_tls", flag()),
        line("http", Just(Value::Table([("path".into(), Value::from("/healthz"))].into_iter().collect()))),
    ]
}

fn source() -> BoxedStrategy<String> {
    let tls = [required("targets", endpoints()), line("concurrency", (1..5000_i64).prop_map(Value::from)), line("must_be_stored", flag())];
    prop_oneof![
        kind(
            "file",
            vec![
                required("paths", paths()),
                line("exclude", paths()),
                line("max_size", one_of(&["1MiB", "1000B"])),
                line("passphrase", text())
            ]
        ),
        kind("tls", tls.into_iter().chain(of_probes()).collect()),
        kind("kubeconfig", vec![required("paths", paths())]),
        kind("nginx", vec![line("config", one_of(&["/etc/nginx/nginx.conf"])), line("prefix", one_of(&["/srv"]))]),
        kind("envoy-config", vec![line("paths", paths())]),
        kind(
            "kubernetes",
            vec![
                line("kinds", some_of(&["secret", "configmap", "ingress", "pod", "certificate"])),
                line("exclude_namespaces", some_of(&["kube-system", "a"])),
                line("label_selector", one_of(&["app in (a, b), !c"])),
                line("secret_keys", some_of(&["*.crt", "tls.crt"])),
                line("requests_per_second", (1..100_i64).prop_map(Value::from)),
                line("page_size", (1..1000_i64).prop_map(Value::from)),
            ],
        ),
    ]
    .boxed()
}

fn policy() -> BoxedStrategy<String> {
    lines(vec![
        line("note", text()),
        line("match", Just(Value::Table([("places".into(), Value::Array(vec![Value::from("/etc/*")]))].into_iter().collect()))),
        line("key_algorithms", some_of(&["RSA", "EC"])),
        line("min_rsa_bits", (1024..8192_i64).prop_map(Value::from)),
        line("max_validity", one_of(&["398d", "90d", "1h"])),
        line("extended_key_usage", some_of(&["serverAuth", "clientAuth"])),
        line("dns_patterns", some_of(&["*.prod.internal", "**.a", "b"])),
        line("allow_ip_sans", flag()),
        line("issuers", some_of(&["CN=A*", "*"])),
    ])
}

fn waiver() -> BoxedStrategy<String> {
    lines(vec![
        required("match", Just(Value::Table([("places".into(), Value::Array(vec![Value::from("*")]))].into_iter().collect()))),
        required("finding", some_of(&["expired", "weak_key", "self_signed"])),
        required("until", one_of(&["2030-01-01", "2031-12-31T12:00:00Z"])),
        required("owner", text()),
        required("why", text()),
    ])
}

/// Names of sources, policies and modules: whatever may stand in quotes.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![30 => "[a-z0-9_-]{1,8}", 10 => "[ -~ä€]{1,8}", 1 => "[a\u{1}\n\u{7f}\u{85}]{1,3}"]
}

fn tables(header: &'static str, body: BoxedStrategy<String>, most: usize) -> BoxedStrategy<String> {
    let tables = proptest::collection::btree_map(name(), body, 0..=most);
    let each = move |(name, body): (&String, &String)| format!("[{header}.{}]\n{body}", Value::from(&**name));
    tables.prop_map(move |tables| tables.iter().map(each).collect()).boxed()
}

fn optional(header: &'static str, body: BoxedStrategy<String>) -> BoxedStrategy<String> {
    proptest::option::of(body).prop_map(move |body| body.map(|body| format!("[{header}]\n{body}")).unwrap_or_default()).boxed()
}

fn configuration() -> impl Strategy<Value = String> {
    let mirror = Value::Table([("http://crl.example/".to_owned(), Value::from("https://m.example/\"x\""))].into_iter().collect());
    let revocation = lines(vec![
        line("allow", some_of(&["10.20.0.0/16", "2001:db8::/32", "192.0.2.7"])),
        line("compare", flag()),
        line("offline", flag()),
        line("nonce", flag()),
        line("mirror", Just(mirror)),
        line("crls", some_of(&["http://a.example/a.crl", "https://b.example/?x=\"y\""])),
        line("issuers", some_of(&["/a.pem", "b.pem"])),
        line("max_crl_size", one_of(&["1MiB", "1023B"])),
        line("refresh", one_of(&["1s", "1h", "1d"])),
    ]);
    let modules = lines(of_probes().into_iter().chain([line("timeout", duration())]).collect());
    let parts = vec![
        optional("server", lines(vec![line("listen", some_of(&["127.0.0.1:0", "[::1]:9849"]))])),
        optional("storage", lines(vec![line("state_dir", text()), line("cache_dir", text())])),
        optional("metrics", lines(vec![line("compatibility", some_of(&["enix"]))])),
        optional("revocation", revocation),
        optional("ownership", lines(vec![line("labels", some_of(&["team", "owner"]))])),
        optional("relations", lines(vec![line("grace", one_of(&["1s", "2h", "30d"]))])),
        optional("defaults", lines(common())),
        optional("probe", lines(vec![line("allow", some_of(&["*.example.com:443", "[::1]", "a?c"]))])),
        tables("probe.modules", modules, 2),
        tables("policy", policy(), 2),
        proptest::option::of(waiver()).prop_map(|body| body.map(|body| format!("[[waiver]]\n{body}")).unwrap_or_default()).boxed(),
        tables("sources", source(), 4),
    ];
    parts.prop_map(|parts| parts.concat())
}

/// Without what is masked: all that does not read back.
fn unmasked(mut config: Config) -> Config {
    for source in &mut config.sources {
        source.shown.remove("passphrase");
        source.shown.remove("proxy");
    }
    config.probe.modules.values_mut().for_each(|module| module.table.remove("proxy").into_iter().for_each(drop));
    config
}

#[test]
fn what_is_shown_reads_back_to_the_same() {
    let (tried, known) = (std::cell::Cell::new(0_u32), std::cell::Cell::new(0_u32));
    let refused = std::cell::RefCell::new(std::collections::BTreeMap::<String, u32>::new());
    cases(400, &configuration(), |text| {
        tried.set(tried.get() + 1);
        let config = match read(&text) {
            Ok(config) => config,
            Err(error) => {
                if let ConfigError::Invalid { problems, .. } = &error {
                    problems
                        .iter()
                        .for_each(|problem| *refused.borrow_mut().entry(format!("{}: {}", problem.key, problem.message)).or_default() += 1);
                }
                return told(&text, error);
            }
        };
        known.set(known.get() + 1);
        let shown = show(&config);
        let again = match read(&shown) {
            Ok(again) => again,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{shown}\n--- of\n{text}"))),
        };
        prop_assert_eq!(show(&again), &shown[..]);
        let has_secrets = text.contains("passphrase") || text.contains("proxy =");
        if has_secrets {
            // The settings hold them; what is not masked must be the same all the same.
            let (again, config) = (unmasked(again), unmasked(config));
            prop_assert_eq!(&again.rules, &config.rules);
            prop_assert_eq!(&again.revocation, &config.revocation);
            for (again, config) in again.sources.iter().zip(&config.sources) {
                prop_assert_eq!(&again.options, &config.options);
                prop_assert_eq!(&again.shown, &config.shown);
            }
        } else {
            prop_assert_eq!(again, config);
        }
        Ok(())
    });
    assert!(known.get() * 3 > tried.get(), "a third of them is valid: {} of {}; others: {:#?}", known.get(), tried.get(), refused.borrow());
}

/// What is wrong is told with a line and column that the text has.
fn told(text: &str, error: ConfigError) -> Result<(), TestCaseError> {
    let ConfigError::Invalid { problems, more } = error else { return Err(TestCaseError::fail(error.to_string())) };
    prop_assert!(!problems.is_empty() && problems.len() <= 20 && (more == 0 || problems.len() == 20));
    for problem in &problems {
        let line = text.split('\n').nth(problem.line - 1);
        prop_assert!(line.is_some_and(|line| problem.column <= line.chars().count() + 1), "{problem} in {text:?}");
        let begins = format!("{FILE}:{}:{}: ", problem.line, problem.column);
        prop_assert!(problem.to_string().starts_with(&begins) && problem.message.len() > 5, "{problem}");
        prop_assert!(problem.message.len() < 4_000);
    }
    Ok(())
}

#[test]
fn a_spoiled_configuration_is_refused_with_its_place_or_means_something_else() {
    let spoilers =
        proptest::collection::vec((any::<proptest::sample::Index>(), "[\\[\\]{}\"'=.,#\n0-9a-z\\\\é\u{0}]{0,3}", 0..6_usize), 1..4);
    cases(600, &(configuration(), spoilers), |(mut text, spoilers)| {
        for (at, with, length) in spoilers {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, &with);
        }
        match read(&text) {
            Ok(config) => prop_assert!(read(&show(&config)).is_ok(), "{}", show(&config)),
            Err(error) => told(&text, error)?,
        }
        Ok(())
    });
}

#[test]
fn any_text_is_refused_with_its_place() {
    let word =
        prop_oneof!["[\\[\\]{}\"'=.,#\n ]", Just("sources".to_owned()), Just("type = \"file\"\n".to_owned()), "\\PC{1,3}", "[0-9]{1,20}"];
    cases(1_000, &proptest::collection::vec(word, 0..30), |words| {
        let text = words.concat();
        match read(&text) {
            Ok(_) => Ok(()),
            Err(error) => told(&text, error),
        }
    });
}
