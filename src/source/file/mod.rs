//! `type = "file"`.

use serde::Deserialize;

use super::Settings;
use crate::model::{BoxFuture, BuildContext, BuildError, Failure, Listing, ScanContext, Source, SourceKind};

/// `type = "file"` in the configuration.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {}

impl Settings for FileSettings {
    const KIND: SourceKind = SourceKind::File;

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Source>, BuildError> {
        Ok(Box::new(FileSource))
    }
}

struct FileSource;

impl Source for FileSource {
    fn scan(&self, _: ScanContext) -> BoxFuture<'_, Result<Listing, Failure>> {
        Box::pin(async { Ok(Listing::Complete) })
    }
}
