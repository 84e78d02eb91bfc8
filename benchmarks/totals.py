"""Count, sum and maximum by (service, function, window): the answer of every contestant, and its check.

The amounts of the events are multiples of an eighth, so a sum of them is exact whatever its order, and the
comparison needs no tolerance. Only the standard library: peers import this in an environment of their own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

WINDOW = 10  # seconds

Key = tuple[str, str, int]  # service, function, start of the window


class Totals:
    """Cells that grow by single amounts."""

    def __init__(self) -> None:
        self.cells: dict[Key, list[float]] = {}

    def add(self, service: str, function: str, ts: float, amount: float) -> None:
        key = (service, function, int(ts // WINDOW * WINDOW))
        cell = self.cells.get(key)
        if cell is None:
            self.cells[key] = [1, amount, amount]
            return
        cell[0] += 1
        cell[1] += amount
        cell[2] = max(amount, cell[2])

    def add_cell(self, key: Key, count: float, sum_: float, max_: float) -> None:
        """Take in what another worker, or another partition, has of a window."""
        cell = self.cells.setdefault(key, [0, 0.0, max_])
        cell[0] += count
        cell[1] += sum_
        cell[2] = max(max_, cell[2])

    @property
    def count(self) -> int:
        return int(sum(cell[0] for cell in self.cells.values()))

    def rows(self) -> list[list[Any]]:
        """Return rows of service, function, start, count, sum, max, for JSON."""
        return [[*key, *cell] for key, cell in self.cells.items()]

    @classmethod
    def of(cls, rows: Iterable[list[Any]]) -> "Totals":
        totals = cls()
        for service, function, start, count, sum_, max_ in rows:
            totals.add_cell((service, function, start), count, sum_, max_)
        return totals


@dataclass(frozen=True)
class Verdict:
    """The errors of an answer; none, when it is exact."""

    missing: int = 0  # events
    extra: int = 0
    wrong: int = 0  # cells whose count is right and whose sum or maximum is not

    @property
    def exact(self) -> bool:
        return not (self.missing or self.extra or self.wrong)

    def __str__(self) -> str:
        if self.exact:
            return "yes"
        said = (
            (self.missing, "missing"),
            (self.extra, "too many"),
            (self.wrong, "wrong sums"),
        )
        return "NO: " + ", ".join(f"{number:,} {what}" for number, what in said if number)


def compare(found: Mapping[Any, list[float]], expected: Mapping[Any, list[float]]) -> Verdict:
    """Compare cells by key; the first number of a cell is how many events are in it."""
    missing = extra = wrong = 0
    for key in found.keys() | expected.keys():
        ours, right = found.get(key, [0]), expected.get(key, [0])
        missing += max(0, int(right[0] - ours[0]))
        extra += max(0, int(ours[0] - right[0]))
        wrong += ours[0] == right[0] and list(ours) != list(right)
    return Verdict(missing, extra, wrong)
