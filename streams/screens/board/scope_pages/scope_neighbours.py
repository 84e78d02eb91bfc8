"""The callers and callees of a scope: the share of each, and whether it is more calls or more a call."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np

from detectors.model.measures import COUNTED_BY, SOURCES_INTO, Measure
from detectors.model.scope import ACCOUNT, KINDS, Scope
from streams.record.history.series_names import NOBODY, SeriesKey, SeriesNames, series_id
from streams.screens.board.scope_pages.range_reader import RangeRead, RangeReader, SeriesSums
from streams.screens.board.scope_pages.scope_finder import ScopeSeries
from streams.screens.board.scope_pages.scope_page import ScopeAmount, ScopeNeighbour, ScopeNeighbours
from streams.screens.board.scope_pages.scope_range import HOUR

MOST_NEIGHBOURS: Final = 40
"""Of one kind, that are read and shown."""

_COUNTS: Final = frozenset(COUNTED_BY[measure] for measure in (Measure.RCU, Measure.WCU))
"""Measures by which others are counted: they are shown with those."""

_Edges = dict[Scope, dict[str, int]]
"""The numbers of the series between a neighbour and the scope, by measure."""


class _Chosen(NamedTuple):
    """Neighbours of one kind."""

    edges: _Edges
    more: int  # that are not read


class _Rates(NamedTuple):
    """The sums of series, and over how many seconds they are known."""

    sums: SeriesSums
    seconds: float

    def of(self, series: int | None) -> float:
        """Return the sum of a series a second; no row is zero."""
        return self.sums.of(series)[0] / self.seconds


class Neighbourhood:
    """Chooses the neighbours that are read, and makes their amounts; ``end`` is that of the range."""

    def __init__(
        self, names: SeriesNames, reader: RangeReader, scope: Scope, of: ScopeSeries, end: int
    ) -> None:
        self._names = names
        # known whenever anything was, also before the scope began
        account = Scope(ACCOUNT, *scope.cloud_account, "", scope.account)
        self._account = series_id(SeriesKey(account, NOBODY, Measure.REQUESTS))
        self._reader = reader
        self._end = end
        self._own = {names[number].measure: number for number in of.own}
        self._callers = self._sorted(of.into, lambda key: key.source)
        self._callees = self._sorted(of.out, lambda key: key.scope)
        chosen = (*self._callers.values(), *self._callees.values())
        edges = {number for kind in chosen for edge in kind.edges.values() for number in edge.values()}
        self.series = np.array(sorted({self._account, *edges}), np.int64)
        """The numbers of the series that are to be read besides those of the scope itself."""

    def _sorted(self, numbers: Iterable[int], other: Callable[[SeriesKey], Scope]) -> dict[str, _Chosen]:
        kinds: dict[str, _Edges] = {}
        for number in numbers:
            key = self._names[number]
            scope = other(key)
            kinds.setdefault(scope.kind, {}).setdefault(scope, {})[key.measure] = number
        return {kind: self._most(edges) for kind, edges in kinds.items()}

    def _most(self, edges: _Edges) -> _Chosen:
        """Return the neighbours with the most calls in the last hour of the range."""
        if len(edges) <= MOST_NEIGHBOURS:
            return _Chosen(edges, 0)
        calls = {scope: of[Measure.REQUESTS] for scope, of in edges.items() if Measure.REQUESTS in of}
        series = np.array(sorted(calls.values()), np.int64)
        sums = self._reader.totals(series, self._end - HOUR, self._end)
        most = sorted(edges, key=lambda scope: (-sums.of(calls.get(scope))[0], scope))[:MOST_NEIGHBOURS]
        return _Chosen({scope: edges[scope] for scope in most}, len(edges) - len(most))

    def callers(self, read: RangeRead) -> list[ScopeNeighbours]:
        """Return those that call it, by kind, as parts of its own amounts."""
        kinds = [kind for of in SOURCES_INTO.values() for kind in of]
        return self._of_kinds(dict.fromkeys(kinds), self._callers, read, self._own)

    def callees(self, read: RangeRead) -> list[ScopeNeighbours]:
        """Return those that it calls, by kind, as parts of all that it calls of this kind."""
        return self._of_kinds(reversed(KINDS), self._callees, read, {})

    def _of_kinds(
        self, kinds: Iterable[str], chosen: Mapping[str, _Chosen], read: RangeRead, own: Mapping[str, int]
    ) -> list[ScopeNeighbours]:
        requests = self._own.get(Measure.REQUESTS)
        seconds, before = (
            (read.seconds, read.seconds_before)
            if requests is None
            else (
                read.sums.of(requests)[1],
                max(read.sums_before.of(number)[1] for number in (requests, self._account)),
            )
        )
        if not seconds:
            return []
        now = _Rates(read.sums, seconds)
        # the history may have begun in that week
        then = _Rates(read.sums_before, before) if read.compared and before >= seconds / 2 else None
        found = (_neighbours(kind, chosen[kind], own, now, then) for kind in kinds if kind in chosen)
        return [neighbours for neighbours in found if neighbours.neighbours]


def _neighbours(
    kind: str, chosen: _Chosen, own: Mapping[str, int], now: _Rates, then: _Rates | None
) -> ScopeNeighbours:
    edges = chosen.edges
    sums = {
        measure: sum(now.of(of.get(measure)) for of in edges.values())
        for measure in dict.fromkeys(measure for of in edges.values() for measure in of)
        if measure not in _COUNTS
    }
    measures = sorted(
        (measure for measure in sums if sums[measure] > 0), key=lambda measure: _place(measure, sums[measure])
    )

    def amount(of: Mapping[str, int], measure: str) -> ScopeAmount:
        series = of.get(measure)
        calls = of.get(COUNTED_BY.get(Measure(measure), Measure.REQUESTS))
        value = now.of(series)
        whole = now.of(own[measure]) if measure in own else sums[measure]
        return ScopeAmount(
            value,
            None if then is None else then.of(series),
            value / whole if whole > 0 else None,
            now.of(calls),
            None if then is None else then.of(calls),
        )

    found = [
        ScopeNeighbour(scope.as_answer(), scope.label, {measure: amount(of, measure) for measure in measures})
        for scope, of in edges.items()
    ]
    found = [
        neighbour
        for neighbour in found
        if any(part.value or part.before for part in neighbour.amounts.values())
    ]
    if measures:
        found.sort(key=lambda neighbour: (-neighbour.amounts[measures[0]].value, neighbour.label))
    return ScopeNeighbours(kind=kind, measures=measures, neighbours=found, more=chosen.more)


def _place(measure: str, total: float) -> tuple[int, float]:
    """Capacity units first, those of which there are more before; then requests, then what else there is."""
    return (0 if measure in (Measure.RCU, Measure.WCU) else 1 if measure == Measure.REQUESTS else 2), -total
