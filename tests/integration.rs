//! The one integration-test binary; each module is a topic.

#[path = "integration/file.rs"]
mod file;
#[path = "integration/kubeconfig.rs"]
mod kubeconfig;
#[path = "integration/support/mod.rs"]
mod support;
