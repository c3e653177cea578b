//! What the peers get wrong: each of these fails when the defect is put in.

use std::os::unix::fs::symlink;

use crate::support::ca::Ca;
use crate::support::crls::CrlCa;
use crate::support::exporter::{Folder, promtool_accepts};
use crate::support::scrape::Scrape;
use crate::support::servers::Servers;

/// A file source of this name that is scanned every second.
fn watching(name: &str, paths: &str) -> String {
    format!("[sources.{name}]\ntype = \"file\"\nschedule = \"@every 1s\"\npaths = [{paths}]\n")
}

/// Scans after which a file that was just written is no longer read anew each time: from then on its stamp decides.
const SETTLED: f64 = 5.0;

/// To one size: it must not be what tells generations apart.
fn padded(pem: String) -> String {
    format!("{pem:\n<2000}")
}

fn errors(scrape: &Scrape, source: &str) -> f64 {
    scrape.all("x509_source_errors_total", &[("source_name", source)]).iter().map(|sample| sample.value).sum()
}

/// The subject of the one certificate in a place.
fn subject_at(scrape: &Scrape, path: &str) -> Option<String> {
    let found = scrape.all("x509_cert_not_after", &[("filepath", path)]);
    assert!(found.len() <= 1, "an old generation stays: {found:#?}");
    found.first().map(|sample| sample.label("subject_CN").to_owned())
}

#[test]
fn a_swapped_data_link_of_a_mounted_secret_is_seen_at_the_next_scan() {
    let ca = Ca::root("Root");
    let folder = Folder::new(&(watching("literal", "\"DIR/mount/tls.crt\"") + &watching("glob", "\"DIR/mount/*.crt\"")));
    // As the kubelet does it: a new folder, a link renamed over the old one, and the old folder goes.
    let mount = |generation: &str, before: Option<&str>| {
        folder.write(&format!("mount/..{generation}/tls.crt"), padded(ca.leaf(&[generation]).issue().chain_pem()));
        symlink(format!("..{generation}"), folder.at("mount/..data_tmp")).unwrap();
        std::fs::rename(folder.at("mount/..data_tmp"), folder.at("mount/..data")).unwrap();
        before.into_iter().for_each(|before| std::fs::remove_dir_all(folder.at(&format!("mount/..{before}"))).unwrap());
    };
    mount("first", None);
    symlink("..data/tls.crt", folder.at("mount/tls.crt")).unwrap();
    let exporter = folder.ready();
    for (generation, before) in [("second", "first"), ("third", "second")] {
        exporter.scans("glob", SETTLED);
        mount(generation, Some(before));
        for source in ["literal", "glob"] {
            let labels = [("source_name", source), ("subject_CN", generation)];
            exporter.scrape_until(generation, |scrape| (scrape.all("x509_cert_not_after", &labels).len() == 1).then_some(()));
        }
        assert_eq!(exporter.scrape().all("x509_cert_not_after", &[]).len(), 2, "one row for each source");
    }
}

#[test]
fn an_in_place_rewrite_behind_a_symlink_is_seen_at_the_next_scan() {
    let ca = Ca::root("Root");
    let folder = Folder::new(&watching("links", "\"DIR/link.pem\""));
    folder.write("real/a.pem", padded(ca.leaf(&["generation-0"]).issue().chain_pem()));
    symlink("real/a.pem", folder.at("link.pem")).unwrap();
    let exporter = folder.ready();
    exporter.scans("links", SETTLED);
    folder.write("real/a.pem", padded(ca.leaf(&["generation-1"]).issue().chain_pem()));
    let path = folder.at("link.pem");
    exporter.scrape_until("the rewrite", |scrape| (subject_at(scrape, &path)? == "generation-1").then_some(()));
}

