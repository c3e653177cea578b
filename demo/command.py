"""The command line of the demo.

May touch: all parts. Exit codes: 0 well, 1 something failed, 64 the command line or this machine is not fit for it.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import time

import words
from alertmanager import held
from control import Absent, ask
from loopback import without_proxies
from machine import FOLDER, Unfit
from performance import ADDRESSES, perform
from states import BY_NAME, STATES

USAGE = 64
# How long the alerts of a repaired state may take to resolve.
PATIENCE = 60.0


def main(arguments: list[str]) -> int:
    """Does what the arguments say."""
    options = parser().parse_args(arguments)
    folder = (options.folder or FOLDER).absolute()
    try:
        if options.list:
            print(words.listed())
            return 0
        if options.verb == "repair":
            return repair(folder, options.state)
        return perform(folder, options.port_base, options.keep, options.binary, options.json)
    except (Unfit, Absent) as unfit:
        print(f"demo/run: {unfit}", file=sys.stderr)
        return USAGE


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="demo/run",
        description="Brings up CAs, servers in every state, notafter, Prometheus with the rules of alerts/ and Alertmanager on 127.0.0.1, and says what to look at. Ctrl-C ends everything.",
    )
    parser.add_argument("--folder", type=pathlib.Path, help="the demo's own folder (default: target/demo)")
    parser.add_argument("--list", action="store_true", help="print the states and what each does, and start nothing")
    parser.add_argument("--port-base", type=int, help="use ports from this one on (default: free ones)")
    parser.add_argument("--keep", action="store_true", help="keep the folder at the end")
    parser.add_argument("--binary", type=pathlib.Path, help="the notafter to run (default: target/release/notafter, built if it is not there)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help=f"write the addresses there too, when everything is up ({ADDRESSES} in the folder has them anyway)")
    verbs = parser.add_subparsers(dest="verb")
    repair = verbs.add_parser("repair", help="repair a state of the running demo and watch its alerts resolve")
    repair.add_argument("state", choices=["all", *BY_NAME], metavar="STATE", help="a state of --list, or all")
    repair.add_argument("--folder", type=pathlib.Path, default=argparse.SUPPRESS, help="the running demo's folder (default: target/demo)")
    return parser


def repair(folder: pathlib.Path, name: str) -> int:
    """Has the running demo repair a state, or all, and watches the alerts go."""
    wanted = [state for state in STATES if not state.is_healthy] if name == "all" else [BY_NAME[name]]
    open_alerts = set()
    for state in wanted:
        told = ask(folder, f"repair {state.name}")
        print(f"{state.name}: {told}", end="", flush=True)
        if not told.startswith(words.REPAIRED):
            return 1
        open_alerts |= {(alert.name, alert.severity, alert.place) for alert in state.expected()}
    without_proxies()
    alertmanager = json.loads((folder / ADDRESSES).read_text())["alertmanager"]
    began = time.monotonic()
    while open_alerts and time.monotonic() - began < PATIENCE:
        firing = {(each.alert.name, each.alert.severity, each.alert.place) for each in held(alertmanager, folder)}
        for alert in sorted(open_alerts - firing):
            open_alerts.remove(alert)
            print(f"  resolved after {time.monotonic() - began:4.1f} s  {' '.join(filter(None, alert))}", flush=True)
        time.sleep(0.3)
    for alert in sorted(open_alerts):
        print(f"  not resolved within {PATIENCE:.0f} s  {' '.join(filter(None, alert))}")
    return 1 if open_alerts else 0
