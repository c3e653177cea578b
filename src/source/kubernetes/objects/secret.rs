//! Secrets.

use std::sync::Arc;

use super::json::Entry;
use super::passphrases::KeystorePassphrases;
use super::values::Flavour;
use crate::model::{Place, ScanContext, Secret};
use crate::source::kubernetes::surroundings::{Named, Used};

/// Keys of `data`.
pub struct Secrets(pub Arc<KeystorePassphrases>);

impl Flavour for Secrets {
    const WHAT: &'static str = "Secret";
    const TEXT: bool = false;

    fn place(namespace: &Arc<str>, name: &str, key: &Arc<str>) -> Place {
        Place::Secret { namespace: Arc::clone(namespace), name: name.into(), key: Arc::clone(key) }
    }

    fn object(place: &Place) -> Option<(&Arc<str>, &str)> {
        if let Place::Secret { namespace, name, .. } = place { Some((namespace, name)) } else { None }
    }

    fn begin(&self, cx: &ScanContext) {
        self.0.begin(cx);
    }

    fn reads(&self, key: &str) -> bool {
        self.0.reads(key)
    }

    fn passphrases(&self, namespace: &Arc<str>, own: &[Entry], cx: &ScanContext) -> Arc<[Secret]> {
        self.0.of(namespace, Some(own), cx)
    }

    fn used(named: Named) -> Used {
        Used::Secret(named)
    }

    fn named(used: &Used) -> Option<&Named> {
        if let Used::Secret(named) = used { Some(named) } else { None }
    }

    /// cert-manager copies the issuer's CA beside what it renews.
    fn is_renewed(key: &str) -> bool {
        !matches!(key, "ca.crt" | "truststore.jks" | "truststore.p12")
    }
}
