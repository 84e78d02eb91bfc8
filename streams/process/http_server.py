"""The daemon's web server: health, readiness, metrics, status, and additional routes."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from streams.process.access import Access
from streams.process.certificates import Certificates

STOP_SECONDS: Final = 10.0  # for the requests that are under way at a stop
LINGER_SECONDS: Final = 5.0  # a sender that is refused may go on sending, so that it reads the answer
HANDSHAKE_SECONDS: Final = 10.0


class ConnectionLimits(NamedTuple):
    """How many connections are open, and how long without a complete request (its headers), seconds."""

    most: int = 500
    idle: float = 75.0


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
    access
        Decides on each request; by default, whoever reaches ``listen`` may ask, except for foreign web pages.
    certificates
        TLS, if any.
    limits
        Beyond them, an idle connection makes room for a new one, or that is answered with 503.

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
        access: Access | None = None,
        certificates: Certificates | None = None,
        limits: ConnectionLimits | None = None,
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._host = host.removeprefix("[").removesuffix("]")
        self._port = int(port)
        self._limits = limits or ConnectionLimits()
        self._busy: set[web.RequestHandler] = set()  # connections with a request in progress
        self._ended: dict[web.RequestHandler, float] = {}  # when the last request of a connection ended
        self._certificates = certificates
        self._listening: asyncio.Server | None = None
        self._following: asyncio.Task[None] | None = None
        self._status = status
        self._not_ready = not_ready
        self._registry = registry
        self._unhealthy = unhealthy
        self._refresh = refresh
        app = web.Application(middlewares=[self._in_progress, (access or Access(listen)).middleware()])
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get("/status", self._show),
                *routes,
            ]
        )
        self._runner = web.AppRunner(
            app,
            logger=_logger(),
            access_log=None,
            auto_decompress=False,  # the intake does: a damaged body is the sender's error, not a traceback
            keepalive_timeout=self._limits.idle,  # it counts from the start of a connection, too
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=STOP_SECONDS,
        )

    async def start(self) -> int:
        """Start listening; return the port, which the system chooses if the settings say 0."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(
                self._connection, self._host, self._port, **self._tls()
            )
        except OSError as error:
            await self._runner.cleanup()
            raise ListenError(
                f"cannot listen on {self._host}:{self._port} ({error.strerror}); "
                "stop the process that uses this address, or configure another one"
            ) from error
        if self._certificates is not None:
            self._following = asyncio.create_task(self._certificates.follow())
        return int(self._listening.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Finish pending requests and stop listening."""
        if self._following is not None:
            self._following.cancel()
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()

    def _tls(self) -> dict[str, Any]:
        if self._certificates is None:
            return {}
        return {"ssl": self._certificates.context, "ssl_handshake_timeout": HANDSHAKE_SECONDS}

    def _connection(self) -> asyncio.Protocol:
        """Return what handles a new connection; the one that has been idle the longest may have to go."""
        server = cast("web.Server", self._runner.server)
        open_now = [one for one in server.connections if one.transport is not None]
        self._ended = {one: self._ended[one] for one in open_now if one in self._ended}
        if len(open_now) < self._limits.most:
            return server()
        idle = [one for one in open_now if one not in self._busy]
        if not idle:
            return _Full()
        min(idle, key=lambda one: self._ended.get(one, 0.0)).force_close()  # first those without any request
        return server()

    @web.middleware
    async def _in_progress(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            return await handler(request)
        finally:
            self._busy.discard(request.protocol)
            self._ended[request.protocol] = asyncio.get_running_loop().time()

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


def _logger() -> logging.Logger:
    """Return aiohttp's logger, without what is not HTTP: its sender is told, and may be anyone."""
    logger = logging.getLogger("aiohttp.server")
    logger.addFilter(_is_our_fault)  # the same function is added once
    return logger


def _is_our_fault(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


class _Full(asyncio.Protocol):
    """Refuses a connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        writing = cast("asyncio.Transport", transport)
        writing.write(
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
            b"Connection: close\r\n\r\n"
        )
        writing.close()


class ListenError(Exception):
    """The server cannot listen on its address."""
