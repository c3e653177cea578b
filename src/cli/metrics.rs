//! `notafter metrics`: the table of families.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{Failed, Outcome};
use crate::metrics::docs;

#[derive(Debug, Args)]
pub(super) struct MetricsArguments {
    /// How the table looks
    #[arg(long, value_enum, default_value = "markdown")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Markdown,
    Json,
}

pub(super) fn metrics(arguments: &MetricsArguments) -> Outcome {
    let text = match arguments.format {
        Format::Markdown => docs::markdown(),
        Format::Json => docs::json(),
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| Failed::with(1, error))?;
    Ok(ExitCode::SUCCESS)
}
