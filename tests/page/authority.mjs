// A CA on disk, by openssl: certificates of any name and any dates, and its CRL.
// May touch: openssl, its own folder.

import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const DAY = 86_400_000;

const CONFIG = `
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_crl_days = 7
crlnumber = crlnumber
rand_serial = yes
unique_subject = no
preserve = yes
policy = any
copy_extensions = copy
string_mask = utf8only
[any]
commonName = optional
organizationName = optional
[req]
distinguished_name = dn
string_mask = utf8only
[dn]
`;

export class Authority {
  // A root in a folder of its own; `crl` is where its certificates say that its list is.
  constructor(folder, name, crl) {
    this.folder = folder;
    this.crl = crl;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "index.txt"), "");
    writeFileSync(join(folder, "crlnumber"), "01\n");
    writeFileSync(join(folder, "ca.cnf"), CONFIG);
    this.openssl("req", "-x509", "-config", "ca.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
      "-out", "ca.pem", "-days", "3650", "-utf8", "-subj", subject(name), "-addext", "basicConstraints=critical,CA:TRUE",
      "-addext", "keyUsage=critical,keyCertSign,cRLSign");
  }

  openssl(...args) {
    return execFileSync("openssl", args, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
  }

  // A leaf of this name that is valid from one day to another, counted from now; with its CA behind it. `host` is its DNS name.
  issue(file, name, from, until, host) {
    this.openssl("req", "-new", "-config", "ca.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "leaf.key",
      "-out", "leaf.csr", "-utf8", "-subj", subject(name), ...(host ? ["-addext", `subjectAltName=DNS:${host}`] : []));
    const extensions = `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\ncrlDistributionPoints=URI:${this.crl}\n`;
    writeFileSync(join(this.folder, "leaf.ext"), extensions);
    this.openssl("ca", "-batch", "-notext", "-utf8", "-config", "ca.cnf", "-extfile", "leaf.ext", "-startdate", date(from), "-enddate", date(until),
      "-in", "leaf.csr", "-out", file);
    appendFileSync(file, readFileSync(join(this.folder, "ca.pem")));
  }

  // Takes a certificate back.
  revoke(file) {
    this.openssl("ca", "-config", "ca.cnf", "-revoke", file, "-crl_reason", "keyCompromise");
  }

  // Its list, as of now.
  list() {
    this.openssl("ca", "-config", "ca.cnf", "-gencrl", "-out", "ca.crl");
    return this.openssl("crl", "-in", "ca.crl", "-outform", "DER");
  }
}

// A common name as openssl takes it, whatever is in it.
function subject(name) {
  return `/CN=${name.replace(/[\\/+=]/g, (special) => `\\${special}`)}`;
}

function date(days) {
  return new Date(Date.now() + days * DAY).toISOString().replace(/[-:T]/g, "").slice(0, 14) + "Z";
}
