//! Seeds from real programs: every container and every kind of answer, from a CA of this test's own. Key derivation has few rounds.

use std::path::Path;
use std::process::Command;

use super::Seed;
use crate::support::openssl::openssl;
use crate::support::openssl_ca::IssuingCa;

/// What stands in the leaf beside the usual extensions.
const EXTENSIONS: &[&str] = &[
    "basicConstraints = critical, CA:FALSE",
    "keyUsage = critical, digitalSignature",
    "extendedKeyUsage = serverAuth, clientAuth",
    "subjectAltName = DNS:shop.example, DNS:*.shop.example, IP:192.0.2.7, IP:2001:db8::7, email:a@shop.example, URI:spiffe://shop.example/web",
    "crlDistributionPoints = URI:http://crl.example/ca.crl",
    "authorityInfoAccess = OCSP;URI:http://ocsp.example/, caIssuers;URI:http://crl.example/ca.crt",
    "certificatePolicies = 2.23.140.1.2.1",
    "1.3.6.1.5.5.7.1.24 = DER:30:03:02:01:05",
];

/// All of them.
pub fn seeds() -> Vec<Seed> {
    let ca = IssuingCa::new("Seed CA");
    let folder = ca.path();
    ca.issue("shop", EXTENSIONS);
    ca.issue("old", &["basicConstraints = CA:FALSE"]);
    ca.issue("held", &["basicConstraints = CA:FALSE"]);
    ca.revoke("old", "keyCompromise");
    ca.revoke("held", "certificateHold");
    ca.publish();
    let run = |arguments: &str| openssl(folder, &arguments.split(' ').collect::<Vec<_>>());
    run("crl -in crl.pem -outform DER -out list.der");
    std::fs::write(ca.at("v1.cnf"), ca.text("ca.cnf").replace("crl_extensions = crl\n", "")).unwrap();
    run("ca -config v1.cnf -gencrl -out first.pem");
    run("crl -in first.pem -outform DER -out version1.crl");
    ca.answer("shop", "-sha1", "response.der");
    ca.answer("old", "-sha256", "revoked.der");
    run("x509 -in shop.pem -out certificate.pem");
    run("x509 -in shop.pem -outform DER -out certificate.der");
    run("x509 -in ca.pem -trustout -addtrust serverAuth -setalias seed -out trusted.pem");
    run("req -new -key shop.key -subj /CN=version1 -out version1.csr");
    run("x509 -req -in version1.csr -signkey shop.key -days 30 -out version1.pem");
    run("req -x509 -newkey rsa:1024 -nodes -keyout pss.key -subj /CN=pss -days 30 -sigopt rsa_padding_mode:pss -out pss.pem");
    run("crl2pkcs7 -in crl.pem -certfile shop.pem -outform DER -out bundle.p7");
    run("crl2pkcs7 -nocrl -certfile shop.pem -out bundle.p7b");
    let few = "-iter 2 -passout pass:changeit";
    run(&format!("pkcs12 -export -in shop.pem -inkey shop.key -name shop {few} -out store.p12"));
    run(&format!("pkcs12 -export -in shop.pem -nokeys {few} -keypbe NONE -certpbe NONE -nomac -out plain.p12"));
    run(&format!("pkcs12 -export -in shop.pem -nokeys {few} -certpbe PBE-SHA1-3DES -macalg sha1 -out old.p12"));
    run(&format!("pkcs12 -export -in shop.pem -nokeys {few} -certpbe AES-256-CBC -macalg sha256 -out sealed.p12"));
    run("pkcs8 -topk8 -in shop.key -iter 2 -passout pass:changeit -out sealed.key");
    let pair = ca.text("certificate.pem") + &ca.text("shop.key");
    std::fs::write(ca.at("pair.pem"), pair).unwrap();
    for kind in ["jks", "jceks", "pkcs12"] {
        keystore(folder, kind);
    }
    const NAMES: &[&str] = &[
        "bundle.p7",
        "bundle.p7b",
        "certificate.der",
        "certificate.pem",
        "list.der",
        "old.p12",
        "pair.pem",
        "plain.p12",
        "pss.pem",
        "response.der",
        "revoked.der",
        "sealed.key",
        "sealed.p12",
        "store.p12",
        "trust.jceks",
        "trust.jks",
        "trust.pkcs12",
        "trusted.pem",
        "version1.crl",
        "version1.pem",
    ];
    NAMES.iter().map(|name| ("pki", (*name).to_owned(), std::fs::read(ca.at(name)).unwrap())).collect()
}

fn keystore(folder: &Path, kind: &str) {
    let file = format!("trust.{kind}");
    let few = ["-J-Dkeystore.pkcs12.macIterationCount=2", "-J-Dkeystore.pkcs12.certPbeIterationCount=2"];
    let done = Command::new("keytool")
        .args([
            "-importcert",
            "-noprompt",
            "-alias",
            "shop",
            "-file",
            "shop.pem",
            "-storepass",
            "changeit",
            "-storetype",
            kind,
            "-keystore",
            &file,
        ])
        .args(few)
        .current_dir(folder)
        .output()
        .expect("keytool is installed");
    assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
}
