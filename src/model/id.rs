//! Which source: its kind and the name of its table in the configuration.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::vocabulary::closed;

closed! {
    /// The kind of a source, as its `source_kind` label says it.
    pub enum SourceKind {
        /// `type = "file"`
        File = "file",
        /// `type = "kubeconfig"`
        Kubeconfig = "kubeconfig",
        /// `type = "tls"`
        Tls = "tls",
        /// `type = "kubernetes"`: what it finds stands under the kinds below.
        Kubernetes = "kubernetes",
        /// Secrets of `type = "kubernetes"`
        KubeSecret = "kube-secret",
        /// ConfigMaps of `type = "kubernetes"`
        KubeConfigmap = "kube-configmap",
        /// Webhook configurations, APIServices and CRDs of `type = "kubernetes"`
        KubeCabundle = "kube-cabundle",
        /// CertificateSigningRequests of `type = "kubernetes"`
        KubeCsr = "kube-csr",
        /// cert-manager's Certificates of `type = "kubernetes"`
        KubeCertificate = "kube-certificate",
        /// Ingresses and Gateways of `type = "kubernetes"`, for what they use
        KubeRoute = "kube-route",
        /// Namespaces of `type = "kubernetes"`, for their labels
        KubeNamespace = "kube-namespace",
        /// Pods of `type = "kubernetes"`, for what they use
        KubePod = "kube-pod",
        /// `type = "nginx"`
        Nginx = "nginx",
        /// `type = "envoy-config"`
        EnvoyConfig = "envoy-config",
    }
}

/// A source of the configuration, ordered by name. Names are unique in one configuration, across kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId {
    /// `source_name`
    pub name: Arc<str>,
    /// `source_kind`
    pub kind: SourceKind,
}

impl std::fmt::Display for SourceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.kind)
    }
}
