"""Prometheus and Alertmanager: the shipped rules with shorter waiting times, and the shipped example of routes and inhibitions.

May touch: alerts/, processes. Must not: know the states.
"""

from __future__ import annotations

import json
import pathlib
import re
import signal

from loopback import answers, fetched, query, text_of
from machine import ROOT, Programs, written
from processes import Interrupts, Processes

ALERTS = ROOT / "alerts"
# Off in the chart too: its thresholds are days, and a certificate of two minutes that is renewed every minute is healthy.
LEFT_OUT = ("seed.yml",)
WAITING = re.compile(r"^( +(?:for|keep_firing_for): )[0-9]+([smhd])$", re.MULTILINE)
MINUTES, HOURS = "5s", "10s"
PROMETHEUS = """\
global: {{ scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s }}
rule_files: {rules}
alerting:
  alertmanagers:
    - static_configs: [{{ targets: ["127.0.0.1:{alertmanager}"] }}]
scrape_configs:
  - job_name: notafter
    static_configs: [{{ targets: ["127.0.0.1:{exporter}"] }}]
  - job_name: yours                    # whatever else a file in scrape/ names
    file_sd_configs: [{{ files: ["scrape/*.json"], refresh_interval: 2s }}]
"""


def shortened(rules: str) -> str:
    """A rule file in which waiting takes seconds: `for` and `keep_firing_for` of minutes become 5 s, of hours 10 s. Nothing else changes."""
    return WAITING.sub(lambda found: found[1] + (HOURS if found[2] in "hd" else MINUTES), rules)


def unsent(example: str) -> str:
    """Alertmanager's configuration with receivers that tell nobody, and groups that wait for seconds."""
    routes, receivers = example.split("\nreceivers:\n")
    routes = re.sub(r"^( +group_wait: ).*$", r"\g<1>1s", routes, flags=re.MULTILINE)
    routes = re.sub(r"^( +group_interval: ).*$", r"\g<1>5s", routes, flags=re.MULTILINE)
    names = re.findall(r"^  - name: (\S+)$", receivers, flags=re.MULTILINE)
    return f"{routes}\nreceivers:\n" + "".join(f"  - name: {name}\n" for name in names)


class Monitoring:
    """Prometheus and Alertmanager, beside one exporter."""

    def __init__(self, folder: pathlib.Path, programs: Programs, ports: tuple[int, int], exporter: int, processes: Processes, interrupts: Interrupts) -> None:
        """`ports` of Prometheus and of Alertmanager; `exporter` is the port of what is scraped."""
        self.folder = folder
        self.programs = programs
        self.ports = ports
        self.exporter = exporter
        self.prometheus, self.alertmanager = (f"http://127.0.0.1:{port}" for port in ports)
        self.processes = processes
        self.interrupts = interrupts

    def configure(self) -> None:
        """Writes all files, and has the programs' own tools check them."""
        for path in sorted(ALERTS.glob("*.yml")):
            if path.name not in LEFT_OUT:
                written(self.folder / "rules" / path.name, shortened(path.read_text()))
        self.interrupts.run((self.programs["promtool"], "check", "config", self._told(["rules/*.yml"])))
        routes = written(self.folder / "alertmanager.yml", unsent((ALERTS / "examples" / "alertmanager.yml").read_text()))
        self.interrupts.run((self.programs["amtool"], "check-config", routes))

    def _told(self, rules: list[str]) -> pathlib.Path:
        """Prometheus' configuration with these rule files."""
        text = PROMETHEUS.format(exporter=self.exporter, alertmanager=self.ports[1], rules=json.dumps(rules))
        (self.folder / "scrape").mkdir(parents=True, exist_ok=True)
        return written(self.folder / "prometheus.yml", text)

    def start(self) -> None:
        """Starts both; Prometheus has seen the exporter, and has the rules, when this is over.

        In this order: on a busy machine the first scrape may take longer than the alert about an absent exporter waits.
        """
        self._told([])
        of_prometheus, of_alertmanager = self.ports
        self.processes.start(
            "alertmanager",
            (self.programs["alertmanager"], f"--config.file={self.folder / 'alertmanager.yml'}", f"--storage.path={self.folder / 'alertmanager'}",
             f"--web.listen-address=127.0.0.1:{of_alertmanager}", "--cluster.listen-address=", "--log.level=warn"),
            lambda: answers(f"{self.alertmanager}/-/ready"),
        )
        self.processes.start(
            "prometheus",
            (self.programs["prometheus"], f"--config.file={self.folder / 'prometheus.yml'}", f"--storage.tsdb.path={self.folder / 'prometheus'}",
             # What was not taken is told again in seconds, too: a Prometheus that has just read its configuration knows no Alertmanager yet.
             f"--web.listen-address=127.0.0.1:{of_prometheus}", "--rules.alert.resend-delay=5s", "--log.level=warn"),
            lambda: answers(f"{self.prometheus}/-/ready"),
        )
        self.interrupts.wait(lambda: self.query("notafter_build_info"), "Prometheus has scraped the exporter")
        self._told(["rules/*.yml"])
        self.processes.signal("prometheus", signal.SIGHUP)
        self.interrupts.wait(lambda: fetched(f"{self.prometheus}/api/v1/rules")["data"]["groups"], "Prometheus has read the rules")

    @property
    def alerts_page(self) -> str:
        """Where Prometheus shows alerts: Debian's has the old pages alone."""
        pages = (f"{self.prometheus}{path}" for path in ("/alerts", "/classic/alerts"))
        return next(filter(answers, pages), self.prometheus)

    @property
    def has_pages(self) -> bool:
        """Whether Alertmanager has pages: Debian's says that it has none."""
        return "does not include a web" not in " ".join(text_of(self.alertmanager).split())

    def query(self, expression: str) -> list[dict]:
        """The series of an expression's answer."""
        return query(self.prometheus, expression)
