//! Material for tests: certificates made by rcgen, files made by openssl and keytool. Made anew in each run; no key is kept.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::TempDir;

/// A certificate with what is needed to issue further ones.
pub struct Issued {
    pub der: Vec<u8>,
    pub params: CertificateParams,
    pub key: KeyPair,
}

impl Issued {
    /// A root.
    pub fn root(name: &str) -> Self {
        let (params, key) = (ca_params(name), KeyPair::generate().unwrap());
        Self { der: params.self_signed(&key).unwrap().der().to_vec(), params, key }
    }

    /// A CA below this one.
    pub fn intermediate(&self, name: &str) -> Self {
        self.issue(ca_params(name))
    }

    /// A server certificate below this one.
    pub fn leaf(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = leaf_params(host);
        change(&mut params);
        self.issue(params)
    }

    /// The DER of another certificate for the same name and key, below this one.
    pub fn issue_for(&self, other: &Self) -> Vec<u8> {
        other.params.clone().signed_by(&other.key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec()
    }

    /// A certificate of these parameters below this one.
    pub fn issue(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec();
        Self { der, params, key }
    }
}

/// A certificate signed by its own key.
pub fn self_signed(params: CertificateParams) -> Issued {
    let key = KeyPair::generate().unwrap();
    Issued { der: params.self_signed(&key).unwrap().der().to_vec(), params, key }
}

/// Parameters of a server certificate, valid from 2020 to 2040.
pub fn leaf_params(host: &str) -> CertificateParams {
    let mut params = named(host, vec![host.to_owned()]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

/// Parameters of a CA, valid from 2020 to 2040.
pub fn ca_params(name: &str) -> CertificateParams {
    let mut params = named(name, Vec::new());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str, names: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params
}

/// One block of PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// One DER value.
pub fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let header = match length {
        0..0x80 => vec![tag, u8::try_from(length).unwrap()],
        0x80..0x1_0000 => [&[tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
        _ => [&[tag, 0x84][..], &u32::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [header, contents.to_vec()].concat()
}

/// A file that openssl or keytool made.
pub fn file(name: &str) -> Vec<u8> {
    static MADE: LazyLock<TempDir> = LazyLock::new(|| {
        let dir = TempDir::new().unwrap();
        make(dir.path());
        dir
    });
    #[expect(clippy::disallowed_methods, reason = "a file of ours")]
    std::fs::read(MADE.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn make(dir: &Path) {
    let output = Command::new("sh").args(["-euc", SCRIPT]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

/// `one` is a leaf with a key, `two` a CA; the passphrase is `secret` unless the name says otherwise.
const SCRIPT: &str = r#"
new() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "$@"; }
new -keyout one.key -out one.pem -subj '/C=DE/O=Example, Inc./CN=one.example' -addext basicConstraints=CA:FALSE -addext subjectAltName=DNS:one.example,IP:192.0.2.1
new -keyout two.key -out two.pem -subj '/DC=com/DC=example/CN=Two CA'
cat one.pem two.pem > both.pem
openssl x509 -in one.pem -outform DER -out one.der
openssl x509 -in two.pem -outform DER -out two.der
openssl x509 -in one.pem -addtrust serverAuth -setalias mine -trustout -out trusted.pem
openssl req -x509 -newkey rsa:1024 -nodes -keyout rsa.key -out sha1.pem -subj /CN=sha1 -sha1 -set_serial -7
openssl req -x509 -key rsa.key -out pss.pem -subj /CN=pss -sha256 -sigopt rsa_padding_mode:pss -not_after 99991231235959Z 2>/dev/null \
  || openssl req -x509 -key rsa.key -out pss.pem -subj /CN=pss -sha256 -sigopt rsa_padding_mode:pss -days 2900000
openssl req -new -key one.key -subj /CN=request -out request.pem
openssl req -in request.pem -outform DER -out request.der
openssl x509 -req -in request.pem -signkey one.key -days 9 -out v1.pem
openssl pkey -in one.key -outform DER -out pkcs8.der
openssl ec -in one.key -outform DER -out sec1.der
openssl rsa -in rsa.key -traditional -outform DER -out pkcs1.der
openssl pkey -in one.key -pubout -outform DER -out public.der
openssl pkcs8 -topk8 -in one.key -passout pass:secret -outform DER -out shrouded.der
openssl pkcs8 -topk8 -in one.key -passout pass:secret -out shrouded.pem

store() { openssl pkcs12 -export "$@"; }
store -in one.pem -inkey one.key -certfile two.pem -passout pass:secret -out aes256.p12
store -in one.pem -inkey one.key -certfile two.pem -passout pass:secret -legacy -out legacy.p12
store -in one.pem -inkey one.key -passout pass:secret -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1 -out 3des.p12
store -in one.pem -inkey one.key -passout pass:secret -certpbe PBE-SHA1-2DES -keypbe PBE-SHA1-2DES -macalg sha384 -out 2des.p12
store -in one.pem -inkey one.key -passout pass:secret -legacy -certpbe PBE-SHA1-RC2-128 -macalg sha512 -out rc2.p12
store -in one.pem -inkey one.key -passout pass:secret -certpbe AES-128-CBC -macalg sha224 -out aes128.p12
store -in one.pem -inkey one.key -passout pass:secret -certpbe AES-192-CBC -out aes192.p12
store -nokeys -in both.pem -passout pass:changeit -out trust.p12
store -nokeys -in both.pem -passout pass: -out empty.p12
store -nokeys -in both.pem -passout pass: -certpbe NONE -nomac -out plain.p12
store -nokeys -in both.pem -passout pass:secret -certpbe NONE -out sealed.p12

mkdir ca; : > ca/index; echo 01 > ca/serial; echo 05 > ca/crlnumber
cat > ca.conf <<END
[ca]
default_ca = one
[one]
database = ca/index
new_certs_dir = ca
serial = ca/serial
default_md = sha256
default_crl_days = 9
policy = any
certificate = two.pem
private_key = two.key
[two]
database = ca/index
crlnumber = ca/crlnumber
crl_extensions = extensions
default_md = sha256
default_crl_days = 9
certificate = two.pem
private_key = two.key
[any]
commonName = supplied
[extensions]
authorityKeyIdentifier = keyid
END
openssl ca -batch -config ca.conf -in request.pem -days 9 -notext -out issued.pem
openssl ca -config ca.conf -gencrl -out v1.crl
openssl ca -config ca.conf -revoke issued.pem
openssl ca -config ca.conf -name two -gencrl -out v2.crl
openssl crl -in v2.crl -outform DER -out v2.crl.der
cat v1.crl v2.crl > both.crl
openssl crl2pkcs7 -in v2.crl -certfile both.pem -out bundle.p7
openssl crl2pkcs7 -nocrl -certfile both.pem -outform DER -out bundle.p7.der
echo hello | openssl cms -sign -stream -nodetach -signer one.pem -inkey one.key -certfile two.pem -outform DER -out streamed.p7
echo hello | openssl cms -encrypt -outform DER -out enveloped.p7 two.pem || openssl cms -data_create -in one.pem -outform DER -out enveloped.p7

keytool -genkeypair -storetype JKS -keystore key.jks -storepass secret6 -keypass secret6 -alias a -dname 'CN=java, O=Example' -keyalg EC -groupname secp256r1
keytool -importcert -noprompt -storetype JKS -keystore key.jks -storepass secret6 -alias b -file two.pem
keytool -importcert -noprompt -storetype JCEKS -keystore trust.jceks -storepass changeit -alias b -file two.pem
keytool -importcert -noprompt -storetype PKCS12 -keystore java.p12 -storepass changeit -alias b -file two.pem
"#;
