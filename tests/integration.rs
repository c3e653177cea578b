//! The one integration-test binary; each module is a topic.

#[path = "integration/file.rs"]
mod file;
#[path = "integration/support/mod.rs"]
mod support;
