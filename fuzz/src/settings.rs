//! What users write: the configuration, and the small languages in it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use notafter::config::{self, ConfigError, Origin};
use notafter::engine::schedule::Schedule;
use notafter::model::rules::{DnsPattern, Pattern, Subtree};
use notafter::model::{ByteSize, HumanDuration};
use notafter::net::{Mirrors, Network, Proxy};
use notafter::source::kubernetes::replay::selector;
use notafter::source::{file, tls};

/// A configuration: either what is wrong with it is told with file and line, or what was understood reads back to the same.
pub(super) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let origin = || Origin::File(Path::new("/etc/notafter.d/fuzz.toml").to_owned());
    match config::load_str(text, origin()) {
        Err(error) => told(error, text, "/etc/notafter.d/fuzz.toml"),
        Ok(config) => {
            let shown = config::show(&config);
            let again = config::load_str(&shown, origin()).unwrap_or_else(|error| panic!("{error}\n{shown}"));
            assert_eq!(config::show(&again), shown);
            // Secrets are masked: all that does not read back.
            if !text.contains("pass") && !text.contains('@') && !text.contains('\\') {
                assert_eq!(again, config);
            }
        }
    }
}

/// What is wrong is told with a line that the text has.
fn told(error: ConfigError, text: &str, file: &str) {
    let ConfigError::Invalid { problems, .. } = error else { panic!("{error}") };
    let lines = text.matches('\n').count() + 1;
    assert!(!problems.is_empty() && problems.len() <= 20);
    for problem in &problems {
        let words = problem.to_string();
        assert!((1..=lines).contains(&problem.line) && problem.column >= 1 && !problem.message.is_empty(), "{words}");
        assert!(words.starts_with(&format!("{file}:{}:{}: ", problem.line, problem.column)), "{words}");
    }
}

/// A web configuration, in YAML: told what is wrong with it, or shown as comments in which no value breaks a line.
pub(super) fn web(bytes: &[u8]) {
    const FILE: &str = "/etc/notafter.d/fuzz-web.yml";
    match config::web::parse(bytes, Path::new(FILE)) {
        Err(error) => told(error, &String::from_utf8_lossy(bytes), FILE),
        Ok(settings) => {
            assert!(!bytes.is_empty());
            assert!(config::web::show(&settings).lines().all(|line| line.starts_with("# ")));
        }
    }
}

/// A schedule behind eight bytes of time: whatever can be parsed fires later than then, within its longest wait.
pub(super) fn schedule(bytes: &[u8]) {
    let Some((time, text)) = bytes.split_first_chunk::<8>() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(schedule) = Schedule::parse(text) else { return };
    assert_eq!(Schedule::parse(&schedule.to_string()).as_ref(), Ok(&schedule));
    // From 1970 to about 2106, and its nanoseconds.
    let [a, b, c, d, nanos @ ..] = *time;
    let at = SystemTime::UNIX_EPOCH + Duration::new(u32::from_le_bytes([a, b, c, d]).into(), u32::from_le_bytes(nanos) % 1_000_000_000);
    let next = schedule.next(at);
    assert!(next > at, "{text:?} fires at {next:?}, which is not later than {at:?}");
    assert!(next <= at + Duration::from_secs(9 * 366 * 86_400), "{text:?} waits from {at:?} to {next:?}");
    assert!(schedule.next(next) > next);
    let period = schedule.period(at);
    assert!(period > Duration::ZERO);
    let splay = schedule.splay(text, at);
    assert!(splay <= period / 10 && splay <= Duration::from_secs(30));
    assert!(schedule.fires_between(at, next) <= 1);
}

