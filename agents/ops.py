"""The workers' ops server: `/livez`, `/readyz`, `/status` and `/metrics` on settings.ops_port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from agents.metrics import CONTENT_TYPE, Measures, Metrics
from laudstream.settings import Settings


class OpsServer:
    """`ready` says whether work is taken; `status` is shown as JSON; `measures` are for Prometheus."""

    def __init__(
        self, settings: Settings, ready: Callable[[], bool], status: Callable[[], dict[str, Any]], measures: Measures
    ) -> None:
        self._settings, self._ready, self._status = settings, ready, status
        self._metrics = Metrics(ready, measures)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        if not self._settings.ops_port:
            return
        app = web.Application()
        app.router.add_get("/livez", self._live)
        app.router.add_get("/readyz", self._readiness)
        app.router.add_get("/status", self._show)
        app.router.add_get("/metrics", self._measure)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.ops_host, self._settings.ops_port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _readiness(self, _: web.Request) -> web.Response:
        ready = self._ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    async def _show(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._status()), content_type="application/json")

    async def _measure(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"content-type": CONTENT_TYPE})
