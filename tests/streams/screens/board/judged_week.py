"""A backend that was judged for a week and a day, its history, and a board over it."""

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from config.settings import Settings
from detectors.model.measures import Series
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.segments import Segments
from streams.screens.board.board_data import BoardIncidents, StepSignal
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.scope_pages.scope_events import BoardPast
from tests.streams.engine.stages.engine_run import gathered
from tests.streams.record.history.backend import START, Backend, requests

DAYS = 8
AT = START + DAYS * 86400 + 90 * 60  # not on the hour: some steps are in no file
PER_MINUTE = 6
STEP = 300
STEPS = 4 * 3600 // STEP
SETTINGS = Settings.model_validate(
    {
        "judge": {"young": 3600},
        "time": {"step": STEP},
        "limits": {"tables": {"items": {"wcu": 1.0}}, "accounts": {"1": 0.01}},
        "accounts": {"1": {"name": "game-prod"}},
        "digest": {"timezone": "Asia/Tokyo"},
    }
)


def board_of(
    place: Path | None, held: Segments, now: float = AT, incidents: Any = None, past: BoardPast | None = None
) -> LiveBoard:
    return LiveBoard(
        StepSignal(),
        lambda: SETTINGS,
        None if place is None else str(place),
        held.recent,
        lambda: incidents or BoardIncidents((), []),
        past=lambda: past or BoardPast(),
        clock=lambda: now,
    )


class Judged:
    """A backend that was judged for a week and a day, its history, and the newest judgement."""

    def __init__(self, place: Path, days: int = DAYS) -> None:
        self.place, self.held = place, Segments(1)
        self.at = AT - (DAYS - days) * 86400
        backend = Backend(settings=SETTINGS)
        keeper = HistoryKeeper(HistoryFolder(str(place)), HistoryBounds(35, 400, 1 << 40))
        last = self.at - 600
        lines = gathered(requests((last - START) // 60, per_minute=PER_MINUTE, late=False, within=10), STEP)
        lines += requests(10, start=last, per_minute=PER_MINUTE, late=False)
        for first in range(0, len(lines), 10_000):
            self.held.feed(backend.feed(lines[first : first + 10_000]))
            self.held.feed([] if first + 10_000 < len(lines) else backend.finish())
            for segment in self.held.complete():
                keeper.write(segment)
                self.held.forget(segment)
        keeper.tidy(self.held.until)
        self.judgements = backend.judgements
        self.judgement, self.series = self.judgements[-1]

    def of(self, kind: str, measure: str) -> list[int]:
        return [
            row
            for row, key in enumerate(self.series)
            if isinstance(key, Series) and (key.place.kind, key.measure) == (kind, measure)
        ]


def judged_once(folders: pytest.TempPathFactory, days: int = DAYS) -> Judged:
    """Return such a backend with a history of one's own; the processes of a test run judge it once."""
    base = folders.getbasetemp()
    kept = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"judged-{days}"
    kept.mkdir(exist_ok=True)
    with FileLock(kept / "lock"):
        if not (kept / "judged").exists():
            made = pickle.dumps(Judged(kept / "history", days))
            (kept / "judged").write_bytes(made)
    judged: Judged = pickle.loads((kept / "judged").read_bytes())  # noqa: S301 - written above
    judged.place = folders.mktemp("history")
    shutil.copytree(kept / "history", judged.place, dirs_exist_ok=True)
    return judged
