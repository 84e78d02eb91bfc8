"""Statements of sources apart from requests: levels, and changes of the software that runs."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple, TypeVar

from detectors.model.scope import Scope

MOST: Final = 1000
"""Different levels, and changes, of one bucket (and of one step) that are kept."""

_OPEN: Final = 2 * MOST
"""Those of a bucket that is open, at most: which are kept is known when it closes."""


class LevelName(NamedTuple):
    """The identity of a level: ``lambda.concurrent_executions`` of an account."""

    about: Scope
    name: str
    unit: str = ""


class StatedLevel(NamedTuple):
    """A level that requests do not show, in some stretch of time."""

    highest: float
    limit: float | None = None  # the lowest that was stated

    def merged(self, other: "StatedLevel") -> "StatedLevel":
        """Return the level of both.

        Examples
        --------
        >>> StatedLevel(3.0, 10.0).merged(StatedLevel(5.0))
        StatedLevel(highest=5.0, limit=10.0)
        """
        limits = [limit for limit in (self.limit, other.limit) if limit is not None]
        return StatedLevel(max(self.highest, other.highest), min(limits, default=None))


class StatedChange(NamedTuple):
    """Something was deployed or configured."""

    ts: float
    about: Scope
    what: str = ""
    version: str = ""
    by: str = ""
    url: str = ""


Levels = dict[LevelName, StatedLevel]


Stated = TypeVar("Stated", LevelName, StatedChange)


def kept(stated: Collection[Stated]) -> Collection[Stated]:
    """Return at most ``MOST`` of some: scopes take turns, and in each turn accounts do, whoever came first.

    What is left out of a part of them is left out of all of them, too: their order changes nothing.

    Examples
    --------
    >>> many, few = Scope("service", "aws", "1", "", "many"), Scope("service", "aws", "1", "", "few")
    >>> names = [LevelName(many, f"level-{n}") for n in range(MOST)] + [LevelName(few, "level")]
    >>> left_out, = set(names).difference(kept(names))
    >>> left_out.name
    'level-999'
    """
    if len(stated) <= MOST:
        return stated
    ordered = sorted(set(stated))
    of_scope, of_account = Counter[Scope](), Counter[tuple[str, str, int]]()
    turns = []
    for at, item in enumerate(ordered):
        about, turn = item.about, of_scope[item.about]
        account = about.cloud, about.account, turn
        turns.append((turn, of_account[account], at))
        of_scope[about] += 1
        of_account[account] += 1
    return [ordered[at] for at in sorted(at for *_, at in sorted(turns)[:MOST])]


def kept_levels(levels: Levels) -> Levels:
    """Return at most ``MOST`` levels, as ``kept`` does."""
    return levels if len(levels) <= MOST else {name: levels[name] for name in kept(levels)}


def merge_levels(into: Levels, more: Iterable[tuple[LevelName, StatedLevel]]) -> None:
    """Add levels to others; ``kept_levels`` returns those that count."""
    for name, level in more:
        known = into.get(name)
        into[name] = level if known is None else known.merged(level)
        if len(into) == _OPEN:
            for left_out in into.keys() - set(kept(into)):
                del into[left_out]


def merge_changes(into: list[StatedChange], more: Iterable[StatedChange]) -> None:
    """Add changes to others; ``in_order`` returns those that count, each once."""
    for change in more:
        if len(into) >= MOST or change not in into:  # in this order: many are cheap
            into.append(change)
        if len(into) == _OPEN:
            into[:] = kept(set(into))


def in_order(changes: Iterable[StatedChange]) -> list[StatedChange]:
    """Return changes in the order of their times, each once; at most ``MOST``, as ``kept`` does."""
    return sorted(kept(set(changes)))
