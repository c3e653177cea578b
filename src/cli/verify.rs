//! `notafter verify`: the verdict on one certificate, offline and repeatable.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rustls_pki_types::ServerName;
use serde::Serialize;

use super::logging::LogArguments;
use super::{Failed, Outcome};
use crate::app::story::printable;
use crate::assess;
use crate::model::{Clock, Finding, HumanDuration, Policy, UnixTime, clock::SystemClock};
use crate::pki::verify::{self, File, Given, PathState, Purpose, Question, SourceVerdict, Verdict};
use crate::source::file::read_bounded;

/// Bytes of a file with certificates or OCSP responses.
const FILE: u64 = 16 << 20;
/// Bytes of a file with CRLs.
const CRL_FILE: u64 = 1 << 30;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyArguments {
    /// The certificate: the first one of this file, PEM or DER
    #[arg(long, value_name = "FILE")]
    target: PathBuf,
    /// Certificates between target and anchor, and of those who sign CRLs; repeats
    #[arg(long, value_name = "FILE")]
    chain: Vec<PathBuf>,
    /// Trust anchors; without one the path is not checked; repeats
    #[arg(long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
    /// CRLs, complete ones and deltas; repeats
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// OCSP responses; repeats
    #[arg(long, value_name = "FILE")]
    ocsp: Vec<PathBuf>,
    /// The server that the certificate has to name
    #[arg(long, value_name = "NAME", value_parser = server_name)]
    server_name: Option<ServerName<'static>>,
    /// What it is to be used for
    #[arg(long, value_enum, default_value = "any")]
    purpose: PurposeArgument,
    /// Judge as of this time instead of now, in Unix seconds
    #[arg(long, value_name = "UNIX", allow_negative_numbers = true)]
    at: Option<i64>,
    /// Refuse answers whose thisUpdate is older, even before their nextUpdate
    #[arg(long, value_name = "DURATION")]
    max_age: Option<HumanDuration>,
    /// How the verdict looks
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  notafter verify --target shop.pem --chain intermediate.pem --anchor root.pem --crl issuing.crl
  notafter verify --target shop.pem --chain intermediate.pem --ocsp response.der --max-age 3d --format json

Nothing is fetched. Exit codes: 0 good or not applicable, 1 not, 2 the target (or a file of the chain or of the anchors) cannot be read.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PurposeArgument {
    Server,
    Client,
    Any,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(super) fn verify(arguments: &VerifyArguments) -> Outcome {
    LogArguments::start_quietly();
    let certificates = |paths: &[PathBuf]| paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>();
    let files = |paths: &[PathBuf], limit| -> Vec<File> {
        let file = |path: &PathBuf| File { name: path.display().to_string().into(), bytes: read_bounded(path, limit).ok() };
        paths.iter().map(file).collect()
    };
    let given = Given {
        target: read(&arguments.target)?,
        chain: certificates(&arguments.chain)?,
        anchors: certificates(&arguments.anchor)?,
        crls: files(&arguments.crl, CRL_FILE),
        responses: files(&arguments.ocsp, FILE),
    };
    let question = Question {
        now: arguments.at.map_or_else(|| UnixTime::from(SystemClock::new().now()), UnixTime::from_secs),
        purpose: match arguments.purpose {
            PurposeArgument::Server => Purpose::Server,
            PurposeArgument::Client => Purpose::Client,
            PurposeArgument::Any => Purpose::Any,
        },
        server_name: arguments.server_name.clone(),
        policy: Policy { max_age: arguments.max_age.map(|age| age.0), ..Policy::default() },
    };
    let verdict = verify::verify(&given, &question).map_err(|error| unreadable(&error, arguments))?;
    let findings = findings(&verdict, question.now);
    let text = match arguments.format {
        Format::Text => text(&arguments.target, &verdict, &findings),
        Format::Json => json(&verdict, &findings).map_err(|error| Failed::with(2, error))?,
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // Who has seen enough goes by the exit code.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(Failed::with(2, error)),
        _ => {}
    }
    Ok(ExitCode::from(u8::from(!verdict.is_good())))
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    read_bounded(path, FILE).map_err(|failure| Failed::with(2, anyhow::anyhow!("{}", failure.detail)))
}

fn unreadable(error: &verify::Unreadable, arguments: &VerifyArguments) -> Failed {
    let (path, detail) = match error {
        verify::Unreadable::Chain { index, detail } => (arguments.chain.get(*index), detail),
        verify::Unreadable::Anchor { index, detail } => (arguments.anchor.get(*index), detail),
        verify::Unreadable::Target(detail) => (Some(&arguments.target), detail),
        // The enum may grow.
        #[expect(unreachable_patterns, reason = "non_exhaustive only for other crates")]
        _ => (None, &String::new()),
    };
    Failed::with(2, anyhow::anyhow!("{}: {detail}", path.map(|path| path.display().to_string()).unwrap_or_default()))
}

fn server_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.strip_suffix('.').unwrap_or(text).to_owned()).map_err(|_| "neither a DNS name nor an IP address".to_owned())
}

