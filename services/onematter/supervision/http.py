"""The HTTP side: /metrics, /healthz, /readyz, /indicators.

/indicators answers 503 until the table is recovered: figures that are too small are worse than none.
"""

from __future__ import annotations

import json

from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST

from onematter.supervision.app import Supervision
from onematter.supervision.metrics import WindowCollector, exposition


class HttpDoor(Service):
    """Listens as long as the worker runs. `address` is host:port; a host that is not given is 127.0.0.1."""

    def __init__(self, supervision: Supervision, address: str) -> None:
        super().__init__()
        self._supervision = supervision
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]") or "127.0.0.1", int(port)
        supervision.tally.registry.register(
            WindowCollector(lambda: supervision.figures()[1], supervision.lag_records, lambda: supervision.ready)
        )
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        """Bind the address. Raises OSError when it is taken, which ends the worker."""
        routes = web.Application()
        routes.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/indicators", self._indicators),
            ]
        )
        self._runner = web.AppRunner(routes, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def on_stop(self) -> None:
        """Close the listener and what is connected."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        body = exposition(self._supervision.tally.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self._supervision.ready:
            return web.Response(text="ready\n")
        return web.Response(status=503, text="the table is being recovered\n")

    async def _indicators(self, _: web.Request) -> web.Response:
        if not self._supervision.ready:
            return web.json_response({"error": "the table is being recovered; ask again"}, status=503)
        return web.json_response(self._supervision.indicators(), dumps=json.dumps)
