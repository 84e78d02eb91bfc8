"""``uneri history export``: a part of the history in one file, names included."""

from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import pyarrow as pa
import typer
from pyarrow import csv
from pyarrow import parquet as pq

from alerting.words.csv_cells import csv_cell
from config.settings import Settings
from streams.process.command_error import CommandError
from streams.process.files.atomic_file import atomic_file
from streams.process.files.state_folder import history_place
from streams.record.history.history_files import MINUTES, TENS, HistoryFolder, place_trouble
from streams.record.history.history_reader import HistoryReader
from streams.record.history.history_rows import HistoryRows
from streams.record.history.parquet_rows import named_table
from streams.record.history.series_names import SeriesKey

MOST_ROWS: Final = 20_000_000
"""Rows that are held in memory: more is refused, with the remedy."""

SUFFIXES: Final = (".parquet", ".csv")


@dataclass(frozen=True)
class Wanted:
    """The rows to export: empty patterns are all; ``*`` stands for any text."""

    scopes: list[str]  # table:items, function:put-*
    accounts: list[str]
    measures: list[str]
    edges: bool
    first: float | None
    end: float | None
    tens: bool

    def __call__(self, key: SeriesKey) -> bool:
        """Return whether a series is wanted."""
        scope = key.scope
        return (
            (self.edges or not key.source.kind)
            and (
                _matches(f"{scope.kind}:{scope.name}", self.scopes)
                or _matches(f"{scope.kind}:{scope.label}", self.scopes)
            )
            and _matches(scope.account, self.accounts)
            and _matches(key.measure, self.measures)
        )


def _matches(text: str, patterns: list[str]) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)


def export_history(settings: Settings, file: Path, wanted: Wanted) -> None:
    """Write rows of the history into a file, or raise ``CommandError`` if there are none."""
    place = history_place(settings)
    if "://" not in place and not Path(place).is_dir():
        raise CommandError(f"there is no history in {place}; --config names the daemon's configuration")
    resolution = TENS if wanted.tens else MINUTES
    try:
        reader = HistoryReader(HistoryFolder(place))
        rows = _rows(reader, resolution, wanted)
    except (OSError, pa.ArrowException) as error:
        raise CommandError(f"the history in {place} cannot be read: {place_trouble(error)}") from error
    with atomic_file(file) as part:
        table = named_table(rows, reader.names)
        if file.suffix == ".csv":
            csv.write_csv(_in_cells(table), part)
        else:
            pq.write_table(table, part, compression="zstd")
    first, last = _at(int(rows.start.min())), _at(int(rows.start.max()))
    typer.echo(f"{file}: {len(rows):,} rows, {first} to {last}")


def _in_cells(table: pa.Table) -> pa.Table:
    """Return a table whose names, which are those of events, can stand in CSV."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            coded = table.column(place).combine_chunks().dictionary_encode()  # few names, many rows
            cells = pa.array(map(csv_cell, coded.dictionary.to_pylist()), pa.string())
            texts = pa.DictionaryArray.from_arrays(coded.indices, cells).cast(pa.string())
            table = table.set_column(place, field.name, texts)
    return table


def _rows(reader: HistoryReader, resolution: str, wanted: Wanted) -> HistoryRows:
    """Return the rows, or raise the reason for having none to write."""
    reach = reader.reach(resolution)
    if reach is None:
        raise CommandError("the history has no files yet: the first is written when an hour is complete")
    series = reader.series(wanted)
    if not len(series):
        raise CommandError(
            "no series matches; a scope is written kind:name, such as table:items, and * stands for any text"
        )
    first = reach.first if wanted.first is None else int(wanted.first)
    end = reach.end if wanted.end is None else int(wanted.end)
    seconds = 600 if resolution == TENS else 60
    if len(series) * (min(end, reach.end) - max(first, reach.first)) / seconds > MOST_ROWS:
        raise CommandError(
            f"{len(series):,} series from {_at(first)} to {_at(end)} may be more than {MOST_ROWS:,} rows: "
            "ask for fewer series, a shorter time, or --tens"
        )
    rows = reader.rows(resolution, first, end, series)
    if not len(rows):
        raise CommandError(
            f"no rows from {_at(first)} to {_at(end)}; the history reaches from {_at(reach.first)} to "
            f"{_at(reach.end)}"
        )
    return rows


def _at(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%MZ}"
