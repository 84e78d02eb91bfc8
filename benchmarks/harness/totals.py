"""Count, sum and maximum by (service, function, window): the answer of every contestant, and its check.

The amounts of the events are multiples of an eighth, so a sum of them is exact whatever its order, and the
comparison needs no tolerance. Only the standard library: peers import this in an environment of their own.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

WINDOW = 10  # seconds

Key = tuple[str, str, int]  # service, function, start of the window


class Totals:
    """Cells of count, sum and maximum."""

    def __init__(self, rows: Iterable[list[Any]] = ()) -> None:
        self.cells: dict[Key, list[float]] = {}
        for service, function, start, *cell in rows:
            self.add((service, function, start), *cell)

    def add(self, key: Key, count: float, sum_: float, max_: float) -> None:
        """Take in what another worker, or another partition, has of a window."""
        cell = self.cells.setdefault(key, [0, 0.0, max_])
        cell[0] += count
        cell[1] += sum_
        cell[2] = max(max_, cell[2])

    def rows(self) -> list[list[Any]]:
        """Return rows of service, function, start, count, sum, max, for JSON."""
        return [[*key, *cell] for key, cell in self.cells.items()]


class Verdict(NamedTuple):
    """The errors of an answer; none, when it is exact."""

    missing: int = 0  # events
    extra: int = 0
    wrong: int = 0  # cells whose count is right and whose sum or maximum is not

    def __str__(self) -> str:
        named = zip(self, ("missing", "too many", "wrong sums"), strict=True)
        return ", ".join(f"{number:,} {what}" for number, what in named if number) or "yes"

    @property
    def exact(self) -> bool:
        return not any(self)


def compare(found: Mapping[Any, list[float]], expected: Mapping[Any, list[float]]) -> Verdict:
    """Compare cells by key; the first number of a cell is how many events are in it."""
    missing = extra = wrong = 0
    for key in found.keys() | expected.keys():
        ours, right = found.get(key, [0]), expected.get(key, [0])
        missing += max(0, int(right[0] - ours[0]))
        extra += max(0, int(ours[0] - right[0]))
        wrong += ours[0] == right[0] and list(ours) != list(right)
    return Verdict(missing, extra, wrong)
