//! Logs: to standard error, as text or JSON.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How logs are written.
#[derive(Clone, Debug, Args)]
pub(super) struct LogArguments {
    /// How logs look, on standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
    /// The least important message that is logged: error, warn, info, debug, trace, off
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

impl LogArguments {
    /// Starts logging. A second call has no effect.
    pub(super) fn start(&self) {
        let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(self.log_level).with_span_events(FmtSpan::NONE);
        // Without the module path: people grep for the message, not for our folders.
        let _ = match self.log_format {
            LogFormat::Text => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init(),
            LogFormat::Json => builder.with_target(false).json().flatten_event(true).try_init(),
        };
    }

    /// For commands that talk to a person: warnings only.
    pub(super) fn start_quietly() {
        Self { log_format: LogFormat::Text, log_level: LevelFilter::ERROR }.start();
    }
}
