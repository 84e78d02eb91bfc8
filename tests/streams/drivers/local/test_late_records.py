"""Records that come too late to be judged: who hears of it."""

import json
import sqlite3
from pathlib import Path

import numpy as np
from structlog.testing import capture_logs

from config.settings import Settings
from detectors.state.state import pack
from streams.drivers.local.daemon import LocalDaemon
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.event_time import UNKNOWN_ARRIVAL
from streams.ingest.receivers.sender_clocks import APART_SECONDS, SenderClocks
from tests.streams.drivers.world import local_settings, running

NOW = 1_760_000_000.0


def events(first: float, count: int, pace: float = 1.0) -> list[bytes]:
    return [json.dumps({"ts": first + pace * n, "service": "shop"}).encode() for n in range(count)]


async def test_a_sender_of_old_records_reads_that_they_are_late(tmp_path: Path) -> None:
    passed = [0.0]
    daemon = LocalDaemon(local_settings(tmp_path / "state"), clock=lambda: NOW)
    daemon._intake.clocks = SenderClocks(lambda: NOW, lambda: passed[0])
    async with running(daemon) as world:
        assert await world.send(events(NOW - 60, 60)) == (202, {"accepted": 60})
        await world.judged()
        reached = daemon._judge.engine.watermark("local/0")
        assert NOW - 120 < reached <= NOW
        with capture_logs() as logs:
            status, answer = await world.send(events(NOW - 7 * 86400, 2000))
            await world.judged()
        assert status == 202
        assert (answer["accepted"], answer["late"]) == (2000, 2000)
        assert "Replay history with `uneri replay`" in answer["warning"]
        assert any("most records are not judged" in entry["event"] for entry in logs)
        assert daemon.status()["not_judged"] == "100% of the last records"
        # live records go on
        assert await world.send(events(NOW - 5, 5)) == (202, {"accepted": 5})
        # and a request of the future waits for one that shows whose clock is wrong; then it is refused
        passed[0] += APART_SECONDS
        status, answer = await world.send(events(NOW + 3 * 365 * 86400, 32))
        assert status == 503
        assert "the clock of this sender is ahead, or that of this host behind" in answer["error"]
        for _ in range(2):
            passed[0] += APART_SECONDS
            assert await world.send(events(NOW - 5, 5)) == (202, {"accepted": 5})
        status, answer = await world.send(events(NOW + 3 * 365 * 86400, 32))
        assert status == 400
        assert {line["reason"] for line in answer["refused"]} == {"far_future"}
        assert daemon._judge.engine.watermark("local/0") <= NOW


async def test_a_sender_of_records_of_before_a_new_daemons_first_step_reads_that_they_are_late(
    tmp_path: Path,
) -> None:
    with SqliteStore(tmp_path / "db") as store:
        sink = LogIntake(store, Settings(), lambda: NOW)  # and nothing is judged yet
        assert (await sink.append(events(NOW - 7200, 5))).late == 0, "a daemon may begin with old records"
        assert (await sink.append(events(NOW - 5, 5))).late == 0
        assert (await sink.append([*events(NOW - 600, 3), *events(NOW - 2, 2)])).late == 3


def test_a_log_of_an_earlier_version_is_read_though_it_does_not_know_when_records_arrived(
    tmp_path: Path,
) -> None:
    path = tmp_path / "db"
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE log (first INTEGER PRIMARY KEY, records INTEGER NOT NULL, body BLOB NOT NULL)"
        )
        old.execute("INSERT INTO log VALUES (0, 2, ?)", (b"a\nb",))
        old.execute("CREATE TABLE log_end (only INTEGER PRIMARY KEY CHECK (only = 1), next INTEGER NOT NULL)")
        old.execute("INSERT INTO log_end VALUES (1, 2)")
    with SqliteStore(path) as store:
        store.append([b"c"], arrived=NOW)
        run = store.read(0)
    assert run.records == [b"a", b"b", b"c"]
    assert run.arrived.tolist() == [UNKNOWN_ARRIVAL, UNKNOWN_ARRIVAL, NOW]


def test_event_time_of_an_earlier_version_is_continued() -> None:
    before = Decoder()
    before.decode(events(NOW, 50), NOW + np.arange(50.0))
    parts = dict(before.snapshot())
    parts["decoder"] = pack("decoder", Decoder.VERSION, (before.time.newest, [], 0, 0), {})
    after = Decoder()
    after.restore(parts)
    assert after.time.newest == before.time.newest
    columns, rejected = after.decode(events(NOW + 50, 5), NOW + 50 + np.arange(5.0))
    assert rejected == []
    assert columns.newest.tolist() == [NOW + 50 + n for n in range(5)]
