//! A client's own identity: certificates with their private key. The one place where a key is taken out of a container.
//!
//! Keys are wiped where they are dropped here; the key that is handed out wipes nothing, whoever takes it loads and drops it at once.

use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::{Filling, sniff};
use crate::model::{Limits, Secret};

/// Certificates and the keys that may belong to them.
pub struct Identity {
    /// DER certificates, in the order found.
    pub certificates: Vec<Vec<u8>>,
    /// Private keys, in the order found: one, as a rule.
    pub keys: Vec<PrivateKeyDer<'static>>,
}

/// Why there is none, in words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdentityError(pub String);

/// Reads an identity from a certificate file and a key file (PEM or DER), or from one PKCS#12 store with both (then `key` is `None`).
///
/// # Errors
/// No certificate, no key, a key that is encrypted (PEM), or a store that does not open.
pub fn client_identity(certificate: &[u8], key: Option<&[u8]>, passphrases: &[Secret], limits: &Limits) -> Result<Identity, IdentityError> {
    let wants_store_keys = key.is_none().then(Vec::new);
    let mut filling = Filling { contents: Default::default(), limits, passphrases, rounds: 0, full: false, keys: wants_store_keys };
    filling.file(certificate);
    if filling.contents.certificates.is_empty() {
        let why = filling.contents.problems.first().map_or_else(|| "no certificate in it".to_owned(), |problem| problem.detail.clone());
        return Err(IdentityError(why));
    }
    let keys = match key {
        Some(key) => vec![plain_key(key)?],
        None => {
            let bags = filling.keys.take().unwrap_or_default();
            let (passphrases, _) = filling.passphrases();
            let opened = bags.iter().map(|bag| bag.open(&passphrases, filling.rounds, limits.kdf_iterations));
            let opened = opened.map(|key| key.map(|key| PrivateKeyDer::Pkcs8(key.to_vec().into())).map_err(IdentityError));
            opened.collect::<Result<Vec<_>, _>>()?
        }
    };
    if keys.is_empty() {
        return Err(IdentityError("no private key in it".to_owned()));
    }
    Ok(Identity { certificates: filling.contents.certificates, keys })
}

fn plain_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, IdentityError> {
    if sniff::looks_like_der(bytes) {
        let der = Zeroizing::new(bytes.to_vec());
        let key = PrivateKeyDer::try_from(der.as_slice()).map_err(|_| IdentityError("not a private key that is known".to_owned()));
        return key.map(|key| key.clone_key());
    }
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        let encrypted = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
        let is_encrypted = encrypted.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == *mark));
        let words = if is_encrypted { "the private key is encrypted; a PKCS#12 store may be" } else { "no private key in it" };
        IdentityError(words.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn openssl(folder: &Path, arguments: &str) {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }

    #[expect(clippy::disallowed_methods, reason = "the test's own files")]
    fn read(folder: &Path, name: &str) -> Vec<u8> {
        std::fs::read(folder.join(name)).unwrap()
    }

    #[test]
    fn every_usual_form_gives_the_same_key_and_the_rest_says_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        openssl(folder, "req -x509 -nodes -newkey rsa:2048 -days 9 -subj /CN=c -keyout key.pem -out cert.pem");
        openssl(folder, "rsa -in key.pem -traditional -out pkcs1.pem");
        openssl(folder, "pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der");
        openssl(folder, "pkcs8 -topk8 -in key.pem -passout pass:x -out locked.pem");
        openssl(folder, "pkcs12 -export -inkey key.pem -in cert.pem -passout pass:x -out modern.p12");
        openssl(folder, "pkcs12 -export -legacy -inkey key.pem -in cert.pem -passout pass:x -out legacy.p12");
        openssl(folder, "pkcs12 -export -keypbe NONE -certpbe NONE -inkey key.pem -in cert.pem -passout pass:x -out plain.p12");
        openssl(folder, "pkcs12 -export -nokeys -in cert.pem -passout pass:x -out keyless.p12");
        let pkcs8 = read(folder, "key.der");
        let secret = [Secret("x".into())];
        for (certificate, key, passphrases, expected) in [
            ("cert.pem", Some("key.pem"), &[][..], Ok("pkcs8")),
            ("cert.pem", Some("key.der"), &[], Ok("pkcs8")),
            ("cert.pem", Some("pkcs1.pem"), &[], Ok("pkcs1")),
            ("modern.p12", None, &secret, Ok("pkcs8")),
            ("legacy.p12", None, &secret, Ok("pkcs8")),
            ("plain.p12", None, &secret, Ok("pkcs8")),
            ("cert.pem", Some("locked.pem"), &[], Err("is encrypted")),
            ("cert.pem", Some("cert.pem"), &[], Err("no private key in it")),
            ("key.pem", Some("key.pem"), &[], Err("no certificate in it")),
            ("keyless.p12", None, &secret, Err("no private key in it")),
            ("modern.p12", None, &[], Err("no passphrase given opens it")),
        ] {
            let key = key.map(|name| read(folder, name));
            let found = client_identity(&read(folder, certificate), key.as_deref(), passphrases, &Limits::default());
            match (found, expected) {
                (Ok(identity), Ok(form)) => {
                    assert_eq!(identity.certificates.len(), 1, "{certificate}");
                    assert!(form != "pkcs8" || identity.keys[0].secret_der() == pkcs8, "{certificate}");
                    assert!(rustls::crypto::aws_lc_rs::sign::any_supported_type(&identity.keys[0]).is_ok(), "{certificate}");
                }
                (Err(error), Err(words)) => assert!(error.0.contains(words), "{certificate}: {error}"),
                (found, expected) => panic!("{certificate}: {:?}, expected {expected:?}", found.err()),
            }
        }
        let few = Limits { kdf_iterations: 3000, ..Limits::default() };
        let error = client_identity(&read(folder, "modern.p12"), None, &secret, &few).err().unwrap();
        assert!(error.0.contains("rounds of key derivation"), "{error}");
    }
}
