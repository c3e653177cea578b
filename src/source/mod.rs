//! Where certificates live: one file or folder per kind, and the one list of kinds.
//!
//! May touch: `model`, `net`, `pki::container`. Must not: metrics, the store, the wall clock.

use serde::de::DeserializeOwned;

use crate::model::{BuildContext, BuildError, Source, SourceKind};

mod configured;
pub mod envoy_config;
pub mod file;
pub mod kubeconfig;
pub mod kubernetes;
pub mod nginx;
pub mod tls;

/// The settings of one kind of source, as they stand in its table without the keys that every source has.
pub trait Settings: DeserializeOwned {
    /// The kind that builds from these.
    const KIND: SourceKind;

    /// Makes the source. Reads and dials nothing.
    ///
    /// # Errors
    /// The settings parse but contradict themselves.
    fn build(&self, cx: &BuildContext) -> Result<Built, BuildError>;
}

/// The sources that one table makes, each under the kind that its series say: one, but for kinds that look at several things.
pub type Built = Vec<(SourceKind, Box<dyn Source>)>;

/// The list of kinds: yields the enum of settings, the parser by `type`, and `build`.
macro_rules! sources {
    ($($kind:ident($settings:ty)),+ $(,)?) => {
        /// The settings of any kind of source.
        #[derive(Clone, Debug, PartialEq)]
        pub enum SourceSettings {
            $(
                #[doc = concat!("Settings of `", stringify!($kind), "`.")]
                $kind($settings)
            ),+
        }

        impl SourceSettings {
            /// Every kind that can stand after `type =`.
            pub const KINDS: &'static [SourceKind] = &[$(<$settings as Settings>::KIND),+];

            /// Reads the settings of this kind.
            ///
            /// # Errors
            /// Whatever the deserializer says of them.
            pub fn parse<'de, D: serde::Deserializer<'de>>(kind: SourceKind, table: D) -> Result<Self, D::Error> {
                match kind {
                    $(SourceKind::$kind => serde::Deserialize::deserialize(table).map(Self::$kind)),+,
                    _ => Err(serde::de::Error::custom("nothing in a configuration is of this kind")),
                }
            }

            /// Which kind these are of.
            pub const fn kind(&self) -> SourceKind {
                match self { $(Self::$kind(_) => SourceKind::$kind),+ }
            }

            /// Makes the source. Reads and dials nothing.
            ///
            /// # Errors
            /// See [`Settings::build`].
            pub fn build(&self, cx: &BuildContext) -> Result<Built, BuildError> {
                match self { $(Self::$kind(settings) => Settings::build(settings, cx)),+ }
            }
        }
    };
}

sources! {
    File(file::FileSettings),
    Kubeconfig(kubeconfig::KubeconfigSettings),
    Tls(tls::TlsSettings),
    Kubernetes(kubernetes::KubernetesSettings),
    Nginx(nginx::NginxSettings),
    EnvoyConfig(envoy_config::EnvoyConfigSettings),
}
