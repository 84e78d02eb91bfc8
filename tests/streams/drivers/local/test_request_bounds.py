"""Bounds of one request, and of many at once: time, memory, and the patience of others."""

import asyncio
import gzip
import io
import itertools
import random
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from config.settings import DeadLetterSettings, Settings
from detectors.model.array_types import Floats
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.decode.event_reader import EventReader
from streams.engine.decode.records import Records
from streams.engine.decode.rejected import Rejected
from streams.ingest.receivers import checked_lines
from streams.ingest.receivers.events_receiver import EventsReceiver
from streams.ingest.receivers.ingest_handler import IngestHandler
from streams.ingest.receivers.payload_lines import MAX_LINES, MAX_MEMBERS, unpack
from streams.ingest.receivers.record_sink import AppendResult
from streams.process.web.connections import ConnectionLimits
from streams.process.web.http_server import HttpServer
from streams.process.web.request_body import BodyError, Patience, Room

GOOD = b'{"ts": 1760000000, "service": "shop"}'
BOMB = gzip.compress(b"1\n" * 15_000_000)
MIB = 1 << 20


@asynccontextmanager
async def serving(
    store: SqliteStore,
    settings: Settings | None = None,
    limits: ConnectionLimits | None = None,
    **options: Any,
) -> AsyncIterator[int]:
    routes = EventsReceiver(IngestHandler(LogIntake(store, settings or Settings()), **options)).routes()
    server = HttpServer("127.0.0.1:0", routes, limits=limits)
    try:
        yield await server.start()
    finally:
        await server.stop()


async def post(port: int, body: bytes, encoding: str = "identity") -> tuple[int, dict[str, Any]]:
    headers = {"Content-Encoding": encoding}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}/events", data=io.BytesIO(body), headers=headers) as answer,
    ):
        return answer.status, await answer.json()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many records were read, call by call."""
    counts: list[int] = []
    check = EventReader.check

    def counting(self: EventReader, records: Records, arrived: Floats) -> tuple[Floats, list[Rejected]]:
        counts.append(len(records))
        return check(self, records, arrived)

    monkeypatch.setattr(EventReader, "check", counting)
    return counts


async def test_bombs_are_refused_from_their_first_megabyte_and_nobody_waits_for_them(
    store: SqliteStore, decoded: list[int]
) -> None:
    assert len(BOMB) < 30_000
    async with serving(store) as port:
        assert (await post(port, GOOD))[0] == 202  # what is loaded once is not counted
        tracemalloc.start()
        try:
            bombs = [asyncio.create_task(post(port, BOMB, "gzip")) for _ in range(8)]
            assert await post(port, GOOD) == (202, {"accepted": 1})
            answers = await asyncio.gather(*bombs)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert {status for status, _ in answers} == {413}
    assert answers[0][1]["error"] == "the body has more than 250,000 lines; send it in parts"
    assert sum(decoded) == 2, "of the bombs, nothing"
    assert peak < 16 * MIB
    assert store.end == 2


@pytest.mark.release
async def test_eight_of_the_largest_requests_at_once_stay_within_a_bound(store: SqliteStore) -> None:
    line = b'{"ts": 1760000000, "service": "shop", "more": "%s"}' % (b"x" * 90)
    body = b"\n".join([line] * (32 * MIB // (len(line) + 1)))
    packed = gzip.compress(body, 1)
    async with serving(store) as port:
        assert (await post(port, GOOD))[0] == 202
        tracemalloc.start()
        try:
            large = [asyncio.create_task(post(port, packed, "gzip")) for _ in range(8)]
            for _ in range(20):
                assert (await post(port, GOOD))[0] == 202
            answers = await asyncio.gather(*large)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    count = body.count(b"\n") + 1
    assert count > 200_000
    stored = answers.count((202, {"accepted": count}))
    assert stored >= 2
    assert [status for status, _ in answers if status != 202] == [503] * (8 - stored), "too slow for the last"
    assert store.end == 21 + stored * count
    assert peak < 150 * MIB


async def test_small_requests_do_not_wait_for_large_ones(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = asyncio.Event()
    append = LogIntake.append

    async def slow(self: LogIntake, lines: Sequence[bytes], **options: Any) -> AppendResult:
        if len(lines) > 10_000:
            await held.wait()
        return await append(self, lines, **options)

    monkeypatch.setattr(LogIntake, "append", slow)
    room = Room(32 * MIB, 64 * MIB)
    body = b"\n".join([GOOD] * 120_000)
    async with serving(store, room=room) as port:
        large = [asyncio.create_task(post(port, body)) for _ in range(3)]
        async with asyncio.timeout(20):
            while room.count < 3 or any(stay.arriving for stay in room._stays):
                await asyncio.sleep(0.01)
            assert (await post(port, GOOD))[0] == 202
        held.set()
        assert [status for status, _ in await asyncio.gather(*large)] == [202] * 3


async def test_decoding_a_file_ends_at_the_first_record_beyond_the_limit(
    store: SqliteStore, decoded: list[int]
) -> None:
    with pytest.raises(checked_lines.TooManyBadError, match="51 bad records in a row"):
        await LogIntake(store, Settings()).append_read([GOOD] * 10_000 + [b"1"] * 200_000)
    assert sum(decoded) < 15_000
    assert store.end == 0


async def test_where_the_limit_is_passed_does_not_depend_on_the_pieces(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(dead_letters=DeadLetterSettings(in_a_row=5))
    lines = [GOOD] * 7 + [b"1"] * 6
    for piece in (1, 2, 3, 5, 8, 100):
        monkeypatch.setattr(checked_lines, "PIECE_RECORDS", piece)
        with pytest.raises(checked_lines.TooManyBadError) as refused:
            await LogIntake(store, settings).append_read(lines)
        assert refused.value.passed.rejected.index == 12


@pytest.mark.parametrize("level", [0, 9])
def test_a_gzip_body_of_any_size_and_number_of_members_is_unpacked_as_it_was(level: int) -> None:
    draw = random.Random(level)  # noqa: S311 - the same in each run
    body = draw.randbytes(2 * MIB) + b"x" * 5 * MIB + draw.randbytes(MIB + 1)
    cuts = [0, *sorted(draw.sample(range(len(body)), 20)), len(body)]
    members = [gzip.compress(body[first:last], level) for first, last in itertools.pairwise(cuts)]
    assert unpack(b"".join(members), "gzip") == body
    for lost in (1, 8, 20, len(members[-1]) - 1):
        with pytest.raises(BodyError, match="truncated"):
            unpack(b"".join(members)[:-lost], "gzip")


def test_the_members_of_a_gzip_body_are_one_body() -> None:
    both = gzip.compress(GOOD + b"\n") + gzip.compress(GOOD)
    assert unpack(both, "gzip") == GOOD + b"\n" + GOOD


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(GOOD) * (MAX_MEMBERS + 1), "more than 1,000 members"),
        (gzip.compress(GOOD) + b"more", "damaged"),
        (gzip.compress(GOOD) + gzip.compress(GOOD)[:-4], "truncated"),
        (gzip.compress(b"\n" * (MAX_LINES + 1)), "more than 250,000 lines"),
    ],
    ids=["members", "trailing", "truncated", "blank lines"],
)
def test_a_gzip_body_that_is_no_body_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(BodyError, match=said):
        unpack(body, "gzip")


# -- slow senders -----------------------------------------------------------------------------------

IMPATIENT = Patience(idle=3.0, grace=60.0, slowest=100.0, longest=120.0)


class Sender:
    """A sender on a socket of its own, who decides when bytes leave."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def of(cls, port: int, announced: int) -> "Sender":
        sender = cls(*await asyncio.open_connection("127.0.0.1", port))
        await sender.send(
            b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % announced
        )
        return sender

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def status(self) -> int:
        return int((await self._reader.readline()).split()[1])

    async def closed(self) -> bool:
        return not await self._reader.read()

    def close(self) -> None:
        self._writer.close()


