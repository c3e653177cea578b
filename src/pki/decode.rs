//! The one way from material to facts.

use crate::model::{Facts, Limits, Material, UnixTime};

/// Reads material. Never fails as a whole: what cannot be read stands in [`Facts::problems`].
///
/// `now` is used only to choose a path to a trust anchor that is valid today where there are several.
pub fn decode(material: &Material, limits: &Limits, now: UnixTime) -> Facts {
    let _ = (material, limits, now);
    Facts::default()
}
