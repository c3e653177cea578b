"""What this machine has: programs with their Debian packages, ports, folders.

May touch: the file system, sockets of loopback. Must not: start anything that stays.
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import random
import re
import shutil
import socket

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The demo's folder, where no other is named.
FOLDER = ROOT / "target" / "demo"
# The names of a program, and the Debian package that brings it.
PROGRAMS = {
    "openssl": (("openssl",), "openssl"),
    "nginx": (("nginx",), "nginx-light"),
    "haproxy": (("haproxy",), "haproxy"),
    "prometheus": (("prometheus",), "prometheus"),
    "promtool": (("promtool",), "prometheus"),
    "alertmanager": (("prometheus-alertmanager", "alertmanager"), "prometheus-alertmanager"),
    "amtool": (("amtool",), "prometheus-alertmanager"),
    "setpriv": (("setpriv",), "util-linux"),
}
# Where Debian has what only root's PATH finds.
ASIDE = ("/usr/sbin", "/usr/local/sbin", "/sbin")
# Below what Linux gives to outgoing connections: nobody takes one of these between the choice and the server's start.
PORTS = range(20_000, 32_000)
# What shows that a folder is a demo's own.
LOCK = "lock"
# Configuration files of five languages name the folder: no character of it means anything in one of them.
PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")


class Unfit(Exception):
    """This machine, or the command line, is not fit for the demo. The text says what to do about it."""


class Programs:
    """Paths of programs."""

    def __init__(self) -> None:
        """Finds all of them, or says which packages are missing."""
        path = os.pathsep.join((os.environ.get("PATH", ""), *ASIDE))
        self.paths: dict[str, str] = {}
        missing: dict[str, str] = {}
        for program, (names, package) in PROGRAMS.items():
            found = next((found for name in names if (found := shutil.which(name, path=path))), None)
            if found:
                self.paths[program] = found
            else:
                missing[program] = package
        if missing:
            packages = " ".join(dict.fromkeys(missing.values()))
            raise Unfit(
                f"not on this machine: {', '.join(missing)}. As root:\n\n  apt-get install {packages}\n\n"
                "Debian starts servers when it installs them; the demo needs the programs alone:\n"
                "systemctl disable --now SERVICE stops each."
            )

    def __getitem__(self, program: str) -> str:
        return self.paths[program]


class Ports:
    """Ports of 127.0.0.1, each by the name of who listens there."""

    def __init__(self, base: int | None) -> None:
        """From `base` on, one after the other; without it, free ones."""
        if base is not None and not 1 <= base <= 65_000:
            raise Unfit(f"--port-base: a port between 1 and 65000, not {base}")
        self.base = base
        self.taken: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        """The port of this name, chosen when it is asked for first."""
        if name not in self.taken:
            self.taken[name] = self._fixed(name) if self.base is not None else self._free()
        return self.taken[name]

    def _fixed(self, name: str) -> int:
        port = (self.base or 0) + len(self.taken)
        if not is_free(port):
            raise Unfit(f"port {port} of 127.0.0.1, meant for {name}, is taken: choose another --port-base, or none for free ports")
        return port

    def _free(self) -> int:
        for port in random.sample(PORTS, 1_000):
            if port not in self.taken.values() and is_free(port):
                return port
        raise Unfit("no free port of 127.0.0.1 was found")


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as listener:
        # As servers do: connections of the last server that linger are no hindrance.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError:
            return False
    return True


class Folder:
    """The demo's own folder, held by one process at a time."""

    def __init__(self, path: pathlib.Path) -> None:
        """Takes it, empty."""
        self.path = path.absolute()
        if not PLAIN.fullmatch(str(self.path)):
            raise Unfit(f"--folder: {self.path} has a character other than letters, digits and _ . / + -; take another, such as /tmp/notafter-demo")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            known = list(self.path.iterdir())
            if known and not (self.path / LOCK).is_file():
                raise Unfit(f"--folder: {self.path} is not empty and was not made by the demo, which would empty it; take another")
            self.lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unfit(f"--folder: {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self.lock)
            raise Unfit(f"a demo is running in {self.path}; --folder takes another folder for a second one") from error
        self.empty()

    def empty(self) -> None:
        """Removes what is in it, but for the lock."""
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()

    def leave(self, keep: bool) -> None:
        """Gives it up; nothing of it is left unless it is kept."""
        if not keep:
            self.empty()
            (self.path / LOCK).unlink(missing_ok=True)
            self.path.rmdir()
        os.close(self.lock)


def written(path: pathlib.Path, content: str | bytes) -> pathlib.Path:
    """Writes a file whole: whoever reads it sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.parent / f".{path.name}.new"
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    new.replace(path)
    return path
