//! Under which words endpoints and stored certificates find each other: names of certificates, and hosts that users say they serve.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use crate::model::facts::SubjectName;
use crate::model::{CertificateFacts, Use, UseKind};

/// The port that goes without saying.
const HTTPS: &str = "443";
/// Certificates of more names are the same only with all of them: looking for each would take too long.
const COMPARED: usize = 64;

/// The words that an endpoint is found by.
pub(super) struct Words {
    /// Names that a certificate for it has: its own, and the wildcard over it.
    pub(super) names: Vec<String>,
    /// Hosts that a user of a certificate serves it as.
    pub(super) hosts: Vec<String>,
    /// The same by the wildcard over its name.
    pub(super) wildcards: Vec<String>,
    /// Hosts of users that serve any name.
    pub(super) any: Vec<String>,
}

impl Words {
    /// Of an endpoint, by its server name and its target as written.
    pub(super) fn of(server_name: &str, target: &str) -> Self {
        let name = server_name.to_ascii_lowercase();
        let port = port(target);
        let with_port = |host: &str| if port == HTTPS { host.to_owned() } else { format!("{host}:{port}") };
        // Ingresses and Gateways say nothing of ports: theirs may be mapped to any.
        let hosts = |name: &str| vec![with_port(name), format!("{name}{ROUTED}")];
        let wildcard = wildcard(&name);
        Self {
            hosts: hosts(&name),
            wildcards: wildcard.as_deref().map(hosts).unwrap_or_default(),
            any: vec![with_port("*")],
            names: std::iter::once(name).chain(wildcard).collect(),
        }
    }
}

/// The port of a target as written; where its scheme says it, the scheme's name, which is no port that a user of a certificate has.
fn port(target: &str) -> &str {
    let (scheme, rest) = target.split_once("://").unwrap_or(("", target));
    let written =
        rest.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    match (written, scheme) {
        (Some(port), _) => port,
        (None, "" | "https" | "tls") => HTTPS,
        (None, scheme) => scheme,
    }
}

/// What marks the host of a user whose port is not its own.
const ROUTED: &str = " ";

/// The wildcard that covers a DNS name (RFC 6125 section 6.4.3: the leftmost label).
fn wildcard(name: &str) -> Option<String> {
    if name.parse::<IpAddr>().is_ok() {
        return None;
    }
    name.split_once('.').filter(|(_, rest)| rest.contains('.')).map(|(_, rest)| format!("*.{rest}"))
}

/// The word under which a user's host is found; `None` when it says none.
pub(super) fn host(used: &Use) -> Option<String> {
    let host = used.host.to_ascii_lowercase();
    match &*used.kind {
        _ if host.is_empty() => None,
        "Ingress" | "Gateway" => Some(format!("{host}{ROUTED}")),
        _ => Some(host),
    }
}

/// What a user of a certificate does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Shows it to clients.
    Serves,
    /// Takes clients that verify against it.
    TrustsClients,
    /// The same, beside one that says so.
    TrustsToo,
    /// Anything else.
    Other,
}

/// By the kind of the user.
pub(super) fn purpose(used: &Use) -> Purpose {
    match UseKind::ALL.iter().find(|kind| kind.as_str() == &*used.kind) {
        Some(UseKind::NginxCertificate | UseKind::EnvoyCertificate) => Purpose::Serves,
        Some(UseKind::NginxClientCa | UseKind::EnvoyClientCa) => Purpose::TrustsClients,
        Some(UseKind::NginxTrustedCa) => Purpose::TrustsToo,
        None if matches!(&*used.kind, "Ingress" | "Gateway") => Purpose::Serves,
        _ => Purpose::Other,
    }
}

/// The names of a certificate as they are compared.
pub(super) fn names(facts: &CertificateFacts) -> impl Iterator<Item = String> {
    facts.names.iter().filter_map(|name| match name {
        SubjectName::Dns(name) => Some(name.to_ascii_lowercase()),
        SubjectName::Ip(address) => Some(address.to_string()),
        SubjectName::Uri(_) | SubjectName::Email(_) | SubjectName::Other(_) => None,
    })
}

/// Whether the names of one certificate are all among those of another; both with their [`digest`].
pub(super) fn has_names_of((wide, of_wide): (&CertificateFacts, Digest), (narrow, of_narrow): (&CertificateFacts, Digest)) -> bool {
    if of_wide == of_narrow {
        return true;
    }
    if narrow.names.len() > COMPARED || narrow.names_left_out > 0 || wide.names.len() > COMPARED {
        return false;
    }
    let wide: HashSet<String> = names(wide).collect();
    let mut narrow = names(narrow).peekable();
    narrow.peek().is_some() && narrow.all(|name| wide.contains(&name))
}

/// How many names, and a number by all of them.
pub(super) type Digest = (u32, u64);

/// The same for the same names, whatever their order.
pub(super) fn digest(facts: &CertificateFacts) -> Digest {
    let mut count = 0_u32;
    let of_each = names(facts).map(|name| {
        count += 1;
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        hasher.finish()
    });
    let sum = of_each.fold(0_u64, |sum, hash| sum.wrapping_add(hash));
    // Without alternative names the common name is all there is.
    if count == 0 {
        let mut hasher = DefaultHasher::new();
        facts.subject_cn.hash(&mut hasher);
        return (0, hasher.finish());
    }
    (count, sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::fixtures::certificate;

    fn named(names: &[&str]) -> CertificateFacts {
        let names = names.iter().map(|name| match name.parse() {
            Ok(address) => SubjectName::Ip(address),
            Err(_) => SubjectName::Dns((*name).into()),
        });
        CertificateFacts { names: names.collect(), ..certificate("a", 0, 1) }
    }

    #[test]
    fn an_endpoint_is_found_by_its_name_its_wildcard_and_its_port() {
        let words = Words::of("API.example.com", "api.example.com:8443");
        assert_eq!(words.names, ["api.example.com", "*.example.com"]);
        assert_eq!(words.hosts, ["api.example.com:8443", "api.example.com "]);
        assert_eq!(words.wildcards, ["*.example.com:8443", "*.example.com "]);
        assert_eq!(words.any, ["*:8443"]);
        let usual = Words::of("example.com", "https://example.com");
        assert_eq!((usual.names, usual.any), (vec!["example.com".to_owned()], vec!["*".to_owned()]));
        assert_eq!(
            Words::of("mail.example", "smtp://mail.example").hosts,
            ["mail.example:smtp", "mail.example "],
            "another port than the web's"
        );
        assert_eq!(Words::of("192.0.2.1", "192.0.2.1:443").names, ["192.0.2.1"]);
        assert_eq!(Words::of("::1", "[::1]:443").names, ["::1"]);
    }

    #[test]
    fn a_renewal_has_all_names_of_the_one_before() {
        let has = |wide: &[&str], narrow: &[&str]| {
            let (wide, narrow) = (named(wide), named(narrow));
            has_names_of((&wide, digest(&wide)), (&narrow, digest(&narrow)))
        };
        for (wide, narrow, expected) in [
            (&["a", "b"][..], &["b", "A"][..], true),
            (&["a", "b"], &["a"], true),
            (&["a"], &["a", "b"], false),
            (&["a", "192.0.2.1"], &["192.0.2.1"], true),
            (&["*.example"], &["a.example"], false),
            (&[], &[], true),
            (&["a"], &[], false),
        ] {
            assert_eq!(has(wide, narrow), expected, "{wide:?} {narrow:?}");
        }
        let many: Vec<String> = (0..10_000).map(|n| format!("n{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(has(&many, &many), "many names are compared as a whole");
        assert!(!has(&many, &many[1..]));
    }
}
