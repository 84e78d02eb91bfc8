"""The most used APIs and the slowest ones at their peak, compared with the same day last week."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Final

import msgspec

from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, TABLE, Scope
from detectors.state.state import pack, unpack

TOP: Final = 10
"""Entries of a ranking: what a person reads in the morning."""

VALUES: Final = 20


class Use(msgspec.Struct, frozen=True):
    """Use of one scope in the last 24 hours, and in the same 24 hours of last week.

    Requests, business values and costs are totals; latency is the largest p95 of a step, in milliseconds.
    """

    scope: Scope
    measure: Measure
    day: float
    week_ago: float | None = None  # None unless all of that day is known
    month: float | None = None  # of a cost: the last 30 whole days; None unless all are known
    month_before: float | None = None  # the 30 days before them


class Standings(msgspec.Struct, frozen=True):
    """The rankings of a digest, largest first."""

    most_used: list[Use] = []
    slowest: list[Use] = []
    values: list[Use] = []  # business values of accounts, such as sales
    costs: list[Use] = []  # of accounts, all of them
    costliest: list[Use] = []  # functions and tables

    def __bool__(self) -> bool:
        return bool(self.most_used or self.slowest or self.values or self.costs)


class Ranking:
    """The rankings as of the last full hour.

    The APIs of an account are its routes if its requests come through routes, otherwise its functions.
    """

    VERSION = 1

    def __init__(self) -> None:
        self._standings = Standings()

    def feed(self, uses: Iterable[Use]) -> None:
        """Take in the uses of all shards at the end of an hour; no use at all changes nothing."""
        given = list(uses)
        if not given:
            return
        costs = [use for use in given if use.measure is Measure.COST]
        apis = list(_apis([use for use in given if not use.measure.key and use not in costs]))
        self._standings = Standings(
            _ranked(apis, Measure.REQUESTS),
            _ranked(apis, Measure.LATENCY),
            sorted((use for use in given if use.measure.key), key=_order)[:VALUES],
            sorted((use for use in costs if use.scope.kind == ACCOUNT), key=_order)[:VALUES],
            sorted((use for use in costs if use.scope.kind in (FUNCTION, TABLE)), key=_order)[:TOP],
        )

    def report(self) -> Standings:
        """Return the rankings."""
        return self._standings

    def snapshot(self) -> dict[str, bytes]:
        """Return the state."""
        return {"standings": pack("standings", self.VERSION, self._standings, {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot.

        Raises
        ------
        detectors.state.state.StateError
            When the part is damaged or of another version.
        """
        self._standings, _ = unpack(parts["standings"], "standings", self.VERSION, Standings)


def _apis(uses: list[Use]) -> Iterable[Use]:
    for _, of in groupby(
        sorted(uses, key=lambda use: use.scope.cloud_account), key=lambda use: use.scope.cloud_account
    ):
        account = list(of)
        kind = ROUTE if any(use.scope.kind == ROUTE for use in account) else FUNCTION
        yield from (use for use in account if use.scope.kind == kind)


def _ranked(uses: Iterable[Use], measure: Measure) -> list[Use]:
    return sorted((use for use in uses if use.measure is measure), key=_order)[:TOP]


def _order(use: Use) -> tuple[float, Scope, Measure]:
    return -use.day, use.scope, use.measure
