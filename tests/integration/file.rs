//! `type = "file"`: what a scan finds, what it says of what it cannot read, and what it leaves alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use notafter::model::{Listing, Place, Reason, SourceKind};
use tempfile::TempDir;

use super::support::as_nobody;
use super::support::rescan::{RecordingSink, Told, Watch};

/// A folder with these files; each holds its own path.
fn tree(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    dir
}

/// A source with these paths relative to the folder, and more lines of its table.
fn watch(dir: &Path, paths: &[&str], more: &str) -> Watch {
    Watch::build(SourceKind::File, dir, &format!("paths = {paths:?}\n{more}")).unwrap()
}

/// What one scan tells, with places relative to the folder.
fn scan(dir: &Path, paths: &[&str]) -> Told {
    relative(dir, watch(dir, paths, "").scan())
}

fn relative(dir: &Path, mut told: Told) -> Told {
    let prefix = format!("{}/", dir.display());
    let strip = |place: String| place.strip_prefix(&prefix).map_or(place.clone(), str::to_owned);
    told.places = told.places.into_iter().map(|(place, outcome)| (strip(place), outcome)).collect();
    told.passphrases = told.passphrases.into_iter().map(|(place, secrets)| (strip(place), secrets)).collect();
    told.unchanged = told.unchanged.into_iter().map(strip).collect();
    told
}

#[test]
fn patterns_find_files() {
    let dir = tree(&[
        "a.pem",
        "b.crt",
        "c.key",
        ".hidden.pem",
        "sub/d.pem",
        "sub/deep/e.CER",
        "sub/deep/f.pem",
        ".dot/g.pem",
        "..2024_01/h.pem",
        "sub/i.txt",
    ]);
    for (paths, found) in [
        (&["*.pem"][..], &["a.pem"][..]),
        (&["*.{pem,crt}"], &["a.pem", "b.crt"]),
        (&["**/*.pem"], &["a.pem", "sub/d.pem", "sub/deep/f.pem"]),
        (&["sub/*/f.pem"], &["sub/deep/f.pem"]),
        (&["{sub/deep,.dot}/*.pem"], &[".dot/g.pem", "sub/deep/f.pem"]),
        (&[".*.pem", "..*/*.pem"], &["..2024_01/h.pem", ".hidden.pem"]),
        (&["?.pem", "[a-b].*"], &["a.pem", "b.crt"]),
        (&["sub"], &["sub/d.pem", "sub/deep/e.CER", "sub/deep/f.pem"]),
        (&["."], &["a.pem", "b.crt", "sub/d.pem", "sub/deep/e.CER", "sub/deep/f.pem"]),
        (&["sub/"], &["sub/d.pem", "sub/deep/e.CER", "sub/deep/f.pem"]),
        (&["c.key", "sub/i.txt"], &["c.key", "sub/i.txt"]),
        (&["sub/../a.pem"], &["sub/../a.pem"]),
        (&["nothing/*.pem", "*/nothing/*.pem", "a.pem/*.pem"], &[]),
        (&["sub", "sub/**", "sub/d.pem", "**/d.pem", "*/d.pem"], &["sub/d.pem", "sub/deep/e.CER", "sub/deep/f.pem", "sub/i.txt"]),
    ] {
        let told = scan(dir.path(), paths);
        assert_eq!(told.found(), found, "{paths:?}");
        assert_eq!(told.failed(), [], "{paths:?}");
        assert_eq!(told.repeated, [""; 0], "{paths:?}");
        for (place, outcome) in &told.places {
            let own = if place == "sub/../a.pem" { "a.pem" } else { place };
            assert_eq!(outcome.as_ref().unwrap(), own.as_bytes(), "{paths:?}");
        }
    }
}

#[test]
fn excludes_take_files_and_folders_out() {
    let dir = tree(&["a.pem", "b.pem", "old/c.pem", "sub/old/d.pem", "sub/e.pem"]);
    for (exclude, found) in [
        ("a.pem", &["b.pem", "old/c.pem", "sub/e.pem", "sub/old/d.pem"][..]),
        ("**/old", &["a.pem", "b.pem", "sub/e.pem"]),
        ("old/**", &["a.pem", "b.pem", "sub/e.pem", "sub/old/d.pem"]),
        ("**/*.pem", &[]),
    ] {
        let mut watch = watch(dir.path(), &["**/*.pem", "a.pem"], &format!("exclude = [{exclude:?}]"));
        assert_eq!(relative(dir.path(), watch.scan()).found(), found, "{exclude}");
    }
}

