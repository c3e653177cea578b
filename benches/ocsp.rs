//! Verdicts from cached OCSP answers, on one core: bytes to answer, everything checked.
//!
//! `ocsp [COUNT]`: prints verdicts a second for a responder that signs with the issuer's P-256 key, and for one with a delegate. openssl makes the
//! answers.

#![expect(clippy::disallowed_methods, reason = "a stopwatch outside the program")]

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use notafter::model::revocation::Policy;
use notafter::model::{Limits, UnixTime};
use notafter::pki::certificate;
use notafter::pki::ocsp::{self, DelegateCache, Question};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SerialNumber};

fn main() -> Result<(), Box<dyn Error>> {
    let count: u32 = std::env::args().nth(1).map_or(Ok(50_000), |count| count.parse())?;
    let dir = std::env::temp_dir().join(format!("notafter-ocsp-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let outcome = run(&dir, count);
    std::fs::remove_dir_all(&dir)?;
    outcome
}

fn run(dir: &Path, count: u32) -> Result<(), Box<dyn Error>> {
    let named = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let (mut ca, key) = (named("Bench CA"), KeyPair::generate()?);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = ca.self_signed(&key)?;
    let (mut delegate, delegate_key) = (named("Bench responder"), KeyPair::generate()?);
    delegate.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    let mut leaf = named("bench.example");
    leaf.serial_number = Some(SerialNumber::from(0x1001_u64));
    for (name, text) in [("ca.key", key.serialize_pem()), ("ca.pem", root.pem()), ("delegate.key", delegate_key.serialize_pem())] {
        std::fs::write(dir.join(name), text)?;
    }
    let issuer = Issuer::from_params(&ca, &key);
    std::fs::write(dir.join("delegate.pem"), delegate.signed_by(&delegate_key, &issuer)?.pem())?;
    std::fs::write(dir.join("index.txt"), "V\t400101000000Z\t\t1001\tunknown\t/CN=bench\n")?;
    let leaf = leaf.signed_by(&delegate_key, &issuer)?;
    let leaf = certificate::read(leaf.der(), &Limits::default())?.facts.lookup.ok_or("no lookup")?;
    let authority = certificate::read(root.der(), &Limits::default())?.facts.authority.ok_or("no authority")?;
    std::fs::write(dir.join("request.der"), ocsp::request(&leaf, &authority, None))?;
    for signer in ["ca", "delegate"] {
        let (certificate, key) = (format!("{signer}.pem"), format!("{signer}.key"));
        let files = ["ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", &certificate, "-rkey", &key, "-ndays", "1"];
        let status =
            Command::new("openssl").args(files).args(["-reqin", "request.der", "-respout", "response.der"]).current_dir(dir).status()?;
        assert!(status.success());
        let bytes = std::fs::read(dir.join("response.der"))?;
        let now = UnixTime::from(std::time::SystemTime::now());
        let question = Question { lookup: &leaf, authority: &authority, nonce: None, from: &Arc::from("bench") };
        let mut delegates = DelegateCache::default();
        let begun = cpu_seconds()?;
        for _ in 0..count {
            let response = ocsp::read(&bytes)?;
            let answered = ocsp::answer(&response, &question, now, &Policy::default(), &mut delegates).map_err(|reason| reason.as_str())?;
            answered.answer.map_err(|reason| reason.as_str())?;
        }
        let rate = f64::from(count) / (cpu_seconds()? - begun);
        println!("{signer}: {rate:.0} verdicts a second and core, {} signatures of delegates checked", delegates.checks());
    }
    Ok(())
}

/// What this process, which has one thread, was given of a core: machines have other work, too.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no times")?.parse::<f64>()? / 1e9)
}
