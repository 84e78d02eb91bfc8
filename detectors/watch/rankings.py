"""The rankings of a digest: the hottest tables, the most used and the slowest APIs, the costliest scopes.

The hottest table of each account has a leader, whose changes are reported, and concurrency its distance to
the limit. APIs are compared with the same day last week.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Final

import msgspec

from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, TABLE, Scope
from detectors.state.declared import Held, Stateful, StatePart

TOP: Final = 10
"""Entries of a ranking: what a person reads in the morning."""

VALUES: Final = 20

HOURS: Final = 24
"""Hours over which heat is measured: a whole day, so that day and night load do not take turns."""

LEAD: Final = 1.2
"""Factor by which a table must be hotter than the leader: two about equal ones do not take turns either."""

HOURS_AHEAD: Final = 3
"""And the consecutive hours."""

_UNITS: Final = (Measure.RCU, Measure.WCU)


class Load(msgspec.Struct, frozen=True):
    """The load of one scope in one hour: capacity units of a table, concurrency of a function or account."""

    scope: Scope
    measure: Measure
    rate: float  # per second, the mean of the hour
    limit: float | None  # per second, where one is known


class Hot(msgspec.Struct, frozen=True):
    """A table that leads its account, or concurrency relative to its limit.

    With a ``measure``, ``share`` is relative to the limit, in the busiest hour of the last day. Without one
    it is the table's part of all capacity units that its account consumed on that day.
    """

    scope: Scope
    share: float
    measure: Measure | None = None
    former: Scope | None = None  # the previous leader; only in the digest that reports the change


class _Series(msgspec.Struct, array_like=True):
    scope: Scope
    measure: Measure
    limit: float | None
    rates: list[float]  # of the last hours, the newest last

    def share_of_limit(self) -> float:
        return max(self.rates) / self.limit if self.limit else 0.0


class _Account(msgspec.Struct, array_like=True):
    hours: int = 0  # seen, up to HOURS
    leader: Scope | None = None
    before: Scope | None = None  # the leader last reported; None if unchanged since
    rival: Scope | None = None
    ahead: int = 0  # consecutive hours in which the rival was clearly hotter


_HOTTEST: Final = StatePart("hottest", tuple[list[_Series], list[tuple[tuple[str, str], _Account]]])


class Hottest:
    """Ranks tables and concurrency by use of capacity, from the loads of all shards.

    In an account with any known limit, tables are ranked by their share of it (the larger of reads and
    writes), and those without a limit are left out. Without any limit, a table is ranked by its part of the
    capacity units of the account. The first leader is found after a whole day and is not a change.
    """

    def __init__(self) -> None:
        self.took_the_lead: tuple[Hot, ...] = ()  # not yet reported; replaced, never changed
        self._series: dict[tuple[Scope, Measure], _Series] = {}
        self._accounts: dict[tuple[str, str], _Account] = {}

    def feed(self, loads: Iterable[Load]) -> None:
        """Add one hour: the loads of all scopes that had any, in any order."""
        now = {(load.scope, load.measure): load for load in loads}
        if not now:
            return  # nothing was measured, which is not the same as no load
        for key in sorted(now.keys() | self._series.keys()):
            load, held = now.get(key), self._series.get(key)
            if held is None:
                held = self._series[key] = _Series(*key, None, [])
            held.rates = [*held.rates[1 - HOURS :], load.rate if load else 0.0]
            held.limit = load.limit if load else held.limit
            if not any(held.rates):
                del self._series[key]
        every = self._ranked()
        for of, ranked in every.items():
            self._lead(self._accounts.setdefault(of, _Account()), ranked)
        self._note(every)

    def report(self) -> list[Hot]:
        """Return the leader of each account and concurrency with a known limit; each change is returned once.

        The only table of an account, with all of its capacity units, is not notable and left out.
        """
        found = []
        for key, ranked in self._ranked().items():
            account = self._accounts[key]
            hot = ranked.get(account.leader) if account.leader is not None else None
            if hot is not None and (len(ranked) > 1 or hot.measure is not None or account.before is not None):
                found.append(msgspec.structs.replace(hot, former=account.before))
            account.before = None
        self.took_the_lead = ()
        busy = [series for series in self._series.values() if series.measure is Measure.BUSY and series.limit]
        busy.sort(key=lambda series: (-series.share_of_limit(), series.scope))
        return found + [Hot(series.scope, series.share_of_limit(), series.measure) for series in busy]

    def _note(self, every: Mapping[tuple[str, str], Mapping[Scope, Hot]]) -> None:
        """Publish the changes of leader: readers ask between digests, also from another thread."""
        self.took_the_lead = tuple(
            msgspec.structs.replace(every[key][account.leader], former=account.before)
            for key, account in self._accounts.items()
            if account.before is not None
            and account.leader is not None
            and account.leader in every.get(key, {})
        )

    @property
    def changed(self) -> bool:
        """Whether a leader changed since the last report."""
        return any(account.before is not None for account in self._accounts.values())

    def _ranked(self) -> dict[tuple[str, str], dict[Scope, Hot]]:
        """Return the tables of each account, hottest first."""
        every = self._series.values()
        tables = [series for series in every if series.scope.kind == TABLE and series.measure in _UNITS]
        tables.sort(key=lambda series: (series.scope.cloud_account, series.scope, series.measure))
        by_account = groupby(tables, key=lambda series: series.scope.cloud_account)
        return {account: _by_heat(list(of)) for account, of in by_account}

    @staticmethod
    def _lead(account: _Account, ranked: Mapping[Scope, Hot]) -> None:
        account.hours = min(account.hours + 1, HOURS)
        first = next(iter(ranked))
        if account.leader is None:
            account.leader = first if account.hours == HOURS else None
            return
        holds = ranked[account.leader].share if account.leader in ranked else 0.0
        if first == account.leader or ranked[first].share < LEAD * holds:
            account.rival, account.ahead = None, 0
            return
        account.ahead = account.ahead + 1 if first == account.rival else 1
        account.rival = first
        if account.ahead >= HOURS_AHEAD:
            before = account.before or account.leader
            account.leader, account.before = first, None if before == first else before
            account.rival, account.ahead = None, 0

    def snapshot(self) -> dict[str, bytes]:
        """Return the state: loads of the last day and leaders."""
        return _HOTTEST.pack((list(self._series.values()), list(self._accounts.items())))

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot; ``StateError`` if it is damaged or of another version."""
        series, accounts = _HOTTEST.unpack(parts)
        self._series = {(held.scope, held.measure): held for held in series}
        self._accounts = dict(accounts)
        self._note(self._ranked())


def _by_heat(series: list[_Series]) -> dict[Scope, Hot]:
    """Return the heat of the tables of one account, hottest first, ties by name."""
    limited = [table for table in series if table.limit]
    heat: dict[Scope, Hot] = {}
    if limited:
        for table in limited:
            hot = Hot(table.scope, table.share_of_limit(), table.measure)
            if table.scope not in heat or hot.share > heat[table.scope].share:
                heat[table.scope] = hot
    else:
        whole = sum(sum(table.rates) for table in series)
        for table in series:
            known = heat.get(table.scope)
            heat[table.scope] = Hot(table.scope, (known.share if known else 0.0) + sum(table.rates) / whole)
    return dict(sorted(heat.items(), key=lambda item: (-item[1].share, item[0])))


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


class Ranking(Stateful):
    """The rankings as of the last full hour.

    The APIs of an account are its routes if its requests come through routes, otherwise its functions.
    """

    STATE = (Held(StatePart("standings", Standings), "_standings"),)

    def __init__(self) -> None:
        self._standings = Standings()

    def feed(self, uses: Iterable[Use]) -> None:
        """Add the uses of all shards at the end of an hour; no use at all changes nothing."""
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
