//! `type = "envoy-config"`: what Envoy's configuration files name, and what becomes of it when they change or break.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::support::ca::Ca;
use super::support::crls::CrlCa;
use super::support::exporter::Folder;
use super::support::scrape::Scrape;

/// A gateway that asks its clients for certificates, and shows one of its own to a service.
const GATEWAY: &str = r#"
# Envoy Proxy mTLS Configuration
static_resources:
  listeners:
    - name: mtls_listener
      address:
        socket_address:
          address: 0.0.0.0
          port_value: 8443
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: ingress_mtls
                route_config:
                  name: local_route
                  virtual_hosts:
                    - name: backend
                      domains: ["*"]
                      routes:
                        - match:
                            prefix: "/"
                          route:
                            cluster: backend_cluster
          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: true
              common_tls_context:
                # Server certificate and key
                tls_certificates:
                  - certificate_chain:
                      filename: "DIR/certs/gateway.crt"
                    private_key:
                      filename: "DIR/certs/gateway.key"
                # Trusted CAs for client certificates
                validation_context:
                  trusted_ca:
                    filename: "DIR/certs/ca-bundle.crt"
                  # Optional: Certificate Revocation List
                  crl:
                    filename: "DIR/certs/crl.pem"
                  # Verify client certificate against specific SANs
                  match_typed_subject_alt_names:
                    - san_type: DNS
                      matcher:
                        suffix: ".internal"
                    - san_type: URI
                      matcher:
                        prefix: "spiffe://example.com/"
                # TLS parameters
                tls_params:
                  tls_minimum_protocol_version: TLSv1_2
                  tls_maximum_protocol_version: TLSv1_3
                  cipher_suites:
                    - ECDHE-ECDSA-AES128-GCM-SHA256
                    - ECDHE-RSA-AES128-GCM-SHA256
                    - ECDHE-ECDSA-AES256-GCM-SHA384
                    - ECDHE-RSA-AES256-GCM-SHA384
  # Envoy Cluster with mTLS to backend
  clusters:
    - name: payment_service
      type: STRICT_DNS
      lb_policy: ROUND_ROBIN
      load_assignment:
        cluster_name: payment_service
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    socket_address:
                      address: payment-service.internal
                      port_value: 8443
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          common_tls_context:
            # Client certificate for gateway-to-service auth
            tls_certificates:
              - certificate_chain:
                  filename: "DIR/certs/gateway-client.crt"
                private_key:
                  filename: "DIR/certs/gateway-client.key"
            # Validate server certificate
            validation_context:
              trusted_ca:
                filename: "DIR/certs/internal-ca.crt"
              match_typed_subject_alt_names:
                - san_type: DNS
                  matcher:
                    exact: "payment-service.internal"
          # SNI for proper routing
          sni: payment-service.internal
"#;

const OF_GATEWAY: [&str; 5] = [
    "ca-bundle.crt envoy_client_ca mtls_listener *:8443",
    "crl.pem envoy_crl mtls_listener *:8443",
    "gateway-client.crt envoy_upstream_certificate payment_service payment-service.internal",
    "gateway.crt envoy_certificate mtls_listener *:8443",
    "internal-ca.crt envoy_upstream_ca payment_service payment-service.internal",
];

/// Files with their users: file, kind, listener or cluster, host.
fn uses(scrape: &Scrape) -> Vec<String> {
    uses_of(scrape, "edge")
}

fn uses_of(scrape: &Scrape, source: &str) -> Vec<String> {
    let used = scrape.all("x509_cert_used_by", &[("source_kind", "envoy-config"), ("source_name", source)]);
    let mut told: Vec<String> = used
        .iter()
        .map(|one| format!("{} {} {} {}", one.label("filename"), one.label("kind"), one.label("name"), one.label("host")))
        .collect();
    told.sort();
    told
}

