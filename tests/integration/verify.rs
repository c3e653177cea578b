//! `notafter verify`, beside `openssl verify` and `openssl ocsp` on the same files.

use std::path::Path;
use std::process::{Command, Output};

use super::support::openssl::openssl;

const NOTAFTER: &str = env!("CARGO_BIN_EXE_notafter");

/// Runs `notafter verify` in a folder: its exit code and the JSON.
fn verify(folder: &Path, arguments: &[&str]) -> (i32, serde_json::Value) {
    let done = run(folder, &[&["--format", "json"], arguments].concat());
    let text = String::from_utf8_lossy(&done.stdout);
    let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text}{}", String::from_utf8_lossy(&done.stderr)));
    (done.status.code().unwrap(), json)
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(NOTAFTER).arg("verify").args(arguments).current_dir(folder).output().unwrap()
}

/// Whether `openssl` with these arguments says yes.
fn says_yes(folder: &Path, arguments: &[&str]) -> bool {
    Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl is installed").status.success()
}

/// A root, an issuing CA below it, and what they sign; all made by `openssl ca`.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        let folder = world.folder();
        for ca in ["root", "issuing", "stranger", "other"] {
            std::fs::create_dir(folder.join(ca)).unwrap();
            std::fs::write(folder.join(ca).join("index.txt"), "").unwrap();
            for (file, number) in [("serial", "1000"), ("number", "01")] {
                std::fs::write(folder.join(ca).join(file), number).unwrap();
            }
            std::fs::write(folder.join(format!("{ca}.cnf")), config(ca)).unwrap();
        }
        for (name, subject) in [("root", "/CN=Root"), ("stranger", "/CN=Issuing"), ("other", "/CN=Other")] {
            let (key, out, cnf) = (format!("{name}.key"), format!("{name}.pem"), format!("{name}.cnf"));
            world.openssl(&[
                "req",
                "-x509",
                "-nodes",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-days",
                "3650",
                "-subj",
                subject,
                "-keyout",
                &key,
                "-out",
                &out,
                "-config",
                &cnf,
                "-extensions",
                "above",
            ]);
        }
        world.issue("root", "issuing", "/CN=Issuing", "above", &[]);
        for name in ["good", "revoked", "held", "old"] {
            world.issue("issuing", name, &format!("/CN={name}.example"), "leaf", &[]);
        }
        world.issue("issuing", "expired", "/CN=expired.example", "leaf", &["-startdate", "20240101000000Z", "-enddate", "20250101000000Z"]);
        world.issue("issuing", "delegate", "/CN=Responder", "responder", &[]);
        world.issue("issuing", "checked", "/CN=Checked Responder", "checked", &[]);
        world.issue("issuing", "impostor", "/CN=Impostor", "leaf", &[]);
        world.ca("issuing", &["-gencrl", "-out", "before.crl"]);
        // Without numbers and reasons openssl writes version 1.
        let plain = config("issuing").replace("crlnumber", "#").replace("crl_extensions", "#");
        std::fs::write(folder.join("plain.cnf"), plain).unwrap();
        world.ca("plain", &["-revoke", "old.pem"]);
        world.ca("plain", &["-gencrl", "-out", "version1.crl"]);
        world.ca("issuing", &["-revoke", "revoked.pem", "-crl_reason", "keyCompromise"]);
        world.ca("issuing", &["-revoke", "held.pem", "-crl_reason", "certificateHold"]);
        world.ca("issuing", &["-gencrl", "-out", "issuing.crl"]);
        world.ca("issuing", &["-gencrl", "-crl_lastupdate", "20240101000000Z", "-crl_nextupdate", "20240201000000Z", "-out", "stale.crl"]);
        world.ca("issuing", &["-gencrl", "-crl_lastupdate", "20490101000000Z", "-crl_nextupdate", "20490201000000Z", "-out", "future.crl"]);
        world.ca("root", &["-gencrl", "-out", "root.crl"]);
        world.ca("stranger", &["-gencrl", "-out", "stranger.crl"]);
        world.openssl(&["crl", "-in", "issuing.crl", "-outform", "DER", "-out", "issuing.crl.der"]);
        let mut bent = std::fs::read(folder.join("issuing.crl.der")).unwrap();
        *bent.last_mut().unwrap() ^= 1;
        std::fs::write(folder.join("bent.crl.der"), bent).unwrap();
        world.openssl(&["crl", "-inform", "DER", "-in", "bent.crl.der", "-out", "bent.crl"]);
        std::fs::write(folder.join("page.crl"), "<html>404</html>").unwrap();
        world
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn openssl(&self, arguments: &[&str]) {
        openssl(self.folder(), arguments);
    }

    fn ca(&self, ca: &str, arguments: &[&str]) {
        let cnf = format!("{ca}.cnf");
        self.openssl(&[&["ca", "-batch", "-config", &cnf], arguments].concat());
    }

    fn issue(&self, ca: &str, name: &str, subject: &str, extensions: &str, more: &[&str]) {
        let (key, request, out, cnf) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"), format!("{ca}.cnf"));
        self.openssl(&[
            "req",
            "-new",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            subject,
            "-keyout",
            &key,
            "-out",
            &request,
            "-config",
            &cnf,
        ]);
        self.ca(ca, &[&["-in", &request, "-out", &out, "-notext", "-extensions", extensions], more].concat());
    }

    /// An OCSP response about a certificate, by whose key.
    fn respond(&self, about: &str, signer: &str, out: &str, more: &[&str]) {
        let (certificate, signer_certificate, key) = (format!("{about}.pem"), format!("{signer}.pem"), format!("{signer}.key"));
        self.openssl(
            &[
                &[
                    "ocsp",
                    "-index",
                    "issuing/index.txt",
                    "-CA",
                    "issuing.pem",
                    "-issuer",
                    "issuing.pem",
                    "-cert",
                    &certificate,
                    "-rsigner",
                    &signer_certificate,
                    "-rkey",
                    &key,
                    "-no_nonce",
                    "-respout",
                    out,
                    "-noverify",
                ],
                more,
            ]
            .concat(),
        );
    }
}

