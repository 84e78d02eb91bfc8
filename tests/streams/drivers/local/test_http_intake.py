import gzip
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from config.settings import DeadLetterSettings, LocalSettings, Settings
from detectors.state import zstd
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.stages.checkpoint import Checkpoint
from streams.ingest.receivers.events_receiver import EventsReceiver
from streams.ingest.receivers.ingest_handler import IngestHandler
from streams.ingest.receivers.payload_lines import unpack
from streams.process.logs import Recurring
from streams.process.web.request_body import BodyError

GOOD = b'{"ts": 1760000000, "service": "shop"}'


async def post(
    store: SqliteStore, body: bytes, settings: Settings | None = None, *, encoding: str = ""
) -> tuple[int, dict[str, Any], bool]:
    intake = LogIntake(store, settings or Settings())
    headers = {"Content-Encoding": encoding} if encoding else {}
    app = web.Application()
    app.add_routes(EventsReceiver(IngestHandler(intake)).routes())
    server = TestServer(app)
    await server.start_server(auto_decompress=False)  # as streams/process/web/http_server.py does
    async with TestClient(server) as client:
        answer = await client.post("/events", data=body, headers=headers)
        return answer.status, await answer.json(), intake.arrived.is_set()


async def test_events_are_in_the_log_when_the_sender_is_answered(store: SqliteStore) -> None:
    status, answer, wakes_judge = await post(store, GOOD + b"\n" + GOOD + b"\n")
    assert (status, answer, wakes_judge) == (202, {"accepted": 2}, True)
    assert store.read(0).records == [GOOD, GOOD]


async def test_the_sender_of_a_first_event_reads_what_is_wrong_with_it(store: SqliteStore) -> None:
    status, answer, _ = await post(store, GOOD + b'\n{"service": "shop"}\nnope')
    assert status == 202
    assert answer["accepted"] == 1
    assert [(bad["line"], bad["reason"]) for bad in answer["refused"]] == [(2, "no_ts"), (3, "not_json")]
    assert len(store.read(0).records) == 3, "bad records are kept too: the engine dead-letters them"


async def test_a_body_without_events_is_a_bad_request(store: SqliteStore) -> None:
    status, answer, wakes_judge = await post(store, b"\n\r\n")
    assert status == 400
    assert "one JSON object per line" in str(answer["error"])
    assert not wakes_judge


async def test_an_event_that_cannot_be_stored_is_refused_so_that_it_is_sent_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "db")
    store.close()
    status, answer, wakes_judge = await post(store, GOOD)
    assert (status, wakes_judge) == (503, False)
    assert "send again" in str(answer["error"])


async def test_a_log_that_cannot_be_written_is_said_at_once_and_then_once_a_minute(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    sink = LogIntake(store, Settings(), unwritable=Recurring(lambda: now))
    append = store.append

    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    async def status() -> int:
        try:
            await sink.append([GOOD])
        except BodyError as error:
            return error.status
        return 202

    async def statuses(requests: int) -> set[int]:
        return {await status() for _ in range(requests)}

    with capture_logs() as logs:
        monkeypatch.setattr(store, "append", full)
        assert await statuses(41) == {503}
        assert [line["requests"] for line in logs] == [1]
        now += 60
        assert await statuses(41) == {503}
        assert [line["requests"] for line in logs] == [1, 41]
        assert {(line["reason"], line["log_level"]) for line in logs} == {
            ("database or disk is full", "error")
        }
        monkeypatch.setattr(store, "append", append)
        assert await statuses(1) == {202}
        assert len(logs) == 2, "it may come and go"
        now += 60
        assert await statuses(2) == {202}
        assert [line.get("refused_requests") for line in logs[2:]] == [82]
        monkeypatch.setattr(store, "append", full)
        assert await statuses(1) == {503}
        assert logs[3]["requests"] == 1, "and when it happens again, that is said at once"


async def test_one_event_written_over_several_lines_is_one_event(store: SqliteStore) -> None:
    status, answer, _ = await post(store, b'{"ts": 1760000000,\n "service": "shop",\n "status": 200}\n')
    assert (status, answer) == (202, {"accepted": 1})
    assert store.end == 1


PACKED = [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)]


