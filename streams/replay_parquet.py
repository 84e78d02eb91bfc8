"""Events in Parquet: a column of whole records, as connectors leave them, or a column a field."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

ROWS: Final = 4_000
"""Rows made records at a time: memory does not grow with the file."""

WHOLE: Final = ("value", "record")
"""Columns that hold a whole event, as bytes or text; the first that is there."""

NEEDED: Final = "ts"


class NoEventsError(OSError):
    """A Parquet file with neither form."""


def parquet_records(raw: BinaryIO, skip: int = 0) -> Iterator[list[bytes]]:
    """Yield the rows of a file as event records, one JSON object each.

    Columns are named as the fields of an event (docs/event.md): nested as structs and lists, or with dots
    (``ms.total``). What is null is left out, as it is in JSON. Arrow timestamps become epoch seconds.

    Parameters
    ----------
    raw
        The file.
    skip
        How many rows are left out.

    Raises
    ------
    OSError
        When it holds no events, or cannot be read.
    pyarrow.ArrowException
        When it is damaged.
    """
    parquet = pq.ParquetFile(raw)
    names = parquet.schema_arrow.names
    whole = next((name for name in WHOLE if name in names and _is_text(parquet.schema_arrow, name)), None)
    if whole is None and NEEDED not in names:
        raise NoEventsError(
            f"has neither a column {' or '.join(WHOLE)} with whole events nor a column {NEEDED} "
            f"(it has {', '.join(names[:6])}{', …' if len(names) > 6 else ''})"  # noqa: PLR2004 - enough to recognise it
        )
    columns = None if whole is None else [whole]
    for group in range(parquet.num_row_groups):
        rows = parquet.metadata.row_group(group).num_rows
        if skip >= rows:
            skip -= rows
            continue
        for batch in parquet.iter_batches(ROWS, row_groups=[group], columns=columns):
            kept = batch.slice(min(skip, len(batch)))
            skip -= len(batch) - len(kept)
            if len(kept):
                yield (
                    _wholes(kept.column(0)) if whole else [_record(row) for row in _seconds(kept).to_pylist()]
                )


def _is_text(schema: pa.Schema, name: str) -> bool:
    kind = schema.field(name).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _wholes(column: pa.Array) -> list[bytes]:
    values = column.to_pylist()
    return [value.encode() if isinstance(value, str) else value or b"" for value in values]


def _records(batch: pa.RecordBatch) -> list[bytes]:
    return [_record(row) for row in _seconds(batch).to_pylist()]


def _record(row: dict[str, Any]) -> bytes:
    event: dict[str, Any] = {}
    for name, value in row.items():
        plain = _plain(value)
        if plain is None:
            continue
        *path, last = name.split(".")
        into = event
        for key in path:
            known = into.setdefault(key, {})
            into = known if isinstance(known, dict) else into
        into[last] = plain
    return msgspec.json.encode(event)


def _plain(value: Any) -> Any:
    """Return a value as an event holds it; None where there is nothing."""
    if isinstance(value, dict):
        return {key: plain for key, each in value.items() if (plain := _plain(each)) is not None}
    if isinstance(value, list):
        pairs = bool(value) and all(isinstance(each, tuple) for each in value)  # an Arrow map
        return (
            _plain(dict(value)) if pairs else [plain for each in value if (plain := _plain(each)) is not None]
        )
    if isinstance(value, date):
        return _epoch(value)
    return float(value) if isinstance(value, Decimal) else value


def _epoch(value: date) -> float:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 - next
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _seconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose times Python can hold: to the microsecond."""
    for number, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            coarser = batch.column(number).cast(pa.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(number, pa.field(field.name, coarser.type), coarser)
    return batch