fn config(ca: &str) -> String {
    format!(
        "[ca]\ndefault_ca = own\n[own]\ndatabase = {ca}/index.txt\nserial = {ca}/serial\ncrlnumber = {ca}/number\nnew_certs_dir = {ca}\ncertificate = {ca}.pem\n\
         private_key = {ca}.key\ndefault_md = sha256\ndefault_days = 300\ndefault_crl_days = 30\npolicy = any\ncrl_extensions = list\nunique_subject = no\n\
         [any]\ncommonName = supplied\n[req]\ndistinguished_name = name\n[name]\n[above]\nbasicConstraints = critical,CA:TRUE\n\
         keyUsage = critical,keyCertSign,cRLSign\nsubjectKeyIdentifier = hash\n[list]\nauthorityKeyIdentifier = keyid\n\
         [leaf]\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nextendedKeyUsage = serverAuth\nsubjectAltName = DNS:shop.example\n\
         [responder]\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nextendedKeyUsage = OCSPSigning\nnoCheck = ignored\n\
         [checked]\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nextendedKeyUsage = OCSPSigning\n"
    )
}

#[test]
fn it_agrees_with_openssl_about_lists() {
    let world = World::new();
    let folder = world.folder();
    let all = ["--chain", "issuing.pem", "--anchor", "root.pem", "--target"];
    // target, lists, the status and its reason
    let cases: &[(&str, &[&str], &str, Option<&str>)] = &[
        ("good", &["issuing.crl"], "good", None),
        ("good", &["root.crl", "issuing.crl"], "good", None),
        ("good", &["version1.crl"], "good", None),
        ("revoked", &["issuing.crl"], "revoked", Some("keyCompromise")),
        ("old", &["version1.crl"], "revoked", Some("unspecified")),
        ("held", &["issuing.crl"], "revoked", Some("certificateHold")),
        ("revoked", &["before.crl"], "good", None),
        ("revoked", &["before.crl", "issuing.crl"], "revoked", Some("keyCompromise")),
        ("good", &["stale.crl"], "unknown", Some("stale")),
        ("good", &["future.crl"], "unknown", Some("not_yet_valid")),
        ("good", &["root.crl"], "unknown", Some("wrong_issuer")),
        ("good", &["stranger.crl"], "unknown", Some("signature_invalid")),
        ("good", &["bent.crl"], "unknown", Some("signature_invalid")),
        ("good", &["page.crl"], "unknown", Some("malformed")),
        ("good", &["absent.crl"], "unknown", Some("malformed")),
        ("good", &[], "unknown", Some("no_source")),
        ("expired", &["issuing.crl"], "good", None),
    ];
    for (target, lists, status, reason) in cases {
        let name = format!("{target} {lists:?}");
        let certificate = format!("{target}.pem");
        let ours: Vec<&str> = all.into_iter().chain([&*certificate]).chain(lists.iter().flat_map(|list| ["--crl", list])).collect();
        let (code, json) = verify(folder, &ours);
        assert_eq!((json["status"].as_str(), json["reason"].as_str()), (Some(*status), *reason), "{name}: {json}");
        // A relied-on file that openssl cannot open is an error to it in any case.
        let mut theirs = vec!["verify", "-crl_check", "-CAfile", "root.pem", "-untrusted", "issuing.pem"];
        theirs.extend(lists.iter().flat_map(|list| ["-CRLfile", list]));
        theirs.push(&certificate);
        // openssl takes the first list of the issuer that it comes to; where an older one stands before, only ours sees the newer.
        if lists != &["before.crl", "issuing.crl"] {
            assert_eq!(code == 0, says_yes(folder, &theirs), "{name}: openssl disagrees with {json}");
        }
        assert_eq!(code == 0, *status == "good" && *target != "expired", "{name}: {json}");
        if lists == &["version1.crl"] {
            assert_eq!(json["sources"][0]["number"], serde_json::Value::Null, "{name} is no version 1");
        }
    }
}

