"""Where the CAs publish: lists and responders over HTTP, on loopback.

May touch: one port. Must not: know what the CAs are.
"""

from __future__ import annotations

import base64
import binascii
import http.server
import threading
import urllib.parse
from collections.abc import Callable

# The longest question that a responder reads.
QUESTION = 1 << 16
LIST = "application/pkix-crl"
ANSWER = "application/ocsp-response"


class Publication:
    """A web server of what the CAs give out. Whatever is not given out gets no answer at all."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.lists: dict[str, Callable[[], bytes]] = {}
        self.responders: dict[str, Callable[[bytes], bytes]] = {}
        publication = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if give := publication.lists.get(self.path):
                    return self.reply(LIST, give())
                for path, answer in tuple(publication.responders.items()):
                    if self.path.startswith(f"{path}/"):
                        return self.ask(answer, urllib.parse.unquote(self.path[len(path) + 1 :]))
                return self.drop()

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                answer = publication.responders.get(self.path)
                if answer is None or not length.isdecimal() or int(length) > QUESTION:
                    return self.drop()
                return self.reply(ANSWER, answer(self.rfile.read(int(length))))

            def ask(self, answer: Callable[[bytes], bytes], text: str) -> None:
                try:
                    question = base64.b64decode(text, validate=True)
                except binascii.Error:
                    return self.drop()
                return self.reply(ANSWER, answer(question))

            def reply(self, kind: str, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def drop(self) -> None:
                # As a host that is there and a service that is not.
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                # A client that went away, or a CA at the demo's end.
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, name="publication", daemon=True).start()

    def stop(self) -> None:
        """Closes the port."""
        self.server.shutdown()
        self.server.server_close()
