//! `notafter check`: looks once, right now, and says it to a person (or a program).

mod json;
mod listen;
mod table;
mod words;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::logging::LogArguments;
use super::{Failed, Outcome, block_on};
use crate::app::sources::{Seen, look};
use crate::engine::schedule::Schedule;
use crate::engine::{Round, SourceSpec};
use crate::model::{
    BuildContext, HumanDuration, RevocationStatus, SnapshotView, SourceHeader, SourceId, SourceKind, SourceOptions, TargetState, UnixTime,
};
use crate::source::{Built, SourceSettings, kubernetes};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArguments {
    /// A file, folder, glob, host:port, https://host, k8s://namespace/secret, or nginx://FILE and envoy-config://FILE for what a configuration names
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
    /// Trust anchors for endpoints: a PEM file, or "system"; repeats [default: system]
    #[arg(long, value_name = "FILE")]
    roots: Vec<String>,
    /// How to reach the cluster of k8s:// targets [default: in-cluster, else $KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig other than its current one
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    context: Option<String>,
    /// The name sent to endpoints and looked for in their certificates [default: the target's host]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Client certificate shown to endpoints that ask for one: a PEM file, intermediates behind it
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<String>,
    /// The key of the client certificate
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<String>,
    /// Passphrase file for keystores
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// How long one endpoint may take
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    timeout: HumanDuration,
    /// Whose settings of revocation say where CRLs and OCSP answers may be fetched from [default: as for run]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Fetch no CRLs and ask no OCSP responders
    #[arg(long)]
    offline: bool,
    /// Judge as of this time instead of now, in Unix seconds
    #[arg(long, value_name = "UNIX", allow_negative_numbers = true)]
    at: Option<i64>,
    /// How the answer looks
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  notafter check example.com:443 --roots ca.pem
  notafter check /etc/ssl/private '/srv/**/*.{pem,p12}'
  notafter check 192.0.2.7:8443 --server-name api.internal --format json
  notafter check k8s://shop/web-tls
  notafter check nginx:///etc/nginx/nginx.conf

Exit codes: 0 everything is fine, 1 problems, 2 something could not be looked at.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
    Prometheus,
}

pub(super) fn check(arguments: CheckArguments) -> Outcome {
    LogArguments::start_quietly();
    super::process::prepare();
    let traces = listen::Traces::new(arguments.at.is_some());
    let specs = specs(&arguments, &traces)?;
    let at = arguments.at.map(UnixTime::from_secs);
    let config = settings(&arguments)?;
    let seen = block_on(look(specs, &config, false, at))?.map_err(|error| Failed::with(2, anyhow::anyhow!("{error}")))?;
    let mut targets: Vec<&TargetState> =
        seen.snapshot.sources.values().flat_map(|source| source.targets()).map(|target| &**target).collect();
    targets.sort_by(|a, b| a.place.cmp(&b.place));
    let now = at.unwrap_or_else(|| UnixTime::from(crate::model::Clock::now(&crate::model::clock::SystemClock::new())));
    let text = match arguments.format {
        Format::Text => {
            let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            table::table(&targets, now, colour) + &words::words(&targets, seen.snapshot.services(), &traces)
        }
        Format::Json => json::json(&seen),
        Format::Prometheus => String::from_utf8_lossy(&seen.text().map_err(|error| Failed::with(2, error))?).into_owned(),
    };
    let printed = std::io::stdout().write_all(text.as_bytes());
    for failure in seen.rounds.iter().flat_map(|round| round.failure.iter().chain(&round.errors)) {
        eprintln!("notafter: {failure}");
    }
    // A reader that has seen enough (`| head`) is no problem of the certificates.
    if let Err(error) = printed.as_ref().filter_broken_pipe() {
        return Err(Failed::with(2, anyhow::anyhow!("{error}")));
    }
    if targets.is_empty() && seen.rounds.iter().all(|round| round.failure.is_none()) {
        eprintln!("notafter: nothing matches");
    }
    Ok(verdict(&seen, &targets).into())
}