#[test]
fn a_namesake_of_the_issuer_is_not_believed() {
    let world = World::new();
    // Its list is in order, it says nothing bad about a revoked certificate, and its own certificate is at hand or even trusted.
    for more in [&["--chain", "stranger.pem"][..], &["--anchor", "stranger.pem"], &["--anchor", "stranger.pem", "--anchor", "root.pem"]] {
        let base = ["--target", "revoked.pem", "--chain", "issuing.pem", "--crl", "stranger.crl"];
        let (code, json) = verify(world.folder(), &[&base[..], more].concat());
        assert_eq!((code, &json["status"], &json["reason"]), (1, &"unknown".into(), &"wrong_issuer".into()), "{more:?}: {json}");
        assert_eq!(json["sources"][0]["usable"], false, "{more:?}");
        // Nor does it hide what the issuer says.
        let (_, json) = verify(world.folder(), &[&base[..], more, &["--crl", "issuing.crl"]].concat());
        assert_eq!(json["status"], "revoked", "{more:?}: {json}");
    }
}

#[test]
fn a_path_around_a_revoked_ca_counts() {
    let world = World::new();
    let folder = world.folder();
    world.ca("other", &["-in", "issuing.csr", "-out", "cross.pem", "-notext", "-extensions", "above"]);
    world.ca("other", &["-gencrl", "-out", "other.crl"]);
    world.ca("root", &["-revoke", "issuing.pem"]);
    world.ca("root", &["-gencrl", "-out", "root.crl"]);
    let lists = ["--crl", "issuing.crl", "--crl", "root.crl", "--crl", "other.crl", "--target", "good.pem"];
    let around = |chain: [&str; 4], anchors: [&str; 4]| verify(folder, &[&lists[..], &chain, &anchors].concat());
    let anchors = ["--anchor", "root.pem", "--anchor", "other.pem"];
    for chain in [["--chain", "issuing.pem", "--chain", "cross.pem"], ["--chain", "cross.pem", "--chain", "issuing.pem"]] {
        let (code, json) = around(chain, anchors);
        assert_eq!((code, &json["path"], &json["findings"]), (0, &"valid".into(), &serde_json::json!([])), "{chain:?}: {json}");
        let (code, json) = around(chain, ["--anchor", "root.pem", "--anchor", "root.pem"]);
        assert_eq!((code, &json["path_error"]), (1, &"issuer_revoked".into()), "{chain:?}: {json}");
    }
}

