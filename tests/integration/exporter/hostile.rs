//! Input that was made to break something: it costs bounded time and memory, and nothing else is disturbed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use rcgen::DnType;

use crate::support::ca::{Ca, Issued, pem};
use crate::support::exporter::{Folder, promtool_accepts};
use crate::support::servers::Servers;
use crate::support::tls_server::Mode;

/// Names that want to end a label, a line or a terminal's good manners.
const NAMES: [&str; 8] = [
    "new\nline 1\nx509_cert_not_after{a=\"b\"} 1",
    "quote\" } 1",
    "back\\slash\\",
    "back\\nslash-n",
    "tab\tbell\u{7}escape\u{1b}[31mnul\u{0}",
    "emoji 🔒 combining e\u{301} right-to-left \u{202e}",
    " blanks around ",
    "carriage\r\nreturn",
];

fn named(ca: &Ca, name: &str) -> Issued {
    let mut leaf = ca.leaf(&[]);
    leaf.params.distinguished_name = rcgen::DistinguishedName::new();
    leaf.params.distinguished_name.push(DnType::CommonName, name);
    leaf.params.distinguished_name.push(DnType::OrganizationName, name);
    leaf.issue()
}

#[test]
fn no_name_in_a_certificate_breaks_the_exposition() {
    let folder = Folder::new("[metrics]\ncompatibility = [\"enix\"]\n[sources.names]\ntype = \"file\"\npaths = [\"DIR/names/*\"]\n");
    let ca = Ca::root("Root \"\\\n of \u{1f512}");
    for (at, name) in NAMES.iter().enumerate() {
        folder.write(&format!("names/{at}.pem"), named(&ca, name).chain_pem());
    }
    folder.write("names/long.pem", named(&ca, &"long ".repeat(2_000)).chain_pem());
    folder.write("names/long-escapes.pem", named(&ca, &"\"\n\\".repeat(3_000)).chain_pem());
    // Files are read without checking signatures: bytes may be put in afterwards.
    let utf8 = named(&ca, "not UTF-8: HERE").certificate.to_vec();
    let text = |bytes: &[u8]| bytes.windows(4).position(|window| window == b"HERE");
    let mut broken = utf8;
    while let Some(at) = text(&broken) {
        broken[at..at + 4].copy_from_slice(b"\xff\xc3\x28\x80");
    }
    folder.write("names/invalid.pem", pem("CERTIFICATE", &broken));

    let scrape = folder.ready().scrape();
    promtool_accepts(&scrape.text);
    for (at, name) in NAMES.iter().enumerate() {
        let found = scrape.all("x509_cert_not_after", &[("filename", &format!("{at}.pem"))]);
        assert_eq!(found.len(), 1, "{name:?}");
        assert_eq!(found[0].label("subject_CN"), *name, "it comes back as it was");
    }
    for file in ["long.pem", "long-escapes.pem", "invalid.pem"] {
        assert_eq!(scrape.all("x509_cert_not_after", &[("filename", file)]).len(), 1, "{file}");
        assert_eq!(scrape.value("x509_cert_error", &[("filename", file)]), Some(0.0), "{file}");
    }
    for sample in &scrape.samples {
        for (label, value) in &sample.labels {
            assert!(value.len() <= 512 + "…12345678".len(), "{label} is {} bytes long", value.len());
        }
    }
}

#[test]
fn no_name_of_a_file_breaks_the_exposition() {
    let folder = Folder::new("[sources.names]\ntype = \"file\"\npaths = [\"DIR/names/*\"]\n");
    let good = Ca::root("Root").pem();
    for name in ["new\nline.pem", "quote\"} 1.pem", "back\\slash.pem", "\u{1b}[31m.pem", "🔒.pem"] {
        folder.write(&format!("names/{name}"), &good);
    }
    std::fs::write(folder.path().join("names").join(OsStr::from_bytes(b"invalid-\xff\xc3.pem")), &good).unwrap();
    let exporter = folder.ready();
    let scrape = exporter.scrape();
    promtool_accepts(&scrape.text);
    assert_eq!(scrape.all("x509_cert_not_after", &[]).len(), 6);
    for name in ["new\nline.pem", "quote\"} 1.pem", "back\\slash.pem"] {
        assert_eq!(scrape.all("x509_cert_not_after", &[("filename", name)]).len(), 1, "{name:?}");
    }
}

