"""The files of the history: their columns, written and read."""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.model.array_types import Bytes
from detectors.model.scope import Scope
from streams.engine.detect.step_record import VERDICTS
from streams.record.history.history_rows import AMOUNTS, HistoryRows
from streams.record.history.series_names import NOBODY, SeriesKey, SeriesNames

GROUP_ROWS: Final = 32_768
"""Rows of a row group: what a reader of one series reads at a time."""

_FORMAT: Final = {b"uneri.history": b"1"}
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


class RowWriter:
    """Writes rows, sorted as they come, into a path or a binary stream.

    Raises
    ------
    OSError
        When it cannot be written.
    """

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
        """Write rows."""
        for begin in range(0, len(rows), GROUP_ROWS):
            some = rows.taken(slice(begin, begin + GROUP_ROWS))
            self._writer.write_table(_table(some), row_group_size=GROUP_ROWS)


def write_rows(rows: HistoryRows, into: Any) -> None:
    """Write rows into a path or a binary stream.

    Raises
    ------
    OSError
        When it cannot be written.
    """
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
    """Return the rows of a table with the columns of ``ROWS``, in its order; values may be missing."""
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
    """Write the names of series into a path or a binary stream.

    Raises
    ------
    OSError
        When it cannot be written.
    """
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
    OSError, pyarrow.ArrowInvalid
        When that is not possible.
    """
    table = pq.read_table(source, schema=NAMES)
    count = len(_SCOPE)
    names = SeriesNames()
    for _, *texts, measure in zip(*(column.to_pylist() for column in table.columns), strict=True):
        source_of = texts[count:]
        caller = NOBODY if source_of[0] is None else Scope(*source_of)
        names.add([SeriesKey(Scope(*texts[:count]), caller, measure)])
    return names
