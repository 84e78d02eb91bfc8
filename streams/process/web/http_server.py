"""The daemon's web server: health, readiness, metrics, status, and additional routes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, cast

import msgspec
from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from streams.process.part import Part
from streams.process.web.access import HEALTH, Access
from streams.process.web.answer_forms import as_expected, json_of
from streams.process.web.certificates import Certificates
from streams.process.web.connections import ConnectionLimits, Connections
from streams.process.web.request_body import SMALL_BODIES, room_for_small_bodies

STOP_SECONDS: Final = 10.0  # for running requests at a stop
LINGER_SECONDS: Final = 5.0  # a refused sender may continue to send, so that it reads the answer
RETRY_SECONDS: Final = 1


STOPPING: Final = web.AppKey("stopping", asyncio.Event)
"""Set when the server begins to stop: endless answers must end."""

_Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HealthAnswer(msgspec.Struct):
    """Whether the process works, or why only a restart helps."""

    ok: bool
    reason: str | None


class ReadyAnswer(msgspec.Struct):
    """Whether it does what it is there for, or what it waits for."""

    ready: bool
    reason: str | None


class Served(Part):
    """A process as its web server shows it: its status is plain JSON values."""

    def unhealthy(self) -> str | None:
        """Return the reason why only a restart helps, None if it is healthy."""
        return None

    def readings(self) -> CollectorRegistry:
        """Return its metrics, as they are now."""
        return CollectorRegistry()


class HttpServer:
    """Serves ``/healthz``, ``/readyz``, ``/metrics``, ``/status`` and additional routes.

    Parameters
    ----------
    listen
        ``host:port``.
    access
        Decides on each request; by default, only foreign web pages are refused.
    limits
        Beyond them, the connection that has been idle the longest makes room for a new one, and requests
        other than for health are answered with 503.

    Raises
    ------
    ListenError
        From ``start``, when it cannot listen on the address.
    """

    def __init__(
        self,
        listen: str,
        routes: Iterable[web.RouteDef] = (),
        served: Served | None = None,
        *,
        access: Access | None = None,
        certificates: Certificates | None = None,
        limits: ConnectionLimits | None = None,
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._host = host.removeprefix("[").removesuffix("]")
        self._port = int(port)
        self._limits = limits or ConnectionLimits()
        self._certificates = certificates
        self._connections: Connections | None = None
        self._following: asyncio.Task[None] | None = None
        self._served = served or Served()
        self._access = access or Access(listen)
        app = web.Application(middlewares=[self._access.middleware()])
        app[SMALL_BODIES] = room_for_small_bodies()
        app[STOPPING] = self._stopping = asyncio.Event()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get("/status", self._show),
                *routes,
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=STOP_SECONDS)

    async def start(self) -> int:
        """Start listening; return the port, which the system chooses if the settings say 0."""
        await self._runner.setup()
        server = cast("web.Server", self._runner.server)
        self._connections = Connections(
            self._limits,
            lambda: _QuietHandler(server, self._access, self._limits.idle),
            None if self._certificates is None else self._certificates.context,
        )
        server.request_handler = self._bounded(server.request_handler, self._connections)
        try:
            port = await self._connections.listen(self._host, self._port)
        except OSError as error:
            await self.stop()
            raise ListenError(
                f"cannot listen on {self._host}:{self._port} ({error.strerror}); "
                "stop the process that uses this address, or configure another one"
            ) from error
        if self._certificates is not None:
            self._following = asyncio.create_task(self._certificates.follow())
        return port

    async def stop(self) -> None:
        """Finish pending requests and stop listening."""
        self._stopping.set()
        if self._following is not None:
            self._following.cancel()
        if self._connections is not None:
            await self._connections.stop()
        await self._runner.cleanup()

    def _bounded(self, handle: _Handle, connections: Connections) -> _Handle:
        """Return a handler that refuses requests without a place for them."""

        async def bounded(request: web.BaseRequest) -> web.StreamResponse:
            if request.path not in HEALTH and connections.full:
                message = "too many requests at the same time, send again"
                refused = as_expected(request, self._access.refuse("busy", 503, message))
                refused.headers["Retry-After"] = str(RETRY_SECONDS)
                return refused
            if _expects_the_unknown(request):  # aiohttp would repeat the value, and fails if it is no text
                refused = self._access.refuse("expect", 417, "Expect: 100-continue is the only one known")
                return as_expected(request, refused)
            with connections.request(request.protocol):
                return await handle(request)

        return bounded

    async def _healthz(self, _: web.Request) -> web.Response:
        reason = self._served.unhealthy()  # an answer at all proves that the event loop runs
        return json_of(HealthAnswer(reason is None, reason), 503 if reason else 200)

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = self._served.not_ready()
        return json_of(ReadyAnswer(reason is None, reason), 200 if reason is None else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        body = generate_latest(self._served.readings())
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _show(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._served.status()), content_type="application/json")


def _expects_the_unknown(request: web.BaseRequest) -> bool:
    expected = request.headers.get("Expect", "")
    return request.version >= HttpVersion11 and expected.lower() not in ("", "100-continue")


class _QuietHandler(web.RequestHandler):
    """aiohttp's end of a connection, which does not repeat what it cannot read: that may be a token."""

    __slots__ = ("_access",)

    def __init__(self, server: web.Server, access: Access, idle: float) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,  # receivers do: a damaged body is its sender's error, not a traceback
            keepalive_timeout=idle,  # it counts from the start of a connection, too
            lingering_time=LINGER_SECONDS,
        )
        self._access = access

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that failed; errors of HTTP itself are not logged: anyone can send those."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        message = "this is not HTTP/1.1; send a head without control characters, in lines of at most 8 KiB"
        refused = self._access.refuse("unreadable", status, message)
        refused.force_close()
        return refused


class ListenError(Exception):
    """The server cannot listen on its address."""
