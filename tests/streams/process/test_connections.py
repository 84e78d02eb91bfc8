"""Limits of connections: which of too many stay, and what strangers can hold up."""

import asyncio
import os
import resource
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from config.settings import TlsSettings
from streams.process.web import request_body
from streams.process.web.certificates import Certificates
from streams.process.web.connections import ConnectionLimits, Connections
from streams.process.web.http_server import HttpServer, ListenError
from streams.process.web.request_body import SMALL_BODIES, BodyError, Room, read_small

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Served:
    """A server with two routes for small bodies."""

    def __init__(self, limits: ConnectionLimits, certificates: Certificates | None = None) -> None:
        routes = [web.post("/one", self._read), web.post("/other", self._read)]
        self.server = HttpServer(
            "127.0.0.1:0",
            routes,
            limits=limits,
            certificates=certificates,
        )
        self.port = 0
        self.room: Room | None = None

    async def _read(self, request: web.Request) -> web.Response:
        self.room = request.app[SMALL_BODIES]
        try:
            return web.Response(body=await read_small(request, 1000))
        except BodyError as error:
            return web.Response(status=error.status)

    @property
    def reading(self) -> int:
        return 0 if self.room is None else self.room.count

    @property
    def connections(self) -> Connections:
        assert self.server._connections is not None
        return self.server._connections

    async def stalled(self, path: str = "/one") -> Streams:
        """Announce a body and send nothing; return when its request is being read."""
        before = self.reading
        reader, writer = await self.open(
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n" % path.encode()
        )
        await until(lambda: self.reading > before)
        return reader, writer

    async def open(self, sent: bytes = b"") -> Streams:
        """Open a connection; return when the server knows it."""
        before = self.connections.count
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        await until(lambda: self.connections.count > before)
        return reader, writer


@asynccontextmanager
async def serving(most: int = 500, **options: Any) -> AsyncIterator[Served]:
    certificates = options.pop("certificates", None)
    served = Served(ConnectionLimits(most=most, **options), certificates)
    try:
        async with asyncio.timeout(30):
            served.port = await served.server.start()
            yield served
    finally:
        await served.server.stop()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


async def status(streams: Streams, sent: bytes = HEALTH) -> int:
    """Send a request; return the status of the answer, 0 if the connection was closed instead."""
    reader, writer = streams
    try:
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
    return int(head.split()[1])


def close(*opened: Streams) -> None:
    for _, writer in opened:
        writer.close()


