//! Every row of the threat model names its test, and the tests exist.

use std::collections::BTreeSet;
use std::path::Path;

/// The functions of all sources, each behind its file: `tests/integration/exporter/hostile.rs` has `exporter::hostile::…`.
fn functions() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for (folder, ending) in [("src", "rs"), ("tests/integration", "rs"), ("tests", "py"), ("demo", "py"), ("alerts/tests", "py")] {
        collect(&root.join(folder), &root.join(folder), ending, &mut found);
    }
    found
}

fn collect(root: &Path, folder: &Path, ending: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "node_modules") {
                collect(root, &path, ending, found);
            }
        } else if path.extension().is_some_and(|found| found == ending) {
            let within = path.strip_prefix(root).unwrap().with_extension("");
            let module = within.to_string_lossy().replace('/', "::");
            let module = module.trim_end_matches("::mod");
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines() {
                let name = ["fn ", "async fn ", "def ", "pub fn "].iter().find_map(|word| line.trim_start().strip_prefix(word));
                let Some(name) = name.and_then(|rest| rest.split(['(', '<']).next()) else { continue };
                found.insert(format!("{module}::{name}"));
                // Tests at the end of a file.
                found.insert(format!("{module}::tests::{name}"));
            }
        }
    }
}

#[test]
fn every_row_names_tests_that_exist() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/THREAT-MODEL.md")).unwrap();
    let (functions, mut in_table, mut rows, mut faults) = (functions(), false, 0, Vec::new());
    for line in page.lines() {
        if !line.starts_with('|') {
            in_table = false;
        } else if line.ends_with("| held by | tests |") {
            in_table = true;
        } else if in_table && !line.starts_with("|---") {
            rows += 1;
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            let named: Vec<&str> = cells.last().unwrap().split('`').skip(1).step_by(2).collect();
            let elsewhere = cells.last().unwrap().contains(".md)");
            if named.is_empty() && !elsewhere {
                faults.push(format!("no test: {}", cells[0]));
            }
            faults.extend(named.iter().filter(|name| !functions.contains(**name)).map(|name| format!("{name} is no function")));
        }
    }
    assert!(rows >= 25, "{rows} rows");
    assert!(faults.is_empty(), "{faults:#?}");
}
