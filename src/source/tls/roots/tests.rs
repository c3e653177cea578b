use std::cell::Cell;

use rcgen::{CertificateParams, KeyPair};

use super::*;

/// A certificate whose file holds its DER and nothing else.
fn certificate(name: &str) -> Vec<u8> {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn plain_der(bytes: &[u8]) -> Contents {
    let certificates = if bytes.is_empty() { Vec::new() } else { vec![bytes.to_vec()] };
    Contents { certificates, ..Contents::default() }
}

fn files(folder: &Path, configured: &[&str]) -> Arc<Inner> {
    let configured: Vec<_> = configured.iter().map(|&path| path.to_owned()).collect();
    RootFiles::new(&configured, folder).unwrap().inner
}

#[test]
fn files_are_read_again_when_they_change_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.der");
    std::fs::write(&path, certificate("one")).unwrap();
    let inner = files(folder.path(), &["ca.der"]);
    let reads = Cell::new(0);
    let read = || {
        inner.current(|bytes| {
            reads.set(reads.get() + 1);
            plain_der(bytes)
        })
    };
    let (first, _) = read().unwrap();
    let (same, _) = read().unwrap();
    assert_eq!((reads.get(), Arc::ptr_eq(&first, &same)), (1, true), "unchanged");

    let next = folder.path().join("next");
    std::fs::write(&next, certificate("two")).unwrap();
    std::fs::rename(&next, &path).unwrap();
    let (renamed, _) = read().unwrap();
    assert_eq!(reads.get(), 2, "renamed over");
    assert_ne!(renamed.anchors[0].subject, first.anchors[0].subject);

    std::fs::remove_file(&path).unwrap();
    assert!(read().unwrap_err().contains("ca.der"), "gone");
    std::fs::write(&path, certificate("three")).unwrap();
    assert!(read().is_ok(), "back again");
}

#[test]
fn a_swapped_link_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    for version in ["v1", "v2"] {
        std::fs::create_dir(folder.path().join(version)).unwrap();
        std::fs::write(folder.path().join(version).join("ca.der"), certificate(version)).unwrap();
    }
    let link = |to: &str| {
        std::os::unix::fs::symlink(to, folder.path().join("tmp")).unwrap();
        std::fs::rename(folder.path().join("tmp"), folder.path().join("..data")).unwrap();
    };
    link("v1");
    let inner = files(folder.path(), &["..data/ca.der"]);
    let (before, _) = inner.current(plain_der).unwrap();
    link("v2");
    let (after, _) = inner.current(plain_der).unwrap();
    assert_ne!(before.anchors[0].subject, after.anchors[0].subject);
}

#[test]
fn what_is_missing_leaves_no_anchors_and_what_is_odd_among_good_ones_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good"), certificate("good")).unwrap();
    std::fs::write(folder.path().join("empty"), "").unwrap();
    std::fs::write(folder.path().join("odd"), "no certificate").unwrap();
    for (behaviour, configured, expected) in [
        ("one of two absent", &["good", "absent"][..], "absent: No such file"),
        ("one of two empty", &["good", "empty"], "empty: no certificate in it"),
        ("nothing that can be an anchor", &["odd"], "cannot be a trust anchor"),
        ("a folder", &["."], "not a regular file"),
        ("a device", &["/dev/zero"], "not a regular file"),
    ] {
        let words = files(folder.path(), configured).current(plain_der).unwrap_err();
        assert!(words.contains(expected), "{behaviour}: {words}");
    }

    let with_an_odd_one = |bytes: &[u8]| Contents { certificates: vec![bytes.to_vec(), b"odd".to_vec()], ..Contents::default() };
    let inner = files(folder.path(), &["good"]);
    for round in ["first", "unchanged"] {
        let (roots, problems) = inner.current(with_an_odd_one).unwrap();
        assert_eq!((roots.anchors.len(), problems.len()), (1, 1), "{round}");
    }
}

#[test]
fn a_gigantic_file_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("big")).unwrap();
    file.set_len(FILE_BYTES + 1).unwrap();
    let words = files(folder.path(), &["big"]).current(plain_der).unwrap_err();
    assert!(words.contains("larger than"), "{words}");
}

#[test]
fn relative_paths_start_at_the_configurations_folder() {
    let inner = files(Path::new("/etc/notafter"), &["ca.pem", "/certs/ca.pem", "system"]);
    assert_eq!(inner.paths, [Path::new("/etc/notafter/ca.pem"), Path::new("/certs/ca.pem")]);
    assert!(inner.system);
}
