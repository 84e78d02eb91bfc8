"""When one configuration is better than another: the rule that picks, prunes and validates."""

from typing import NamedTuple

from streams.tune.space import Choice, Space
from streams.tune.trial import TrialOutcome

Rank = tuple[float, ...]
"""Larger is better, as tuples are compared."""


class Rule(NamedTuple):
    """What is asked for.

    - With labels: the best F1; of a stretch that has none of them, the fewest false pages.
    - With labels and a budget: within it, the most labels told, then the fewest false pages.
    - With a budget alone: the closest to it from below, then the greatest sensitivity. Of what is missed
      nothing is known.
    """

    labelled: bool
    budget: float | None  # pages a week

    def rank(self, outcome: TrialOutcome, sensitivity: float) -> Rank:
        """Return how good an outcome is."""
        if self.budget is None:
            # F1 is zero of all that is told where there is nothing to find
            return (round(outcome.f1, 6),) if outcome.labels else (-float(outcome.false_pages),)
        over = max(0.0, outcome.pages_per_week - self.budget)
        if self.labelled:
            return (-round(over, 6), round(outcome.recall, 6), -float(outcome.false_pages))
        return (-round(over, 6), float(outcome.pages), sensitivity)

    def met(self, outcome: TrialOutcome) -> bool:
        """Whether an outcome stays within the budget; without one any does."""
        return self.budget is None or outcome.pages_per_week <= self.budget

    @property
    def said(self) -> str:
        """The rule in words."""
        if self.budget is None:
            return "the best F1 of labels told and pages wanted, then the fewest changes, then told sooner"
        if self.labelled:
            return f"the most labels told within {self.pages} a week, then the fewest false pages"
        return f"the closest to {self.pages} a week from below, then the greatest sensitivity"

    @property
    def pages(self) -> str:
        """The budget in words, without its week."""
        return f"{self.budget or 0.0:,.12g} page{'s' * (self.budget != 1)}"

    def objectives(self, outcome: TrialOutcome, sensitivity: float) -> tuple[float, float]:
        """Return the two sides of the trade-off: the first is to be high, the second low."""
        if self.labelled:
            return outcome.recall, outcome.false_pages_per_week
        return sensitivity, outcome.pages_per_week

    @property
    def sides(self) -> tuple[str, str]:
        """What the two sides are."""
        return ("recall", "false_pages_per_week") if self.labelled else ("sensitivity", "pages_per_week")


def distance(space: Space, choice: Choice) -> tuple[int, int]:
    """Return how many settings a choice changes, and by how many values in all."""
    away = [abs(at - knob.present) for knob, at in zip(space.knobs, choice, strict=True)]
    return sum(one > 0 for one in away), sum(away)


def front(points: dict[Choice, tuple[float, float]], space: Space) -> list[Choice]:
    """Return the choices that no other beats on both sides, by the second side; of equals the nearest one."""
    nearest: dict[tuple[float, float], Choice] = {}
    for choice, point in points.items():
        held = nearest.get(point)
        if held is None or (distance(space, choice), choice) < (distance(space, held), held):
            nearest[point] = choice
    best: list[Choice] = []
    high = float("-inf")
    for point in sorted(nearest, key=lambda point: (point[1], -point[0])):
        if point[0] > high:
            high = point[0]
            best.append(nearest[point])
    return best
