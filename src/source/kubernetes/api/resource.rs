//! Where the API server keeps each resource.

use std::fmt::Write;

use crate::model::KubeResource;

use super::Scope;

/// What there is to know of a resource.
pub(super) struct Resource {
    /// The API group; empty for the core.
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    pub(super) is_namespaced: bool,
    /// Whether a server without it is a healthy one: it comes with other software.
    pub(super) is_optional: bool,
}

pub(super) const fn of(resource: KubeResource) -> Resource {
    let (group, version, plural, is_namespaced, is_optional) = match resource {
        KubeResource::Secrets => ("", "v1", "secrets", true, false),
        KubeResource::Configmaps => ("", "v1", "configmaps", true, false),
        KubeResource::Namespaces => ("", "v1", "namespaces", false, false),
        KubeResource::Pods => ("", "v1", "pods", true, false),
        KubeResource::Services => ("", "v1", "services", true, false),
        KubeResource::MutatingWebhooks => ("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", false, false),
        KubeResource::ValidatingWebhooks => ("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", false, false),
        KubeResource::ApiServices => ("apiregistration.k8s.io", "v1", "apiservices", false, false),
        KubeResource::Crds => ("apiextensions.k8s.io", "v1", "customresourcedefinitions", false, false),
        KubeResource::Csrs => ("certificates.k8s.io", "v1", "certificatesigningrequests", false, false),
        KubeResource::Certificates => ("cert-manager.io", "v1", "certificates", true, true),
        KubeResource::CertificateRequests => ("cert-manager.io", "v1", "certificaterequests", true, true),
        KubeResource::Ingresses => ("networking.k8s.io", "v1", "ingresses", true, false),
        KubeResource::Gateways => ("gateway.networking.k8s.io", "v1", "gateways", true, true),
        KubeResource::IstioGateways => ("networking.istio.io", "v1", "gateways", true, true),
    };
    Resource { group, version, plural, is_namespaced, is_optional }
}

/// The path of a scope's collection.
pub(super) fn path(scope: &Scope) -> String {
    let resource = of(scope.resource);
    let mut path = match resource.group {
        "" => format!("/api/{}", resource.version),
        group => format!("/apis/{group}/{}", resource.version),
    };
    if let Some(namespace) = &scope.namespace {
        path.push_str("/namespaces/");
        encode(namespace, &mut path);
    }
    path.push('/');
    path.push_str(resource.plural);
    path
}

/// The scope in words: `secrets in namespace "shop"`, `gateways (networking.istio.io) in all namespaces`.
pub(super) fn shown(scope: &Scope) -> String {
    let resource = of(scope.resource);
    let mut words = resource.plural.to_owned();
    if !resource.group.is_empty() {
        let _ = write!(words, " ({})", resource.group);
    }
    match &scope.namespace {
        Some(namespace) => {
            let _ = write!(words, " in namespace \"{namespace}\"");
        }
        None if resource.is_namespaced => words.push_str(" in all namespaces"),
        None => words.push_str(" of the cluster"),
    }
    words
}

/// Adds `&key=value`, or `key=value` at the start.
pub(super) fn add(query: &mut String, key: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(key);
    query.push('=');
    encode(value, query);
}

/// The part of a query that selects.
pub(super) fn selectors(scope: &Scope) -> String {
    let mut query = String::new();
    for (key, value) in [("fieldSelector", &scope.field_selector), ("labelSelector", &scope.label_selector)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            add(&mut query, key, value);
        }
    }
    query
}

/// RFC 3986 section 2.3: everything but the unreserved characters is escaped.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}
