//! File systems that only the program under test sees: a mount namespace of its own. Needs the right to mount, as root has it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A namespace, and the process that holds it.
pub struct Namespace(Child);

impl Namespace {
    /// Made by these commands of a shell: mounts, most likely.
    pub fn new(commands: &str) -> Self {
        let script = format!("set -e; {commands}\necho made; exec sleep 600");
        let mut child = Command::new("unshare")
            .args(["--mount", "--", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is installed");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let namespace = Self(child);
        assert_eq!(line, "made\n", "these tests mount, which root may: {commands}");
        namespace
    }

    /// The command, to be run in there. Its process is the program itself.
    pub fn inside(&self, command: &Command) -> Command {
        wrapped(&["nsenter", &format!("--mount=/proc/{}/ns/mnt", self.0.id()), "--"], command)
    }

    /// Runs commands of a shell in there.
    pub fn sh(&self, commands: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-ec", commands]);
        assert!(self.inside(&shell).status().unwrap().success(), "{commands}");
    }

    /// Where a path of the namespace is to be found from outside.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref().strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{}/root", self.0.id())).join(path)
    }
}

/// The command behind these words, with its environment: what they name must become the program and not start it.
pub fn wrapped(words: &[&str], command: &Command) -> Command {
    let mut outer = Command::new(words[0]);
    outer.args(&words[1..]).arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