async def test_of_too_many_connections_the_one_that_was_idle_the_longest_makes_room() -> None:
    async with serving(4) as served:
        idle = [await served.open() for _ in range(3)]
        for connection in idle:
            assert await status(connection) == 200
        sender = await served.open(b"POST /one HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        newer = []
        for _ in range(2):
            newer.append(await asyncio.open_connection("127.0.0.1", served.port))
            assert await status(newer[-1]) == 200
        assert await status(sender, b"ngth: 3\r\n\r\nabc") == 200, "it is younger than those that idled"
        assert [await status(row) for row in idle] == [0, 0, 200]
        close(sender, *idle, *newer)


async def test_who_does_not_read_answers_makes_room_at_once() -> None:
    async with serving(2) as served:
        deaf, other = [await served.open() for _ in range(2)]
        deaf[1].transport.pause_reading()  # type: ignore[attr-defined]
        deaf[1].write(HEALTH * 20_000)
        last = await asyncio.open_connection("127.0.0.1", served.port)
        assert await status(last) == 200
        await until(lambda: served.connections.count <= 2)
        deaf[1].transport.abort()
        close(deaf, other, last)


async def test_health_is_answered_while_other_requests_have_taken_all_their_places() -> None:
    async with serving(6, spare=2) as served:
        stalled = [await served.stalled() for _ in range(4)]
        silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(10)]
        fifth = await asyncio.open_connection("127.0.0.1", served.port)
        assert await status(fifth, b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n") == 503
        assert await status(fifth) == 200
        stalled[0][1].write(b"123456789")
        assert b" 200 " in await stalled[0][0].readline()
        assert await status(fifth, b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n") == 200
        close(fifth, *stalled, *silent)


async def test_small_bodies_that_stall_on_any_route_give_way_to_who_sends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_body, "_SMALL_SENDERS", 4)
    async with serving() as served:
        stalled = [await served.stalled(path) for path in ("/one", "/other", "/one", "/other")]
        for old in stalled[:2]:
            new = await asyncio.open_connection("127.0.0.1", served.port)
            assert (
                await status(new, b"POST /other HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc")
                == 200
            )
            assert b" 503 " in await old[0].readline()
            stalled += [new, await served.stalled()]
        close(*stalled)


async def test_a_sender_that_is_gone_before_its_body_is_read_leaves_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said: list[str] = []
    gone = asyncio.Event()

    async def late(request: web.Request) -> web.Response:
        await until(lambda: request.transport is None)
        try:
            await read_small(request, 1000)
        except BodyError as error:
            said.append(error.reason)
        gone.set()
        return web.Response()

    server = HttpServer("127.0.0.1:0", [web.post("/late", late)])
    async with asyncio.timeout(20):
        _, writer = await asyncio.open_connection("127.0.0.1", await server.start())
        writer.write(b"POST /late HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n123")
        await writer.drain()
        writer.close()
        await gone.wait()
        await server.stop()
    assert said == ["gone"]
    assert caplog.records == []


@pytest.mark.parametrize("path", [b"/healthz", b"/one", b"/nowhere"])
@pytest.mark.parametrize("value", [b"junk", b"\xff\xe2"])
async def test_an_expectation_that_is_not_known_is_answered_with_417(
    path: bytes, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as served:
        sent = b"POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: %s\r\nContent-Length: 0\r\n\r\n" % (
            path,
            value,
        )
        one = await served.open()
        assert await status(one, sent) == 417
        close(one)
    assert caplog.records == []


async def test_without_a_file_descriptor_connections_wait_until_there_is_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving() as served:
        with capture_logs() as logs, socket.socket() as client:
            client.setblocking(False)
            free = os.dup(client.fileno())
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", served.port))
                await until(lambda: served.connections._short._total > 2)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            streams = await asyncio.open_connection(sock=client)
            assert await status(streams) == 200
            close(streams)
    assert [log["log_level"] for log in logs] == ["error"]
    assert "ulimit -n" in logs[0]["event"]


async def test_a_low_limit_of_file_descriptors_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        async with serving():
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (1000, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_half_of_the_file_descriptors_stay_free_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8, 8))
    async with serving() as served:
        opened = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(12)]
        assert await status(opened[-1]) == 200
        await until(lambda: served.connections.count == 4)
        close(*opened)


async def test_an_address_that_is_in_use_is_said_and_leaves_nothing_open() -> None:
    async with serving() as served:
        address = f"127.0.0.1:{served.port}"
        second = HttpServer(address)
        with pytest.raises(ListenError, match=f"^cannot listen on {address} .*stop the process"):
            await second.start()
        one = await served.open()
        assert await status(one) == 200
        close(one)


# -- TLS --------------------------------------------------------------------------------------------

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="makes certificates with openssl")


def certificate(folder: Path) -> tuple[Certificates, ssl.SSLContext]:
    cert, key = str(folder / "crt"), str(folder / "key")
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run([str(OPENSSL), *made.split(), *names], check=True, capture_output=True)
    return Certificates(TlsSettings(cert=cert, key=key)), ssl.create_default_context(cafile=cert)


@needs_openssl
async def test_connections_that_never_begin_tls_are_counted_and_make_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificates, context = certificate(tmp_path)
    async with serving(5, certificates=certificates) as served:
        for _ in range(10):
            mute = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(20)]
            shaken = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
            assert await status(shaken) == 200
            await until(lambda: served.connections.count <= 5)
            close(*mute, shaken)
    assert caplog.records == []


@needs_openssl
async def test_a_handshake_has_seconds_and_ends_when_the_server_stops(tmp_path: Path) -> None:
    certificates, _ = certificate(tmp_path)
    async with serving(certificates=certificates, handshake=0.2) as served:
        reader, writer = await served.open()
        assert await reader.read() == b""
        writer.close()
        await until(lambda: served.connections.count == 0)
    async with serving(certificates=certificates, handshake=60.0) as served:
        reader, writer = await served.open()
        await served.server.stop()
        with closing(writer):
            assert await reader.read() == b""
