//! ConfigMaps.

use std::sync::Arc;

use super::json::Entry;
use super::passphrases::KeystorePassphrases;
use super::values::Flavour;
use crate::model::{Place, ScanContext, Secret};
use crate::source::kubernetes::surroundings::{Named, Used};

/// Keys of `data` and `binaryData`.
pub struct ConfigMaps(pub Arc<KeystorePassphrases>);

impl Flavour for ConfigMaps {
    const WHAT: &'static str = "ConfigMap";
    const TEXT: bool = true;

    fn place(namespace: &Arc<str>, name: &str, key: &Arc<str>) -> Place {
        Place::ConfigMap { namespace: Arc::clone(namespace), name: name.into(), key: Arc::clone(key) }
    }

    fn object(place: &Place) -> Option<(&Arc<str>, &str)> {
        if let Place::ConfigMap { namespace, name, .. } = place { Some((namespace, name)) } else { None }
    }

    fn used(named: Named) -> Used {
        Used::ConfigMap(named)
    }

    fn named(used: &Used) -> Option<&Named> {
        if let Used::ConfigMap(named) = used { Some(named) } else { None }
    }

    fn begin(&self, cx: &ScanContext) {
        self.0.begin(cx);
    }

    fn passphrases(&self, namespace: &Arc<str>, _: &[Entry], cx: &ScanContext) -> Arc<[Secret]> {
        self.0.of(namespace, None, cx)
    }
}
