//! Where a thing is: the key of a target in its source, and its location labels.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::vocabulary::EmbeddedKind;

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
        }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
