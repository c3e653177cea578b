//! The policies of docs/POLICY.md on certificates that keep them, and on those that break them one by one.

use std::collections::BTreeMap;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose as Extended, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose as Usage, NameConstraints, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, RsaKeySize,
    SanType,
};
use time::{Duration, OffsetDateTime};

use crate::support::ca::pem;
use crate::support::exporter::Folder;
use crate::support::scrape::Scrape;

const NAMES: &[&str] = &[
    "payment-service.prod.internal",
    "payment-service.prod.svc.cluster.local",
    "10.20.0.7",
    "spiffe://example.com/ns/prod/sa/payment-service",
];

/// The translation of the YAML in the documentation.
fn policies() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/POLICY.md")).unwrap();
    let block = page.split("```toml\n").find(|block| block.starts_with("[policy.root]")).expect("the translation");
    block.split("```").next().unwrap().to_owned()
}

/// CAs whose keys are made once.
struct Tree {
    large: KeyPair,
    small: KeyPair,
    curve: KeyPair,
}

impl Tree {
    fn new() -> Self {
        Self {
            large: KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096).unwrap(),
            small: KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(),
            curve: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
        }
    }

    fn root(&self, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = ca("Example Root CA", Some(2), 87_600);
        change(&mut params);
        pem("CERTIFICATE", params.self_signed(key).unwrap().der())
    }

    fn below_root(&self, key: &KeyPair, params: CertificateParams) -> String {
        let root = Issuer::new(ca("Example Root CA", Some(2), 87_600), &self.large);
        pem("CERTIFICATE", params.signed_by(key, &root).unwrap().der())
    }

    fn leaf(&self, issuer: &str, signer: &KeyPair, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = service();
        change(&mut params);
        pem("CERTIFICATE", params.signed_by(key, &Issuer::new(ca(issuer, Some(0), 26_280), signer)).unwrap().der())
    }

    /// A service certificate as production issues it, but for the change.
    fn service(&self, change: impl FnOnce(&mut CertificateParams)) -> String {
        self.leaf("Example Production CA", &self.large, &self.curve, change)
    }
}

fn lasting(params: &mut CertificateParams, hours: i64) {
    params.not_before = OffsetDateTime::now_utc();
    params.not_after = params.not_before + Duration::hours(hours);
}

fn names(texts: &[&str]) -> Vec<SanType> {
    let name = |text: &&str| match text.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) if text.contains("://") => SanType::URI((*text).try_into().unwrap()),
        Err(_) => SanType::DnsName((*text).try_into().unwrap()),
    };
    texts.iter().map(name).collect()
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn service() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = called("payment-service.prod.internal");
    params.subject_alt_names = names(NAMES);
    params.key_usages = vec![Usage::DigitalSignature, Usage::KeyEncipherment];
    params.extended_key_usages = vec![Extended::ClientAuth, Extended::ServerAuth];
    lasting(&mut params, 24);
    params
}

