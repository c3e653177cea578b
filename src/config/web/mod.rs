//! The web configuration: YAML with the keys of Prometheus' exporter-toolkit, as typed settings.
//!
//! As strict as `notafter.toml`: what is not understood, and what this program's TLS cannot do, is refused with line and column.

mod duration;
mod show;
mod tls;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

use super::error::ConfigError;
use super::section::{Notation, Problems, Section, quoted};
use crate::http::web::settings::{Header, RateSettings, WebSettings};
use crate::http::web::users::PasswordHash;

pub use show::show;

/// More users are a case for client certificates.
const MOST_USERS: usize = 1000;
/// Longer names and values are typing errors.
const LONGEST: usize = 4096;

/// Understands the bytes of a file; relative paths start from its folder.
///
/// # Errors
/// They are wrong; then every problem found is told.
pub fn parse(bytes: &[u8], path: &Path) -> Result<WebSettings, ConfigError> {
    let file = path.display().to_string();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default();
            let mut problems = Problems::new(file, valid);
            problems.add(valid.len(), "", "", "expected text in UTF-8");
            return problems.finish().map(|()| WebSettings::default());
        }
    };
    let mut problems = Problems::written_in(Notation::Yaml, file, text);
    let base = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    let table = match yaml::table(text) {
        Ok(table) => table,
        Err((at, message)) => {
            problems.add(at, "", "", message);
            return problems.finish().map(|()| WebSettings::default());
        }
    };
    let settings = settings(Section::new("", 0, table), &base, &mut problems);
    problems.finish().map(|()| settings)
}

fn settings(mut root: Section<'_>, base: &Path, problems: &mut Problems<'_>) -> WebSettings {
    let mut settings = WebSettings::default();
    if root.table.is_empty() {
        // A file that is being written looks like this, and must not open what it is there to close.
        problems.add(0, "", "", "nothing stands here; without a web configuration leave [server] web_config out");
    }
    settings.tls = root.take_table("tls_server_config", problems).and_then(|table| tls::parse(table, base, problems));
    if let Some(mut http) = root.take_table("http_server_config", problems) {
        settings.http2 = http.take("http2", problems, |http2: bool| Ok(http2)).unwrap_or(settings.http2);
        settings.headers = http.take_table("headers", problems).map(|table| headers(table, problems)).unwrap_or_default();
        http.finish(problems);
    }
    settings.users = root.take_table("basic_auth_users", problems).map(|table| users(table, problems)).unwrap_or_default();
    settings.rate = root.take_table("rate_limit", problems).and_then(|table| rate(table, problems));
    root.finish(problems);
    settings
}

fn headers(mut table: Section<'_>, problems: &mut Problems<'_>) -> Vec<(Header, String)> {
    let mut headers = Vec::new();
    for header in Header::ALL {
        let value = table.take(header.as_str(), problems, |text: String| {
            let values = header.values();
            if !text.is_empty() && !values.is_empty() && !values.contains(&text.as_str()) {
                return Err(super::message::choice(&text, &values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>()));
            }
            let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
            if is_plain && text.len() <= LONGEST { Ok(text) } else { Err("expected printable ASCII on one line".to_owned()) }
        });
        headers.extend(value.filter(|text| !text.is_empty()).map(|text| (*header, text)));
    }
    table.finish(problems);
    headers
}

/// No message here repeats a value.
fn users(table: Section<'_>, problems: &mut Problems<'_>) -> BTreeMap<String, PasswordHash> {
    let Section { name: section, at, table, .. } = table;
    if table.is_empty() || table.len() > MOST_USERS {
        problems.add(at, "", &section, format!("expected 1 to {MOST_USERS} users, found {}", table.len()));
        return BTreeMap::new();
    }
    let mut users = BTreeMap::new();
    for (name, value) in table {
        let user = name.get_ref();
        if user.is_empty() || user.len() > LONGEST || user.contains(|c: char| c == ':' || c.is_control()) {
            problems.add(name.span().start, &section, &quoted(user), "expected a user's name, without colon and control characters");
            continue;
        }
        let hash = match value.get_ref().as_str() {
            Some(text) => text.parse::<PasswordHash>(),
            None => Err("expected the bcrypt hash of a password".to_owned()),
        };
        match hash {
            Ok(hash) => _ = users.insert(user.to_string(), hash),
            Err(why) => problems.add(value.span().start, &section, &quoted(user), why),
        }
    }
    users
}

fn rate(mut table: Section<'_>, problems: &mut Problems<'_>) -> Option<RateSettings> {
    let at = table.at;
    let known = problems.count();
    let interval = table.take("interval", problems, |text: String| duration::parse(&text));
    let burst = table.take("burst", problems, |text: String| {
        let burst = text.parse::<u32>().ok().filter(|burst| *burst > 0);
        burst.ok_or_else(|| format!("expected a whole number of at least 1, found {text:?}"))
    });
    if problems.count() == known {
        for (key, is_there) in [("interval", interval.is_some()), ("burst", burst.is_some() || interval.is_some_and(|time| time.is_zero()))]
        {
            if !is_there {
                problems.add(at, &table.name, key, "required, but missing");
            }
        }
    }
    table.finish(problems);
    let (interval, burst) = (interval?, burst?);
    (!interval.is_zero()).then_some(RateSettings { interval, burst })
}
