//! `notafter run`: the exporter.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use super::logging::{LogArguments, LogFormat};
use super::{ConfigFile, Failed, Outcome, UNAVAILABLE, USAGE, block_on};
use crate::app::{self, AppError, Ended};
use crate::config::server::parse_listen;

#[derive(Clone, Debug, Default, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Listen here instead of where the configuration says; repeats [default: 0.0.0.0:9849]
    #[arg(long, value_name = "ADDRESS", value_parser = parse_listen)]
    listen: Vec<SocketAddr>,
}

pub(super) fn run(arguments: RunArguments, log: LogArguments) -> Outcome {
    log.start();
    raise_descriptor_limit();
    let options = app::Options { config: arguments.config.config, listen: arguments.listen, banner: log.log_format == LogFormat::Text };
    match block_on(app::run(options))? {
        Ok(Ended::WithGrace) => Ok(ExitCode::SUCCESS),
        // As a shell reports a process that SIGINT ended.
        Ok(Ended::AtOnce) => Ok(130.into()),
        Err(error @ (AppError::Config(_) | AppError::Source(_))) => Err(Failed::with(USAGE, error)),
        Err(error) => Err(Failed::with(UNAVAILABLE, error)),
    }
}

/// Many endpoints at once need many descriptors: the soft limit is raised to the hard one.
pub(super) fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}
