use std::sync::Arc;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, NameConstraints, date_time_ymd};

use super::*;
use crate::model::Limits;
use crate::model::observation::Roots;
use crate::pki::certificate;
use crate::pki::fixtures::{Issued, ca_params, file, leaf_params, self_signed};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const HOST: &str = "www.example.com";

fn judged_as(chain: &[&[u8]], roots: &[&[u8]], host: &str, possession: Possession) -> EndpointFacts {
    let anchors = roots.iter().map(|der| webpki::anchor_from_trusted_cert(&CertificateDer::from(*der)).unwrap().to_owned()).collect();
    let shown = Handshake {
        chain: chain.iter().map(|der| der.to_vec()).collect(),
        staple: None,
        server_name: host.into(),
        roots: Some(Arc::new(Roots { anchors })),
        version: None,
        cipher: None,
        group: None,
        alpn: None,
        client_certificate_requested: false,
        possession,
        method: crate::model::Method::Rustls,
        old_tls_accepted: false,
        client: Default::default(),
        clock: None,
    };
    let limits = Limits::default();
    let read: Vec<_> = shown.chain.iter().map(|der| certificate::read(der, &limits).ok()).collect();
    judge(&shown, &read, NOW)
}

fn judged(chain: &[&[u8]], roots: &[&[u8]]) -> EndpointFacts {
    judged_as(chain, roots, HOST, Possession::Proved)
}

fn findings(endpoint: &EndpointFacts) -> Vec<Finding> {
    endpoint.leaf.iter().chain(endpoint.target.iter()).collect()
}

#[test]
fn trust_completeness_and_order() {
    use Finding::{IncompleteChain, SelfSignedLeaf, Untrusted, WrongOrder};
    let root = Issued::root("Root");
    let (upper, other_root) = (root.intermediate("Upper"), Issued::root("Other"));
    let lower = upper.intermediate("Lower");
    let leaf = lower.leaf(HOST, |_| {});
    let direct = root.leaf(HOST, |_| {});
    let alone = self_signed(leaf_params(HOST));
    let ca_alone = self_signed({
        let mut params = ca_params(HOST);
        params.subject_alt_names = leaf_params(HOST).subject_alt_names;
        params
    });
    let namesake = Issued::root("Root");
    let unrelated = Issued::root("Unrelated");
    let [root, upper, lower, leaf, direct, alone, ca_alone, other_root, namesake, unrelated] =
        [&root, &upper, &lower, &leaf, &direct, &alone, &ca_alone, &other_root, &namesake, &unrelated].map(|issued| issued.der.as_slice());
    for (what, chain, roots, expected) in [
        ("complete", &[leaf, lower, upper][..], &[root][..], &[][..]),
        ("with its root", &[leaf, lower, upper, root], &[root], &[]),
        ("straight below the root", &[direct], &[root], &[]),
        ("an anchor in the middle", &[leaf, lower], &[upper], &[]),
        ("only the leaf", &[leaf], &[root], &[Untrusted, IncompleteChain]),
        ("a gap above a CA could be an unknown root", &[leaf, lower], &[root], &[Untrusted]),
        ("leaf and something unrelated", &[leaf, unrelated], &[root], &[Untrusted, IncompleteChain, WrongOrder]),
        ("an unknown root that was sent", &[leaf, lower, upper, root], &[other_root], &[Untrusted]),
        ("an unknown root that was not", &[leaf, lower, upper], &[other_root], &[Untrusted]),
        ("an unknown root straight above looks the same as a gap", &[direct], &[other_root], &[Untrusted, IncompleteChain]),
        ("a root of the same name and another key", &[direct], &[namesake], &[Untrusted]),
        ("no roots at all", &[leaf, lower, upper], &[], &[Untrusted]),
        ("out of order", &[leaf, upper, lower], &[root], &[WrongOrder]),
        ("root in between", &[leaf, root, lower, upper], &[root], &[WrongOrder]),
        ("twice the leaf", &[leaf, leaf, lower, upper], &[root], &[WrongOrder]),
        ("one too many", &[leaf, lower, upper, unrelated], &[root], &[WrongOrder]),
        ("an issuer of the right name and the wrong key", &[direct, namesake], &[root], &[WrongOrder]),
        ("self-signed", &[alone], &[root], &[Untrusted, SelfSignedLeaf]),
        ("self-signed and an anchor", &[alone], &[alone], &[]),
        ("self-signed CA as leaf and an anchor", &[ca_alone], &[ca_alone], &[]),
        ("self-signed CA as leaf", &[ca_alone], &[root], &[Untrusted, SelfSignedLeaf]),
    ] {
        let endpoint = judged(chain, roots);
        assert_eq!(findings(&endpoint), expected, "{what} {:?}", endpoint.path_error);
        assert_eq!(endpoint.leaf_is_anchor, roots.contains(&chain[0]), "{what}");
        assert_eq!(endpoint.path_error.is_some(), endpoint.leaf.contains(Untrusted), "{what}");
    }
}

