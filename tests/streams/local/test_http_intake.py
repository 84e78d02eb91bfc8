import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from config.settings import DeadLetterSettings, LocalSettings, Settings
from streams.engine.checkpoint import Checkpoint
from streams.local.http_intake import MAX_BODY, HttpIntake, split_lines
from streams.local.log_intake import LogIntake
from streams.local.sqlite_store import SqliteStore

GOOD = b'{"ts": 1760000000, "service": "shop"}'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "db") as opened:
        yield opened


async def post(
    store: SqliteStore, body: bytes, settings: Settings | None = None, *, encoding: str = ""
) -> tuple[int, dict[str, Any], int]:
    wakes: list[int] = []
    headers = {"Content-Encoding": encoding} if encoding else {}
    app = web.Application()
    app.add_routes(HttpIntake(LogIntake(store, settings or Settings(), lambda: wakes.append(1))).routes())
    server = TestServer(app)
    await server.start_server(auto_decompress=False)  # as streams/process/http_server.py does
    async with TestClient(server) as client:
        answer = await client.post("/events", data=body, headers=headers)
        return answer.status, await answer.json(), len(wakes)


async def test_events_are_in_the_log_when_the_sender_is_answered(store: SqliteStore) -> None:
    status, answer, wakes = await post(store, GOOD + b"\n" + GOOD + b"\n")
    assert (status, answer, wakes) == (202, {"accepted": 2}, 1)
    assert store.read(0).records == [GOOD, GOOD]


async def test_the_sender_of_a_first_event_is_told_what_is_wrong_with_it(store: SqliteStore) -> None:
    status, answer, _ = await post(store, GOOD + b'\n{"service": "shop"}\nnope')
    assert status == 202
    assert answer["accepted"] == 1
    assert [(bad["line"], bad["reason"]) for bad in answer["refused"]] == [(2, "no_ts"), (3, "not_json")]
    assert len(store.read(0).records) == 3, "bad records are kept too: the engine dead-letters them"


async def test_a_body_without_events_is_a_bad_request(store: SqliteStore) -> None:
    status, answer, wakes = await post(store, b"\n\r\n")
    assert status == 400
    assert "one JSON object per line" in str(answer["error"])
    assert wakes == 0


async def test_a_compressed_body_is_unpacked(store: SqliteStore) -> None:
    status, answer, _ = await post(store, gzip.compress(GOOD), encoding="gzip")
    assert (status, answer) == (202, {"accepted": 1})


async def test_an_event_that_cannot_be_stored_is_refused_so_that_it_is_sent_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "db")
    store.close()
    status, answer, wakes = await post(store, GOOD)
    assert (status, wakes) == (503, 0)
    assert "send again" in str(answer["error"])


def test_line_ends_of_other_systems_are_no_part_of_a_record() -> None:
    assert split_lines(b"a\r\nb\n\nc") == [b"a", b"b", b"c"]


async def test_one_event_written_over_several_lines_is_one_event(store: SqliteStore) -> None:
    status, answer, _ = await post(store, b'{"ts": 1760000000,\n "service": "shop",\n "status": 200}\n')
    assert (status, answer) == (202, {"accepted": 1})
    assert store.end == 1


@pytest.mark.parametrize(
    ("body", "encoding", "status", "said"),
    [
        (GOOD, "gzip", 400, "damaged"),
        (gzip.compress(GOOD)[:25], "gzip", 400, "truncated"),
        (GOOD, "zstd", 415, "not supported"),
        (gzip.compress(b" " * (33 << 20)), "gzip", 413, "larger than 32 MiB"),
    ],
    ids=["damaged", "truncated", "zstd", "a bomb"],
)
async def test_a_body_that_cannot_be_unpacked_is_refused_with_the_reason(
    store: SqliteStore, body: bytes, encoding: str, status: int, said: str
) -> None:
    code, answer, wakes = await post(store, body, encoding=encoding)
    assert (code, wakes, store.end) == (status, 0, 0)
    assert said in str(answer["error"])


