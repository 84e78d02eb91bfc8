"""What is remembered of every series, step by step, for as many weeks as a baseline looks back.

Values are kept as float32 in one chunk a day, so that a finished day is a state part that no longer
changes. Nothing outside this module knows the layout.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.state import pack, unpack

DAY = 86400
WEEK = 7 * DAY
KIND = "history"
VERSION = 1


class _Chunk:
    """One day: the values and which of them an incident spoilt."""

    __slots__ = ("spoilt", "values")

    def __init__(self, steps: int, rows: int) -> None:
        self.values = np.full((steps, rows), np.nan, np.float32)
        self.spoilt = np.zeros((steps, rows), bool)

    def widen(self, rows: int) -> None:
        steps, had = self.values.shape
        values, spoilt = np.full((steps, rows), np.nan, np.float32), np.zeros((steps, rows), bool)
        values[:, :had], spoilt[:, :had] = self.values, self.spoilt
        self.values, self.spoilt = values, spoilt


class History:
    """The values of ``rows`` series by step index (epoch seconds // step).

    Parameters
    ----------
    step : int
        Width of a step in seconds, at most a day.
    weeks : int
        Whole weeks that stay readable; older days are forgotten.
    """

    def __init__(self, step: int, weeks: int) -> None:
        self._steps = max(1, DAY // step)
        # a day more than the weeks, for the neighbours of the oldest same time
        self._keep = -(-weeks * WEEK // (self._steps * step)) + 2
        self._chunks: dict[int, _Chunk] = {}
        self.rows = 0

    def add(self, count: int) -> None:
        """Append ``count`` series without a past."""
        self.rows += count

    def extend(self, first: int, values: NDArray[np.float64], spoilt: NDArray[np.bool_]) -> None:
        """Remember steps from ``first`` on: (steps, rows), NaN where missing, and which not to learn from."""
        for begin, end, day in self._by_day(first, first + len(values)):
            chunk = self._writable(day)
            rows = slice(begin - day * self._steps, end - day * self._steps)
            chunk.values[rows] = values[begin - first : end - first]
            chunk.spoilt[rows] = spoilt[begin - first : end - first]

    def spoil(self, index: int, rows: NDArray[np.intp]) -> None:
        """Say afterwards that an incident was under way at this step."""
        chunk = self._chunks.get(index // self._steps)
        if chunk is not None:
            chunk.spoilt[index % self._steps, rows[rows < chunk.values.shape[1]]] = True

    def correct(self, index: int, more: NDArray[np.float64]) -> None:
        """Add to the values of a step what came late, (rows,): NaN or zero where nothing did."""
        chunk = self._chunks.get(index // self._steps)
        if chunk is not None:
            values = chunk.values[index % self._steps]
            some = np.nan_to_num(more[: len(values)]) != 0
            values[some] = np.nan_to_num(values[some]) + more[: len(values)][some]

    def learnt_steps(self, first: int, out: NDArray[np.float64]) -> None:
        """Write the steps from ``first`` on into ``out`` (steps, rows), NaN where missing or spoilt."""
        out.fill(np.nan)
        for begin, end, day in self._by_day(first, first + len(out)):
            chunk = self._chunks.get(day)
            if chunk is None:
                continue
            width = chunk.values.shape[1]
            rows = slice(begin - day * self._steps, end - day * self._steps)
            piece = out[begin - first : end - first, :width]
            piece[:] = chunk.values[rows]
            piece[chunk.spoilt[rows]] = np.nan

    def spoilt_steps(self, first: int, steps: int) -> NDArray[np.bool_] | None:
        """Return which values of the steps from ``first`` on are spoilt, (steps, rows); None if none is."""
        found: NDArray[np.bool_] | None = None
        for begin, end, day in self._by_day(first, first + steps):
            chunk = self._chunks.get(day)
            if chunk is None:
                continue
            piece = chunk.spoilt[begin - day * self._steps : end - day * self._steps]
            if piece.any():
                if found is None:
                    found = np.zeros((steps, self.rows), bool)
                found[begin - first : end - first, : piece.shape[1]] = piece
        return found

    def spoilt(self, rows: Sequence[int] | NDArray[np.intp], first: int, last: int) -> NDArray[np.bool_]:
        """Return where the values must not be learnt from, shape (last - first, len(rows))."""
        wanted = np.asarray(rows, np.intp)
        found = np.zeros((max(last - first, 0), len(wanted)), bool)
        for begin, end, day in self._by_day(first, last):
            chunk = self._chunks.get(day)
            if chunk is None:
                continue
            known = wanted < chunk.values.shape[1]
            piece = chunk.spoilt[begin - day * self._steps : end - day * self._steps]
            found[begin - first : end - first, known] = piece[:, wanted[known]]
        return found

    def measured(self, rows: Sequence[int] | NDArray[np.intp], first: int, last: int) -> NDArray[np.float64]:
        """Return the values as they were, shape (last - first, len(rows)), NaN where missing."""
        wanted = np.asarray(rows, np.intp)
        found = np.full((max(last - first, 0), len(wanted)), np.nan)
        for begin, end, day in self._by_day(first, last):
            chunk = self._chunks.get(day)
            if chunk is None:
                continue
            known = wanted < chunk.values.shape[1]
            piece = chunk.values[begin - day * self._steps : end - day * self._steps]
            found[begin - first : end - first, known] = piece[:, wanted[known]]
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return one part a day."""
        return {
            f"history/{day}": pack(KIND, VERSION, day, {"values": chunk.values, "spoilt": chunk.spoilt})
            for day, chunk in self._chunks.items()
        }

    def restore(self, parts: Mapping[str, bytes], rows: int) -> None:
        """Take back what ``snapshot`` returned."""
        self._chunks = {}
        self.rows = rows
        for name in sorted(name for name in parts if name.startswith("history/")):
            day, arrays = unpack(parts[name], KIND, VERSION, int)
            chunk = _Chunk(0, 0)
            chunk.values, chunk.spoilt = arrays["values"], arrays["spoilt"]
            self._chunks[day] = chunk

    def _by_day(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Yield the pieces of first <= index < last that lie on one day: (begin, end, day)."""
        for day in range(first // self._steps, (last - 1) // self._steps + 1):
            yield max(first, day * self._steps), min(last, (day + 1) * self._steps), day

    def _writable(self, day: int) -> _Chunk:
        chunk = self._chunks.get(day)
        if chunk is None:
            chunk = self._chunks[day] = _Chunk(self._steps, self.rows)
            for old in [known for known in self._chunks if known <= day - self._keep]:
                del self._chunks[old]
        elif chunk.values.shape[1] < self.rows:
            chunk.widen(self.rows)
        return chunk
