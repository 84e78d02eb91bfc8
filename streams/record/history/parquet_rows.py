"""The Parquet files of the history: their columns, rows and names written, read, and merged into one file.

What cannot be read or written raises OSError.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.model.array_types import Bytes, Ints, Places
from detectors.model.scope import Scope
from streams.engine.detect.step_record import VERDICTS
from streams.record.history.history_files import NAMES_FILE, HistoryFile, HistoryFolder
from streams.record.history.history_rows import AMOUNTS, COLUMNS, VALUES, HistoryRows, merged, nothing
from streams.record.history.series_names import NOBODY, SeriesKey, SeriesNames

GROUP_ROWS: Final = 32_768
"""Rows of a row group: a reader of one series reads this many at a time."""

_KEY: Final = b"uneri.history"
_FORMAT: Final = {_KEY: b"1"}
_TEXT: Final = pa.dictionary(pa.int8(), pa.string())
_TIME: Final = pa.timestamp("ms", tz="UTC")

ROWS: Final = pa.schema(
    [
        pa.field("series", pa.int64(), nullable=False, metadata={"meaning": "names are in series.parquet"}),
        pa.field("start", _TIME, nullable=False),
        pa.field("seconds", pa.int32(), nullable=False, metadata={"meaning": "that the row sums up"}),
        *(
            pa.field(name, pa.float32(), metadata={"unit": "a sum over the seconds; ms of a latency"})
            for name in AMOUNTS
        ),
        pa.field("verdict", _TEXT, metadata={"meaning": "of the finding that was open; null without one"}),
    ],
    metadata=_FORMAT,
)
"""Columns of the rows, sorted by ``series`` and ``start``."""

_SCOPE: Final = ("kind", "cloud", "account", "region", "name", "version")

NAMES: Final = pa.schema(
    [
        pa.field("series", pa.int64(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in _SCOPE),
        *(
            pa.field(f"source_{name}", pa.string(), metadata={"meaning": "who calls; null for a scope"})
            for name in _SCOPE
        ),
        pa.field("measure", pa.string(), nullable=False),
    ],
    metadata=_FORMAT,
)
"""Columns of ``series.parquet``, sorted by ``series``."""

_ENCODING: Final = {"start": "DELTA_BINARY_PACKED"} | dict.fromkeys(AMOUNTS, "BYTE_STREAM_SPLIT")

MOST_ROWS: Final = 4_000_000
"""Rows in memory at a time, about, while files are merged: some hundred megabytes."""

_ALL: Final = 1 << 63
_FAR: Final = "AWS Error"  # a bucket that does not answer is no damaged file


class RowWriter:
    """Writes rows, sorted as they come, into a path or a binary stream."""

    def __init__(self, into: Any) -> None:
        self._writer = pq.ParquetWriter(
            into,
            ROWS,
            compression="zstd",
            use_dictionary=["series", "seconds", "verdict"],
            column_encoding=_ENCODING,
            write_statistics=["series", "start"],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, rows: HistoryRows) -> None:
        """Append rows."""
        for begin in range(0, len(rows), GROUP_ROWS):
            some = rows.select(slice(begin, begin + GROUP_ROWS))
            self._writer.write_table(_table(some), row_group_size=GROUP_ROWS)


def write_rows(rows: HistoryRows, into: Any) -> None:
    """Write rows into a path or a binary stream."""
    with RowWriter(into) as writer:
        writer.write(rows)


@cache
def _verdicts() -> pa.Array:
    return pa.array(VERDICTS[1:], pa.string())  # the first array loads pandas, where that is installed


def _table(rows: HistoryRows) -> pa.Table:
    codes = rows.verdict.astype(np.int8)
    verdict = pa.array(np.maximum(codes - 1, 0), pa.int8(), mask=codes == 0)
    columns = [
        pa.array(rows.series),
        pa.array(rows.start * 1000).cast(_TIME),
        pa.array(rows.seconds),
        *(pa.array(getattr(rows, name), from_pandas=True) for name in AMOUNTS),
        pa.DictionaryArray.from_arrays(verdict, _verdicts()),
    ]
    return pa.Table.from_arrays(columns, schema=ROWS)


def rows_in(table: pa.Table) -> HistoryRows:
    """Return the rows of a table with columns of ``ROWS``, in its order; columns of values may be missing."""
    there = set(table.column_names)
    unknown = np.broadcast_to(np.float32(np.nan), table.num_rows)
    observed, expected, lower, upper = (
        table.column(name).to_numpy().astype(np.float32, copy=False) if name in there else unknown
        for name in AMOUNTS
    )
    return HistoryRows(
        table.column("series").to_numpy(),
        table.column("start").cast(pa.int64()).to_numpy() // 1000,
        table.column("seconds").to_numpy(),
        observed,
        expected,
        lower,
        upper,
        _verdict_codes(table) if "verdict" in there else np.zeros(table.num_rows, np.uint8),
    )


def _verdict_codes(table: pa.Table) -> Bytes:
    verdicts = table.column("verdict").unify_dictionaries().combine_chunks()
    if isinstance(verdicts, pa.ChunkedArray):
        verdicts = verdicts.chunk(0)
    places = [VERDICTS.index(text) if text in VERDICTS else 0 for text in verdicts.dictionary.to_pylist()]
    codes = np.array([*places, 0], np.uint8)
    found: Bytes = codes[verdicts.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return found


def write_names(names: SeriesNames, into: Any) -> None:
    """Write the names of series into a path or a binary stream."""
    pq.write_table(_names_table(names), into, compression="zstd")


def _names_table(names: Iterable[tuple[int, SeriesKey]]) -> pa.Table:
    nobody = (None,) * len(_SCOPE)
    rows = [
        (number, *key.scope, *(nobody if key.source == NOBODY else key.source), key.measure)
        for number, key in names
    ]
    columns = zip(*rows, strict=True) if rows else ((),) * len(NAMES.names)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, NAMES, strict=True)]
    return pa.Table.from_arrays(arrays, schema=NAMES)


def named_table(rows: HistoryRows, names: SeriesNames) -> pa.Table:
    """Return rows with the names of their series in columns beside them."""
    numbers, place = np.unique(rows.series, return_inverse=True)
    keys = [(number, names[number]) for number in numbers.tolist()]
    columns = _names_table(keys).columns[1:]
    texts = [
        pa.DictionaryArray.from_arrays(pa.array(place, pa.int32()), column.combine_chunks())
        if len(keys)
        else column
        for column in columns
    ]
    table = _table(rows)
    return pa.Table.from_arrays(
        [*(text.cast(pa.string()) for text in texts), *table.columns[1:]],
        names=[*NAMES.names[1:], *table.schema.names[1:]],
    )


def read_names(source: Any) -> SeriesNames:
    """Read the names of series.

    Raises
    ------
    OSError
        When they cannot be read.
    pyarrow.ArrowInvalid
        When they are damaged, or not names.
    """
    file = pq.ParquetFile(source)
    _check_columns(file, NAMES, "names")
    table = file.read()
    count = len(_SCOPE)
    names = SeriesNames()
    known: dict[Any, Any] = {}  # a scope has ten series, and a text is in thousands of names
    for _, *row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        *texts, measure = (known.setdefault(text, text) for text in row)
        source_of = texts[count:]
        scope, caller = Scope(*texts[:count]), NOBODY if source_of[0] is None else Scope(*source_of)
        names.add([SeriesKey(known.setdefault(scope, scope), known.setdefault(caller, caller), measure)])
    return names


class DamagedFileError(pa.ArrowInvalid):  # type: ignore[misc]  # pyarrow is not typed
    """A file is damaged, or not of the history; the line names it.

    ``path`` is where it is in ``folder``.
    """

    def __init__(self, folder: HistoryFolder, path: str, reason: str) -> None:
        self.folder = folder
        self.path = path
        self.damage = f"{path} is damaged ({reason})"
        super().__init__(f"{self.damage}; move it out of the history's folder to read the rest")


class LaterFileError(OSError):
    """A later version wrote a file, which stays: two versions may share a history for a while."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} was written by a later version of uneri; start that one, or move the file away"
        )


