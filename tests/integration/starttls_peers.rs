//! `type = "tls"` behind STARTTLS of real servers: mail and directories as they are run.

use std::time::Duration;

use notafter::model::{Observation, Reason, Stage};

use crate::support::ca::{Ca, Issued};
use crate::support::exim::Exim;
use crate::support::sink::scan;
use crate::support::slapd::Slapd;
use crate::tls::{failure, handshake, source};

fn issued() -> Issued {
    Ca::root("Test Root").intermediate("Test Intermediate").leaf(&["localhost"]).issue()
}

async fn look(target: &str) -> Observation {
    let mut seen = scan(&*source(&format!("targets = [\"{target}\"]")), Duration::from_secs(20)).await;
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

fn shows_chain(seen: &Observation, issued: &Issued) {
    assert_eq!(failure(seen), None, "{:?}", seen.failure);
    let chain: Vec<Vec<u8>> = issued.chain().iter().map(|certificate| certificate.to_vec()).collect();
    assert_eq!(chain.len(), 2);
    let shown = handshake(seen);
    assert_eq!((&shown.chain, shown.version), (&chain, Some("TLS 1.3")));
}

fn refuses(seen: &Observation, words: &str) {
    assert_eq!(failure(seen), Some((Stage::Starttls, Reason::StarttlsRefused)), "{:?}", seen.failure);
    assert!(seen.failure.as_ref().unwrap().to_string().contains(words), "{:?}", seen.failure);
    assert!(seen.material.is_none());
}

#[tokio::test]
async fn exim_goes_over_to_tls_or_does_not_offer_it() {
    let issued = issued();
    let exim = Exim::start(Some((&issued.chain_pem(), &issued.key_pem())));
    shows_chain(&look(&format!("smtp://{}", exim.address)).await, &issued);
    let exim = Exim::start(None);
    refuses(&look(&format!("smtp://{}", exim.address)).await, "does not offer STARTTLS");
}

#[tokio::test]
async fn openldap_goes_over_to_tls_or_says_that_it_does_not() {
    let issued = issued();
    let slapd = Slapd::start(Some((&issued.chain_pem(), &issued.key_pem())));
    shows_chain(&look(&format!("ldap://{}", slapd.address)).await, &issued);
    let slapd = Slapd::start(None);
    refuses(&look(&format!("ldap://{}", slapd.address)).await, "result 2");
}

#[tokio::test]
async fn real_servers_of_another_protocol_are_told_apart() {
    let (exim, slapd) = (Exim::start(None), Slapd::start(None));
    let seen = look(&format!("ldap://{}", exim.address)).await;
    assert_eq!(failure(&seen), Some((Stage::Starttls, Reason::StarttlsProtocolError)), "{:?}", seen.failure);
    // It waits for its client's first word as SMTP's clients do for the server's.
    let source = source(&format!("targets = [\"smtp://{}\"]\n", slapd.address));
    let seen = scan(&*source, Duration::from_secs(2)).await.remove(0);
    assert_eq!(failure(&seen).map(|(stage, _)| stage), Some(Stage::Starttls), "{:?}", seen.failure);
}
