"""One run of the demo: in which order things begin, what happens while it runs, how it ends.

May touch: all parts. Must not: print what is for newcomers (`words` does).
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time

import words
from authority import YEAR
from control import Requests
from exporter import binary
from loopback import without_proxies
from machine import Folder, Ports, Programs, written
from processes import Broken, Interrupts, Stopped
from stage import Stage
from state import State
from states import BY_NAME, STATES
from states.healthy import RENEWED_EVERY, rotate

ADDRESSES = "addresses.json"


def perform(folder: pathlib.Path, port_base: int | None, keep: bool, program: pathlib.Path | None, to: pathlib.Path | None) -> int:
    """Runs the demo until somebody wants it to end. The exit code."""
    interrupts = Interrupts()
    programs = Programs()
    to = to.absolute() if to else None
    program = binary(program)
    # Only now: cargo may need one.
    without_proxies()
    own = Folder(folder)
    stage = None
    try:
        interrupts.check()
        stage = Stage(own.path, program, programs, Ports(port_base), interrupts)
        begin(stage)
        addresses = told(stage)
        for path in (own.path / ADDRESSES, to):
            if path:
                written(path, addresses)
        print(words.banner(stage, keep), flush=True)
        go_on(stage)
    except Stopped:
        return 0
    except (Broken, OSError) as broken:
        print(f"demo/run: {broken}", file=sys.stderr)
        return 1
    finally:
        # From here on it ends, and no further Ctrl-C makes it end halfway.
        interrupts.is_wanted = False
        say("stopping")
        if stage:
            stage.stop()
        if to:
            to.unlink(missing_ok=True)
        os.chdir("/")
        own.leave(keep)
        say(f"stopped; {own.path} is kept" if keep else "stopped, nothing is left")
    return 0


def begin(stage: Stage) -> None:
    """From nothing to all states."""
    began = time.monotonic()

    def step(text: str) -> None:
        say(f"{time.monotonic() - began:5.1f} s  {text}")

    step("CAs, certificates and lists (openssl)")
    authorities(stage)
    for state in STATES:
        state.broken(stage)
    endpoints: dict[str, list[tuple[int, str]]] = {}
    for state in STATES:
        if state.endpoint:
            endpoints.setdefault(state.endpoint, []).append((stage.ports[state.name], state.server_name))
    stage.exporter.configure(endpoints)
    stage.monitoring.configure()
    step("servers (nginx, HAProxy, openssl s_server), notafter, Prometheus, Alertmanager")
    stage.start()
    step("what breaks while it is watched")
    for state in STATES:
        if state.later:
            state.later(stage)
    step("all is up")


def authorities(stage: Stage) -> None:
    """The CAs that several states use."""
    stage.authority("root", "Demo Root CA", ends=9 * YEAR)
    stage.authority("issuing", "Demo Issuing CA", above="root", responds=True)
    stage.authority("workloads", "Demo Workload CA", publishes=False)
    stage.authority("clients", "Demo Client CA", publishes=False)
    stage.authority("partners", "Demo Partner CA", publishes=False)
    stage.store("clients/probe", by="clients", usage="clientAuth")


def told(stage: Stage) -> str:
    """The addresses, for programs."""
    addresses = {
        "prometheus": stage.monitoring.prometheus,
        "alertmanager": stage.monitoring.alertmanager,
        "exporter": stage.exporter.url,
        "folder": str(stage.folder),
        "pid": os.getpid(),
        "endpoints": {state.name: f"127.0.0.1:{stage.ports[state.name]}" for state in STATES if state.endpoint},
    }
    return json.dumps(addresses, indent=2) + "\n"


def go_on(stage: Stage) -> None:
    """Renews what rotates, repairs what is asked for, and sees that everything runs."""
    requests = Requests(stage.folder)
    renewed = time.monotonic()
    while True:
        stage.interrupts.check()
        stage.processes.check()
        if time.monotonic() - renewed >= RENEWED_EVERY:
            renewed = time.monotonic()
            rotate(stage)
        if request := requests.next(patience=0.3):
            line, caller = request
            requests.answer(caller, answer(stage, line))


def answer(stage: Stage, line: str) -> str:
    """Does what another terminal asks for."""
    verb, _, name = line.partition(" ")
    if verb != "repair" or name not in BY_NAME:
        return f"no such state: {line}\n"
    state: State = BY_NAME[name]
    say(f"repair {name}: {state.mended}")
    try:
        state.repaired(stage)
    except Broken as broken:
        return f"not repaired: {broken}\n"
    return f"{words.REPAIRED}{state.mended}\n"


def say(text: str) -> None:
    """What is going on."""
    print(text, file=sys.stderr, flush=True)


