import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streams.intake_http import IntakeHttp, split_lines
from streams.sqlite_store import SqliteStore

GOOD = b'{"ts": 1760000000, "service": "shop"}'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "db") as opened:
        yield opened


async def post(store: SqliteStore, body: bytes, **headers: str) -> tuple[int, dict[str, object], int]:
    wakes = []
    app = web.Application()
    app.add_routes(IntakeHttp(store, lambda: wakes.append(1)).routes())
    server = TestServer(app)
    await server.start_server(auto_decompress=False)  # as streams/web.py does
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
    assert "one JSON object a line" in str(answer["error"])
    assert wakes == 0


async def test_a_compressed_body_is_unpacked(store: SqliteStore) -> None:
    status, answer, _ = await post(store, gzip.compress(GOOD), **{"Content-Encoding": "gzip"})
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
        (gzip.compress(GOOD)[:25], "gzip", 400, "cut off"),
        (GOOD, "zstd", 415, "not understood"),
        (gzip.compress(b" " * (33 << 20)), "gzip", 413, "larger than 32 MiB"),
    ],
    ids=["damaged", "cut off", "zstd", "a bomb"],
)
async def test_a_body_that_cannot_be_unpacked_is_the_senders_to_hear(
    store: SqliteStore, body: bytes, encoding: str, status: int, said: str
) -> None:
    code, answer, wakes = await post(store, body, **{"Content-Encoding": encoding})
    assert (code, wakes, store.end) == (status, 0, 0)
    assert said in str(answer["error"])
