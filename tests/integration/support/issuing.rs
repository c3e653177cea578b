//! A certificate authority run with `openssl ca`, with all that it publishes: its list by nginx, its answers by `openssl ocsp`.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use time::{Duration, OffsetDateTime};

use super::exporter::until;
use super::openssl::openssl;
use super::running::{Running, free_address};

const CONFIG: &str = "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\nserial = serial\ncrlnumber = crlnumber\nnew_certs_dir = .\n\
    certificate = ca.pem\nprivate_key = ca.key\ndefault_md = sha256\ndefault_days = 30\ndefault_crl_days = 1\npolicy = p\n\
    unique_subject = no\ncrl_extensions = crl\n[p]\ncommonName = supplied\n[crl]\nauthorityKeyIdentifier = keyid\n\
    [delegate]\nauthorityKeyIdentifier = keyid\nextendedKeyUsage = OCSPSigning\nnoCheck = ignored\n";

/// The CA.
pub struct IssuingCa {
    folder: tempfile::TempDir,
}

impl IssuingCa {
    /// One of this name, with nothing issued yet.
    pub fn new(name: &str) -> Self {
        let ca = Self { folder: tempfile::Builder::new().prefix("issuing").tempdir().unwrap() };
        for (file, text) in [("ca.cnf", CONFIG), ("index.txt", ""), ("serial", "1000\n"), ("crlnumber", "01\n")] {
            std::fs::write(ca.at(file), text).unwrap();
        }
        std::fs::create_dir(ca.at("www")).unwrap();
        let subject = format!("/CN={name}");
        // RSA: its signatures are all of one length, so that one may take the place of another.
        let new_key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"];
        let is_ca = ["-addext", "keyUsage = critical, keyCertSign, cRLSign, digitalSignature"];
        ca.openssl(&[&["req", "-x509", "-days", "365", "-subj", &subject][..], &new_key, &is_ca].concat());
        ca
    }

    /// Where its files are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The text of a file of it.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    /// Issues `NAME.pem` with `NAME.key`, and these extensions beside the usual ones.
    pub fn issue(&self, name: &str, extensions: &[&str]) -> String {
        let section = format!("leaf_{name}");
        let lines: String = extensions.iter().map(|line| format!("{line}\n")).collect();
        let config = format!("{}[{section}]\nauthorityKeyIdentifier = keyid\n{lines}", self.text("ca.cnf"));
        std::fs::write(self.at("ca.cnf"), config).unwrap();
        self.issue_as(name, &section, &[])
    }

    /// Issues a certificate for signing OCSP answers, for so many days.
    pub fn delegate(&self, name: &str, days: &str) {
        self.issue_as(name, "delegate", &["-days", days]);
    }

    fn issue_as(&self, name: &str, section: &str, more: &[&str]) -> String {
        let [key, request, certificate] = ["key", "csr", "pem"].map(|ending| format!("{name}.{ending}"));
        let subject = format!("/CN={name}");
        let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", &key];
        self.openssl(&[&["req", "-new", "-subj", &subject, "-out", &request][..], &new_key].concat());
        let made = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-extensions", section, "-in", &request, "-out", &certificate];
        self.openssl(&[&made[..], more].concat());
        self.text(&certificate)
    }

    /// Revokes it, for a reason as RFC 5280 spells it.
    pub fn revoke(&self, name: &str, reason: &str) {
        self.openssl(&["ca", "-config", "ca.cnf", "-revoke", &format!("{name}.pem"), "-crl_reason", reason]);
    }

    /// Makes the revocation that old.
    pub fn revoked_since(&self, name: &str, ago: Duration) {
        let at = written(OffsetDateTime::now_utc() - ago);
        self.change_entry(name, |fields| {
            let (_, reason) = fields[2].split_once(',').unwrap();
            fields[2] = format!("{},{reason}", &at[2..]);
        });
    }

    /// Takes a hold back.
    pub fn release(&self, name: &str) {
        self.change_entry(name, |fields| (fields[0], fields[2]) = ("V".to_owned(), String::new()));
    }

    fn change_entry(&self, name: &str, change: impl Fn(&mut Vec<String>)) {
        let (text, of_name) = (self.text("index.txt"), format!("/CN={name}"));
        let lines = text.lines().map(|line| {
            let mut fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
            if fields[5] == of_name {
                change(&mut fields);
            }
            fields.join("\t") + "\n"
        });
        std::fs::write(self.at("index.txt"), lines.collect::<String>()).unwrap();
    }

    /// Issues a list and puts it where nginx serves it, in one step.
    pub fn publish(&self) {
        self.openssl(&["ca", "-config", "ca.cnf", "-gencrl", "-out", "crl.pem"]);
        self.openssl(&["crl", "-in", "crl.pem", "-outform", "DER", "-out", "www/next"]);
        std::fs::rename(self.at("www/next"), self.at("www/ca.crl")).unwrap();
    }

    /// A responder that signs with `SIGNER.pem`, on this port. OpenSSL cannot bind it to one address.
    pub fn responder(&self, address: SocketAddr, signer: &str, more: &[&str]) -> Running {
        let (certificate, key, port) = (format!("{signer}.pem"), format!("{signer}.key"), address.port().to_string());
        let log = self.at(&format!("responder-{port}.log"));
        let child = Command::new("openssl")
            .args(["ocsp", "-port", &port, "-index", "index.txt", "-CA", "ca.pem", "-rsigner", &certificate, "-rkey", &key, "-ndays", "1"])
            .args(more)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .expect("openssl is installed");
        // A connection without a request would keep it busy for ever.
        until("the responder listens", || std::fs::read_to_string(&log).unwrap().contains("waiting for OCSP").then_some(()));
        Running(child)
    }