/// Patterns of paths, one a line, those to be left out behind `!`; the last line is the path.
pub(super) fn patterns(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines: Vec<&str> = text.split('\n').collect();
    let path = lines.pop().unwrap_or_default();
    let (exclude, paths): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with('!'));
    let owned = |lines: Vec<&str>| -> Vec<String> { lines.into_iter().map(|line| line.trim_start_matches('!').to_owned()).collect() };
    let (paths, exclude) = (owned(paths), owned(exclude));
    let found = file::fits(&paths, &exclude, path);
    let plain = format!("/{}", path.split('/').filter(|name| !matches!(*name, "" | ".")).collect::<Vec<_>>().join("/"));
    if plain.len() > 1 && plain.len() < 1000 && !plain.contains('\0') && !plain.contains("//") {
        let itself = [file::escape(&plain)];
        assert_eq!(file::fits(&itself, &[], &plain), Ok(true), "a path stands for itself: {plain:?}");
        assert_eq!(file::fits(&itself, &itself, &plain), Ok(false), "what is left out is out: {plain:?}");
        if found == Ok(true) {
            let more: Vec<String> = exclude.iter().cloned().chain(itself).collect();
            assert_ne!(file::fits(&paths, &more, path), Ok(true));
        }
    }
}

/// Every small language: the first line is what is written, the second what it is held against. What is shown reads back to the same.
pub(super) fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (written, other) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(pattern) = Pattern::new(written) {
        assert!(pattern.as_str() == written && (!pattern.fits(other) || fits(written.as_bytes(), other.as_bytes())));
        if written.len() * other.len() < 4096 {
            assert_eq!(pattern.fits(other), fits(written.as_bytes(), other.as_bytes()), "{written:?} {other:?}");
        }
    }
    if let Ok(pattern) = Pattern::ignoring_case(written) {
        assert_eq!(pattern.fits(other), pattern.fits(&other.to_ascii_uppercase()));
    }
    if let Ok(pattern) = DnsPattern::new(written) {
        assert!(!pattern.fits(""));
        let _ = pattern.fits(other);
    }
    if let Ok(subtree) = Subtree::written(written) {
        assert_eq!(Subtree::written(&subtree.to_string()), Ok(subtree.clone()));
        assert!(subtree.is_within(&subtree));
        if let Ok(other) = Subtree::written(other) {
            assert!(!subtree.is_within(&other) || subtree.is_like(&other));
        }
    }
    if let Ok(duration) = written.parse::<HumanDuration>() {
        assert_eq!(duration.to_string().parse::<HumanDuration>(), Ok(duration));
    }
    if let Ok(size) = written.parse::<ByteSize>() {
        assert_eq!(size.to_string().parse::<ByteSize>(), Ok(size));
    }
    if let Ok(network) = written.parse::<Network>() {
        assert_eq!(network.to_string().parse::<Network>().ok(), Some(network));
        if let Ok(address) = other.parse() {
            let _ = network.contains(address);
        }
    }
    if let Ok(mirrors) = Mirrors::new([(written.to_owned(), "http://mirror.example/".to_owned())]) {
        let mirrored = mirrors.apply(other);
        assert!(mirrored == other || mirrored.starts_with("http://mirror.example/"));
    }
    if let Ok(proxy) = Proxy::parse(written) {
        assert!(proxy.port() > 0 && !proxy.host().is_empty());
        assert!(Proxy::parse(&proxy.to_string()).is_ok());
    }
    if let Ok(authority) = tls::authority(written, 443) {
        assert_eq!(tls::authority(&authority, 443), Ok(authority.clone()));
    }
    if let Ok(selector_text) = selector(written) {
        assert_eq!(selector(&selector_text), Ok(selector_text.clone()));
    }
    let _ = notafter::model::user_labels::check_name(written);
}

/// The plainest way to match `*`: every length of every run is tried.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    // Row by row, so that many stars take no longer.
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    for byte in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match byte {
                b'*' => row[at] || at > 0 && next[at - 1],
                byte => at > 0 && row[at - 1] && text[at - 1] == *byte,
            };
        }
        row = next;
    }
    row[text.len()]
}
