#!/usr/bin/env python3
"""Draws all dashboards with the data of the demo: every panel must show data and be readable.

demo.py [--binary FILE] [--out DIR] [--theme dark|light]: starts the demo in a folder of its own, waits until it has seen a renewal, asks
tests/panels/run, and ends the demo. Exit code: that of tests/panels/run.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from mesh import Mesh

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 300.0
# What has to be there before the panels are drawn: a second renewal, and rates of what is beside the exporter.
AWAITED = (
    'changes((max without (subject, serial_number, not_after) (x509_cert_not_after{source_name="workloads", cert_role="leaf"}))[5m:1s]) > 0',
    'increase(x509_renewal_margin_ratio_count{source_name="workloads"}[5m]) > 0',
    "rate(envoy_cluster_ssl_connection_error[15s])",
    "x509_cert_dependants > 0",
    'ALERTS{alertstate="firing", severity="critical"}',
)
# Of one certificate and one target: those that have most to show, and what they have not.
CHOSEN = ("notafter-certificate/subject_CN=not-reloaded.demo.test",)
MAY_BE_EMPTY = (
    "certificate/Leaves that hang on it",
    "certificate/Without another path",
    "certificate/Copies",
    "target/Where else its leaf is",
    "target/Its clock",
)


def asked(prometheus: str, expression: str) -> list:
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression}), timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target" / "debug" / "notafter")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target" / "panels")
    parser.add_argument("--theme", choices=("dark", "light"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="notafter-panels-") as folder:
        addresses = pathlib.Path(folder) / "addresses-of-the-demo.json"
        log = pathlib.Path(folder) / "demo.log"
        with log.open("wb") as out:
            demo = subprocess.Popen(
                [ROOT / "demo" / "run", "--folder", pathlib.Path(folder) / "demo", "--json", addresses, "--binary", arguments.binary],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )
        try:
            return drawn(demo, addresses, log, arguments)
        finally:
            demo.send_signal(signal.SIGINT)
            try:
                demo.wait(60)
            except subprocess.TimeoutExpired:
                demo.kill()


def drawn(demo: subprocess.Popen, addresses: pathlib.Path, log: pathlib.Path, arguments: argparse.Namespace) -> int:
    began = time.monotonic()

    def waiting(what: str) -> None:
        if demo.poll() is not None or time.monotonic() - began > PATIENCE:
            sys.exit(f"{what} did not come; the demo said:\n{log.read_text()[-4000:]}")
        time.sleep(1)

    while not addresses.exists():
        waiting("the demo")
    running = json.loads(addresses.read_text())
    mesh = Mesh()
    scraped = pathlib.Path(running["folder"]) / "scrape" / "mesh.json"
    scraped.write_text(json.dumps([{"targets": [mesh.address], "labels": {"job": "mesh"}}]))
    for expression in AWAITED:
        while not asked(running["prometheus"], expression):
            waiting(expression)
    target = f"notafter-target/target={running['endpoints']['refused']}"
    flags = [flag for name, values in (("--var", (*CHOSEN, target)), ("--allow-empty", MAY_BE_EMPTY)) for value in values for flag in (name, value)]
    theme = ["--theme", arguments.theme] if arguments.theme else []
    command = [ROOT / "tests" / "panels" / "run", "--prometheus", running["prometheus"], "--out", arguments.out,
               "--time", "now-5m..now", "--scrape-interval", "1s", *flags, *theme]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