#[test]
fn expiry_is_not_distrust() {
    let dated = |mut params: CertificateParams, from: i32, to: i32| {
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        params
    };
    let root = Issued::root("Root");
    let expired_ca = root.issue(dated(ca_params("Old CA"), 2015, 2021));
    let future_ca = root.issue(dated(ca_params("New CA"), 2035, 2039));
    let ancient_ca = root.issue(dated(ca_params("Ancient CA"), 2001, 2002));
    let other = Issued::root("Other");
    for (what, ca, params, roots, untrusted) in [
        ("an expired leaf", &root, dated(leaf_params(HOST), 2016, 2017), &root, false),
        ("a leaf of the future", &root, dated(leaf_params(HOST), 2035, 2036), &root, false),
        ("an expired intermediate", &expired_ca, leaf_params(HOST), &root, false),
        ("leaf and intermediate expired", &expired_ca, dated(leaf_params(HOST), 2016, 2018), &root, false),
        ("an intermediate of the future", &future_ca, leaf_params(HOST), &root, false),
        ("a leaf of the last century", &root, dated(leaf_params(HOST), 1970, 1999), &root, false),
        ("a leaf from before the epoch, which modern clients cannot read", &root, dated(leaf_params(HOST), 1960, 2001), &root, true),
        ("never valid together", &ancient_ca, leaf_params(HOST), &root, true),
        ("expired and unknown", &root, dated(leaf_params(HOST), 2016, 2017), &other, true),
        ("validity that ends before it begins", &root, dated(leaf_params(HOST), 2030, 2020), &root, true),
    ] {
        let leaf = ca.issue(params);
        let endpoint = judged(&[&leaf.der, &ca.der], &[&roots.der]);
        assert_eq!(endpoint.leaf.contains(Finding::Untrusted), untrusted, "{what} {:?}", endpoint.path_error);
    }
}

#[test]
fn usage_and_constraints() {
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
    use Finding::{MissingServerAuth, Untrusted};
    let root = Issued::root("Root");
    let client_ca = root.issue({
        let mut params = ca_params("Client CA");
        params.extended_key_usages = vec![ClientAuth];
        params
    });
    let constrained = root.issue({
        let mut params = ca_params("Constrained");
        let permitted_subtrees = vec![GeneralSubtree::DnsName("example.org".into())];
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
        params
    });
    let short = root.issue({
        let mut params = ca_params("Short");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        params
    });
    let too_long = short.intermediate("Too long");
    let no_ca = root.leaf("no.ca", |params| params.key_usages.clear());
    for (what, issuers, usages, expected, words) in [
        ("server", &[&root][..], vec![ServerAuth], &[][..], ""),
        ("no usages", &[&root], vec![], &[], ""),
        ("any usage", &[&root], vec![Any], &[], ""),
        ("client only is no distrust", &[&root], vec![ClientAuth], &[MissingServerAuth], ""),
        ("both", &[&root], vec![ClientAuth, ServerAuth], &[], ""),
        ("a CA for clients only", &[&client_ca], vec![ServerAuth], &[Untrusted], "may not certify TLS servers"),
        ("a CA of other names", &[&constrained], vec![ServerAuth], &[Untrusted], "name constraints"),
        ("a path too long", &[&too_long, &short], vec![ServerAuth], &[Untrusted], "path length"),
        ("an issuer that is no CA", &[&no_ca], vec![ServerAuth], &[Untrusted], "no CA"),
    ] {
        let leaf = issuers[0].leaf(HOST, |params| params.extended_key_usages = usages);
        let chain: Vec<_> = [&leaf].into_iter().chain(issuers.iter().copied()).map(|issued| issued.der.as_slice()).collect();
        let endpoint = judged(&chain, &[&root.der]);
        assert_eq!(findings(&endpoint), expected, "{what} {:?}", endpoint.path_error);
        assert!(endpoint.path_error.as_deref().unwrap_or_default().contains(words), "{what} {:?}", endpoint.path_error);
    }
}

