#!/usr/bin/env python3
"""Does alerts/examples/alertmanager.yml route and inhibit as it says? Asks amtool, and a real Alertmanager on loopback.

Needs amtool and prometheus-alertmanager (Debian) and nothing beyond the standard library. Takes a few seconds, at most a minute.
"""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

CONFIGURATION = pathlib.Path(__file__).resolve().parent.parent / "examples" / "alertmanager.yml"
PATIENCE = 30  # seconds, for each thing that is waited for

EDGE = {"source_kind": "tls", "source_name": "edge", "target": "api.example.com:443", "server_name": "api.example.com", "team": "shop"}
OTHER = EDGE | {"target": "www.example.com:443", "server_name": "www.example.com"}
LEAF = {"cert_role": "leaf", "subject_CN": "api.example.com", "issuer_CN": "Issuing"}
FILES = {"source_kind": "file", "source_name": "files"}
FILE = FILES | {"filepath": "/etc/tls/a.pem"}
CRL = {"url": "http://crl.example/a.crl", "issuer": "CN=Issuing", "issuer_CN": "Issuing"}
CLUSTER = {"source_kind": "kube-secret", "source_name": "cluster"}


def alert(name, severity, *labels):
    """The labels of an alert."""
    made = {"alertname": name, "severity": severity}
    for more in labels:
        made |= more
    return made


# What an alert is for whom.
ROUTES = [
    ("a page", alert("CertificateExpired", "critical", EDGE), "pager"),
    ("a page of a team with a pager", alert("CertificateExpired", "critical", EDGE, {"team": "payments"}), "payments-pager"),
    ("a ticket", alert("WaiverEnded", "warning", EDGE), "tickets"),
    ("a ticket of a team with a queue", alert("WaiverEnded", "warning", EDGE, {"team": "payments"}), "payments-tickets"),
    ("an alert of somebody else", {"alertname": "Other"}, "tickets"),
]

# What fires, which of it (by position) is inhibited.
INHIBITIONS = [
    ("a page silences the ticket of its name about the same place",
     [alert("CertificateRenewalOverdue", "critical", EDGE, LEAF), alert("CertificateRenewalOverdue", "warning", EDGE, LEAF)], {1}),
    ("and not about another place, name or machine",
     [alert("CertificateRenewalOverdue", "critical", FILE, LEAF, {"instance": "a"}),
      alert("CertificateRenewalOverdue", "warning", FILE, LEAF, {"instance": "b"}),
      alert("CertificateRenewalOverdue", "warning", FILE | {"filepath": "/etc/tls/b.pem"}, LEAF, {"instance": "a"}),
      alert("WeakCryptography", "warning", FILE, LEAF, {"instance": "a"})], set()),
    ("a CA that ends is one page and not a ticket beside it",
     [alert("CertificateAuthorityEnding", "critical", {"cert_role": "root", "subject": "CN=Root", "serial_number": "7"}),
      alert("CertificateAuthorityEnding", "warning", {"cert_role": "root", "subject": "CN=Root", "serial_number": "7"}),
      alert("CertificateAuthorityEnding", "warning", {"cert_role": "root", "subject": "CN=Other", "serial_number": "7"})], {1}),
    ("a broken endpoint explains its findings, and nobody else's",
     [alert("EndpointBroken", "critical", EDGE), alert("MutualTLSNotEnforced", "critical", EDGE, {"finding": "mutual_tls_not_enforced"}),
      alert("CertificateRefused", "warning", EDGE, LEAF), alert("MutualTLSNotEnforced", "critical", OTHER),
      alert("CertificateExpired", "critical", EDGE, LEAF)], {1, 2}),
    ("a renewal that is not served explains that it is overdue, and not that it has expired",
     [alert("RenewedButNotServed", "critical", EDGE), alert("CertificateRenewalOverdue", "critical", EDGE, LEAF),
      alert("CertificateExpired", "critical", EDGE, LEAF), alert("CertificateRenewalOverdue", "critical", OTHER, LEAF)], {1}),
    ("what has expired needs no policy",
     [alert("CertificateExpired", "critical", FILE, LEAF), alert("PolicyBroken", "warning", FILE, LEAF, {"finding": "curve_not_allowed"}),
      alert("PolicyBroken", "warning", FILE, LEAF | {"subject_CN": "other"})], {1}),
    ("a list that has ended explains the blindness about its CA, and about no other",
     [alert("CRLEnding", "critical", CRL), alert("RevocationBlind", "warning", {"issuer_CN": "Issuing"}),
      alert("RevocationBlind", "warning", {"issuer_CN": "Other"})], {1}),
    ("a list that is about to end explains nothing yet",
     [alert("CRLEnding", "warning", CRL), alert("RevocationBlind", "warning", {"issuer_CN": "Issuing"})], set()),
    ("a source that cannot be listed explains what is late, missing and unreadable in it",
     [alert("CertificateMonitoringBlind", "critical", CLUSTER, {"cause": "source_down"}),
      alert("CertificateMonitoringBlind", "critical", CLUSTER, {"cause": "scan_late"}),
      alert("CertificateMonitoringBlind", "warning", CLUSTER, {"cause": "fewer_certificates"}),
      alert("CertificateMonitoringBlind", "warning", CLUSTER, {"cause": "source_down", "instance": "a"}),
      alert("PlaceUnreadable", "warning", CLUSTER, {"secret_name": "web"}),
      alert("PlaceUnreadable", "warning", FILE)], {1, 2, 3, 4}),
    ("a machine that cannot list its files explains nothing on another machine",
     [alert("CertificateMonitoringBlind", "critical", FILES, {"cause": "source_down", "instance": "a"}),
      alert("CertificateMonitoringBlind", "critical", FILES, {"cause": "scan_late", "instance": "b"}),
      alert("PlaceUnreadable", "warning", FILE, {"instance": "b"}),
      alert("PlaceUnreadable", "warning", FILE, {"instance": "a"})], {3}),
    ("what has expired on one machine says nothing of the same path on another",
     [alert("CertificateExpired", "critical", FILE, LEAF, {"instance": "a"}),
      alert("WeakCryptography", "warning", FILE, LEAF, {"instance": "b", "finding": "weak_key"}),
      alert("WeakCryptography", "warning", FILE, LEAF, {"instance": "a", "finding": "weak_key"})], {2}),
    ("an exporter that is gone silences nothing",
     [alert("CertificateMonitoringBlind", "critical", {"cause": "exporter_absent"}),
      alert("CertificateMonitoringBlind", "warning", CLUSTER, {"cause": "fewer_certificates"})], set()),
    ("of the seed's two the day silences the week",
     [alert("CertificateExpiringSoon", "critical", EDGE, {"subject": "CN=a", "serial_number": "1"}),
      alert("CertificateExpiringInWeek", "warning", EDGE, {"subject": "CN=a", "serial_number": "1"}),
      alert("CertificateExpiringInWeek", "warning", EDGE, {"subject": "CN=b", "serial_number": "2"})], {1}),
]


