//! The real curl, and what it got.

use std::process::Command;

/// How a request ended.
#[derive(Debug)]
pub struct Curled {
    /// curl's own exit code: 35 and 56 are TLS that was refused.
    pub code: i32,
    /// The status; 0 when nobody answered.
    pub status: u16,
    /// `1.1` or `2`.
    pub version: String,
    /// The head, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
    /// What it complained of.
    pub complaint: String,
}

/// Runs it with these arguments; never for longer than half a minute.
pub fn curl<S: AsRef<str>>(arguments: &[S]) -> Curled {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*", "--dump-header", "-"])
        .args(["--write-out", "\n%{http_code} %{http_version}"])
        .args(arguments.iter().map(AsRef::as_ref))
        .env_remove("HOME")
        .output()
        .expect("curl is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, written) = text.rsplit_once('\n').unwrap();
    let (status, version) = written.split_once(' ').unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or(("", answer));
    Curled {
        code: output.status.code().unwrap(),
        status: status.parse().unwrap(),
        version: version.to_owned(),
        head: head.to_lowercase(),
        body: body.to_owned(),
        complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
