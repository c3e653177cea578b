use std::path::Path;

use super::*;
use crate::model::Reason;
use crate::source::configured::Gathered;

/// Writes files and gathers what those ending in `.yaml` and `.json` name; the folder is left out of what is told.
fn gathered(files: &[(&str, &str)]) -> (Vec<String>, Gathered) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let patterns = Patterns::new(dir.path(), &["*.{yaml,json}".to_owned()], &[], Folders::Refused).unwrap();
    let gathered = load::gather(&patterns, None, load::MOST_USES, &|| false);
    let mut told = Vec::new();
    let short = |text: &str| text.replace(&format!("{}/", dir.path().display()), "");
    for (path, users) in gathered.files.iter() {
        let path = short(&path.display().to_string());
        told.extend(users.is_empty().then(|| path.clone()));
        told.extend(users.iter().map(|used| format!("{path} {} {} {}", used.kind.replace("envoy_", ""), used.name, used.host)));
    }
    (told, gathered)
}

fn of(files: &[(&str, &str)]) -> Vec<String> {
    let (told, gathered) = gathered(files);
    assert!(gathered.failure().is_none(), "{:?}", gathered.failure());
    told
}

const DOWNSTREAM: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

/// A bootstrap with one listener, whose filter chains are these.
fn listener(chains: &str) -> String {
    format!(
        "static_resources:\n  listeners:\n  - name: web\n    address: {{socket_address: {{address: 0.0.0.0, port_value: 443}}}}\n    filter_chains:\n{chains}"
    )
}

/// A filter chain for these names with this `common_tls_context`.
fn chain(names: &str, context: &str) -> String {
    format!(
        "    - filter_chain_match: {{server_names: [{names}]}}\n      transport_socket:\n        name: tls\n        typed_config: {{'@type': {DOWNSTREAM}, common_tls_context: {context}}}\n"
    )
}

