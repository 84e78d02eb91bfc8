"""Reads the history up to now: the rows of its files, and the steps that are not in a file yet."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

import numpy as np
import structlog

from detectors.judge.evidence import CORRECTED_SECONDS
from detectors.model.array_types import Ints
from streams.engine.detect.step_record import Layer
from streams.record.history.history_files import MINUTES, NAMES_FILE, TENS, HistoryFile, HistoryFolder
from streams.record.history.history_rows import HistoryRows, merged
from streams.record.history.parquet_rows import (
    EVERYTHING,
    DamagedFileError,
    LaterFileError,
    RowFile,
    RowReading,
    names_of,
)
from streams.record.history.recent_steps import NO_STEPS, RecentSteps
from streams.record.history.series_names import SeriesKey, SeriesNames

READERS: Final = 4
"""Files that are read at a time: reading waits for a disk or a bucket, and decoding lets others go on."""

MERGED_MEANWHILE: Final = 3
"""Attempts while listed files disappear: they were merged into a longer one."""

_ALL: Final = 1 << 63
_T = TypeVar("_T")

log = structlog.get_logger("uneri.history")


@lru_cache(1000)
def _log_left_out(place: str, reason: str) -> None:
    """Log a file that is left out: once, for all who read the history."""
    log.error("a part of the history cannot be read, and is left out", place=place, reason=reason)


class HistoryReach(NamedTuple):
    """The range of a history, epoch seconds."""

    first: int
    end: int


class HistoryReader:
    """Reads the files of a folder, ``readers`` of them at a time, while their writer may continue.

    A file that is damaged, or of a later version, is an error; with ``leave_out`` the rest is read.

    Raises
    ------
    OSError, pyarrow.ArrowInvalid
        When the folder cannot be read, here and in all methods.
    """

    def __init__(self, folder: HistoryFolder, readers: int = READERS, *, leave_out: bool = False) -> None:
        self._folder = folder
        self._readers = readers
        self._leave_out = leave_out
        self._oldest: dict[HistoryFile, int] = {}  # the start of the first row of the oldest files
        self.names = SeriesNames()
        self.refresh()

    def refresh(self) -> None:
        """Read the names of series anew."""
        if self._folder.has(NAMES_FILE):
            with self._left_out():
                self.names = names_of(self._folder)

    @contextlib.contextmanager
    def _left_out(self) -> Iterator[None]:
        try:
            yield
        except (DamagedFileError, LaterFileError) as error:
            if not self._leave_out:
                raise
            _log_left_out(self._folder.place, str(error))

    def series(self, wanted: Callable[[SeriesKey], bool]) -> Ints:
        """Return the numbers of series, sorted."""
        return np.array([number for number, key in self.names if wanted(key)], np.int64)

    def reach(self, resolution: str) -> HistoryReach | None:
        """Return the range of the files of a resolution; None if there are none."""
        files = [file for file in self._folder.files() if file.resolution == resolution]
        if not files:
            return None
        return HistoryReach(min(file.first for file in files), max(file.end for file in files))

    def beginning(self) -> int | None:
        """Return the start of the oldest row, epoch seconds; None if there are no files.

        The name of a file says where its week begins.
        """
        files = self._folder.files()
        resolutions = (MINUTES, TENS)
        oldest = [next((file for file in files if file.resolution == name), None) for name in resolutions]
        self._oldest = {
            file: self._oldest[file] if file in self._oldest else self._first_of(file)
            for file in oldest
            if file is not None
        }
        return min(self._oldest.values(), default=None)

    def _first_of(self, file: HistoryFile) -> int:
        with contextlib.suppress(FileNotFoundError), self._left_out():  # it was merged into a longer one
            with contextlib.closing(RowFile(self._folder, file)) as opened:
                first = opened.first()
            return file.first if first is None else first
        return file.first

    def rows(self, resolution: str, first: int, end: int, series: Ints | None = None) -> HistoryRows:
        """Return the rows with ``first <= start < end``, of all series or of some, sorted (n,)."""
        return merged(self.map_rows(resolution, first, end, series, lambda rows: rows)[0])

    def map_rows(
        self,
        resolution: str,
        first: int,
        end: int,
        series: Ints | None,
        use: Callable[[HistoryRows], _T],
        *,
        how: RowReading = EVERYTHING,
    ) -> tuple[list[_T], int]:
        """Apply ``use`` to the rows of each file in threads, to several parts where they are decoded so.

        Return the results, and the end of the newest file, 0 without one. Both are of the same moment: a file
        may be written between two listings, and the steps after that end are added from memory.
        """
        for _ in range(MERGED_MEANWHILE):
            with contextlib.suppress(FileNotFoundError):
                return self._map_rows(resolution, (first, end), series, use, how)
        return self._map_rows(resolution, (first, end), series, use, how)

    def _map_rows(
        self,
        resolution: str,
        span: tuple[int, int],
        series: Ints | None,
        use: Callable[[HistoryRows], _T],
        how: RowReading,
    ) -> tuple[list[_T], int]:
        first, end = span
        listed = [file for file in self._folder.files() if file.resolution == resolution]
        written = max((file.end for file in listed), default=0)
        # a correction of a step is in a file of up to six hours later
        files = [file for file in listed if file.end > first and file.first < end + CORRECTED_SECONDS]
        if not files:
            return [], written
        inside = [first <= file.first - CORRECTED_SECONDS and file.end <= end for file in files]

        def used(file: HistoryFile, whole: bool) -> list[_T]:
            with self._left_out():
                return [
                    use(rows if whole else rows.between(first, end))
                    for rows in self._parts(file, series, how)
                ]
            return []

        with ThreadPoolExecutor(min(self._readers, len(files))) as readers:
            return list(itertools.chain.from_iterable(readers.map(used, files, inside))), written

    def _parts(self, file: HistoryFile, series: Ints | None, how: RowReading) -> Iterator[HistoryRows]:
        opened = RowFile(self._folder, file, how.values)
        try:
            if series is None:
                yield opened.between(0, _ALL)
            else:
                yield from opened.parts(series, how.most)
        finally:
            opened.close()


class LimitedSeries(NamedTuple):
    """A series with a limit in force, at the newest step."""

    series: int
    key: SeriesKey
    observed: float  # a sum over the step; NaN where unknown
    limit: float  # per second


class HistoryView:
    """The history at one moment, for one thread at a time. Its methods read files.

    It leaves out what is damaged or of a later version: one file must not hide all others.

    Raises
    ------
    OSError, pyarrow.ArrowInvalid
        When they cannot be read, here and in all methods.
    """

    def __init__(
        self, folder: HistoryFolder, readers: int = READERS, recent: RecentSteps | None = None
    ) -> None:
        self.names = SeriesNames()
        self._reader = HistoryReader(folder, readers, leave_out=True)
        self._learn()
        self._recent = recent or RecentSteps()
        self._named = 0  # series that it has named
        self._steps = NO_STEPS

    def _learn(self) -> None:
        self.names.add(key for _, key in self._reader.names)

    def _learn_recent(self) -> None:
        self._named = self._recent.name(self.names, self._named)

    def set_recent(self, bodies: Sequence[bytes]) -> None:
        """Replace the steps that are not in files yet, by those of ``Segments.recent``."""
        self._steps = self._recent.read(bodies)
        self._learn_recent()

    def forget_recent(self) -> None:
        """Let go of the steps that are not in files yet: until the next query, there will be others."""
        self._steps = NO_STEPS

    def refresh(self) -> None:
        """Read the names of series anew: another thread or process writes them."""
        self._reader.refresh()
        self._learn()

    def series(self, wanted: Callable[[SeriesKey], bool]) -> Ints:
        """Return the numbers of series, sorted."""
        return np.array([number for number, key in self.names if wanted(key)], np.int64)

    @property
    def past(self) -> float | None:
        """The past of the oldest series, seconds, at the newest step; None if there is no recent step."""
        return max((record.past for record, _ in self._steps.newest), default=None)

    @property
    def end(self) -> int | None:
        """The end of the newest step of every shard, epoch seconds; None if there is none."""
        ends = [record.start + record.seconds for record, _ in self._steps.newest]
        if ends:
            return min(ends)
        reach = self._reader.reach(MINUTES)
        return None if reach is None else reach.end

    def reach(self, resolution: str) -> HistoryReach | None:
        """Return the range of the files of a resolution; None if there are none."""
        return self._reader.reach(resolution)

    def beginning(self) -> int | None:
        """Return the start of the oldest row of the files, epoch seconds; None if there are none."""
        return self._reader.beginning()

    def layers(self, since: int) -> list[Layer]:
        """Return the layers of the steps that start at ``since`` or later, of the last hour."""
        return [layer for start, layers in self._steps.layers if start >= since for layer in layers]

    def newest(self, wanted: Callable[[SeriesKey], bool]) -> list[tuple[SeriesKey, float]]:
        """Return the amounts of some series of scopes in the newest step; NaN where unknown."""
        found = []
        for record, ids in self._steps.newest:
            for number, amount in zip(ids, record.observed.tolist(), strict=True):
                if wanted(key := self.names[number]):
                    found.append((key, amount))
        return found

    def limited(self) -> list[LimitedSeries]:
        """Return the series that have a limit, at the newest step."""
        return [
            LimitedSeries(ids[row], self.names[ids[row]], float(record.observed[row]), limit)
            for record, ids in self._steps.newest
            for row, limit in record.limits
        ]

    def rows(self, resolution: str, first: int, end: int, series: Ints) -> HistoryRows:
        """Return the rows of some series with ``first <= start < end``, sorted (n,)."""
        return merged(self.map_rows(resolution, first, end, series, lambda rows: rows))

    def map_rows(
        self,
        resolution: str,
        first: int,
        end: int,
        series: Ints,
        use: Callable[[HistoryRows], _T],
        *,
        how: RowReading = EVERYTHING,
    ) -> list[_T]:
        """Apply ``use`` to parts of the same rows, each sorted; amounts of a row in several parts add up."""
        found, written = self._reader.map_rows(resolution, first, end, series, use, how=how)
        if resolution != MINUTES:
            return found
        return [*found, *map(use, self._beyond(written, (first, end), series, how.most))]

    def _beyond(
        self, written: int, span: tuple[int, int], series: Ints, most: int | None
    ) -> Iterator[HistoryRows]:
        """Yield the rows of steps after ``written``: hours are written while this runs."""
        rows = self._recent.beyond(self._steps, written)
        self._learn_recent()
        for begin in range(0, len(rows), most or max(len(rows), 1)):
            part = rows.select(slice(begin, begin + (most or len(rows))))
            inside = (part.start >= span[0]) & (part.start < span[1])
            yield part.select(inside & np.isin(part.series, series))
