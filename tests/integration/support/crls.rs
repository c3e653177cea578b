//! CRLs as OpenSSL issues them.

use std::path::Path;

use super::openssl::openssl;

/// A CA of OpenSSL's that issues CRLs.
pub struct CrlCa {
    folder: tempfile::TempDir,
}

impl CrlCa {
    /// One of this name.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = "[ca]\ndefault_ca = c\n[c]\ndatabase = index.txt\ncertificate = ca.pem\nprivate_key = ca.key\ndefault_md = sha256\n\
                      crlnumber = crlnumber\n[v2]\nauthorityKeyIdentifier = keyid\n";
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.cnf", config);
        write("index.txt", "");
        write("crlnumber", "2A\n");
        // Without a number: no extension is left, and OpenSSL writes version 1.
        write("v1.cnf", &config.replace("crlnumber = crlnumber\n", ""));
        let subject = format!("/CN={name}");
        let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let made = ["req", "-x509", "-days", "3650", "-subj", &subject, "-keyout", "ca.key", "-out", "ca.pem"];
        openssl(folder.path(), &[&made[..], &new_key].concat());
        Self { folder }
    }

    /// Issues one of version 2 for so many days, in PEM; the numbers go up from 42.
    pub fn v2(&self, days: &str) -> String {
        self.issue(&["ca.cnf", "-crlexts", "v2", "-crldays", days])
    }

    /// Issues one of version 1 for 30 days, in PEM.
    pub fn v1(&self) -> String {
        self.issue(&["v1.cnf", "-crldays", "30"])
    }

    /// Issues one of version 2 that ended long ago.
    pub fn stale(&self) -> String {
        self.issue(&["ca.cnf", "-crlexts", "v2", "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200108000000Z"])
    }

    fn issue(&self, arguments: &[&str]) -> String {
        openssl(self.path(), &[&["ca", "-gencrl", "-out", "crl.pem", "-config"], arguments].concat());
        std::fs::read_to_string(self.path().join("crl.pem")).unwrap()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}
