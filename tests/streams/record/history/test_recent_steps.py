"""The steps that are in no file yet are in memory once, however many read them."""

from pathlib import Path

import numpy as np
import pytest

from streams.engine.detect.step_record import head_of
from streams.record.history.history_files import MINUTES, HistoryFolder
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import HistoryRows, merged
from streams.record.history.parquet_rows import RowReading, read_names, write_names
from streams.record.history.recent_steps import NO_STEPS, RecentSteps
from streams.record.history.series_names import NOBODY, SeriesNames
from tests.streams.record.history.backend import START, Backend, requests


@pytest.fixture(scope="module")
def steps() -> list[bytes]:
    backend = Backend()
    return [*backend.feed(requests(70, per_minute=1, late=False)), *backend.finish()]


def test_steps_that_several_views_read_are_decoded_once(steps: list[bytes]) -> None:
    recent = RecentSteps()
    read = recent.read(steps)
    assert recent.read(list(steps)) is read
    assert recent.beyond(read, START) is recent.beyond(read, START)
    fewer = recent.read(steps[:-1])
    assert len(recent.beyond(fewer, START)) < len(RecentSteps().beyond(read, START))


def test_a_view_that_begins_costs_the_others_nothing(steps: list[bytes], tmp_path: Path) -> None:
    recent = RecentSteps()
    read = recent.read(steps)
    HistoryView(HistoryFolder(str(tmp_path)), recent=recent).set_recent(list(steps))
    assert recent.read(steps) is read


def test_a_view_keeps_nothing_of_the_steps_while_it_waits(steps: list[bytes], tmp_path: Path) -> None:
    view = HistoryView(HistoryFolder(str(tmp_path)))
    view.set_recent(steps)
    assert view.end == head_of(steps[-1]).start + 60
    view.forget_recent()
    assert view.end is None
    assert view.layers(0) == list(NO_STEPS.layers)


def test_rows_of_recent_steps_come_in_parts_that_are_no_larger_than_wanted(
    steps: list[bytes], tmp_path: Path
) -> None:
    view = HistoryView(HistoryFolder(str(tmp_path)))
    view.set_recent(steps)
    series = np.array([number for number, _ in view.names], np.int64)
    whole = view.rows(MINUTES, START, START + 3600, series)
    parts: list[HistoryRows] = view.map_rows(
        MINUTES, START, START + 3600, series, lambda rows: rows, how=RowReading(100)
    )
    assert max(map(len, parts)) <= 100 < len(whole)
    assert merged(parts).start.tolist() == whole.start.tolist()
    assert merged(parts).observed.tolist() == whole.observed.tolist()


def test_a_text_of_many_names_is_in_memory_once(steps: list[bytes], tmp_path: Path) -> None:
    names = SeriesNames()
    recent = RecentSteps()
    recent.read(steps)
    recent.name(names, 0)
    write_names(names, tmp_path / "names")
    keys = [key for _, key in read_names(tmp_path / "names")]
    assert len({id(key.scope) for key in keys}) == len({key.scope for key in keys}) < len(keys)
    assert len({id(key.measure) for key in keys}) == len({key.measure for key in keys})
    assert {id(key.source) for key in keys if not key.source.kind} == {id(NOBODY)}
