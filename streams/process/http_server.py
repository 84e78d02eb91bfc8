"""The daemon's web server: health, readiness, metrics, status, and additional routes."""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

MAX_BODY = 32 * 1024 * 1024


class HttpServer:
    """Serves ``/healthz``, ``/readyz``, ``/metrics``, ``/status`` and additional routes.

    Parameters
    ----------
    listen
        ``host:port``.
    status
        Returns the content of ``/status``, as plain JSON values.
    not_ready
        Returns why the daemon is not ready, None if it is.
    registry
        The metrics of ``/metrics``.
    routes
        Additional routes.
    unhealthy
        Returns why only a restart helps, None if the daemon is healthy.
    refresh
        Called before metrics are rendered.

    Raises
    ------
    ListenError
        From ``start``, when it cannot listen on the address.
    """

    def __init__(
        self,
        listen: str,
        status: Callable[[], Mapping[str, object]],
        not_ready: Callable[[], str | None],
        registry: CollectorRegistry,
        routes: Iterable[web.RouteDef] = (),
        *,
        unhealthy: Callable[[], str | None] = lambda: None,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self._host, _, port = listen.rpartition(":")
        self._port = int(port)
        self._status = status
        self._not_ready = not_ready
        self._registry = registry
        self._unhealthy = unhealthy
        self._refresh = refresh
        app = web.Application(client_max_size=MAX_BODY)
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get("/status", self._show),
                *routes,
            ]
        )
        # the intake decompresses bodies itself: a damaged one is the sender's error, not a traceback
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False)

    async def start(self) -> int:
        """Start listening; return the port, which the system chooses if the settings say 0."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ListenError(
                f"cannot listen on {self._host}:{self._port} ({error.strerror}); "
                "stop the process that uses this address, or configure another one"
            ) from error
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Finish pending requests and stop listening."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        reason = self._unhealthy()  # answering at all proves that the event loop turns
        return web.json_response({"ok": reason is None, "reason": reason}, status=503 if reason else 200)

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = self._not_ready()
        return web.json_response(
            {"ready": reason is None, "reason": reason}, status=200 if reason is None else 503
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        self._refresh()
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _show(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._status()), content_type="application/json")


class ListenError(Exception):
    """The server cannot listen on its address."""
