use std::path::Path;

use super::*;
use crate::model::Reason;

/// Writes files and gathers what `nginx.conf` names; `DIR` is left out of what is told.
fn gathered(files: &[(&str, &str)]) -> (Vec<String>, Gathered) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let gathered = gather(&dir.path().join("nginx.conf"), dir.path(), &|| false);
    let mut told = Vec::new();
    let short = |text: &str| text.replace(&format!("{}/", dir.path().display()), "");
    for (path, users) in gathered.files.iter() {
        let path = short(&path.display().to_string());
        told.extend(users.is_empty().then(|| path.clone()));
        told.extend(users.iter().map(|used| format!("{path} {} {} {}", used.kind, short(&used.name), used.host)));
    }
    (told, gathered)
}

fn of(config: &str) -> Vec<String> {
    let (told, gathered) = gathered(&[("nginx.conf", config)]);
    assert!(gathered.failure().is_none(), "{config}: {:?}", gathered.failure());
    // The configuration file is always the same here.
    told.into_iter().map(|line| line.replace("nginx_", "").replace(" nginx.conf ", " ")).collect()
}

#[test]
fn who_uses_what_is_told() {
    for (what, config, expected) in [
        (
            "a server and all its files",
            "http { server { listen 443 ssl; server_name a.x; ssl_certificate a.pem; ssl_certificate_key a.key; ssl_client_certificate c.pem;
              ssl_trusted_certificate t.pem; ssl_crl l.pem; ssl_stapling_file s.der; } }",
            &["a.pem certificate a.x", "c.pem client_ca a.x", "l.pem crl a.x", "s.der staple a.x", "t.pem trusted_ca a.x"][..],
        ),
        (
            "two certificates of one server",
            "http { server { listen 443 ssl; ssl_certificate rsa.pem; ssl_certificate ec.pem; } }",
            &["ec.pem certificate *", "rsa.pem certificate *"],
        ),
        (
            "one file of several servers",
            "http { server { listen 443 ssl; server_name a.x; ssl_certificate a.pem; } server { listen 8443 ssl; server_name b.x; ssl_certificate a.pem; } }",
            &["a.pem certificate a.x", "a.pem certificate b.x:8443"],
        ),
        (
            "what is inherited, wherever it stands",
            "http { server { listen 443 ssl; server_name a.x; } ssl_certificate a.pem; ssl_crl l.pem; }",
            &["a.pem certificate a.x", "l.pem crl a.x"],
        ),
        (
            "what the server says itself instead",
            "http { ssl_certificate a.pem; server { listen 443 ssl; server_name a.x; ssl_certificate b.pem; } }",
            &["a.pem", "b.pem certificate a.x"],
        ),
        (
            "what the server takes back",
            "http { ssl_crl l.pem; server { listen 443 ssl; ssl_crl ''; ssl_certificate a.pem; } }",
            &["a.pem certificate *", "l.pem"],
        ),
        ("a server without TLS", "http { server { listen 80; ssl_certificate a.pem; } }", &["a.pem"]),
        ("a server that listens nowhere in particular", "http { server { ssl_certificate a.pem; } }", &["a.pem"]),
        (
            "TLS alone of several sockets",
            "http { server { listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl; listen 8443 quic; server_name a.x; ssl_certificate a.pem; } }",
            &["a.pem certificate a.x", "a.pem certificate a.x:8443"],
        ),
        (
            "TLS of a socket that another server asked for",
            "http { server { listen *:443; server_name a.x; ssl_certificate a.pem; } server { listen 443 ssl; ssl_certificate b.pem; } }",
            &["a.pem certificate a.x", "b.pem certificate *"],
        ),
        (
            "not of another address",
            "http { server { listen 127.0.0.1:443; ssl_certificate a.pem; } server { listen 443 ssl; ssl_certificate b.pem; } }",
            &["a.pem", "b.pem certificate *"],
        ),
        (
            "the old switch",
            "http { server { listen 8443; ssl on; ssl_certificate a.pem; } server { listen 8444; ssl off; ssl_certificate b.pem; } }",
            &["a.pem certificate *:8443", "b.pem"],
        ),
        (
            "names of every kind",
            "http { server { listen 443 ssl; server_name .a.x *.b.x C.x ~^d _; ssl_certificate a.pem; } }",
            &["a.pem certificate *", "a.pem certificate *.a.x", "a.pem certificate *.b.x", "a.pem certificate a.x", "a.pem certificate c.x"],
        ),
        (
            "a socket in the file system",
            "http { server { listen unix:/run/a.sock ssl; server_name a.x; ssl_certificate a.pem; } }",
            &["a.pem certificate a.x:unix:/run/a.sock"],
        ),
        (
            "streams",
            "stream { ssl_certificate a.pem; server { listen 5433 ssl; proxy_pass db; } server { listen 5434; proxy_pass db; } }",
            &["a.pem certificate *:5433"],
        ),
        (
            "mail, with TLS from the start and later",
            "mail { ssl_certificate a.pem; server { listen 993 ssl; server_name m.x; } server { listen 143; starttls on; } server { listen 25; starttls off; } }",
            &["a.pem certificate *:143", "a.pem certificate m.x:993"],
        ),
        (
            "upstreams of http",
            "http { proxy_ssl_trusted_certificate ca.pem; server { listen 80; server_name a.x;
              location / { proxy_pass https://B.x:8443/p; proxy_ssl_certificate c.pem; proxy_ssl_certificate_key c.key; proxy_ssl_crl l.pem; }
              location /plain { proxy_pass http://c.x; proxy_ssl_certificate d.pem; } } }",
            &["c.pem upstream_certificate b.x", "ca.pem upstream_ca b.x", "d.pem", "l.pem upstream_crl b.x"],
        ),
        (
            "the name that an upstream must show",
            "http { server { proxy_ssl_name n.x; location / { proxy_pass https://group; proxy_ssl_certificate c.pem; } } }",
            &["c.pem upstream_certificate n.x"],
        ),
        (
            "upstreams behind variables",
            "http { server { proxy_ssl_certificate c.pem; proxy_ssl_name $host; location / { proxy_pass https://$up/; } location /b { proxy_pass $url; }
              location /c { proxy_pass $scheme://c.x; } } }",
            &["c.pem upstream_certificate ", "c.pem upstream_certificate c.x"],
        ),
        (
            "upstreams in nested blocks",
            "http { server { location / { grpc_ssl_certificate g.pem; location /a { if ($a) { grpc_pass grpcs://g.x; } } limit_except GET { uwsgi_pass suwsgi://u.x; }
              uwsgi_ssl_trusted_certificate u.pem; } } }",
            &["g.pem upstream_certificate g.x", "u.pem upstream_ca u.x"],
        ),
        (
            "upstreams of streams",
            "stream { proxy_ssl_certificate c.pem; server { listen 1; proxy_ssl on; proxy_pass db.x:5432; } server { listen 2; proxy_pass e.x:1; } }",
            &["c.pem upstream_certificate db.x"],
        ),
        ("paths of any kind", "http { server { ssl_certificate ./a//b.pem; ssl_crl '/x y/l.pem'; } }", &["a/b.pem", "/x y/l.pem"]),
        ("what stands outside", "ssl_certificate a.pem; server { ssl_certificate b.pem; }", &[]),
    ] {
        assert_eq!(of(config), expected, "{what}");
    }
}

