//! What patterns match, path by path.

use super::*;

/// Whether `path` is matched as a file by `paths` without `exclude`.
fn matches(paths: &[&str], exclude: &[&str], path: &str) -> bool {
    let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let patterns = Patterns::new(Path::new("/base"), &own(paths), &own(exclude), Folders::Certificates).unwrap();
    let mut states = patterns.start(true);
    let mut next = States::new();
    for name in path.split('/').skip(1) {
        if patterns.exclude(&states) {
            return false;
        }
        patterns.advance(&states, &CString::new(name).unwrap(), &mut next);
        std::mem::swap(&mut states, &mut next);
    }
    patterns.accept(&states) && !patterns.exclude(&states)
}

#[test]
fn patterns_match_like_a_shell() {
    let rows: &[(&str, &[&str], &[&str])] = &[
        ("/a/*.pem", &["/a/x.pem", "/a/ü.pem"], &["/a/.x.pem", "/a/b/x.pem", "/a/x.crt", "/x.pem"]),
        ("/a/?.pem", &["/a/x.pem"], &["/a/xy.pem", "/a/.pem"]),
        ("/a/[xy].pem", &["/a/x.pem", "/a/y.pem"], &["/a/z.pem"]),
        ("/a/[!x].pem", &["/a/z.pem"], &["/a/x.pem", "/a/..pem"]),
        ("/a/*.{pem,crt}", &["/a/x.pem", "/a/x.crt"], &["/a/x.der"]),
        ("/a/**/x.pem", &["/a/x.pem", "/a/b/x.pem", "/a/b/c/x.pem"], &["/a/..data/x.pem", "/a/b/.c/x.pem", "/x.pem"]),
        ("/a/**/b/**/*.pem", &["/a/b/x.pem", "/a/c/b/d/x.pem"], &["/a/c/x.pem"]),
        ("/a/**", &["/a/x", "/a/b/x"], &["/a", "/a/.x"]),
        ("/a/.*/x.pem", &["/a/.b/x.pem", "/a/..data/x.pem"], &["/a/b/x.pem"]),
        ("/a/\\.*", &["/a/.x"], &["/a/x"]),
        ("/a/{.b,c}/x", &["/a/.b/x", "/a/c/x"], &["/a/b/x"]),
        ("/a/{b/c,d}/*.pem", &["/a/b/c/x.pem", "/a/d/x.pem"], &["/a/b/x.pem", "/a/c/x.pem"]),
        ("/{a,b/{c,d}}/x", &["/a/x", "/b/c/x", "/b/d/x"], &["/b/x"]),
        ("/a/\\*.pem", &["/a/*.pem"], &["/a/x.pem"]),
        ("/a/x[.]pem", &["/a/x.pem"], &["/a/xpem"]),
        ("/a//./x.pem", &["/a/x.pem"], &[]),
        ("rel/*.pem", &["/base/rel/x.pem"], &["/rel/x.pem"]),
        ("/a", &["/a", "/a/x.pem", "/a/b/x.CRT", "/a/x.truststore"], &["/a/x", "/a/x.key", "/a/.x.pem", "/a/.b/x.pem"]),
        ("/", &["/x.pem"], &["/x"]),
    ];
    for (pattern, yes, no) in rows {
        for path in *yes {
            assert!(matches(&[pattern], &[], path), "{pattern} takes {path}");
        }
        for path in *no {
            assert!(!matches(&[pattern], &[], path), "{pattern} leaves {path}");
        }
    }
}

#[test]
fn excludes_take_files_and_whole_folders_out_again() {
    let all: &[&str] = &["/a/**/*.pem", "/a/.h/*.pem"];
    for (exclude, path, kept) in [
        ("/a/x.pem", "/a/x.pem", false),
        ("/a/x.pem", "/a/y.pem", true),
        ("/a/b", "/a/b/c/x.pem", false),
        ("/a/**/old-*", "/a/b/old-1.pem", false),
        ("/a/**/old", "/a/b/old/x.pem", false),
        ("/a/**/x.pem", "/a/.h/x.pem", false),
        ("rel", "/a/rel", true),
    ] {
        assert_eq!(matches(all, &[exclude], path), kept && path.ends_with(".pem"), "{exclude} {path}");
    }
}

#[test]
fn an_escaped_path_stands_for_itself() {
    let path = "/a/[x]{y,z}*?\\.pem";
    assert!(matches(&[&escape(path)], &[], path));
}

#[test]
fn broken_patterns_are_refused_with_their_key() {
    for (paths, exclude, key) in [
        (vec!["/a/[x"], vec![], "paths"),
        (vec!["/a/{x"], vec![], "paths"),
        (vec![""], vec![], "paths"),
        (vec!["/a\\"], vec![], "paths"),
        (vec!["/a\0"], vec![], "paths"),
        (vec!["/a"], vec!["/b/[z-a]"], "exclude"),
        (vec!["{/a,/b}{/a,/b}{/a,/b}{/a,/b}{/a,/b}{/a,/b}{/a,/b}{/a,/b}{/a,/b}"], vec![], "paths"),
    ] {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let result = Patterns::new(Path::new(""), &own(&paths), &own(&exclude), Folders::Certificates);
        assert_eq!(result.unwrap_err().0, key, "{paths:?}");
    }
}
