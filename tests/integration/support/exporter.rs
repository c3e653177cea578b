//! The real program: started in a folder of its own, scraped, told things, ended.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::scrape::Scrape;

/// Longer than anything takes on a busy machine.
pub const PLENTY: Duration = Duration::from_secs(40);

/// Asks until it gives something; panics with `what` when it never does.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PLENTY, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A temporary folder with a configuration and what it watches; also the program's home.
pub struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    /// With `notafter.toml` of this text; `DIR` in it stands for the folder.
    pub fn new(config: &str) -> Self {
        let folder = Self { dir: tempfile::Builder::new().prefix("e2e-").tempdir().unwrap() };
        folder.config(config);
        folder
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path in it, as text.
    pub fn at(&self, name: &str) -> String {
        self.path().join(name).to_str().unwrap().to_owned()
    }

    /// Replaces the configuration.
    pub fn config(&self, text: &str) {
        self.write("notafter.toml", text.replace("DIR", self.path().to_str().unwrap()));
    }

    /// Writes a file and the folders above it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The program, with nothing of this machine's environment that it heeds.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notafter"));
        for name in ["NOTAFTER_CONFIG", "STATE_DIRECTORY", "CACHE_DIRECTORY", "RUST_LOG"] {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.path())
            .env("HOME", self.path().join("home"))
            .env("XDG_STATE_HOME", self.path().join("home/state"))
            .env("XDG_CACHE_HOME", self.path().join("home/cache"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }

    /// Starts the exporter on a port of its own.
    pub fn start(&self) -> Exporter {
        self.start_with(&["--listen", "127.0.0.1:0"])
    }

    /// Starts the exporter with these arguments beside `--config`.
    pub fn start_with(&self, arguments: &[&str]) -> Exporter {
        let config = self.at("notafter.toml");
        Exporter::spawn(self.command(["--config", &config].into_iter().chain(arguments.iter().copied())))
    }

    /// Starts the exporter and waits until every source's first round has ended.
    pub fn ready(&self) -> Exporter {
        let exporter = self.start();
        exporter.until_ready();
        exporter
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A running exporter; it ends with this.
pub struct Exporter {
    /// Where it listened first.
    pub address: SocketAddr,
    child: Child,
    out: Captured,
    err: Captured,
}

impl Exporter {
    /// Starts the program with arguments that make it the exporter.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (Captured::of(child.stdout.take().unwrap()), Captured::of(child.stderr.take().unwrap()));
        // The log says it before the first round has ended, the banner after.
        let address = until("the exporter listens", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the exporter ended with {status}: {}", err.text());
            }
            let text = err.text();
            let (_, rest) = text.split_once("listen=[").or_else(|| text.split_once("\"listen\":\"["))?;
            rest.split([']', ',']).next()?.parse().ok()
        });
        Self { address, child, out, err }
    }

    /// Waits until every source's first round has ended.
    pub fn until_ready(&self) {
        until("ready", || (self.get("/-/ready").status == 200).then_some(()));
    }

    /// Asks for a page.
    pub fn get(&self, path: &str) -> Answer {
        get(self.address, path, "")
    }

    /// `/metrics`, read strictly.
    pub fn scrape(&self) -> Scrape {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200);
        Scrape::parse(&answer.text())
    }

    /// Scrapes until it gives something.
    pub fn scrape_until<T>(&self, what: &str, mut holds: impl FnMut(&Scrape) -> Option<T>) -> T {
        until(what, || holds(&self.scrape()))
    }

    /// Waits until this many more scans of a source have ended.
    pub fn scans(&self, source: &str, more: f64) {
        let count = |scrape: &Scrape| scrape.value("x509_source_scan_duration_seconds_count", &[("source_name", source)]).unwrap_or(0.0);
        let before = count(&self.scrape());
        self.scrape_until("another scan", |scrape| (count(scrape) >= before + more).then_some(()));
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        self.err.text()
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        self.out.text()
    }

    /// Waits until standard error holds this.
    pub fn until_logged(&self, text: &str) {
        let started = Instant::now();
        while !self.stderr().contains(text) {
            assert!(started.elapsed() < PLENTY, "never logged: {text}\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        until("the exporter ends", || self.child.try_wait().unwrap())
    }

    /// Ends it as a service manager does, and waits.
    pub fn terminate(mut self) -> String {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.stderr());
        self.stderr()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the exporter said:\n{}{}---", self.stdout(), self.stderr());
        }
    }
}

/// What comes out of a pipe, as it comes.
struct Captured(Arc<Mutex<String>>);

impl Captured {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let written = text.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let mut text = written.lock().unwrap();
                text.push_str(&String::from_utf8_lossy(&line));
                text.push('\n');
            }
        });
        Self(text)
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status; 0 when nobody answered.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The body as sent.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, inflated where it has to be.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.head.contains("content-encoding: gzip") {
            flate2::read::GzDecoder::new(&self.body[..]).read_to_string(&mut text).unwrap();
            return text;
        }
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// Asks for a page, in HTTP/1.0: the body ends with the connection. `headers` are lines that end in CRLF.
pub fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let none = Answer { status: 0, head: String::new(), body: Vec::new() };
    let Ok(mut stream) = TcpStream::connect(address) else { return none };
    stream.set_read_timeout(Some(PLENTY)).unwrap();
    let mut bytes = Vec::new();
    let asked = stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n").as_bytes());
    if asked.and_then(|()| stream.read_to_end(&mut bytes)).is_err() {
        return none;
    }
    answer(&bytes).unwrap_or(none)
}

/// Takes an answer apart.
pub fn answer(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head, body: bytes[end + 4..].to_vec() })
}

/// What a command that ends by itself did.
pub fn ran(mut command: Command) -> Ran {
    Ran::from(command.output().unwrap())
}

/// A PromQL query's way into a path.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// `promtool check metrics` finds nothing to say.
pub fn promtool_accepts(text: &str) {
    let (is_well, said) = promtool(text);
    assert!(is_well && said.is_empty(), "promtool: {said}");
}

/// Whether `promtool check metrics` is content, and what it says.
pub fn promtool(text: &str) -> (bool, String) {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}
