//! `type = "kubeconfig"`.

use serde::Deserialize;

use super::Settings;
use crate::model::{BoxFuture, BuildContext, BuildError, Failure, Listing, ScanContext, Source, SourceKind};

/// `type = "kubeconfig"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KubeconfigSettings {}

impl Settings for KubeconfigSettings {
    const KIND: SourceKind = SourceKind::Kubeconfig;

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(KubeconfigSource))
    }
}

struct KubeconfigSource;

impl Source for KubeconfigSource {
    fn scan(&self, _: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        Box::pin(async { Ok(Listing::Complete) })
    }
}