def routes():
    """Faults of the routing tree."""
    for behaviour, labels, receiver in ROUTES:
        told = [f"{name}={value}" for name, value in labels.items()]
        command = ["amtool", "config", "routes", "test", f"--config.file={CONFIGURATION}", f"--verify.receivers={receiver}", *told]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            yield f"{behaviour}: {done.stdout}{done.stderr}"


def waited_for(ready, process=None):
    """What `ready` gives, as soon as it gives something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process and process.poll() is not None:
            raise SystemExit("Alertmanager ended: " + process.stderr.read().decode(errors="replace")[-2000:])
        try:
            if found := ready():
                return found
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.1)
    raise SystemExit("no answer in time")


def asked(url, body=None):
    """The answer to a request, as JSON or text."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        text = answer.read(1 << 22).decode()
    return json.loads(text) if text.startswith(("[", "{")) else text or "OK"


def free_port():
    """A port of loopback that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def inhibitions():
    """Faults of the inhibition rules. Each row is told apart by a label that every rule would have to ignore: so one row at a time."""
    for behaviour, fired, inhibited in INHIBITIONS:
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            command = ["prometheus-alertmanager", f"--config.file={CONFIGURATION}", f"--storage.path={folder}", "--cluster.listen-address=",
                       f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                base = f"http://127.0.0.1:{port}"
                waited_for(lambda: asked(f"{base}/-/ready"), process)
                asked(f"{base}/api/v2/alerts", [{"labels": labels} for labels in fired])

                def states():
                    known = asked(f"{base}/api/v2/alerts")
                    settled = len(known) == len(fired) and all(each["status"]["state"] != "unprocessed" for each in known)
                    return known if settled else None

                waited_for(states, process)
                # The inhibitor learns of a source a moment after the store does.
                time.sleep(0.3)
                known = {frozenset(each["labels"].items()): bool(each["status"]["inhibitedBy"]) for each in states() or []}
                found = {at for at, labels in enumerate(fired) if known.get(frozenset(labels.items()))}
                if len(known) != len(fired) or found != inhibited:
                    yield f"{behaviour}: inhibited are {sorted(found)}, expected {sorted(inhibited)}"
            finally:
                process.terminate()
                process.wait(timeout=PATIENCE)
                process.stderr.close()


if __name__ == "__main__":
    subprocess.run(["amtool", "check-config", str(CONFIGURATION)], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    faults = [*routes(), *inhibitions()]
    print("\n".join(faults) or f"{CONFIGURATION.name}: {len(ROUTES)} routes and {len(INHIBITIONS)} inhibitions are as they should be")
    sys.exit(bool(faults))
