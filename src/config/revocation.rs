//! `[revocation]`: where answers about revocation may be fetched from, and what else is known of issuers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::section::{Problems, Section};
use crate::model::{ByteSize, HumanDuration};
use crate::net::Mirrors;
use crate::net::Network;

/// For CAs of one's own: others publish less often than that, and have many to serve.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);
/// Lists are issued at least every few days.
const LONGEST_REFRESH: Duration = Duration::from_secs(86_400);

/// `[revocation]`, with every default filled in. What files hold is read by whoever uses it.
#[derive(Clone, Debug, PartialEq)]
pub struct RevocationConfig {
    /// Networks that fetches may reach besides public addresses.
    pub allow: Vec<Network>,
    /// All methods of a source are asked, and not only until one answers.
    pub compare: bool,
    /// Nothing is fetched.
    pub offline: bool,
    /// Prefixes of URLs and what is fetched in their place, as written.
    pub mirror: BTreeMap<String, String>,
    /// The same, to be applied.
    pub mirrors: Mirrors,
    /// CRLs that are fetched although no certificate may point to them.
    pub crls: Vec<Arc<str>>,
    /// Responders that are asked about certificates of these issuers, whatever the certificates say.
    pub responders: Vec<ResponderConfig>,
    /// Files of CA certificates that are known as issuers.
    pub issuers: Vec<PathBuf>,
    /// The largest CRL in bytes.
    pub max_crl_size: u64,
    /// The most that the cache takes on disk, in bytes.
    pub cache_size: u64,
    /// OCSP requests carry a nonce (RFC 9654).
    pub nonce: bool,
    /// The longest time between two looks at a CRL.
    pub refresh: Duration,
}

/// A responder for the certificates of one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponderConfig {
    /// File of the issuer's certificate.
    pub issuer: PathBuf,
    /// Where to ask.
    pub url: Arc<str>,
}

impl Default for RevocationConfig {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            compare: false,
            offline: false,
            mirror: BTreeMap::new(),
            mirrors: Mirrors::default(),
            crls: Vec::new(),
            responders: Vec::new(),
            issuers: Vec::new(),
            max_crl_size: 64 << 20,
            cache_size: 1 << 30,
            nonce: false,
            refresh: Duration::from_secs(1_800),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenResponder {
    issuer: PathBuf,
    url: String,
}

pub(super) fn parse(mut table: Section<'_>, base: &Path, problems: &mut Problems<'_>) -> RevocationConfig {
    let mut config = RevocationConfig::default();
    let size_at = table.table.get("cache_size").map(|value| value.span().start);
    if let Some(allow) = table.take("allow", problems, |texts: Vec<String>| {
        texts.iter().map(|text| text.parse::<Network>().map_err(|error| error.to_string())).collect::<Result<Vec<_>, _>>()
    }) {
        config.allow = allow;
    }
    for (key, flag) in [("compare", &mut config.compare), ("offline", &mut config.offline), ("nonce", &mut config.nonce)] {
        *flag = table.take(key, problems, Ok).unwrap_or(*flag);
    }
    if let Some((written, mirrors)) = table.take("mirror", problems, |written: BTreeMap<String, String>| {
        let mirrors = Mirrors::new(written.clone()).map_err(|error| error.to_string())?;
        Ok((written, mirrors))
    }) {
        (config.mirror, config.mirrors) = (written, mirrors);
    }
    if let Some(crls) = table.take("crls", problems, |texts: Vec<String>| distinct(texts.iter().map(|text| fetchable(text)))) {
        config.crls = crls;
    }
    if let Some(responders) = table.take("responders", problems, |written: Vec<WrittenResponder>| {
        distinct(
            written
                .into_iter()
                .map(|WrittenResponder { issuer, url }| Ok(ResponderConfig { issuer: file(base, issuer)?, url: fetchable(&url)? })),
        )
    }) {
        config.responders = responders;
    }
    if let Some(issuers) = table.take("issuers", problems, |paths: Vec<PathBuf>| distinct(paths.into_iter().map(|path| file(base, path)))) {
        config.issuers = issuers;
    }
    for (key, size) in [("max_crl_size", &mut config.max_crl_size), ("cache_size", &mut config.cache_size)] {
        *size = table.take(key, problems, |ByteSize(size)| Ok(size)).unwrap_or(*size);
    }
    if config.cache_size < config.max_crl_size {
        let at = size_at.unwrap_or(table.at);
        let message = format!("expected at least max_crl_size, which is {}", ByteSize(config.max_crl_size));
        problems.add(at, &table.name, "cache_size", message);
    }
    if let Some(refresh) = table.take("refresh", problems, |HumanDuration(refresh)| {
        let is_sensible = (SHORTEST_REFRESH..=LONGEST_REFRESH).contains(&refresh);
        is_sensible.then_some(refresh).ok_or_else(|| format!("expected \"1s\" to \"1d\", found \"{}\"", HumanDuration(refresh)))
    }) {
        config.refresh = refresh;
    }
    table.finish(problems);
    config
}

/// A URL that the service may fetch from, as it is written. Whether it may go there is decided when it does.
fn fetchable(text: &str) -> Result<Arc<str>, String> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("expected a URL without user and password: it stands in labels".to_owned());
    }
    if authority.is_empty() || authority.starts_with(':') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("expected a URL such as \"http://crl.example/ca.crl\", found {text:?}"));
    }
    Ok(text.into())
}

fn file(base: &Path, path: PathBuf) -> Result<PathBuf, String> {
    if path.as_os_str().is_empty() { Err("expected the path of a certificate, found \"\"".to_owned()) } else { Ok(base.join(path)) }
}

/// All of them, each once.
fn distinct<T: PartialEq + std::fmt::Debug>(values: impl Iterator<Item = Result<T, String>>) -> Result<Vec<T>, String> {
    let mut read = Vec::new();
    for value in values {
        let value = value?;
        if read.contains(&value) {
            return Err("expected different entries, found one twice".to_owned());
        }
        read.push(value);
    }
    Ok(read)
}
