"""A backfill fills the history of the daemon with the steps that it judges."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from streams.drivers.checkpointing import RunOptions
from streams.drivers.local.daemon import LocalDaemon
from streams.offline.backfill.lesson import Lesson, Watch
from streams.offline.backfill.local_backfill import into_local
from streams.record.history import history_writer
from streams.record.history.history_files import MINUTES, HistoryFolder
from streams.record.history.history_filling import HistoryFilling
from streams.record.history.history_keeper import HistoryBounds
from streams.record.history.history_reader import HistoryReader
from streams.screens.board.board_data import BoardIncidents, StepSignal
from streams.screens.board.live_board import LiveBoard
from tests.streams.drivers.world import local_settings, running
from tests.streams.offline.sources.memory_source import MemorySource
from tests.streams.record.history.backend import START, requests
from tests.streams.record.history.rows import plain

WEEK = 7 * 86_400
STEP = 300  # a week without a record is judged step by step
HOURS = 5
MINUTES_LEARNT = HOURS * 60 + 20
LINES = requests(MINUTES_LEARNT, late=False)


def settings(folder: Path, step: int) -> Settings:
    return local_settings(folder, time={"step": step}, judge={"young": 3600}, notify={})


def learn(folder: Path, turns: int | None = None, step: int = 60) -> bool:
    """Learn, or stop after some pieces; return whether all was learnt."""
    place = str(folder / "history")
    filling = HistoryFilling(place, HistoryBounds(35, 400, 1 << 40), learnt="a")
    history = MemorySource({"a/0": LINES}, (300,))
    lesson = Lesson(settings(folder, step), history, START + 10**6, filling=filling)
    left = iter(range(10**6 if turns is None else turns))
    return into_local(folder, lesson, Watch(stopping=lambda: next(left, None) is None)) is not None


def learnt(folder: Path) -> list[Any]:
    return plain(
        HistoryReader(HistoryFolder(str(folder / "history" / "learnt" / "a"))).rows(MINUTES, 0, 1 << 40)
    )


def is_merged(place: HistoryFolder) -> bool:
    """Return whether nothing of the past is left to be merged: here one merge follows the other at once."""
    past = [file for file in place.files() if file.end < START + WEEK]
    return bool(past) and all(file.end - file.first > 3600 for file in past) and not place.superseded()


def test_a_backfill_that_is_stopped_and_goes_on_leaves_the_same_rows(tmp_path: Path) -> None:
    assert learn(tmp_path / "whole")
    for turns in (2, 3):
        assert not learn(tmp_path / "parts", turns)
    assert learn(tmp_path / "parts")
    assert learnt(tmp_path / "parts") == learnt(tmp_path / "whole")
    starts = {row[1] for row in learnt(tmp_path / "whole")}
    assert {START, START + 60 * (MINUTES_LEARNT - 2)} <= starts


@pytest.mark.release
async def test_a_new_daemon_has_the_past_with_its_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_writer, "WRITE_SECONDS", 0.05)
    monkeypatch.setattr(history_writer, "LEARN_SECONDS", 0.0)
    folder = tmp_path / "state"
    assert await asyncio.to_thread(learn, folder, step=STEP)
    before = learnt(folder)
    begin = START + WEEK + 60 * (MINUTES_LEARNT - 20)
    daemon = LocalDaemon(settings(folder, STEP), options=RunOptions(every=0.05), clock=lambda: begin + 1200)
    place = HistoryFolder(str(folder / "history"))
    async with running(daemon) as world:
        events = [json.loads(line) for line in LINES[(MINUTES_LEARNT - 20) * 6 :]]
        live = [json.dumps(event | {"ts": event["ts"] + WEEK}).encode() for event in events]
        await daemon._intake.append_read(live)
        await world.until(lambda: not place.folders("learnt") and is_merged(place))
        held = daemon._history.segments
        assert held is not None
        board = LiveBoard(
            StepSignal(),
            lambda: settings(folder, STEP),
            place.place,
            held.recent,
            lambda: BoardIncidents((), []),
            clock=lambda: begin + 1200,
        )
        wall = await board.wall()
        assert wall.numbers[0].value == wall.numbers[0].week_before == pytest.approx(0.1)
        assert wall.calls is not None
        assert wall.calls.week_before == [pytest.approx(0.1)] * (4 * 3600 // STEP)
    rows = plain(HistoryReader(HistoryFolder(place.place)).rows(MINUTES, 0, START + WEEK - 3600))
    assert rows == before
