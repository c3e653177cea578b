use std::time::Duration;

use super::*;
use crate::model::clock::SystemClock;
use crate::model::{Clock, Labels, Sink, Stamp};

#[test]
fn hosts_leave_the_port_of_https_out() {
    for (name, port, expected) in [
        ("a.example", "443", "a.example"),
        ("a.example", "8443", "a.example:8443"),
        ("*", "443", "*"),
        ("*", "unix:/run/a.sock", "*:unix:/run/a.sock"),
        ("a.example", "", "a.example"),
    ] {
        assert_eq!(host_at(name, port), expected);
    }
}

#[test]
fn paths_are_tidied_and_never_resolved() {
    for (folder, path, expected) in [
        ("/etc/nginx", "a.pem", "/etc/nginx/a.pem"),
        ("/etc/nginx", "./ssl//a.pem", "/etc/nginx/ssl/a.pem"),
        ("/etc/nginx", "../a.pem", "/etc/nginx/../a.pem"),
        ("/etc/nginx", "/srv/a.pem", "/srv/a.pem"),
        ("", "./a.pem", "a.pem"),
    ] {
        assert_eq!(path_from(Path::new(folder), Path::new(path)), Path::new(expected));
    }
}

#[test]
fn the_first_users_in_order_are_kept() {
    let mut files = NamedFiles::default();
    for number in (0..100).rev() {
        files.add_use(Path::new("a"), UseKind::NginxCertificate, "f", &format!("{number:03}"));
        files.add_use(Path::new("a"), UseKind::NginxCertificate, "f", &format!("{number:03}"));
    }
    let hosts: Vec<String> = files.iter().flat_map(|(_, users)| users.iter().map(|used| used.host.to_string())).collect();
    assert_eq!(hosts, (0..MOST_USES).map(|number| format!("{number:03}")).collect::<Vec<_>>());
}

#[test]
fn names_and_hosts_are_cut_before_they_are_kept() {
    let mut files = NamedFiles::default();
    let long = format!("a{}", "\u{e9}".repeat(100_000));
    files.add_use(Path::new("a"), UseKind::EnvoyCertificate, &long, &long);
    let lengths: Vec<_> = files.iter().flat_map(|(_, users)| users.iter().map(|used| (used.name.len(), used.host.len()))).collect();
    assert_eq!(lengths, [(LONGEST_NAME - 1, LONGEST_NAME - 1)], "in the middle of no character");
}

#[test]
fn the_first_failure_counts_and_the_others_are_counted() {
    let mut gathered = Gathered::default();
    assert!(gathered.failure().is_none() && gathered.unseen_text().is_none());
    gathered.fail(Reason::NotFound, "a".to_owned());
    assert_eq!(gathered.failure().unwrap().to_string(), "read: not_found: a");
    gathered.fail(Reason::TooLarge, "b".to_owned());
    gathered.fail(Reason::TooLarge, "c".to_owned());
    assert_eq!(gathered.failure().unwrap().to_string(), "read: not_found: a (and 2 more failures)");
    gathered.unseen(|| "x".to_owned());
    gathered.unseen(|| "y".to_owned());
    assert_eq!(gathered.unseen_text().unwrap(), "x (and 1 more such case)");
}

/// Remembers what it is told, and takes every file for unchanged once it has been read.
#[derive(Default)]
struct Memory {
    read: Mutex<BTreeSet<Place>>,
    told: Mutex<Vec<String>>,
    over: bool,
}

impl Memory {
    fn tell(&self, what: &str, place: &Place, circumstances: Option<Arc<Circumstances>>) {
        let users = circumstances.iter().flat_map(|known| known.used_by.iter().map(|used| used.host.to_string())).collect::<Vec<_>>();
        let place = place.to_string();
        self.told.lock().unwrap().push(format!("{what} {} {}", place.rsplit('/').next().unwrap(), users.join(",")));
    }
}

impl Sink for Memory {
    fn observed(&self, observation: Observation) {
        let what = if observation.failure.is_some() { "failed" } else { "read" };
        self.tell(what, &observation.place, observation.circumstances);
        self.read.lock().unwrap().insert(observation.place);
    }

    fn source_error(&self, failure: Failure) {
        self.told.lock().unwrap().push(format!("error {}", failure.detail));
    }

    fn is_unchanged(&self, place: &Place, _: Stamp) -> bool {
        self.read.lock().unwrap().contains(place)
    }

    fn each_known(&self, _: &mut dyn FnMut(&Place)) {}

    fn described(&self, place: &Place, _: Option<Arc<Labels>>, circumstances: Option<Arc<Circumstances>>) {
        self.tell("described", place, circumstances);
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

#[test]
fn users_follow_the_configuration_and_outlast_one_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::write(dir.path().join(name), name).unwrap();
    }
    let lookout = Lookout::new(default_max_size());
    let memory = Arc::new(Memory::default());
    let scan = |lookout: &Lookout, memory: &Arc<Memory>, uses: &[(&str, &str)], is_broken: bool| {
        let mut gathered = Gathered::default();
        for (file, host) in uses {
            gathered.files.add_use(&dir.path().join(file), UseKind::NginxCertificate, "f", host);
        }
        if is_broken {
            gathered.fail(Reason::DecodeFailed, "line 1".to_owned());
        }
        let clock = Arc::new(SystemClock::new());
        let started_at = clock.now();
        let cx = ScanContext { sink: Arc::clone(memory) as Arc<dyn Sink>, clock, started_at, timeout: Duration::from_secs(1) };
        let listing = lookout.scan(&cx, gathered).map_err(|failure| failure.reason);
        (listing, std::mem::take(&mut *memory.told.lock().unwrap()))
    };
    for (what, uses, is_broken, expected) in [
        ("the first look reads", &[("a", "x"), ("b", "y")][..], false, &["read a x", "read b y"][..]),
        ("an unchanged file is only described", &[("a", "x"), ("a", "z"), ("b", "y")], false, &["described a x,z", "described b y"]),
        ("users of before stay while a part is unknown", &[("a", "w")], true, &["described a w,x,z", "described b y"]),
        ("and what they had said is not forgotten by that", &[], true, &["described a x,z", "described b y"]),
        ("until all is known again", &[("b", "y")], false, &["described b y"]),
        ("one that is missing fails alone", &[("b", "y"), ("c", "v")], false, &["described b y", "failed c v"]),
    ] {
        let (listing, told) = scan(&lookout, &memory, uses, is_broken);
        assert_eq!(told, expected, "{what}");
        assert_eq!(listing, if is_broken { Err(Reason::DecodeFailed) } else { Ok(Listing::Complete) }, "{what}");
    }
    let (_, told) = scan(&Lookout::new(default_max_size()), &memory, &[("a", "w")], true);
    assert_eq!(told, [""; 0], "after a restart nobody knows the other users, so those that are known stay");
    let given_up = Arc::new(Memory { over: true, ..Memory::default() });
    assert_eq!(scan(&lookout, &given_up, &[], false), (Ok(Listing::Partial), Vec::new()));
    let (_, told) = scan(&lookout, &memory, &[], true);
    assert_eq!(told, ["described b y", "failed c v"], "a scan that was given up is not the last good one");
}
