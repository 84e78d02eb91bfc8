"""Reads the history: the rows of series within a range of time."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

import numpy as np

from detectors.judge.correction import CORRECTED_SECONDS
from detectors.model.array_types import Ints
from streams.record.history.history_files import NAMES_FILE, HistoryFile, HistoryFolder
from streams.record.history.history_rows import HistoryRows, merged
from streams.record.history.parquet_rows import read_names
from streams.record.history.row_files import EVERYTHING, RowFile, RowReading
from streams.record.history.series_names import SeriesKey, SeriesNames

READERS: Final = 4
"""Files that are read at a time: reading waits for a disk or a bucket, and decoding lets others go on."""

MERGED_MEANWHILE: Final = 3
"""How often files may be gone that were listed: they were merged into a longer one."""

_ALL: Final = 1 << 63

_T = TypeVar("_T")


class HistoryReach(NamedTuple):
    """What a history holds, epoch seconds."""

    first: int
    end: int


class HistoryReader:
    """Reads the files of a folder; whoever writes them may go on meanwhile.

    Parameters
    ----------
    folder
        Where the files are.
    readers
        How many of them are read at a time.

    Raises
    ------
    OSError, pyarrow.ArrowInvalid
        When the folder cannot be read, here and in all methods.
    """

    def __init__(self, folder: HistoryFolder, readers: int = READERS) -> None:
        self._folder = folder
        self._readers = readers
        self.names = SeriesNames()
        self.refresh()

    def refresh(self) -> None:
        """Read the names of series anew."""
        if self._folder.has(NAMES_FILE):
            with self._folder.open(NAMES_FILE) as file:
                self.names = read_names(file)

    def series(self, wanted: Callable[[SeriesKey], bool]) -> Ints:
        """Return the numbers of series, sorted."""
        return np.array([number for number, key in self.names if wanted(key)], np.int64)

    def reach(self, resolution: str) -> HistoryReach | None:
        """Return what the files of a resolution hold; None if there are none."""
        files = [file for file in self._folder.files() if file.resolution == resolution]
        if not files:
            return None
        return HistoryReach(min(file.first for file in files), max(file.end for file in files))

    def rows(self, resolution: str, first: int, end: int, series: Ints | None = None) -> HistoryRows:
        """Return the rows with ``first <= start < end``, of all series or of some, sorted (n,).

        What corrects a step is in a file of up to six hours later.
        """
        return merged(self.each(resolution, first, end, series, lambda rows: rows)[0])

    def each(
        self,
        resolution: str,
        first: int,
        end: int,
        series: Ints | None,
        use: Callable[[HistoryRows], _T],
        *,
        how: RowReading = EVERYTHING,
    ) -> tuple[list[_T], int]:
        """Return what ``use`` makes of the rows of each file, in threads; ``rows`` adds them up.

        What is decoded in several parts is used in several parts. Beside them comes up to where the files go,
        0 if there are none: whoever adds the steps that are in no file yet needs both of one moment, since a
        file may be written between two looks at the folder.
        """
        for _ in range(MERGED_MEANWHILE):
            with contextlib.suppress(FileNotFoundError):
                return self._each(resolution, (first, end), series, use, how)
        return self._each(resolution, (first, end), series, use, how)

    def _each(
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
        files = [file for file in listed if file.end > first and file.first < end + CORRECTED_SECONDS]
        if not files:
            return [], written
        inside = [first <= file.first - CORRECTED_SECONDS and file.end <= end for file in files]

        def used(file: HistoryFile, whole: bool) -> list[_T]:
            return [
                use(rows if whole else rows.between(first, end)) for rows in self._parts(file, series, how)
            ]

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
