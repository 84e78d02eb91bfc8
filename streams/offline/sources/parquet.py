"""Events in Parquet: one column of whole records, as connectors write them, or one column per field."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from streams.engine.decode.event import Event
from streams.engine.decode.records import Records

ROWS: Final = 4_000
"""Rows converted at a time, so that memory does not grow with the file."""

WHOLE: Final = ("value", "record")
"""Columns of whole events, as bytes or text; the first one present is read."""

NEEDED: Final = "ts"
NAMED: Final = ("service", "route", "function")  # an event has at least one of them
FIELDS: Final = frozenset(Event.__struct_fields__)

_BUFFER: Final = 1024 * 1024  # bytes read from a column at a time, whatever the size of its row groups
_SHOWN: Final = 6  # columns listed in an error
# types whose buffers are read as they are
_READ: Final = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
_SIMPLE: Final = frozenset({str, int, float, bool})
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000}


class NoEventsError(OSError):
    """A Parquet file that is in neither form."""


class ParquetRows(NamedTuple):
    """Some rows as records, one at least, and their position in the file."""

    records: Sequence[bytes]
    after: Sequence[int]  # by record: the row after it
    of: int  # rows of the file


def parquet_rows(raw: BinaryIO, skip: int = 0) -> Iterator[ParquetRows]:
    """Yield the rows of a file as event records, one JSON object each.

    Columns named like the fields of an event (docs/event.md) are read, nested as structs and lists or with
    dots (``ms.total``). Nulls are left out: fields, and whole records, which are tombstones of a topic that a
    connector has written. Arrow timestamps become epoch seconds.

    The first ``skip`` rows are left out.

    Raises
    ------
    OSError, ValueError, OverflowError
        When the file holds no events, is damaged, or cannot be read.
    """
    try:
        yield from _rows(raw, skip)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _rows(raw: BinaryIO, skip: int) -> Iterator[ParquetRows]:
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
            after: Sequence[int] = range(at - len(kept) + 1, at + 1)
            if whole:
                column = _readable(kept.column(0))
                present = column.is_valid().to_numpy(zero_copy_only=False)
                after = [after[row] for row in np.flatnonzero(present).tolist()]
            if after:
                yield ParquetRows(_wholes(column.drop_null()) if whole else _events(kept), after, total)


def _form(schema: pa.Schema) -> tuple[bool, list[str]]:
    """Return whether a column holds whole events, and the columns to read."""
    names = schema.names
    twice = [
        name
        for name in names
        if names.count(name) > 1 and (name in WHOLE or name.partition(".")[0] in FIELDS)
    ]
    if twice:
        raise NoEventsError(f"more than one column named {twice[0]}")
    fields = [name for name in names if name.partition(".")[0] in FIELDS]
    if NEEDED in fields and any(name in fields for name in NAMED):
        return False, fields
    whole = next((name for name in WHOLE if name in names and _is_text(schema.field(name).type)), None)
    if whole is not None:
        return True, [whole]
    if NEEDED in fields:  # every row will be dead-lettered with its reason
        return False, fields
    raise NoEventsError(
        f"neither a column {' or '.join(WHOLE)} of whole events nor a column {NEEDED} "
        f"(found {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''})"
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


def _readable(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column if column.type in _READ else column.cast(pa.large_binary())


def _wholes(column: pa.Array) -> Records:
    """Return a readable column without nulls as records."""
    _, offsets, values = column.buffers()
    large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    all_bounds = np.frombuffer(offsets, np.int64 if large else np.int32)
    bounds = all_bounds[column.offset : column.offset + len(column) + 1].astype(np.int64)
    first, end = int(bounds[0]), int(bounds[-1])  # the column may be a slice of a longer one
    data = b"" if values is None else values.slice(first, end - first).to_pybytes()
    return Records(data, bounds[:-1] - first, bounds[1:] - first)


def _events(batch: pa.RecordBatch) -> list[bytes]:
    try:
        columns = [
            (_seconds(column) if pa.types.is_timestamp(column.type) else column).to_pylist()
            for column in batch.columns
        ]
    except KeyError as error:  # the zone of a nested time
        raise ValueError(f"unknown time zone {error}") from error
    targets = [(tuple(path), last) for *path, last in (name.split(".") for name in batch.schema.names)]
    return [_event(targets, row) for row in zip(*columns, strict=True)]


def _seconds(column: pa.Array) -> pa.Array:
    """Return times as epoch seconds, to the microsecond; the decoder rejects those out of range."""
    ticks = column.cast(pa.int64())
    known = ticks.is_valid().to_numpy(zero_copy_only=False)
    unit, numbers = column.type.unit, ticks.fill_null(0).to_numpy()
    if unit == "ns":  # exceeds the precision of a float
        unit, numbers = "us", numbers // 1000
    return pa.array(numbers / _PER_SECOND[unit], mask=~known)


def _event(targets: list[tuple[tuple[str, ...], str]], row: tuple[Any, ...]) -> bytes:
    event: dict[str, Any] = {}
    for (path, last), value in zip(targets, row, strict=True):
        if value is None:
            continue
        into = event
        for key in path:
            known = into.setdefault(key, {})
            into = known if isinstance(known, dict) else into
        into[last] = value if type(value) in _SIMPLE else _plain(value)
    return msgspec.json.encode(event)


def _plain(value: Any) -> Any:
    """Return a value in the form used in events."""
    if isinstance(value, dict):
        return {
            key: member if type(member) in _SIMPLE else _plain(member)
            for key, member in value.items()
            if member is not None
        }
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):  # an Arrow map
            return _plain({_name(key): member for key, member in value})
        return [_plain(item) for item in value if item is not None]
    if isinstance(value, bytes):  # text whose writer did not declare it as such
        return value.decode(errors="replace")
    if isinstance(value, date):
        return _epoch(value)
    return float(value) if isinstance(value, Decimal) else value


def _name(key: Any) -> str:
    """Return the key of a map as the name of a field; a key other than text becomes its JSON."""
    plain = _plain(key)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def _epoch(value: date) -> float:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 - next
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