#[test]
fn two_sources_on_one_path_are_two_rows_told_apart_by_their_names() {
    let folder = Folder::new(&(watching("cluster-a", "\"DIR/tls.pem\"") + &watching("cluster-b", "\"DIR/tls.pem\"")));
    folder.write("tls.pem", Ca::root("Root").leaf(&["www"]).issue().chain_pem());
    let scrape = folder.ready().scrape();
    for family in ["x509_cert_not_after", "x509_cert_not_before", "x509_cert_info", "x509_cert_error"] {
        let found = scrape.all(family, &[]);
        let names: Vec<&str> = found.iter().map(|sample| sample.label("source_name")).collect();
        assert_eq!(names, ["cluster-a", "cluster-b"], "{family}");
        let mut rest: Vec<_> = found.iter().map(|sample| sample.labels.clone()).collect();
        rest.iter_mut().for_each(|labels| drop(labels.remove("source_name")));
        assert_eq!(rest[0], rest[1], "{family}: nothing else differs");
    }
}

#[test]
fn garbage_and_a_missing_path_are_errors_at_every_scan_until_mended() {
    let folder = Folder::new(&watching("s", "\"DIR/garbage.pem\", \"DIR/missing.pem\", \"DIR/good.pem\""));
    let good = Ca::root("Root").leaf(&["www"]).issue().chain_pem();
    folder.write("garbage.pem", "no certificate");
    folder.write("good.pem", &good);
    let exporter = folder.ready();
    let state = |scrape: &Scrape, name: &str| scrape.value("x509_cert_error", &[("filepath", &folder.at(name))]);
    let mut counted = 0.0;
    for _ in 0..3 {
        let scrape = exporter.scrape();
        assert_eq!(["garbage.pem", "missing.pem", "good.pem"].map(|name| state(&scrape, name)), [Some(1.0), Some(1.0), Some(0.0)]);
        assert!(errors(&scrape, "s") >= counted + 2.0, "each scan counts both again: {} after {counted}", errors(&scrape, "s"));
        counted = errors(&scrape, "s");
        exporter.scans("s", 1.0);
    }
    let scrape = exporter.scrape();
    for reason in ["not_found", "no_certificate_found"] {
        assert!(scrape.value("x509_source_errors_total", &[("reason", reason)]).unwrap() >= 3.0, "{reason}");
    }

    folder.write("garbage.pem", &good);
    folder.write("missing.pem", &good);
    exporter.scrape_until("mended", |scrape| {
        (state(scrape, "garbage.pem") == Some(0.0) && state(scrape, "missing.pem") == Some(0.0)).then_some(())
    });
    let counted = errors(&exporter.scrape(), "s");
    exporter.scans("s", 2.0);
    assert_eq!(errors(&exporter.scrape(), "s"), counted, "mended things are not counted");
}

#[test]
fn a_file_that_is_gone_leaves_nothing_behind() {
    let folder = Folder::new(&watching("s", "\"DIR/all/*\""));
    let good = Ca::root("Root").leaf(&["www"]).issue().chain_pem();
    folder.write("all/stays.pem", &good);
    let gone = folder.write("all/goes.pem", &good);
    let garbage = folder.write("all/garbage.pem", "no certificate");
    let exporter = folder.ready();
    assert_eq!(exporter.scrape().with("filename", "goes.pem").len(), 6);
    std::fs::remove_file(gone).unwrap();
    std::fs::remove_file(garbage).unwrap();
    exporter.scrape_until("both gone", |scrape| {
        (scrape.with("filename", "goes.pem").is_empty() && scrape.with("filename", "garbage.pem").is_empty()).then_some(())
    });
    assert_eq!(exporter.scrape().with("filename", "stays.pem").len(), 6);
}

