//! Peers with the rights of nobody, where the test itself may do everything.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NOBODY: u32 = 65_534;

/// A silent program in this folder.
pub fn command(program: &Path, folder: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env("LC_ALL", "C");
    command
}

/// A folder with `cert.pem` and `key.pem`, empty without a pair; still ours.
pub fn folder(pair: Option<(&str, &str)>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let (chain, key) = pair.unwrap_or_default();
    std::fs::write(path.join("cert.pem"), chain).unwrap();
    std::fs::write(path.join("key.pem"), key).unwrap();
    (folder, path)
}

/// Gives the folder and what is in it to nobody; `key.pem` is read by nobody else.
pub fn give(folder: &Path) {
    std::fs::set_permissions(folder.join("key.pem"), PermissionsExt::from_mode(0o600)).unwrap();
    if rustix::process::geteuid().is_root() {
        for entry in std::fs::read_dir(folder).unwrap() {
            chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}
