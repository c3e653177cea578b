use super::*;

fn settings(text: &str) -> Result<TlsSettings, toml::de::Error> {
    toml::from_str(text)
}

#[test]
fn a_target_alone_is_enough() {
    let settings = settings(r#"targets = ["example.com:443"]"#).unwrap();
    assert_eq!((settings.concurrency, settings.resolve), (1024, Resolve::First));
    assert_eq!(settings.roots, ["system"]);
    assert!(settings.build(&BuildContext::default()).is_ok());
}

#[test]
fn every_key_is_read() {
    let all = settings(
        r#"
        targets = ["a.example:443", { target = "b.example:443", server_name = "c.example", labels = { team = "x" } }]
        server_name = "d.example"
        roots = ["ca.pem", "system"]
        resolve = "all"
        concurrency = 7
        alpn = ["h2", "http/1.1"]
        source_address = "127.0.0.2"
        ip = "prefer_ipv6"
        tls_versions = ["1.3"]
        proxy_protocol = true
        check_old_tls = false
        "#,
    )
    .unwrap();
    assert!(all.build(&BuildContext::default()).is_ok());
}

#[test]
fn what_does_not_parse_says_where() {
    for (text, expected) in [
        ("targets = [\"a:1\"]\nverify = false", "unknown field `verify`"),
        ("targets = [{ target = \"a:1\", sni = \"b\" }]", "unknown field `sni`"),
        ("targets = [{ server_name = \"b\" }]", "missing field `target`"),
        ("targets = [443]", "\"host:port\" or a table"),
        ("targets = [\"a:1\"]\nresolve = \"some\"", "unknown variant `some`"),
        ("targets = [\"a:1\"]\nsource_address = \"eth0\"", "invalid IP address"),
        ("targets = [\"a:1\"]\nconcurrency = -1", "invalid value"),
        ("targets = [\"a:1\"]\nip = \"ipv5\"", "unknown variant `ipv5`"),
        ("targets = [\"a:1\"]\ntls_versions = [\"1.1\"]", "unknown variant `1.1`"),
        ("targets = [\"a:1\"]\nproxy = \"https://proxy:1\"", "expected `http://host:port` or `socks5://host:port`"),
    ] {
        let error = settings(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn what_parses_but_cannot_be_meant_is_refused_at_its_key() {
    for (text, key) in [
        ("", "targets"),
        ("targets = []", "targets"),
        ("file_sd = [\"targets.txt\"]", "file_sd[0]"),
        ("file_sd = [\"*/targets.json\"]", "file_sd[0]"),
        ("http_sd = [\"ftp://example.com/\"]", "http_sd[0]"),
        ("http_sd = [\"targets\"]", "http_sd[0]"),
        ("targets = [\"a\"]", "targets[0]"),
        ("targets = [\"a:1\"]\nconcurrency = 0", "concurrency"),
        ("targets = [\"a:1\"]\nroots = []", "roots"),
        ("targets = [\"a:1\"]\nroots = [\"\"]", "roots"),
        ("targets = [\"a:1\"]\nsource_address = \"127.0.0.2\"\nip = \"ipv6\"", "source_address"),
        ("targets = [\"a:1\"]\nsource_address = \"::1\"\nip = \"ipv4\"", "source_address"),
        ("targets = [\"a:1\"]\nserver_name = \"*.example.com\"", "server_name"),
        ("http_sd = [\"http://a/\"]\nserver_name = \"*.example.com\"", "server_name"),
        ("targets = [\"a:1\"]\nclient_verify_depth = 1", "client_verify_depth"),
        ("targets = [\"a:1\"]\nalpn = [\"\"]", "alpn"),
        ("targets = [\"a:1\"]\ntls_versions = []", "tls_versions"),
        ("targets = [\"a:1\"]\nresolve = \"all\"\nproxy = \"http://proxy:1\"", "resolve"),
    ] {
        let error = settings(text).unwrap().build(&BuildContext::default()).err().unwrap();
        assert_eq!(error.key, key, "{text}: {error}");
    }
}