/// The exporter's settings for revocation. A file that was not asked for and cannot be used is no reason not to look.
fn settings(arguments: &CheckArguments) -> Result<crate::config::Config, Failed> {
    let mut config = match crate::app::load(arguments.config.clone()) {
        Ok(config) => config,
        Err(error) if arguments.config.is_some() => return Err(Failed::usage(error)),
        Err(error) => {
            eprintln!("notafter: [revocation] of the configuration is not used: {error}");
            let nothing = crate::config::load_str("", crate::config::Origin::BuiltIn);
            nothing.map_err(Failed::usage)?
        }
    };
    config.metrics.compatibility.clear();
    config.revocation.offline |= arguments.offline;
    Ok(config)
}

/// 2 when something could not be looked at, else 1 when something is wrong, else 0.
fn verdict(seen: &Seen, targets: &[&TargetState]) -> u8 {
    let is_blind = |target: &&TargetState| {
        let content = &target.content;
        target.failure.is_some() && content.certificates.is_empty() && content.crls.is_empty() && content.responses.is_empty()
    };
    // Without the trust anchors or the passphrase that were asked for, half of the look did not happen.
    let is_cut_short = |round: &Round| round.failure.is_some() || !round.errors.is_empty();
    if targets.is_empty() || targets.iter().any(is_blind) || seen.rounds.iter().any(is_cut_short) {
        2
    } else {
        u8::from(targets.iter().any(|target| is_wrong(target)))
    }
}

fn is_wrong(target: &TargetState) -> bool {
    let report = &target.report;
    let any = |sets: &[crate::model::FindingSet]| sets.iter().any(|set| !set.is_empty());
    target.failure.is_some()
        || !target.problems.is_empty()
        || any(&report.certificates)
        || any(&report.crls)
        || report.revocation.iter().any(|verdict| verdict.status == RevocationStatus::Revoked)
        || !report.target.is_empty()
        || path_error(target).is_some()
}

/// Why no path was found, or why it is not known whether there is one.
fn path_error(target: &TargetState) -> Option<&str> {
    target.endpoint.as_ref()?.path_error.as_deref()
}

/// The sources that these targets make: one for files, one for endpoints, one for each Secret and each configuration.
fn specs(arguments: &CheckArguments, traces: &listen::Traces) -> Result<Vec<SourceSpec>, Failed> {
    let (secrets, others): (Vec<&String>, Vec<&String>) = arguments.targets.iter().partition(|target| target.starts_with(CLUSTER));
    let (configurations, others): (Vec<&String>, Vec<&String>) = others.into_iter().partition(|target| configuration(target).is_some());
    let (endpoints, files): (Vec<&String>, Vec<&String>) = others.into_iter().partition(|target| is_endpoint(target));
    let array = |texts: &[&String]| toml::Value::Array(texts.iter().map(|text| toml::Value::String((*text).clone())).collect());
    let mut specs = Vec::new();
    for target in configurations {
        let Some((kind, path)) = configuration(target) else { continue };
        let (key, value) = match kind {
            SourceKind::Nginx => ("config", toml::Value::from(path)),
            _ => ("paths", toml::Value::from(vec![path])),
        };
        let settings = SourceSettings::parse(kind, toml::Value::Table(toml::Table::from_iter([(key.to_owned(), value)])));
        let base = std::env::current_dir().map_err(|error| Failed::with(2, error))?;
        let built = settings.map_err(Failed::usage)?.build(&BuildContext { base }).map_err(Failed::usage)?;
        specs.extend(built_specs(built, target, arguments, traces)?);
    }
    if !files.is_empty() {
        let mut table = toml::Table::from_iter([("paths".to_owned(), array(&files))]);
        if let Some(path) = &arguments.passphrase_file {
            table.insert("passphrase_file".to_owned(), toml::Value::String(path.to_string_lossy().into_owned()));
        }
        specs.extend(spec(SourceKind::File, table, arguments, traces)?);
    }
    if !endpoints.is_empty() {
        let mut table = toml::Table::from_iter([("targets".to_owned(), array(&endpoints))]);
        if !arguments.roots.is_empty() {
            table.insert("roots".to_owned(), array(&arguments.roots.iter().collect::<Vec<_>>()));
        }
        if let Some(name) = &arguments.server_name {
            table.insert("server_name".to_owned(), toml::Value::String(name.clone()));
        }
        if let (Some(cert), Some(key)) = (&arguments.client_cert, &arguments.client_key) {
            let pair = [("cert", cert), ("key", key)].map(|(name, path)| (name.to_owned(), toml::Value::from(path.as_str())));
            table.insert("client_certificate".to_owned(), toml::Value::Table(toml::Table::from_iter(pair)));
        }
        specs.extend(spec(SourceKind::Tls, table, arguments, traces)?);
    }
    for secret in secrets {
        let paths = [("passphrase_file", &arguments.passphrase_file), ("kubeconfig", &arguments.kubeconfig)];
        let paths = paths.into_iter().filter_map(|(key, path)| Some((key, path.as_ref()?.to_string_lossy().into_owned())));
        let context = arguments.context.iter().map(|context| ("context", context.clone()));
        let table = paths.chain(context).map(|(key, text)| (key.to_owned(), text.into())).collect();
        let parsed = SourceSettings::parse(SourceKind::Kubernetes, toml::Value::Table(table)).map_err(Failed::usage)?;
        let SourceSettings::Kubernetes(settings) = parsed else { continue };
        let base = std::env::current_dir().map_err(|error| Failed::with(2, error))?;
        let address = secret.strip_prefix(CLUSTER).unwrap_or(secret);
        let built = kubernetes::one_secret(address, &settings, &BuildContext { base }).map_err(Failed::usage)?;
        specs.extend(built_specs(built, secret, arguments, traces)?);
    }
    Ok(specs)
}

