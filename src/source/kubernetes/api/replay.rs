//! Bodies of lists and watches, cut into objects without a server: for fuzzing and for tests.

use super::batch::{Batch, Change, Line};
use super::list::Metadata;
use super::request::Status;
use super::split::{ListSplitter, Piece};

/// The objects of a list that arrives in these chunks, and what stands around them.
///
/// # Errors
/// Why it is no list.
pub fn list<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> Result<(Vec<Vec<u8>>, Vec<u8>), String> {
    let (mut splitter, mut batch, mut objects) = (ListSplitter::default(), Batch::default(), Vec::new());
    for chunk in chunks {
        let cut = splitter.push(chunk, |piece| match piece {
            Piece::Part(part) => batch.push(part),
            Piece::End => _ = batch.end(),
        });
        cut.map_err(|error| error.to_string())?;
        take(&mut batch, &mut |_, json| objects.push(json.to_vec()));
    }
    let around = splitter.finish().map_err(|error| error.to_string())?;
    Ok((objects, around))
}

/// The objects of a watch that arrives in these chunks, each with whether it was deleted, up to the first line that is no event, or an error;
/// the words of that.
pub fn watch<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> (Vec<(bool, Vec<u8>)>, Option<String>) {
    let (mut batch, mut objects) = (Batch::default(), Vec::new());
    for chunk in chunks {
        let mut rest = chunk;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            batch.push(&rest[..at]);
            rest = &rest[at + 1..];
            let end = match batch.end_line() {
                Line::Object | Line::Blank | Line::TooLarge => None,
                Line::Malformed => Some("a line of the watch is no event".to_owned()),
                Line::Control(kind, object) if kind == "ERROR" => {
                    Some(serde_json::from_slice::<Status>(&object).unwrap_or_default().fault().failure().detail.to_string())
                }
                Line::Control(_, object) => {
                    let _ = serde_json::from_slice::<Metadata>(&object);
                    None
                }
            };
            if end.is_some() || batch.is_full() {
                _ = batch.last_version();
                take(&mut batch, &mut |change, json| objects.push((change == Change::Deleted, json.to_vec())));
            }
            if end.is_some() {
                return (objects, end);
            }
        }
        take(&mut batch, &mut |change, json| objects.push((change == Change::Deleted, json.to_vec())));
        batch.push(rest);
    }
    (objects, None)
}

fn take(batch: &mut Batch, give: &mut dyn FnMut(Change, &[u8])) {
    if !batch.is_empty() {
        let whole = batch.take(Batch::default());
        whole.objects().for_each(|(change, json)| give(change, json));
    }
}
