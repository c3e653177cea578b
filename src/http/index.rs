//! `/`: the program at a glance, for a person with a browser.

use std::fmt::Write;

use axum::response::Html;

use crate::model::{FindingSet, RevocationReason, Services, SourceHeader, SourceStatus, UnixTime};

use super::{Shared, together};

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>notafter</title><meta name="viewport" content="width=device-width">
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .7rem;text-align:left;border-bottom:1px solid #ddd}
td{overflow-wrap:anywhere}td.n{text-align:right}.bad{color:#b00020}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}a{color:#8ab4f8}td,th{border-color:#444}.bad{color:#ff8a80}}
</style></head><body>
"#;

const LINKS: &str = r#"<p><a href="metrics">metrics</a> · <a href="-/healthy">healthy</a> · <a href="-/ready">ready</a> ·
<a href="api/v1/sources">sources (JSON)</a> · <a href="api/v1/targets">targets (JSON)</a> ·
<a href="api/v1/certificates">certificates (JSON)</a> · <a href="api/v1/trust">trust (JSON)</a> · <a href="api/v1/revocation">revocation (JSON)</a></p>
<table><thead><tr><th>source</th><th>kind</th><th>state</th><th>targets</th><th>certificates</th><th>unowned</th><th>last scan</th><th>failure</th></tr></thead><tbody>
"#;

const SERVICES: &str = r"<h2>CRLs and OCSP responders</h2>
<table><thead><tr><th>URL</th><th>findings</th><th>newest</th><th>ends</th><th>certificates</th><th>revoked</th><th>failure</th></tr></thead><tbody>
";

/// More CRLs and responders than these are only counted; those with something wrong come first.
const SHOWN: usize = 100;

/// The page.
pub async fn page(state: Shared) -> Html<String> {
    let mut html = String::from(HEAD);
    let _ = write!(html, "<h1>notafter {}</h1><p>Watches certificates and says when they end.</p>\n{LINKS}", Escaped(state.version));
    let view = state.snapshots.load();
    view.sources(&mut |source, status| row(&mut html, source, status));
    html.push_str("</tbody></table>\n");
    together::write(&mut html, &*view);
    services(&mut html, view.services());
    html.push_str("</body></html>\n");
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
         <td class=\"n\">{}</td><td class=\"n\">{}</td><td>{last}</td><td>{}</td></tr>",
        PercentEncoded(&source.id.name),
        source.id.kind,
        status.targets,
        status.certificates,
        status.unowned,
        Escaped(failure.as_deref().unwrap_or_default()),
    );
}

/// A CRL at a URL, or a responder.
struct Service<'a> {
    url: &'a str,
    findings: FindingSet,
    newest: Option<UnixTime>,
    ends: Option<UnixTime>,
    certificates: u64,
    /// Responders do not say.
    revoked: Option<u64>,
    failure: Option<&'a (RevocationReason, Box<str>)>,
}

fn services(html: &mut String, services: &Services) {
    let crls = services.crls.iter().map(|service| Service {
        url: &service.url,
        findings: service.findings,
        newest: service.list.as_ref().map(|list| list.this_update),
        ends: service.list.as_ref().and_then(|list| list.next_update),
        certificates: service.certificates,
        revoked: Some(service.revoked),
        failure: service.failure.as_ref(),
    });
    let responders = services.responders.iter().map(|responder| Service {
        url: &responder.url,
        findings: responder.findings,
        newest: responder.oldest_this_update,
        ends: responder.certificate_not_after,
        certificates: responder.certificates,
        revoked: None,
        failure: responder.failure.as_ref(),
    });
    let mut all: Vec<Service<'_>> = crls.chain(responders).collect();
    if all.is_empty() {
        return;
    }
    all.sort_by_key(|service| (service.findings.is_empty() && service.failure.is_none(), service.url));
    html.push_str(SERVICES);
    let time = |at: Option<UnixTime>| at.map_or_else(|| "–".to_owned(), UnixTime::rfc3339);
    for Service { url, findings, newest, ends, certificates, revoked, failure } in all.iter().take(SHOWN) {
        let findings: Vec<&str> = findings.iter().map(|finding| finding.as_str()).collect();
        let failure = failure.map(|(reason, detail)| format!("{reason}: {detail}"));
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td class=\"bad\">{}</td><td>{}</td><td>{}</td><td class=\"n\">{certificates}</td>\
             <td class=\"n{}\">{}</td><td>{}</td></tr>",
            Escaped(url),
            findings.join(", "),
            time(*newest),
            time(*ends),
            if revoked.is_some_and(|revoked| revoked > 0) { " bad" } else { "" },
            revoked.map_or_else(|| "–".to_owned(), |revoked| revoked.to_string()),
            Escaped(failure.as_deref().unwrap_or_default()),
        );
    }
    html.push_str("</tbody></table>\n");
    if let Some(more @ 1..) = all.len().checked_sub(SHOWN) {
        let _ = writeln!(html, "<p>and {more} more</p>");
    }
}

/// Text between tags or in a quoted attribute.
pub(super) struct Escaped<'a>(pub(super) &'a str);

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
pub(super) struct PercentEncoded<'a>(pub(super) &'a str);

impl std::fmt::Display for PercentEncoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => f.write_char(char::from(byte)),
            other => write!(f, "%{other:02X}"),
        })
    }
}
