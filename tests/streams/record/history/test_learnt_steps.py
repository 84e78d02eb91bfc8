"""Steps that a backfill judged join the history of a daemon: once, and never in the place of its own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from config.settings import Settings
from detectors.model.array_types import Ints
from streams.engine.detect.step_record import head_of
from streams.record.history.history_files import MINUTES, TENS, HistoryFolder
from streams.record.history.history_filling import LEARNT, HistoryFilling, LearntSteps
from streams.record.history.history_keeper import DAY, WEEK, HistoryBounds, HistoryKeeper
from streams.record.history.history_reader import HistoryReader
from streams.record.history.history_rows import HistoryRows, merged, to_ten_minutes
from streams.record.history.segments import HOUR, Segments
from tests.streams.record.history.backend import Backend, requests
from tests.streams.record.history.rows import plain

PLENTY = HistoryBounds(35, 400, 1 << 40)
IN_TWOS = Settings.model_validate({"judge": {"young": 3600}, "time": {"step": 120}})
"""Steps of two minutes: the two days are about hours, days and weeks, and each step costs time."""
MONDAY = 1_764_201_600 // WEEK * WEEK + 4 * DAY
LIVE = MONDAY + DAY + 10 * HOUR + 20 * 60  # when the daemon begins: within an hour, a day and a week
END = MONDAY + 2 * DAY + 3 * HOUR
LEARNT_END = LIVE + 3 * HOUR  # the past goes on into the daemon's own time


def judged(start: int, end: int, per_minute: int = 6) -> list[bytes]:
    backend = Backend(settings=IN_TWOS)
    lines = requests((end - start) // 60, start=start, per_minute=per_minute, within=10)
    records = [raw for at in range(0, len(lines), 5000) for raw in backend.feed(lines[at : at + 5000])]
    return records + backend.finish()


class Past:
    """A past that was learnt, and a daemon's own steps that say something else."""

    def __init__(self) -> None:
        self.learnt = judged(MONDAY, LEARNT_END)
        self.live = judged(LIVE, END, per_minute=7)


@pytest.fixture(scope="module")
def past() -> Past:
    return Past()


def keeper_of(place: Path) -> HistoryKeeper:
    return HistoryKeeper(HistoryFolder(str(place)), PLENTY)


def learn(place: Path, records: Sequence[bytes], name: str = "a") -> HistoryFolder:
    filling = HistoryFilling(str(place), PLENTY, learnt=name)
    filling.feed(records)
    filling.finish()
    return HistoryFolder(str(place)).below(f"{LEARNT}/{name}")


def rows_of(place: Path, resolution: str = MINUTES) -> HistoryRows:
    return HistoryReader(HistoryFolder(str(place))).rows(resolution, 0, 1 << 40)


def live_until(keeper: HistoryKeeper, held: Segments, records: Sequence[bytes]) -> None:
    held.feed(records)
    for segment in held.complete():
        keeper.write(segment)
        held.forget(segment)


def alone(place: Path, records: Sequence[bytes]) -> HistoryRows:
    filling = HistoryFilling(str(place), PLENTY)
    filling.feed(records)
    filling.finish()
    return rows_of(place)


def same(found: HistoryRows, expected: HistoryRows) -> None:
    assert plain(found) == plain(expected)


def latencies(place: Path) -> Ints:
    return keeper_of(place).latencies()


@pytest.fixture(scope="module")
def expected(past: Past, tmp_path_factory: pytest.TempPathFactory) -> HistoryRows:
    """Return the rows of learnt steps before the daemon's first, and then all of its own."""
    hour = LIVE // HOUR * HOUR + HOUR  # the daemon corrects no step before its own
    learnt = alone(
        tmp_path_factory.mktemp("learnt"), [raw for raw in past.learnt if head_of(raw).start < hour]
    )
    live = alone(tmp_path_factory.mktemp("live"), past.live)
    return merged([learnt.select(learnt.start < LIVE), live])


