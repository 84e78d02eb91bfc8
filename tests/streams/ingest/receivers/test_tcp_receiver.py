"""Lines over real connections into a real log."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from config.settings import (
    DeadLetterSettings,
    LocalSettings,
    Settings,
    SourcesSettings,
    TlsSettings,
)
from streams.drivers.local.daemon import LocalDaemon
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.ingest.formats.inputs import Inputs
from streams.ingest.receivers.payload_lines import line_reader
from streams.ingest.receivers.tcp_receiver import LIMITS, TcpReceiver
from streams.process.web.certificates import Certificates
from streams.process.web.connections import ConnectionLimits
from streams.process.web.listen_address import AddressError, listen_address_of
from streams.process.web.tokens import Tokens, load_tokens
from tests.streams.drivers.world import local_settings, running
from tests.streams.process.test_access import certificate, needs_openssl

TOKEN = "uneri_intake_0123456789abcdef"  # noqa: S105 - of this test


def line(number: int) -> bytes:
    return b'{"ts": %d, "service": "shop"}' % (1_760_000_000 + number)


@asynccontextmanager
async def listening(
    store: SqliteStore,
    settings: Settings | None = None,
    *,
    form: str | None = None,
    tokens: Tokens | None = None,
    tls: TlsSettings | None = None,
    limits: ConnectionLimits = LIMITS,
) -> AsyncIterator[tuple[int, LogIntake, TcpReceiver]]:
    intake = LogIntake(store, settings or Settings())
    source = None if form is None else Inputs(SourcesSettings()).of(None, form)
    known = tokens or Tokens()
    context = None if tls is None else Certificates(tls).context
    receiver = TcpReceiver("127.0.0.1:0", intake, line_reader(source), lambda: known, context, limits=limits)
    port = await receiver.start()
    try:
        yield port, intake, receiver
    finally:
        await receiver.stop()


async def send(port: int, *parts: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.write_eof()
        return json.loads(await reader.readline())  # type: ignore[no-any-return]
    finally:
        writer.close()


def send_by_tls(port: int, tls: TlsSettings, body: bytes) -> None:
    """Send as simple programs do: write, and close without having read anything."""
    context = ssl.create_default_context(cafile=tls.cert)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(body)


def stored(store: SqliteStore) -> list[bytes]:
    return [bytes(record) for record in store.read(0).records]


async def test_lines_are_stored_in_their_order_wherever_they_are_cut(store: SqliteStore) -> None:
    lines = [line(number) for number in range(5000)]
    body = b"\r\n".join(lines)
    async with listening(store) as (port, _, _):
        parts = [body[first : first + 7919] for first in range(0, len(body), 7919)]
        assert await send(port, *parts) == {"accepted": 5000}, "the last one without a line end too"
    assert stored(store) == lines


async def test_a_line_is_stored_while_its_connection_stays_open(store: SqliteStore) -> None:
    async with listening(store) as (port, _, receiver):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        for count in (1, 2):
            writer.write(line(count) + b"\n")
            async with asyncio.timeout(10):
                while store.end < count:
                    await asyncio.sleep(0.01)
        writer.write(b'{"ts": 1760')
        await writer.drain()
        await receiver.stop()
        writer.close()
    assert store.end == 2, "half a line is none"


async def test_bad_lines_are_dead_letters_and_a_line_of_megabytes_is_one(store: SqliteStore) -> None:
    async with listening(store) as (port, _, _):
        answer = await send(port, line(0) + b"\nnope\n", b"x" * (3 << 20), b"\n" + line(1) + b"\n")
        assert (answer["accepted"], answer["refused"]) == (2, 2)
        assert (answer["first_refused"]["record"], answer["first_refused"]["reason"]) == (2, "not_json")
        assert store.end == 4
        assert all(len(raw) < 2 << 20 for raw in stored(store))


async def test_a_sender_of_garbage_reads_what_is_wrong_and_keeps_its_good_lines(store: SqliteStore) -> None:
    settings = Settings(dead_letters=DeadLetterSettings(in_a_row=5))
    async with listening(store, settings) as (port, _, _):
        answer = await send(port, line(0) + b"\n", b"GET / HTTP/1.1\r\n" * 100_000, line(1))
        assert (answer["accepted"], answer["refused"]) == (2, 100_000)
        assert (answer["first_refused"]["record"], answer["first_refused"]["reason"]) == (2, "not_json")
        assert await send(port, line(2)) == {"accepted": 1}
    assert stored(store) == [line(0), *[b"GET / HTTP/1.1"] * 5, line(1), line(2)]


async def test_each_token_has_a_limit_of_its_own(store: SqliteStore) -> None:
    settings = Settings(dead_letters=DeadLetterSettings(in_a_row=5))
    other = TOKEN[::-1]
    tokens = load_tokens(settings.tokens, {"UNERI_INTAKE_TOKEN": f"{TOKEN},{other}"})
    async with listening(store, settings, tokens=tokens) as (port, _, _):
        for token in (TOKEN, other, TOKEN):
            await send(port, f"Bearer {token}\n".encode(), b"nope\n" * 9)
    assert stored(store) == [b"nope"] * 10


async def test_while_the_log_is_full_nothing_is_read_and_nothing_is_lost(store: SqliteStore) -> None:
    settings = Settings(local=LocalSettings(backlog=1000))
    store.append([b"{}"] * 1000)
    async with listening(store, settings) as (port, intake, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b"\n".join(line(number) for number in range(400_000)) + b"\n"  # more than buffers hold

        async def flood() -> None:
            writer.write(body)
            await writer.drain()
            writer.write_eof()

        flooding = asyncio.create_task(flood())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(flooding), 1)
        assert store.end == 1000

        async def judge() -> None:
            while True:
                intake.judged = store.end
                await asyncio.sleep(0.01)

        judging = asyncio.create_task(judge())
        assert json.loads(await reader.readline()) == {"accepted": 400_000}
        judging.cancel()
        await flooding
        writer.close()
    assert store.end == 401_000


async def test_with_tokens_the_first_line_is_one(store: SqliteStore) -> None:
    tokens = load_tokens(
        Settings().tokens, {"UNERI_INTAKE_TOKEN": TOKEN, "UNERI_READ_TOKEN": "uneri_read_0123456789abcdef"}
    )
    async with listening(store, tokens=tokens) as (port, _, _):
        first = f"Bearer {TOKEN}\n".encode()
        assert await send(port, first, line(0)) == {"accepted": 1}
        for wrong in (b"", line(0), b"Bearer uneri_read_0123456789abcdef\n", b"\xff\n", b"x" * (1 << 20)):
            assert "Bearer TOKEN" in (await send(port, wrong))["error"]
        assert store.end == 1


async def test_lines_of_a_source_become_native(store: SqliteStore) -> None:
    log = b'203.0.113.7 - - [09/Oct/2025:08:53:20 +0000] "GET /items/7 HTTP/1.1" 200 57\n'
    async with listening(store, form="clf") as (port, _, _):
        answer = await send(port, log * 3, b"nope\n")
        assert (answer["accepted"], answer["refused"]) == (3, 1)
        assert answer["first_refused"]["reason"] == "unknown_format"
    first, *_ = stored(store)
    assert json.loads(first)["route"] == "GET /items/{id}"


async def test_beyond_its_bound_the_connection_that_is_idle_the_longest_makes_room(
    store: SqliteStore,
) -> None:
    async with listening(store, limits=ConnectionLimits(most=2, strangers=2)) as (port, _, _):
        idle = await asyncio.open_connection("127.0.0.1", port)
        busy = await asyncio.open_connection("127.0.0.1", port)
        busy[1].write(line(0) + b"\n")
        async with asyncio.timeout(60):
            while store.end < 1:
                await asyncio.sleep(0.01)
        assert await send(port, line(1)) == {"accepted": 1}
        assert await idle[0].read() == b""
        idle[1].close()
        busy[1].write_eof()
        assert json.loads(await busy[0].readline()) == {"accepted": 1}
        busy[1].close()


async def test_who_shows_no_token_makes_room_and_never_who_has_shown_one(store: SqliteStore) -> None:
    tokens = load_tokens(Settings().tokens, {"UNERI_INTAKE_TOKEN": TOKEN})
    first = f"Bearer {TOKEN}\n".encode()
    limits = ConnectionLimits(most=2, strangers=3)
    async with listening(store, tokens=tokens, limits=limits) as (port, _, receiver), asyncio.timeout(60):
        known = await asyncio.open_connection("127.0.0.1", port)
        known[1].write(first + line(0) + b"\n")
        while store.end < 1:
            await asyncio.sleep(0.01)
        mute = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        for reader, _ in mute[:-3]:
            assert await reader.read() == b"", "the oldest ones left"
        assert receiver._connections.count == 4
        assert await send(port, first, line(1)) == {"accepted": 1}, "a sender comes in among them"
        known[1].write(line(2))
        known[1].write_eof()
        assert json.loads(await known[0].readline()) == {"accepted": 2}
        for _, writer in (known, *mute):
            writer.close()


async def test_where_all_are_being_served_who_comes_is_asked_to_come_again(store: SqliteStore) -> None:
    settings = Settings(local=LocalSettings(backlog=1000))
    store.append([b"{}"] * 1000)
    limits = ConnectionLimits(most=1, strangers=1)
    async with listening(store, settings, limits=limits) as (port, intake, receiver), asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(line(0) + b"\n")
        while not any(connection.busy for connection in receiver._connections._open.values()):
            await asyncio.sleep(0.01)
        assert "connect again" in (await send(port, line(1)))["error"]
        intake.judged = store.end
        writer.write_eof()
        assert json.loads(await reader.readline()) == {"accepted": 1}
        writer.close()


def test_a_network_reaches_it_only_with_a_lock() -> None:
    open_wide = Settings(local=LocalSettings(tcp="0.0.0.0:8764"))
    with pytest.raises(AddressError, match=r"local\.tcp 0\.0\.0\.0:8764: open to the network without a lock"):
        listen_address_of(open_wide, {})
    listen_address_of(open_wide, {"UNERI_INTAKE_TOKEN": TOKEN})


async def test_a_daemon_takes_lines_over_tcp_and_over_http(tmp_path: Any) -> None:
    daemon = LocalDaemon(local_settings(tmp_path / "state", local={"tcp": "127.0.0.1:0"}))
    async with running(daemon) as world:
        await world.until(lambda: daemon.receivers.tcp_port)
        assert await send(daemon.receivers.tcp_port, line(0), b"\n", line(1)) == {"accepted": 2}
        change = b'{"kind": "change", "ts": 1760000000, "of": {"kind": "service", "name": "shop"}}'
        assert (await world.send([change], "/changes"))[0] == 202
    with SqliteStore(tmp_path / "state" / "uneri.db") as store:
        assert store.end == 3


@needs_openssl
async def test_over_tls_nothing_is_lost_of_who_closes_without_having_read(
    store: SqliteStore, tmp_path: Path
) -> None:
    tls = certificate(tmp_path, "uneri")
    lines = [line(number) for number in range(50_000)]
    async with listening(store, tls=tls) as (port, _, _):
        await asyncio.to_thread(send_by_tls, port, tls, b"\n".join(lines))
        async with asyncio.timeout(60):
            while store.end < len(lines):
                await asyncio.sleep(0.02)
    assert stored(store) == lines


@needs_openssl
async def test_over_tls_a_refusal_is_answered_and_plain_text_is_not_taken(
    store: SqliteStore, tmp_path: Path
) -> None:
    tls = certificate(tmp_path, "uneri")
    tokens = load_tokens(Settings().tokens, {"UNERI_INTAKE_TOKEN": TOKEN})
    context = ssl.create_default_context(cafile=tls.cert)
    async with listening(store, tokens=tokens, tls=tls) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(b"Bearer wrong\n" + line(0) + b"\n")
        assert "with a token that allows intake" in json.loads(await reader.readline())["error"]
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"Bearer {TOKEN}\n".encode() + line(1) + b"\n")
        with pytest.raises(json.JSONDecodeError):
            json.loads(await reader.read())
        writer.close()
        await asyncio.to_thread(send_by_tls, port, tls, f"Bearer {TOKEN}\n".encode() + line(2))
        async with asyncio.timeout(60):
            while not store.end:
                await asyncio.sleep(0.02)
    assert stored(store) == [line(2)]


@needs_openssl
async def test_a_daemon_with_tls_has_it_for_lines_too(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "uneri")
    local = {"tcp": "127.0.0.1:0", "tls": tls}
    daemon = LocalDaemon(local_settings(tmp_path / "state", local=local))
    async with running(daemon) as world:
        await world.until(lambda: daemon.receivers.tcp_port)
        await asyncio.to_thread(send_by_tls, daemon.receivers.tcp_port, tls, line(0) + b"\n" + line(1))
        await world.until(lambda: daemon.status()["records"] == 2)
