//! Logs: to standard error, as text or JSON.

use std::fmt::Debug;
use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{FmtSpan, Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::model::visible::write_on_one_line;

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

/// A field of an event as text. Paths and names come from outside: none of them ends the line, or tells the terminal anything. (JSON escapes by itself.)
fn field(to: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    if field.name() != "message" {
        write!(to, "{}=", field.name())?;
    }
    write_on_one_line(to, &format!("{value:?}"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

impl LogArguments {
    /// Starts logging. A second call has no effect.
    pub(super) fn start(&self) {
        // Without the module path: people grep for the message, not for our folders.
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_span_events(FmtSpan::NONE);
        let lines = match self.log_format {
            LogFormat::Text => lines.fmt_fields(debug_fn(field).delimited(" ")).with_ansi(std::io::stderr().is_terminal()).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
        };
        // What a library says of an error is said by us too, with what it means and once.
        let ours = Targets::new().with_default(self.log_level).with_target("kube_client", LevelFilter::OFF);
        let _ = tracing_subscriber::registry().with(lines.with_filter(ours)).try_init();
    }

    /// For commands that talk to a person: warnings only.
    pub(super) fn start_quietly() {
        Self { log_format: LogFormat::Text, log_level: LevelFilter::ERROR }.start();
    }
}