#[test]
fn listeners_and_clusters_use_what_their_contexts_name() {
    for (what, text, expected) in [
        (
            "all that a listener has",
            listener(&chain("A.x, '*.b.x'", "{tls_certificates: [{certificate_chain: {filename: a.crt}, private_key: {filename: a.key}, ocsp_staple: {filename: a.ocsp}}], \
                validation_context: {trusted_ca: {filename: ca.crt}, crl: {filename: l.crl}}}")),
            &[
                "a.crt certificate web *.b.x", "a.crt certificate web a.x", "a.ocsp staple web *.b.x", "a.ocsp staple web a.x", "ca.crt client_ca web *.b.x",
                "ca.crt client_ca web a.x", "l.crl crl web *.b.x", "l.crl crl web a.x",
            ][..],
        ),
        (
            "several chains, one file",
            listener(&(chain("a.x", "{tls_certificates: [{certificate_chain: {filename: a}}]}") + &chain("", "{tls_certificates: [{certificate_chain: {filename: a}}]}"))),
            &["a certificate web *", "a certificate web a.x"],
        ),
        (
            "a combined validation context",
            listener(&chain("", "{combined_validation_context: {default_validation_context: {trusted_ca: {filename: ca}}}}")),
            &["ca client_ca web *"],
        ),
        (
            "what is inline leads to no file",
            listener(&chain("", "{tls_certificates: [{certificate_chain: {inline_string: x}}, {certificate_chain: {environment_variable: X}}, {certificate_chain: {inline_bytes: eA==}}]}")),
            &[],
        ),
        (
            "a listener without a name, several addresses, the default chain",
            "static_resources: {listeners: [{address: {socket_address: {address: '::', port_value: '8443'}}, additional_addresses: [{address: {pipe: {path: /run/e}}}], \
             default_filter_chain: {transport_socket: {typed_config: {'@type': x.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: {filename: a}}]}}}}}]}".to_owned(),
            &["a certificate [::]:8443 *:8443", "a certificate [::]:8443 *:unix:/run/e"],
        ),
        (
            "QUIC, and the context of old versions",
            "static_resources: {listeners: [{name: q, address: {socket_address: {port_value: 443}}, filter_chains: [{transport_socket: {typed_config: {'@type': x.QuicDownstreamTransport, \
             downstream_tls_context: {common_tls_context: {tls_certificates: [{certificate_chain: {filename: q}}]}}}}}, {tls_context: {common_tls_context: {validation_context: {trusted_ca: {filename: o}}}}}]}]}".to_owned(),
            &["o client_ca q *", "q certificate q *"],
        ),
        (
            "clusters, with and without a name to ask for, and matched sockets",
            "static_resources: {clusters: [{name: p, transport_socket: {typed_config: {'@type': x.UpstreamTlsContext, sni: P.x, common_tls_context: {tls_certificates: [{certificate_chain: {filename: c}}], \
             validation_context: {trusted_ca: {filename: ca}, crl: {filename: l}}}}}}, {name: q, transport_socket_matches: [{transport_socket: {typed_config: {'@type': x.UpstreamTlsContext, \
             common_tls_context: {validation_context: {trusted_ca: {filename: ca}}}}}}]}]}".to_owned(),
            &["c upstream_certificate p p.x", "ca upstream_ca p p.x", "ca upstream_ca q ", "l upstream_crl p p.x"],
        ),
        (
            "bundles of SPIFFE trust domains, beside a CA and in a combined context; inline ones and other validators are none",
            listener(&chain("a.x", "{validation_context: {trusted_ca: {filename: ca}, custom_validator_config: {name: n, typed_config: {'@type': t/x.SPIFFECertValidatorConfig, \
                trust_domains: [{name: a, trust_bundle: {filename: a}}, {name: b, trust_bundle: {filename: b}}, {name: c, trust_bundle: {inline_string: i}}]}}}}"))
                + "  clusters:\n  - {name: p, transport_socket: {typed_config: {'@type': x.UpstreamTlsContext, common_tls_context: {combinedValidationContext: {defaultValidationContext: \
                   {customValidatorConfig: {typedConfig: {'@type': x.SPIFFECertValidatorConfig, trustDomains: [{name: a, trustBundle: {filename: up}}]}}}}}}}}\n\
                   \x20 - {name: q, transport_socket: {typed_config: {'@type': x.UpstreamTlsContext, common_tls_context: {validation_context: {custom_validator_config: \
                   {typed_config: {'@type': x.Other, trust_domains: [{trust_bundle: {filename: other}}]}}}}}}}\n",
            &["a client_ca web a.x", "b client_ca web a.x", "ca client_ca web a.x", "up upstream_ca p "],
        ),
        (
            "resources of LDS and CDS, in camel case",
            "resources: [{'@type': x.Listener, name: web, address: {socketAddress: {portValue: 8443}}, filterChains: [{filterChainMatch: {serverNames: [a.x]}, transportSocket: {typedConfig: \
             {'@type': x.DownstreamTlsContext, commonTlsContext: {tlsCertificates: [{certificateChain: {filename: a}}]}}}}]}, {'@type': x.Cluster, name: c, transportSocket: {typedConfig: \
             {'@type': x.UpstreamTlsContext, commonTlsContext: {validationContext: {trustedCa: {filename: ca}}}}}}]".to_owned(),
            &["a certificate web a.x:8443", "ca upstream_ca c "],
        ),
        (
            "parts of a bootstrap that stand alone",
            "clusters: [{name: p, transport_socket: {typed_config: {'@type': x.UpstreamTlsContext, sni: p.x, common_tls_context: {tls_certificates: [{certificate_chain: {filename: c}}]}}}}]\n\
             listeners: [{name: web, address: {socket_address: {port_value: 8443}}, filter_chains: [{transport_socket: {typed_config: {common_tls_context: \
             {tls_certificates: [{certificate_chain: {filename: a}}], tls_certificate_sds_secret_configs: [{name: s}]}}}}]}]\n\
             secrets: [{name: s, tls_certificate: {certificate_chain: {filename: s}}}]\n".to_owned(),
            &["a certificate web *:8443", "c upstream_certificate p p.x", "s certificate web *:8443"],
        ),
        (
            "the same words further in, which mean something else",
            "routes: {clusters: [{name: p, common_tls_context: {tls_certificates: [{certificate_chain: {filename: c}}]}}]}".to_owned(),
            &["c"],
        ),
        ("a document about something else", "a: [b, {c: d}]\nstatic_resources: x\n".to_owned(), &[]),
    ] {
        assert_eq!(of(&[("envoy.yaml", &text)]), expected, "{what}");
    }
}

