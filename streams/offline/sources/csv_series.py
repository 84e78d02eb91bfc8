"""Reads ``timestamp,value`` files, and writes verdicts as CSV.

Reading and writing take some microseconds per row, little compared to judging. Timestamps and values are
written as the text that was read, so that no formatting changes them.
"""

import contextlib
import csv
import gzip
import lzma
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints
from detectors.state import zstd
from streams.engine.decode.parse import MILLISECONDS_FROM
from streams.process.command_error import UsageError
from streams.process.files.atomic_file import atomic_file
from streams.process.times import LATEST

if TYPE_CHECKING:
    from detectors.score.score import Scored

COLUMNS: Final = ("timestamp", "value")
HEADER: Final = "timestamp,value,expected,lower,upper,score,alert,kind\n"

_HOW: Final = "write epoch seconds, epoch milliseconds or 2026-01-31T08:00:00Z"


class SeriesError(UsageError):
    """A file is not a series; the message names the line, the cause and the remedy."""


@dataclass(frozen=True, slots=True)
class CsvSeries:
    """The rows of a file, in order."""

    stamps: list[str]  # as in the file
    texts: list[str]
    times: Ints  # epoch seconds
    values: Floats  # NaN for a gap

    def rising(self) -> Bools:
        """Mark the rows that are later than all rows before them: shape (n,).

        A series is judged in the order of the file, since a row must not depend on later ones. A timestamp
        that repeats, or precedes one already judged, is too late.
        """
        before = np.maximum.accumulate(self.times[:-1]) if len(self.times) else self.times
        rising: Bools = np.ones(len(self.times), bool)
        rising[1:] = self.times[1:] > before
        return rising


def read_series(path: Path) -> CsvSeries:
    """Read a CSV file, plain or compressed with gzip, xz or zstd.

    A header names the columns, of which ``timestamp`` and ``value`` are read; without a header there must be
    exactly these two. Timestamps are epoch seconds or milliseconds, or RFC 3339 (UTC unless there is an
    offset). A value that is empty, NaN or infinite is a gap.

    Raises
    ------
    SeriesError
        When the file cannot be read, or a row is not valid.
    """
    lines = _text_of(path).replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    stamps, texts, first = _columns(path, lines)
    times = _column(_time_of, stamps, path, first)
    values = _column(_value_of, texts, path, first)
    values[~np.isfinite(values)] = np.nan
    return CsvSeries(stamps, texts, times.astype(np.int64), values)


def write_verdicts(path: Path, series: CsvSeries, found: "Scored") -> None:
    """Write one line per row, with nothing for a bound that is NaN.

    The file is replaced atomically. Scores are written with full precision.
    """
    bounds = (found.expected, found.lower, found.upper)
    expected, lower, upper = ((bound + 0.0).tolist() for bound in bounds)  # -0.0 is 0
    middle = [f"{e:.7g},{low:.7g},{up:.7g}" for e, low, up in zip(expected, lower, upper, strict=True)]
    for row in np.flatnonzero(np.isnan(bounds).any(axis=0)).tolist():
        middle[row] = middle[row].replace("nan", "")
    verdicts = (found.score + 0.0).tolist(), found.alert.tolist(), found.kind
    rows = zip(series.stamps, series.texts, middle, *verdicts, strict=True)
    lines = [f"{t},{v},{m},{s!r},{a:d},{k}\n" for t, v, m, s, a, k in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, str(os.getpid())) as part:
        part.write_text(HEADER + "".join(lines), encoding="utf-8", newline="")


def unpacked_name(path: Path) -> str:
    """Return the name of a file without the suffix of its compression, always ending in ``.csv``.

    Examples
    --------
    >>> unpacked_name(Path("cpu.csv.xz")), unpacked_name(Path("cpu.txt")), unpacked_name(Path("CPU.CSV.GZ"))
    ('cpu.csv', 'cpu.txt.csv', 'CPU.CSV')
    """
    name = path.name.removesuffix(path.suffix) if path.suffix.lower() in _UNPACK else path.name
    return name if name.lower().endswith(".csv") else f"{name}.csv"


_UNPACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".zst": lambda data: data and zstd.decompress(data),  # nothing has no frame
}


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
        return _UNPACK.get(path.suffix.lower(), bytes)(data).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SeriesError(
            f"{path}: not UTF-8 text; give CSV, plain or compressed as .gz, .xz or .zst"
        ) from None
    except (EOFError, lzma.LZMAError, zstd.ZstdError, gzip.BadGzipFile) as error:
        raise SeriesError(
            f"{path}: {error}; the file is damaged, or its suffix does not match its content"
        ) from None
    except OSError as error:
        raise SeriesError(f"{path}: cannot be read: {error.strerror or error}") from None


def _columns(path: Path, lines: list[str]) -> tuple[list[str], list[str], int]:
    """Return both columns as text, and the line number of the first row."""
    names = [name.strip().strip('"').lower() for name in lines[0].split(",")]
    headed = set(COLUMNS) <= set(names)
    twice = next((name for name in COLUMNS if names.count(name) > 1), None)
    if headed and twice:
        raise SeriesError(f"{path}:1: more than one column named {twice}; remove all but one")
    if lines == [""]:
        raise SeriesError(f"{path}: empty file; start it with the header timestamp,value")
    if not headed:
        if len(names) != len(COLUMNS) or not _is_row(names):
            raise SeriesError(
                f"{path}:1: no columns timestamp and value; start the file with the header timestamp,value"
            )
        names = list(COLUMNS)
    body, first = (lines[1:], 2) if headed else (lines, 1)
    quoted = any('"' in line for line in body)
    rows = list(csv.reader(body)) if quoted else [line.split(",") for line in body]
    if len(rows) != len(body):
        raise SeriesError(f"{path}: a quoted field spans several lines; write each row on one line")
    for at, row in enumerate(rows):
        if len(row) != len(names):
            what = f"{len(row)} columns, but the first line has {len(names)}" if body[at] else "empty line"
            raise SeriesError(f"{path}:{first + at}: {what}; write a gap as a timestamp without a value: 60,")
    stamp, value = (names.index(name) for name in COLUMNS)
    return [row[stamp].strip() for row in rows], [row[value].strip() for row in rows], first


def _is_row(fields: list[str]) -> bool:
    with contextlib.suppress(ValueError):
        _time_of(fields[0])
        _value_of(fields[1])
        return True
    return False


def _column(read: Callable[[str], float], texts: list[str], path: Path, first: int) -> Floats:
    found = np.empty(len(texts))
    for at, text in enumerate(texts):
        try:
            found[at] = read(text)
        except ValueError as error:
            raise SeriesError(f"{path}:{first + at}: {error}") from None
    return found


def _time_of(text: str) -> float:
    """Return whole epoch seconds."""
    try:
        seconds = float(text) if "_" not in text else math.nan  # which only Python allows in numbers
    except ValueError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"timestamp {text[:40]!r} is not a valid time; {_HOW}") from None
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if seconds > MILLISECONDS_FROM:
        seconds /= 1000
    if not 0 <= seconds < LATEST:
        raise ValueError(f"timestamp {text[:40]!r} is not between the years 1970 and 2100; {_HOW}")
    return math.floor(seconds)


def _value_of(text: str) -> float:
    try:
        if "_" not in text:
            return float(text) if text else math.nan
    except ValueError:
        pass
    raise ValueError(f"value {text[:40]!r} is not a number; write a number, or nothing for a gap")
