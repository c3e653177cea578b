//! Entity tags (RFC 9110 section 8.8.3) of what is made of a snapshot.
//!
//! They are strong: of one snapshot, one view of the revocation service, one query and one minute to count from, an answer is the same byte for
//! byte, and nothing here codes it anew. Another process, which counts from the beginning, has another name in its tags.

use std::hash::{BuildHasher, RandomState};

use axum::http::{HeaderMap, header};

use crate::model::UnixTime;

/// Makes the tags of one process.
#[derive(Debug, Default)]
pub struct Tags {
    names: RandomState,
}

/// What an answer is made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct MadeOf<'a> {
    /// Generation of the snapshot.
    pub snapshot: u64,
    /// Generation of the revocation service's view; 0 where it is not read.
    pub revocation: u64,
    /// What is asked, as it came.
    pub asked: &'a str,
    /// The moment that a relative time in it means now.
    pub moment: Option<UnixTime>,
}

impl Tags {
    /// The tag of an answer.
    pub fn tag(&self, made_of: MadeOf<'_>) -> String {
        let MadeOf { snapshot, revocation, asked, moment } = made_of;
        format!("\"{:x}-{snapshot}-{revocation}-{:x}\"", self.names.hash_one("this process"), self.names.hash_one((asked, moment)))
    }
}

/// Whether the client has this answer already (RFC 9110 section 13.1.2).
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // No tag of ours has a comma in it. The comparison is the weak one.
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_changes_with_everything_that_an_answer_is_made_of() {
        let tags = Tags::default();
        let made_of = MadeOf { snapshot: 1, revocation: 1, asked: "/api/v1/targets?limit=1", moment: Some(UnixTime::from_secs(60)) };
        let tag = tags.tag(made_of);
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.is_ascii(), "{tag}");
        assert_eq!(tags.tag(made_of), tag);
        for (behaviour, other) in [
            ("another snapshot", tags.tag(MadeOf { snapshot: 2, ..made_of })),
            ("another view of revocation", tags.tag(MadeOf { revocation: 2, ..made_of })),
            ("another query", tags.tag(MadeOf { asked: "/api/v1/targets?limit=2", ..made_of })),
            ("another minute", tags.tag(MadeOf { moment: Some(UnixTime::from_secs(120)), ..made_of })),
            ("another process", Tags::default().tag(made_of)),
        ] {
            assert_ne!(other, tag, "{behaviour}");
        }
    }

    #[test]
    fn if_none_match_is_read_as_http_has_it() {
        for (values, known) in [
            (&[][..], false),
            (&["\"a\""], true),
            (&["W/\"a\""], true),
            (&["\"b\", \"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["*"], true),
            (&["\"b\""], false),
            (&["a"], false),
            (&["\"A\""], false),
        ] {
            let headers: HeaderMap = values.iter().map(|value| (header::IF_NONE_MATCH, value.parse().unwrap())).collect();
            assert_eq!(is_known(&headers, "\"a\""), known, "{values:?}");
        }
    }
}
