#![allow(clippy::disallowed_methods, reason = "what is read here was written here")]

use std::borrow::Cow;
use std::io::{Read, Write};
use std::path::PathBuf;

use super::log::{CrlRecord, Ending, Record};
use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const LIMITS: CacheLimits = CacheLimits { disk: 1 << 20, memory: 1 << 20 };

fn open(path: &Path) -> Cache {
    Cache::open(Some(path), LIMITS)
}

fn validators(etag: &str) -> Validators {
    Validators { etag: Some(etag.into()), last_modified: None }
}

fn keep(cache: &Cache, url: &str, body: &[u8]) -> Result<(), CacheError> {
    keep_at(cache, url, body, NOW)
}

fn keep_at(cache: &Cache, url: &str, body: &[u8], at: UnixTime) -> Result<(), CacheError> {
    let mut incoming = cache.incoming();
    for piece in body.chunks(7) {
        incoming.write(piece)?;
    }
    cache.keep_crl(incoming, url, validators(&format!("\"{}\"", body.len())), at, Some(at))
}

fn body(cache: &Cache, url: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    cache.crl_body(url).unwrap()?.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

fn document(n: u8, size: usize) -> Document<'static> {
    Document {
        kind: if n.is_multiple_of(2) { DocumentKind::Ocsp } else { DocumentKind::Issuer },
        key: [n; 32],
        url: Cow::Owned(format!("http://ocsp{n}.example/")),
        validators: Validators::default(),
        fetched_at: UnixTime::from_secs(NOW.secs() + i64::from(n)),
        fresh_until: None,
        body: Cow::Owned(vec![n; size]),
    }
}

fn all(cache: &Cache) -> Vec<Document<'static>> {
    let mut found = Vec::new();
    cache.documents(&mut |document| found.push(document)).unwrap();
    found.sort_by_key(|document| document.key);
    found
}

fn files(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_home_keeps_replaces_confirms_and_forgets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let (disk, memory) = (open(&path), Cache::memory(LIMITS));
    let read_only = open(&path);
    assert_eq!((disk.home(), memory.home(), read_only.home()), (Home::Disk, Home::Memory, Home::ReadOnly));
    for cache in [&disk, &memory, &read_only] {
        assert_eq!((cache.crl("http://a/"), body(cache, "http://a/")), (None, None));
        assert!(!cache.confirm_crl("http://a/", &validators("x"), NOW, None).unwrap());
        keep(cache, "http://a/", b"first").unwrap();
        keep(cache, "http://a/", b"second").unwrap();
        keep(cache, "http://b/", b"").unwrap();
        assert_eq!(body(cache, "http://a/").as_deref(), Some(&b"second"[..]));
        assert_eq!(body(cache, "http://b/").as_deref(), Some(&b""[..]));
        assert_eq!(cache.crl("http://a/").unwrap().validators, validators("\"6\""));
        let later = NOW.plus(std::time::Duration::from_secs(60));
        assert!(cache.confirm_crl("http://a/", &Validators::default(), later, None).unwrap());
        let confirmed = cache.crl("http://a/").unwrap();
        assert_eq!((confirmed.validators, confirmed.fetched_at, confirmed.fresh_until), (validators("\"6\""), later, None));
        assert_eq!(body(cache, "http://a/").as_deref(), Some(&b"second"[..]));
        cache.forget_crl("http://b/").unwrap();
        assert_eq!(cache.crls().len(), 1);

        assert_eq!(cache.document(&[1; 32]).unwrap(), None);
        cache.keep_documents(&[document(1, 100), document(2, 200), document(1, 300)]).unwrap();
        assert_eq!(cache.document(&[1; 32]).unwrap(), Some(document(1, 300)));
        cache.forget_documents(&[[2; 32], [9; 32]]).unwrap();
        assert_eq!(all(cache), [document(1, 300)]);
    }
}

