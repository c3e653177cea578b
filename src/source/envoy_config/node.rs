//! A tree of YAML or JSON, as loose as Envoy's reader: fields may be written in snake or camel case, numbers as text. Pure, bounded.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// The most levels of a document.
const MOST_DEEP: usize = 100;
/// The most values in a document.
const MOST_NODES: usize = 500_000;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Empty,
    /// A string, a number, true or false.
    Text(Box<str>),
    List(Vec<Node>),
    /// In the order of the document; names in snake case.
    Map(Vec<(Box<str>, Node)>),
}

impl Node {
    /// What stands at a name; nothing where this is no map.
    pub fn at(&self, name: &str) -> &Self {
        let Self::Map(entries) = self else { return &Self::Empty };
        entries.iter().find(|(key, _)| **key == *name).map_or(&Self::Empty, |(_, value)| value)
    }

    /// The text of a string or number.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// What is in a list; nothing where this is none.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The last part of `@type`: the message that this is.
    pub fn kind(&self) -> &str {
        self.at("@type").text().and_then(|kind| kind.rsplit(['.', '/']).next()).unwrap_or_default()
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The whole of it.
    pub root: Node,
    /// Whether another YAML document follows: Envoy reads the first alone.
    pub has_more: bool,
}

/// Reads the first document of a file: JSON by its name, else YAML. Says where it is wrong and not what stands there: that may be a key.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Document, String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Document { root: Node::Empty, has_more: false });
    }
    if name.ends_with(".json") {
        let root = serde_json::from_slice(bytes);
        return root
            .map(|root| Document { root, has_more: false })
            .map_err(|error| format!("{}:{}: not JSON", error.line(), error.column()));
    }
    let budget = serde_saphyr::budget! { max_depth: MOST_DEEP, max_nodes: MOST_NODES, max_events: 2 * MOST_NODES };
    // A name may be `on` or `y`.
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true, budget: budget };
    match serde_saphyr::from_slice_with_options(bytes, options.clone()) {
        Ok(root) => Ok(Document { root, has_more: false }),
        Err(serde_saphyr::Error::MultipleDocuments { .. }) => {
            // Documents that hold nothing are passed over.
            let first = serde_saphyr::read_with_options(&mut &*bytes, options).next();
            first.unwrap_or(Ok(Node::Empty)).map(|root| Document { root, has_more: true }).map_err(|error| refused(&error))
        }
        Err(error) => Err(refused(&error)),
    }
}

fn refused(error: &serde_saphyr::Error) -> String {
    let at = error.location().map_or(String::new(), |at| format!("{}:{}: ", at.line(), at.column()));
    format!("{at}not YAML, or nested or repeated too much")
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Text(if value { "true" } else { "false" }.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string().into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string().into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Text(value.to_string().into()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Text(value.to_string().into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string().into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.into()))
    }

    /// Binary YAML: nothing that a path or a name could be.
    fn visit_bytes<E>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Node, Node>()? {
            // What has no text for a name is no field.
            if let Node::Text(key) = key {
                map.push((snake_case(key), value));
            }
        }
        Ok(Node::Map(map))
    }
}

/// `commonTlsContext` is `common_tls_context`.
fn snake_case(name: Box<str>) -> Box<str> {
    if !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return name;
    }
    let mut snake = String::with_capacity(name.len() + 8);
    for char in name.chars() {
        if char.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_make_the_same_tree() {
        let yaml = "a: 1\nbC: [x, null, true, 1.5, '2']\n? [no, field]\n: x\n8443: y\non: off\n";
        let json = r#"{"a": 1, "bC": ["x", null, true, 1.5, "2"], "8443": "y", "on": "off"}"#;
        let (yaml, json) = (parse("a.yaml", yaml.as_bytes()).unwrap().root, parse("a.json", json.as_bytes()).unwrap().root);
        assert_eq!(yaml, json);
        assert_eq!(yaml.at("a").text(), Some("1"));
        assert_eq!(
            yaml.at("b_c").items().iter().map(Node::text).collect::<Vec<_>>(),
            [Some("x"), None, Some("true"), Some("1.5"), Some("2")]
        );
        assert_eq!(parse("a.yaml", json_text()).unwrap(), parse("a.json", json_text()).unwrap(), "JSON is YAML");
        assert_eq!(parse("a.yaml", b"\n").unwrap().root, Node::Empty);
    }

    #[test]
    fn of_several_documents_the_first_is_read() {
        for (what, text, expected, has_more) in [
            ("one", "a: x\n", "x", false),
            ("one between marks", "---\na: x\n...\n", "x", false),
            ("two", "a: x\n---\na: y\n", "x", true),
            ("two, with a mark before the first", "---\na: x\n---\na: y\n", "x", true),
            ("one before a broken one", "a: x\n---\na: [", "x", true),
            ("one after an empty one", "---\n---\na: x\n", "x", true),
        ] {
            let document = parse("a.yaml", text.as_bytes()).expect(what);
            assert_eq!((document.root.at("a").text(), document.has_more), (Some(expected), has_more), "{what}");
        }
    }

    fn json_text() -> &'static [u8] {
        br#"{"a": {"b": ["c", {"d": 1}]}, "e": "\u00e9\/"}"#
    }

    #[test]
    fn what_is_hostile_is_refused_without_saying_what_it_holds() {
        let deep = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
        let bomb = format!("a0: &a0 [x]\n{}", (1..40).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)).collect::<String>());
        let many = format!("a: [{}]", "x,".repeat(500_000));
        for (what, name, text) in [
            ("not YAML", "a.yaml", "secret: ["),
            ("not JSON", "a.json", "{\"secret\": "),
            ("binary", "a.yaml", "\0\u{1}secret"),
            ("nested too deep", "a.yaml", &*deep),
            ("nested too deep in JSON", "a.json", &deep[3..]),
            ("aliases that explode", "a.yaml", &bomb),
            ("too many values", "a.yaml", &many),
            ("too many values before another document", "a.yaml", &format!("{many}\n---\na: b\n")),
            ("more after the end, and no mark between", "a.yaml", "a: b\nsecret\n"),
            ("a bracket that closes nothing", "a.yaml", "a: b\n]\n"),
            ("a second value without a mark", "a.yaml", "{a: b}\n{secret: c}\n"),
        ] {
            let error = parse(name, text.as_bytes()).expect_err(what);
            assert!(error.contains("not ") && !error.contains("secret"), "{what}: {error}");
        }
    }

    #[test]
    fn a_message_is_known_by_the_end_of_its_type() {
        for (kind, expected) in [
            ("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", "DownstreamTlsContext"),
            ("type.googleapis.com/envoy.api.v2.Listener", "Listener"),
            ("Secret", "Secret"),
        ] {
            assert_eq!(parse("a", format!("'@type': {kind}").as_bytes()).unwrap().root.kind(), expected);
        }
        assert_eq!(Node::Empty.kind(), "");
    }
}
