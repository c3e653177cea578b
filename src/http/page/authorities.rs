//! `/authorities`: the CA certificates of all sources, with what hangs on each.

use maud::{Markup, html};

use crate::model::{AuthorityRow, UnixTime};

use super::Frame;
use super::show;
use super::text::{Link, count, grouped, said, time};

/// Rows of a page.
const ROWS: usize = 100;

/// The page from this row on.
pub fn draw(frame: &Frame, from: usize) -> Markup {
    let relations = frame.view.relations();
    let all = &relations.authorities;
    let total = all.len() as u64 + relations.left_out;
    html! {
        h1 { "CA certificates" }
        p.lead { (count(total, "CA certificate", "CA certificates")) " over all sources; those first that most hangs on." }
        @if all.is_empty() {
            p.calm { "None is known: nothing is related before every source has been scanned once." }
        } @else {
            (table(all.iter().skip(from).take(ROWS), frame.now))
            p.pages {
                @if from > 0 { a href=(Link::to("authorities")) { "first page" } " " }
                @if all.len() > from.saturating_add(ROWS) {
                    a rel="next" href=(Link::to("authorities").with("from", &(from + ROWS).to_string())) { "next page" }
                }
            }
        }
    }
}

/// CA certificates and what hangs on them.
pub fn table<'a>(rows: impl Iterator<Item = &'a AuthorityRow>, now: UnixTime) -> Markup {
    html! {
        table.list {
            thead {
                tr {
                    th scope="col" { "CA certificate" } th scope="col" { "Issued by" } th scope="col" { "Ends" } th.n scope="col" { "Places" }
                    th.n scope="col" { "Leaves below" } th.n scope="col" { "Without a longer path" }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        td data-label="CA certificate" {
                            (show::certificate(&row.fingerprint, if row.subject_cn.is_empty() { &row.subject } else { &row.subject_cn }))
                            " " span.kind { (row.role) }
                        }
                        td data-label="Issued by" { (said(if row.issuer_cn.is_empty() { &row.issuer } else { &row.issuer_cn })) }
                        td data-label="Ends" { (time(row.not_after, now)) }
                        td.n data-label="Places" { (grouped(row.places)) }
                        td.n data-label="Leaves below" { (grouped(row.dependants)) }
                        td.n data-label="Without a longer path" { (grouped(row.stranded)) }
                    }
                }
            }
        }
    }
}