#[test]
fn a_restart_finds_everything_and_leaves_nothing_over() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    assert_eq!(cache.notice(), None);
    keep(&cache, "http://a/", b"old").unwrap();
    keep(&cache, "http://a/", b"new!").unwrap();
    keep(&cache, "http://gone/", b"gone").unwrap();
    cache.forget_crl("http://gone/").unwrap();
    cache.keep_documents(&[document(1, 10), document(2, 20)]).unwrap();
    cache.forget_documents(&[[2; 32]]).unwrap();
    let (crls, held) = (cache.crls(), cache.bytes());
    drop(cache);
    // A body that no record names, as a process killed in between leaves it, and one that never ended.
    std::fs::write(folder.path().join("crl-00000000000000ff"), b"orphan").unwrap();
    std::fs::write(folder.path().join("crl-00000000000000fe.new"), b"half").unwrap();
    std::fs::write(folder.path().join("somebody else's"), b"x").unwrap();

    let cache = open(folder.path());
    assert_eq!(cache.notice(), None);
    assert_eq!((cache.crls(), cache.bytes()), (crls, held));
    assert_eq!(body(&cache, "http://a/").as_deref(), Some(&b"new!"[..]));
    assert_eq!(all(&cache), [document(1, 10)]);
    let bodies = files(folder.path()).into_iter().filter(|name| name.starts_with("crl-")).count();
    assert_eq!(bodies, 1, "{:?}", files(folder.path()));
    assert!(folder.path().join("somebody else's").exists());
    // The next body takes no name that was ever used.
    keep(&cache, "http://b/", b"b").unwrap();
    assert!(folder.path().join("crl-0000000000000100").exists(), "{:?}", files(folder.path()));
}

#[test]
fn a_second_process_reads_and_writes_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    keep(&first, "http://a/", b"first").unwrap();
    first.keep_documents(&[document(1, 10)]).unwrap();
    let before: Vec<_> = files(folder.path()).into_iter().map(|name| std::fs::read(folder.path().join(name)).unwrap()).collect();

    let second = open(folder.path());
    assert!(second.notice().unwrap().contains("another process uses this folder"), "{:?}", second.notice());
    assert_eq!(body(&second, "http://a/").as_deref(), Some(&b"first"[..]));
    assert_eq!(all(&second), [document(1, 10)]);
    keep(&second, "http://a/", b"second").unwrap();
    keep(&second, "http://b/", b"b").unwrap();
    second.forget_crl("http://b/").unwrap();
    second.keep_documents(&[document(1, 20), document(3, 30)]).unwrap();
    second.forget_documents(&[[1; 32]]).unwrap();
    assert_eq!(body(&second, "http://a/").as_deref(), Some(&b"second"[..]));
    assert_eq!(all(&second), [document(3, 30)]);
    drop(second.incoming());
    let after: Vec<_> = files(folder.path()).into_iter().map(|name| std::fs::read(folder.path().join(name)).unwrap()).collect();
    assert_eq!(before, after);

    // What the first one does meanwhile disturbs no reader: a list that is gone is none.
    let third = open(folder.path());
    let mut opened = third.crl_body("http://a/").unwrap().unwrap();
    first.forget_crl("http://a/").unwrap();
    let mut bytes = Vec::new();
    opened.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"first");
    assert_eq!(body(&third, "http://a/"), None);
}

#[test]
fn without_a_usable_folder_it_is_memory_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    let cache = open(&file.join("cache"));
    assert_eq!(cache.home(), Home::Memory);
    assert!(cache.notice().unwrap().ends_with("what is fetched will not outlast this process"), "{:?}", cache.notice());
    keep(&cache, "http://a/", b"a").unwrap();
    assert_eq!(body(&cache, "http://a/").as_deref(), Some(&b"a"[..]));
}

#[test]
fn a_log_of_another_version_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), b"notafter cache, layout 0\nrubbish").unwrap();
    let cache = open(folder.path());
    assert_eq!(cache.home(), Home::Disk);
    assert!(cache.notice().unwrap().contains("another version"), "{:?}", cache.notice());
    keep(&cache, "http://a/", b"a").unwrap();
    drop(cache);
    assert_eq!(body(&open(folder.path()), "http://a/").as_deref(), Some(&b"a"[..]));
}

