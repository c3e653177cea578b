"""The demo's processes: started, waited for, watched, and ended with the demo, whichever way it ends.

May touch: processes. Must not: know what they are for.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

# How long a server may take to come up on a busy machine.
PATIENCE = 60.0
# How long one may take to end when it is told to.
GRACE = 10.0


class Stopped(Exception):
    """Somebody wants the demo to end."""


class Broken(Exception):
    """Something that should work does not."""


class Interrupts:
    """Ctrl-C and its kin: noted when they come, acted upon where nothing is half done."""

    def __init__(self) -> None:
        self.is_wanted = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.is_wanted = True

    def check(self) -> None:
        """Ends what is going on, when somebody wants that."""
        if self.is_wanted:
            raise Stopped

    def wait(self, ready: Callable[[], object], what: str, patience: float = PATIENCE, pause: float = 0.1) -> object:
        """What `ready` gives as soon as it gives something."""
        end = time.monotonic() + patience
        while True:
            self.check()
            if found := ready():
                return found
            if time.monotonic() > end:
                raise Broken(f"{what}: not within {patience:.0f} s")
            time.sleep(pause)

    def run(self, command: Sequence[str | pathlib.Path]) -> bytes:
        """What a short command prints; the text of its failure is said."""
        self.check()
        words = [str(word) for word in command]
        try:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired as late:
            raise Broken(f"{' '.join(words)}: not done within {PATIENCE:.0f} s") from late
        if done.returncode != 0:
            # Ctrl-C reaches the command as well.
            self.check()
            told = (done.stderr or done.stdout).decode(errors="replace").strip()[-2_000:]
            raise Broken(f"{' '.join(words)}: exit {done.returncode}\n{told}")
        return done.stdout


class Processes:
    """All that runs beside this process."""

    def __init__(self, logs: pathlib.Path, setpriv: str, interrupts: Interrupts) -> None:
        self.logs = logs
        self.setpriv = setpriv
        self.interrupts = interrupts
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str | pathlib.Path], is_ready: Callable[[], bool]) -> None:
        """Starts one, and waits until it is ready. From the main thread alone: the kernel ends a child with the thread that began it.

        It is in a session of its own, so that Ctrl-C reaches this process alone, and the kernel ends it should this process be killed.
        """
        words = [self.setpriv, "--pdeathsig", "TERM", "--", *(str(word) for word in command)]
        with open(self.logs / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

        def ready() -> bool:
            self.check(name)
            return is_ready()

        self.interrupts.wait(ready, f"{name} is ready ({self.logs / name}.log)")

    def signal(self, name: str, number: int) -> None:
        """Sends a signal, to the first process of it."""
        self.running[name].send_signal(number)

    def is_running(self, name: str) -> bool:
        """Whether it was started and not ended."""
        return name in self.running

    def check(self, *names: str) -> None:
        """Fails when one of these, or any, has ended by itself."""
        for name in names or tuple(self.running):
            if (code := self.running[name].poll()) is not None:
                raise Broken(f"{name} ended with {code}:\n{self.tail(name)}")

    def tail(self, name: str) -> str:
        """The end of its log."""
        try:
            return (self.logs / f"{name}.log").read_text(errors="replace")[-2_000:].strip()
        except OSError:
            return ""

    def stop(self, *names: str) -> None:
        """Ends these, the last one first: as they ought to, and after a while as they must."""
        ending = [(name, self.running.pop(name)) for name in reversed(names) if name in self.running]
        for _, process in ending:
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + GRACE
        for _, process in ending:
            try:
                process.wait(timeout=max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
            # Workers that their master left behind are of its session.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()

    def stop_all(self) -> None:
        """Ends everything."""
        self.stop(*self.running)