#[test]
fn of_several_formats_and_unreadable_files_none_is_dropped_in_silence() {
    let folder = Folder::new(
        "[sources.mixed]\ntype = \"file\"\nmax_size = \"64KiB\"\npaths = [\"DIR/all/*.{pem,crt,der,p12,jks,crl}\", \"DIR/literal.crt\"]\n",
    );
    let leaf = Ca::root("Root").leaf(&["www"]).issue();
    let pem = leaf.chain_pem();
    folder.write("all/good.pem", &pem);
    folder.write("all/good.der", &leaf.certificate);
    folder.write("all/some.pem", pem.clone() + "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n");
    folder.write("all/truncated.der", &leaf.certificate[..leaf.certificate.len() / 2]);
    folder.write("all/huge.pem", pem.repeat(1_000));
    folder.write("all/empty.crt", "");
    folder.write("all/broken.jks", b"\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01");
    folder.write("all/broken.crl", "-----BEGIN X509 CRL-----\nMIIBAAAA\n-----END X509 CRL-----\n");
    symlink("nowhere", folder.at("all/dangling.pem")).unwrap();
    symlink("loop.pem", folder.at("all/loop.pem")).unwrap();
    symlink("nowhere", folder.at("literal.crt")).unwrap();
    let openssl = |arguments: &[&str]| crate::support::openssl::openssl(folder.path(), arguments);
    openssl(&["pkcs12", "-export", "-nokeys", "-in", "all/good.pem", "-passout", "pass:unknown", "-out", "all/locked.p12"]);

    let exporter = folder.ready();
    let scrape = exporter.scrape();
    // A place that gives a certificate is no error as a whole; what is bad beside it is logged and counted all the same.
    for name in ["all/good.pem", "all/good.der", "all/some.pem"] {
        assert_eq!(scrape.value("x509_cert_error", &[("filepath", &folder.at(name))]), Some(0.0), "{name}");
    }
    let unreadable = [
        "all/truncated.der",
        "all/huge.pem",
        "all/empty.crt",
        "all/broken.jks",
        "all/broken.crl",
        "all/dangling.pem",
        "all/loop.pem",
        "all/locked.p12",
        "literal.crt",
    ];
    for name in unreadable {
        assert_eq!(scrape.value("x509_cert_error", &[("filepath", &folder.at(name))]), Some(1.0), "{name}");
    }
    for name in unreadable.iter().chain(&["all/some.pem"]) {
        assert!(exporter.stderr().contains(&folder.at(name)), "the log names {name}:\n{}", exporter.stderr());
    }
    assert_eq!(errors(&scrape, "mixed"), unreadable.len() as f64 + 1.0, "each is counted once a scan");
    assert_eq!(scrape.all("x509_cert_not_after", &[("filename", "some.pem")]).len(), 1, "the good block is read");
    assert_eq!(scrape.value("x509_source_up", &[]), Some(1.0));
}

#[test]
fn version_1_crls_and_two_of_one_issuer_in_one_file_are_series_of_their_own() {
    let folder = Folder::new("[sources.crls]\ntype = \"file\"\npaths = [\"DIR/crls/*\"]\n");
    let ca = CrlCa::new("CRL CA");
    folder.write("crls/v1.pem", ca.v1());
    folder.write("crls/two.pem", ca.v2("10") + &ca.v2("20"));
    let scrape = folder.ready().scrape();
    promtool_accepts(&scrape.text);
    for family in ["x509_crl_this_update", "x509_crl_next_update", "x509_crl_stale", "x509_crl_entries"] {
        assert_eq!(scrape.all(family, &[("filename", "v1.pem"), ("issuer_CN", "CRL CA")]).len(), 1, "{family}");
        assert_eq!(scrape.all(family, &[("filename", "two.pem"), ("issuer_CN", "CRL CA")]).len(), 2, "{family}");
    }
    assert_eq!(scrape.all("x509_crl_number", &[("filename", "v1.pem")]).len(), 0, "version 1 has no number");
    let numbers: Vec<f64> = scrape.all("x509_crl_number", &[("filename", "two.pem")]).iter().map(|sample| sample.value).collect();
    assert_eq!(numbers.iter().sum::<f64>(), 42.0 + 43.0);
    let ends: Vec<f64> = scrape.all("x509_crl_next_update", &[("filename", "two.pem")]).iter().map(|sample| sample.value).collect();
    assert!((ends[0] - ends[1]).abs() > 9.0 * 86_400.0, "each with its own dates: {ends:?}");
    assert_eq!(scrape.value("x509_cert_error", &[("filename", "v1.pem")]), Some(0.0));
}