#[test]
fn it_agrees_with_openssl_about_responses() {
    let world = World::new();
    let folder = world.folder();
    // A response that openssl calls good, revoked or unknown; and who signs it.
    world.respond("good", "issuing", "good.der", &["-ndays", "7"]);
    world.respond("good", "delegate", "delegated.der", &["-ndays", "7"]);
    world.respond("revoked", "delegate", "revoked.der", &["-ndays", "7"]);
    world.respond("good", "impostor", "impostor.der", &["-ndays", "7"]);
    world.respond("good", "stranger", "stranger.der", &["-ndays", "7"]);
    world.respond("held", "issuing", "held.der", &["-ndays", "7"]);
    world.respond("good", "issuing", "endless.der", &[]);
    std::fs::write(folder.join("later.der"), b"\x30\x03\x0a\x01\x03").unwrap();
    let cases: &[(&str, &str, &str, Option<&str>)] = &[
        ("good", "good.der", "good", None),
        ("good", "delegated.der", "good", None),
        ("good", "endless.der", "good", None),
        ("revoked", "revoked.der", "revoked", Some("keyCompromise")),
        ("held", "held.der", "revoked", Some("certificateHold")),
        ("good", "impostor.der", "unknown", Some("responder_unauthorized")),
        ("good", "stranger.der", "unknown", Some("responder_unauthorized")),
        ("revoked", "good.der", "unknown", Some("not_for_certificate")),
        ("good", "later.der", "unknown", Some("responder_status")),
        ("good", "page.crl", "unknown", Some("malformed")),
    ];
    for (target, response, status, reason) in cases {
        let name = format!("{target} by {response}");
        let certificate = format!("{target}.pem");
        let (code, json) =
            verify(folder, &["--target", &certificate, "--chain", "issuing.pem", "--anchor", "root.pem", "--ocsp", response]);
        assert_eq!((json["status"].as_str(), json["reason"].as_str()), (Some(*status), *reason), "{name}: {json}");
        let why = reason.filter(|_| *status == "unknown");
        assert_eq!(json["sources"][0]["why"].as_str(), why, "{name}: {json}");
        let theirs = Command::new("openssl")
            .args([
                "ocsp",
                "-issuer",
                "issuing.pem",
                "-cert",
                &certificate,
                "-respin",
                response,
                "-CAfile",
                "root.pem",
                "-verify_other",
                "issuing.pem",
            ])
            .current_dir(folder)
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&theirs.stdout), String::from_utf8_lossy(&theirs.stderr));
        let is_good = err.contains("Response verify OK") && out.contains(&format!("{certificate}: good"));
        assert_eq!(code == 0, is_good, "{name}: openssl disagrees with {json}: {out}{err}");
    }
    // A delegate that is itself revoked answers for nobody, unless its issuer says that it need not be looked up.
    world.respond("good", "checked", "checked.der", &["-ndays", "7"]);
    for delegate in ["delegate.pem", "checked.pem"] {
        world.ca("issuing", &["-revoke", delegate]);
    }
    world.ca("issuing", &["-gencrl", "-out", "later.crl"]);
    for (response, list, why) in [
        ("checked.der", "issuing.crl", None),
        ("checked.der", "later.crl", Some("responder_unauthorized")),
        ("delegated.der", "later.crl", None),
    ] {
        let (_, json) = verify(folder, &["--target", "good.pem", "--chain", "issuing.pem", "--ocsp", response, "--crl", list]);
        assert_eq!(json["sources"][1]["why"].as_str(), why, "{response} {list}: {json}");
    }
    // Of the two words the worse one, and the disagreement is told.
    let (code, json) =
        verify(folder, &["--target", "revoked.pem", "--chain", "issuing.pem", "--crl", "before.crl", "--ocsp", "revoked.der"]);
    assert_eq!((code, &json["status"]), (1, &"revoked".into()));
    assert!(json["findings"].as_array().unwrap().contains(&"revocation_disagreement".into()), "{json}");
}

