use super::batch::{Batch, Change, Line, MOST_OF_ONE};
use super::fault::Fault;
use super::split::{ListSplitter, Malformed, Piece};
use super::{Scope, resource};
use crate::model::KubeResource;

/// The objects of a list that arrives in pieces of this size, and what stands around them.
fn cut(list: &str, size: usize) -> Result<(Vec<String>, String), Malformed> {
    let (mut splitter, mut objects, mut arriving) = (ListSplitter::default(), Vec::new(), Vec::new());
    for piece in list.as_bytes().chunks(size) {
        splitter.push(piece, |piece| match piece {
            Piece::Part(part) => arriving.extend_from_slice(part),
            Piece::End => objects.push(String::from_utf8(std::mem::take(&mut arriving)).unwrap()),
        })?;
    }
    Ok((objects, String::from_utf8(splitter.finish()?).unwrap()))
}

#[test]
fn a_list_is_cut_into_its_objects_wherever_its_pieces_end() {
    let rows: &[(&str, &str, &[&str], &str)] = &[
        ("none", r#"{"items":[],"metadata":{}}"#, &[], r#"{"items":[],"metadata":{}}"#),
        ("null", r#"{"items":null}"#, &[], r#"{"items":null}"#),
        ("some", r#"{"a":1,"items":[{"x":1},{"y":[{}]}]}"#, &[r#"{"x":1}"#, r#"{"y":[{}]}"#], r#"{"a":1,"items":[]}"#),
        ("spaces", " { \"items\" : [ {} ,\n{} ] } \n", &["{}", "{}"], " { \"items\" :[] } \n"),
        ("strings", r#"{"items":[{"}":"]\"\\"},{"a":"\\"}]}"#, &[r#"{"}":"]\"\\"}"#, r#"{"a":"\\"}"#], r#"{"items":[]}"#),
        ("deeper items", r#"{"m":{"items":[{}]},"n":[{}],"items":[{}]}"#, &["{}"], r#"{"m":{"items":[{}]},"n":[{}],"items":[]}"#),
        ("items as a value", r#"{"m":"items","n":[{}]}"#, &[], r#"{"m":"items","n":[{}]}"#),
    ];
    for (name, list, objects, around) in rows {
        for size in 1..=list.len() {
            let (cut, rest) = cut(list, size).unwrap();
            assert_eq!(cut, *objects, "{name}, {size}");
            let without = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(without(&rest), without(around), "{name}, {size}");
        }
    }
}

#[test]
fn what_is_no_list_is_refused() {
    let around = format!(r#"{{"a":"{}"}}"#, "x".repeat(300 << 10));
    for (list, wanted) in [
        ("", Malformed::Cut),
        ("hello", Malformed::NotAnObject),
        ("[]", Malformed::NotAnObject),
        ("{}{}", Malformed::NotAnObject),
        ("\"\"", Malformed::NotAnObject),
        ("}", Malformed::Brackets),
        (r#"{"items":[1]}"#, Malformed::NotAnItem),
        (r#"{"items":[{}"#, Malformed::Cut),
        (r#"{"items":[{"a"#, Malformed::Cut),
        (&around, Malformed::TooMuchAround),
    ] {
        assert_eq!(cut(list, 1 << 20), Err(wanted), "{}", &list[..list.len().min(20)]);
    }
}

#[test]
fn lines_of_a_watch_are_told_apart() {
    let control = |kind: &str| Line::Control(kind.to_owned(), b"{}".to_vec());
    for (line, wanted, kept) in [
        (r#"{"type":"ADDED","object":{"a":1}}"#, Line::Object, Some((Change::Applied, r#"{"a":1}"#))),
        (r#"{"type":"MODIFIED","object":{"a":1}}"#, Line::Object, Some((Change::Applied, r#"{"a":1}"#))),
        (r#"{"type":"DELETED","object":{"a":1}}"#, Line::Object, Some((Change::Deleted, r#"{"a":1}"#))),
        (r#" {"object": {"a":1}, "type": "ADDED"} "#, Line::Object, Some((Change::Applied, r#"{"a":1}"#))),
        (r#"{"type":"BOOKMARK","object":{}}"#, control("BOOKMARK"), None),
        (r#"{"type":"ERROR","object":{}}"#, control("ERROR"), None),
        (" \r", Line::Blank, None),
        ("", Line::Blank, None),
        (r#"{"type":"ADDED"}"#, Line::Malformed, None),
        ("hello", Line::Malformed, None),
    ] {
        let mut batch = Batch::default();
        batch.push(line.as_bytes());
        assert_eq!(batch.end_line(), wanted, "{line}");
        let kept = kept.map(|(change, json)| (change, json.as_bytes()));
        assert_eq!(batch.objects().next(), kept, "{line}");
    }
}

#[test]
fn an_object_that_is_too_large_is_left_out_and_the_next_one_is_not() {
    let mut batch = Batch::default();
    batch.push(b"{}");
    assert!(batch.end());
    for _ in 0..3 {
        batch.push(&vec![b' '; MOST_OF_ONE / 2]);
    }
    assert!(!batch.end());
    batch.push(b"{1}");
    assert!(batch.end());
    batch.push(b"{arriv");
    let whole = batch.take(Batch::default());
    assert_eq!(whole.objects().map(|(_, json)| json).collect::<Vec<_>>(), [b"{}".as_slice(), b"{1}"]);
    assert!(batch.is_empty());
    batch.push(b"ing}");
    assert!(batch.end());
    assert_eq!(batch.objects().next(), Some((Change::Applied, b"{arriving}".as_slice())));
}

#[test]
fn paths_and_words_of_scopes() {
    let scope = |resource, namespace: Option<&str>| Scope {
        resource,
        namespace: namespace.map(Into::into),
        field_selector: Some("type!=a/b,type!=c".to_owned()),
        label_selector: Some("a in (b, c)".to_owned()),
    };
    for (scope, path, words) in [
        (scope(KubeResource::Secrets, Some("shop")), "/api/v1/namespaces/shop/secrets", "secrets in namespace \"shop\""),
        (scope(KubeResource::Namespaces, None), "/api/v1/namespaces", "namespaces of the cluster"),
        (
            scope(KubeResource::IstioGateways, None),
            "/apis/networking.istio.io/v1/gateways",
            "gateways (networking.istio.io) in all namespaces",
        ),
        (
            scope(KubeResource::Crds, None),
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            "customresourcedefinitions (apiextensions.k8s.io) of the cluster",
        ),
    ] {
        assert_eq!((&*resource::path(&scope), &*resource::shown(&scope)), (path, words));
        let query = "fieldSelector=type%21%3Da%2Fb%2Ctype%21%3Dc&labelSelector=a%20in%20%28b%2C%20c%29";
        assert_eq!(resource::selectors(&scope), query);
    }
    let denied = Fault::of_status(403, "no", None).about("list", &scope(KubeResource::Services, None)).failure().to_string();
    assert_eq!(denied, "scan: permission_denied: forbidden: needs the verb list on services in all namespaces: status 403: no");
}
