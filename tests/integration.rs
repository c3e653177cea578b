//! The one integration-test binary; each module is a topic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

#[path = "integration/api.rs"]
mod api;
#[path = "integration/architecture.rs"]
mod architecture;
#[path = "integration/cache_killed.rs"]
mod cache_killed;
#[path = "integration/config.rs"]
mod config;
#[path = "integration/dashboards.rs"]
mod dashboards;
#[path = "integration/dashboards_live.rs"]
mod dashboards_live;
#[path = "integration/dependencies.rs"]
mod dependencies;
#[path = "integration/discovery.rs"]
mod discovery;
#[path = "integration/envoy_config.rs"]
mod envoy_config;
#[path = "integration/exporter/mod.rs"]
mod exporter;
#[path = "integration/faults/mod.rs"]
mod faults;
#[path = "integration/fetch.rs"]
mod fetch;
#[path = "integration/file.rs"]
mod file;
#[path = "integration/interface.rs"]
mod interface;
#[path = "integration/kube_api.rs"]
mod kube_api;
#[path = "integration/kubeconfig.rs"]
mod kubeconfig;
#[path = "integration/kubernetes/mod.rs"]
mod kubernetes;
#[path = "integration/modes.rs"]
mod modes;
#[path = "integration/mutual_tls.rs"]
mod mutual_tls;
#[path = "integration/nginx.rs"]
mod nginx;
#[path = "integration/outage.rs"]
mod outage;
#[path = "integration/pkits.rs"]
mod pkits;
#[path = "integration/policy.rs"]
mod policy;
#[path = "integration/probe.rs"]
mod probe;
#[path = "integration/replicas.rs"]
mod replicas;
#[path = "integration/revocation/mod.rs"]
mod revocation;
#[path = "integration/revocation_peers.rs"]
mod revocation_peers;
#[path = "integration/seeds/mod.rs"]
mod seeds;
#[path = "integration/serving/mod.rs"]
mod serving;
#[path = "integration/side_by_side.rs"]
mod side_by_side;
#[path = "integration/smoke.rs"]
mod smoke;
#[path = "integration/starttls_peers.rs"]
mod starttls_peers;
#[path = "integration/support/mod.rs"]
mod support;
#[path = "integration/threat_model.rs"]
mod threat_model;
#[path = "integration/tls.rs"]
mod tls;
#[path = "integration/tls_openssl.rs"]
mod tls_openssl;
#[path = "integration/tls_ways.rs"]
mod tls_ways;
#[path = "integration/verify.rs"]
mod verify;