#[test]
fn no_name_of_a_file_ends_a_line_of_the_log_or_tells_the_terminal_anything() {
    let folder = Folder::new("[sources.names]\ntype = \"file\"\npaths = [\"DIR/names/*\"]\n");
    for name in ["a\n2026-01-01T00:00:00.000000Z  INFO all is well.pem", "b\r\u{1b}[2J.pem", "c\u{85}\u{9b}31m.pem", "d\u{202e}mep.pem"] {
        folder.write(&format!("names/{name}"), "nothing");
    }
    let exporter = folder.ready();
    let log = exporter.stderr();
    for shown in ["a\\n2026", "b\\u{d}\\u{1b}[2J.pem", "c\\u{85}\\u{9b}31m.pem", "d\\u{202e}mep.pem"] {
        assert!(log.contains(shown), "{shown} in:\n{log}");
    }
    assert_eq!(log.lines().find(|line| line.contains(" INFO all is well") && !line.contains(" WARN ")), None);
    assert_eq!(log.chars().find(|char| (char.is_control() && *char != '\n') || *char == '\u{202e}'), None, "{log}");
}

#[test]
fn bombs_are_errors_in_bounded_time_and_memory_and_others_are_not_disturbed() {
    const MIB: usize = 1 << 20;
    let folder = Folder::new(
        "[sources.bombs]\ntype = \"file\"\npaths = [\"DIR/bombs/*\"]\n[sources.good]\ntype = \"file\"\npaths = [\"DIR/good.pem\"]\n",
    );
    let good = Ca::root("Root").pem();
    folder.write("good.pem", &good);
    folder.write("bombs/huge.pem", vec![b'A'; 20 * MIB]);
    folder.write("bombs/begins.pem", "-----BEGIN CERTIFICATE-----\n".repeat(8 * MIB / 28));
    folder.write("bombs/blocks.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".repeat(2 * MIB / 59));
    folder.write("bombs/never-ends.pem", "-----BEGIN CERTIFICATE-----\n".to_owned() + &"A".repeat(8 * MIB));
    folder.write("bombs/dashes.pem", vec![b'-'; 8 * MIB]);
    folder.write("bombs/nested.der", [0x30, 0x80].repeat(MIB));
    folder.write("bombs/length.der", b"\x30\x84\xff\xff\xff\xff".repeat(1_000));
    folder.write("bombs/zeros.p12", vec![0; 4 * MIB]);
    folder.write("bombs/count.jks", b"\xfe\xed\xfe\xed\x00\x00\x00\x02\xff\xff\xff\xff".repeat(1_000));
    folder.write("bombs/nested.yaml.pem", "[".repeat(MIB));
    let started = std::time::Instant::now();
    let exporter = folder.ready();
    assert!(started.elapsed().as_secs() < 30, "{:?}, though not optimised", started.elapsed());
    let scrape = exporter.scrape();
    promtool_accepts(&scrape.text);
    let errors = scrape.all("x509_cert_error", &[("source_name", "bombs")]);
    assert_eq!((errors.len(), errors.iter().filter(|sample| sample.value != 1.0).count()), (10, 0), "{errors:#?}");
    assert!(scrape.value("x509_source_errors_total", &[("source_name", "bombs"), ("reason", "too_large")]).unwrap() >= 1.0);
    assert_eq!(scrape.value("x509_source_errors_total", &[("source_name", "bombs"), ("reason", "panicked")]), Some(0.0));
    assert_eq!(scrape.value("x509_cert_error", &[("source_name", "good")]), Some(0.0));
    let peak = std::fs::read_to_string(format!("/proc/{}/status", exporter.id())).unwrap();
    let peak: u64 = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok()).unwrap();
    assert!(peak < 400 << 10, "{peak} kB at most");
    let log = exporter.stderr();
    assert!(log.len() < 64 << 10, "the log does not grow with the input: {} bytes", log.len());
}

#[test]
fn a_hostile_endpoint_disturbs_no_other() {
    let (ca, mut servers) = (Ca::root("Root"), Servers::new());
    let good = servers.tls(&ca.leaf(&["127.0.0.1"]).issue());
    let odd = [
        servers.start(Mode::Flood(vec![0x16; 16_384])),
        servers.start(Mode::Answer(vec![0x16, 3, 3, 0xff, 0xff])),
        servers.start(Mode::Banner(b"220 \xff\"\n\\ ready\r\n".to_vec())),
        servers.start(Mode::StallAfterHello),
    ];
    let targets: Vec<String> = odd.iter().chain([&good]).map(|address| format!("\"{address}\"")).collect();
    let folder = Folder::new(&format!(
        "[sources.edge]\ntype = \"tls\"\ntimeout = \"2s\"\nroots = [\"DIR/ca.pem\"]\ntargets = [{}]\n",
        targets.join(", ")
    ));
    folder.write("ca.pem", ca.pem());
    let scrape = folder.ready().scrape();
    promtool_accepts(&scrape.text);
    assert_eq!(scrape.value("tls_probe_success", &[("target", &good.to_string())]), Some(1.0));
    for address in odd {
        let labels = [("target", address.to_string())];
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(scrape.value("tls_probe_success", &labels), Some(0.0), "{address}");
        assert_eq!(scrape.all("tls_probe_failure_info", &labels).len(), 1, "{address}");
    }
}