#[test]
fn room_is_made_of_what_nobody_uses_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let limits = CacheLimits { disk: 10_000, memory: 10_000 };
    for cache in [Cache::open(Some(folder.path()), limits), Cache::memory(limits)] {
        for n in 0..9u8 {
            keep_at(&cache, &format!("http://{n}/"), &[n; 900], UnixTime::from_secs(i64::from(n))).unwrap();
        }
        cache.mark(&|url| url == "http://0/" || url == "http://8/", &|_| false);
        keep(&cache, "http://new/", &[0xff; 2000]).unwrap();
        let urls: Vec<_> = cache.crls().into_iter().map(|crl| crl.url).collect();
        assert!(cache.bytes() <= 10_000, "{}", cache.bytes());
        assert!(["http://0/", "http://8/", "http://new/"].iter().all(|url| urls.iter().any(|known| **known == **url)), "{urls:?}");
        assert!(!urls.iter().any(|url| &**url == "http://1/"), "the oldest unused one goes first: {urls:?}");
        assert!(urls.iter().any(|url| &**url == "http://7/"), "no more goes than must: {urls:?}");

        cache.mark(&|_| true, &|_| true);
        let before = cache.crls();
        let error = keep(&cache, "http://more/", &[1; 9000]).unwrap_err();
        assert!(matches!(error, CacheError::Full { limit: 10_000 }), "{error}");
        assert!(matches!(cache.keep_documents(&[document(1, 9000)]), Err(CacheError::Full { .. })));
        assert_eq!(cache.crls(), before, "what is in use stays");
        // What replaces itself needs no room of its own.
        keep(&cache, "http://new/", &[0xfe; 2000]).unwrap();
        assert_eq!(body(&cache, "http://new/"), Some(vec![0xfe; 2000]));
        cache.mark(&|_| true, &|_| false);
    }
    let bodies = files(folder.path()).iter().filter(|name| name.starts_with("crl-")).count();
    let cache = Cache::open(Some(folder.path()), limits);
    assert_eq!(bodies, cache.crls().len(), "evicted bodies leave the disk");
    assert!(!cache.crls().iter().any(|crl| &*crl.url == "http://1/"), "and do not come back");
}

#[test]
fn what_arrives_and_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let before = files(folder.path());
    let mut incoming = cache.incoming();
    incoming.write(b"half a list").unwrap();
    assert_ne!(files(folder.path()), before);
    drop(incoming);
    assert_eq!(files(folder.path()), before);
    let memory = Cache::memory(CacheLimits { memory: 10, ..LIMITS });
    assert!(matches!(memory.incoming().write(&[0; 11]), Err(CacheError::Full { limit: 10 })));
}

#[test]
fn the_log_is_rewritten_when_most_of_it_is_dead() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(Some(folder.path()), CacheLimits { disk: 16 << 20, memory: 0 });
    keep(&cache, "http://a/", b"list").unwrap();
    cache.keep_documents(&[document(7, 70)]).unwrap();
    for round in 0..100u8 {
        let documents: Vec<_> = (0..4).map(|n| Document { body: Cow::Owned(vec![round; 10_000]), ..document(n, 0) }).collect();
        cache.keep_documents(&documents).unwrap();
        cache.confirm_crl("http://a/", &validators(&round.to_string()), NOW, None).unwrap();
    }
    let size = folder.path().join("log").metadata().unwrap().len();
    assert!(size < 2 << 20, "{size} bytes for {} live ones", cache.bytes());
    let (crls, documents, held) = (cache.crls(), all(&cache), cache.bytes());
    assert_eq!(documents.iter().map(|document| document.body.len()).collect::<Vec<_>>(), [10_000, 10_000, 10_000, 10_000, 70]);
    assert!(documents[..4].iter().all(|document| document.body[0] == 99));
    drop(cache);
    let cache = open(folder.path());
    assert_eq!((cache.crls(), all(&cache), cache.bytes()), (crls, documents, held));
    assert_eq!(body(&cache, "http://a/").as_deref(), Some(&b"list"[..]));
}

