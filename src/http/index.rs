//! `/`: the program at a glance, for a person with a browser.

use std::fmt::Write;

use axum::response::Html;

use crate::model::{SourceHeader, SourceStatus, UnixTime};

use super::Shared;

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>notafter</title><meta name="viewport" content="width=device-width">
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .7rem;text-align:left;border-bottom:1px solid #ddd}
td.n{text-align:right}.bad{color:#b00020}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}a{color:#8ab4f8}td,th{border-color:#444}.bad{color:#ff8a80}}
</style></head><body>
"#;

const LINKS: &str = r#"<p><a href="metrics">metrics</a> · <a href="-/healthy">healthy</a> · <a href="-/ready">ready</a> ·
<a href="api/v1/sources">sources (JSON)</a> · <a href="api/v1/targets">targets (JSON)</a></p>
<table><thead><tr><th>source</th><th>kind</th><th>state</th><th>targets</th><th>certificates</th><th>last scan</th><th>failure</th></tr></thead><tbody>
"#;

/// The page.
pub async fn page(state: Shared) -> Html<String> {
    let mut html = String::from(HEAD);
    let _ = write!(html, "<h1>notafter {}</h1><p>Watches certificates and says when they end.</p>\n{LINKS}", Escaped(state.version));
    state.snapshots.load().sources(&mut |source, status| row(&mut html, source, status));
    html.push_str("</tbody></table></body></html>\n");
    Html(html)
}

fn row(html: &mut String, source: &SourceHeader, status: &SourceStatus) {
    let name = Escaped(&source.id.name);
    let state = match status.up {
        Some(true) => "up",
        Some(false) => "<span class=\"bad\">down</span>",
        None => "first scan",
    };
    let last = status.last_scan_at.map_or_else(|| "–".to_owned(), |at| UnixTime::from(at).rfc3339());
    let failure = status.failure.as_ref().map(|failure| format!("{}: {}: {}", failure.stage, failure.reason, failure.detail));
    let _ = writeln!(
        html,
        "<tr><td><a href=\"api/v1/targets?source={}\">{name}</a></td><td>{}</td><td>{state}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td>{last}</td><td>{}</td></tr>",
        PercentEncoded(&source.id.name),
        source.id.kind,
        status.targets,
        status.certificates,
        Escaped(failure.as_deref().unwrap_or_default()),
    );
}

/// Text between tags or in a quoted attribute.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

/// A value in a query (RFC 3986 section 2.1).
struct PercentEncoded<'a>(&'a str);

impl std::fmt::Display for PercentEncoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => f.write_char(char::from(byte)),
            other => write!(f, "%{other:02X}"),
        })
    }
}
