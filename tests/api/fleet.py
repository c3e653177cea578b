"""What the exporter watches while its API is tested: something of everything, well and not, with names that are meant to hurt."""

import datetime
import http.server
import pathlib
import socket
import ssl
import subprocess
import threading

# In subjects these stand for bytes that no tool would write there.
HOSTILE = {
    "control": b"\x00\x01\x1b[31m\x7f\r\n\"\\",
    "no-utf8": b"\xff\xfe\xc3(\xed\xa0\x80\xf8",
    "right-to-left": "\u202egpj.exe\u2066\u200f".encode(),
    "markup": b"</script><img src=x>",
    "line-separators": "a\u2028b\u2029c\ufeff\U0010ffff".encode(),
}


def openssl(folder, *arguments, **more):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)


class Authority:
    """A CA in a folder of its own."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.key, self.certificate = f"{name}.key", f"{name}.pem"
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                "-subj", f"/O=API tests/CN={name}", "-keyout", self.key, "-out", self.certificate)
        (self.folder / f"{name}.index").write_text("")
        (self.folder / f"{name}.cnf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={name}.index\ndefault_md=sha256\nrand_serial=yes\ncrlnumber={name}.number\npolicy=p\n[p]\n")
        (self.folder / f"{name}.number").write_text("1000")

    def issue(self, name, subject, extensions, begins=-1, days=30, key="leaf.key"):
        """Writes `name`.pem."""
        day = lambda at: (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=at)).strftime("%y%m%d%H%M%SZ")
        folder = self.folder
        if not (folder / key).exists():
            openssl(folder, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        openssl(folder, "req", "-new", "-utf8", "-key", key, "-subj", subject, "-out", "request.pem")
        (folder / "extensions.cnf").write_text("".join(f"{line}\n" for line in extensions))
        openssl(folder, "ca", "-batch", "-notext", "-config", f"{self.name}.cnf", "-cert", self.certificate, "-keyfile", self.key,
                "-in", "request.pem", "-out", f"{name}.pem", "-startdate", day(begins), "-enddate",
                day(begins + days), "-extfile", "extensions.cnf", "-preserveDN", "-policy", "p", "-outdir", ".", "-md", "sha256")
        return folder / f"{name}.pem"

    def revoke(self, name):
        openssl(self.folder, "ca", "-config", f"{self.name}.cnf", "-cert", self.certificate, "-keyfile", self.key, "-revoke", f"{name}.pem",
                "-crl_reason", "keyCompromise")

    def crl(self, name, *arguments):
        """Writes `name`.crl, in DER and in PEM."""
        openssl(self.folder, "ca", "-config", f"{self.name}.cnf", "-cert", self.certificate, "-keyfile", self.key, "-gencrl", "-out",
                f"{name}.crl.pem", *(arguments or ["-crldays", "7"]))
        openssl(self.folder, "crl", "-in", f"{name}.crl.pem", "-outform", "DER", "-out", f"{name}.crl")
        return (self.folder / f"{name}.crl").read_bytes()


def bend(source, target, word, replacement):
    """Writes a certificate in DER whose subject has other bytes in place of a word: nobody checks the signature of a file."""
    der = ssl.PEM_cert_to_DER_cert(source.read_text())
    assert der.count(word) >= 1, word
    target.write_bytes(der.replace(word, replacement.ljust(len(word), b"~")))


class Fleet:
    """Files, a web server for CRLs and OCSP, and endpoints."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.watched = self.folder / "watched"
        self.watched.mkdir()
        self.servers = []
        self.pages = {}
        web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        threading.Thread(target=web.serve_forever, daemon=True).start()
        self.servers.append(web)
        self.web = f"http://127.0.0.1:{web.server_port}"
        self.make()

    def handler(self):
        pages = self.pages

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = pages.get(self.path)
                self.send_response(200 if body is not None else 404)
                self.end_headers()
                self.wfile.write(body or b"")

            def do_POST(self):
                self.do_GET()

            def log_message(self, *_):
                pass

        return Handler

    def make(self):
        folder, watched = self.folder, self.watched
        root = Authority(folder, "Root")
        points = [f"crlDistributionPoints=URI:{self.web}/root.crl", f"authorityInfoAccess=OCSP;URI:{self.web}/ocsp"]
        good = root.issue("good", "/O=API tests/CN=good.example", ["subjectAltName=DNS:good.example,IP:127.0.0.1,URI:spiffe://example.org/x", *points])
        revoked = root.issue("revoked", "/CN=revoked.example", ["subjectAltName=DNS:revoked.example", *points], key="other.key")
        expired = root.issue("expired", "/CN=expired.example", ["subjectAltName=DNS:expired.example"], begins=-40)
        coming = root.issue("coming", "/CN=coming.example", ["subjectAltName=DNS:coming.example", f"crlDistributionPoints=URI:{self.web}/gone.crl"],
                            begins=9)
        long = root.issue("long", f"/description={'long' * 2_500}/CN=long", [f"subjectAltName=DNS:{'a' * 10_000}.example"])
        word = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF"
        plain = root.issue("plain", f"/CN={word}", ["subjectAltName=DNS:" + word])
        for name, bytes_ in HOSTILE.items():
            bend(plain, watched / f"{name}.der", word.encode(), bytes_)
        for path in (good, revoked, expired, coming, long):
            (watched / path.name).write_text(path.read_text() + (folder / root.certificate).read_text())
        (watched / "other-ca.pem").write_text((folder / Authority(folder, "Other").certificate).read_text())
        (watched / "copy.pem").write_text(good.read_text())
        (watched / "garbage.pem").write_text("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n")
        (watched / "half.pem").write_text(good.read_text() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        root.revoke("revoked")
        self.pages["/root.crl"] = root.crl("fresh")
        self.pages["/ocsp"] = b"this is no OCSP response"
        root.crl("stale", "-crl_lastupdate", "200101000000Z", "-crl_nextupdate", "200108000000Z")
        for name in ("fresh", "stale"):
            (watched / f"{name}.crl").write_bytes((folder / f"{name}.crl").read_bytes())
        (folder / "kubeconfig").write_text(
            "apiVersion: v1\nkind: Config\nusers:\n"
            + f"- name: \"admin \\u202e<b>\"\n  user: {{ client-certificate: {good} }}\n- name: gone\n  user: {{ client-certificate: /gone }}\n")
        self.root = folder / root.certificate
        self.endpoints = [self.tls(good, folder / "leaf.key"), self.tls(expired, folder / "leaf.key"), self.closed(), self.silent()]

    def tls(self, chain, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        return self.listen(lambda stream: context.wrap_socket(stream, server_side=True).close())

    def silent(self):
        """Something that speaks no TLS."""
        return self.listen(lambda stream: (stream.sendall(b"hello\r\n"), stream.close()))

    def listen(self, serve):
        listener = socket.create_server(("127.0.0.1", 0))

        def accept():
            while True:
                try:
                    stream, _ = listener.accept()
                except OSError:
                    return
                try:
                    stream.settimeout(5)
                    serve(stream)
                except OSError:
                    stream.close()

        threading.Thread(target=accept, daemon=True).start()
        self.servers.append(listener)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def closed(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return f"127.0.0.1:{listener.getsockname()[1]}"

    def configuration(self):
        targets = ", ".join(f'{{ target = "{target}", server_name = "good.example" }}' for target in self.endpoints)
        return f"""
[server]
reload = true

[ownership]
labels = ["team"]

[revocation]
allow = ["127.0.0.0/8"]

[policy.strict]
match = {{ names = ["good.example"] }}
key_algorithms = ["RSA"]

[[waiver]]
match = {{ names = ["expired.example"] }}
finding = "expired"
until = "{datetime.date.today() + datetime.timedelta(days=30)}"
owner = "pki \\u202e"
why = "it is a test"

[probe]
allow = ["127.0.0.1:*"]

[probe.modules.strict]
roots = ["{self.root}"]
timeout = "2s"

[sources.files]
type = "file"
paths = ["{self.watched}/*", "{self.folder}/missing.pem"]
labels = {{ team = "web" }}

[sources.bundle]
type = "file"
paths = ["{self.root}"]

[sources.kube]
type = "kubeconfig"
paths = ["{self.folder}/kubeconfig"]

[sources.edge]
type = "tls"
targets = [{targets}]
roots = ["{self.root}"]

[sources.'odd <&" name']
type = "file"
paths = ["/proc/self/nowhere/**"]
"""