STRICT = Settings(dead_letters=DeadLetterSettings(in_a_row=5))


async def test_a_sender_of_garbage_is_refused_whole_and_good_senders_notice_nothing(
    store: SqliteStore,
) -> None:
    garbage = b"\n".join([GOOD, *[b"nope"] * 6])
    for _ in range(3):
        status, answer, _ = await post(store, garbage, STRICT)
        assert status == 422
        assert "nothing was stored: with this request there are 6 bad records in a row" in str(
            answer["error"]
        )
        assert [bad["line"] for bad in answer["refused"]] == [2, 3, 4, 5, 6, 7]
        assert (await post(store, GOOD, STRICT))[0] == 202
    assert store.read(0).records == [GOOD] * 3


async def test_garbage_by_the_piece_meets_the_same_limit_and_a_restart_remembers_it(
    store: SqliteStore,
) -> None:
    answers = [(await post(store, b"nope", STRICT))[0] for _ in range(7)]  # each with an intake of its own
    assert answers == [202] * 5 + [422] * 2
    assert (await post(store, GOOD, STRICT))[0] == 202
    assert (await post(store, b"nope", STRICT))[0] == 202, "the row has ended"


async def test_a_tenth_of_all_that_is_sent_may_be_bad(store: SqliteStore) -> None:
    mixed = b"\n".join([GOOD, b"nope"] * 60)
    assert (await post(store, mixed))[0] == 202
    assert (await post(store, mixed))[0] == 422
    assert (await post(store, b"\n".join([GOOD] * 1000)))[0] == 202
    assert (await post(store, mixed))[0] == 202


async def test_while_the_engine_is_too_far_behind_senders_are_told_when_to_come_again(
    store: SqliteStore,
) -> None:
    settings = Settings(local=LocalSettings(listen="127.0.0.1:0", backlog=1000))
    assert (await post(store, b"\n".join([GOOD] * 1000), settings))[0] == 202
    wakes: list[int] = []
    intake = LogIntake(store, settings, lambda: wakes.append(1))
    app = web.Application()
    app.add_routes(HttpIntake(intake).routes())
    async with TestClient(TestServer(app)) as client:
        refused = await client.post("/events", data=GOOD)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert "1,000 records wait to be judged" in (await refused.json())["error"]
        assert store.end == 1000
        intake.judged = 1
        assert (await client.post("/events", data=GOOD)).status == 202


async def test_a_log_that_is_too_large_takes_nothing_until_a_checkpoint_drops_some(
    store: SqliteStore,
) -> None:
    intake = LogIntake(store, Settings(local=LocalSettings(backlog_mib=64)), lambda: None)
    store.append([b"x" * (64 << 20)])
    assert intake.full() == "the log holds 64 MiB (local.backlog_mib)"
    store.save("engine", Checkpoint(), done=1)
    assert (intake.full(), store.log_bytes) == (None, 0)


async def test_bodies_that_would_not_fit_into_memory_together_are_not_read(store: SqliteStore) -> None:
    app = web.Application(client_max_size=MAX_BODY)
    intake = HttpIntake(LogIntake(store, Settings(), lambda: None))
    app.add_routes(intake.routes())
    async with TestClient(TestServer(app)) as client:

        async def slow() -> AsyncIterator[bytes]:
            yield GOOD
            await held.wait()

        held = asyncio.Event()
        senders = [asyncio.create_task(client.post("/events", data=slow())) for _ in range(2)]
        async with asyncio.timeout(20):
            while intake._room:  # until both bodies are being read
                await asyncio.sleep(0.01)
        busy = await client.post("/events", data=GOOD)
        assert (busy.status, busy.headers["Retry-After"]) == (503, "1")
        held.set()
        assert [(await sender).status for sender in senders] == [202, 202]
        assert (await client.post("/events", data=GOOD)).status == 202
