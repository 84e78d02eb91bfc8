"""What was expected of every series in the last hours, for charts and attribution."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from detectors.model.array_types import Float32s, Floats, Places
from detectors.state.state import StateError, pack, unpack
from detectors.state.timeline import Timeline

Rows = Sequence[int] | Places

HOUR: Final = 3600
KEPT_SECONDS: Final = 7 * HOUR
"""Longer than a finding can stay open, so that its whole excess can be attributed."""

EXPECTED, LOWER, UPPER = range(3)  # layers of the timeline

_LARGEST: Final = 1e38  # intervals may exceed what a float32 holds

_FINE: Final = np.uint32(0xFF)
"""Bits of a bound that are not kept: they are noise, which nothing compresses. Bounds are rounded inwards, so
that no count up to 65,536 changes sides."""


def _rounded_down(values: Float32s) -> Float32s:
    bits = values.view(np.uint32)
    bits = np.where(np.signbit(values), bits + _FINE, bits) & ~_FINE
    return bits.view(np.float32)


class Recent:
    """Expectations of the last hours, step by step."""

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

    def of(self, layer: int, rows: Rows, first: int, last: int) -> Floats:
        """Return a layer of ``rows`` in the steps first <= index < last, (steps, len(rows))."""
        found = np.full((max(last - first, 0), len(rows)), np.nan)
        begin, end = self.span(first, last)
        found[begin - first : end - first] = self._kept.pick(layer, rows, begin, end)
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return the state in parts."""
        return {self.KIND: pack(self.KIND, self.VERSION, (self.at, self.steps), {}), **self._kept.snapshot()}

    def restore(self, parts: Mapping[str, bytes], rows: int) -> None:
        """Restore a snapshot.

        Raises
        ------
        StateError
            When it was made with another width of steps.
        """
        (at, steps), _ = unpack(parts[self.KIND], self.KIND, self.VERSION, tuple[int, int])
        if steps != self.steps:
            raise StateError(
                f"the state part {self.KIND!r} was written with other settings: "
                "start with a new state, or go back to the old settings"
            )
        self.at = at
        self._kept.restore(parts, rows)
