use super::*;

fn entry(target: &str) -> TargetSettings {
    TargetSettings { target: target.to_owned(), server_name: None, labels: BTreeMap::new() }
}

#[test]
fn a_target_is_taken_apart() {
    let name = |host: &str| Host::Name(host.into());
    let address = |host: &str| Host::Address(host.parse().unwrap());
    for (written, label, host, port, server_name) in [
        ("example.com:443", "example.com:443", name("example.com"), 443, "example.com"),
        ("tls://example.com:8443", "tls://example.com:8443", name("example.com"), 8443, "example.com"),
        ("tls://example.com", "tls://example.com", name("example.com"), 443, "example.com"),
        ("https://example.com", "https://example.com", name("example.com"), 443, "example.com"),
        ("HTTPS://Example.com", "https://Example.com", name("Example.com"), 443, "Example.com"),
        ("https://example.com/", "https://example.com/", name("example.com"), 443, "example.com"),
        ("https://user:p@ss@example.com:444", "https://example.com:444", name("example.com"), 444, "example.com"),
        ("user@example.com:443", "example.com:443", name("example.com"), 443, "example.com"),
        ("192.0.2.1:443", "192.0.2.1:443", address("192.0.2.1"), 443, "192.0.2.1"),
        ("[::1]:443", "[::1]:443", address("::1"), 443, "::1"),
        ("tls://[2001:db8::1]", "tls://[2001:db8::1]", address("2001:db8::1"), 443, "2001:db8::1"),
        ("[fe80::1%eth0]:443", "[fe80::1%eth0]:443", name("fe80::1%eth0"), 443, "fe80::1"),
        ("with_underscore.local:65535", "with_underscore.local:65535", name("with_underscore.local"), 65535, "with_underscore.local"),
    ] {
        let target = resolve_all(&[entry(written)], None).unwrap().remove(0);
        let expected = Target { target: label.into(), server_name: server_name.into(), host, port, starttls: None, labels: None };
        assert_eq!(target, expected, "{written}");
    }
}

#[test]
fn a_target_that_cannot_be_meant_is_refused_with_what_was_expected() {
    for (written, expected) in [
        ("example.com", "the port is missing: expected `example.com:443`"),
        ("[::1]", "the port is missing"),
        ("[::1]443", "the port is missing"),
        ("tls://[::1]x", "the port is missing"),
        ("gopher://example.com:70", "expected one of the schemes tls, https, ftps, imaps, ldaps, pop3s, smtps, smtp, lmtp, imap, pop3,"),
        ("HTTP://example.com", "`HTTP://`"),
        ("::1:443", "an IPv6 address stands in brackets"),
        ("[::1:443", "the bracket in `[::1:443` is not closed"),
        ("[example.com]:443", "`example.com` is no IPv6 address"),
        (":443", "has no host"),
        ("", "has no host"),
        ("tls://", "has no host"),
        ("example.com:", "expected a port from 1 to 65535"),
        ("example.com:0", "expected a port from 1 to 65535"),
        ("example.com:65536", "expected a port from 1 to 65535"),
        ("example.com:+443", "expected a port from 1 to 65535"),
        ("example.com:https", "expected a port from 1 to 65535"),
        ("https://example.com/health", "'/' has no meaning"),
        ("https://example.com?x", "'?' has no meaning"),
        ("example.com/:443", "'/' has no meaning"),
        ("exam ple.com:443", "' ' has no meaning"),
        ("example.com:443\n", "'\\n' has no meaning"),
    ] {
        let error = resolve_all(&[entry("ok.example:1"), entry(written)], None).unwrap_err();
        assert_eq!(error.key, "targets[1]", "{written}");
        assert!(error.message.contains(expected), "{written}: {}", error.message);
    }
}

