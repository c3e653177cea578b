//! `notafter scan`: one round of all sources into a file that node_exporter's textfile collector reads.

use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::logging::LogArguments;
use super::{ConfigFile, Failed, Outcome, block_on};
use crate::app;
use crate::app::sources::look;

#[derive(Debug, Args)]
pub(super) struct ScanArguments {
    #[command(flatten)]
    config: ConfigFile,
    /// The file to write; replaced as a whole
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    log: LogArguments,
}

pub(super) fn scan(arguments: ScanArguments) -> Outcome {
    arguments.log.start();
    super::process::prepare();
    let config = app::load(arguments.config.config).map_err(Failed::usage)?;
    let specs = app::sources::Running::default().build(&config).map_err(Failed::usage)?;
    let seen = block_on(look(specs, &config, true, None))?.map_err(|error| Failed::with(1, anyhow::anyhow!("{error}")))?;
    write_atomically(&arguments.output, &seen.text().map_err(|error| Failed::with(1, error))?)
        .map_err(|error| Failed::with(1, anyhow::Error::new(error).context(arguments.output.display().to_string())))?;
    let all_listed = seen.rounds.iter().all(|round| round.failure.is_none());
    Ok(if all_listed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Writes beside the file, then renames: the collector never sees half of it.
fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?.to_owned();
    // The collector reads what ends in .prom.
    name.push(format!(".{}.tmp", std::process::id()));
    let fresh = path.with_file_name(name);
    let write = || {
        let file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o644).open(&fresh)?;
        let mut out = BufWriter::new(file);
        out.write_all(bytes)?;
        out.into_inner()?.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&fresh);
    })
}
