"""Events in Parquet: a column of whole records, as connectors leave them, or a column a field."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from streams.decode.event import Event
from streams.decode.records import Records

ROWS: Final = 4_000
"""Rows made records at a time: memory does not grow with the file."""

WHOLE: Final = ("value", "record")
"""Columns that hold a whole event, as bytes or text; the first that is there."""

NEEDED: Final = "ts"
NAMED: Final = ("service", "route", "function")  # one of them an event has
FIELDS: Final = frozenset(Event.__struct_fields__)

_BUFFER: Final = 1024 * 1024  # bytes read of a column at a time, however large its row groups are
_TOLD: Final = 6  # columns named to whoever gave a file without events
_READ: Final = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())  # as their bytes lie
_SIMPLE: Final = frozenset({str, int, float, bool})
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000}


class NoEventsError(OSError):
    """A Parquet file with neither form."""


class ParquetRows(NamedTuple):
    """Some rows as records, and where they stand."""

    records: Sequence[bytes]
    next: int  # number of the row behind them
    of: int  # how many rows the file has


def parquet_rows(raw: BinaryIO, skip: int = 0) -> Iterator[ParquetRows]:
    """Yield the rows of a file as event records, one JSON object each.

    Columns are named as the fields of an event (docs/event.md): nested as structs and lists, or with dots
    (``ms.total``); others are not read. What is null is left out. Arrow timestamps become epoch seconds.

    Parameters
    ----------
    raw
        The file.
    skip
        How many rows are left out.

    Raises
    ------
    OSError, ValueError, OverflowError
        When it holds no events, or cannot be read.
    pyarrow.ArrowException
        When it is damaged.
    """
    parquet = pq.ParquetFile(raw, buffer_size=_BUFFER, pre_buffer=False)
    whole, columns = _form(parquet.schema_arrow)
    at, total = 0, parquet.metadata.num_rows
    for group in range(parquet.num_row_groups):
        rows = parquet.metadata.row_group(group).num_rows
        if skip >= at + rows:
            at += rows
            continue
        for batch in parquet.iter_batches(ROWS, row_groups=[group], columns=columns):
            kept = batch.slice(min(max(skip - at, 0), len(batch)))
            at += len(batch)
            if len(kept):
                yield ParquetRows(_wholes(kept.column(0)) if whole else _events(kept), at, total)


def _form(schema: pa.Schema) -> tuple[bool, list[str]]:
    """Return whether a column holds whole events, and the columns to read."""
    names = schema.names
    twice = [
        name
        for name in names
        if names.count(name) > 1 and (name in WHOLE or name.partition(".")[0] in FIELDS)
    ]
    if twice:
        raise NoEventsError(f"has more than one column {twice[0]}")
    fields = [name for name in names if name.partition(".")[0] in FIELDS]
    if NEEDED in fields and any(name in fields for name in NAMED):
        return False, fields
    whole = next((name for name in WHOLE if name in names and _is_text(schema.field(name).type)), None)
    if whole is not None:
        return True, [whole]
    if NEEDED in fields:  # every row is dead-lettered with its reason
        return False, fields
    raise NoEventsError(
        f"has neither a column {' or '.join(WHOLE)} with whole events nor a column {NEEDED} "
        f"(it has {', '.join(names[:_TOLD])}{', …' if len(names) > _TOLD else ''})"
    )


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind in _READ or bool(
        pa.types.is_string_view(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_null(kind)
    )


def _wholes(column: pa.Array) -> Records:
    """Return a column as records; a null is an empty one, as a tombstone is."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.type not in _READ:
        column = column.cast(pa.large_binary())
    if column.null_count:
        column = column.fill_null("")  # which leaves no bytes behind a null
    _, offsets, values = column.buffers()
    large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    all_bounds = np.frombuffer(offsets, np.int64 if large else np.int32)
    bounds = all_bounds[column.offset : column.offset + len(column) + 1].astype(np.int64)
    first, end = int(bounds[0]), int(bounds[-1])  # the column may be a stretch of a longer one
    data = b"" if values is None else values.slice(first, end - first).to_pybytes()
    return Records(data, bounds[:-1] - first, bounds[1:] - first)


def _events(batch: pa.RecordBatch) -> list[bytes]:
    try:
        columns = [
            (_seconds(column) if pa.types.is_timestamp(column.type) else column).to_pylist()
            for column in batch.columns
        ]
    except KeyError as error:  # of the zone of a time that is nested
        raise ValueError(f"no time zone is called {error}") from error
    ways = [(tuple(path), last) for *path, last in (name.split(".") for name in batch.schema.names)]
    return [_event(ways, row) for row in zip(*columns, strict=True)]


def _seconds(column: pa.Array) -> pa.Array:
    """Return times as epoch seconds, to the microsecond; those of no year are the decoder's to refuse."""
    ticks = column.cast(pa.int64())
    known = ticks.is_valid().to_numpy(zero_copy_only=False)
    unit, numbers = column.type.unit, ticks.fill_null(0).to_numpy()
    if unit == "ns":  # more digits than a float holds
        unit, numbers = "us", numbers // 1000
    return pa.array(numbers / _PER_SECOND[unit], mask=~known)


def _event(ways: list[tuple[tuple[str, ...], str]], row: tuple[Any, ...]) -> bytes:
    event: dict[str, Any] = {}
    for (path, last), value in zip(ways, row, strict=True):
        if value is None:
            continue
        into = event
        for key in path:
            known = into.setdefault(key, {})
            into = known if isinstance(known, dict) else into
        into[last] = value if type(value) in _SIMPLE else _plain(value)
    return msgspec.json.encode(event)


def _plain(value: Any) -> Any:
    """Return a value as an event holds it."""
    if isinstance(value, dict):
        return {
            key: each if type(each) in _SIMPLE else _plain(each)
            for key, each in value.items()
            if each is not None
        }
    if isinstance(value, list):
        if value and all(isinstance(each, tuple) for each in value):  # an Arrow map
            return _plain({_name(key): each for key, each in value})
        return [_plain(each) for each in value if each is not None]
    if isinstance(value, bytes):  # text of writers that do not say that it is
        return value.decode(errors="replace")
    if isinstance(value, date):
        return _epoch(value)
    return float(value) if isinstance(value, Decimal) else value


def _name(key: Any) -> str:
    """Return the key of a map as a field is called; one that is no text is called by its JSON."""
    plain = _plain(key)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def _epoch(value: date) -> float:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 - next
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
