"""``uneri backfill`` leaves a state from which the embedded daemon starts, or says why it cannot."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from streams.cli.main import main
from streams.drivers.local.daemon import LocalDaemon, StartError
from streams.drivers.local.sqlite_store import SqliteStore
from streams.offline.backfill.lesson import Learnt, Lesson, Watch
from streams.offline.backfill.local_backfill import into_local
from streams.offline.sources.replay_error import ReplayError
from tests.streams.drivers.world import local_settings, pipeline_of, running
from tests.streams.offline.sources.memory_source import MemorySource

BEGIN = 1_756_684_800
LINES = [
    json.dumps({"ts": BEGIN + 2 * n, "service": "shop", "function": f"f{n % 3}"}).encode()
    for n in range(6000)
]


def lesson(asked: str = "") -> Lesson:
    return Lesson(Settings(), MemorySource({"a/0": LINES}, (1000,)), BEGIN + 10**6, asked)


def learn(state: Path, asked: str = "", turns: int | None = None, **more: Any) -> Learnt | None:
    """Learn; stop after some pieces."""
    left = iter(range(10**6 if turns is None else turns))
    return into_local(state, lesson(asked), Watch(stopping=lambda: next(left, None) is None), **more)


async def test_the_daemon_starts_where_the_history_ends(tmp_path: Path) -> None:
    learnt = await asyncio.to_thread(learn, tmp_path / "state")
    assert learnt is not None
    assert learnt.records == len(LINES)
    daemon = LocalDaemon(local_settings(tmp_path / "state", notify={}))
    async with running(daemon):
        assert daemon._judge.engine.judged_until == learnt.until
        assert daemon._judge.engine.series > 3
        assert pipeline_of(daemon).since == BEGIN + 10**6


def test_a_stopped_backfill_goes_on_and_no_daemon_starts_from_its_half(tmp_path: Path) -> None:
    assert learn(tmp_path / "state", turns=2) is None
    refused = LocalDaemon(local_settings(tmp_path / "state"))
    with pytest.raises(StartError, match="holds an unfinished backfill; run the same `uneri backfill` again"):
        asyncio.run(refused.run())
    refused._store.close()
    refused._lock.release()
    with pytest.raises(ReplayError, match=r"unfinished backfill of another source.*--restart"):
        learn(tmp_path / "state", "other")
    again, whole = learn(tmp_path / "state"), learn(tmp_path / "whole")
    assert again == whole
    assert learn(tmp_path / "state", restart=True) == whole
    assert learn(tmp_path / "state", "other") == whole
    with SqliteStore(tmp_path / "state" / "uneri.db") as store:
        store.append([LINES[-1]])
    with pytest.raises(ReplayError, match="a daemon has judged records here: start it"):
        learn(tmp_path / "state", restart=True)


def test_the_command_says_what_was_learnt_and_when_kafka_does_not_answer(
    tmp_path: Path, closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(LINES))
    local = f"{{state: '{tmp_path / 'state'}', listen: '127.0.0.1:{closed_port}'}}"
    (tmp_path / "local.yaml").write_text(f"local: {local}")
    (tmp_path / "kafka.yaml").write_text("kafka: {brokers: ['127.0.0.1:1']}")
    events = str(tmp_path / "events.ndjson")
    with pytest.raises(SystemExit) as ended:
        main(["backfill", events, "--config", str(tmp_path / "local.yaml")])
    assert ended.value.code in (0, None)
    said = capsys.readouterr().out
    assert f"{tmp_path / 'state'}: learnt from 6,000 records, up to 2025-09-01 03:20 UTC" in said
    with pytest.raises(SystemExit) as ended:
        main(["backfill", events, "--config", str(tmp_path / "kafka.yaml")])
    assert ended.value.code == 2
    assert "Kafka at 127.0.0.1:1 does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (LINES[::-1], r"5,4.. of 6,000 records came after their time .* sort them by ts"),
        (
            [b'{"ts": 4000000000, "service": "shop"}'] * 600,
            "goes on to 2096-.* still to come.*--to",
        ),
    ],
    ids=["the wrong way round", "of the year 2096"],
)
def test_what_teaches_nothing_is_refused_with_the_reason(
    tmp_path: Path, closed_port: int, lines: list[bytes], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(lines))
    local = f"{{state: '{tmp_path / 'state'}', listen: '127.0.0.1:{closed_port}'}}"
    (tmp_path / "uneri.yaml").write_text(f"local: {local}")
    with pytest.raises(SystemExit) as ended:
        main(["backfill", str(tmp_path / "events.ndjson"), "--config", str(tmp_path / "uneri.yaml")])
    assert ended.value.code == 2
    assert re.search(why, capsys.readouterr().err)


def test_a_history_that_goes_on_beyond_now_is_refused() -> None:
    ahead = Lesson(Settings(), MemorySource({"a/0": LINES}, (1000,)), 0, latest=BEGIN + 4_000)
    with pytest.raises(ReplayError, match=r"goes on to 2025-09-01 \d\d:\d\d UTC, which is still to come"):
        ahead.run()
