//! Golden files of output in which times, keys and places differ at each run.

use std::path::PathBuf;

/// Compares with a file in `tests/integration/exporter/golden`; `UPDATE_GOLDEN=1` writes it instead.
pub fn is_golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/integration/exporter/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if golden != text {
        let gone: Vec<&str> = golden.lines().filter(|line| !text.lines().any(|other| other == *line)).collect();
        let new: Vec<&str> = text.lines().filter(|line| !golden.lines().any(|other| other == *line)).collect();
        panic!("{name} (UPDATE_GOLDEN=1 rewrites it)\nno longer there:\n{}\nnew:\n{}\nall:\n{text}", gone.join("\n"), new.join("\n"));
    }
}

/// A scrape with what differs at each run replaced, and the lines of a family sorted: they lie by the hash of their place.
pub fn steady(text: &str, replaced: &[(String, &str)]) -> String {
    let mut steady = String::new();
    let mut lines: Vec<String> = Vec::new();
    let mut flush = |lines: &mut Vec<String>| {
        lines.sort();
        lines.drain(..).for_each(|line| {
            steady.push_str(&line);
            steady.push('\n');
        });
    };
    for line in text.lines() {
        let line = replaced.iter().fold(line.to_owned(), |line, (what, with)| line.replace(what, with));
        if line.starts_with('#') {
            flush(&mut lines);
            lines.push(line);
            flush(&mut lines);
        } else if !line.contains(",le=\"") || line.contains(",le=\"+Inf\"") {
            // Which bucket a duration falls into is chance; the last one counts all.
            lines.push(sample(&line));
        }
    }
    flush(&mut lines);
    steady
}

fn sample(line: &str) -> String {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let name = series.split('{').next().unwrap();
    let mut series = series.to_owned();
    for label in ["serial_number", "not_after", "fingerprint", "discriminator"] {
        series = masked(&series, label);
    }
    if name == "notafter_build_info" {
        series = masked(&masked(&series, "version"), "revision");
    }
    let differs = ["_not_before", "_not_after", "_this_update", "_next_update", "timestamp_seconds", "_seconds_sum"];
    let differs = name.starts_with("process_") || differs.iter().any(|part| name.ends_with(part));
    let value = if differs { "…" } else { value };
    format!("{series} {value}")
}

fn masked(series: &str, label: &str) -> String {
    let Some(at) = [format!("{{{label}=\""), format!(",{label}=\"")].iter().find_map(|start| Some(series.find(start)? + start.len()))
    else {
        return series.to_owned();
    };
    let end = at + series[at..].find('"').unwrap();
    format!("{}…{}", &series[..at], &series[end..])
}
