//! Manual pages and shell completions, from the definitions of the commands: what a package installs and the program need not carry.
//!
//! `cargo run --locked --example manual -- FOLDER [DATE]` writes `FOLDER/man/notafter.1`, `notafter-check.1` …, and
//! `FOLDER/completions/` for bash, zsh and fish. The same sources give the same bytes; the date is the caller's.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

const NAME: &str = "notafter";
/// What the program reads and writes by itself, on a machine where a package put it.
const FILES: &[(&str, &str)] = &[
    ("/etc/notafter/notafter.toml", "The configuration, where neither --config nor $NOTAFTER_CONFIG names one."),
    (
        "$STATE_DIRECTORY",
        "What outlasts a restart, /var/lib/notafter as a service; else $XDG_STATE_HOME/notafter, else ~/.local/state/notafter.",
    ),
    ("$CACHE_DIRECTORY", "CRLs and OCSP answers, /var/cache/notafter as a service; else $XDG_CACHE_HOME/notafter, else ~/.cache/notafter."),
    ("/usr/share/notafter", "Rules for Prometheus and dashboards for Grafana."),
    ("/usr/share/doc/notafter", "CONFIGURATION.md has every key, METRICS.md every metric, runbooks/ a page for each alert."),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), date, None) = (arguments.next(), arguments.next().unwrap_or_default(), arguments.next()) else {
        eprintln!("usage: manual FOLDER [DATE]");
        return ExitCode::from(64);
    };
    match write(Path::new(&folder), &date) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manual: {folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, date: &str) -> std::io::Result<()> {
    let (manuals, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&manuals)?;
    fs::create_dir_all(&completions)?;
    let mut root = notafter::cli::command();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut root, NAME, &completions)?;
    }
    // `help` is an answer of the program, and no command with a page.
    let mut root = notafter::cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    collect(&root, NAME, &mut pages);
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    for (name, command) in &pages {
        let others = names.iter().copied().filter(|other| other != name);
        fs::write(manuals.join(format!("{name}.1")), page(command, name, date, others)?)?;
    }
    Ok(())
}

/// This command and those below it, each with its page's name.
fn collect<'a>(command: &'a Command, name: &str, pages: &mut Vec<(String, &'a Command)>) {
    pages.push((name.to_owned(), command));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        collect(below, &format!("{name}-{}", below.get_name()), pages);
    }
}

fn page<'a>(command: &Command, name: &str, date: &str, others: impl Iterator<Item = &'a str>) -> std::io::Result<Vec<u8>> {
    let version = format!("{NAME} {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    // By hand: without a date, the generator's own line says the version where the date belongs.
    writeln!(text, ".TH \"{}\" \"1\" \"{date}\" \"{version}\" \"User Commands\"", name.to_uppercase())?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut text)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    after(command, name, others).to_writer(&mut text)?;
    Ok(text)
}

/// What the help says at its end, kept line by line; files; the other pages.
fn after<'a>(command: &Command, name: &str, others: impl Iterator<Item = &'a str>) -> Roff {
    let mut roff = Roff::default();
    let help = command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string).unwrap_or_default();
    for part in help.split("\n\n").filter(|part| !part.is_empty()) {
        // "Examples:" and what follows it, "Exit codes: 0 fine; …".
        let (heading, rest) = part.split_once(':').unwrap_or(("Notes", part));
        let heading = if heading == "Exit codes" { "EXIT STATUS".to_owned() } else { heading.to_uppercase() };
        roff.control("SH", [heading.as_str()]);
        let is_list = rest.starts_with('\n');
        if is_list {
            roff.control("nf", []);
        }
        for line in rest.lines().filter(|line| !line.trim().is_empty()) {
            roff.text([roman(line.trim_start())]);
        }
        if is_list {
            roff.control("fi", []);
        }
    }
    if name == NAME {
        roff.control("SH", ["FILES"]);
        for (path, what) in FILES {
            roff.control("TP", []);
            roff.text([bold(*path)]);
            roff.text([roman(*what)]);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    let others: Vec<&str> = others.collect();
    for (at, other) in others.iter().enumerate() {
        let end = if at + 1 == others.len() { "" } else { "," };
        roff.text([bold(*other), roman(format!("(1){end}"))]);
    }
    roff
}
