"""Rows read from files of the history, as far as they are asked for, and files merged into one."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.model.array_types import Ints, Places
from streams.record.history.history_files import HistoryFile, HistoryFolder
from streams.record.history.history_rows import COLUMNS, VALUES, HistoryRows, merged, nothing
from streams.record.history.parquet_rows import GROUP_ROWS, RowWriter, rows_in

MOST_ROWS: Final = 4_000_000
"""About how many rows are in memory at a time while files are merged: some hundred megabytes."""

_ALL: Final = 1 << 63
_FAR: Final = "AWS Error"  # a bucket that does not answer says nothing of its files


class DamagedFileError(OSError):
    """A file holds something else than it should; the line names it."""


class RowReading(NamedTuple):
    """How rows are read."""

    most: int | None = None  # rows that are decoded of a file at a time, about; all at once without
    values: tuple[str, ...] = VALUES  # columns of values that are needed; the others are unknown


EVERYTHING: Final = RowReading()


class RowFile:
    """One file of rows, open for reading.

    Parameters
    ----------
    folder, file
        Which.
    values
        As for ``RowReading``.

    Raises
    ------
    OSError
        When it cannot be read.
    DamagedFileError
        When it is damaged.
    """

    def __init__(self, folder: HistoryFolder, file: HistoryFile, values: tuple[str, ...] = VALUES) -> None:
        self._path = file.path
        self._columns = [*COLUMNS[: -len(VALUES)], *values]
        opened = folder.open(file.path)
        with self._intact():
            self._file = pq.ParquetFile(opened)
        metadata = self._file.metadata
        self.rows = metadata.num_rows
        columns = [metadata.row_group(group).column(0).statistics for group in range(metadata.num_row_groups)]
        self.least = np.array([column.min for column in columns], np.int64)
        self._most = np.array([column.max for column in columns], np.int64)

    def between(self, least: int, below: int) -> HistoryRows:
        """Return the rows of series with these numbers."""
        groups = np.flatnonzero((self._most >= least) & (self.least < below))
        rows = self._groups(groups)
        return rows.taken((rows.series >= least) & (rows.series < below))

    def parts(self, series: Ints, most: int | None = None) -> Iterator[HistoryRows]:
        """Yield the rows of series, about ``most`` of those that are decoded at a time; all at once without.

        ``series`` (n,) is sorted.
        """
        first = np.searchsorted(series, self.least, "left")
        groups = np.flatnonzero(first < np.searchsorted(series, self._most, "right"))
        some = len(groups) if most is None else max(1, most // GROUP_ROWS)
        for begin in range(0, len(groups), max(some, 1)):
            yield self._of(self._groups(groups[begin : begin + some]), series)

    @staticmethod
    def _of(rows: HistoryRows, series: Ints) -> HistoryRows:
        begins, ends = (np.searchsorted(rows.series, series, side) for side in ("left", "right"))
        if len(series) and (begins[1:] == ends[:-1]).all():  # neighbours, such as those of one scope
            return rows.taken(slice(begins[0], ends[-1]))
        there = np.zeros(len(rows) + 1, np.int8)
        there[begins[begins < ends]] += 1
        there[ends[begins < ends]] -= 1
        return rows.taken(np.cumsum(there[:-1]) > 0)

    def _groups(self, groups: Places) -> HistoryRows:
        if not len(groups):
            return nothing()
        with self._intact():
            return rows_in(
                self._file.read_row_groups(groups.tolist(), columns=self._columns, use_threads=False)
            )

    @contextlib.contextmanager
    def _intact(self) -> Iterator[None]:
        """Name the file if it is damaged: which of hundreds, nobody could tell."""
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, FileNotFoundError) or _FAR in str(error):
                raise
            reason = str(error).rstrip(".")
            raise DamagedFileError(
                f"{self._path} is damaged ({reason}); move it out of the history's folder to read the rest"
            ) from error

    def close(self) -> None:
        """Close it."""
        self._file.close()


def merged_ranges(files: Sequence[RowFile]) -> Iterator[HistoryRows]:
    """Yield the rows of several files, sorted, a range of series at a time.

    The groups of all files, ordered by their first series, tell where about as many rows begin.
    """
    groups = np.sort(np.concatenate([file.least for file in files])) if files else np.zeros(0, np.int64)
    ranges = max(1, -(-sum(file.rows for file in files) // MOST_ROWS))
    begins = np.unique(groups[:: -(-len(groups) // ranges)][1:]) if len(groups) else groups
    for least, below in itertools.pairwise((0, *begins.tolist(), _ALL)):
        yield merged([file.between(least, below) for file in files])


def write_merged(files: Sequence[RowFile], into: Any) -> None:
    """Write the rows of several files into one."""
    with RowWriter(into) as writer:
        for rows in merged_ranges(files):
            writer.write(rows)