#[test]
fn names() {
    let root = Issued::root("Root");
    let leaf = root.leaf("www.example.com", |params| {
        for name in ["*.apps.example.com", "192.0.2.1", "2001:db8::1"] {
            params.subject_alt_names.extend(CertificateParams::new(vec![name.to_owned()]).unwrap().subject_alt_names);
        }
    });
    let nameless = root.leaf("www.example.com", |params| params.subject_alt_names.clear());
    for (host, matches) in [
        ("www.example.com", true),
        ("WWW.Example.COM", true),
        ("www.example.com.", true),
        ("example.com", false),
        ("a.apps.example.com", true),
        ("a.b.apps.example.com", false),
        ("apps.example.com", false),
        ("192.0.2.1", true),
        ("192.0.2.2", false),
        ("2001:db8::1", true),
        ("2001:db8:0:0::1", true),
        ("", false),
        ("not a name", false),
    ] {
        let endpoint = judged_as(&[&leaf.der, &root.der], &[&root.der], host, Possession::Proved);
        assert_eq!(!endpoint.leaf.contains(Finding::NameMismatch), matches, "{host:?}");
        let facts = certificate::read(&leaf.der, &Limits::default()).unwrap().facts;
        assert_eq!(names_server(None, &facts, host), matches, "compared here: {host:?}");
    }
    let endpoint = judged(&[&nameless.der], &[&root.der]);
    assert_eq!(findings(&endpoint), [Finding::NameMismatch], "the common name does not count");
}

#[test]
fn odd_leaves_are_judged_without_panic() {
    let root = Issued::root("Root");
    let pem = String::from_utf8(file("v1.pem")).unwrap();
    let v1 = crate::pki::container::open(pem.as_bytes(), &[], &Limits::default()).certificates.remove(0);
    let endpoint = judged(&[&v1], &[&root.der]);
    assert_eq!(findings(&endpoint), [Finding::Untrusted, Finding::SelfSignedLeaf, Finding::NameMismatch]);
    assert_eq!(endpoint.path_error.as_deref(), Some("a certificate is not of version 3"));
    let endpoint = judged(&[b"garbage", &root.der], &[&root.der]);
    assert_eq!((findings(&endpoint), endpoint.path_error.as_deref()), (vec![], Some("the leaf cannot be read")));
    let endpoint = judged(&[], &[&root.der]);
    assert_eq!((findings(&endpoint), endpoint.path_error.as_deref()), (vec![], Some("no certificate was sent")));
}

#[test]
fn an_unchecked_proof_is_a_finding_of_the_endpoint() {
    let root = Issued::root("Root");
    let leaf = root.leaf(HOST, |_| {});
    for (possession, expected) in
        [(Possession::Proved, vec![]), (Possession::Missing, vec![]), (Possession::Unchecked, vec![Finding::SignatureUnchecked])]
    {
        assert_eq!(findings(&judged_as(&[&leaf.der], &[&root.der], HOST, possession)), expected);
    }
}

#[test]
fn very_long_chains_are_cut() {
    let root = Issued::root("Root");
    let leaf = root.leaf(HOST, |_| {});
    let others: Vec<_> = (0..3).map(|_| root.intermediate("Same")).collect();
    let chain: Vec<&[u8]> =
        [leaf.der.as_slice()].into_iter().chain(others.iter().cycle().take(500).map(|issued| issued.der.as_slice())).collect();
    assert_eq!(findings(&judged(&chain, &[&root.der])), [Finding::WrongOrder]);
    let stranger = Issued::root("Stranger").intermediate("Same").leaf(HOST, |_| {});
    let chain: Vec<&[u8]> = [stranger.der.as_slice()].into_iter().chain(chain[1..].iter().copied()).collect();
    assert!(judged(&chain, &[&root.der]).leaf.contains(Finding::Untrusted));
}
