"""Another program rewrites the folder of a history: what it spoils is left out, and all else goes on."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.process.metrics import Metrics
from streams.record.history import series_names
from streams.record.history.history_files import MINUTES, NAMES_FILE, HistoryFile, HistoryFolder
from streams.record.history.history_filling import LEARNT, READY, LearntSteps
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.history_reader import HistoryReader, HistoryView
from streams.record.history.history_writer import HistoryWriter
from streams.record.history.parquet_rows import GROUP_ROWS, LaterFileError
from streams.record.history.segments import HOUR, Segment, Segments
from tests.streams.record.history.backend import START, Backend, requests
from tests.streams.record.history.rows import plain
from tests.streams.record.history.test_history_keeper import segments_of

PLENTY = HistoryBounds(35, 400, 1 << 40)
DAY = 86400


@pytest.fixture(scope="module")
def three() -> list[Segment]:
    return segments_of(3)


@pytest.fixture
def folder(tmp_path: Path, three: list[Segment]) -> Path:
    """Return a history of two hours of yesterday."""
    keeper = HistoryKeeper(HistoryFolder(str(tmp_path)), PLENTY)
    for segment in three[:2]:
        keeper.write(segment)
    return tmp_path


def hour(folder: Path, segment: Segment) -> Path:
    return folder / HistoryFile(MINUTES, segment.first, segment.end).path


def kept(folder: Path) -> list[tuple[object, ...]]:
    return plain(HistoryReader(HistoryFolder(str(folder))).rows(MINUTES, 0, 1 << 40))


def column(name: str, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        table = pq.read_table(file)
        place = table.column_names.index(name)
        pq.write_table(table.set_column(place, name, change(table.column(name))), file)

    return spoil


def without_the_first(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([None, *values.to_pylist()[1:]], values.type)])


def in_one_huge_group(file: Path) -> None:
    table = pq.read_table(file)
    table = pa.concat_tables([table] * (GROUP_ROWS // table.num_rows + 1))
    pq.write_table(table, file, row_group_size=1 << 30)


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "x").touch()


def a_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    "spoil",
    [
        a_pipe,
        a_folder,
        a_link,
        column("series", lambda values: values.cast(pa.string())),
        column("seconds", lambda values: values.cast(pa.string())),
        column("start", lambda values: values.cast(pa.timestamp("us", "UTC"))),
        column("start", without_the_first),
        in_one_huge_group,
    ],
    ids=["a pipe", "a folder", "a link", "text as series", "text as seconds", "other times", "null", "huge"],
)
def test_a_file_that_was_replaced_is_set_aside_and_the_others_are_read_and_merged(
    folder: Path, spoil: Callable[[Path], None], three: list[Segment]
) -> None:
    reasons, before = list[str](), kept(folder)
    spoil(hour(folder, three[0]))
    keeper = HistoryKeeper(HistoryFolder(str(folder)), PLENTY, reasons.append)
    for _ in range(2):
        keeper.write(three[2])
        keeper.tidy(START + 2 * DAY)
    (reason,) = reasons
    bad = HistoryFile(MINUTES, three[0].first, three[0].end).path
    assert reason.startswith(bad)
    assert reason.endswith(f"; it is now {bad}.damaged")
    assert os.path.lexists(folder / f"{bad}.damaged")
    assert len(before) < len(kept(folder)) + len(before) / 2 < 2 * len(before)


@pytest.mark.parametrize(
    ("name", "aside"),
    [
        ("20261399T000000-20261399T010000.parquet", True),
        ("00010101T000000-99991231T230000.parquet", True),
        ("20251127T020000-20251127T010000.parquet", True),
        ("20990101T000000-20990101T010000.parquet", False),
    ],
    ids=["no date", "all times", "backwards", "of the future"],
)
def test_a_file_with_an_odd_name_deletes_and_hides_nothing(
    folder: Path, three: list[Segment], name: str, *, aside: bool
) -> None:
    before = kept(folder)
    shutil.copy(hour(folder, three[0]), folder / MINUTES / name)
    writer = HistoryWriter(Segments(1), str(folder), PLENTY, Metrics(), lambda: None)
    assert asyncio.run(writer.advance())
    assert kept(folder) == before
    assert (folder / MINUTES / f"{name}.damaged").exists() == aside


def test_a_damaged_file_of_a_day_takes_the_place_of_no_hour(folder: Path) -> None:
    before, reasons = kept(folder), list[str]()
    day = folder / HistoryFile(MINUTES, START, START + DAY).path
    day.write_bytes(b"no parquet")
    HistoryKeeper(HistoryFolder(str(folder)), PLENTY, reasons.append).tidy(START)
    assert len(reasons) == 1
    assert kept(folder) == before


def gone(file: Path) -> None:
    file.unlink()


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def of_another_program(file: Path) -> None:
    pq.write_table(pa.table({"a": ["x", "y"]}), file)


@pytest.mark.parametrize("spoil", [gone, cut_off, of_another_program, a_pipe, a_link])
def test_names_that_were_lost_are_written_anew_with_the_next_hour(
    folder: Path, three: list[Segment], spoil: Callable[[Path], None]
) -> None:
    keeper = HistoryKeeper(HistoryFolder(str(folder)), PLENTY)
    names = (folder / NAMES_FILE).read_bytes()
    spoil(folder / NAMES_FILE)
    keeper.write(three[2])
    assert (folder / NAMES_FILE).read_bytes() == names


def test_a_folder_of_another_program_s_names_is_read_after_a_restart(
    folder: Path, three: list[Segment]
) -> None:
    reasons = list[str]()
    of_another_program(folder / NAMES_FILE)
    keeper = HistoryKeeper(HistoryFolder(str(folder)), PLENTY, reasons.append)
    keeper.write(three[2])
    assert reasons == [
        f"{NAMES_FILE} is damaged (its columns are not those of names); it is now {NAMES_FILE}.damaged"
    ]
    assert len(HistoryReader(HistoryFolder(str(folder))).names)


def test_a_folder_that_was_deleted_is_made_again(tmp_path: Path, three: list[Segment]) -> None:
    held = Segments(1)
    held.feed([body for segment in three for body in segment.bodies])
    writer = HistoryWriter(held, str(tmp_path / "history"), PLENTY, Metrics(), lambda: None)

    async def lose_it() -> None:
        assert await writer.advance()
        shutil.rmtree(tmp_path / "history")
        held.feed(Backend().feed(requests(65, start=three[-1].end + HOUR)))
        assert not await writer.advance()
        assert await writer.advance()

    asyncio.run(lose_it())
    assert kept(tmp_path / "history")


@pytest.mark.parametrize("spoil", [cut_off, of_another_program, a_pipe, a_folder])
@pytest.mark.parametrize("names", [False, True], ids=["rows", "names"])
def test_a_damaged_file_of_a_backfill_holds_nothing_up(
    folder: Path, three: list[Segment], spoil: Callable[[Path], None], *, names: bool
) -> None:
    learnt = HistoryFolder(str(folder)).below(f"{LEARNT}/a")
    past = HistoryKeeper(learnt, PLENTY)
    for segment in three:
        past.write(segment)
    learnt.write(READY, lambda into: pq.write_table(pa.table({}), into))
    spoil(folder / LEARNT / "a" / (NAMES_FILE if names else hour(folder, three[2]).relative_to(folder)))
    steps = LearntSteps(HistoryKeeper(HistoryFolder(str(folder)), PLENTY))
    for _ in range(3):
        steps.move(START + DAY)


def of_a_later_version(file: Path) -> None:
    table = pq.read_table(file)
    table = table.append_column("new", pa.array(range(table.num_rows)))
    pq.write_table(table.replace_schema_metadata({b"uneri.history": b"2"}), file)


@pytest.mark.parametrize("names", [False, True], ids=["rows", "names"])
def test_a_file_of_a_later_version_is_named_and_left_alone(
    folder: Path, three: list[Segment], *, names: bool
) -> None:
    file = folder / NAMES_FILE if names else hour(folder, three[0])
    of_a_later_version(file)
    with pytest.raises(LaterFileError, match="by a later version of uneri; start that one, or move the file"):
        HistoryKeeper(HistoryFolder(str(folder)), PLENTY).tidy(START + DAY)
    assert file.exists()
    assert not list(folder.rglob("*.damaged"))


@pytest.mark.parametrize("spoil", [cut_off, of_another_program, a_pipe, a_folder, of_a_later_version])
@pytest.mark.parametrize("names", [False, True], ids=["rows", "names"])
def test_whoever_reads_beside_a_damaged_or_later_file_has_the_rest(
    folder: Path, three: list[Segment], spoil: Callable[[Path], None], *, names: bool
) -> None:
    series = HistoryReader(HistoryFolder(str(folder))).series(lambda _: True)
    view = HistoryView(HistoryFolder(str(folder)))
    since = 0 if names else three[1].first
    rest = plain(view.rows(MINUTES, since, 1 << 40, series))
    spoil(folder / NAMES_FILE if names else hour(folder, three[0]))
    for reading in (view, HistoryView(HistoryFolder(str(folder)))):
        reading.refresh()
        assert plain(reading.rows(MINUTES, 0, 1 << 40, series).between(since, 1 << 40)) == rest
        assert reading.beginning()


def test_two_series_with_one_number_end_nothing(
    tmp_path: Path, three: list[Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = series_names.series_id
    monkeypatch.setattr(series_names, "series_id", lambda key: real(key) & ~0xFF)
    keeper = HistoryKeeper(HistoryFolder(str(tmp_path)), PLENTY)
    for segment in three:
        keeper.write(segment)
    assert kept(tmp_path)
