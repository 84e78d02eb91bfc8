"""A board that starts reads every step that no file has, however the shards' records lie in the topic."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from config.settings import Settings
from streams.drivers.kafka.board import steps_reader
from streams.drivers.kafka.board.steps_reader import StepsReader
from streams.engine.detect.step_record import head_of
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.segments import HOUR, Segments
from tests.streams.record.history.backend import START, Backend, requests

STEP = 300
HOURS = 5
SHARDS = 2


class Record(NamedTuple):
    value: bytes


class Partition:
    """The one partition of a topic, as its consumer shows it."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self.bodies = bodies
        self.at = 0

    async def beginning_offsets(self, places: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(places, len(self.bodies))

    def seek(self, _: Any, at: int) -> None:
        self.at = at

    async def position(self, _: Any) -> int:
        return self.at

    def highwater(self, _: Any) -> int:
        return len(self.bodies)

    async def getmany(self, place: Any, *, timeout_ms: int, max_records: int) -> dict[Any, list[Record]]:
        assert timeout_ms
        found = self.bodies[self.at : self.at + max_records]
        self.at += len(found)
        await asyncio.sleep(0)
        return {place: [Record(body) for body in found]}


async def test_a_shard_that_was_judged_long_before_the_others_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Backend(SHARDS, Settings.model_validate({"judge": {"young": 3600}, "time": {"step": STEP}}))
    bodies = backend.feed(requests(HOURS * 60 + 10, per_minute=2, late=False)) + backend.finish()
    bodies.sort(key=lambda body: -head_of(body).shard)  # each shard caught up by itself
    held, keeper = (
        Segments(SHARDS),
        HistoryKeeper(HistoryFolder(str(tmp_path)), HistoryBounds(35, 400, 1 << 40)),
    )
    held.feed(bodies)
    for segment in held.complete()[:-1]:
        keeper.write(segment)
    partition = Partition(bodies)

    @asynccontextmanager
    async def opened(*_: Any) -> AsyncIterator[Partition]:
        yield partition

    monkeypatch.setattr(steps_reader, "open_partition", opened)
    shown = asyncio.Event()
    reader = StepsReader("steps", {}, str(tmp_path), shards=SHARDS, step=STEP, on_steps=shown.set)
    reading = asyncio.create_task(reader.run())
    async with asyncio.timeout(10):
        await shown.wait()
    reading.cancel()
    assert reader.until == held.until > START + HOURS * HOUR
    assert {head_of(body).shard for body in reader.recent()} == {0, 1}
