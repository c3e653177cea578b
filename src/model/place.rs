//! Where a thing is: the key of a target in its source, and its location labels.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::vocabulary::{BundleKind, EmbeddedKind};

/// One place in a source. Equal places are one target; its labels tell places apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// A file, by the path that matched (never resolved).
    File {
        /// `filepath`; bytes that are not UTF-8 are written `\xNN`.
        path: Box<str>,
    },
    /// An entry of a kubeconfig.
    Embedded {
        /// `filepath` of the kubeconfig.
        path: Box<str>,
        /// `embedded_kind`
        kind: EmbeddedKind,
        /// `embedded_key`: the entry's name.
        key: Box<str>,
    },
    /// A TLS endpoint.
    Endpoint {
        /// `target`: as written, without user information.
        target: Box<str>,
        /// `server_name`: what is sent as SNI and looked for in the certificate.
        server_name: Box<str>,
        /// `address`: only where every address behind the name is probed.
        address: Option<IpAddr>,
    },
    /// A key of a Kubernetes Secret.
    Secret {
        /// `secret_namespace`
        namespace: Arc<str>,
        /// `secret_name`
        name: Box<str>,
        /// `secret_key`
        key: Arc<str>,
    },
    /// A key of a Kubernetes ConfigMap.
    ConfigMap {
        /// `configmap_namespace`
        namespace: Arc<str>,
        /// `configmap_name`
        name: Box<str>,
        /// `configmap_key`
        key: Arc<str>,
    },
    /// A CA bundle in a cluster-scoped Kubernetes object.
    CaBundle {
        /// `cabundle_resource_kind`
        kind: BundleKind,
        /// `cabundle_resource_name`
        name: Box<str>,
        /// `cabundle_entry`: the webhook's name; `caBundle` of an APIService, `conversion` of a CRD.
        entry: Box<str>,
    },
    /// A Kubernetes CertificateSigningRequest.
    Request {
        /// `csr_name`
        name: Box<str>,
    },
    /// A Certificate of cert-manager.
    Certificate {
        /// `certificate_namespace`
        namespace: Arc<str>,
        /// `certificate_name`
        name: Box<str>,
    },
}

impl Place {
    /// A file's place.
    pub fn file(path: impl Into<Box<str>>) -> Self {
        Self::File { path: path.into() }
    }

    /// The location labels that apply, in the order in which they are written.
    pub fn each_label(&self, mut label: impl FnMut(&'static str, &str)) {
        match self {
            Self::File { path } => {
                label("filename", file_name(path));
                label("filepath", path);
            }
            Self::Embedded { path, kind, key } => {
                label("filename", file_name(path));
                label("filepath", path);
                label("embedded_kind", kind.as_str());
                label("embedded_key", key);
            }
            Self::Endpoint { target, server_name, address } => {
                label("target", target);
                label("server_name", server_name);
                if let Some(address) = address {
                    label("address", &address.to_string());
                }
            }
            Self::Secret { namespace, name, key } => {
                label("secret_namespace", namespace);
                label("secret_name", name);
                label("secret_key", key);
            }
            Self::ConfigMap { namespace, name, key } => {
                label("configmap_namespace", namespace);
                label("configmap_name", name);
                label("configmap_key", key);
            }
            Self::CaBundle { kind, name, entry } => {
                label("cabundle_resource_kind", kind.as_str());
                label("cabundle_resource_name", name);
                label("cabundle_entry", entry);
            }
            Self::Request { name } => label("csr_name", name),
            Self::Certificate { namespace, name } => {
                label("certificate_namespace", namespace);
                label("certificate_name", name);
            }
        }
    }

    /// A number by the object that the place is in (all keys of a Secret are one), for [`Shard`]: the same in every process and build.
    fn object64(&self) -> u64 {
        let hash = |parts: &[&str]| {
            parts
                .iter()
                .flat_map(|part| part.bytes().chain([0]))
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
        };
        match self {
            Self::File { path } | Self::Embedded { path, .. } => hash(&["file", path]),
            Self::Endpoint { target, .. } => hash(&["target", target]),
            Self::Secret { namespace, name, .. } => hash(&["secret", namespace, name]),
            Self::ConfigMap { namespace, name, .. } => hash(&["configmap", namespace, name]),
            Self::CaBundle { kind, name, .. } => hash(&[kind.as_str(), name]),
            Self::Request { name } => hash(&["csr", name]),
            Self::Certificate { namespace, name } => hash(&["certificate", namespace, name]),
        }
    }

    /// A hash that is the same in every process of one build.
    pub fn hash64(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// For people: what the place is called in logs and tables.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path } => f.write_str(path),
            Self::Embedded { path, kind, key } => write!(f, "{path} {kind} {key}"),
            Self::Endpoint { target, server_name, address } => {
                f.write_str(target)?;
                let host = target.rsplit_once(':').map_or(&**target, |(host, _)| host);
                if host.trim_matches(['[', ']']) != &**server_name {
                    write!(f, " as {server_name}")?;
                }
                match address {
                    Some(address) => write!(f, " at {address}"),
                    None => Ok(()),
                }
            }
            Self::Secret { namespace, name, key } => write!(f, "secret {namespace}/{name} {key}"),
            Self::ConfigMap { namespace, name, key } => write!(f, "configmap {namespace}/{name} {key}"),
            Self::CaBundle { kind, name, entry } => write!(f, "{kind} {name} {entry}"),
            Self::Request { name } => write!(f, "CertificateSigningRequest {name}"),
            Self::Certificate { namespace, name } => write!(f, "Certificate {namespace}/{name}"),
        }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The part of all places that this process looks at, when several share the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    total: u32,
}

impl Default for Shard {
    /// All of them.
    fn default() -> Self {
        Self { index: 0, total: 1 }
    }
}

impl Shard {
    /// Part `index`, counted from 0, of `total`; `None` when there is no such part.
    pub fn new(index: u32, total: u32) -> Option<Self> {
        (index < total).then_some(Self { index, total })
    }

    /// Whether the place is in this part. Every place is in exactly one of them.
    pub fn holds(&self, place: &Place) -> bool {
        // The low bits of FNV-1a are its weakest: mixed before the remainder is taken.
        let mixed = {
            let hash = place.object64();
            (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
        };
        self.total == 1 || mixed % u64::from(self.total) == u64::from(self.index)
    }
}
