"""Statements of sources apart from requests: levels, and changes of the software that runs."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from detectors.model.scope import Scope

MOST: Final = 1000
"""Different levels, and changes, of one bucket that are kept."""


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


def merge_levels(into: Levels, more: Iterable[tuple[LevelName, StatedLevel]]) -> None:
    """Add levels to others; beyond ``MOST`` names, new ones are left out."""
    for name, level in more:
        known = into.get(name)
        if known is not None:
            into[name] = known.merged(level)
        elif len(into) < MOST:
            into[name] = level


def merge_changes(into: list[StatedChange], more: Iterable[StatedChange]) -> None:
    """Add changes to others, each once; beyond ``MOST``, later ones are left out."""
    for change in more:
        if len(into) < MOST and change not in into:  # in this order: many are cheap
            into.append(change)


def in_order(changes: Iterable[StatedChange]) -> list[StatedChange]:
    """Return changes in the order of their times, each once; beyond ``MOST``, later ones are left out."""
    return sorted(set(changes))[:MOST]