#[test]
fn the_name_of_the_target_goes_before_that_of_the_source_before_the_host() {
    let mut own = entry("a.example:443");
    own.server_name = Some("own.example".into());
    let settings = [own, entry("b.example:443")];
    let names = |of_source| -> Vec<String> {
        resolve_all(&settings, of_source).unwrap().into_iter().map(|target| target.server_name.into()).collect()
    };
    assert_eq!(names(Some("source.example")), ["own.example", "source.example"]);
    assert_eq!(names(None), ["own.example", "b.example"]);
}

#[test]
fn targets_of_one_source_differ_in_target_or_server_name() {
    let named = |name: &str| TargetSettings { server_name: Some(name.into()), ..entry("a.example:443") };
    assert!(resolve_all(&[named("x"), named("y"), entry("a.example:443")], None).is_ok());
    for (twice, behaviour) in [
        ([entry("a.example:443"), entry("a.example:443")], "written twice"),
        ([entry("a.example:443"), entry("me@a.example:443")], "apart from user information"),
        ([entry("tls://a.example"), entry("TLS://a.example")], "apart from the scheme's case"),
        ([entry("a.example:443"), named("a.example")], "the host named as server name"),
    ] {
        let error = resolve_all(&twice, None).unwrap_err();
        assert!(error.message.contains("stands here twice"), "{behaviour}: {error}");
    }
}

#[test]
fn none_and_nameless_ones_are_refused() {
    assert_eq!(resolve_all(&[], None).unwrap_err().key, "targets");
    assert_eq!(resolve_all(&[entry("a:1")], Some("")).unwrap_err().key, "server_name");
    for name in ["a b", "*.example.com", "*"] {
        let named = TargetSettings { server_name: Some(name.into()), ..entry("a:1") };
        assert_eq!(resolve_all(&[named], None).unwrap_err().key, "targets[0].server_name", "{name}");
    }
}

#[test]
fn labels_come_out_sorted() {
    let settings: TargetSettings =
        toml::from_str::<BTreeMap<String, TargetSettings>>(r#"t = { target = "a:1", labels = { team = "x", area = "y" } }"#)
            .unwrap()
            .remove("t")
            .unwrap();
    let labels = resolve_all(&[settings], None).unwrap().remove(0).labels.unwrap();
    assert_eq!(*labels, Labels(Box::new([("area".into(), "y".into()), ("team".into(), "x".into())])));
}

#[test]
fn every_scheme_has_its_port_and_its_way_to_tls() {
    let ports = [
        ("tls", 443, None),
        ("https", 443, None),
        ("ftps", 990, None),
        ("imaps", 993, None),
        ("ldaps", 636, None),
        ("pop3s", 995, None),
        ("smtps", 465, None),
        ("smtp", 25, Some(Starttls::Smtp)),
        ("lmtp", 24, Some(Starttls::Lmtp)),
        ("imap", 143, Some(Starttls::Imap)),
        ("pop3", 110, Some(Starttls::Pop3)),
        ("ftp", 21, Some(Starttls::Ftp)),
        ("sieve", 4190, Some(Starttls::Sieve)),
        ("nntp", 119, Some(Starttls::Nntp)),
        ("ldap", 389, Some(Starttls::Ldap)),
        ("xmpp", 5222, Some(Starttls::Xmpp)),
        ("xmpp-server", 5269, Some(Starttls::XmppServer)),
        ("irc", 6667, Some(Starttls::Irc)),
        ("postgres", 5432, Some(Starttls::Postgres)),
        ("mysql", 3306, Some(Starttls::Mysql)),
    ];
    assert_eq!(ports.len(), DIRECT.len() + Starttls::ALL.len());
    for (scheme, port, starttls) in ports {
        for (authority, port) in [("me:secret@mail.example.com", port), ("mail.example.com:4242", 4242)] {
            let target = resolve_all(&[entry(&format!("{scheme}://{authority}"))], None).unwrap().remove(0);
            assert_eq!((target.port, target.starttls, &*target.server_name), (port, starttls, "mail.example.com"), "{scheme}");
            assert_eq!(&*target.target, format!("{scheme}://{}", authority.trim_start_matches("me:secret@")), "{scheme}");
        }
    }
}
