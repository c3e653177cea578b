//! Judging by the operator's rules: `judge [ROUNDS]`, 100,000 by default.
//!
//! One certificate is judged over and over on one thread: without rules, with 20 policies and 50 waivers of other places, and a certificate of
//! 1,000 names against a policy of 200 patterns, beside comparing each name with each pattern's ending.

#![expect(clippy::disallowed_methods, reason = "a stopwatch outside the program")]

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use notafter::assess::{Subject, assess, broken_rules};
use notafter::model::revocation::NoRevocations;
use notafter::model::rules::{CertificatePolicy, Demands, DnsPattern, Pattern, Selector, Waiver};
use notafter::model::{
    CertificateFacts, Content, Finding, Limits, Place, Rules, SourceHeader, SourceId, SourceKind, SourceOptions, UnixTime,
};
use notafter::pki::certificate;
use rcgen::{CertificateParams, KeyPair};

const NOW: i64 = 1_800_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let rounds: u32 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let one = made(vec!["shop.example".to_owned()])?;
    let none = judging(&one, Rules::default(), rounds);
    let many = judging(&one, elsewhere()?, rounds);
    println!("a certificate, no rules                         {:>9.0} ns", none);
    println!("… 20 policies and 50 waivers of other places    {:>9.0} ns, {:.1}x", many, many / none);

    let names: Vec<String> =
        (0..1_000).map(|at| format!("{}n{}.example", "a.".repeat(60), at % 200)).chain(["last.invalid".to_owned()]).collect();
    let wide = made(names.clone())?;
    let patterns: Result<Vec<_>, String> = (0..200).map(|at| DnsPattern::new(&format!("**.n{at}.example"))).collect();
    let demands = Demands { dns_patterns: patterns?.into(), ..Demands::default() };
    let began = Instant::now();
    black_box(broken_rules(&demands, &wide));
    let ours = began.elapsed();
    let endings: Vec<String> = (0..200).map(|at| format!(".n{at}.example")).collect();
    let began = Instant::now();
    black_box(names.iter().all(|name| endings.iter().any(|ending| name.ends_with(ending.as_str()))));
    let plain = began.elapsed();
    println!(
        "1,000 names against 200 patterns                {ours:>12.2?}, comparing endings {plain:.2?}, {:.1}x",
        ours.as_secs_f64() / plain.as_secs_f64()
    );
    Ok(())
}

/// How long one judgement takes, in nanoseconds.
fn judging(certificate: &CertificateFacts, rules: Rules, rounds: u32) -> f64 {
    let options = SourceOptions { rules: Arc::new(rules), ..SourceOptions::default() };
    let header = SourceHeader { id: SourceId { kind: SourceKind::File, name: "files".into() }, options };
    let place = Place::file("/a.pem");
    let content = Content { certificates: [certificate.clone()].into(), ..Content::default() };
    let subject = Subject {
        header: &header,
        place: &place,
        labels: None,
        circumstances: None,
        content: &content,
        endpoint: None,
        related: None,
        history: None,
    };
    let began = Instant::now();
    for _ in 0..rounds {
        black_box(assess(&subject, &NoRevocations::default(), None, UnixTime::from_secs(NOW)));
    }
    began.elapsed().as_nanos() as f64 / f64::from(rounds)
}

/// Rules that are about other places.
fn elsewhere() -> Result<Rules, String> {
    let policy = |at: usize| {
        let applies = Selector { sources: [Pattern::new(&format!("other-{at}*"))?].into(), ..Selector::default() };
        Ok::<_, String>(CertificatePolicy { name: format!("p{at}").into(), note: None, applies, demands: Demands::default() })
    };
    let waiver = |at: usize| {
        let applies = Selector {
            places: [Pattern::new(&format!("secret shop-{at}/*"))?].into(),
            names: [Pattern::ignoring_case(&format!("*.n{at}.example"))?].into(),
            ..Selector::default()
        };
        let findings = [Finding::Expired, Finding::Stale].into_iter().collect();
        Ok::<_, String>(Waiver {
            applies,
            findings,
            until: UnixTime::from_secs(NOW + 400),
            owner: "pki".into(),
            why: "it moves house".into(),
        })
    };
    Ok(Rules {
        policies: (0..20).map(policy).collect::<Result<Vec<_>, _>>()?.into(),
        waivers: (0..50).map(waiver).collect::<Result<Vec<_>, _>>()?.into(),
        ..Rules::default()
    })
}

fn made(names: Vec<String>) -> Result<CertificateFacts, Box<dyn Error>> {
    let der = CertificateParams::new(names)?.self_signed(&KeyPair::generate()?)?;
    Ok(certificate::read(der.der(), &Limits::default()).map_err(|error| format!("{error:?}"))?.facts)
}
