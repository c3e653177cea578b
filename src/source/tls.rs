//! `type = "tls"`.

use serde::Deserialize;

use super::Settings;
use crate::model::{BoxFuture, BuildContext, BuildError, Failure, Listing, ScanContext, Source, SourceKind};

/// `type = "tls"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {}

impl Settings for TlsSettings {
    const KIND: SourceKind = SourceKind::Tls;

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(TlsSource))
    }
}

struct TlsSource;

impl Source for TlsSource {
    fn scan(&self, _: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        Box::pin(async { Ok(Listing::Complete) })
    }
}
