//! `notafter run`: the exporter.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::logging::{LogArguments, LogFormat};
use super::{ConfigFile, Failed, Outcome, UNAVAILABLE, USAGE, block_on};
use crate::app::sockets::Inherited;
use crate::app::{self, AppError, Ended};
use crate::config::server::{Listen, parse_listen};
use crate::model::Shard;

#[derive(Clone, Debug, Default, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Listen here instead of where the configuration says; repeats [default: 0.0.0.0:9849]
    #[arg(long, value_name = "ADDRESS", value_parser = listen)]
    listen: Vec<Listen>,
    /// The web configuration (TLS, passwords) instead of the one that the configuration names
    #[arg(long, value_name = "FILE")]
    web_config: Option<PathBuf>,
    /// Look at this part of everything only, counted from 0; "ordinal": the number at the end of $POD_NAME, else of the host's name
    #[arg(long, value_name = "I|ordinal", requires = "total_shards")]
    shard: Option<String>,
    /// Into how many parts everything is divided between processes with the same configuration
    #[arg(long, value_name = "N", requires = "shard", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    total_shards: Option<u32>,
}

pub(super) fn run(arguments: RunArguments, log: LogArguments) -> Outcome {
    // Before there is a second thread: it changes the environment.
    let inherited = Inherited::take().map_err(|error| Failed::with(UNAVAILABLE, anyhow::anyhow!(error)))?;
    log.start();
    super::process::prepare();
    let shard = shard(&arguments).map_err(Failed::usage)?;
    let banner = log.log_format == LogFormat::Text;
    let RunArguments { config, listen, web_config, .. } = arguments;
    let options = app::Options { config: config.config, listen, web_config, shard, banner };
    match block_on(app::run(options, inherited))? {
        Ok(Ended::WithGrace) => Ok(ExitCode::SUCCESS),
        // As a shell reports a process that SIGINT ended.
        Ok(Ended::AtOnce) => Ok(130.into()),
        Err(error @ (AppError::Config(_) | AppError::Source(_) | AppError::Web(_))) => Err(Failed::with(USAGE, error)),
        Err(error) => Err(Failed::with(UNAVAILABLE, error)),
    }
}

/// A relative path starts from the working directory.
fn listen(text: &str) -> Result<Listen, String> {
    parse_listen(text)?.below(&std::path::absolute(Path::new(".")).map_err(|error| error.to_string())?)
}

/// The part that the command line asks for.
fn shard(arguments: &RunArguments) -> Result<Shard, anyhow::Error> {
    let (Some(text), Some(total)) = (&arguments.shard, arguments.total_shards) else { return Ok(Shard::default()) };
    let index = match text.as_str() {
        "ordinal" => {
            let pod = std::env::var("POD_NAME").ok().filter(|name| !name.is_empty());
            let name = pod.unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
            ordinal(&name).with_context(|| format!("--shard ordinal: {name:?} does not end in a number as pods of a StatefulSet do"))?
        }
        text => text.parse().with_context(|| format!("--shard: expected a number or \"ordinal\", found {text:?}"))?,
    };
    Shard::new(index, total).with_context(|| format!("--shard: expected 0 to {} with --total-shards {total}, found {index}", total - 1))
}

/// `notafter-3` is number 3.
fn ordinal(name: &str) -> Option<u32> {
    name.rsplit_once('-').and_then(|(_, number)| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(shard: Option<&str>, total_shards: Option<u32>) -> Result<Shard, String> {
        let arguments = RunArguments { shard: shard.map(str::to_owned), total_shards, ..RunArguments::default() };
        super::shard(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn a_part_is_one_that_there_is() {
        assert_eq!(asked(None, None), Ok(Shard::default()));
        assert_eq!(asked(Some("2"), Some(3)).ok(), Shard::new(2, 3));
        assert!(asked(Some("3"), Some(3)).unwrap_err().contains("expected 0 to 2"));
        assert!(asked(Some("one"), Some(3)).unwrap_err().contains("\"ordinal\""));
        assert_eq!(
            [ordinal("notafter-12"), ordinal("web-a-0"), ordinal("notafter"), ordinal("notafter-x1")],
            [Some(12), Some(0), None, None]
        );
    }
}
