//! What is asked of an API server.

use std::collections::BTreeMap;

/// A list or a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `secrets`, `ingresses.networking.k8s.io`
    pub resource: String,
    /// Empty: all, or cluster-scoped.
    pub namespace: String,
    /// Decoded.
    pub query: BTreeMap<String, String>,
    /// The bearer token.
    pub token: Option<String>,
}

impl Asked {
    /// Reads the head of a request; `None` for a path that is no collection.
    pub fn read(head: &str) -> Option<Self> {
        let mut lines = head.lines();
        let target = lines.next()?.strip_prefix("GET ")?.split(' ').next()?;
        let token = lines.filter_map(|line| line.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let token = token.and_then(|(_, value)| value.strip_prefix("Bearer ").map(str::to_owned));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decode(key), decode(value))).collect();
        let parts: Vec<String> = path.trim_start_matches('/').split('/').map(decode).collect();
        let (group, rest) = match parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["api", "v1", ..] => (String::new(), &parts[2..]),
            ["apis", group, "v1", ..] => (format!(".{group}"), &parts[3..]),
            _ => return None,
        };
        let (namespace, plural) = match rest {
            [plural] => ("", plural),
            [word, namespace, plural] if word == "namespaces" => (&**namespace, plural),
            _ => return None,
        };
        Some(Self { resource: format!("{plural}{group}"), namespace: namespace.to_owned(), query, token })
    }

    /// A parameter's value.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str)
    }

    /// Whether it is a watch.
    pub fn is_watch(&self) -> bool {
        self.value("watch") == Some("true")
    }

    /// Whether it is a watch that begins with a list.
    pub fn streams_list(&self) -> bool {
        self.value("sendInitialEvents") == Some("true")
    }

    /// The verb that must be allowed.
    pub fn verb(&self) -> &'static str {
        if self.is_watch() { "watch" } else { "list" }
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        match (first, behind) {
            (b'%', [high, low, ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}
