use super::*;

/// Directives as nginx would see them: words in brackets, blocks in braces.
fn told(directives: &[Directive]) -> String {
    let words =
        |directive: &Directive| directive.words.iter().map(|word| format!("[{}]", String::from_utf8_lossy(word))).collect::<String>();
    let one = |directive: &Directive| {
        let block = directive.block.as_ref().map_or(String::new(), |block| format!("{{{}}}", told(block)));
        format!("{}{}{block}", directive.name, words(directive))
    };
    directives.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn read(text: &str) -> Result<String, String> {
    parse(text.as_bytes(), 1_000).map(|directives| told(&directives)).map_err(|error| error.to_string())
}

#[test]
fn what_nginx_takes_is_taken() {
    for (what, text, expected) in [
        ("nothing", "", ""),
        ("blanks and comments", " \r\n\t# listen 1;\n", ""),
        ("a comment at the end", "listen 1; # {", "listen[1]"),
        ("a hash inside a word", "listen a#b; listen 2;", "listen[a#b] listen[2]"),
        ("no blank is needed", "http{server{listen 1;}}", "http{server{listen[1]}}"),
        ("lines do not matter", "listen\n  443\n\tssl\n;", "listen[443][ssl]"),
        ("double quotes", r#"server_name "a b;{}#'";"#, "server_name[a b;{}#']"),
        ("single quotes", r#"server_name 'a "b";' c;"#, r#"server_name[a "b";][c]"#),
        ("an empty word", "server_name \"\" a;", "server_name[][a]"),
        ("escaped quotes", r#"server_name "a\"b" 'c\'d' \"e\";"#, r#"server_name[a"b][c'd]["e"]"#),
        ("escaped characters", r"listen a\\b\tc\nd\xe;", "listen[a\\b\tc\nd\\xe]"),
        ("an escaped blank and semicolon", r"listen a\ b\;c;", r"listen[a\ b\;c]"),
        ("quotes inside a word", "listen a\"b'c;", "listen[a\"b'c]"),
        ("variables in braces", "ssl_certificate /a/${ssl_server_name}.pem;", "ssl_certificate[/a/${ssl_server_name}.pem]"),
        ("a dollar before a block", "http { server { location ~ \\.php$ { listen 1; } } }", "http{server{location{listen[1]}}}"),
        ("a closing brace inside a word", "server_name a}b;", "server_name[a}b]"),
        ("a quoted regular expression", "server_name \"~^(?<n>a{1,2})$\" b;", "server_name[~^(?<n>a{1,2})$][b]"),
        ("a parenthesis after a quote", "http { server { if ($a = \"b\") { listen 1; } } }", "http{server{if{listen[1]}}}"),
        ("others are passed over", "user www; events { worker_connections 1; } listen 1;", "listen[1]"),
        ("in blocks that nobody asks for too", "http { map $a $b { listen 1; include x; default { } } }", "http{}"),
        ("a server of an upstream is none", "http { upstream a { server 127.0.0.1:1; } }", "http{}"),
        (
            "blocks with names of blocks",
            "http { upstream server { server a; } map $a http { } location = server { listen 1; } }",
            "http{location{listen[1]}}",
        ),
        ("words that are meant as words", "add_header x \"ssl_certificate\"; map a b { ssl_certificate 1; a ssl_crl; }", ""),
        ("a name that is quoted", "\"listen\" 1;", "listen[1]"),
        ("lines of Windows", "listen 1;\r\nlisten 2;\r\n", "listen[1] listen[2]"),
        (
            "Lua",
            "http { server { access_by_lua_block { local a = {\"}\", '}', [[}]], [=[ ]] } ]=]} -- } \n --[[ } \n ]] } listen 1; } }",
            "http{server{listen[1]}}",
        ),
        ("Lua with a quote that is escaped", "http { init_by_lua_block { a = '\\'}' } } listen 1;", "http{} listen[1]"),
    ] {
        assert_eq!(read(text), Ok(expected.to_owned()), "{what}");
    }
}

#[test]
fn what_nginx_refuses_is_refused_with_its_line() {
    for (what, text, expected) in [
        ("no semicolon before the end", "a;\nlisten 1", "line 2: unexpected end of file, expecting \";\" or \"}\""),
        (
            "no semicolon before a brace, which belongs to the word",
            "http {\nlisten 1}",
            "line 2: unexpected end of file, expecting \";\" or \"}\"",
        ),
        ("no semicolon before a brace of its own", "http {\nlisten 1\n}", "line 3: unexpected \"}\""),
        ("a block that is not closed", "http {\n\n", "line 3: unexpected end of file, expecting \"}\""),
        ("a brace too many", "http {}\n}", "line 2: unexpected \"}\""),
        (
            "a brace of a regular expression without quotes",
            "server_name ~^a{1,2}$;",
            "line 1: directive \"server_name\" is not terminated by \";\"",
        ),
        (
            "a semicolon forgotten between certificate and key",
            "http {\nssl_certificate a.pem\nssl_certificate_key a.key; }",
            "line 3: invalid number of arguments in \"ssl_certificate\"",
        ),
        (
            "before a certificate",
            "http {\nroot /a\nssl_certificate a.pem; }",
            "line 3: \"ssl_certificate\" inside another directive: a \";\" is missing before it",
        ),
        (
            "after a name",
            "http { server { server_name a\nssl_crl b; } }",
            "line 2: \"ssl_crl\" inside another directive: a \";\" is missing before it",
        ),
        ("before a block", "http { server { root /a\nlocation / { } } }", "line 2: directive \"root\" is not terminated by \";\""),
        (
            "after a certificate, before a block",
            "http { ssl_crl a\nserver { } }",
            "line 2: directive \"ssl_crl\" is not terminated by \";\"",
        ),
        ("a certificate without a path", "http { ssl_certificate; }", "line 1: invalid number of arguments in \"ssl_certificate\""),
        ("a socket that is none", "http { server { listen; } }", "line 1: invalid number of arguments in \"listen\""),
        ("a semicolon alone", "\n;", "line 2: unexpected \";\""),
        ("a block without a name", "\n\n{ }", "line 3: unexpected \"{\""),
        ("a quote that is not closed", "a \"\n\n;", "line 1: a quote is not closed before the end of the file"),
        ("a backslash at the end", "listen a\\", "line 1: unexpected end of file, expecting \";\" or \"}\""),
        ("a backslash at the end of a quote", "listen 'a\\", "line 1: a quote is not closed before the end of the file"),
        ("words that touch", "listen 'a'b;", "line 1: unexpected \"b\" after a closing quote"),
        ("Lua that does not end", "a_by_lua_block { { }", "line 1: unexpected end of file in a block of Lua"),
        ("Lua in a string that does not end", "a_by_lua_block {\n \"}", "line 2: unexpected end of file in a block of Lua"),
    ] {
        assert_eq!(read(text), Err(expected.to_owned()), "{what}");
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let nested = |count| "http {".repeat(count) + &"}".repeat(count);
    assert_eq!(told(&parse(nested(MOST_NESTED).as_bytes(), 1_000).unwrap()).len(), 6 * MOST_NESTED);
    for (what, text, most) in [
        ("nesting", nested(100_000), usize::MAX),
        ("nesting where nobody looks", "map {".repeat(100_000), usize::MAX),
        ("directives", "listen 1;".repeat(11), 10),
        ("blocks", "http {}".repeat(11), 10),
        ("words", format!("server_name {};", "a ".repeat(200_000)), usize::MAX),
        ("one word", format!("server_name {};", "a".repeat(100_000)), usize::MAX),
    ] {
        let error = parse(text.as_bytes(), most).expect_err(what);
        assert!(error.is_too_large, "{what}: {error}");
    }
    assert!(parse("deny all;".repeat(100_000).as_bytes(), 0).is_ok(), "what is not kept does not count");
}

#[test]
fn a_directive_says_where_it_begins() {
    let directives = parse(b"# a\nhttp {\n\n  server\n  {\n    listen\n 1; } }\nssl_crl a;", 10).unwrap();
    let server = &directives[0].block.as_ref().unwrap()[0];
    assert_eq!((directives[0].line, server.line, server.block.as_ref().unwrap()[0].line, directives[1].line), (2, 4, 6, 8));
}
