//! `POST /-/reload`: loads the configuration anew, as SIGHUP does.

use axum::http::{HeaderMap, StatusCode, header};

use super::Shared;
use crate::model::reload::NotReloaded;

type Answer = (StatusCode, String);

/// 200, or 500 with what is wrong.
pub async fn reload(state: Shared, head: HeaderMap) -> Answer {
    if is_from_elsewhere(&head) {
        return (StatusCode::FORBIDDEN, "a page of another site may not ask for this\n".to_owned());
    }
    let Some(reload) = &state.reload else { return (StatusCode::NOT_FOUND, "this server has no configuration\n".to_owned()) };
    match reload.reload().await {
        Ok(()) => (StatusCode::OK, "reloaded\n".to_owned()),
        Err(NotReloaded::Forbidden) => {
            let why = "not allowed over HTTP, unless the configuration says so: [server] reload = true; SIGHUP does the same\n";
            (StatusCode::FORBIDDEN, why.to_owned())
        }
        Err(NotReloaded::Busy) => (StatusCode::SERVICE_UNAVAILABLE, "others wait for this already; ask again later\n".to_owned()),
        Err(NotReloaded::Failed(why)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("not reloaded, the former configuration stays in force: {why}\n"))
        }
    }
}

/// A browser sends a POST without being asked by its user, also to addresses that only this machine reaches.
fn is_from_elsewhere(head: &HeaderMap) -> bool {
    let text = |name: &str| head.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else { return false };
    let host = text(header::HOST.as_str()).unwrap_or_default();
    origin.split_once("://").is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_sends_for_another_site_is_recognised() {
        for (behaviour, headers, elsewhere) in [
            ("curl", &[("host", "a:1")][..], false),
            ("typed into the address line", &[("host", "a:1"), ("sec-fetch-site", "none")], false),
            ("its own page", &[("host", "a:1"), ("origin", "http://a:1"), ("sec-fetch-site", "same-origin")], false),
            ("its own page in an older browser", &[("host", "A:1"), ("origin", "https://a:1")], false),
            ("another site", &[("host", "a:1"), ("sec-fetch-site", "cross-site")], true),
            ("another port of this machine", &[("host", "a:1"), ("sec-fetch-site", "same-site")], true),
            ("another site in an older browser", &[("host", "a:1"), ("origin", "http://b:1")], true),
            ("a page from a file", &[("host", "a:1"), ("origin", "null")], true),
            ("nonsense", &[("host", "a:1"), ("origin", "")], true),
        ] {
            let mut head = HeaderMap::new();
            for (name, value) in headers {
                head.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_from_elsewhere(&head), elsewhere, "{behaviour}");
        }
    }
}
