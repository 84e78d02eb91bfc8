"""The keeper's files: exact whatever is written again, merged as they age, bounded."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.settings import Settings
from detectors.model.array_types import Places
from streams.record.history.history_files import MINUTES, NAMES_FILE, TENS, HistoryFile, HistoryFolder
from streams.record.history.history_keeper import DAY, WEEK, HistoryBounds, HistoryKeeper
from streams.record.history.history_reader import HistoryReader
from streams.record.history.history_rows import HistoryRows, merged, to_ten_minutes
from streams.record.history.parquet_rows import RowFile, RowReading
from streams.record.history.segments import HOUR, Segment, Segments
from tests.streams.record.history.backend import START, Backend, requests
from tests.streams.record.history.rows import plain

PLENTY = HistoryBounds(35, 400, 1 << 40)
DAYS = 2
STEP = 120  # two days are about hours, days and weeks, and each step costs time
SETTINGS = Settings.model_validate({"judge": {"young": 3600}, "time": {"step": STEP}})
MONDAY = START // WEEK * WEEK + 4 * DAY  # of some week


def segments_of(hours: int, start: int = START) -> list[Segment]:
    held = Segments(1)
    backend = Backend(settings=SETTINGS)
    lines = requests(60 * hours, start=start, within=10)
    for begin in range(0, len(lines), 5000):
        held.feed(backend.feed(lines[begin : begin + 5000]))
    held.feed(backend.finish())
    return held.rest()


@pytest.fixture(scope="module")
def days() -> list[Segment]:
    return segments_of(24 * DAYS + 1)


def names(folder: HistoryFolder, resolution: str = MINUTES) -> list[tuple[int, int]]:
    return [(file.first, file.end) for file in folder.files() if file.resolution == resolution]


def kept(folder: HistoryFolder, resolution: str = MINUTES) -> list[tuple[object, ...]]:
    return plain(HistoryReader(folder).rows(resolution, 0, 1 << 40))


def test_a_reader_finds_every_row_and_the_name_of_its_series(tmp_path: Path, days: list[Segment]) -> None:
    keeper = HistoryKeeper(HistoryFolder(str(tmp_path)), PLENTY)
    for segment in days[:3]:
        keeper.write(segment)
    reader = HistoryReader(HistoryFolder(str(tmp_path)))
    wanted = reader.series(lambda key: (key.scope.name, key.measure, key.source.kind) == ("items", "wcu", ""))
    rows = reader.rows(MINUTES, START + 600, START + 7200, wanted)
    assert rows.start.tolist() == list(range(START + 600, START + 7200, STEP))
    assert set(rows.observed[: 1200 // STEP].tolist()) == {STEP // 60 * (6 * 1.5 + 15)}
    assert reader.reach(MINUTES) == (START, START + 3 * HOUR)
    assert reader.reach(TENS) is None


def test_an_hour_written_again_after_a_crash_changes_nothing(tmp_path: Path, days: list[Segment]) -> None:
    folder = HistoryFolder(str(tmp_path))
    keeper = HistoryKeeper(folder, PLENTY)
    for segment in days:
        keeper.write(segment)
    before = kept(folder)
    again = HistoryKeeper(HistoryFolder(str(tmp_path)), PLENTY)  # as after a restart
    for segment in days[5:]:
        again.write(segment)
    assert kept(folder) == before
    again.tidy(START + DAYS * DAY)
    again.write(days[23])  # its day is merged
    assert kept(folder) == before
    assert len(folder.superseded()) == 1
    again.tidy(START + DAYS * DAY)
    assert not folder.superseded()
    assert kept(folder) == before


def test_a_complete_day_becomes_one_file_and_one_of_ten_minutes(tmp_path: Path, days: list[Segment]) -> None:
    folder = HistoryFolder(str(tmp_path))
    keeper = HistoryKeeper(folder, PLENTY)
    for segment in days[:48]:
        keeper.write(segment)
    minutes = HistoryReader(folder).rows(MINUTES, 0, 1 << 40)
    keeper.write(days[48])
    keeper.tidy(START + 2 * DAY + 60)
    ends = list(itertools.pairwise(range(START, START + (DAYS + 1) * DAY, DAY)))
    assert names(folder) == [*ends, (START + 2 * DAY, START + 2 * DAY + HOUR)]
    assert names(folder, TENS) == ends
    latencies = HistoryReader(folder).series(lambda key: key.measure.startswith("latency"))
    assert kept(folder, TENS) == plain(to_ten_minutes(minutes, latencies))


def test_a_complete_week_of_ten_minutes_becomes_one_file(tmp_path: Path, days: list[Segment]) -> None:
    folder = HistoryFolder(str(tmp_path))
    keeper = HistoryKeeper(folder, PLENTY)
    for segment in days[:48]:
        keeper.write(segment)
    keeper.tidy(START + 2 * DAY)
    tens = kept(folder, TENS)
    monday = (START - 4 * DAY) // WEEK * WEEK + 4 * DAY
    keeper.tidy(monday + WEEK)
    assert names(folder, TENS) == [(monday, monday + WEEK)]
    assert kept(folder, TENS) == tens


def test_merging_holds_few_rows_at_a_time_and_loses_none(
    tmp_path: Path, days: list[Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.record.history.parquet_rows.GROUP_ROWS", 250)
    folder = HistoryFolder(str(tmp_path))
    keeper = HistoryKeeper(folder, PLENTY)
    for segment in days[:24]:
        keeper.write(segment)
    before = kept(folder)
    monkeypatch.setattr("streams.record.history.parquet_rows.MOST_ROWS", 2500)
    most: list[int] = []

    def noted(parts: Sequence[HistoryRows]) -> HistoryRows:
        most.append(sum(map(len, parts)))
        return merged(parts)

    monkeypatch.setattr("streams.record.history.parquet_rows.merged", noted)
    keeper.tidy(START + DAY)
    assert kept(folder) == before
    assert len(most) > 8
    assert max(most) < 3 * 2500


def test_what_is_too_old_or_too_much_goes_oldest_first(tmp_path: Path, days: list[Segment]) -> None:
    folder = HistoryFolder(str(tmp_path))
    for segment in days:
        HistoryKeeper(folder, PLENTY).write(segment)
    until = START + 2 * DAY
    HistoryKeeper(folder, PLENTY).tidy(until)
    gone = HistoryKeeper(folder, HistoryBounds(1, 400, 1 << 40)).tidy(until)
    assert not gone.for_room
    assert [(file.resolution, file.first) for file in gone.files] == [(MINUTES, START)]
    size = sum(file.size for file in folder.files())
    gone = HistoryKeeper(folder, HistoryBounds(35, 400, size - 1)).tidy(until)
    assert gone.for_room
    assert [(file.resolution, file.first) for file in gone.files] == [(TENS, START)]


def test_a_day_that_was_not_merged_to_its_end_is_merged_the_next_time(
    tmp_path: Path, days: list[Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = HistoryFolder(str(tmp_path))
    keeper = HistoryKeeper(folder, PLENTY)
    for segment in days[:24]:
        keeper.write(segment)
    before = kept(folder)
    written: list[str] = []
    write = HistoryFolder.write

    def full(self: HistoryFolder, path: str, content: object) -> int:
        if path.startswith(MINUTES):
            write(self, "part", content)  # type: ignore[arg-type]
            raise OSError(28, "No space left on device", path)
        written.append(path)
        return write(self, path, content)  # type: ignore[arg-type]

    monkeypatch.setattr(HistoryFolder, "write", full)
    with pytest.raises(OSError, match="No space"):
        keeper.tidy(START + DAY)
    assert kept(folder) == before
    monkeypatch.undo()
    keeper.tidy(START + DAY)
    assert names(folder) == [(START, START + DAY)]
    assert kept(folder) == before
    assert [path for path in written if path != NAMES_FILE] == [HistoryFile(TENS, START, START + DAY).path]


def test_a_series_of_five_weeks_is_read_from_the_groups_that_hold_it(
    tmp_path: Path, days: list[Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.record.history.parquet_rows.GROUP_ROWS", 1000)
    folder = HistoryFolder(str(tmp_path))
    keeper = HistoryKeeper(folder, PLENTY)
    for segment in days[:24]:
        keeper.write(segment)
    keeper.tidy(START + DAY)
    reader = HistoryReader(folder)
    [one] = reader.series(lambda key: (key.scope.name, key.measure, key.source.kind) == ("items", "wcu", ""))
    read: list[int] = []
    before = RowFile._groups

    def noted(self: RowFile, which: Places) -> HistoryRows:
        read.append(len(which))
        return before(self, which)

    monkeypatch.setattr(RowFile, "_groups", noted)
    rows = reader.rows(MINUTES, START, START + DAY, np.array([one]))
    assert len(rows) == DAY // STEP
    assert sum(read) <= 2
    every = reader.series(lambda _: True)
    parts, _ = reader.map_rows(MINUTES, START, START + DAY, every, lambda part: part, how=RowReading(most=1))
    assert len(parts) > 10
    whole = reader.rows(MINUTES, START, START + DAY, every)
    assert plain(merged(parts)) == plain(whole)
    some = RowReading(values=("observed", "upper"))
    [few], _ = reader.map_rows(MINUTES, START, START + DAY, every, lambda part: part, how=some)
    for name in ("series", "start", "seconds", *some.values):
        np.testing.assert_array_equal(getattr(few, name), getattr(whole, name))
    assert not np.isnan(whole.expected).all()
    assert np.isnan([few.expected, few.lower]).all()
    assert not few.verdict.any()


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-400])


def spoilt_inside(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[4 : len(whole) // 2] = bytes(len(whole) // 2 - 4)
    file.write_bytes(whole)


def of_another_program(file: Path) -> None:
    pq.write_table(pa.table({"a": ["x", "y"]}), file)


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.variants
@pytest.mark.parametrize("spoil", [cut_off, spoilt_inside, of_another_program, empty])
def test_a_damaged_file_is_set_aside_and_the_rest_of_its_day_is_merged(
    tmp_path: Path, days: list[Segment], spoil: Callable[[Path], None]
) -> None:
    folder, reasons = HistoryFolder(str(tmp_path)), list[str]()
    keeper = HistoryKeeper(folder, PLENTY, reasons.append)
    for segment in days[:24]:
        keeper.write(segment)
    before = kept(folder)
    bad = HistoryFile(MINUTES, days[7].first, days[7].end)
    spoil(tmp_path / bad.path)
    keeper.tidy(START + DAYS * DAY)
    assert names(folder) == [(START, START + DAY)]
    assert [reason.partition(" is damaged")[0] for reason in reasons] == [bad.path]
    assert (tmp_path / f"{bad.path}.damaged").exists()
    assert reasons[0].endswith(f"; it is now {bad.path}.damaged")
    assert 0 < len(kept(folder)) < len(before)
    keeper.tidy(START + DAYS * DAY)
    assert len(reasons) == 1, "once"
