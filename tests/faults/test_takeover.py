"""A running judge takes up a learnt history exactly once, wherever it dies on the way."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from alerting.incidents.notice import Action, Notice
from detectors.state.declared import under
from streams.drivers.checkpointing import RunOptions
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.log_judge import SOURCE, STAGE, LogJudge
from streams.drivers.local.sqlite_store import SqliteStore
from streams.drivers.local.takeover import (
    LearntFileError,
    LearntHistory,
    read_learnt,
    write_learnt,
)
from streams.engine.stages.engine import Engine
from streams.process.crash_points import CrashPoint
from streams.process.files.state_folder import BACKFILL_FILE, LOG_FILE
from streams.process.metrics import Metrics
from tests.laws.arrivals import prompt
from tests.streams.drivers.world import never_hurry
from tests.streams.offline.backfill.hammered_history import BEGIN, HAMMERED, SETTINGS, at, learn, records

MOMENT = HAMMERED + 300
PIECE = 3000  # records that arrive together


class Dead(BaseException):
    """The process was killed."""


class Daemon:
    """The judge of a daemon, its log and its state folder; after a death, another one over the same files."""

    def __init__(self, folder: Path, deaths: list[tuple[CrashPoint, int]]) -> None:
        self.folder = folder
        self.deaths = deaths  # a point, and how often it is passed before
        self.died = 0
        self.sent: dict[str, Notice] = {}

    def hand_over(self, learnt: LearntHistory) -> None:
        with SqliteStore(self.folder / BACKFILL_FILE) as store:
            write_learnt(store, learnt)

    def _at(self, point: CrashPoint, _: str) -> None:
        if self.deaths and point is self.deaths[0][0]:
            where, before = self.deaths[0]
            self.deaths[0] = (where, before - 1)
            if not before:
                del self.deaths[0]
                self.died += 1
                raise Dead

    async def run(self, meanwhile: Callable[[LogJudge, SqliteStore], object]) -> dict[str, bytes]:
        """Run until everything is judged and taken up, through all deaths; return the last checkpoint."""
        while True:
            try:
                return await self._life(meanwhile)
            except Dead:
                continue

    async def _life(self, meanwhile: Callable[[LogJudge, SqliteStore], object]) -> dict[str, bytes]:
        store = SqliteStore(self.folder / LOG_FILE, at=self._at)
        options = RunOptions(every=0.05, run_records=PIECE, at=self._at)
        judge = LogJudge(SETTINGS, store, LogIntake(store, SETTINGS), Metrics(), options)

        async def deliver(notices: object, _: int | None) -> None:
            assert isinstance(notices, list)
            self.sent |= {notice.id: notice for notice in notices}

        try:
            judge.restore()
            if (learnt := read_learnt(self.folder)) is not None:
                judge.takeover.begin(learnt)
            running = asyncio.create_task(judge.run(deliver))
            while judge.lag or judge.takeover.waits or meanwhile(judge, store):
                await asyncio.sleep(0.005)
                if running.done():
                    running.result()
            await judge.finish(running)
            checkpoint = store.load(STAGE)
            assert checkpoint is not None
            return checkpoint.parts
        finally:
            store.close()


def pieces(first: float, last: float) -> Iterator[tuple[list[bytes], float]]:
    """Yield what arrives together, and when."""
    arrivals = prompt(records())
    for index in range(at(first), at(last), PIECE):
        until = min(index + PIECE, at(last))
        yield records()[index:until], float(arrivals[until - 1])


def append(store: SqliteStore, first: float, last: float) -> None:
    for lines, arrived in pieces(first, last):
        store.append(lines, arrived=arrived)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a state folder whose log holds what came up to ``MOMENT``."""
    with SqliteStore(tmp_path / LOG_FILE) as store:
        append(store, BEGIN, MOMENT)
    return tmp_path


def learnt() -> LearntHistory:
    found = learn(BEGIN)
    return LearntHistory(under("detect/0|", found.engine), found.until)


async def taken_up(folder: Path, *deaths: tuple[CrashPoint, int]) -> tuple[dict[str, bytes], Daemon]:
    """Hand a history over once all is judged, and let some more records arrive."""
    daemon, stages = Daemon(folder, []), iter(("hand over", "more"))

    def next_stage(judge: LogJudge, store: SqliteStore) -> bool:
        stage = next(stages, None)
        if stage == "hand over":
            daemon.hand_over(learnt())
            daemon.deaths += deaths
            found = read_learnt(folder)
            assert found is not None
            judge.begin_takeover(found)
        if stage == "more":
            append(store, MOMENT, MOMENT + 600)
            judge._intake.arrived.set()
        return stage is not None

    parts = await daemon.run(next_stage)
    return under("detect/0|", parts), daemon


@pytest.mark.release
async def test_the_judge_goes_on_as_if_the_history_had_come_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_hurry(monkeypatch)
    with capture_logs() as logs:
        parts, daemon = await taken_up(folder)
    there = Engine(SETTINGS, [SOURCE])
    there.restore(learn(BEGIN).engine)
    for first, last in ((BEGIN, MOMENT), (MOMENT, MOMENT + 600)):
        for lines, arrived in pieces(first, last):
            there.feed(SOURCE, lines, np.full(len(lines), arrived))
    expected = under("detect/0|", there.snapshot())
    assert parts.keys() == expected.keys()
    differs = {name for name, part in parts.items() if part != expected[name]}
    assert differs == {"judgeable"}, "the digest gets with the next hour what this one judges by now"
    assert [log["event"] for log in logs if log["log_level"] == "info"][-2:] == [
        "taking up history: what was judged since is judged anew, beside what arrives",
        "the history is taken up",
    ]
    assert not (folder / BACKFILL_FILE).exists()
    assert [notice.action for notice in daemon.sent.values()].count(Action.OPEN) == 1


@pytest.mark.release
async def test_wherever_it_dies_it_is_taken_up_once(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    undisturbed, calm = await taken_up(_copy(folder, tmp_path_factory))
    for points in (
        [CrashPoint.JUDGED_ANEW, CrashPoint.JUDGED_ANEW],
        [CrashPoint.TAKEN_OVER],
        [CrashPoint.SAVING, CrashPoint.TAKEN_OVER],
        [CrashPoint.SAVED],
    ):
        there = _copy(folder, tmp_path_factory)
        parts, daemon = await taken_up(there, *((point, 0) for point in points))
        assert daemon.died == len(points)
        assert parts == undisturbed
        assert daemon.sent.keys() == calm.sent.keys()
        assert not (there / BACKFILL_FILE).exists()


def _copy(folder: Path, made: pytest.TempPathFactory) -> Path:
    other = made.mktemp("state")
    (other / LOG_FILE).write_bytes((folder / LOG_FILE).read_bytes())
    return other


async def test_a_history_of_other_settings_is_refused_and_nothing_changes(folder: Path) -> None:
    daemon = Daemon(folder, [])
    daemon.hand_over(LearntHistory({"detect": b"not a part"}, BEGIN))
    refused: list[str | None] = []

    def stop(judge: LogJudge, _: SqliteStore) -> bool:
        refused.append(judge.takeover.refused)
        return False

    with capture_logs() as logs:
        await daemon.run(stop)
    assert refused[-1]
    assert "the history was not taken up, and nothing has changed" in [log["event"] for log in logs]
    assert not (folder / BACKFILL_FILE).exists()


def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / BACKFILL_FILE).write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(
        LearntFileError, match=r"backfill\.db cannot be read .*: delete it, and run the backfill"
    ):
        read_learnt(tmp_path)