fn gateway() -> Folder {
    let folder = Folder::new(
        "[sources.edge]\ntype = \"envoy-config\"\npaths = [\"envoy/*.{yaml,json}\"]\nschedule = \"* * * * * *\"\nrevocation = []\n",
    );
    let ca = Ca::root("Gateway CA");
    for name in ["gateway", "gateway-client", "extra"] {
        folder.write(&format!("certs/{name}.crt"), ca.leaf(&[&format!("{name}.internal")]).issue().chain_pem());
    }
    folder.write("certs/ca-bundle.crt", ca.pem() + &Ca::root("Second CA").pem());
    folder.write("certs/internal-ca.crt", ca.pem());
    folder.write("certs/crl.pem", CrlCa::new("Gateway CRL").v2("30"));
    folder.write("envoy/envoy.yaml", GATEWAY.replace("DIR", folder.path().to_str().unwrap()));
    folder
}

#[test]
fn a_gateway_is_followed_from_day_to_day() {
    let folder = gateway();
    let exporter = folder.ready();
    let scrape = exporter.scrape();
    assert_eq!(uses(&scrape), OF_GATEWAY);
    let edge = [("source_kind", "envoy-config"), ("source_name", "edge")];
    assert_eq!(scrape.value("x509_source_up", &edge), Some(1.0));
    assert_eq!(scrape.all("x509_cert_error", &edge).iter().map(|sample| sample.value).collect::<Vec<_>>(), [0.0; 5]);
    assert_eq!(scrape.all("x509_cert_not_after", &[("filename", "ca-bundle.crt")]).len(), 2, "a file with two certificates is one place");

    let checked = folder.run(&["check", "--offline", "--format", "prometheus", "envoy-config://envoy/envoy.yaml"]);
    assert_eq!(uses_of(&Scrape::parse(&checked.stdout), "envoy-config://envoy/envoy.yaml"), OF_GATEWAY, "{checked:?}");

    let secrets = "resources:\n- '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: extra\n  \
                   tls_certificate: {certificate_chain: {filename: ../certs/extra.crt}}\n- '@type': x.Secret\n  name: missing\n  \
                   tls_certificate: {certificate_chain: {filename: ../certs/missing.crt}}\n";
    let listener = "{\"resources\": [{\"@type\": \"x.Listener\", \"name\": \"second\", \"address\": {\"socket_address\": {\"port_value\": 443}}, \"filter_chains\": [{\
                    \"filter_chain_match\": {\"server_names\": [\"extra.internal\"]}, \"transport_socket\": {\"typed_config\": {\"@type\": \"x.DownstreamTlsContext\", \
                    \"common_tls_context\": {\"tls_certificate_sds_secret_configs\": [{\"name\": \"extra\", \"sds_config\": {\"path_config_source\": {\"path\": \"sds/extra.yaml\"}}}]}}}}]}]}";
    folder.write("envoy/sds/extra.yaml", secrets.replace("../certs", &folder.at("certs")));
    folder.write("envoy/lds.json", listener);
    let extra = "extra.crt envoy_certificate second extra.internal".to_owned();
    let scrape = exporter.scrape_until("a secret of a file", |scrape| uses(scrape).contains(&extra).then(|| scrape.clone()));
    assert_eq!(scrape.value("x509_cert_error", &[("filename", "missing.crt")]), Some(1.0));

    folder.write("envoy/lds.json", "{");
    let scrape = exporter.scrape_until("a configuration that cannot be read", |scrape| {
        (scrape.value("x509_source_up", &edge) == Some(0.0)).then(|| scrape.clone())
    });
    assert_eq!(uses(&scrape).len(), 6, "{:?}", uses(&scrape));
    assert!(uses(&scrape).contains(&extra));
    exporter.until_logged("envoy/lds.json:1:1: not JSON");

    std::fs::remove_file(folder.path().join("envoy/lds.json")).unwrap();
    let scrape = exporter.scrape_until("what is named no more goes", |scrape| {
        (scrape.all("x509_cert_error", &[("filename", "extra.crt")]).is_empty()).then(|| scrape.clone())
    });
    assert_eq!(uses(&scrape), OF_GATEWAY);
    assert_eq!(scrape.value("x509_source_up", &edge), Some(1.0));
}
