"""Certification authorities of openssl: certificates of any dates, lists, answers of a responder.

May touch: openssl, its own folder. Must not: know the states.
"""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from machine import written
from processes import Interrupts

# Of every leaf that says nothing else: begun some time ago, and two months to go.
BEGAN = timedelta(days=-30)
ENDS = timedelta(days=60)
# Of every CA.
YEAR = timedelta(days=365)
# Of every list that says nothing else.
LISTED = timedelta(hours=-1)
RELISTED = timedelta(days=7)
ORGANISATION = "notafter demo"
KEYS = {
    "EC": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "RSA-2048": ("-newkey", "rsa:2048"),
    "RSA-1024": ("-newkey", "rsa:1024"),
}
CONFIGURATION = """\
[ca]
default_ca = this
[this]
database = {folder}/index.txt
new_certs_dir = {folder}/issued
certificate = {folder}/cert.pem
private_key = {folder}/key.pem
crlnumber = {folder}/crlnumber
rand_serial = yes
default_md = sha256
policy = any
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = dn
[dn]
"""
AUTHORITY = ("basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature", "subjectKeyIdentifier=hash")
LEAF = ("basicConstraints=critical,CA:false", "keyUsage=critical,digitalSignature", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a leaf is to be like."""

    name: str
    """Its common name, and the one DNS name that it is for."""
    began: timedelta = BEGAN
    ends: timedelta = ENDS
    key: str = "EC"
    usage: str = "serverAuth"
    crl: bool = True
    """Whether it says where its CA's list is; where it has one."""
    ocsp: bool = False
    """Whether it says where its CA's responder is."""
    more: tuple[str, ...] = ()
    """Further lines of extensions."""


class Authority:
    """One CA: a name, a key, a folder of openssl."""

    def __init__(self, folder: pathlib.Path, name: str, address: str, openssl: str, interrupts: Interrupts, above: Authority | None = None) -> None:
        """`name` is that of the certificate, the folder's of the CA. `address` is where it publishes, of one that does not ''."""
        self.folder = folder
        self.name = name
        self.address = address
        self.above = above
        self.openssl = openssl
        self.interrupts = interrupts
        # openssl ca is no server: one at a time.
        self.turn = threading.RLock()
        (folder / "issued").mkdir(parents=True)
        written(folder / "openssl.cnf", CONFIGURATION.format(folder=folder))
        written(folder / "index.txt", "")
        written(folder / "index.txt.attr", "unique_subject = no\n")
        written(folder / "crlnumber", "01\n")

    def begin(self, began: timedelta = -YEAR, ends: timedelta = 4 * YEAR) -> Authority:
        """Makes its certificate, self-signed or by the CA above. Once more: a new one of the same key."""
        key, request = self.folder / "key.pem", self.folder / "request.pem"
        made: tuple[str | pathlib.Path, ...] = ("-key", key) if key.exists() else (*KEYS["EC"], "-keyout", key)
        self._openssl("req", "-new", "-nodes", *made, "-subj", self._subject(self.name), "-out", request)
        if self.above:
            lines = [*AUTHORITY, "authorityKeyIdentifier=keyid", *self.above.pointers(crl=True, ocsp=False)]
            self.above.sign(request, self.folder / "cert.pem", began, ends, lines)
        else:
            self.sign(request, self.folder / "cert.pem", began, ends, AUTHORITY, "-selfsign")
        return self

    @property
    def certificate(self) -> str:
        """Its certificate, as PEM."""
        return (self.folder / "cert.pem").read_text()

    @property
    def chain(self) -> str:
        """What a server sends behind the leaf: the intermediates, not the root."""
        return self.certificate + self.above.chain if self.above else ""

    def issue(self, to: pathlib.Path, wanted: Wanted, chain: bool = True) -> pathlib.Path:
        """A new key and certificate: `to` with the chain, and beside it `.key`."""
        made, key, request = to.with_suffix(".leaf"), to.with_suffix(".key"), to.with_suffix(".request")
        to.parent.mkdir(parents=True, exist_ok=True)
        with self.turn:
            self._openssl("req", "-new", "-nodes", *KEYS[wanted.key], "-keyout", request.with_suffix(".newkey"), "-subj", self._subject(wanted.name), "-out", request)
            lines = [*LEAF, f"extendedKeyUsage={wanted.usage}", f"subjectAltName=DNS:{wanted.name}", *self.pointers(wanted.crl, wanted.ocsp), *wanted.more]
            self.sign(request, made, wanted.began, wanted.ends, lines)
        written(key, request.with_suffix(".newkey").read_text())
        written(to, made.read_text() + (self.chain if chain else ""))
        request.unlink()
        request.with_suffix(".newkey").unlink()
        return to

    def sign(self, request: pathlib.Path, to: pathlib.Path, began: timedelta, ends: timedelta, lines: Sequence[str], *options: str) -> None:
        """openssl ca"""
        extensions = written(request.with_suffix(".ext"), "\n".join(lines) + "\n")
        dates = ("-startdate", moment(began), "-enddate", moment(ends))
        with self.turn:
            self._openssl("ca", "-batch", "-notext", *options, *dates, "-extfile", extensions, "-in", request, "-out", to)
        extensions.unlink()

    def revoke(self, issued: pathlib.Path) -> None:
        """Takes back what `issue` made, because its key was lost, and publishes that."""
        with self.turn:
            self._openssl("ca", "-revoke", issued.with_suffix(".leaf"), "-crl_reason", "keyCompromise")
            self.publish()

    def publish(self, since: timedelta = LISTED, until: timedelta = RELISTED) -> None:
        """A new list, between these moments."""
        with self.turn:
            dates = ("-crl_lastupdate", moment(since), "-crl_nextupdate", moment(until))
            self._openssl("ca", "-gencrl", *dates, "-out", self.folder / "crl.pem")
            der = self.interrupts.run((self.openssl, "crl", "-in", self.folder / "crl.pem", "-outform", "DER"))
            written(self.folder / "crl.der", der)

    def list_now(self) -> bytes:
        """The list that it publishes, as DER."""
        return (self.folder / "crl.der").read_bytes()

    def answer(self, question: bytes) -> bytes:
        """What its responder says, signed by its own key and good for a day. Of another thread than all else."""
        certificate, key = self.folder / "cert.pem", self.folder / "key.pem"
        with self.turn, tempfile.TemporaryDirectory(dir=self.folder) as aside:
            asked, told = pathlib.Path(aside, "asked"), pathlib.Path(aside, "told")
            asked.write_bytes(question)
            signed = ("-CA", certificate, "-rsigner", certificate, "-rkey", key, "-ndays", "1")
            self.interrupts.run((self.openssl, "ocsp", "-index", self.folder / "index.txt", *signed, "-reqin", asked, "-respout", told))
            return told.read_bytes()

    def staple(self, issued: pathlib.Path, to: pathlib.Path) -> None:
        """An answer about what `issue` made, for a server to staple."""
        about = ("-issuer", self.folder / "cert.pem", "-cert", issued.with_suffix(".leaf"))
        request = to.with_suffix(".request")
        self.interrupts.run((self.openssl, "ocsp", *about, "-no_nonce", "-reqout", request))
        written(to, self.answer(request.read_bytes()))
        request.unlink()

    def pointers(self, crl: bool, ocsp: bool) -> list[str]:
        """Where its certificates say that its list and its responder are."""
        lines = [f"crlDistributionPoints=URI:{self.address}/crl"] if crl and self.address else []
        return lines + ([f"authorityInfoAccess=OCSP;URI:{self.address}/ocsp"] if ocsp else [])

    def _openssl(self, command: str, *words: str | pathlib.Path) -> None:
        self.interrupts.run((self.openssl, command, "-config", self.folder / "openssl.cnf", *words))

    @staticmethod
    def _subject(name: str) -> str:
        return f"/O={ORGANISATION}/CN={name}"


def moment(away: timedelta) -> str:
    """A moment as openssl takes it."""
    return (datetime.now(timezone.utc) + away).strftime("%Y%m%d%H%M%SZ")
