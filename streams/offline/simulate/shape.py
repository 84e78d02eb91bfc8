"""A real series that traffic follows."""

import csv
import gzip
import lzma
import math
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from detectors.model.array_types import Floats, Ints

WEEK = 7 * 86400

_OPEN: dict[str, Callable[..., IO[Any]]] = {".gz": gzip.open, ".xz": lzma.open}


class ShapeError(ValueError):
    """A file that is not a usable series; the text names the place and the reason."""


class Shape:
    """A regular series with mean 1 that repeats, in whole weeks if it is at least a week long.

    Parameters
    ----------
    times : float64[n]
        Epoch seconds, ascending; the first is aligned to the start of the scenario. A missing row repeats the
        previous one.
    values : float64[n]
        Not negative, not all zero.
    """

    def __init__(self, times: Floats, values: Floats) -> None:
        gaps = np.diff(times)
        if len(times) < 2 or (gaps <= 0).any():  # noqa: PLR2004 - an interval needs two rows
            raise ShapeError("needs at least two rows with ascending timestamps")
        if not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise ShapeError("needs finite values that are not negative and not all zero")
        self.interval = float(np.median(gaps))
        grid = np.arange(times[0], times[-1] + self.interval, self.interval)
        filled = values[np.searchsorted(times, grid + self.interval / 2, side="right") - 1]
        whole = int(len(filled) * self.interval // WEEK) * int(WEEK // self.interval)
        self.values = filled[: whole or len(filled)]
        self.values = self.values / self.values.mean()

    def at(self, seconds: Floats) -> Floats:
        """Return the traffic factor at ``seconds`` after the start of the scenario."""
        rows: Ints = np.floor(seconds / self.interval).astype(np.int64) % len(self.values)
        return self.values[rows]


def read_shape(path: Path) -> Shape:
    """Read ``timestamp,value`` rows from a CSV file, plain, ``.gz`` or ``.xz``.

    Raises
    ------
    ShapeError
        The file cannot be read or a row is not two numbers; the text names file and line.
    """
    times, values = [], []
    try:
        with _OPEN.get(path.suffix, open)(path, "rt", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if not {"timestamp", "value"} <= set(rows.fieldnames or ()):
                raise ShapeError(f"{path}:1: the first line must be timestamp,value")
            for row in rows:
                try:
                    time, value = float(row["timestamp"]), float(row["value"])
                except (TypeError, ValueError):
                    raise ShapeError(
                        f"{path}:{rows.line_num}: needs two numbers, timestamp and value"
                    ) from None
                if not math.isfinite(time):
                    raise ShapeError(f"{path}:{rows.line_num}: the timestamp must be finite")
                times.append(time)
                values.append(value)
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise ShapeError(f"{path}: cannot be read as a series: {error}") from None
    try:
        return Shape(np.array(times), np.array(values))
    except ShapeError as error:
        raise ShapeError(f"{path}: {error}") from None