async def test_stalled_uploads_are_cut_and_hold_up_neither_quick_nor_honest_slow_senders(
    store: SqliteStore,
) -> None:
    async with serving(store, patience=IMPATIENT) as port, asyncio.timeout(60):
        stalled = [await Sender.of(port, 32 * MIB) for _ in range(50)]
        for sender in stalled:
            await sender.send(b"x" * 100_000)
        assert (await post(port, GOOD))[0] == 202
        body = b"\n".join([GOOD] * 20) + b"\n"

        async def slow() -> int:
            sender = await Sender.of(port, len(body))
            for at in range(0, len(body), 40):
                await sender.send(body[at : at + 40])
                await asyncio.sleep(0.05)
            status = await sender.status()
            sender.close()
            return status

        assert await asyncio.gather(*[slow() for _ in range(10)]) == [202] * 10
        assert [await sender.status() for sender in stalled] == [408] * 50
        for sender in stalled:
            sender.close()
        assert (await post(port, GOOD))[0] == 202
    assert store.end == 202


async def test_a_sender_that_trickles_is_cut(store: SqliteStore) -> None:
    patience = Patience(idle=30.0, grace=0.5, slowest=1000.0, longest=60.0)
    async with serving(store, patience=patience) as port, asyncio.timeout(30):
        sender = await Sender.of(port, 10_000)
        answer = asyncio.create_task(sender.status())
        while not answer.done():
            await sender.send(b"{")
            await asyncio.sleep(0.05)
        assert await answer == 408
        sender.close()


async def test_whoever_holds_the_most_for_the_longest_makes_room_for_others(store: SqliteStore) -> None:
    room = Room(MIB, MIB)
    async with serving(store, room=room) as port, asyncio.timeout(30):
        stalled = [await Sender.of(port, 2 * MIB) for _ in range(3)]
        for number, sender in enumerate(stalled):
            await sender.send(b"x" * 300_000)
            while room.held(large=False) < 300_000 * (number + 1):
                await asyncio.sleep(0.01)
        assert (await post(port, b"\n".join([GOOD] * 5000)))[0] == 202
        assert await stalled[0].status() == 503
        assert room.held(large=False) == 600_000
        for sender in stalled:
            sender.close()


async def test_the_oldest_of_too_many_uploads_gives_way(store: SqliteStore) -> None:
    room = Room(MIB, MIB, senders=3)
    async with serving(store, room=room) as port, asyncio.timeout(30):
        slow = []
        for number in range(3):
            slow.append(await Sender.of(port, 100))
            while room.count <= number:
                await asyncio.sleep(0.01)
        assert (await post(port, GOOD))[0] == 202
        assert await slow[0].status() == 503
        for sender in slow:
            sender.close()


async def test_a_body_holds_what_has_arrived_of_it_and_not_what_was_announced(store: SqliteStore) -> None:
    room = Room(MIB, 8 * MIB)
    async with serving(store, room=room) as port, asyncio.timeout(30):
        sender = await Sender.of(port, 30 * MIB)
        await sender.send(b"x" * 1000)
        while not room.held(large=False):
            await asyncio.sleep(0.01)
        assert (room.held(large=False), room.held(large=True)) == (1000, 0)
        sender.close()
        while room.count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: local", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"]
)
async def test_a_connection_without_a_request_is_closed(store: SqliteStore, sent: bytes) -> None:
    async with serving(store, limits=ConnectionLimits(idle=0.2)) as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await reader.read()  # to its end
        writer.close()
