"""What programs beside the exporter would show in the panels: the counters of an Envoy, and those of a notafter that watches a cluster.

Neither runs here; names and labels are theirs, the numbers grow with the time. Started by demo.py.
"""

from __future__ import annotations

import http.server
import threading
import time

# Counter, labels, events a second.
COUNTERS = (
    ("envoy_listener_ssl_handshake", 'envoy_listener_address="0.0.0.0_8443"', 20.0),
    ("envoy_listener_ssl_no_certificate", 'envoy_listener_address="0.0.0.0_8443"', 0.5),
    ("envoy_listener_ssl_connection_error", 'envoy_listener_address="0.0.0.0_8443"', 0.4),
    ("envoy_listener_ssl_fail_verify_no_cert", 'envoy_listener_address="0.0.0.0_8443"', 0.1),
    ("envoy_listener_ssl_fail_verify_error", 'envoy_listener_address="0.0.0.0_8443"', 0.2),
    ("envoy_listener_ssl_fail_verify_san", 'envoy_listener_address="0.0.0.0_8443"', 0.05),
    ("envoy_listener_ssl_fail_verify_cert_hash", 'envoy_listener_address="0.0.0.0_8443"', 0.01),
    ("envoy_cluster_ssl_connection_error", 'envoy_cluster_name="payments"', 0.2),
    ("envoy_cluster_ssl_fail_verify_no_cert", 'envoy_cluster_name="payments"', 0.0),
    ("envoy_cluster_ssl_fail_verify_error", 'envoy_cluster_name="payments"', 0.1),
    ("envoy_cluster_ssl_fail_verify_san", 'envoy_cluster_name="payments"', 0.0),
    ("envoy_cluster_ssl_fail_verify_cert_hash", 'envoy_cluster_name="payments"', 0.0),
    ("x509_kube_transport_errors_total", 'source_name="cluster",resource="secrets",reason="timeout"', 0.05),
    ("x509_kube_watch_resyncs_total", 'source_name="cluster",resource="secrets"', 0.01),
)


class Mesh:
    """Answers every GET with the counters; `address` is where."""

    def __init__(self) -> None:
        began = time.monotonic()

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                gone = time.monotonic() - began
                text = "".join(f"# TYPE {name} counter\n{name}{{{labels}}} {int(gone * rate)}\n" for name, labels, rate in COUNTERS)
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