#[test]
fn what_is_written_literally_must_be_there() {
    let dir = tree(&["a.pem"]);
    let at = |name: &str| dir.path().join(name);
    symlink("nowhere", at("dangling.pem")).unwrap();
    symlink("round.pem", at("round.pem")).unwrap();
    let _socket = UnixListener::bind(at("socket.pem")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo.pem"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for (path, reason) in [
        ("missing.pem", Reason::NotFound),
        ("missing/folder/x.pem", Reason::NotFound),
        ("a.pem/x.pem", Reason::NotFound),
        ("dangling.pem", Reason::BrokenSymlink),
        ("dangling.pem/x.pem", Reason::BrokenSymlink),
        ("round.pem", Reason::BrokenSymlink),
        ("socket.pem", Reason::ReadFailed),
        ("fifo.pem", Reason::ReadFailed),
        ("/dev/null", Reason::ReadFailed),
    ] {
        let told = scan(dir.path(), &[path]);
        assert_eq!(told.failed(), [(path, reason)], "{path}");
        assert_eq!(told.found(), [""; 0], "{path}");
    }
    assert!(scan(dir.path(), &["fifo.pem"]).details.values().all(|detail| detail.ends_with("is a FIFO, not a file")));
    // A glob passes over what is no file, without waiting for the FIFO's other end; a link that leads nowhere was meant to be a file.
    let told = scan(dir.path(), &["*.pem"]);
    assert_eq!(told.found(), ["a.pem"]);
    assert_eq!(told.failed(), [("dangling.pem", Reason::BrokenSymlink), ("round.pem", Reason::BrokenSymlink)]);
}

#[test]
fn links_are_followed_and_named_as_matched() {
    let dir = tree(&["real/a.pem", "real/sub/b.pem"]);
    let at = |name: &str| dir.path().join(name);
    symlink("real", at("link")).unwrap();
    symlink("real/a.pem", at("c.pem")).unwrap();
    assert_eq!(scan(dir.path(), &["link/*.pem", "*.pem"]).found(), ["c.pem", "link/a.pem"]);
    assert_eq!(scan(dir.path(), &["link"]).found(), ["link/a.pem", "link/sub/b.pem"]);
    assert_eq!(scan(dir.path(), &["**/*.pem"]).found(), ["c.pem", "link/a.pem", "link/sub/b.pem", "real/a.pem", "real/sub/b.pem"]);
}

#[test]
fn cycles_of_links_end() {
    let dir = tree(&["a/x.pem", "a/b/y.pem"]);
    let at = |name: &str| dir.path().join(name);
    symlink(".", at("a/self")).unwrap();
    symlink("..", at("a/b/up")).unwrap();
    symlink(dir.path(), at("a/b/top")).unwrap();
    let told = scan(dir.path(), &["**/*.pem"]);
    assert!(told.found().starts_with(&["a/b/y.pem"]) && told.found().contains(&"a/x.pem"), "{:?}", told.found());
    assert_eq!(told.failed(), []);
    // Two wildcards over the same circle end too, and a spelt-out way through it does not count as one.
    assert!(scan(dir.path(), &["**/self/**/*.pem"]).found().contains(&"a/self/x.pem"));
    assert_eq!(scan(dir.path(), &["a/self/self/b/../*.pem"]).found(), ["a/self/self/b/../x.pem"]);
}

#[test]
fn folders_that_link_to_one_another_are_not_walked_in_every_order() {
    let names: Vec<String> = (0..9).map(|n| format!("f{n}")).collect();
    let dir = tree(&["f0/x.pem"]);
    for name in &names {
        std::fs::create_dir_all(dir.path().join(name)).unwrap();
        for other in names.iter().filter(|other| *other != name) {
            symlink(format!("../{other}"), dir.path().join(name).join(other)).unwrap();
        }
    }
    // Without a bound there are more than a hundred thousand paths to the one file.
    let told = scan(dir.path(), &["**/*.pem"]);
    assert!(told.found().contains(&"f0/x.pem") && told.found().len() <= 101, "{}", told.found().len());
    assert!(told.failed().iter().all(|(_, reason)| *reason == Reason::WalkError) && !told.failed().is_empty());
}

