//! Kubernetes clusters.

pub mod api;