#[test]
fn the_path_counts_too() {
    let world = World::new();
    let folder = world.folder();
    let base = ["--target", "good.pem", "--crl", "issuing.crl", "--chain", "issuing.pem"];
    let with = |more: &[&str]| verify(folder, &[&base[..], more].concat());
    let path = |json: &serde_json::Value| (json["path"].as_str().unwrap().to_owned(), json["path_error"].as_str().map(str::to_owned));
    let invalid = |error: &str| ("invalid".to_owned(), Some(error.to_owned()));

    let (code, json) = with(&[]);
    assert_eq!((code, path(&json)), (0, ("not_checked".to_owned(), None)), "without an anchor");
    let (code, json) = with(&["--anchor", "root.pem"]);
    assert_eq!((code, path(&json)), (0, ("valid".to_owned(), None)));
    assert_eq!(json["findings"], serde_json::json!(["issuer_revocation_unknown"]), "no list of the root's");
    let (_, json) = with(&["--anchor", "root.pem", "--crl", "root.crl"]);
    assert_eq!(json["findings"], serde_json::json!([]));
    let (code, json) = with(&["--anchor", "stranger.pem"]);
    assert_eq!((code, path(&json)), (1, invalid("signature_invalid")), "a namesake of the issuer");
    let (code, json) = verify(folder, &["--target", "good.pem", "--crl", "issuing.crl", "--anchor", "root.pem"]);
    assert_eq!((code, path(&json), &json["reason"]), (1, invalid("unknown_issuer"), &"issuer_unknown".into()), "a gap");
    for (purpose, expected) in [("server", 0), ("any", 0), ("client", 1)] {
        let (code, json) = with(&["--anchor", "root.pem", "--purpose", purpose]);
        assert_eq!(code, expected, "{purpose}: {json}");
        if expected == 1 {
            assert_eq!(path(&json), invalid("wrong_purpose"), "{purpose}");
        }
    }
    for (name, expected) in [("shop.example", 0), ("SHOP.example.", 0), ("other.example", 1)] {
        assert_eq!(with(&["--anchor", "root.pem", "--server-name", name]).0, expected, "{name}");
        assert_eq!(with(&["--server-name", name]).0, expected, "{name} without an anchor");
    }
    let (code, json) =
        verify(folder, &["--target", "expired.pem", "--chain", "issuing.pem", "--anchor", "root.pem", "--crl", "issuing.crl"]);
    assert_eq!((code, path(&json)), (1, invalid("expired")));
    assert_eq!(json["findings"][0], "expired");

    // A CA as the target, and one that is an anchor.
    let (code, json) = verify(folder, &["--target", "issuing.pem", "--anchor", "root.pem", "--crl", "root.crl"]);
    assert_eq!((code, path(&json), &json["status"]), (0, ("valid".to_owned(), None), &"good".into()));
    let (code, json) = verify(folder, &["--target", "root.pem", "--anchor", "root.pem"]);
    assert_eq!((code, &json["status"], &json["reason"]), (0, &"not_applicable".into(), &"self_signed".into()));

    // The issuing CA is revoked: the target's own status stays.
    world.ca("root", &["-revoke", "issuing.pem", "-crl_reason", "CACompromise"]);
    world.ca("root", &["-gencrl", "-out", "root.crl"]);
    let (code, json) = with(&["--anchor", "root.pem", "--crl", "root.crl"]);
    assert_eq!((code, path(&json), &json["status"]), (1, invalid("issuer_revoked"), &"good".into()));
}