@pytest.mark.variants
@pytest.mark.parametrize("tidied", [True, False], ids=["merged days and weeks", "hours"])
def test_every_step_is_there_once_and_a_daemon_s_own_stay(
    tmp_path: Path, past: Past, expected: HistoryRows, tidied: bool
) -> None:
    keeper, held = keeper_of(tmp_path), Segments(1)
    live_until(keeper, held, past.live)
    for segment in held.rest():
        keeper.write(segment)
    if tidied:
        keeper.tidy(MONDAY + WEEK)
    learn(tmp_path, past.learnt)
    assert LearntSteps(keeper).move(MONDAY + WEEK) == LEARNT_END // HOUR * HOUR + HOUR
    same(rows_of(tmp_path), expected)
    keeper.tidy(MONDAY + WEEK)
    same(rows_of(tmp_path), expected)
    assert not HistoryFolder(str(tmp_path)).folders(LEARNT)
    tens = rows_of(tmp_path, TENS)
    wanted = to_ten_minutes(expected, latencies(tmp_path))
    if tidied:  # of the ten minutes in which the daemon began, its own part stays
        late = MONDAY + DAY - 3600  # and what came late on the next day is in the minutes only
        left = [LIVE // 600 * 600, *range(late, MONDAY + DAY, 600)]
        tens, wanted = (rows.select(~np.isin(rows.start, left)) for rows in (tens, wanted))
    same(tens, wanted)


def test_what_the_daemon_may_still_write_waits(tmp_path: Path, past: Past, expected: HistoryRows) -> None:
    keeper, held = keeper_of(tmp_path), Segments(1)
    learn(tmp_path, past.learnt)
    assert held.complete_until == 0
    held.feed(past.live[:1])
    assert held.complete_until == LIVE // HOUR * HOUR
    assert LearntSteps(keeper).move(held.complete_until) == held.complete_until, (
        "the past is there with the first step"
    )
    found = rows_of(tmp_path)
    assert set(found.start.tolist()) == set(expected.start[expected.start < held.complete_until].tolist())
    for some in range(1, len(past.live), 25):
        live_until(keeper, held, past.live[some : some + 25])
        LearntSteps(keeper).move(held.complete_until)
        keeper.tidy(held.complete_until)
    for segment in held.rest():
        keeper.write(segment)
    same(rows_of(tmp_path), expected)


def test_taken_up_again_after_a_crash_nothing_is_there_twice(
    tmp_path: Path, past: Past, expected: HistoryRows
) -> None:
    keeper, held = keeper_of(tmp_path), Segments(1)
    live_until(keeper, held, past.live)
    for segment in held.rest():
        keeper.write(segment)
    folder = learn(tmp_path, past.learnt)
    before = {file.path: Path(folder.place, file.path).read_bytes() for file in folder.files()}
    LearntSteps(keeper).move(MONDAY + DAY + 11 * HOUR)
    for path, body in before.items():  # as if no deletion had come about
        Path(folder.place, path).write_bytes(body)
    LearntSteps(keeper_of(tmp_path)).move(MONDAY + WEEK)
    same(rows_of(tmp_path), expected)


@pytest.mark.release
def test_an_incomplete_backfill_is_not_moved_and_the_rest_completes_it(tmp_path: Path, past: Past) -> None:
    whole = alone(tmp_path / "whole", past.learnt)
    place = tmp_path / "history"
    half = len(past.learnt) // 2
    filling = HistoryFilling(str(place), PLENTY, learnt="a")
    filling.feed(past.learnt[:half])
    state = filling.snapshot()
    filling.feed(past.learnt[half : half + 100])  # lost, but its files are there
    keeper = keeper_of(place)
    assert LearntSteps(keeper).move(MONDAY + WEEK) == 0
    again = HistoryFilling(str(place), PLENTY, learnt="a")
    again.restore(state)
    again.feed(past.learnt[half:])
    again.finish()
    LearntSteps(keeper).move(MONDAY + WEEK)
    same(rows_of(place), whole)


def test_a_past_that_is_too_long_keeps_its_newest_part(tmp_path: Path, past: Past) -> None:
    place = tmp_path / "whole"
    alone(place, past.learnt)
    most = sum(file.size for file in HistoryFolder(str(place)).files()) // 2
    filling = HistoryFilling(str(tmp_path / "part"), HistoryBounds(35, 400, most), learnt="a")
    filling.feed(past.learnt)
    filling.finish()
    files = HistoryFolder(str(tmp_path / "part" / LEARNT / "a")).files()
    assert files[0].first > MONDAY
    assert files[-1].end > LIVE
