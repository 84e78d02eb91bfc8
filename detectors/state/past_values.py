"""The past of every series, step by step: values for the weeks of a baseline, and recent expectations."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from detectors.model.array_types import Bools, Float32s, Floats, Places
from detectors.state.declared import Owned, Stateful, other_settings
from detectors.state.state import pack, unpack
from detectors.state.timeline import SHEET, Timeline

HOUR: Final = 3600
DAY: Final = 86400
WEEK: Final = 7 * DAY
KEPT_SECONDS: Final = 7 * HOUR
"""Longer than a finding can stay open, so that its whole excess can be attributed."""

_LARGEST: Final = 1e38  # intervals may exceed what a float32 holds

_FINE: Final = np.uint32(0xFF)
"""Bits of a bound that are not kept: they are noise, which nothing compresses. Bounds are rounded inwards, so
that no count up to 65,536 changes sides."""

EXPECTED, LOWER, UPPER = range(3)  # layers of the timeline of expectations
_VALUES, _SPOILT = 0, 1  # layers of that of values; spoilt ones have a 1

Rows = Sequence[int] | Places


class PastValues(Stateful):
    """The values of ``rows`` series by step index (epoch seconds // step), as float32.

    ``step`` is in seconds, at most a day. The last ``weeks`` whole weeks stay readable. ``stem`` names
    its parts in a snapshot.
    """

    STATE = (Owned("_kept"),)  # the parts of past days never change

    def __init__(self, step: int, weeks: int, stem: str = "history") -> None:
        # a day more than the weeks, for the neighbours of the oldest same time
        keep = -(-weeks * WEEK // step) + min(SHEET, DAY // step)
        self._kept = Timeline(stem, 2, keep, sheets=True)

    @property
    def rows(self) -> int:
        """Number of series."""
        return self._kept.rows

    def add(self, count: int) -> None:
        """Append ``count`` series without a past."""
        self._kept.add(count)

    def extend(self, first: int, values: Floats, spoilt: Bools) -> None:
        """Append steps from ``first`` on, (steps, rows) each: NaN is missing, spoilt is not learnt."""
        self._kept.write(first, values, np.where(spoilt, np.float32(1), np.float32(np.nan)))

    def spoil(self, index: int, rows: Places) -> None:
        """Mark values as spoilt by an incident afterwards."""
        self._kept.change(_SPOILT, index, rows, 1.0)

    def correct(self, index: int, more: Floats) -> None:
        """Add late data to the values of a step, (rows,): NaN or zero where none arrived."""
        rows = np.flatnonzero(np.nan_to_num(more) != 0)
        if rows.size:
            values = np.nan_to_num(self._kept.pick(_VALUES, rows, index, index + 1)[0])
            self._kept.change(_VALUES, index, rows, values + more[rows])

    def learnt_steps(self, first: int, out: Float32s) -> Bools | None:
        """Write the steps from ``first`` on into ``out`` (steps, rows), NaN where missing or spoilt.

        Returns which are spoilt, (steps, rows), None if none are.
        """
        out.fill(np.nan)
        if not self._kept.read(_VALUES, first, out):
            return None
        spoilt = self._spoilt_steps(first, len(out))
        if spoilt is not None:
            out[spoilt] = np.nan
        return spoilt

    def _spoilt_steps(self, first: int, steps: int) -> Bools | None:
        found = np.full((steps, self.rows), np.nan, np.float32)
        if not self._kept.read(_SPOILT, first, found):
            return None
        spoilt: Bools = ~np.isnan(found)
        return spoilt if spoilt.any() else None

    def spoilt(self, rows: Rows, first: int, last: int) -> Bools:
        """Return which values must not be learnt, shape (last - first, len(rows))."""
        spoilt: Bools = ~np.isnan(self._kept.pick(_SPOILT, rows, first, last))
        return spoilt

    def measured(self, rows: Rows, first: int, last: int) -> Floats:
        """Return the values as measured, shape (last - first, len(rows)), NaN where missing."""
        return self._kept.pick(_VALUES, rows, first, last)


class PastExpectations:
    """Expectations of the last hours, step by step, for charts and attribution."""

    KIND: Final = "recent"
    VERSION: Final = 2

    def __init__(self, step: int) -> None:
        self.steps = max(KEPT_SECONDS // step, 24) + 1
        self.at = -1
        self._kept = Timeline("recent", 3, self.steps, sheets=False)

    def add(self, count: int) -> None:
        """Append ``count`` series without a past."""
        self._kept.add(count)

    def extend(self, first: int, expected: Floats, lower: Floats, upper: Floats) -> None:
        """Append steps from ``first`` on, (steps, n) each; skipped steps are missing."""
        middle, low, high = (
            np.clip(values, -_LARGEST, _LARGEST).astype(np.float32) for values in (expected, lower, upper)
        )
        self._kept.write(first, middle, -_rounded_down(-low), _rounded_down(high))
        self.at = first + len(expected) - 1

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Clip the steps first <= index < last to those still kept."""
        first, last = max(first, self.at - self.steps + 1, 0), min(last, self.at + 1)
        return first, max(first, last)

    def pick(self, layer: int, rows: Rows, first: int, last: int) -> Floats:
        """Return a layer of ``rows`` in the steps first <= index < last, (steps, len(rows))."""
        found = np.full((max(last - first, 0), len(rows)), np.nan)
        begin, end = self.span(first, last)
        found[begin - first : end - first] = self._kept.pick(layer, rows, begin, end)
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return the state in parts."""
        return {self.KIND: pack(self.KIND, self.VERSION, (self.at, self.steps), {}), **self._kept.snapshot()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot; ``StateError`` if it was made with another width of steps."""
        (at, steps), _ = unpack(parts[self.KIND], self.KIND, self.VERSION, tuple[int, int])
        if steps != self.steps:
            raise other_settings(self.KIND)
        self.at = at
        self._kept.restore(parts)


def _rounded_down(values: Float32s) -> Float32s:
    bits = values.view(np.uint32)
    bits = np.where(np.signbit(values), bits + _FINE, bits) & ~_FINE
    return bits.view(np.float32)
