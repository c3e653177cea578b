"""What a newcomer reads: the banner, the list of states.

May touch: nothing.
"""

from __future__ import annotations

import pathlib
import shlex
import shutil
import textwrap
import typing

from machine import FOLDER
from monitoring import HOURS, LEFT_OUT, MINUTES
from state import State, server_name
from states import STATES

if typing.TYPE_CHECKING:
    from stage import Stage

# Where the demo was started.
HERE = pathlib.Path.cwd()
# How the answer to a repair that worked begins.
REPAIRED = "repaired: "
WIDTH = 118


def alerts_of(state: State) -> str:
    """Its alerts, the inhibited ones last."""
    told = sorted(state.expected(), key=lambda alert: (alert.inhibited, alert.name, alert.severity))
    return ", ".join(f"{alert.name} ({alert.severity}{', inhibited' if alert.inhibited else ''})" for alert in told)


def listed() -> str:
    """Every state: what is wrong, what comes of it, how it is repaired."""
    blocks = []
    for state in STATES:
        rows = [("wrong", state.wrong), ("see", state.seen), ("alerts", alerts_of(state) or "none"), ("repair", state.mended)]
        lines = [wrapped(f"  {word:<8}", text) for word, text in rows]
        watched = f"  ({state.server_name}, source {state.endpoint})" if state.endpoint else ""
        blocks.append("\n".join([f"{state.name}{watched}", *lines]))
    return "\n\n".join(blocks)


def banner(stage: Stage, keep: bool) -> str:
    """What runs, where, what to expect, what to try."""
    broken = [state for state in STATES if not state.is_healthy]
    well = [state.name for state in STATES if state.is_healthy]
    width = max(len(state.name) for state in broken)
    table = "\n".join(wrapped(f"  {state.name:<{width}}  ", f"{state.wrong}: {', '.join(names(state))}") for state in broken)
    notafter, folder = shlex.quote(near(stage.exporter.program)), near(stage.folder)
    expired = f"127.0.0.1:{stage.ports['expired']} --server-name {server_name('expired')}"
    amtool = "" if stage.monitoring.has_pages else "  (this one has no pages: amtool shows it, below)"
    elsewhere = "" if folder == near(FOLDER) else f" --folder {folder}"
    left_out = ", ".join(LEFT_OUT)
    commands = (
        (f"demo/run repair expired{elsewhere}", "and watch its alert resolve; `all` leaves silence"),
        ("demo/run --list", "each state: what is wrong, where to see it, how it is repaired"),
    )
    longest = max(len(command) for command, _ in commands)
    rows = "\n".join(f"  {command:<{longest}}   # {why}" for command, why in commands)
    grafana = "\n  Grafana       import dashboards/*.json with this Prometheus as the data source" if shutil.which("grafana-server") or shutil.which("grafana") else ""
    return f"""
notafter demo: everything on 127.0.0.1, in {folder}{' (kept)' if keep else ' (removed at the end)'}

  the page      {stage.exporter.url}/
  its metrics   {stage.exporter.url}/metrics
  Prometheus    {stage.monitoring.alerts_page}
  Alertmanager  {stage.monitoring.alertmanager}/{amtool}{grafana}

{len(broken)} things are wrong on purpose; within half a minute Alertmanager has these alerts, and no other:

{table}

{len(well)} things are well, and silent: {', '.join(well)}.

The rules are those of alerts/, word for word, but that waiting (for, keep_firing_for) takes {MINUTES} where they say minutes and {HOURS} where they say
hours. {left_out} is left out, as in the chart: its thresholds are days, and the healthy certificate of `rotating` lives for two minutes.
Alertmanager has the routes and inhibitions of alerts/examples/alertmanager.yml, and tells nobody.

Try, in another terminal:

  amtool alert query --alertmanager.url={stage.monitoring.alertmanager}
  {notafter} check {expired} --roots {folder}/trust/root.pem --config {near(stage.exporter.check_config)}
  curl -s {stage.exporter.url}/metrics | grep -e ^tls_target_finding -e ^x509_cert_finding
{rows}

Each alert's page is docs/runbooks/NAME.md. Ctrl-C ends everything.
"""


def near(path: pathlib.Path) -> str:
    """A path as it is written from where the demo was started."""
    return str(path.relative_to(HERE)) if path.is_relative_to(HERE) else str(path)


def names(state: State) -> list[str]:
    """The names of its alerts that are not inhibited, each once."""
    return sorted({alert.name for alert in state.expected() if not alert.inhibited})


def wrapped(head: str, text: str) -> str:
    """A text behind a head, in lines that begin below each other."""
    return textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
