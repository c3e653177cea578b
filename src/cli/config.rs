//! `notafter config`: what the program understands of a configuration, and what it would make of it.

mod rules;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::logging::LogArguments;
use super::{Failed, Outcome, block_on, count};
use crate::app;
use crate::app::policies;
use crate::app::sources::{Seen, look};
use crate::app::story::printable;
use crate::app::web;
use crate::config::{self, Config};
use crate::model::clock::SystemClock;
use crate::model::{Clock, SourceId, UnixTime};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say whether a configuration is right
    Check {
        /// The configuration [default: as `run` finds it]
        file: Option<PathBuf>,
        /// Look at everything once and count the series that it makes
        #[arg(long)]
        estimate: bool,
        /// Look at everything once and list what each policy matches
        #[arg(long)]
        matches: bool,
    },
    /// Show a configuration as it is understood, defaults filled in
    Show {
        /// The configuration [default: as `run` finds it]
        file: Option<PathBuf>,
    },
}

pub(super) fn config(command: ConfigCommand) -> Outcome {
    LogArguments::start_quietly();
    let mut is_whole = true;
    let text = match command {
        ConfigCommand::Show { file } => {
            let config = load(file)?;
            let web = web::take(config.server.web_config.as_deref()).map_err(Failed::usage)?;
            let shown =
                config.server.web_config.iter().map(|_| format!("\n# web_config, as understood:\n{}", config::web::show(&web.settings)));
            config::show(&config) + &shown.collect::<String>()
        }
        ConfigCommand::Check { file, estimate, matches } => {
            let config = load(file)?;
            let specs = app::sources::Running::default().build(&config).map_err(Failed::usage)?;
            let web = web::take(config.server.web_config.as_deref()).map_err(Failed::usage)?;
            let ids: Vec<SourceId> = specs.iter().map(|spec| spec.header.id.clone()).collect();
            let mut text = format!("{}: fine, {}\n", config.origin, count(specs.len(), "source"));
            let exposed = web.exposed();
            text += &exposed
                .iter()
                .map(|path| format!("warning: everybody on this machine may read the private key in {}\n", path.display()))
                .collect::<String>();
            text += &rules::words(&config.rules, UnixTime::from(SystemClock::new().now()));
            if estimate || matches {
                super::process::prepare();
                let seen = block_on(look(specs, &config, false, None))?;
                let seen = seen.map_err(|error| Failed::with(1, anyhow::anyhow!("{error}")))?;
                if matches {
                    let (matched, idle) = (policies::matched(&config.rules, &seen.snapshot), policies::idle(&config.rules, &seen.snapshot));
                    text += &rules::matches(&matched, &idle);
                    let unseen = unseen(&ids, &seen);
                    is_whole = unseen.is_empty();
                    text += &unseen;
                    text += &failed_places(&seen);
                }
                if estimate {
                    text += &table(&seen).map_err(|error| Failed::with(1, error))?;
                }
            }
            text
        }
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| Failed::with(1, error))?;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn load(file: Option<PathBuf>) -> Result<Config, Failed> {
    app::load(file).map_err(Failed::usage)
}

/// A line for each source that could not be listed, or lacks what it was told to use: what is said to match is not all then.
fn unseen(ids: &[SourceId], seen: &Seen) -> String {
    let mut text = String::new();
    for (id, round) in ids.iter().zip(&seen.rounds) {
        for failure in round.failure.iter().chain(&round.errors) {
            text += &format!(
                "source {} could not be read, and may hold more: {}\n",
                printable(&id.to_string()),
                printable(&failure.to_string())
            );
        }
    }
    text
}

/// A line for the places that gave no certificate because the look at them failed.
fn failed_places(seen: &Seen) -> String {
    let targets = seen.snapshot.sources.values().flat_map(|source| source.targets());
    let mut failed: Vec<_> = targets.filter_map(|target| Some((&target.place, target.failure.as_deref()?))).collect();
    failed.sort_by_key(|(place, _)| *place);
    let Some((place, why)) = failed.first() else { return String::new() };
    let first = format!("{place}: {}", why.detail);
    format!("{} could not be looked at, and may match, too; the first is {}\n", count(failed.len(), "place"), printable(&first))
}

/// How many series each source makes, and the exporter itself.
fn table(seen: &Seen) -> std::io::Result<String> {
    let counters = seen.counters_text()?;
    let own = samples(&app::sources::own_text()?).count() as u64;
    let width = seen.snapshot.sources.keys().map(|id| id.name.chars().count()).max().unwrap_or(0).max("(notafter)".len());
    let mut text = format!("{:width$}  {:10}  {:>9}  {:>12}  {:>9}\n", "source", "kind", "places", "certificates", "series");
    let mut row = |name: &str, kind: &str, sums: (u64, u64, u64)| {
        text += &format!("{name:width$}  {kind:10}  {:>9}  {:>12}  {:>9}\n", sums.0, sums.1, sums.2);
    };
    let mut all = (0, 0, own);
    for (id, source) in &seen.snapshot.sources {
        // An exporter also says when the next scan is due; one look has no next.
        let series = source.rendered_lines() + 1 + counted(&counters, id);
        let sums = (source.status.targets, source.status.certificates, series);
        all = (all.0 + sums.0, all.1 + sums.1, all.2 + sums.2);
        row(&id.name, id.kind.as_str(), sums);
    }
    row("(notafter)", "", (0, 0, own));
    row("all", "", all);
    Ok(text)
}

/// The series of a source's counters.
fn counted(counters: &[u8], id: &SourceId) -> u64 {
    let name = id.name.replace('\\', "\\\\").replace('"', "\\\"");
    let labels = format!("source_kind=\"{}\",source_name=\"{name}\"", id.kind);
    samples(counters).filter(|line| line.contains(&labels)).count() as u64
}

fn samples(text: &[u8]) -> impl Iterator<Item = &str> {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}
