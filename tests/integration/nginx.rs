//! `type = "nginx"`: what a configuration names that nginx itself takes, and what becomes of it when it changes or breaks.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;

use notafter::model::{Place, Reason, SourceKind};

use super::support::as_nobody;
use super::support::ca::Ca;
use super::support::crls::CrlCa;
use super::support::exporter::Folder;
use super::support::rescan::{RecordingSink, Watch};
use super::support::scrape::Scrape;

const MAIN: &str = r#"
# The way Debian lays it out: one file for each site.
pid DIR/nginx.pid; error_log DIR/error.log;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path DIR/t; proxy_temp_path DIR/t; fastcgi_temp_path DIR/t; uwsgi_temp_path DIR/t; scgi_temp_path DIR/t;
    types { text/html html htm; }
    log_format odd '{ "host": "$host", \'quoted\': "\"" }';
    map $host $kind { default "{"; "~^(?<first>a{1,2})\.example$" '}'; include other.map; }
    upstream payments.example { server 127.0.0.1:18444; }
    ssl_trusted_certificate tls/ca.pem; # inherited by every site
    include "sites/*.conf";
    include none/*;
}
"#;

const SHOP: &str = r#"
server {
    listen 127.0.0.1:18443 ssl http2;
    listen 127.0.0.1:18080;
    server_name shop.example .www.shop.example "~^(?<name>[a-z]{1,3})\.shop$";
    ssl_certificate     'tls/shop.pem';
    ssl_certificate_key tls/shop.key;
    ssl_client_certificate tls/ca.pem;
    ssl_verify_client on;
    ssl_crl tls/crl.pem;
    location ~ "^/api/(v[0-9]{1,2})/" {
        if ($request_method = "POST") { return 403; }
        proxy_pass https://payments.example;
        include snippets/upstream.inc;
    }
}
"#;

const UPSTREAM: &str =
    "proxy_ssl_certificate tls/client.pem; proxy_ssl_certificate_key tls/client.key;\nproxy_ssl_trusted_certificate tls/ca.pem;\n";

/// A site of one name that uses the certificate of another one.
const BLOG: &str =
    "server { listen 127.0.0.1:18443 ssl; server_name blog.example; ssl_certificate tls/shop.pem; ssl_certificate_key tls/shop.key; }\n";

/// An nginx folder with all that its configuration names, and an exporter's configuration beside it.
fn site() -> Folder {
    let folder =
        Folder::new("[sources.web]\ntype = \"nginx\"\nconfig = \"nginx/nginx.conf\"\nschedule = \"* * * * * *\"\nrevocation = []\n");
    let ca = Ca::root("Site CA");
    for (name, host) in [("shop", "shop.example"), ("client", "client.example"), ("new", "new.example")] {
        let issued = ca.leaf(&[host]).issue();
        folder.write(&format!("nginx/tls/{name}.pem"), issued.chain_pem());
        folder.write(&format!("nginx/tls/{name}.key"), issued.key_pem());
    }
    folder.write("nginx/tls/ca.pem", ca.pem());
    folder.write("nginx/tls/crl.pem", CrlCa::new("Site CRL").v2("30"));
    folder.write("nginx/nginx.conf", MAIN.replace("DIR", &folder.at("nginx")));
    folder.write("nginx/other.map", "b.example 1;\n");
    folder.write("nginx/sites/shop.conf", SHOP);
    folder.write("nginx/snippets/upstream.inc", UPSTREAM);
    folder
}

/// Whether nginx takes the configuration.
fn nginx_takes(folder: &Folder) -> Result<(), String> {
    let output =
        Command::new("nginx").args(["-t", "-e", &folder.at("nginx/error.log"), "-c", &folder.at("nginx/nginx.conf")]).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

/// Files with their users: file, kind, configuration file, host.
fn uses(folder: &Folder, scrape: &Scrape) -> Vec<String> {
    let short = |text: &str| text.replace(&folder.at("nginx/"), "");
    let used = scrape.all("x509_cert_used_by", &[("source_kind", "nginx"), ("source_name", "web")]);
    let mut told: Vec<String> = used
        .iter()
        .map(|one| format!("{} {} {} {}", short(one.label("filepath")), one.label("kind"), short(one.label("name")), one.label("host")))
        .collect();
    told.sort();
    told
}

/// The users of the first site's files, as [`uses`] tells them.
fn of_shop() -> Vec<String> {
    let files = [("ca", "client_ca"), ("ca", "trusted_ca"), ("crl", "crl"), ("shop", "certificate")];
    let hosts = ["*", "*.www.shop.example", "shop.example", "www.shop.example"];
    let of_server = |(file, kind)| hosts.map(|host| format!("tls/{file}.pem nginx_{kind} sites/shop.conf {host}:18443"));
    let mut told: Vec<String> = files.into_iter().flat_map(of_server).collect();
    told.push("tls/ca.pem nginx_upstream_ca sites/shop.conf payments.example".to_owned());
    told.push("tls/client.pem nginx_upstream_certificate sites/shop.conf payments.example".to_owned());
    told.sort();
    told
}

#[test]
fn what_nginx_uses_is_watched_with_its_users() {
    let folder = site();
    nginx_takes(&folder).unwrap();
    let exporter = folder.ready();
    let scrape = exporter.scrape();
    assert_eq!(uses(&folder, &scrape), of_shop());
    let web = [("source_kind", "nginx"), ("source_name", "web")];
    assert_eq!(scrape.value("x509_source_up", &web), Some(1.0));
    assert_eq!(scrape.all("x509_cert_error", &web).len(), 4, "each file is one place");
    assert!(scrape.all("x509_cert_error", &web).iter().all(|sample| sample.value == 0.0));
    assert_eq!(scrape.all("x509_cert_not_after", &[("filename", "shop.pem"), ("subject_CN", "shop.example")]).len(), 1);
    assert_eq!(scrape.all("x509_crl_next_update", &[("filename", "crl.pem")]).len(), 1);
    assert!(exporter.stdout().contains("nginx/nginx.conf"), "{}", exporter.stdout());
    assert!(!scrape.text.contains(".key"), "keys are not opened");
}

#[test]
fn a_changed_configuration_is_followed_and_a_broken_one_loses_nothing() {
    let folder = site();
    let exporter = folder.ready();
    let blog = "tls/shop.pem nginx_certificate sites/blog.conf blog.example:18443".to_owned();
    let is_listed = |scrape: &Scrape, name: &str| !scrape.all("x509_cert_error", &[("filename", name)]).is_empty();
    // By now the files have their stamps and are not read again: what is known of them changes without.
    exporter.scans("web", 4.0);
    folder.write("nginx/sites/blog.conf", BLOG);
    nginx_takes(&folder).unwrap();
    exporter.scrape_until("a second user of the file", |scrape| uses(&folder, scrape).contains(&blog).then_some(()));

    folder.write("nginx/sites/new.conf", BLOG.replace("blog", "new").replace("shop", "new"));
    exporter.scrape_until("a new file", |scrape| is_listed(scrape, "new.pem").then_some(()));

    folder.write("nginx/sites/gone.conf", BLOG.replace("blog", "gone").replace("shop", "gone"));
    nginx_takes(&folder).unwrap_err();
    exporter.scrape_until("a file that is missing", |scrape| {
        (scrape.value("x509_cert_error", &[("filename", "gone.pem")]) == Some(1.0)).then_some(())
    });
    assert_eq!(
        exporter.scrape().value("x509_source_up", &[("source_name", "web")]),
        Some(1.0),
        "a missing file is no fault of the configuration"
    );

    for name in ["gone", "new", "blog"] {
        std::fs::remove_file(folder.path().join(format!("nginx/sites/{name}.conf"))).unwrap();
    }
    let scrape = exporter.scrape_until("what is named no more goes", |scrape| (!is_listed(scrape, "new.pem")).then(|| scrape.clone()));
    let before = uses(&folder, &scrape);
    assert_eq!(before, of_shop());
    assert!(!is_listed(&scrape, "gone.pem"));

    folder.write("nginx/sites/shop.conf", SHOP.replace("'tls/shop.pem';", "'tls/shop.pem'"));
    nginx_takes(&folder).unwrap_err();
    let is_up = |scrape: &Scrape, up: f64| (scrape.value("x509_source_up", &[("source_name", "web")]) == Some(up)).then(|| scrape.clone());
    let scrape = exporter.scrape_until("a configuration that cannot be read", |scrape| is_up(scrape, 0.0));
    assert_eq!(uses(&folder, &scrape), before);
    assert!(scrape.all("x509_source_errors_total", &[("source_name", "web"), ("reason", "decode_failed")])[0].value >= 1.0);
    exporter.until_logged("sites/shop.conf:7: invalid number of arguments in \"ssl_certificate\"");

    // Files that are known from before are looked at all the same: a renewal is seen.
    let renewed = Ca::root("Other CA").leaf(&["renewed.example"]).issue();
    folder.write("nginx/tls/shop.pem", renewed.chain_pem());
    let scrape = exporter.scrape_until("a renewal behind a broken configuration", |scrape| {
        (!scrape.all("x509_cert_not_after", &[("subject_CN", "renewed.example")]).is_empty()).then(|| scrape.clone())
    });
    assert_eq!(uses(&folder, &scrape), before);

    folder.write("nginx/sites/shop.conf", SHOP);
    let scrape = exporter.scrape_until("a configuration that can be read again", |scrape| is_up(scrape, 1.0));
    assert_eq!(uses(&folder, &scrape), before);
}

#[test]
fn the_other_commands_know_the_kind() {
    let folder = site();
    folder.config("[sources.web]\ntype = \"nginx\"\nconfig = \"nginx/nginx.conf\"\nmax_size = \"1MiB\"\n[sources.edge]\ntype = \"envoy-config\"\npaths = [\"*.yaml\"]\n");
    let file = folder.at("notafter.toml");
    let checked = folder.run(&["config", "check", &file]);
    assert_eq!((checked.code, checked.stdout.contains("2 sources")), (Some(0), true), "{checked:?}");
    let shown = folder.run(&["config", "show", &file]);
    assert!(shown.stdout.contains("type = \"nginx\"") && shown.stdout.contains("type = \"envoy-config\""), "{shown:?}");
    let scanned = folder.run(&["scan", "--config", &file, "--output", &folder.at("scan.prom")]);
    let text = std::fs::read_to_string(folder.path().join("scan.prom")).unwrap_or_default();
    assert!(text.contains("kind=\"nginx_certificate\""), "{scanned:?}\n{text}");
    let all = format!("nginx://{}", folder.at("nginx/nginx.conf"));
    for (target, code, expected) in [
        (&*all, 0, "4 places, 3 certificates"),
        ("nginx://nginx/gone.conf", 2, "nginx/gone.conf does not exist"),
        ("nginx://", 64, "config: expected the path"),
    ] {
        let checked = folder.run(&["check", "--offline", "--format", "text", target]);
        assert!((checked.stdout.clone() + &checked.stderr).contains(expected), "{target}: {checked:?}");
        assert_eq!(checked.code, Some(code), "{target}: {checked:?}");
    }
    for (table, message) in [("config = ''", "config: expected the path"), ("prefx = 'x'", "did you mean \"prefix\"")] {
        folder.config(&format!("[sources.web]\ntype = \"nginx\"\n{table}\n"));
        let refused = folder.run(&["config", "check", &file]);
        assert!(refused.code != Some(0) && refused.stderr.contains(message), "{refused:?}");
    }
}

fn watch(dir: &Path, table: &str) -> Watch {
    Watch::build(SourceKind::Nginx, dir, table).unwrap()
}

#[test]
fn a_scan_says_what_a_file_source_says_of_literal_paths() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "nginx.conf",
        "http { ssl_crl good; ssl_client_certificate gone; ssl_trusted_certificate folder; ssl_stapling_file link; ssl_certificate large; }",
    );
    write("good", "good");
    write("large", &"x".repeat(2_000));
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
    let mut watch = watch(dir.path(), "config = 'nginx.conf'\nmax_size = '1KiB'");
    for round in ["first", "second"] {
        let told = watch.scan();
        let short = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let failed: Vec<(String, Reason)> = told.failed().into_iter().map(|(path, reason)| (short(path), reason)).collect();
        let expected =
            [("folder", Reason::ReadFailed), ("gone", Reason::NotFound), ("large", Reason::TooLarge), ("link", Reason::BrokenSymlink)];
        assert_eq!(failed, expected.map(|(name, reason)| (name.to_owned(), reason)), "{round}");
        let seen: Vec<String> = told.found().into_iter().chain(told.unchanged.iter().map(String::as_str)).map(short).collect();
        assert_eq!(
            (seen, told.unchanged.len()),
            (vec!["good".to_owned()], usize::from(round == "second")),
            "an unchanged file is not read again"
        );
    }
}

#[test]
fn what_leads_to_no_file_is_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(dir.path().join("nginx.conf"), text).unwrap();
    let mut watch = watch(dir.path(), "config = 'nginx.conf'");
    for (text, expected) in [
        ("http { ssl_certificate /a/$host.pem; }", 1),
        ("http { ssl_certificate /a/$host.pem; }", 0),
        ("http { ssl_certificate data:x; ssl_certificate /a/$host.pem; }", 1),
        ("http { }", 0),
        ("http { ssl_certificate /a/$host.pem; }", 1),
    ] {
        write(text);
        let told = watch.scan();
        assert_eq!(told.errors.iter().filter(|(reason, _)| *reason == Reason::DecodeFailed).count(), expected, "{text}");
    }
}

#[test]
fn folders_that_hide_includes_fail_the_scan_and_not_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    write("nginx.conf", "http { ssl_crl a; include sites/*; }");
    write("a", "a");
    std::fs::create_dir(dir.path().join("sites")).unwrap();
    write("sites/s", "ssl_crl b;");
    std::fs::set_permissions(dir.path().join("sites"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut watch = watch(dir.path(), "config = 'nginx.conf'");
    let (told, listing) = as_nobody(|| watch.scan_with(RecordingSink::default()));
    let failure = listing.unwrap_err();
    assert_eq!(failure.reason, Reason::PermissionDenied, "{failure}");
    assert_eq!(told.places.keys().collect::<Vec<_>>(), [&Place::file(dir.path().join("a").to_str().unwrap()).to_string()]);
}