@pytest.mark.parametrize(("encoding", "compress"), PACKED)
async def test_a_packed_body_of_one_or_several_members_is_unpacked(
    store: SqliteStore, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = b"\n".join([GOOD] * 50_000)
    for packed, records in ((compress(body), 50_000), (compress(GOOD + b"\n") + compress(GOOD), 2)):
        status, answer, _ = await post(store, packed, encoding=encoding)
        assert (status, answer) == (202, {"accepted": records})


@pytest.mark.parametrize(("encoding", "compress"), PACKED)
def test_a_packed_body_that_is_cut_off_or_grows_is_refused(
    encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    packed = compress(GOOD * 100)
    for end in range(1, len(packed)):
        with pytest.raises(BodyError, match="truncated") as refused:
            unpack(packed[:end], encoding)
        assert refused.value.status == 400
    bombs = {
        compress(bytes(33 << 20)): "larger than 32 MiB",
        compress(b"{}\n" * 250_001): "more than 250,000 lines",
        compress(b"") * 1001: "more than 1,000 members",
    }
    for bomb, said in bombs.items():
        with pytest.raises(BodyError, match=said) as grown:
            unpack(bomb, encoding)
        assert grown.value.status == 413


async def test_a_zstd_body_with_a_window_of_more_than_32_mib_is_refused(store: SqliteStore) -> None:
    wide: dict[int, int] = {zstd.CompressionParameter.window_log: 27}
    packer = zstd.ZstdCompressor(options=wide)
    packed = packer.compress(GOOD * 3) + packer.flush()
    status, answer, _ = await post(store, packed, encoding="zstd")
    assert (status, store.end) == (400, 0)
    assert "damaged" in str(answer["error"])


@pytest.mark.parametrize(
    ("body", "encoding", "status", "said"),
    [
        (GOOD, "gzip", 400, "damaged"),
        (gzip.compress(GOOD)[:25], "gzip", 400, "truncated"),
        (zstd.compress(GOOD)[:25], "zstd", 400, "truncated"),
        (GOOD, "br", 415, "not supported; send gzip, zstd, deflate, or no encoding"),
        (gzip.compress(b" " * (33 << 20)), "gzip", 413, "larger than 32 MiB"),
    ],
    ids=["damaged", "truncated", "truncated zstd", "unknown", "a bomb"],
)
async def test_a_body_that_cannot_be_unpacked_is_refused_with_the_reason(
    store: SqliteStore, body: bytes, encoding: str, status: int, said: str
) -> None:
    code, answer, wakes_judge = await post(store, body, encoding=encoding)
    assert (code, wakes_judge, store.end) == (status, False, 0)
    assert said in str(answer["error"])


async def test_while_the_engine_is_too_far_behind_senders_read_when_to_come_again(
    store: SqliteStore,
) -> None:
    settings = Settings(local=LocalSettings(listen="127.0.0.1:0", backlog=1000))
    assert (await post(store, b"\n".join([GOOD] * 1000), settings))[0] == 202
    intake = LogIntake(store, settings)
    app = web.Application()
    app.add_routes(EventsReceiver(IngestHandler(intake)).routes())
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
    intake = LogIntake(store, Settings(local=LocalSettings(backlog_mib=64)))
    store.append([b"x" * (64 << 20)])
    assert intake.why_full() == "too far behind: the log holds 64 MiB (local.backlog_mib)"
    store.save("engine", Checkpoint(), done=1)
    assert (intake.why_full(), store.log_bytes) == (None, 0)


@pytest.mark.parametrize("settings", [Settings(), Settings(dead_letters=DeadLetterSettings(stop=False))])
@pytest.mark.parametrize("lines", [[b"nope"], [b"nope", b'{"service": "shop"}', b"[]"]])
async def test_a_request_of_which_nothing_can_be_read_is_a_bad_request_and_leaves_nothing(
    store: SqliteStore, lines: list[bytes], settings: Settings
) -> None:
    status, answer, wakes_judge = await post(store, b"\n".join(lines), settings)
    assert (status, wakes_judge, store.end) == (400, False, 0)
    assert answer["error"] == (
        "nothing was stored: no line of the body can be accepted as an event; correct it and send it again"
    )
    assert [bad["line"] for bad in answer["refused"]] == list(range(1, len(lines) + 1))


async def test_the_status_does_not_depend_on_how_much_is_sent(store: SqliteStore) -> None:
    settings = Settings(dead_letters=DeadLetterSettings(stop=False))
    status, answer, _ = await post(store, b"\n".join([b"nope"] * 3000), settings)
    assert (status, store.end, len(answer["refused"])) == (400, 0, 1000)
    status, answer, _ = await post(store, b"\n".join([b"nope"] * 3000 + [GOOD]), settings)
    assert (status, store.end, answer["accepted"], len(answer["refused"])) == (202, 3001, 1, 1000)


async def test_of_a_request_of_garbage_the_good_records_are_stored_and_few_of_the_bad_ones(
    store: SqliteStore,
) -> None:
    mixed = b"\n".join([GOOD] + [b"nope"] * 60 + [GOOD])
    status, answer, _ = await post(store, mixed)
    assert (status, answer["accepted"], len(answer["refused"])) == (202, 2, 60)
    assert store.read(0).records == [GOOD, *[b"nope"] * 50, GOOD]