fn ca(name: &str, path_length: Option<u8>, hours: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = called(name);
    params.is_ca = IsCa::Ca(path_length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    params.key_usages = vec![Usage::KeyCertSign, Usage::CrlSign];
    lasting(&mut params, hours);
    params
}

fn constrained(mut params: CertificateParams, permitted: &[&str], excluded: &[&str]) -> CertificateParams {
    let subtrees = |names: &[&str]| names.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect();
    params.name_constraints = Some(NameConstraints { permitted_subtrees: subtrees(permitted), excluded_subtrees: subtrees(excluded) });
    params
}

fn production(path_length: Option<u8>, hours: i64) -> CertificateParams {
    let (permitted, excluded) = ([".prod.internal", ".prod.svc.cluster.local"], [".stage.internal", ".dev.internal"]);
    constrained(ca("Example Production CA", path_length, hours), &permitted, &excluded)
}

/// What is found on each file after one round.
fn found(folder: &Folder, policies: &str) -> BTreeMap<String, Vec<String>> {
    folder.config(&format!("[sources.mesh]\ntype = \"file\"\npaths = [\"certs/*.pem\"]\nrevocation = []\n\n{policies}"));
    let ran = folder.run(&["scan", "--config", "notafter.toml", "--output", "out.prom"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let scrape = Scrape::parse(&std::fs::read_to_string(folder.at("out.prom")).unwrap());
    let mut found: BTreeMap<String, Vec<String>> =
        scrape.all("x509_cert_error", &[]).iter().map(|sample| (sample.label("filename").to_owned(), Vec::new())).collect();
    for sample in scrape.all("x509_cert_finding", &[]) {
        found.get_mut(sample.label("filename")).unwrap().push(sample.label("finding").to_owned());
    }
    found
}

#[test]
fn the_translated_policies_accept_what_they_describe_and_reject_each_variant_for_its_own_reason() {
    let tree = Tree::new();
    let folder = Folder::new("");
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let staging = || constrained(ca("Example Staging CA", Some(0), 8_760), &[".stage.internal"], &[]);
    let without = |name: &str| names(&NAMES.iter().copied().filter(|known| *known != name).collect::<Vec<_>>());
    let and = |name: &str| names(&NAMES.iter().copied().chain([name]).collect::<Vec<_>>());
    let unconstrained = ca("Example Production CA", Some(0), 26_280);
    let wider = constrained(ca("Example Production CA", Some(0), 26_280), &["internal"], &[".stage.internal", ".dev.internal"]);
    let rows: Vec<(&str, String, &[&str])> = vec![
        ("service", tree.service(|_| ()), &[]),
        ("service without an address", tree.service(|leaf| leaf.subject_alt_names = without("10.20.0.7")), &[]),
        ("root", tree.root(&tree.large, |_| ()), &[]),
        ("production", tree.below_root(&tree.large, production(Some(0), 26_280)), &[]),
        ("staging", tree.below_root(&tree.curve, staging()), &[]),
        ("RSA key", tree.leaf("Example Production CA", &tree.large, &tree.small, |_| ()), &["key_algorithm_not_allowed"]),
        ("P-384", tree.leaf("Example Production CA", &tree.large, &p384, |_| ()), &["curve_not_allowed"]),
        ("25 hours", tree.service(|leaf| lasting(leaf, 25)), &["validity_above_wanted"]),
        ("169 hours", tree.service(|leaf| lasting(leaf, 169)), &["validity_too_long"]),
        ("no keyEncipherment", tree.service(|leaf| leaf.key_usages = vec![Usage::DigitalSignature]), &["key_usage_missing"]),
        ("no key usage", tree.service(|leaf| leaf.key_usages = vec![]), &["key_usage_missing"]),
        ("no clientAuth", tree.service(|leaf| leaf.extended_key_usages = vec![Extended::ServerAuth]), &["extended_key_usage_missing"]),
        ("no SPIFFE ID", tree.service(|leaf| leaf.subject_alt_names = without(NAMES[3])), &["spiffe_id_missing"]),
        (
            "two SPIFFE IDs",
            tree.service(|leaf| leaf.subject_alt_names = and("spiffe://example.com/ns/prod/sa/other")),
            &["spiffe_id_missing"],
        ),
        (
            "names that cannot be read",
            tree.service(|leaf| {
                leaf.subject_alt_names = Vec::new();
                leaf.custom_extensions =
                    vec![rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 17], b"\x30\x09\x82\x02ok\x82".to_vec())];
            }),
            &["spiffe_id_missing", "dns_name_not_allowed"],
        ),
        (
            "foreign trust domain",
            tree.service(|leaf| leaf.subject_alt_names = names(&["a.prod.internal", "spiffe://evil.example/ns/prod/sa/payment-service"])),
            &["trust_domain_not_allowed"],
        ),
        ("foreign name", tree.service(|leaf| leaf.subject_alt_names = and("payment-service.dev.internal")), &["dns_name_not_allowed"]),
        ("two labels", tree.service(|leaf| leaf.subject_alt_names = and("a.b.prod.internal")), &["dns_name_not_allowed"]),
        ("by staging", tree.leaf("Example Staging CA", &tree.large, &tree.curve, |_| ()), &["issuer_not_allowed"]),
        ("signed by ECDSA", tree.leaf("Example Production CA", &tree.curve, &tree.curve, |_| ()), &["signature_algorithm_not_allowed"]),
        ("production signs CAs", tree.below_root(&tree.large, production(Some(1), 26_280)), &["path_length_not_allowed"]),
        ("production without end", tree.below_root(&tree.large, production(None, 26_280)), &["path_length_not_allowed"]),
        ("production for any name", tree.below_root(&tree.large, unconstrained), &["name_constraints_missing"]),
        ("production for all of internal", tree.below_root(&tree.large, wider), &["name_constraints_missing"]),
        ("production of four years", tree.below_root(&tree.large, production(Some(0), 35_040)), &["validity_above_wanted"]),
        (
            "a CA that should not exist",
            tree.below_root(&tree.large, ca("rogue CA", None, 11 * 8_766)),
            &["validity_too_long", "path_length_not_allowed", "subject_not_allowed"],
        ),
        ("one that keeps every other rule", tree.below_root(&tree.large, ca("rogue CA", Some(0), 8_760)), &["subject_not_allowed"]),
        ("a CA by another one", tree.leaf("Another CA", &tree.large, &tree.curve, |params| *params = staging()), &["issuer_not_allowed"]),
        (
            "a service certificate that is a CA",
            tree.service(|leaf| {
                leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                lasting(leaf, 11 * 8_766);
            }),
            &["validity_too_long", "issuer_not_allowed", "path_length_not_allowed", "subject_not_allowed"],
        ),
        ("a root of another name", tree.root(&tree.large, |root| root.distinguished_name = called("Another CA")), &["subject_not_allowed"]),
        (
            "by staging, with a SPIFFE ID alone",
            tree.leaf("Example Staging CA", &tree.large, &tree.curve, |leaf| {
                (leaf.distinguished_name, leaf.subject_alt_names) = (called("payment"), names(&NAMES[3..]));
            }),
            &["issuer_not_allowed"],
        ),
        (
            "a foreign name as common name alone",
            tree.service(|leaf| (leaf.distinguished_name, leaf.subject_alt_names) = (called("evil.example"), names(&NAMES[3..]))),
            &["dns_name_not_allowed"],
        ),
        (
            "two lists of names",
            tree.service(|leaf| {
                leaf.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 17], b"\x30\x06\x82\x04evil".to_vec())];
            }),
            &["spiffe_id_missing", "dns_name_not_allowed"],
        ),
        ("root of 2048 bits", tree.root(&tree.small, |_| ()), &["key_size_not_allowed"]),
        ("root of five years", tree.root(&tree.large, |root| lasting(root, 43_800)), &["validity_too_short"]),
        ("root of 21 years", tree.root(&tree.large, |root| lasting(root, 21 * 8_766)), &["validity_too_long"]),
    ];
    for (name, pem, _) in &rows {
        folder.write(&format!("certs/{name}.pem"), pem);
    }
    let found_there = found(&folder, &policies());
    assert_eq!(found_there.len(), rows.len());
    for (name, _, expected) in &rows {
        assert_eq!(found_there[&format!("{name}.pem")], *expected, "{name}");
    }
    let rejected = rows.iter().filter(|(_, _, expected)| !expected.is_empty()).count();
    let reasons: std::collections::BTreeSet<_> = rows.iter().flat_map(|(_, _, expected)| expected.iter()).collect();
    assert!(rejected >= 12 && reasons.len() >= 12, "{rejected} variants for {} reasons", reasons.len());

    let strict = policies().replace("allow_ip_sans = true", "allow_ip_sans = false");
    let found_there = found(&folder, &strict);
    assert_eq!(found_there["service.pem"], ["ip_name_not_allowed"]);
    assert_eq!(found_there["service without an address.pem"], Vec::<String>::new());
}