def _check_columns(file: pq.ParquetFile, wanted: pa.Schema, of: str) -> None:
    found = file.schema_arrow
    if (found.metadata or {}).get(_KEY, _FORMAT[_KEY]) != _FORMAT[_KEY]:
        raise _LaterError
    if not found.equals(wanted):
        raise pa.ArrowInvalid(f"its columns are not those of {of}")


class _LaterError(Exception):
    """A file has the mark of a later version."""


@contextlib.contextmanager
def _intact(folder: HistoryFolder, path: str) -> Iterator[None]:
    """Name the file if it is damaged: the history has hundreds."""
    try:
        yield
    except _LaterError:
        raise LaterFileError(path) from None
    except (pa.ArrowException, OSError, AttributeError, LookupError, TypeError, ValueError) as error:
        if (isinstance(error, OSError) and error.errno) or _FAR in str(error):  # not of its contents
            raise
        reason = str(error).rstrip(".")
        raise DamagedFileError(folder, path, reason) from error


def names_of(folder: HistoryFolder) -> SeriesNames:
    """Read the names of the series in a folder.

    Raises
    ------
    OSError
        When they cannot be read.
    DamagedFileError
        When they are damaged.
    """
    with folder.open(NAMES_FILE) as file, _intact(folder, NAMES_FILE):
        return read_names(file)