#[test]
fn a_rotated_data_link_is_seen() {
    // As Kubernetes mounts a Secret: tls.crt -> ..data/tls.crt, ..data -> ..2024_01, swapped by rename.
    let dir = tree(&["..2024_01/tls.crt"]);
    let at = |name: &str| dir.path().join(name);
    symlink("..2024_01", at("..data")).unwrap();
    symlink("..data/tls.crt", at("tls.crt")).unwrap();
    let mut watch = watch(dir.path(), &["**/*.crt"], "");
    assert_eq!(relative(dir.path(), watch.scan()).found(), ["tls.crt"]);
    assert_eq!(relative(dir.path(), watch.scan()).unchanged, ["tls.crt"]);
    fs::create_dir(at("..2024_02")).unwrap();
    fs::write(at("..2024_02/tls.crt"), "renewed").unwrap();
    symlink("..2024_02", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    fs::remove_dir_all(at("..2024_01")).unwrap();
    assert_eq!(relative(dir.path(), watch.scan()).places["tls.crt"], Ok(b"renewed".to_vec()));
}

#[test]
fn only_what_changed_is_read_again() {
    type Change = fn(&Path);
    let changes: &[(&str, Change)] = &[
        ("rewritten in place behind a link", |dir| fs::write(dir.join("real/a"), "new").unwrap()),
        ("rewritten to the same size", |dir| fs::write(dir.join("real/a"), "REAL/A").unwrap()),
        ("renamed over", |dir| {
            fs::write(dir.join("tmp"), "new").unwrap();
            fs::rename(dir.join("tmp"), dir.join("real/a")).unwrap();
        }),
        ("renamed over with the size and time of the old one", |dir| {
            let time = fs::metadata(dir.join("real/a")).unwrap().modified().unwrap();
            fs::write(dir.join("tmp"), "REAL/A").unwrap();
            fs::File::open(dir.join("tmp")).unwrap().set_modified(time).unwrap();
            fs::rename(dir.join("tmp"), dir.join("real/a")).unwrap();
        }),
        ("the link turned", |dir| {
            fs::remove_file(dir.join("a.pem")).unwrap();
            symlink("real/b", dir.join("a.pem")).unwrap();
        }),
    ];
    for (what, change) in changes {
        let dir = tree(&["real/a", "real/b", "other.pem"]);
        symlink("real/a", dir.path().join("a.pem")).unwrap();
        let mut watch = watch(dir.path(), &["*.pem"], "");
        assert_eq!(relative(dir.path(), watch.scan()).found(), ["a.pem", "other.pem"], "{what}");
        assert_eq!(relative(dir.path(), watch.scan()).unchanged, ["a.pem", "other.pem"], "{what}");
        // Beyond one tick of the clock that stamps files.
        std::thread::sleep(Duration::from_millis(20));
        change(dir.path());
        let told = relative(dir.path(), watch.scan());
        assert_eq!((told.found(), &*told.unchanged), (vec!["a.pem"], &["other.pem".to_owned()][..]), "{what}");
    }
}

#[test]
fn a_file_written_moments_ago_is_read_again() {
    let dir = tree(&["a.pem"]);
    let mut watch = watch(dir.path(), &["*.pem"], "");
    for (ahead, again) in [(0, true), (1, true), (5, false)] {
        watch.known.clear();
        watch.ahead = Duration::from_secs(ahead);
        watch.scan();
        let told = watch.scan();
        assert_eq!(told.places.len(), usize::from(again), "{ahead} s after it was written");
    }
}

#[test]
fn what_is_gone_is_not_told_of() {
    let dir = tree(&["a.pem", "b.pem"]);
    let mut watch = watch(dir.path(), &["*.pem"], "");
    watch.scan();
    fs::remove_file(dir.path().join("a.pem")).unwrap();
    let told = relative(dir.path(), watch.scan());
    assert_eq!((told.places.len(), &*told.unchanged), (0, &["b.pem".to_owned()][..]));
}

#[test]
fn files_have_a_limit_and_empty_ones_are_handed_over() {
    let dir = tree(&[]);
    let at = |name: &str| dir.path().join(name);
    fs::write(at("empty.pem"), "").unwrap();
    fs::write(at("fits.pem"), [b'x'; 1024]).unwrap();
    fs::write(at("large.pem"), [b'x'; 1025]).unwrap();
    // Larger than memory: refused by its size, not by reading it.
    fs::File::create(at("huge.pem")).unwrap().set_len(1 << 40).unwrap();
    let told = relative(dir.path(), watch(dir.path(), &["*.pem"], "max_size = \"1KiB\"").scan());
    assert_eq!(told.found(), ["empty.pem", "fits.pem"]);
    assert_eq!(told.failed(), [("huge.pem", Reason::TooLarge), ("large.pem", Reason::TooLarge)]);
    assert_eq!(told.places["empty.pem"], Ok(Vec::new()));
}

#[test]
fn names_that_are_not_utf8_are_escaped() {
    let dir = tree(&["plain\\name.pem"]);
    for name in [&b"b\xFFad.pem"[..], b"b\\\xC3.pem"] {
        fs::write(dir.path().join(OsStr::from_bytes(name)), "x").unwrap();
    }
    assert_eq!(scan(dir.path(), &["*.pem"]).found(), ["b\\\\\\xC3.pem", "b\\xFFad.pem", "plain\\name.pem"]);
}

#[test]
fn a_folder_that_cannot_be_listed_keeps_what_is_known_below() {
    let dir = tree(&["open/a.pem", "shut/b.pem", "shut/sub/c.pem", "shut/d.pem", "shutter/e.pem"]);
    let permit = |name: &str, mode| fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    permit("", 0o755);
    let mut watch = watch(dir.path(), &["*/*.pem", "shut/sub/*.pem", "shut/d.pem"], "");
    as_nobody(|| watch.scan());
    let all = watch.known.clone();
    assert_eq!(all.len(), 5);

    // Neither to list nor to pass through: everything below fails with its folder, the rest is seen.
    permit("shut", 0o000);
    let told = relative(dir.path(), as_nobody(|| watch.scan()));
    let denied = |names: &[&'static str]| names.iter().map(|name| (*name, Reason::PermissionDenied)).collect::<Vec<_>>();
    assert_eq!(told.failed(), denied(&["shut", "shut/b.pem", "shut/d.pem", "shut/sub", "shut/sub/c.pem"]));
    assert_eq!(told.unchanged, ["open/a.pem", "shutter/e.pem"]);

    // To pass through but not to list: what is spelt out is still reached.
    watch.known = all;
    permit("shut", 0o111);
    let told = relative(dir.path(), as_nobody(|| watch.scan()));
    assert_eq!(told.failed(), denied(&["shut", "shut/b.pem"]));
    assert_eq!(told.unchanged, ["open/a.pem", "shut/d.pem", "shut/sub/c.pem", "shutter/e.pem"]);
    assert_eq!(told.repeated, [""; 0]);

    // Open again: the folder's own place goes.
    permit("shut", 0o755);
    as_nobody(|| watch.scan());
    assert!(!watch.known.contains_key(&Place::file(dir.path().join("shut").to_str().unwrap())));
    assert_eq!(watch.known.len(), 5);
}

#[test]
fn a_file_that_may_not_be_read_fails_alone() {
    let dir = tree(&["a.pem", "b.pem"]);
    for (name, mode) in [("", 0o755), ("b.pem", 0o000)] {
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let told = as_nobody(|| scan(dir.path(), &["*.pem"]));
    assert_eq!((told.found(), told.failed()), (vec!["a.pem"], vec![("b.pem", Reason::PermissionDenied)]));
}

#[test]
fn folders_nest_up_to_a_limit() {
    let dir = tree(&["a.pem"]);
    let mut deep = dir.path().to_owned();
    (0..300).for_each(|_| deep.push("d"));
    fs::create_dir_all(&deep).unwrap();
    let told = scan(dir.path(), &["**/*.pem"]);
    assert_eq!(told.found(), ["a.pem"]);
    assert!(matches!(*told.failed(), [(_, Reason::WalkError)]), "{:?}", told.failed());
}

/// A file for its owner alone.
fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn passphrases_come_from_the_table_a_file_or_the_environment() {
    let dir = tree(&["store.p12"]);
    secret(&dir.path().join("secret"), "from file\r\n");
    let path = std::env::var("PATH").unwrap();
    for (line, expected) in [
        ("", vec!["", "changeit"]),
        ("passphrase = \"given\\n\"", vec!["given\n"]),
        ("passphrase_file = \"secret\"", vec!["from file"]),
        ("passphrase_env = \"PATH\"", vec![&*path]),
    ] {
        let told = relative(dir.path(), watch(dir.path(), &["*.p12"], line).scan());
        assert_eq!(told.passphrases["store.p12"], expected, "{line}");
        assert_eq!(told.errors, [], "{line}");
    }
}

#[test]
fn a_rotated_passphrase_is_tried_on_unchanged_keystores() {
    let dir = tree(&["store.p12"]);
    let file = dir.path().join("secret");
    secret(&file, "one\n");
    let mut watch = watch(dir.path(), &["*.p12"], "passphrase_file = \"secret\"");
    assert_eq!(relative(dir.path(), watch.scan()).passphrases["store.p12"], ["one"]);
    assert_eq!(relative(dir.path(), watch.scan()).unchanged, ["store.p12"]);
    fs::write(&file, "two").unwrap();
    assert_eq!(relative(dir.path(), watch.scan()).passphrases["store.p12"], ["two"]);
    // What everybody may read is not used, and the source says what helps.
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let told = relative(dir.path(), watch.scan());
    assert!(
        matches!(&*told.errors, [(Reason::PermissionDenied, words)] if words.contains("mode 0644") && words.contains("chmod o-r")),
        "{:?}",
        told.errors
    );
    assert_eq!(told.passphrases["store.p12"], [""; 0]);
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    assert_eq!(relative(dir.path(), watch.scan()).passphrases["store.p12"], ["two"]);
    // Unreadable: the source says so, and no passphrase is tried.
    fs::remove_file(&file).unwrap();
    let told = relative(dir.path(), watch.scan());
    assert_eq!(told.errors.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), [Reason::NotFound]);
    assert_eq!(told.passphrases["store.p12"], [""; 0]);
}

#[test]
fn settings_that_contradict_themselves_are_refused_with_their_key() {
    for (table, key) in [
        ("paths = []", "paths"),
        ("paths = [\"/etc/[a\"]", "paths"),
        ("paths = [\"\"]", "paths"),
        ("paths = [\"/a\"]\nexclude = [\"{\"]", "exclude"),
        ("paths = [\"/a\"]\npassphrase = \"x\"\npassphrase_file = \"y\"", "passphrase_file"),
        ("paths = [\"/a\"]\npassphrase_file = \"x\"\npassphrase_env = \"y\"", "passphrase_env"),
    ] {
        let error = Watch::build(SourceKind::File, Path::new("/"), table).err().unwrap();
        assert_eq!(error.key, key, "{table}");
    }
    for table in
        ["", "paths = \"/a\"", "paths = [\"/a\"]\nunknown = 1", "paths = [\"/a\"]\nmax_size = \"16MB\"", "paths = [\"/a\"]\nmax_size = 5"]
    {
        let table = toml::Deserializer::parse(table).unwrap();
        assert!(notafter::source::SourceSettings::parse(SourceKind::File, table).is_err());
    }
}

#[test]
fn a_scan_that_is_given_up_stops_and_is_partial() {
    let names: Vec<String> = (0..1_000).map(|number| format!("{number}.pem")).collect();
    let dir = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let sink = RecordingSink { over: AtomicBool::new(true), ..RecordingSink::default() };
    let (told, listing) = watch(dir.path(), &["*.pem"], "").scan_with(sink);
    assert_eq!(listing.unwrap(), Listing::Partial);
    assert!(told.places.len() < 100, "{}", told.places.len());
}

#[test]
fn bounded_reading_says_why_it_fails() {
    let dir = tree(&["a"]);
    let read = |name: &str, limit| notafter::source::file::read_bounded(&dir.path().join(name), limit).map_err(|failure| failure.reason);
    assert_eq!(read("a", 1), Ok(b"a".to_vec()));
    assert_eq!(read("a", 0), Err(Reason::TooLarge));
    assert_eq!(read("b", 1), Err(Reason::NotFound));
    assert_eq!(read("", 1), Err(Reason::ReadFailed));
}
