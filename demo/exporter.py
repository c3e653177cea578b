"""notafter itself: its binary, its configuration for the demo, its process.

May touch: cargo, its own folder. Must not: know the states.
"""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import sys
from datetime import date, timedelta

from loopback import answers
from machine import ROOT, Unfit, written
from processes import Interrupts, Processes

RELEASE = ROOT / "target" / "release" / "notafter"
# In force for some days yet.
WAIVED = timedelta(days=5)
CONFIGURATION = """\
[server]
listen = ["127.0.0.1:{port}"]

[storage]
state_dir = "state"
cache_dir = "cache"

# A demo has minutes: everything is looked at every second or two.
[defaults]
schedule = "* * * * * *"
timeout = "5s"

[relations]
grace = "2s"

[revocation]
allow = ["127.0.0.0/8"]              # where the demo's CAs publish
refresh = "2s"

[sources.edge]
type = "tls"
schedule = "*/2 * * * * *"
targets = [
{edge}]
roots = ["trust/root.pem"]
labels = {{ team = "web" }}

[sources.payments]
type = "tls"
schedule = "*/2 * * * * *"
targets = [
{payments}]
roots = ["trust/root.pem"]
client_certificate = {{ cert = "clients/probe.pem", key = "clients/probe.key" }}
expect = "mutual_tls"
http = {{ path = "/" }}
labels = {{ team = "payments" }}

[sources.gateway]
type = "tls"
schedule = "*/2 * * * * *"
targets = [
{gateway}]
roots = ["trust/root.pem"]
http = {{ path = "/" }}
labels = {{ team = "web" }}

[sources.shop]                       # the certificates that this nginx is configured with
type = "nginx"
config = "shop/nginx.conf"
labels = {{ team = "web" }}

[sources.intranet]
type = "nginx"
config = "intranet/nginx.conf"
labels = {{ team = "platform" }}

[sources.files]                      # nobody's, as no label names an owner
type = "file"
paths = ["files/*.pem", "files/*.ocsp"]

[sources.workloads]
type = "file"
paths = ["workloads/*.pem"]
labels = {{ team = "platform" }}

[sources.trust]
type = "file"
paths = ["trust/*.pem"]

[policy.workloads]
match = {{ sources = ["workloads"], roles = ["leaf"] }}
key_algorithms = ["EC"]
max_validity = "168h"

[[waiver]]
match = {{ sources = ["files"], places = ["*/appliance.pem"] }}
finding = "weak_key"
until = "{waived}"
owner = "team-edge"
why = "The appliance makes no longer keys; it is replaced next week."
"""
# For `notafter check`: the exporter's own file is broken in one of the states.
CHECK = """\
[revocation]
allow = ["127.0.0.0/8"]
issuers = ["trust/root.pem"]
"""


def binary(path: pathlib.Path | None) -> pathlib.Path:
    """The one that was asked for, else the release build, made now if it is not there."""
    if path is not None:
        if not path.is_file():
            raise Unfit(f"--binary: {path} is no file")
        return path.absolute()
    if not RELEASE.is_file():
        command = ["cargo", "build", "--release", "--locked"]
        print(f"{RELEASE.relative_to(ROOT)} is not there: {' '.join(command)}, some minutes", file=sys.stderr, flush=True)
        try:
            subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=True)
        except FileNotFoundError as error:
            raise Unfit("cargo is not on this machine: install Rust (https://rustup.rs), or name a built notafter by --binary") from error
        except subprocess.CalledProcessError as error:
            raise Unfit(f"{' '.join(command)}: exit {error.returncode}") from error
    return RELEASE


class Exporter:
    """notafter run"""

    def __init__(self, program: pathlib.Path, folder: pathlib.Path, port: int, processes: Processes, interrupts: Interrupts) -> None:
        self.program = program
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.processes = processes
        self.interrupts = interrupts
        self.config = folder / "notafter.toml"
        self.check_config = folder / "check.toml"

    def configure(self, targets: dict[str, list[tuple[int, str]]], more: str = "") -> None:
        """Writes the configuration: for each source of endpoints their ports and names. `more` follows as it stands."""
        lines = {
            source: "".join(f"    {{ target = {json.dumps(f'127.0.0.1:{port}')}, server_name = {json.dumps(name)} }},\n" for port, name in sites)
            for source, sites in targets.items()
        }
        written(self.check_config, CHECK)
        waived = (date.today() + WAIVED).isoformat()
        written(self.config, CONFIGURATION.format(port=self.port, waived=waived, **lines) + more)

    def start(self) -> None:
        """Starts it, and waits until every source has been looked at."""
        self.interrupts.run((self.program, "config", "check", self.config))
        self.processes.start("notafter", (self.program, "run", "--config", self.config), lambda: answers(f"{self.url}/-/ready"))

    def reload(self) -> None:
        """SIGHUP"""
        self.processes.signal("notafter", signal.SIGHUP)
