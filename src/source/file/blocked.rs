//! Folders that a scan could not look into, and what is known below them.

use std::collections::HashMap;

use crate::model::{Failure, Observation, Place, Reason, ScanContext, Stage};

/// Folders that could not be looked into: nothing that is known from below them may be dropped.
#[derive(Default)]
pub struct BlockedFolders {
    folders: HashMap<String, (Reason, String, Vec<String>)>,
}

impl BlockedFolders {
    /// Tells of the folder, and keeps it for [`Self::keep_known`].
    pub fn add(&mut self, cx: &ScanContext, path: &str, failure: Failure, reached: Vec<String>) {
        self.folders.insert(path.to_owned(), (failure.reason, failure.detail.to_string(), reached));
        cx.observed(Observation::failed(Place::file(if path.is_empty() { "." } else { path }), failure));
    }

    /// Hands the folder's failure to everything known below it.
    pub fn keep_known(&self, cx: &ScanContext) {
        if self.folders.is_empty() {
            return;
        }
        let mut kept = Vec::new();
        cx.each_known(|place| {
            if let Some((reason, text)) = self.above(place) {
                kept.push(Observation::failed(place.clone(), Failure::new(Stage::Read, reason, text)));
            }
        });
        kept.into_iter().for_each(|observation| cx.observed(observation));
    }

    fn above(&self, place: &Place) -> Option<(Reason, &str)> {
        let (path, embedded) = match place {
            Place::File { path } => (&**path, false),
            Place::Embedded { path, .. } => (&**path, true),
            _ => return None,
        };
        // The path itself is told of as a file, not as what is embedded in it.
        let itself = embedded.then_some(path);
        let above = path.match_indices('/').map(|(at, _)| if at == 0 { "/" } else { &path[..at] });
        let relative = (!path.starts_with('/')).then_some("");
        above.chain(relative).chain(itself).find_map(|folder| {
            let (reason, text, reached) = self.folders.get(folder)?;
            let other_way =
                reached.iter().any(|way| path.strip_prefix(way.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
            (!other_way && (embedded || folder != path)).then_some((*reason, &**text))
        })
    }
}