/// What a Secret's address begins with.
const CLUSTER: &str = "k8s://";

/// What a configuration that names certificates is of, and its path: the kind stands where a URL has its scheme.
fn configuration(target: &str) -> Option<(SourceKind, &str)> {
    let (scheme, path) = target.split_once("://")?;
    let kind = [SourceKind::Nginx, SourceKind::EnvoyConfig].into_iter().find(|kind| kind.as_str() == scheme)?;
    Some((kind, path))
}

fn spec(kind: SourceKind, table: toml::Table, arguments: &CheckArguments, traces: &listen::Traces) -> Result<Vec<SourceSpec>, Failed> {
    let settings = SourceSettings::parse(kind, toml::Value::Table(table)).map_err(Failed::usage)?;
    let base = std::env::current_dir().map_err(|error| Failed::with(2, error))?;
    let built = settings.build(&BuildContext { base }).map_err(Failed::usage)?;
    built_specs(built, "check", arguments, traces)
}

fn built_specs(built: Built, name: &str, arguments: &CheckArguments, traces: &listen::Traces) -> Result<Vec<SourceSpec>, Failed> {
    let options =
        SourceOptions { timeout: arguments.timeout.0, deadline: Some(std::time::Duration::from_secs(600)), ..SourceOptions::default() };
    let schedule = Schedule::parse("@daily").map_err(Failed::usage)?;
    let spec = |(kind, source)| SourceSpec {
        header: SourceHeader { id: SourceId { kind, name: name.into() }, options: options.clone() },
        schedule: schedule.clone(),
        source: traces.of(source).into(),
        revision: 0,
    };
    Ok(built.into_iter().map(spec).collect())
}

/// `host:port` and `scheme://…` are endpoints; whatever exists or looks like a path is not.
fn is_endpoint(target: &str) -> bool {
    if target.contains("://") {
        return true;
    }
    let port = target.rsplit_once(':').map(|(_, port)| port);
    let has_port = port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    has_port && !target.contains('/') && std::fs::symlink_metadata(target).is_err()
}

trait FilterBrokenPipe {
    fn filter_broken_pipe(self) -> Self;
}

impl FilterBrokenPipe for Result<&(), &std::io::Error> {
    fn filter_broken_pipe(self) -> Self {
        match self {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(&()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_endpoint;

    #[test]
    fn endpoints_are_told_from_paths() {
        let cases = [
            ("example.com:443", true),
            ("[::1]:443", true),
            ("https://example.com", true),
            ("/etc/ssl/a.pem", false),
            ("a.pem", false),
            ("certs/*.pem", false),
            ("example.com", false),
            ("example.com:", false),
            ("dir/host:443", false),
        ];
        for (target, expected) in cases {
            assert_eq!(is_endpoint(target), expected, "{target}");
        }
    }
}
