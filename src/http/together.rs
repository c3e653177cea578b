//! The page's part about what the places of all sources say together: what is stored and not served, what hangs on which CA, what is there twice.

use std::fmt::Write;

use crate::model::facts::hex;
use crate::model::{Evidence, SnapshotView, SourceHeader, TargetState};

use super::index::{Escaped, PercentEncoded};

/// More findings, CAs and copies than these are only counted.
const SHOWN: usize = 100;

const FINDINGS: &str = r"<h2>Places that contradict each other</h2>
<table><thead><tr><th>source</th><th>place</th><th>finding</th><th>since</th><th>other place</th><th>detail</th></tr></thead><tbody>
";

const AUTHORITIES: &str = r#"<h2>CA certificates</h2>
<table><thead><tr><th>subject</th><th>ends</th><th>places</th><th>leaves</th><th>of them without a longer path</th></tr></thead><tbody>
"#;

const COPIES: &str = r#"<h2>The same certificate in several places</h2>
<p><a href="api/v1/certificates?min_places=2">all of them with their places (JSON)</a></p>
<table><thead><tr><th>subject</th><th>ends</th><th>places</th></tr></thead><tbody>
"#;

/// Writes it all; nothing where there is nothing to say.
pub fn write(html: &mut String, view: &dyn SnapshotView) {
    write_findings(html, view);
    write_authorities(html, view);
    write_copies(html, view);
}

fn write_findings(html: &mut String, view: &dyn SnapshotView) {
    let mut sources: Vec<&SourceHeader> = Vec::new();
    view.sources(&mut |source, _| sources.push(source));
    let mut found: Vec<(&SourceHeader, &TargetState, &Evidence)> = Vec::new();
    for source in sources {
        view.targets(&source.id, &mut |target| {
            found.extend(target.related.iter().flat_map(|related| &related.evidence).map(|evidence| (source, target, evidence)));
        });
    }
    if found.is_empty() {
        return;
    }
    found.sort_by_key(|(source, target, evidence)| (evidence.since, &source.id, &target.place));
    html.push_str(FINDINGS);
    for (source, target, evidence) in found.iter().take(SHOWN) {
        let other = if evidence.place.is_empty() { String::new() } else { format!("{}: {}", evidence.source, evidence.place) };
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"bad\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Escaped(&source.id.name),
            Escaped(&target.place.to_string()),
            evidence.finding,
            evidence.since.rfc3339(),
            Escaped(&other),
            Escaped(&evidence.detail),
        );
    }
    end(html, found.len());
}

fn write_authorities(html: &mut String, view: &dyn SnapshotView) {
    let relations = view.relations();
    let mut in_use: Vec<_> = relations.authorities.iter().filter(|row| row.dependants > 0).collect();
    if in_use.is_empty() {
        return;
    }
    in_use.sort_by_key(|row| (row.not_after, row.fingerprint));
    html.push_str(AUTHORITIES);
    for row in in_use.iter().take(SHOWN) {
        let _ = writeln!(
            html,
            "<tr><td><a href=\"api/v1/trust/dependants?fingerprint={}\">{}</a></td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            PercentEncoded(&hex(&row.fingerprint)),
            Escaped(&row.subject),
            row.not_after.rfc3339(),
            row.places,
            row.dependants,
            row.stranded,
        );
    }
    end(html, in_use.len());
}

fn write_copies(html: &mut String, view: &dyn SnapshotView) {
    let relations = view.relations();
    if relations.copies.is_empty() {
        return;
    }
    html.push_str(COPIES);
    for row in relations.copies.iter().take(SHOWN) {
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td></tr>",
            Escaped(&row.subject),
            row.not_after.rfc3339(),
            row.places,
        );
    }
    end(html, usize::try_from(relations.copied).unwrap_or(usize::MAX));
}

fn end(html: &mut String, all: usize) {
    html.push_str("</tbody></table>\n");
    if let Some(more @ 1..) = all.checked_sub(SHOWN) {
        let _ = writeln!(html, "<p>and {more} more</p>");
    }
}
