//! Which keys of Secrets and ConfigMaps are looked at.
//!
//! May touch: nothing. Pure but for what it remembers of names that it has seen.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// What is looked at when nothing is said.
pub const USUAL: &[&str] =
    &["tls.crt", "ca.crt", "*.crt", "*.cer", "*.cert", "*.pem", "*.der", "*.p12", "*.pfx", "*.pkcs12", "*.jks", "*.p7b", "*.p7c", "*.crl"];
/// Never looked at, unless by its whole name.
const PRIVATE: &[&str] = &["*.key", "*key.pem"];
/// So many names are remembered.
const REMEMBERED: usize = 4096;

/// Globs of keys. A key's name is one allocation, however many objects have it.
#[derive(Debug, Default)]
pub struct Keys {
    literal: HashSet<String>,
    globs: GlobSet,
    private: GlobSet,
    seen: Mutex<HashMap<Box<str>, Option<Arc<str>>>>,
}

impl Keys {
    /// Those that any of the globs matches, whatever the case of their letters.
    ///
    /// # Errors
    /// The index of the glob that is none, and why.
    pub fn new<S: AsRef<str>>(globs: &[S]) -> Result<Self, (usize, String)> {
        Ok(Self {
            literal: globs.iter().map(|glob| glob.as_ref().to_owned()).collect(),
            globs: set(globs)?,
            private: set(PRIVATE)?,
            seen: Mutex::default(),
        })
    }

    /// The key's name when it is to be looked at.
    pub fn find(&self, key: &str) -> Option<Arc<str>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get(key) {
            return known.clone();
        }
        let is_wanted = self.literal.contains(key) || self.globs.is_match(key) && !self.private.is_match(key);
        let found = is_wanted.then(|| Arc::from(key));
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(key.into(), found.clone());
        found
    }
}

fn set<S: AsRef<str>>(globs: &[S]) -> Result<GlobSet, (usize, String)> {
    let mut builder = GlobSetBuilder::new();
    for (index, glob) in globs.iter().enumerate() {
        if glob.as_ref().is_empty() {
            return Err((index, "expected a key or a glob of keys, found nothing".to_owned()));
        }
        let glob = GlobBuilder::new(glob.as_ref()).case_insensitive(true).backslash_escape(true).build();
        builder.add(glob.map_err(|error| (index, error.to_string()))?);
    }
    builder.build().map_err(|error| (0, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_keys_are_those_of_certificates_and_never_of_private_keys() {
        let keys = Keys::new(USUAL).unwrap();
        for (key, expected) in [
            ("tls.crt", true),
            ("ca.crt", true),
            ("CA.PEM", true),
            ("truststore.jks", true),
            ("keystore.p12", true),
            ("revoked.crl", true),
            ("tls.key", false),
            ("ca-key.pem", false),
            ("key.pem", false),
            ("password", false),
            ("config.json", false),
        ] {
            assert_eq!(keys.find(key).is_some(), expected, "{key}");
            assert_eq!(keys.find(key).is_some(), expected, "{key} again");
        }
    }

    #[test]
    fn a_private_key_is_looked_at_only_by_its_whole_name() {
        assert!(Keys::new(&["*"]).unwrap().find("tls.key").is_none());
        assert!(Keys::new(&["tls.key"]).unwrap().find("tls.key").is_some());
    }

    #[test]
    fn globs_that_are_none_are_refused() {
        for (globs, index) in [(&["*.crt", "[a"][..], 1), (&[""], 0), (&["{a"], 0)] {
            assert_eq!(Keys::new(globs).unwrap_err().0, index, "{globs:?}");
        }
    }
}