#[test]
fn a_damaged_body_is_told_and_a_missing_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = |path: &Path| -> PathBuf { path.join(files(path).into_iter().find(|name| name.starts_with("crl-")).unwrap()) };
    let cache = open(folder.path());
    keep(&cache, "http://a/", b"0123456789").unwrap();
    let mut read = Vec::new();
    std::fs::write(file(folder.path()), b"0123456780").unwrap();
    let error = cache.crl_body("http://a/").unwrap().unwrap().read_to_end(&mut read).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    let mut opened = cache.crl_body("http://a/").unwrap().unwrap();
    std::fs::File::options().write(true).open(file(folder.path())).unwrap().set_len(5).unwrap();
    assert_eq!(opened.read_to_end(&mut read).unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(body(&cache, "http://a/"), None, "another size");
    std::fs::remove_file(file(folder.path())).unwrap();
    assert_eq!(body(&cache, "http://a/"), None, "gone");
    drop(cache);
    assert_eq!(open(folder.path()).crls(), []);
}

#[test]
fn things_that_are_no_files_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    keep(&cache, "http://a/", b"").unwrap();
    drop(cache);
    let name = files(folder.path()).into_iter().find(|name| name.starts_with("crl-")).unwrap();
    let path = folder.path().join(name);
    std::fs::remove_file(&path).unwrap();
    // A pipe would be waited at for ever; its size is that of the empty body.
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
    let log = folder.path().join("log");
    let kept = std::fs::read(&log).unwrap();
    assert_eq!(body(&open(folder.path()), "http://a/"), None);
    std::fs::remove_file(&log).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &log, rustix::fs::Mode::RUSR).unwrap();
    assert_eq!(open(folder.path()).crls(), []);
    assert!(log.is_file() && !kept.is_empty());
}

/// A log of every kind of record, and where each record ends.
fn sample() -> (Vec<u8>, Vec<usize>, Vec<Record<'static>>) {
    let crl = CrlRecord {
        url: Cow::Borrowed("http://crl.example/a.crl"),
        id: 42,
        size: 1 << 33,
        crc: 0xdead_beef,
        validators: Validators { etag: Some("\"x\"".into()), last_modified: Some("Sat, 01 Jan 2022 00:00:00 GMT".into()) },
        fetched_at: NOW,
        fresh_until: Some(UnixTime::from_secs(-5)),
    };
    let records = vec![
        Record::Crl(crl),
        Record::Document(document(1, 30)),
        Record::DocumentGone([3; 32]),
        Record::CrlGone(Cow::Borrowed("http://crl.example/b.crl")),
        Record::Document(document(2, 5)),
    ];
    let mut bytes = log::HEADER.to_vec();
    let mut ends = vec![bytes.len()];
    for record in &records {
        log::append(record, &mut bytes).unwrap();
        ends.push(bytes.len());
    }
    (bytes, ends, records)
}

fn read(bytes: &[u8]) -> (Ending, Vec<Record<'static>>) {
    let mut found = Vec::new();
    let ending = log::read(bytes, &mut |record, _| {
        found.push(match record {
            Record::Crl(record) => Record::Crl(CrlRecord { url: Cow::Owned(record.url.into_owned()), ..record }),
            Record::CrlGone(url) => Record::CrlGone(Cow::Owned(url.into_owned())),
            Record::Document(document) => Record::Document(document.into_owned()),
            Record::DocumentGone(key) => Record::DocumentGone(key),
        });
    });
    (ending.unwrap(), found)
}

#[test]
fn a_log_cut_at_any_byte_gives_the_records_before() {
    let (bytes, ends, records) = sample();
    assert_eq!(read(&bytes), (Ending::Whole, records.clone()));
    for cut in 0..bytes.len() {
        let (ending, found) = read(&bytes[..cut]);
        let before = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        assert_eq!(found, records[..before], "cut at {cut}");
        let expected = match cut {
            _ if cut < log::HEADER.len() => Ending::Foreign,
            _ if ends.contains(&cut) => Ending::Whole,
            _ => Ending::Damaged,
        };
        assert_eq!(ending, expected, "cut at {cut}");
    }
}