#[test]
fn secrets_are_followed_to_their_files() {
    let reference = |source: &str| {
        listener(&chain(
            "a.x",
            &format!(
                "{{tls_certificate_sds_secret_configs: [{{name: s, {source}}}], validation_context_sds_secret_config: {{name: v, {source}}}}}"
            ),
        ))
    };
    let secrets = "resources:\n- {'@type': x.Secret, name: s, tls_certificate: {certificate_chain: {filename: a}}}\n\
                   - {'@type': x.Secret, name: v, validation_context: {trusted_ca: {filename: ca}}}\n- {'@type': x.Secret, name: other, tls_certificate: {certificate_chain: {filename: o}}}\n";
    let in_bootstrap = reference("") + "  secrets:\n  - {name: s, tls_certificate: {certificate_chain: {filename: a}}}\n";
    let spiffe = "resources: [{'@type': x.Secret, name: v, validation_context: {custom_validator_config: {typed_config: {'@type': x.SPIFFECertValidatorConfig, \
                  trust_domains: [{name: a, trust_bundle: {filename: a}}]}}}}]";
    let used = &["sds/a certificate web a.x", "sds/ca client_ca web a.x", "sds/o"][..];
    for (what, files, expected) in [
        (
            "by a path",
            &[("envoy.yaml", &*reference("sds_config: {path_config_source: {path: sds/s.yml}}")), ("sds/s.yml", secrets)][..],
            used,
        ),
        ("by the path of old versions", &[("envoy.yaml", &*reference("sds_config: {path: sds/s.yml}")), ("sds/s.yml", secrets)], used),
        (
            "to the bundles of a SPIFFE validator",
            &[("envoy.yaml", &*reference("sds_config: {path_config_source: {path: sds.yml}}")), ("sds.yml", spiffe)],
            &["a client_ca web a.x"],
        ),
        ("of the bootstrap itself", &[("envoy.yaml", &*in_bootstrap)], &["a certificate web a.x"]),
        (
            "of another document",
            &[("lds.yaml", &*reference("")), ("sds.yaml", secrets)],
            &["a certificate web a.x", "ca client_ca web a.x", "o"],
        ),
        ("over the network: not seen", &[("envoy.yaml", &*reference("sds_config: {ads: {}}")), ("sds.yaml", secrets)], &["a", "ca", "o"]),
        (
            "of documents that refer to each other",
            &[
                ("envoy.yaml", "dynamic_resources: {lds_config: {path: l}, cds_config: {path_config_source: {path: envoy.yaml}}}"),
                (
                    "l",
                    "resources: [{'@type': x.Listener, name: l, filter_chains: [{tls_context: {common_tls_context: {tls_certificates: [{certificate_chain: {filename: a}}]}}}], \
                       x: {path_config_source: {path: l}}}]",
                ),
            ],
            &["a certificate l *"],
        ),
    ] {
        assert_eq!(of(files), expected, "{what}");
    }
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_goes_on() {
    let seen = listener(&chain("", "{tls_certificates: [{certificate_chain: {filename: seen}}]}"));
    let refers = seen.clone() + "dynamic_resources: {lds_config: {path: gone.txt}}\n";
    for (what, files, reason, text) in [
        ("not YAML", &[("a.yaml", "a: ["), ("b.yaml", &*seen)][..], Reason::DecodeFailed, "a.yaml:"),
        ("empty", &[("a.yaml", "\n"), ("b.yaml", &seen)], Reason::DecodeFailed, "a.yaml is empty"),
        ("not JSON", &[("a.json", "{\n\"a\""), ("b.yaml", &seen)], Reason::DecodeFailed, "a.json:2:"),
        ("a document that is missing", &[("b.yaml", &*refers)], Reason::NotFound, "b.yaml: refers to "),
    ] {
        let (told, gathered) = gathered(files);
        let failure = gathered.failure().expect(what);
        assert_eq!(failure.reason, reason, "{what}: {failure}");
        assert!(failure.detail.to_string().contains(text), "{what}: {failure}");
        assert_eq!(told, ["seen certificate web *"], "{what}");
    }
}

#[test]
fn uses_that_multiply_are_given_up_and_end_with_the_scan() {
    let bundles: String = (0..200).map(|number| format!("{{name: a, trust_bundle: {{filename: '{number}'}}}}, ")).collect();
    let references = chain("a.x", "{validation_context_sds_secret_config: {name: v}}").repeat(200);
    let secret = format!(
        "{{name: v, validation_context: {{custom_validator_config: {{typed_config: {{'@type': x.SPIFFECertValidatorConfig, trust_domains: [{bundles}]}}}}}}}}"
    );
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.yaml"), format!("{}  secrets: [{secret}]\n", listener(&references))).unwrap();
    let patterns = Patterns::new(dir.path(), &["*.yaml".to_owned()], &[], Folders::Refused).unwrap();
    for (what, most, over_after, failure) in [
        ("all of them", 50_000, usize::MAX, None),
        ("too many", 10_000, usize::MAX, Some("parse: too_large: more than 10000 uses of files")),
        ("over meanwhile", 50_000, 1_000, None),
    ] {
        let asked = std::cell::Cell::new(0);
        let is_over = || {
            asked.set(asked.get() + 1);
            asked.get() > over_after
        };
        let gathered = load::gather(&patterns, None, most, &is_over);
        assert_eq!(gathered.failure().map(|failure| failure.to_string()).as_deref(), failure, "{what}");
        assert_eq!(gathered.files.iter().count(), 200, "{what}: every file is watched");
        if over_after != usize::MAX {
            assert!((over_after..over_after + 10).contains(&asked.get()), "{what}: {} times asked", asked.get());
        }
    }
}

#[test]
fn further_documents_of_a_file_are_passed_over_as_envoy_does() {
    let seen = listener(&chain("", "{tls_certificates: [{certificate_chain: {filename: seen}}]}"));
    let two = format!("{seen}---\n{}", seen.replace("seen", "second"));
    let (told, gathered) = gathered(&[("a.yaml", &two)]);
    assert!(gathered.failure().is_none(), "{:?}", gathered.failure());
    assert_eq!(told, ["seen certificate web *"]);
    let text = gathered.unseen_text().unwrap();
    assert!(text.ends_with("a.yaml holds more than one YAML document, of which Envoy reads the first alone"), "{text}");
}

#[test]
fn settings_have_their_defaults() {
    let settings: EnvoyConfigSettings = toml::from_str("").unwrap();
    assert_eq!((settings.paths.len(), settings.prefix.as_deref(), settings.max_size.0), (1, None::<&Path>, 16 << 20));
    let cx = BuildContext { base: "/etc".into() };
    assert!(settings.build(&cx).is_ok());
    for text in ["paths = []", "paths = ['{']", "paths = ['']"] {
        assert!(toml::from_str::<EnvoyConfigSettings>(text).unwrap().build(&cx).is_err(), "{text}");
    }
    assert!(toml::from_str::<EnvoyConfigSettings>("path = ['x']").is_err());
}