    /// Writes the CA's own answer about a certificate, for a day; the CertID is of this digest (`-sha256`).
    pub fn answer(&self, name: &str, digest: &str, file: &str) {
        self.openssl(&["ocsp", digest, "-issuer", "ca.pem", "-cert", &format!("{name}.pem"), "-no_nonce", "-reqout", "request"]);
        let signer = ["-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key", "-resp_no_certs", "-ndays", "1"];
        self.openssl(&[&["ocsp", "-index", "index.txt", "-reqin", "request", "-respout", file][..], &signer].concat());
    }

    /// Makes an answer of [`IssuingCa::answer`] that old, and signs it again.
    pub fn make_older(&self, file: &str, by: Duration) {
        let mut der = std::fs::read(self.at(file)).unwrap();
        for at in 0..der.len() - 17 {
            if der[at..].starts_with(b"\x18\x0f20") {
                let older = read(std::str::from_utf8(&der[at + 2..at + 17]).unwrap()) - by;
                der[at + 2..at + 17].copy_from_slice(written(older).as_bytes());
            }
        }
        // id-pkix-ocsp-basic, then an OCTET STRING with a BasicOCSPResponse, both over 255 bytes; what is signed comes first in it.
        let basic = b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01";
        let start = der.windows(basic.len()).position(|window| window == basic).unwrap() + basic.len() + 8;
        let end = start
            + match der[start + 1] {
                0x81 => 3 + usize::from(der[start + 2]),
                short => 2 + usize::from(short),
            };
        std::fs::write(self.at("signed"), &der[start..end]).unwrap();
        self.openssl(&["dgst", "-sha256", "-sign", "ca.key", "-out", "signature", "signed"]);
        let signature = std::fs::read(self.at("signature")).unwrap();
        let at = der.len() - signature.len();
        der[at..].copy_from_slice(&signature);
        std::fs::write(self.at(file), der).unwrap();
    }

    fn openssl(&self, arguments: &[&str]) {
        openssl(self.path(), arguments);
    }
}

/// nginx before the CA: serves the list, passes questions on, and remembers.
pub struct Front {
    /// Where the list is.
    pub list: String,
    /// Where the responder is.
    pub ocsp: String,
    /// What to start the responder behind it on.
    pub responder: SocketAddr,
    log: PathBuf,
    _running: Running,
}

impl Front {
    /// Starts one for this CA.
    pub fn of(ca: &IssuingCa) -> Self {
        let (lists, ocsp, responder) = (free_address(), free_address(), free_address());
        let home = ca.path().display();
        let config = format!(
            "daemon off; master_process off; pid {home}/pid; error_log {home}/error.log; events {{ worker_connections 64; }}\n\
             http {{ client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home}; uwsgi_temp_path {home};\n\
             scgi_temp_path {home}; log_format asked '$server_port $request_method $uri $status [$request_body]';\n\
             access_log {home}/access.log asked;\n\
             server {{ listen {lists}; root {home}/www; }}\n\
             server {{ listen {ocsp}; location / {{ proxy_pass http://{responder}; }} }} }}\n"
        );
        std::fs::write(ca.at("nginx.conf"), config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(ca.path()).arg("-e").arg(ca.at("error.log")).arg("-c").arg(ca.at("nginx.conf"));
        let running = Running::server(&mut command, lists);
        Self {
            list: format!("http://{lists}/ca.crl"),
            ocsp: format!("http://{ocsp}"),
            responder,
            log: ca.at("access.log"),
            _running: running,
        }
    }

    /// The extension that points to the list.
    pub fn list_extension(&self) -> String {
        format!("crlDistributionPoints = URI:{}", self.list)
    }

    /// The extension that points to the responder.
    pub fn ocsp_extension(&self) -> String {
        format!("authorityInfoAccess = OCSP;URI:{}", self.ocsp)
    }

    /// What was asked of the list's server: `GET /ca.crl 200`.
    pub fn lists(&self) -> Vec<String> {
        self.asked(&self.list)
    }

    /// What was asked of the responder.
    pub fn questions(&self) -> Vec<String> {
        self.asked(&self.ocsp)
    }

    fn asked(&self, url: &str) -> Vec<String> {
        let port = url.rsplit(':').next().unwrap().split('/').next().unwrap();
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines()
            .filter_map(|line| line.strip_prefix(port)?.strip_prefix(' '))
            .map(|line| line.trim_end_matches(" [-]").to_owned())
            .collect()
    }
}

/// As GeneralizedTime.
fn written(at: OffsetDateTime) -> String {
    let (date, time) = (at.date(), at.time());
    let (month, day) = (u8::from(date.month()), date.day());
    format!("{:04}{month:02}{day:02}{:02}{:02}{:02}Z", date.year(), time.hour(), time.minute(), time.second())
}

fn read(text: &str) -> OffsetDateTime {
    let part = |range: std::ops::Range<usize>| text[range].parse::<u8>().unwrap();
    let date = time::Date::from_calendar_date(text[..4].parse().unwrap(), part(4..6).try_into().unwrap(), part(6..8)).unwrap();
    date.with_hms(part(8..10), part(10..12), part(12..14)).unwrap().assume_utc()
}
