//! What several topics need.

pub mod sink;