#[test]
fn times_and_ages_are_arguments() {
    let world = World::new();
    let folder = world.folder();
    let base = ["--target", "good.pem", "--crl", "issuing.crl", "--chain", "issuing.pem"];
    let (_, now) = verify(folder, &base);
    let next = now["sources"][0]["next_update"].as_str().unwrap();
    let next = time::OffsetDateTime::parse(next, &time::format_description::well_known::Rfc3339).unwrap().unix_timestamp();
    for (at, status) in [(next + 300, "good"), (next + 301, "unknown"), (next - 31 * 86_400, "unknown")] {
        let (_, json) = verify(folder, &[&base[..], &["--at", &at.to_string()]].concat());
        assert_eq!(json["status"], status, "{at}");
    }
    for (age, status) in [("1h", "unknown"), ("3d", "good")] {
        let at = (next - 29 * 86_400).to_string();
        let (_, json) = verify(folder, &[&base[..], &["--at", &at, "--max-age", age]].concat());
        assert_eq!(json["status"], status, "{age}");
    }
    // Twice the same, byte for byte.
    let once = || run(folder, &[&base[..], &["--at", &next.to_string(), "--format", "json"]].concat()).stdout;
    assert_eq!(once(), once());
}

#[test]
fn what_cannot_be_read_has_its_exit_code() {
    let world = World::new();
    let folder = world.folder();
    std::fs::write(folder.join("empty"), "").unwrap();
    std::fs::write(folder.join("mixed.pem"), ["good.pem", "issuing.crl"].map(|file| std::fs::read(folder.join(file)).unwrap()).concat())
        .unwrap();
    let broken = "-----BEGIN X509 CRL-----\n!!!!\n-----END X509 CRL-----\n";
    let list = std::fs::read_to_string(folder.join("issuing.crl")).unwrap();
    std::fs::write(folder.join("halves.crl"), format!("{broken}{list}")).unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--target", "absent.pem"], 2, "absent.pem"),
        (&["--target", "empty"], 2, "empty"),
        (&["--target", "issuing.crl"], 2, "no certificate"),
        (&["--target", "good.pem", "--chain", "page.crl"], 2, "page.crl"),
        (&["--target", "good.pem", "--anchor", "empty"], 2, "empty"),
        (&["--target", "good.pem", "--crl", "absent.crl"], 1, ""),
        (&["--target", "good.pem", "--ocsp", "absent.der"], 1, ""),
        (&["--target", "mixed.pem", "--chain", "issuing.pem", "--crl", "mixed.pem"], 0, ""),
        (&["--target", "good.pem", "--chain", "issuing.pem", "--crl", "halves.crl"], 0, ""),
        (&["--target", "good.pem", "--max-age", "soon"], 64, "max-age"),
        (&["--target", "good.pem", "--purpose", "mail"], 64, "purpose"),
        (&["--target", "good.pem", "--server-name", "not a name"], 64, "server-name"),
        (&["--chain", "good.pem"], 64, "--target"),
    ];
    for (arguments, code, words) in cases {
        let done = run(folder, arguments);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(*code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    // What is broken stands beside what is not.
    let (_, json) = verify(folder, &["--target", "good.pem", "--chain", "issuing.pem", "--crl", "halves.crl"]);
    let whys: Vec<_> = json["sources"].as_array().unwrap().iter().map(|source| source["why"].as_str()).collect();
    assert_eq!(whys, [Some("malformed"), None]);
    // For people.
    let done = run(folder, &["--target", "revoked.pem", "--chain", "issuing.pem", "--anchor", "root.pem", "--crl", "issuing.crl"]);
    let said = String::from_utf8_lossy(&done.stdout);
    for words in [
        "revoked.pem: not good",
        "CN=revoked.example, ends ",
        "revoked since ",
        ": keyCompromise",
        "valid, over CN=Issuing",
        "issuing.crl: usable",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}