/// The certificate that the page prints as an example of what does not keep its own policies.
#[test]
fn the_printed_certificate_breaks_what_the_page_says() {
    let tree = Tree::new();
    let mut params = service();
    params.distinguished_name = called("payment-service.internal");
    params.subject_alt_names = names(&["payment-service.internal", NAMES[1], NAMES[3]]);
    lasting(&mut params, 8_760);
    let mut issuer = ca("Internal CA", Some(0), 26_280);
    issuer.distinguished_name.push(DnType::OrganizationName, "Example Corp");
    let certificate = params.signed_by(&tree.small, &Issuer::new(issuer, &tree.large)).unwrap();
    let folder = Folder::new("");
    folder.write("certs/printed.pem", pem("CERTIFICATE", certificate.der()));
    let expected = ["key_algorithm_not_allowed", "validity_too_long", "dns_name_not_allowed", "issuer_not_allowed"];
    assert_eq!(found(&folder, &policies())["printed.pem"], expected);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/POLICY.md")).unwrap();
    let told = page.rsplit_once("A certificate that is often printed").unwrap().1;
    assert!(expected.iter().all(|finding| told.contains(&format!("`{finding}`"))), "{told}");
}

#[test]
fn config_check_lists_what_each_policy_matches() {
    let tree = Tree::new();
    let folder = Folder::new("");
    folder.write("certs/good.pem", tree.service(|_| ()));
    folder.write("certs/long.pem", tree.service(|leaf| lasting(leaf, 169)));
    folder.config(&format!("[sources.mesh]\ntype = \"file\"\npaths = [\"certs/*.pem\"]\n{}", policies()));
    let ran = folder.run(&["config", "check", "notafter.toml", "--matches"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for line in [
        "policy root (storage: HSM): every certificate where the role is root\n  - the key is RSA\n  - an RSA key has at least 4096 bits\n",
        "policy root matches nothing\n",
        "policy service_certificates matches 2 certificates in 2 places; 1 validity_too_long broken by 1\n",
        "/certs/good.pem  fine\n",
        "/certs/long.pem  validity_too_long\n",
        "policy production-issuers matches 2 certificates in 2 places; all of them keep it\n",
    ] {
        assert!(ran.stdout.contains(line), "{line} is not in\n{}", ran.stdout);
    }
}

#[test]
fn config_check_says_what_it_could_not_look_at() {
    let tree = Tree::new();
    let folder = Folder::new("");
    for name in ["b", "a", "d", "c"] {
        folder.write(&format!("certs/{name}.pem"), tree.service(|_| ()));
    }
    folder.write("certs/z.pem", tree.service(|leaf| lasting(leaf, 169)));
    folder.write("certs/broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let config = |rest: &str| format!("[sources.mesh]\ntype = \"file\"\npaths = [\"certs/*.pem\"]\n{rest}{}", policies());
    let waiver = "[[waiver]]\nmatch = { places = [\"/elsewhere/*\"] }\nfinding = \"expired\"\nuntil = 2099-12-31\nowner = \"pki\"\nwhy = \"it moves\"\n";
    folder.config(&config(waiver));
    let ran = folder.run(&["config", "check", "notafter.toml", "--matches"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let places: Vec<&str> = ran
        .stdout
        .split("policy service_certificates matches")
        .nth(1)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("  mesh  ")?.rsplit('/').next())
        .take(5)
        .collect();
    assert_eq!(
        places,
        ["z.pem  validity_too_long", "a.pem  fine", "b.pem  fine", "c.pem  fine", "d.pem  fine"],
        "sorted, the broken first"
    );
    for line in [
        "1 place could not be looked at, and may match, too; the first is ",
        "a waiver is for nothing: on anything where the place is /elsewhere/*, by pki\n",
        "(MORE THAN TWO YEARS AWAY), by pki: it moves\n",
        "1 waiver ends more than two years from now",
    ] {
        assert!(ran.stdout.contains(line), "{line} is not in\n{}", ran.stdout);
    }
    folder.config(&config("[sources.web]\ntype = \"nginx\"\nconfig = \"gone/nginx.conf\"\n"));
    let ran = folder.run(&["config", "check", "notafter.toml", "--matches"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout.contains("\nsource web (nginx) could not be read, and may hold more: ") && ran.stdout.contains("nginx.conf"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_waiver_is_shown_instead_of_its_finding_and_its_end_is_one() {
    let tree = Tree::new();
    let folder = Folder::new("");
    folder.write("certs/long.pem", tree.service(|leaf| lasting(leaf, 169)));
    folder.write("certs/rsa.pem", tree.leaf("Example Production CA", &tree.large, &tree.small, |_| ()));
    let waiver = |place: &str, finding: &str, until: &str| {
        format!(
            "[[waiver]]\nmatch = {{ places = [\"*/{place}\"] }}\nfinding = \"{finding}\"\nuntil = {until}\nowner = \"pki\"\nwhy = \"it moves\"\n"
        )
    };
    let waivers = waiver("long.pem", "validity_too_long", "2099-12-31") + &waiver("rsa.pem", "key_algorithm_not_allowed", "2020-12-31");
    let found = found(&folder, &(policies() + &waivers));
    assert_eq!(found["long.pem"], Vec::<String>::new());
    assert_eq!(found["rsa.pem"], ["key_algorithm_not_allowed", "waiver_ended"]);
    let scrape = Scrape::parse(&std::fs::read_to_string(folder.at("out.prom")).unwrap());
    let waived = scrape.all("x509_cert_finding_waived", &[]);
    assert_eq!(waived.len(), 1, "{waived:?}");
    assert!(
        waived[0].has(&[("filename", "long.pem"), ("finding", "validity_too_long")]) && waived[0].value == 4_102_444_799.0,
        "{waived:?}"
    );
    assert_eq!(scrape.value("x509_source_unowned", &[("source_name", "mesh")]), Some(2.0));

    let exporter = folder.ready();
    exporter.until_logged("a waiver has ended: it moves");
    exporter.until_logged("a waiver ends more than two years from now: it moves");
    exporter.until_logged("the policy matches no certificate that is watched now");
    let targets = exporter.get("/api/v1/targets?unowned=true").json();
    let long = targets["targets"].as_array().unwrap().iter().find(|row| row["place"]["filename"] == "long.pem").unwrap();
    assert_eq!(long["certificates"][0]["policies"][0]["policy"], "service_certificates");
    assert_eq!(long["certificates"][0]["waived"][0]["until"], "2099-12-31T23:59:59Z");
    let rsa = targets["targets"].as_array().unwrap().iter().find(|row| row["place"]["filename"] == "rsa.pem").unwrap();
    let ended =
        serde_json::json!([{ "finding": "key_algorithm_not_allowed", "until": "2020-12-31T23:59:59Z", "owner": "pki", "why": "it moves" }]);
    assert_eq!(rsa["certificates"][0]["ended"], ended);
}

#[test]
fn a_reload_judges_anew_and_time_alone_ends_a_waiver() {
    let tree = Tree::new();
    let folder = Folder::new("");
    folder.write("certs/long.pem", tree.service(|leaf| lasting(leaf, 169)));
    let source = "[sources.mesh]\ntype = \"file\"\npaths = [\"certs/*.pem\"]\nrevocation = []\nschedule = \"@every 1h\"\n";
    folder.config(source);
    let exporter = folder.ready();
    assert!(exporter.scrape().all("x509_cert_finding", &[]).is_empty());

    let until = (OffsetDateTime::now_utc() + Duration::seconds(5)).format(&time::format_description::well_known::Rfc3339).unwrap();
    let waiver = format!(
        "[[waiver]]\nmatch = {{ names = [\"*.prod.internal\", \"*.svc.cluster.local\", \"10.20.0.7\", \"spiffe://example.com/*\"] }}\nfinding = \"validity_too_long\"\nuntil = {until}\nowner = \"pki\"\nwhy = \"x\"\n"
    );
    let idle =
        "[[waiver]]\nmatch = { places = [\"/elsewhere/*\"] }\nfinding = \"expired\"\nuntil = 2099-12-31\nowner = \"pki\"\nwhy = \"y\"\n";
    folder.config(&format!("{source}{}{waiver}{idle}", policies()));
    exporter.signal(rustix::process::Signal::HUP);
    exporter.until_logged("the policy matches no certificate that is watched now");
    exporter.until_logged("the waiver is for nothing that is watched now: y");
    let ends = exporter.scrape_until("the waiver", |scrape| scrape.value("x509_cert_finding_waived", &[("finding", "validity_too_long")]));
    assert!((ends - OffsetDateTime::now_utc().unix_timestamp() as f64).abs() <= 10.0, "{ends}");
    exporter.scrape_until("its end, long before the next scan", |scrape| {
        let found: Vec<_> = scrape.all("x509_cert_finding", &[]).iter().map(|sample| sample.label("finding").to_owned()).collect();
        (found == ["validity_too_long", "waiver_ended"]).then_some(())
    });
    assert!(exporter.scrape().all("x509_cert_finding_waived", &[]).is_empty());
    exporter.until_logged("a waiver has ended: x");
    let log = exporter.stderr();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("a waiver has ended")).collect();
    assert!(told.len() == 1 && told[0].contains("validity_too_long") && told[0].contains("a name is *.prod.internal"), "{told:?}");
}