def count_names(folder: HistoryFolder) -> int:
    """Return how many series have a name in a folder; 0 if that cannot be read."""
    if not folder.has(NAMES_FILE):  # a pipe would be waited for
        return 0
    try:
        with folder.open(NAMES_FILE) as file:
            return int(pq.read_metadata(file).num_rows)
    except (OSError, pa.ArrowException):
        return 0


class RowReading(NamedTuple):
    """Options of reading rows."""

    most: int | None = None  # rows that are decoded of a file at a time, about; all at once without
    values: tuple[str, ...] = VALUES  # columns of values that are needed; the others are unknown


EVERYTHING: Final = RowReading()


class RowFile:
    """One file of rows, open for reading.

    ``values`` are as for ``RowReading``.

    Raises
    ------
    OSError
        When it cannot be read.
    DamagedFileError
        When it is damaged.
    """

    def __init__(self, folder: HistoryFolder, file: HistoryFile, values: tuple[str, ...] = VALUES) -> None:
        self._folder, self._path = folder, file.path
        self._columns = [*COLUMNS[: -len(VALUES)], *values]
        opened = folder.open(file.path)
        with _intact(self._folder, self._path):
            self._file = pq.ParquetFile(opened)
            _check_columns(self._file, ROWS, "rows")
            metadata = self._file.metadata
            self.rows = metadata.num_rows
            groups = range(metadata.num_row_groups)
            if any(metadata.row_group(group).num_rows > GROUP_ROWS for group in groups):
                raise pa.ArrowInvalid(f"it has more than {GROUP_ROWS:,} rows in a group")
            columns = [metadata.row_group(group).column(0).statistics for group in groups]
            self.least = np.array([column.min for column in columns], np.int64)
            self._most = np.array([column.max for column in columns], np.int64)

    def first(self) -> int | None:
        """Return the start of its oldest row, epoch seconds; None if it has none."""
        metadata = self._file.metadata
        with _intact(self._folder, self._path):
            groups = (metadata.row_group(group) for group in range(metadata.num_row_groups))
            return min((int(group.column(1).statistics.min.timestamp()) for group in groups), default=None)

    def between(self, least: int, below: int) -> HistoryRows:
        """Return the rows of series with ``least <= series < below``."""
        groups = np.flatnonzero((self._most >= least) & (self.least < below))
        rows = self._groups(groups)
        return rows.select((rows.series >= least) & (rows.series < below))

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
            return rows.select(slice(begins[0], ends[-1]))
        there = np.zeros(len(rows) + 1, np.int8)
        there[begins[begins < ends]] += 1
        there[ends[begins < ends]] -= 1
        return rows.select(np.cumsum(there[:-1]) > 0)

    def _groups(self, groups: Places) -> HistoryRows:
        if not len(groups):
            return nothing()
        with _intact(self._folder, self._path):
            return rows_in(
                self._file.read_row_groups(groups.tolist(), columns=self._columns, use_threads=False)
            )

    def close(self) -> None:
        """Close it."""
        self._file.close()


def merged_ranges(files: Sequence[RowFile]) -> Iterator[HistoryRows]:
    """Yield the rows of several files, sorted, a range of series at a time, of about the same size.

    The ranges follow from the first series of all row groups.
    """
    groups = np.sort(np.concatenate([file.least for file in files])) if files else np.zeros(0, np.int64)
    ranges = max(1, -(-sum(file.rows for file in files) // MOST_ROWS))
    begins = np.unique(groups[:: -(-len(groups) // ranges)][1:]) if len(groups) else groups
    for least, below in itertools.pairwise((0, *begins.tolist(), _ALL)):
        yield merged([file.between(least, below) for file in files])


def write_merged(files: Sequence[RowFile], into: Any) -> None:
    """Write the rows of several files into a path or a binary stream."""
    with RowWriter(into) as writer:
        for rows in merged_ranges(files):
            writer.write(rows)
