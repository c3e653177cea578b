//! The commands: arguments, output for people and programs, exit codes.
//!
//! May touch: everything. Must not: hold logic that a module could.

mod check;
mod config;
mod logging;
mod metrics;
mod process;
mod run;
mod scan;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

/// sysexits.h: the command or the configuration is wrong.
const USAGE: u8 = 64;
/// sysexits.h: a service that is needed is not there.
const UNAVAILABLE: u8 = 69;

/// Watches certificates in files and at TLS endpoints, and tells Prometheus what is about to break.
#[derive(Debug, Parser)]
#[command(name = "notafter", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    run: run::RunArguments,
    #[command(flatten)]
    log: logging::LogArguments,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  notafter                                    watch this machine's usual places, serve http://127.0.0.1:9849/metrics
  notafter --config notafter.toml             follow a configuration
  notafter check example.com:443              look at an endpoint, once
  notafter check '/etc/nginx/**/*.pem'        look at files, once
  notafter verify --target leaf.pem --chain issuing.pem --anchor root.pem --crl issuing.crl
  notafter config check notafter.toml --estimate
  notafter scan --config notafter.toml --output /var/lib/node_exporter/notafter.prom

Exit codes: 0 fine; 64 the command line or the configuration is wrong; 69 an address cannot be listened on;
check: 1 problems found, 2 something could not be looked at; verify: 1 not good, 2 the target cannot be read; scan: 1 a source could not be listed.";

#[derive(Debug, Subcommand)]
enum Command {
    /// The exporter (the default)
    Run {
        #[command(flatten)]
        run: run::RunArguments,
        #[command(flatten)]
        log: logging::LogArguments,
    },
    /// Look at files and endpoints once, right now
    Check(check::CheckArguments),
    /// The verdict on one certificate from files alone: offline, repeatable
    Verify(verify::VerifyArguments),
    /// Check or show a configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// One round of all sources, written as a file for node_exporter's textfile collector
    Scan(scan::ScanArguments),
    /// Every metric family with its help, type and labels
    Metrics(metrics::MetricsArguments),
}

/// Which configuration.
#[derive(Clone, Debug, Default, Args)]
struct ConfigFile {
    /// The configuration [default: $NOTAFTER_CONFIG, else /etc/notafter/notafter.toml, else this machine's usual places]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The commands and their arguments, for manuals, completions and the list of what users rely on.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Help and version are answers, not errors.
            return if error.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    let code = match cli.command {
        None => run::run(cli.run, cli.log),
        Some(Command::Run { run, log }) => run::run(run, log),
        Some(Command::Check(arguments)) => check::check(arguments),
        Some(Command::Verify(arguments)) => verify::verify(&arguments),
        Some(Command::Config(command)) => config::config(command),
        Some(Command::Scan(arguments)) => scan::scan(arguments),
        Some(Command::Metrics(arguments)) => metrics::metrics(&arguments),
    };
    code.unwrap_or_else(|failed| {
        eprintln!("notafter: {:#}", failed.error);
        failed.code.into()
    })
}

/// A command that could not do its work.
struct Failed {
    code: u8,
    error: anyhow::Error,
}

type Outcome = Result<ExitCode, Failed>;

impl Failed {
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { code: USAGE, error: error.into() }
    }

    fn with(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into() }
    }
}

/// `1 place`, `2 places`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Runs a future on the program's runtime.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("notafter")
        .build()
        .map_err(|error| Failed::with(UNAVAILABLE, error))?;
    let result = runtime.block_on(future);
    // A scan may hang in a system call; the process does not wait for it.
    runtime.shutdown_background();
    Ok(result)
}