/// What is wrong with the target; with the CAs of its path, by the same words behind `issuer_`; with the verdict.
fn findings(verdict: &Verdict, now: UnixTime) -> Vec<String> {
    let own = assess::certificate(&verdict.target, now).iter().map(|finding| finding.as_str().to_owned());
    let issuers = || verdict.issuers.iter().map(|issuer| assess::certificate(issuer, now));
    let above = Finding::ALL.iter().filter(|finding| issuers().any(|found| found.contains(**finding)));
    own.chain(verdict.remarks.iter().map(|remark| remark.as_str().to_owned()))
        .chain(above.map(|finding| format!("issuer_{finding}")))
        .collect()
}

/// The form that programs rely on: documented in `docs/VERDICTS.md`.
#[derive(Serialize)]
struct Shown<'a> {
    status: &'a str,
    reason: Option<&'a str>,
    path: &'a str,
    path_error: Option<&'a str>,
    findings: &'a [String],
    sources: Vec<ShownSource<'a>>,
}

#[derive(Serialize)]
struct ShownSource<'a> {
    kind: &'a str,
    usable: bool,
    why: Option<&'a str>,
    this_update: Option<String>,
    next_update: Option<String>,
    number: Option<&'a str>,
}

fn json(verdict: &Verdict, findings: &[String]) -> Result<String, serde_json::Error> {
    let source = |source: &'_ SourceVerdict| ShownSource {
        kind: source.kind.as_str(),
        usable: source.usable.is_ok(),
        why: source.usable.err().map(|why| why.as_str()),
        this_update: source.this_update.map(UnixTime::rfc3339),
        next_update: source.next_update.map(UnixTime::rfc3339),
        number: None,
    };
    let sources = verdict.sources.iter().map(|given| ShownSource { number: given.number.as_deref(), ..source(given) }).collect();
    let shown = Shown {
        status: verdict.status.as_str(),
        reason: verdict.because.as_ref().map(verify::Because::as_str),
        path: verdict.path.as_str(),
        path_error: verdict.path_error.map(|error| error.as_str()),
        findings,
        sources,
    };
    serde_json::to_string_pretty(&shown).map(|text| text + "\n")
}

fn text(target: &Path, verdict: &Verdict, findings: &[String]) -> String {
    // Names come from whoever wrote the certificate: no control character of theirs reaches the terminal.
    let line = |name: &str, value: &str| format!("  {name:10}  {}\n", printable(value));
    let status = match &verdict.because {
        Some(verify::Because::Revoked { at, reason }) => format!("revoked since {at}: {reason}"),
        Some(because) => format!("{}: {}", verdict.status, because.as_str()),
        None => verdict.status.to_string(),
    };
    let path = match verdict.path {
        PathState::Valid if verdict.issuers.is_empty() => "valid".to_owned(),
        PathState::Valid => {
            format!("valid, over {}", verdict.issuers.iter().map(|issuer| &*issuer.subject).collect::<Vec<_>>().join(" and "))
        }
        PathState::Invalid => {
            let words = verdict.path_detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
            format!("invalid: {}{words}", verdict.path_error.map_or("", |error| error.as_str()))
        }
        PathState::NotChecked => "not checked: no anchor was given".to_owned(),
    };
    let certificate = &verdict.target;
    let mut text = format!("{}: {}\n", printable(&target.display().to_string()), if verdict.is_good() { "good" } else { "not good" });
    text += &line("target", &format!("{}, ends {}", certificate.subject, certificate.not_after));
    text += &line("revocation", &status);
    text += &line("path", &path);
    if !findings.is_empty() {
        text += &line("findings", &findings.join(", "));
    }
    for source in &verdict.sources {
        let time = |at: Option<UnixTime>| at.map_or_else(|| "?".to_owned(), UnixTime::rfc3339);
        let mut dates = match source.this_update {
            None => String::new(),
            Some(_) => {
                format!(", {} to {}", time(source.this_update), source.next_update.map_or_else(|| "no end".to_owned(), UnixTime::rfc3339))
            }
        };
        if let Some(number) = &source.number {
            dates += &format!(", number {number}");
        }
        let state = source.usable.map_or_else(|why| format!("not usable: {why}"), |()| "usable".to_owned());
        text += &line(source.kind.as_str(), &format!("{}: {state}{dates}", source.from));
    }
    text
}
