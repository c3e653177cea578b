//! The one integration-test binary; each module is a topic.

#[path = "integration/config.rs"]
mod config;
