"""How another terminal speaks to the running demo: one line over a socket in its folder, and a text back.

May touch: that socket. Must not: do what it is asked; the demo's main thread does.
"""

from __future__ import annotations

import os
import pathlib
import queue
import socket
import threading

SOCKET = "control"
# The longest line.
LINE = 256
# How long a repair may take on a busy machine.
PATIENCE = 120.0


class Absent(Exception):
    """No demo runs there."""


class Requests:
    """Lines that wait for an answer."""

    def __init__(self, folder: pathlib.Path) -> None:
        # Relative, since the path of such a socket is limited to a hundred bytes.
        os.chdir(folder)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(SOCKET)
        self.listener.listen()
        self.waiting: queue.Queue[tuple[str, socket.socket]] = queue.Queue(maxsize=16)
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            caller.settimeout(PATIENCE)
            try:
                line = caller.recv(LINE).decode(errors="replace").strip()
            except OSError:
                caller.close()
                continue
            self.waiting.put((line, caller))

    def next(self, patience: float) -> tuple[str, socket.socket] | None:
        """One, if it comes in time."""
        try:
            return self.waiting.get(timeout=patience)
        except queue.Empty:
            return None

    @staticmethod
    def answer(caller: socket.socket, text: str) -> None:
        """Answers it."""
        try:
            caller.sendall(text.encode())
        except OSError:
            # Whoever asked did not wait.
            pass
        caller.close()


def ask(folder: pathlib.Path, line: str) -> str:
    """The running demo's answer."""
    try:
        os.chdir(folder)
        caller = socket.socket(socket.AF_UNIX)
        caller.settimeout(PATIENCE)
        caller.connect(SOCKET)
        caller.sendall(f"{line}\n".encode())
        parts = []
        while part := caller.recv(1 << 16):
            parts.append(part)
    except OSError as error:
        raise Absent(f"no demo is running in {folder}, or it is not up yet ({error.strerror or error}); demo/run starts one, --folder says where it is") from error
    return b"".join(parts).decode(errors="replace")
