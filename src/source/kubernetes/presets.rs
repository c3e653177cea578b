//! The words of `kinds` and `presets`, and what each of them means.
//!
//! May touch: `model`. Pure.

use crate::model::vocabulary::closed;

closed! {
    /// What can be looked at in a cluster.
    pub enum Kind {
        /// Keys of Secrets.
        Secret = "secret",
        /// Keys of ConfigMaps.
        Configmap = "configmap",
        /// CA bundles of Mutating and ValidatingWebhookConfigurations.
        Webhook = "webhook",
        /// CA bundles of APIServices.
        ApiService = "api_service",
        /// CA bundles of CRD conversions.
        Crd = "crd",
        /// CertificateSigningRequests.
        Csr = "csr",
        /// Certificates and CertificateRequests of cert-manager.
        Certificate = "certificate",
        /// Ingresses: which Secrets serve which hosts.
        Ingress = "ingress",
        /// Gateways of the Gateway API: likewise. Those of Istio come with its preset.
        Gateway = "gateway",
        /// Pods: which Secrets and ConfigMaps their controllers use.
        Pod = "pod",
    }
}

closed! {
    /// A system whose certificates stand in known places.
    pub enum Preset {
        /// Istio's CA, its root in every namespace, its gateways.
        Istio = "istio",
        /// Linkerd's trust anchors and identity issuer.
        Linkerd = "linkerd",
        /// cert-manager's Certificates.
        CertManager = "cert-manager",
        /// NGINX Ingress, with the CAs and CRLs of its clients.
        NginxIngress = "nginx-ingress",
    }
}

impl Preset {
    /// Kinds that it turns on.
    pub const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Istio | Self::Linkerd => &[],
            Self::CertManager => &[Kind::Certificate],
            Self::NginxIngress => &[Kind::Ingress],
        }
    }

    /// Keys of Secrets that it adds.
    pub const fn secret_keys(self) -> &'static [&'static str] {
        match self {
            Self::Istio => &["ca-cert.pem", "cert-chain.pem", "root-cert.pem", "cacert", "cert"],
            Self::Linkerd => &["crt.pem", "tls.crt"],
            Self::CertManager => &[],
            Self::NginxIngress => &["ca.crt", "ca.crl"],
        }
    }

    /// The ConfigMap that it looks for in every namespace, and the key in it.
    pub const fn configmap(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Istio => Some(("istio-ca-root-cert", "root-cert.pem")),
            Self::Linkerd => Some(("linkerd-identity-trust-roots", "ca-bundle.crt")),
            Self::CertManager | Self::NginxIngress => None,
        }
    }

    /// Whether Istio's Gateways are read for the Secrets that they use.
    pub const fn reads_istio_gateways(self) -> bool {
        matches!(self, Self::Istio)
    }
}