#[test]
fn an_expired_or_untrusted_endpoint_shows_its_certificates_and_no_odd_dates() {
    let (ca, mut servers) = (Ca::root("Root"), Servers::new());
    let trusted = servers.tls(&ca.leaf(&["127.0.0.1"]).issue()).to_string();
    let expired = servers.tls(&ca.leaf(&["127.0.0.1"]).expired().issue()).to_string();
    let untrusted = servers.tls(&Ca::root("Other").intermediate("Strange").leaf(&["127.0.0.1"]).issue()).to_string();
    let folder = Folder::new(&format!(
        "[sources.edge]\ntype = \"tls\"\nroots = [\"DIR/ca.pem\"]\ntargets = [\"{trusted}\", \"{expired}\", \"{untrusted}\"]\n\
         [sources.files]\ntype = \"file\"\npaths = [\"DIR/broken.der\"]\n"
    ));
    folder.write("ca.pem", ca.pem());
    folder.write("broken.der", &ca.der()[..100]);
    let scrape = folder.ready().scrape();
    for (target, certificates, findings) in
        [(&trusted, 1, &[][..]), (&expired, 1, &["expired", "rotation_overdue"]), (&untrusted, 2, &["untrusted"])]
    {
        let labels = [("target", target.as_str())];
        for family in ["x509_cert_not_after", "x509_cert_not_before"] {
            assert_eq!(scrape.all(family, &labels).len(), certificates, "{family} {target}");
        }
        assert_eq!(scrape.value("tls_probe_success", &labels), Some(1.0), "the verdict is no failure of the probe");
        let found: Vec<&str> = scrape.all("x509_cert_finding", &labels).iter().map(|sample| sample.label("finding")).collect();
        assert_eq!(found, findings, "{target}");
    }
    for sample in &scrape.samples {
        let is_time = sample.name.ends_with("_timestamp_seconds") || sample.name.contains("_not_") || sample.name.ends_with("_update");
        assert!(sample.value >= 0.0, "{sample:?}");
        assert!(!is_time || (1.5e9..1e10).contains(&sample.value), "{sample:?}");
    }
    assert_eq!(scrape.value("x509_cert_error", &[("filename", "broken.der")]), Some(1.0));
}

#[test]
fn unknown_keys_are_refused_with_file_and_line_and_exit_64() {
    for (config, line, key) in [
        ("[sources.a]\ntype = \"file\"\npaths = [\"/a\"]\nexcludes = []\n", "notafter.toml:4:1", "excludes"),
        ("[server]\nlisten = []\nweb_confg = \"x\"\n", "notafter.toml:3:1", "web_config"),
        ("[sourcess]\n", "notafter.toml:1:2", "sourcess"),
        ("[sources.a]\ntype = \"tls\"\ntargets = [{ target = \"a:1\", sni = \"b\" }]\n", "notafter.toml:3:", "sni"),
    ] {
        let folder = Folder::new(config);
        for arguments in [&["--config", "notafter.toml", "--listen", "127.0.0.1:0"][..], &["config", "check", "notafter.toml"]] {
            let ran = folder.run(arguments);
            assert_eq!(ran.code, Some(64), "{arguments:?} {ran:?}");
            assert!(ran.stderr.contains(line) && ran.stderr.contains(key), "{line} {key}: {}", ran.stderr);
        }
    }
}

#[test]
fn nothing_is_served_that_is_not_meant_for_everybody() {
    let exporter = Folder::new("").ready();
    for path in ["/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/config", "/-/quit", "/../etc/passwd"] {
        assert_eq!(exporter.get(path).status, 404, "{path}");
    }
    assert_eq!(exporter.get("/-/reload").status, 405, "and to post it is not allowed either");
    for path in ["/", "/metrics", "/-/healthy", "/-/ready"] {
        assert_eq!(exporter.get(path).status, 200, "{path}");
    }
}