#[test]
fn hosts_are_bounded() {
    let names: String = (0..1_000).map(|number| format!(" n{number:04}.x")).collect();
    let told = of(&format!("http {{ server {{ listen 443 ssl; listen 444 ssl; server_name{names}; ssl_certificate a.pem; }} }}"));
    assert_eq!(told.len(), 32);
    assert_eq!((&*told[0], &*told[1]), ("a.pem certificate n0000.x", "a.pem certificate n0000.x:444"));
}

/// Configurations of a few thousand words whose files, servers, names and sockets multiply.
fn multiplied() -> [(&'static str, load::Tree); 5] {
    let lines = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let names = lines(32, &|number| format!(" n{number}.x"));
    let files = lines(64, &|number| format!("ssl_certificate {number}.pem; "));
    let server = "server { listen 443 ssl; server_name";
    [
        ("files, servers and their names", format!("http {{ {files} {} }}", format!("{server} {names}; }} ").repeat(100))),
        (
            "files and upstreams",
            format!(
                "http {{ server {{ {} {} }} }}",
                files.replace("ssl_", "proxy_ssl_"),
                "location / { proxy_pass https://a; } ".repeat(3_000)
            ),
        ),
        ("names and sockets", format!("http {{ {server} {names}; {} }} }}", lines(6_000, &|port| format!("listen {port} ssl; ")))),
        ("words", format!("http {{ {server} {}; }} }}", " a".repeat(60_000))),
        ("bytes of words", format!("http {{ {} }}", format!("{server} {}; }} ", "a".repeat(60_000)).repeat(200))),
    ]
    .map(|(what, config)| {
        let directives = syntax::parse(config.as_bytes(), 500_000).expect(what);
        (what, load::Tree { files: vec![load::ConfigFile { path: "f".into(), directives }] })
    })
}

#[test]
fn what_multiplies_is_given_up() {
    for (what, tree) in multiplied() {
        let mut gathered = Gathered::default();
        servers::gather(&tree, Path::new("/"), &mut gathered, 50_000, &|| false);
        let failure = gathered.failure().expect(what);
        assert_eq!(failure.reason, Reason::TooLarge, "{what}");
        assert!(failure.detail.to_string().starts_with("f: more than 50000 directives"), "{what}: {failure}");
    }
}

#[test]
fn what_multiplies_ends_with_the_scan() {
    for (what, tree) in multiplied() {
        let asked = std::cell::Cell::new(0);
        let is_over = || {
            asked.set(asked.get() + 1);
            asked.get() > 1
        };
        let mut gathered = Gathered::default();
        servers::gather(&tree, Path::new("/"), &mut gathered, servers::MOST_STEPS, &is_over);
        assert!(gathered.failure().is_none(), "{what}: {:?}", gathered.failure());
        assert_eq!(asked.get(), 2, "{what}: asked while it goes on, and not again once it is over");
    }
}

#[test]
fn files_of_one_directive_in_one_block_are_bounded_and_all_watched() {
    let files: String = (0..70).map(|number| format!("ssl_certificate {number:02}.pem;\n")).collect();
    let (told, gathered) = gathered(&[("nginx.conf", &format!("http {{ server {{ listen 443 ssl; {files} }} }}"))]);
    let failure = gathered.failure().unwrap();
    assert_eq!(failure.reason, Reason::TooLarge);
    assert!(failure.detail.to_string().ends_with("nginx.conf:65: more than 64 times ssl_certificate in one block"), "{failure}");
    let is_used = |line: &&String| line.ends_with(" *");
    assert_eq!((told.len(), told.iter().filter(is_used).count()), (70, 64));
}

#[test]
fn what_leads_to_no_file_is_counted_and_fails_nothing() {
    let config = "http {\nssl_certificate /a/$ssl_server_name.pem;\nserver { listen 443 ssl; ssl_certificate data:$x; ssl_client_certificate $c.pem; } }";
    let (told, gathered) = gathered(&[("nginx.conf", config)]);
    assert!(gathered.failure().is_none());
    assert_eq!(told, ["$c.pem nginx_client_ca nginx.conf *"], "a CA has no variables: that is its name");
    let text = gathered.unseen_text().unwrap();
    assert!(
        text.ends_with(
            "nginx.conf:2: ssl_certificate has variables or data: in it and leads to no file that could be watched (and 1 more such case)"
        ),
        "{text}"
    );
}

#[test]
fn includes_are_followed() {
    for (what, files, expected) in [
        (
            "by name, relative to the main file wherever they stand",
            &[
                ("nginx.conf", "http { include conf.d/a.conf; }"),
                ("conf.d/a.conf", "server { listen 443 ssl; include tls/a.inc; }"),
                ("tls/a.inc", "ssl_certificate tls/a.pem;"),
            ][..],
            &["tls/a.pem nginx_certificate conf.d/a.conf *"][..],
        ),
        (
            "by pattern, without hidden ones, and braces are nothing special",
            &[
                ("nginx.conf", "http { include conf.d/[ab]*.conf; include none/*; include 'x{a,b}*'; include sites**/?; }"),
                ("conf.d/a.conf", "ssl_crl a;"),
                ("conf.d/b1.conf", "ssl_crl b;"),
                ("conf.d/c.conf", "ssl_crl c;"),
                ("conf.d/.a.conf", "ssl_crl hidden;"),
                ("xa", "ssl_crl braces;"),
                ("sites/s", "ssl_crl s;"),
                ("sites/deep/s", "ssl_crl deep;"),
            ],
            &["a", "b", "s"],
        ),
        (
            "as often as they are included",
            &[
                (
                    "nginx.conf",
                    "http { server { listen 443 ssl; server_name a.x; include t; } server { listen 443 ssl; server_name b.x; include t; } }",
                ),
                ("t", "ssl_certificate a.pem;"),
            ],
            &["a.pem nginx_certificate nginx.conf a.x", "a.pem nginx_certificate nginx.conf b.x"],
        ),
        ("not where nothing of it counts", &[("nginx.conf", "http { types { include mime.types; } map $a $b { include missing; } }")], &[]),
        (
            "in their place",
            &[
                ("nginx.conf", "http { server { listen 443 ssl; include a; include b; } }"),
                ("a", "server_name a.x;"),
                ("b", "ssl_certificate b.pem;"),
            ],
            &["b.pem nginx_certificate nginx.conf a.x"],
        ),
    ] {
        let (told, gathered) = gathered(files);
        assert!(gathered.failure().is_none(), "{what}: {:?}", gathered.failure());
        assert_eq!(told, expected, "{what}");
    }
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_goes_on() {
    let many: Vec<(String, String)> = (0..40).map(|n| (format!("c{n}"), format!("include c{};", n + 1))).collect();
    let mut chain: Vec<(&str, &str)> = many.iter().map(|(name, text)| (&**name, &**text)).collect();
    chain.push(("nginx.conf", "http { ssl_crl seen; include c0; }"));
    let doubling: Vec<(String, String)> =
        (0..14).map(|n| (format!("d{n}"), format!("include d{0}; include d{0}; include d{0}; include d{0};", n + 1))).collect();
    let mut doubled: Vec<(&str, &str)> = doubling.iter().map(|(name, text)| (&**name, &**text)).collect();
    doubled.extend([("d14", "ssl_crl end;"), ("nginx.conf", "http { ssl_crl seen; include d0; }")]);
    for (what, files, reason, text) in [
        ("no main file", &[][..], Reason::NotFound, "nginx.conf does not exist"),
        ("an empty main file", &[("nginx.conf", "\n")], Reason::DecodeFailed, "nginx.conf is empty"),
        (
            "an include that is missing",
            &[("nginx.conf", "http {\nssl_crl seen; include gone; }")],
            Reason::NotFound,
            "nginx.conf:2: include: ",
        ),
        (
            "an include that is a folder",
            &[("nginx.conf", "http { ssl_crl seen; include d; }"), ("d/x", "")],
            Reason::ReadFailed,
            "is a folder",
        ),
        (
            "an include that is broken",
            &[("nginx.conf", "http { ssl_crl seen; include b; }"), ("b", "\n}")],
            Reason::DecodeFailed,
            "b:2: unexpected \"}\"",
        ),
        (
            "a file that includes itself",
            &[("nginx.conf", "http { ssl_crl seen; include nginx.*; }")],
            Reason::DecodeFailed,
            "nginx.conf includes itself",
        ),
        (
            "files that include each other",
            &[("nginx.conf", "http { ssl_crl seen; include a; }"), ("a", "include b;"), ("b", "ssl_crl b; include a;")],
            Reason::DecodeFailed,
            "b:1: include: ",
        ),
        ("files inside one another", &chain, Reason::TooLarge, "more than 16 files inside one another"),
        ("files that multiply", &doubled, Reason::TooLarge, "more than 4000000 directives"),
    ] {
        let (told, gathered) = gathered(files);
        let failure = gathered.failure().expect(what);
        assert_eq!(failure.reason, reason, "{what}: {failure}");
        assert!(failure.detail.to_string().contains(text), "{what}: {failure}");
        let names_any = files.iter().any(|(_, text)| text.contains("seen"));
        assert_eq!(told.iter().any(|line| line.starts_with("seen")), names_any, "{what}: {told:?}");
    }
}

#[test]
fn a_scan_that_is_over_reads_no_more() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("nginx.conf"), "http { ssl_crl a; }").unwrap();
    assert_eq!(gather(&dir.path().join("nginx.conf"), dir.path(), &|| true).files.iter().count(), 0);
}

#[test]
fn settings_have_their_defaults_and_relative_paths_start_at_the_configuration() {
    let settings: NginxSettings = toml::from_str("").unwrap();
    assert_eq!((settings.config.as_path(), settings.prefix, settings.max_size.0), (Path::new("/etc/nginx/nginx.conf"), None, 16 << 20));
    for (text, is_fine) in [("config = 'a/nginx.conf'\nprefix = '/x'", true), ("config = ''", false), ("config = '/'", false)] {
        let settings: NginxSettings = toml::from_str(text).unwrap();
        assert_eq!(settings.build(&BuildContext { base: "/etc".into() }).is_ok(), is_fine, "{text}");
    }
    assert!(toml::from_str::<NginxSettings>("conf = 'x'").is_err());
}
