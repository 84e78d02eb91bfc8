"""The pick of a search: changes that do not earn their place are taken back, the others have a reason."""

from collections.abc import Iterable
from typing import NamedTuple

from streams.tune.rule import Rank, Rule, distance
from streams.tune.search import sensitivity_of
from streams.tune.space import Choice, Number, Space
from streams.tune.trial import TrialOutcome, Trials


class Change(NamedTuple):
    """One setting that the pick changes."""

    key: str
    old: Number
    new: Number
    reason: str  # what the change gives, measured: the pick against the pick without it


class Pick(NamedTuple):
    """The configuration that a search comes to."""

    choice: Choice
    outcome: TrialOutcome  # on the searched stretch
    changes: tuple[Change, ...]


def pick(space: Space, rule: Rule, trials: Trials) -> Pick:
    """Pick among all trials made, then go back towards the present configuration as far as it costs nothing.

    First whole settings are taken back as long as the rule finds that no worse. Then each that is left goes
    half of its way back, as often as that costs nothing.
    """
    best = _best(space, rule, trials.known)
    best = _halved(space, rule, trials, _pruned(space, rule, trials, best))
    best = _pruned(space, rule, trials, best)
    outcome = trials.known[best]
    changes = []
    without = _without(space, best)
    for (at, _), other in zip(without, trials.outcomes([one for _, one in without]), strict=True):
        knob = space.knobs[at]
        reason = gain(other, outcome, rule)
        changes.append(Change(knob.key, knob.values[knob.present], knob.values[best[at]], reason))
    return Pick(best, outcome, tuple(changes))


def _best(space: Space, rule: Rule, known: dict[Choice, TrialOutcome]) -> Choice:
    def order(choice: Choice) -> tuple[Rank, int, float, int, Choice]:
        changes, away = distance(space, choice)
        outcome = known[choice]
        return (
            rule.rank(outcome, sensitivity_of(space, choice)),
            -changes,
            -(outcome.delay or 0.0),
            -away,
            choice,
        )

    return max(known, key=order)


def _without(space: Space, choice: Choice) -> list[tuple[int, Choice]]:
    """Return, of each setting that is changed, which it is and the choice without that change."""
    return [
        (at, (*choice[:at], knob.present, *choice[at + 1 :]))
        for at, knob in enumerate(space.knobs)
        if choice[at] != knob.present
    ]


def _pruned(space: Space, rule: Rule, trials: Trials, best: Choice) -> Choice:
    """Take settings back: all that cost nothing alone, or, where they do together, the best of them."""
    while without := _without(space, best):
        trials.outcomes([choice for _, choice in without])
        least = _rank(space, rule, trials, best)
        free = [one for one in without if _rank(space, rule, trials, one[1]) >= least]
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
    """Return the best of the others when the rule finds it no worse; what is told sooner is no reason."""
    least = _rank(space, rule, trials, best)
    good = {one: trials.known[one] for one in others if _rank(space, rule, trials, one) >= least}
    return _best(space, rule, good) if good else None


def _rank(space: Space, rule: Rule, trials: Trials, choice: Choice) -> Rank:
    return rule.rank(trials.known[choice], sensitivity_of(space, choice))


def gain(without: TrialOutcome, outcome: TrialOutcome, rule: Rule) -> str:
    """Say what a change gives by all that the rule looks at: how the one outcome differs from the other."""
    said = []
    if rule.labelled:
        before, now = set(without.missed), set(outcome.missed)
        told, lost = len(before - now), len(now - before)
        said += [f"{told} more label{'s' * (told != 1)} told"] if told else []
        said += [f"{lost} label{'s' * (lost != 1)} lost"] if lost else []
    if rule.budget is not None:
        said += _fewer(outcome.pages_per_week - without.pages_per_week, "pages a week")
    if rule.labelled:
        said += _fewer(outcome.false_pages_per_week - without.false_pages_per_week, "false pages a week")
        if outcome.labels and outcome.missed == without.missed:
            said.append("no label lost")
    elif not said:
        return "as many pages, and smaller deviations are told"
    return ", ".join(said)


def _fewer(more: float, what: str) -> list[str]:
    return [f"{abs(more):.1f} {what} {'more' if more > 0 else 'fewer'}"] if more else []
