//! The configuration as understood, as TOML that reads back to the same.

mod rules;

use std::fmt::Write;
use std::time::Duration;

use toml::Value;

use super::section::quoted;
use super::{Config, ProbeConfig, RevocationConfig, ServerConfig, SourceConfig};
use crate::model::options::ChainScope;
use crate::model::{ByteSize, HumanDuration};

/// Longer arrays are written one value to a line.
const WIDTH: usize = 100;

/// Every key with its value, defaults filled in. Secrets are masked: they are all that does not read back.
pub fn show(config: &Config) -> String {
    let mut text = Listing(String::new());
    text.comment(&format!("From {}; relative paths start from {}", config.origin, config.origin.base().display()));
    text.header("server");
    text.server(&config.server);
    if config.storage.state_dir.is_some() || config.storage.cache_dir.is_some() {
        text.header("storage");
        text.path("state_dir", config.storage.state_dir.as_deref());
        text.path("cache_dir", config.storage.cache_dir.as_deref());
    }
    if !config.metrics.compatibility.is_empty() {
        text.header("metrics");
        text.key("compatibility", strings(&config.metrics.compatibility));
    }
    text.revocation(&config.revocation);
    text.probe(&config.probe);
    text.rules(&config.rules);
    if config.sources.is_empty() {
        text.comment("No sources: nothing is watched.");
    }
    for source in &config.sources {
        text.source(source);
    }
    text.0
}

struct Listing(String);

impl Listing {
    fn server(&mut self, server: &ServerConfig) {
        self.key("listen", strings(&server.listen));
        if !server.admin_listen.is_empty() {
            self.key("admin_listen", strings(&server.admin_listen));
        }
        if server.unix_mode != ServerConfig::default().unix_mode {
            self.key("unix_mode", Value::from(format!("{:04o}", server.unix_mode)));
        }
        self.path("web_config", server.web_config.as_deref());
        self.key("reload", Value::from(server.reload));
    }

    fn revocation(&mut self, revocation: &RevocationConfig) {
        self.header("revocation");
        self.key("allow", strings(&revocation.allow));
        self.key("compare", Value::from(revocation.compare));
        self.key("offline", Value::from(revocation.offline));
        let written = revocation.mirror.iter().map(|(from, to)| (from.clone(), Value::from(to.as_str())));
        self.key("mirror", Value::Table(written.collect()));
        self.key("crls", strings(&revocation.crls));
        let path = |path: &std::path::Path| Value::from(path.to_string_lossy().as_ref());
        let responders = revocation.responders.iter().map(|responder| {
            let parts = [("issuer", path(&responder.issuer)), ("url", Value::from(&*responder.url))];
            Value::Table(parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        });
        self.key("responders", Value::Array(responders.collect()));
        self.key("issuers", Value::Array(revocation.issuers.iter().map(|issuer| path(issuer)).collect()));
        self.key("max_crl_size", Value::from(ByteSize(revocation.max_crl_size).to_string()));
        self.key("cache_size", Value::from(ByteSize(revocation.cache_size).to_string()));
        self.key("nonce", Value::from(revocation.nonce));
        self.duration("refresh", Some(revocation.refresh));
    }

    fn probe(&mut self, probe: &ProbeConfig) {
        if !probe.allow.is_empty() {
            self.header("probe");
            self.key("allow", strings(&probe.allow));
        }
        for (name, module) in &probe.modules {
            self.header(&format!("probe.modules.{}", quoted(name)));
            self.duration("timeout", Some(module.timeout));
            for (key, value) in &module.shown {
                self.key(&quoted(key), value.clone());
            }
        }
    }

    fn source(&mut self, source: &SourceConfig) {
        let options = &source.options;
        self.header(&format!("sources.{}", quoted(&source.id.name)));
        self.key("type", Value::from(source.id.kind.as_str()));
        self.key("schedule", Value::from(source.schedule.to_string()));
        self.duration("timeout", Some(options.timeout));
        self.duration("deadline", options.deadline);
        self.duration("retain", options.retain);
        self.key("max_series", Value::from(i64::try_from(options.max_series).unwrap_or(i64::MAX)));
        let chain = match options.chain {
            ChainScope::All => "all",
            ChainScope::Leaf => "leaf",
        };
        self.key("chain", Value::from(chain));
        self.key("trust_store", Value::from(options.trust_store));
        if let Some(part) = options.rotate_at {
            self.key("rotate_at", Value::from(part));
        }
        self.key("revocation", strings(&options.revocation));
        if !options.serves.is_empty() {
            self.key("serves", strings(&options.serves));
        }
        if options.must_be_stored {
            self.key("must_be_stored", Value::from(true));
        }
        if !options.labels.0.is_empty() {
            self.key("labels", rules::labels(&options.labels));
        }
        for (key, value) in &source.shown {
            self.key(&quoted(key), value.clone());
        }
    }

    fn header(&mut self, name: &str) {
        self.line(&format!("\n[{name}]"));
    }

    fn comment(&mut self, text: &str) {
        // A file's name may hold a line's end.
        self.line(&format!("# {}", text.replace(char::is_control, "?")));
    }

    fn key(&mut self, key: &str, value: Value) {
        let line = format!("{key} = {value}");
        match value {
            Value::Array(values) if line.len() > WIDTH && values.len() > 1 => {
                self.line(&format!("{key} = ["));
                for value in values {
                    self.line(&format!("    {value},"));
                }
                self.line("]");
            }
            _ => self.line(&line),
        }
    }

    fn duration(&mut self, key: &str, duration: Option<Duration>) {
        if let Some(duration) = duration {
            self.key(key, Value::from(HumanDuration(duration).to_string()));
        }
    }

    fn path(&mut self, key: &str, path: Option<&std::path::Path>) {
        // Both parts come from TOML and from the configuration's own path.
        if let Some(path) = path {
            self.key(key, Value::from(path.to_string_lossy().as_ref()));
        }
    }

    fn line(&mut self, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

fn strings<T: ToString>(values: &[T]) -> Value {
    Value::Array(values.iter().map(|value| Value::from(value.to_string())).collect())
}
