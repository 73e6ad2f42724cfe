"""/metrics, /healthz and /readyz of a process."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client.exposition import choose_encoder

from onematter.backbone.metrics import Metrics


class HealthServer:
    """Serves on `address` (host:port; port 0 picks one) until stopped."""

    def __init__(self, address: str, metrics: Metrics, alive: Callable[[], bool], ready: Callable[[], bool]) -> None:
        host, _, port = address.rpartition(":")

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    # OpenMetrics where it is asked for: the older format has no exemplars.
                    encode, kind = choose_encoder(self.headers.get("Accept") or "")
                    self._answer(200, encode(metrics.registry), kind)
                elif self.path == "/healthz":
                    self._verdict(alive())
                elif self.path == "/readyz":
                    self._verdict(ready())
                else:
                    self._answer(404, b"/metrics /healthz /readyz\n", "text/plain")

            def _verdict(self, good: bool) -> None:
                self._answer(200 if good else 503, b"ok\n" if good else b"no\n", "text/plain")

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: a probe every second is no news."""

        self._server = ThreadingHTTPServer((host, int(port)), Handler)
        self._server.daemon_threads = True
        self.address = f"{host}:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, name="http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