#[test]
fn flipped_bits_cost_the_record_that_they_are_in_and_are_noticed() {
    let (bytes, ends, records) = sample();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap()
    };
    for round in 0..2000 {
        let bit = random() % (bytes.len() * 8);
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let (ending, found) = read(&bad);
        if bit / 8 < log::HEADER.len() {
            assert_eq!((ending, found.len()), (Ending::Foreign, 0), "round {round}");
            continue;
        }
        let hit = ends.iter().filter(|end| **end <= bit / 8).count() - 1;
        assert_eq!(ending, Ending::Damaged, "round {round}, bit {bit}");
        assert_eq!(found[..hit], records[..hit], "round {round}: the records before");
        assert!(found.iter().all(|record| records.contains(record)), "round {round}: nothing invented");
        let is_in_length = bit / 8 - ends[hit] < 4;
        if !is_in_length {
            assert_eq!(found.len(), records.len() - 1, "round {round}: the records after");
        }
    }
}

#[test]
fn lengths_and_contents_that_lie_are_damage() {
    let framed = |body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [log::HEADER, &length, &crc32fast::hash(body).to_le_bytes(), body].concat()
    };
    for (what, bytes) in [
        ("a length of 4 GiB", [log::HEADER, &[0xff; 8]].concat()),
        ("an empty record", framed(b"")),
        ("an unknown kind", framed(&[9])),
        ("a string longer than the record", framed(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, b'x'])),
        ("a string that is no UTF-8", framed(&[1, 2, 0xff, 0xfe])),
        ("bytes after the record", framed(&[1, 1, b'x', 0])),
    ] {
        assert_eq!(read(&bytes), (Ending::Damaged, vec![]), "{what}");
    }
    let too_large = log::append(&Record::Document(document(1, 1 << 20)), &mut Vec::new());
    assert_eq!(too_large.unwrap_err().kind(), std::io::ErrorKind::FileTooLarge);
}

#[test]
fn a_process_that_starts_on_a_log_cut_at_any_byte_keeps_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    keep(&cache, "http://a/", b"list").unwrap();
    cache.keep_documents(&[document(1, 10)]).unwrap();
    let first = folder.path().join("log").metadata().unwrap().len();
    cache.keep_documents(&[document(2, 10)]).unwrap();
    drop(cache);
    let whole = std::fs::read(folder.path().join("log")).unwrap();
    for cut in usize::try_from(first).unwrap()..whole.len() {
        std::fs::File::create(folder.path().join("log")).unwrap().write_all(&whole[..cut]).unwrap();
        let cache = open(folder.path());
        assert_eq!(all(&cache), [document(1, 10)], "cut at {cut}");
        cache.keep_documents(&[document(3, 10)]).unwrap();
        drop(cache);
        let cache = open(folder.path());
        assert_eq!((cache.notice(), all(&cache)), (None, vec![document(1, 10), document(3, 10)]), "cut at {cut}");
        assert_eq!(body(&cache, "http://a/").as_deref(), Some(&b"list"[..]), "cut at {cut}");
    }
}

#[test]
fn a_folder_that_goes_while_in_use_costs_the_copy_and_stops_no_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let cache = open(&path);
    let mut before = cache.incoming();
    std::fs::remove_dir_all(&path).unwrap();
    let mut after = cache.incoming();
    for incoming in [&mut before, &mut after] {
        // Larger than what is buffered.
        incoming.write(&[7; 100_000]).unwrap();
        incoming.write(&[7; 10]).unwrap();
    }
    for incoming in [before, after] {
        assert!(matches!(cache.keep_crl(incoming, "http://a/", validators("1"), NOW, None), Err(CacheError::Disk(_))));
    }
    assert_eq!(cache.crl("http://a/"), None);
}
