"""Some hours of records for an embedded daemon, and the history that it is to keep of them."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from config.settings import Settings
from streams.engine.detect.step_record import decode_step
from streams.record.history.history_files import MINUTES, HistoryFolder
from streams.record.history.history_reader import HistoryReader
from streams.record.history.history_rows import COLUMNS, HistoryRows
from streams.record.history.segments import HOUR, Segments
from streams.record.history.series_names import SeriesNames
from streams.record.history.step_rows import StepRows
from tests.streams.drivers.world import local_settings
from tests.streams.record.history.backend import START, Backend, requests

HOURS = 4
END = START + HOURS * HOUR


def given(state: Path, **sections: Any) -> Settings:
    return local_settings(state, time={"idle": 3600}, judge={"young": 3600}, **sections)


@cache
def lines() -> list[bytes]:
    return requests(60 * HOURS + 20, late=False)


@cache
def expected() -> HistoryRows:
    """Return the rows of the whole hours, as an engine leaves them that is never stopped."""
    held = Segments(1)
    held.feed(Backend(settings=given(Path("unused"))).feed(lines()))
    rows = StepRows(SeriesNames()).rows(
        [decode_step(body) for segment in held.complete() for body in segment.bodies]
    )
    return rows.select(rows.start < END)


def written(state: Path) -> HistoryRows:
    return HistoryReader(HistoryFolder(str(state / "history"))).rows(MINUTES, 0, END)


def same(one: HistoryRows, other: HistoryRows) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
