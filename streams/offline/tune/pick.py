"""The rule that ranks configurations, and the pick: the best one without the changes that gain nothing."""

from collections.abc import Iterable
from typing import NamedTuple

from streams.offline.tune.space import Choice, Number, Space
from streams.offline.tune.trial import TrialOutcome, Trials

Rank = tuple[float, ...]
"""Larger is better, compared as tuples are."""


class Rule(NamedTuple):
    """The aim of a search.

    - Labels: the highest F1; in a period without labels, the fewest false pages.
    - Labels and a budget: within the budget, the most labels found, then the fewest false pages.
    - A budget alone: the most pages within it, then the highest sensitivity. Nothing is known about misses.
    """

    labelled: bool
    budget: float | None  # pages per week

    def rank(self, outcome: TrialOutcome, sensitivity: float) -> Rank:
        """Return the rank of an outcome."""
        if self.budget is None:
            # without anything to find, F1 is 0 for every configuration
            return (round(outcome.f1, 6),) if outcome.labels else (-float(outcome.false_pages),)
        over = max(0.0, outcome.pages_per_week - self.budget)
        if self.labelled:
            return (-round(over, 6), round(outcome.recall, 6), -float(outcome.false_pages))
        return (-round(over, 6), float(outcome.pages), sensitivity)

    def met(self, outcome: TrialOutcome) -> bool:
        """Return whether an outcome stays within the budget, if there is one."""
        return self.budget is None or outcome.pages_per_week <= self.budget

    @property
    def text(self) -> str:
        """The rule in words."""
        if self.budget is None:
            return "highest F1, then fewest changes, then shortest delay"
        if self.labelled:
            return f"most labels found within {self.budget_text}, then fewest false pages"
        return f"most pages within {self.budget_text}, then highest sensitivity"

    @property
    def budget_text(self) -> str:
        """The budget in words."""
        return f"{self.budget or 0.0:,.12g} page{'s' * (self.budget != 1)} a week"

    def objectives(self, outcome: TrialOutcome, sensitivity: float) -> tuple[float, float]:
        """Return both sides of the trade-off: the first to maximize, the second to minimize."""
        if self.labelled:
            return outcome.recall, outcome.false_pages_per_week
        return sensitivity, outcome.pages_per_week


class Change(NamedTuple):
    """One setting that the pick changes."""

    key: str
    old: Number
    new: Number
    reason: str  # the measured gain: the pick against the pick without this change


class Pick(NamedTuple):
    """The configuration that a search arrives at."""

    choice: Choice
    outcome: TrialOutcome  # in the search period
    changes: tuple[Change, ...]


def pick(space: Space, rule: Rule, trials: Trials) -> Pick:
    """Pick the best trial, then move it back towards the present configuration wherever that costs nothing.

    First whole changes are undone as long as the rank does not fall. Then each remaining change is halved
    under the same condition.
    """
    best = _best(space, rule, trials.known)
    best = _halved(space, rule, trials, _pruned(space, rule, trials, best))
    best = _pruned(space, rule, trials, best)
    outcome = trials.known[best]
    changes = []
    without = _without(space, best)
    for (at, _), other in zip(without, trials.outcomes([choice for _, choice in without]), strict=True):
        knob = space.knobs[at]
        reason = gain(other, outcome, rule)
        changes.append(Change(knob.key, knob.values[knob.present], knob.values[best[at]], reason))
    return Pick(best, outcome, tuple(changes))


def gain(without: TrialOutcome, outcome: TrialOutcome, rule: Rule) -> str:
    """Describe how ``outcome`` differs from ``without`` in all that the rule considers."""
    parts = []
    if rule.labelled:
        before, now = set(without.missed), set(outcome.missed)
        found, lost = len(before - now), len(now - before)
        parts += [f"{found} more label{'s' * (found != 1)} found"] if found else []
        parts += [f"{lost} label{'s' * (lost != 1)} lost"] if lost else []
    if rule.budget is not None:
        parts += _fewer(outcome.pages_per_week - without.pages_per_week, "pages a week")
    if rule.labelled:
        parts += _fewer(outcome.false_pages_per_week - without.false_pages_per_week, "false pages a week")
        if outcome.labels and outcome.missed == without.missed:
            parts.append("no label lost")
    elif not parts:
        return "as many pages, and smaller deviations are reported"
    return ", ".join(parts)


def _fewer(difference: float, what: str) -> list[str]:
    return [f"{abs(difference):.1f} {'more' if difference > 0 else 'fewer'} {what}"] if difference else []


def distance(space: Space, choice: Choice) -> tuple[int, int]:
    """Return the number of settings that a choice changes, and by how many values in total."""
    away = [abs(at - knob.present) for knob, at in zip(space.knobs, choice, strict=True)]
    return sum(steps > 0 for steps in away), sum(away)


def front(points: dict[Choice, tuple[float, float]], space: Space) -> list[Choice]:
    """Return the Pareto front, ordered by the second objective; of equal points the choice nearest to now."""
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


def _best(space: Space, rule: Rule, known: dict[Choice, TrialOutcome]) -> Choice:
    def order(choice: Choice) -> tuple[Rank, int, float, int, Choice]:
        changes, away = distance(space, choice)
        outcome = known[choice]
        return (
            rule.rank(outcome, space.sensitivity(choice)),
            -changes,
            -(outcome.delay or 0.0),
            -away,
            choice,
        )

    return max(known, key=order)


def _without(space: Space, choice: Choice) -> list[tuple[int, Choice]]:
    """Return, for each changed setting, its index and the choice without that change."""
    return [
        (at, (*choice[:at], knob.present, *choice[at + 1 :]))
        for at, knob in enumerate(space.knobs)
        if choice[at] != knob.present
    ]


def _pruned(space: Space, rule: Rule, trials: Trials, best: Choice) -> Choice:
    """Undo changes: all that cost nothing alone or, where they do cost together, the best one of them."""
    while without := _without(space, best):
        trials.outcomes([choice for _, choice in without])
        least = _rank(space, rule, trials, best)
        free = [(at, choice) for at, choice in without if _rank(space, rule, trials, choice) >= least]
        if not free:
            return best
        back = {at for at, _ in free}
        present = space.present
        together = tuple(present[at] if at in back else value for at, value in enumerate(best))
        trials.outcomes([together])
        nearer = _as_good(space, rule, trials, best, [together])
        best = nearer or _best(space, rule, {choice: trials.known[choice] for _, choice in free})
    return best


def _halved(space: Space, rule: Rule, trials: Trials, best: Choice) -> Choice:
    while True:
        halves = []
        for at, knob in enumerate(space.knobs):
            way = best[at] - knob.present
            if abs(way) > 1:
                halves.append((*best[:at], knob.present + int(way / 2), *best[at + 1 :]))
        trials.outcomes(halves)
        nearer = _as_good(space, rule, trials, best, halves)
        if nearer is None:
            return best
        best = nearer


def _as_good(
    space: Space, rule: Rule, trials: Trials, best: Choice, others: Iterable[Choice]
) -> Choice | None:
    """Return the best of the others if its rank is at least that of ``best``, whatever its delay."""
    least = _rank(space, rule, trials, best)
    good = {other: trials.known[other] for other in others if _rank(space, rule, trials, other) >= least}
    return _best(space, rule, good) if good else None


def _rank(space: Space, rule: Rule, trials: Trials, choice: Choice) -> Rank:
    return rule.rank(trials.known[choice], space.sensitivity(choice))
